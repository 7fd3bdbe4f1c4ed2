"""Everything of one password: one sealed value with one stamp, so that merging can never mix two passwords.

Stored under kind b"credentials" of the store's secrets, in the form of `identity.credential_format`.

A password that came hashed has no keys of other kinds, for they can't be made of a hash: it serves simple binds and
PLAIN, until it is set again. All passwords of an entry that have keys for SCRAM share salt and iterations, because
SCRAM names both before it is known which password is meant.

`version` is different after every change of the entry's credentials, on whichever server it was made: it
is the hybrid clock of that change. Tokens carry the one under which they were made. Removed passwords
leave a value without verifiers, so that the version goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from lightwave.directory.store.clock import clock_seconds
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import Change, WriteTransaction
from lightwave.identity import passwords, srp
from lightwave.identity.credential_format import (
    MAX_HISTORY,
    MUST_CHANGE,
    SCRAM_SHA_256,
    Credentials,
    DamagedCredentials,
    FormerPassword,
    StoredPassword,
    decode_credentials,
    encode_credentials,
)
from lightwave.identity.hashing import HashingCost, hash_password
from lightwave.identity.verifiers import MAX_VERIFIER, clear_text
from lightwave.sasl.saslprep import Unpreparable
from lightwave.sasl.scram_keys import SALT_SIZE, ScramKeys, decode_keys, derive_keys, encode_keys

__all__ = [
    "MAX_HISTORY",
    "SCRAM_SHA_256",
    "CredentialBlob",
    "Credentials",
    "DamagedCredentials",
    "FormerPassword",
    "KeysKept",
    "StoredPassword",
    "credential_version",
    "import_verifiers",
    "new_password",
    "prepare_password",
    "read_credentials",
    "scram_keys",
    "set_must_change",
    "set_password",
    "store_credentials",
    "stored_passwords",
]

KIND = b"credentials"
MAX_VERIFIERS = 16
"""passwords of one entry"""


@dataclass(frozen=True, slots=True)
class CredentialBlob:
    """Passwords that were prepared outside the transaction and await their version and time.

    remember: how many former passwords are kept beside them. must_change: they serve only to be changed. set_at: when
    they were set, where that is not now (seconds since the epoch).
    """

    passwords: tuple[StoredPassword, ...] = field(repr=False)
    remember: int = 0
    must_change: bool = False
    set_at: float | None = None

    @property
    def verifiers(self) -> tuple[bytes, ...]:
        """The verifiers alone."""
        return tuple(one.verifier for one in self.passwords)


def stored_passwords(credentials: Credentials | None) -> tuple[StoredPassword, ...]:
    """The passwords of an entry, () where it has none."""
    return credentials.passwords if credentials is not None else ()


def read_credentials(txn: ReadTransaction, tenant: int, entry_id: int) -> Credentials | None:
    """The stored credentials of an entry, None when it never had any."""
    data = txn.secret(tenant, entry_id, KIND)
    return decode_credentials(data) if data is not None else None


def credential_version(txn: ReadTransaction, tenant: int, entry_id: int) -> int:
    """The version of an entry's credentials, 0 when it never had any."""
    credentials = read_credentials(txn, tenant, entry_id)
    return credentials.version if credentials is not None else 0


@dataclass(frozen=True, slots=True)
class KeysKept:
    """Which keys are made of a new password beside its verifier, for mechanisms that need their own.

    names: the account's, as they are spelt; SRP's keys depend on them.
    """

    scram: bool = True
    srp: bool = False
    names: tuple[str, ...] = ()


def prepare_password(
    clear: bytes,
    cost: HashingCost,
    random: Callable[[int], bytes] = os.urandom,
    kept: KeysKept = KeysKept(),
) -> CredentialBlob:
    """Everything that one new password needs. Heavy: outside transactions, in a thread.

    Raises passwords.UnusablePassword when the bytes can't be a password.
    """
    return CredentialBlob((new_password(clear, cost, random, (), kept),))


def new_password(
    clear: bytes,
    cost: HashingCost,
    random: Callable[[int], bytes] = os.urandom,
    present: Sequence[StoredPassword] = (),
    kept: KeysKept = KeysKept(),
) -> StoredPassword:
    """Our own verifier of one password, and its keys; those for SCRAM with the salt of the ones that are `present`.

    Raises passwords.UnusablePassword.
    """
    verifier = hash_password(passwords.prepare(clear), random(16), cost)
    scram = _new_scram_keys(clear, cost, random, present) if kept.scram else ()
    return StoredPassword(verifier, (*scram, *(_new_srp_keys(clear, kept.names, random) if kept.srp else ())))


def _new_srp_keys(
    clear: bytes, names: Sequence[str], random: Callable[[int], bytes]
) -> tuple[tuple[bytes, bytes], ...]:
    try:
        return srp.new_keys(clear.decode("utf-8"), names, random)
    except UnicodeDecodeError:
        return ()


def _new_scram_keys(
    clear: bytes, cost: HashingCost, random: Callable[[int], bytes], present: Sequence[StoredPassword]
) -> tuple[tuple[bytes, bytes], ...]:
    if not cost.iterations:
        return ()
    other = next((decode_keys(keys) for one in present if (keys := one.key(SCRAM_SHA_256))), None)
    salt, iterations = (other.salt, other.iterations) if other else (random(SALT_SIZE), cost.iterations)
    try:
        keys = encode_keys(derive_keys(clear.decode("utf-8"), salt, iterations))
    except (Unpreparable, UnicodeDecodeError):
        return ()  # what no client of SCRAM can say serves the other mechanisms
    return ((SCRAM_SHA_256, keys),)


def scram_keys(credentials: Credentials | None) -> list[ScramKeys]:
    """The keys of those passwords that have any."""
    found = (one.key(SCRAM_SHA_256) for one in stored_passwords(credentials))
    return [decode_keys(keys) for keys in found if keys is not None]


def import_verifiers(
    values: Sequence[bytes], cost: HashingCost, random: Callable[[int], bytes] = os.urandom
) -> CredentialBlob:
    """For bulk import: `{SCHEME}…` values as they are, clear texts hashed (heavy then).

    Raises passwords.UnusablePassword for what can be neither, and for more than `MAX_VERIFIERS` values.
    """
    if len(values) > MAX_VERIFIERS:
        raise passwords.UnusablePassword(f"an entry has at most {MAX_VERIFIERS} passwords")
    stored: list[StoredPassword] = []
    for value in dict.fromkeys(values):
        clear = clear_text(value)
        if clear is None and len(value) > MAX_VERIFIER:
            raise passwords.UnusablePassword(f"a password's hash has at most {MAX_VERIFIER} bytes")
        stored.append(StoredPassword(value) if clear is None else new_password(clear, cost, random, stored))
    return CredentialBlob(tuple(stored))


def set_password(
    txn: WriteTransaction, tenant: int, entry_id: int, blob: CredentialBlob, change: Change
) -> None:
    """Replace the entry's passwords; every token that was made with the former ones is dead at the commit.

    A blob without verifiers removes the passwords. The former ones join the history, app passwords stay.
    """
    present = read_credentials(txn, tenant, entry_id) or Credentials(0, 0.0)
    clock = change.stamp.clock
    credentials = replace(
        present,
        version=max(clock, present.version + 1),
        set_at=clock_seconds(clock) if blob.set_at is None else min(blob.set_at, clock_seconds(clock)),
        passwords=blob.passwords,
        history=_history_after(present, blob),
        flags=_flags(present, must_change=blob.must_change),
    )
    store_credentials(txn, tenant, entry_id, credentials, change)


def set_must_change(
    txn: WriteTransaction,
    tenant: int,
    entry_id: int,
    change: Change,
    *,
    must_change: bool,
    renew: bool = False,
) -> None:
    """Whether the entry's passwords serve only to be changed. renew: they count as set now (pwdLastSet -1)."""
    present = read_credentials(txn, tenant, entry_id) or Credentials(0, 0.0)
    set_at = clock_seconds(change.stamp.clock) if renew else present.set_at
    credentials = replace(present, set_at=set_at, flags=_flags(present, must_change=must_change))
    store_credentials(txn, tenant, entry_id, credentials, change)


def store_credentials(
    txn: WriteTransaction, tenant: int, entry_id: int, credentials: Credentials, change: Change
) -> None:
    """Write them as they are: tokens of the same version live on."""
    txn.put_secret(tenant, entry_id, KIND, encode_credentials(credentials), change)


def _history_after(present: Credentials, blob: CredentialBlob) -> tuple[FormerPassword, ...]:
    """The former passwords, latest first, once those of `blob` have replaced the present ones."""
    staying = frozenset(blob.verifiers)
    left = (
        FormerPassword(present.set_at, one.verifier)
        for one in present.passwords
        if one.verifier not in staying
    )
    return (*left, *present.history)[: min(blob.remember, MAX_HISTORY)]


def _flags(present: Credentials, *, must_change: bool) -> int:
    return present.flags | MUST_CHANGE if must_change else present.flags & ~MUST_CHANGE
