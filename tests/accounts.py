"""A store with the built-in schema and a few accounts, for tests of access and identity."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Sequence
from pathlib import Path

from fresh_directory import ImmediateCommits, ImmediateThreads
from lightwave.directory.access.token import Token
from lightwave.directory.schema.normalisation import NormalisedRDN, normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.building import declare_index, pending, run_slice
from lightwave.directory.store.environment import Store
from lightwave.directory.store.indexes import IndexKind
from lightwave.directory.store.keyring import Keyring
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import AttributeChange, NewEntry, WriteTransaction
from lightwave.identity.administrator import record_administrator
from lightwave.identity.authentication import Authenticated, Authenticator, BindCandidate, VerifiedBind
from lightwave.identity.credentials import CredentialBlob, import_verifiers, set_password
from lightwave.identity.failures import DELAY
from lightwave.identity.hashing import MINIMUM
from lightwave.identity.refusals import AuthenticationFailed
from lightwave.identity.sign_in import SignIns, Source
from lightwave.identity.verified_binds import VerifiedBinds

SCHEMA = Schema.load_builtin()
TENANT_GUID = bytes(range(16, 32))
NOW = 1_800_000_000.0
BASE = b"dc=lightwave,dc=local"
ADMINISTRATOR = b"cn=Administrator," + BASE
ANN = b"uid=ann," + BASE
BOB = b"uid=bob," + BASE
SECRET = b"correct horse"
SSHA = b"{SSHA}"


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def guid(name: bytes) -> bytes:
    return hashlib.sha256(name).digest()[:16]


def schema_of(txn: ReadTransaction) -> Schema:
    return SCHEMA


def authenticator(**more: object) -> Authenticator:
    return Authenticator(schema_of, MINIMUM, **more)  # type: ignore[arg-type]


class Accounts:
    """The store, its clock, and the entries by name."""

    def __init__(self, folder: Path) -> None:
        keyring, _ = Keyring.create(folder / "keyring")
        keyring.add_tenant(TENANT_GUID)
        self.clock = Clock()
        self.store = Store.create(
            folder / "store", keyring, server=bytes(16), now=self.clock, map_size=1 << 28, max_readers=16
        )
        with self.store.write() as txn:
            self.tenant = txn.create_tenant(TENANT_GUID)
            self.base = self._context(txn, BASE)
            self.schema_root = self._context(txn, b"cn=schemacontext")
            self.aggregate = self._add(txn, self.schema_root, b"cn=aggregate")
            self.administrator = self._add(txn, self.base, b"cn=Administrator")
            record_administrator(txn, self.tenant, txn.record(self.tenant, self.administrator).guid)
            self.ann = self._add(
                txn,
                self.base,
                b"uid=ann",
                ("uid", b"ann"),
                ("sAMAccountName", b"ann.account"),
                ("userPrincipalName", b"ann@lightwave.local"),
            )
            self.bob = self._add(txn, self.base, b"uid=bob", ("uid", b"bob"))
            for name in ("uid", "sAMAccountName", "userPrincipalName", "userCertificate"):
                type_ = SCHEMA.attribute(name)
                assert type_ is not None
                declare_index(txn, type_.oid, IndexKind.EQUALITY)
        with self.store.write() as txn:
            while pending(txn):
                run_slice(txn, SCHEMA.describe)
        for entry_id in (self.administrator, self.ann):
            self.set_password(entry_id, SECRET)

    def _context(self, txn: WriteTransaction, dn: bytes) -> int:
        entry = NewEntry(dn, NormalisedRDN(b""), guid(dn), [])
        return txn.insert_context(self.tenant, normalise_dn_text(SCHEMA, dn), entry, txn.begin_change())

    def _add(self, txn: WriteTransaction, parent: int, rdn: bytes, *attributes: tuple[str, bytes]) -> int:
        described = []
        for name, value in attributes:
            description = SCHEMA.describe(name)
            assert description is not None
            described.append((description, (value,)))
        entry = NewEntry(rdn, normalise_dn_text(SCHEMA, rdn)[0], guid(rdn), described)
        return txn.insert_entry(self.tenant, parent, entry, txn.begin_change())

    def set_password(self, entry_id: int, *values: bytes) -> None:
        """Clear texts or hashes; none removes all passwords."""
        blob = import_verifiers(values, MINIMUM) if values else CredentialBlob(())
        with self.store.write() as txn:
            set_password(txn, self.tenant, entry_id, blob, txn.begin_change())

    def set_attribute(self, entry_id: int, name: str, values: Sequence[bytes]) -> None:
        description = SCHEMA.describe(name)
        assert description is not None
        with self.store.write() as txn:
            change = AttributeChange(description, tuple(values))
            txn.update_entry(self.tenant, entry_id, [change], txn.begin_change())


class Timers:
    """`call_later` of a reactor that stands still until the test moves it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0

    def __call__(self, seconds: float, work: Callable[[], None]) -> None:
        self._serial += 1
        heapq.heappush(self._timers, (self._clock.now + seconds, self._serial, work))

    def advance(self, seconds: float) -> None:
        """Runs what is due until then, in its order."""
        end = self._clock.now + seconds
        while self._timers and self._timers[0][0] <= end:
            self._clock.now, _, work = heapq.heappop(self._timers)
            work()
        self._clock.now = end


def sign_ins(
    accounts: Accounts,
    using: Authenticator | None = None,
    threads: object = None,
    call_later: Callable[[float, Callable[[], None]], None] | None = None,
    delay: float = DELAY,
) -> SignIns:
    """As a node makes them; commits at once, hashes at once unless `threads` are given."""
    commits = ImmediateCommits(accounts.store)
    return SignIns(
        accounts.store,
        schema_of,
        using or authenticator(),
        threads or ImmediateThreads(),  # type: ignore[arg-type]
        commits,
        call_later or (lambda seconds, work: work()),
        accounts.clock,
        accounts.clock,
        lambda txn: delay,
    )


class SigningIn:
    """Somebody signs in over and over, with clocks that the test moves."""

    def __init__(self, folder: Path, **more: object) -> None:
        self.accounts = Accounts(folder)
        self.timers = Timers(self.accounts.clock)
        self.verified_binds = VerifiedBinds(bytes(32), self.accounts.clock)
        self.using = authenticator(owner_uid=1000, verified_binds=self.verified_binds, **more)
        self.signing = sign_ins(self.accounts, self.using, None, self.timers)
        self.hashed = 0
        verify = self.using.verify

        def counted(candidate: BindCandidate, password: bytes) -> VerifiedBind:
            self.hashed += 1
            return verify(candidate, password)

        self.using.verify = counted  # type: ignore[method-assign]

    def ask(self, name: bytes, password: bytes, protocol: str = "ldap") -> Authenticated | BaseException:
        """What the client hears, in the end."""
        heard: list[Authenticated | BaseException] = []
        with self.accounts.store.read() as txn:
            candidate = self.using.lookup(txn, name)
            source = Source("192.0.2.1:1", protocol)
            self.signing.password(txn, candidate, password, source, heard.append)
        while not heard:
            self.timers.advance(0.05)
        return heard[0]

    def token(self, name: bytes, password: bytes, protocol: str = "ldap") -> Token:
        """The token of who gets in."""
        found = self.ask(name, password, protocol)
        assert isinstance(found, Authenticated), found
        return found.token

    def refused(self, name: bytes, password: bytes, protocol: str = "ldap") -> AuthenticationFailed:
        """Why somebody does not get in."""
        found = self.ask(name, password, protocol)
        assert isinstance(found, AuthenticationFailed), found
        return found
