"""Authentication in two phases, so that no hashing holds the reactor or a transaction.

    lookup (read transaction) -> verify_inline | verify (any thread) -> complete (read transaction) -> Token

`lookup` never says whether it found anything. `verify_inline` tries what costs microseconds (imported
{SSHA} and its kind); where that does not decide, `verify` does the rest in a thread: the slow verifiers,
or, when there is none (unknown name, no password, wrong password of a fast kind), one dummy computation
of the same cost. So an unknown name, a wrong password and a disabled account take one time and give one
answer (RFC 4513 §6.3.1). `complete` asks again whether the account is live and whether the credentials
are still those that were verified.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, cast

from lightwave.directory.access.token import AuthenticatedBy, OwnLimits, Token
from lightwave.directory.ldap.password_policy import PasswordFault
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.caches import DerivedCache
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record
from lightwave.identity import passwords
from lightwave.identity.account_limits import read_limits
from lightwave.identity.app_passwords import AppPassword, find_app_password, has_app_password
from lightwave.identity.credentials import Credentials, credential_version, read_credentials, scram_keys
from lightwave.identity.hashing import SALT_SIZE, SCHEME, HashingCost, hash_password
from lightwave.identity.liveness import check_record, check_tenant
from lightwave.identity.names import find_account, find_by_dn, find_identity
from lightwave.identity.password_age import FINE, PasswordAge, assess
from lightwave.identity.policies import DEFAULT, PasswordPolicy, policy_of
from lightwave.identity.refusals import AuthenticationFailed, Locked, NotLive, Refusal
from lightwave.identity.required_factors import Proof, check_factors, demanded_of
from lightwave.identity.scram import keys_of_nobody
from lightwave.identity.spelling import one_spelling
from lightwave.identity.srp import salt_and_verifier, srp_keys
from lightwave.identity.tokens import standing
from lightwave.identity.trust import ClientTrust, identify_certificate, identify_local_user
from lightwave.identity.verified_binds import VerifiedBinds
from lightwave.identity.verifiers import Cost, matches, verifier_cost
from lightwave.sasl.channel import Channel
from lightwave.sasl.mechanism import ExternalClaim, PasswordClaim
from lightwave.sasl.scram_keys import ScramKeys
from lightwave.sasl.srp_math import Profile

_DUMMY = b"nobody's password"
_NO_CREDENTIALS = Credentials(0, 0.0)

ACCOUNTS = 8_192
"""accounts of a tenant that are remembered, at most twice as many"""


FORMER = 2
"""former passwords that are no guesses"""


class _Account:
    """What a bind has to know of an entry, remembered while neither the entry nor the schema changes.

    Reading, unsealing and decoding it takes 15 of a bind's 30 µs. Hashes may be kept in memory: the key that
    opens all sealed ones is there too. A clear password is never among them.
    """

    __slots__ = ("credentials", "limits", "live_until", "record", "second_factor_for")

    def __init__(self, record: Record, credentials: Credentials | None, limits: OwnLimits | None) -> None:
        self.record = record
        self.credentials = credentials
        self.limits = limits
        self.live_until = -math.inf
        """seconds since the epoch; until when the last verdict on it holds"""
        self.second_factor_for: tuple[str, ...] | None = None
        """what it demands itself, once asked"""


@dataclass(frozen=True, slots=True)
class SimpleClaim:
    """A simple bind (RFC 4513 §5.1): a distinguished name and a password."""

    name: bytes
    password: bytes = field(repr=False)


@dataclass(slots=True, eq=False)
class BindCandidate:
    """The entry that a client says it is, or nothing; which of the two shows neither in type nor in cost."""

    tenant: int
    entry_id: int | None
    credentials: Credentials | None = field(repr=False)
    authorization_id: str | None = None
    snapshot: int = -1
    """id of the transaction in which the credentials were read"""
    spelling: bytes = b""
    """of the name that was given, see `identity.spelling`"""
    has_keys: bool = False
    """of the kind that a mechanism asked for: then a wrong proof was a guess at a password"""


@dataclass(slots=True, eq=False)
class VerifiedBind:
    """A candidate whose password has been verified against the credentials of `credential_version`."""

    tenant: int
    entry_id: int
    credential_version: int
    authorization_id: str | None = None
    snapshot: int = -1
    verifier: bytes = field(default=b"", repr=False)
    """that matched, where one did"""
    app_password: AppPassword | None = None


class Authenticated(NamedTuple):
    """Somebody who may act, and what he is to be told of his password's age."""

    token: Token
    age: PasswordAge = FINE


def is_anonymous_bind(name: bytes, password: bytes) -> bool:
    """Whether a simple bind asks for anonymity (RFC 4513 §5.1.1).

    Raises AuthenticationFailed: NO_PASSWORD for a name without a password (§5.1.2), INVALID_CREDENTIALS for a
    password without a name.
    """
    if not password:
        if name:
            raise AuthenticationFailed(Refusal.NO_PASSWORD)
        return True
    if not name:
        raise AuthenticationFailed(Refusal.INVALID_CREDENTIALS, "a password without a name")
    return False


class Authenticator:
    """Authenticates clients of every protocol.

    schema_of: the schema that holds in a transaction. hashing: cost of our own hashes and of the dummy one.
    trust: issuers of client certificates, None where there are none. owner_uid: the user who owns the store.
    """

    def __init__(
        self,
        schema_of: Callable[[ReadTransaction], Schema],
        hashing: HashingCost,
        trust: ClientTrust | None = None,
        owner_uid: int | None = None,
        verified_binds: VerifiedBinds | None = None,
    ) -> None:
        self._schema_of = schema_of
        self._hashing = hashing
        # Verifying against it goes the way of any other verification, step by step.
        self._dummy = hash_password(_DUMMY, bytes(SALT_SIZE), hashing)
        self._trust = trust
        self._owner_uid = owner_uid
        self._verified_binds = verified_binds
        self._store: Store | None = None
        self._accounts: DerivedCache[tuple[Hashable, ...], object]

    @property
    def hashing(self) -> HashingCost:
        """The cost of our own hashes."""
        return self._hashing

    # --- passwords, in phases

    def lookup(self, txn: ReadTransaction, name: bytes) -> BindCandidate:
        """The candidate of a simple bind, by DN or by the name of an account with its domain.

        Raises AuthenticationFailed (INVALID_NAME) when it is neither.
        """
        schema = self._schema_of(txn)
        try:
            found = find_by_dn(txn, schema, name)
        except InvalidValue:
            try:
                found = find_account(txn, schema, name)
            except InvalidValue:
                raise AuthenticationFailed(Refusal.INVALID_NAME) from None
        return self._candidate(txn, found, name=name.decode("utf-8", "replace"))

    def lookup_identity(self, txn: ReadTransaction, claim: PasswordClaim) -> BindCandidate:
        """The candidate of a SASL claim: `dn:…`, `u:…`, a DN, or a user's name, with `@domain` or without."""
        found = find_identity(txn, self._schema_of(txn), claim.authentication_id)
        return self._candidate(txn, found, claim.authorization_id, claim.authentication_id)

    def lookup_keys(self, txn: ReadTransaction, name: str) -> tuple[list[ScramKeys], BindCandidate]:
        """The keys that SCRAM goes on with, and whose they are: his own, or nobody's (as `lookup_identity`)."""
        schema = self._schema_of(txn)
        candidate = self._candidate(txn, find_identity(txn, schema, name), name=name)
        nobody = keys_of_nobody(txn, schema, name, self._hashing)
        keys = scram_keys(candidate.credentials) if self._policy(txn, candidate).keep_scram else []
        candidate.has_keys = bool(keys)
        return keys or [nobody], candidate

    def lookup_srp(
        self, txn: ReadTransaction, profile: Profile, name: str
    ) -> tuple[bytes, int, BindCandidate]:
        """Salt and verifier that SRP goes on with, and whose they are: his own, or nobody's (as `lookup_identity`)."""
        schema = self._schema_of(txn)
        candidate = self._candidate(txn, find_identity(txn, schema, name), name=name)
        keys = srp_keys(candidate.credentials, profile) if self._policy(txn, candidate).keep_srp else None
        candidate.has_keys = keys is not None
        return *salt_and_verifier(txn, schema, profile, name, keys), candidate

    def _policy(self, txn: ReadTransaction, candidate: BindCandidate) -> PasswordPolicy:
        """The policy that governs a candidate; the built-in one for nobody."""
        if candidate.entry_id is None:
            return DEFAULT
        return policy_of(txn, self._schema_of(txn), candidate.tenant, candidate.entry_id)

    @staticmethod
    def proven(candidate: BindCandidate, authorization_id: str | None) -> VerifiedBind:
        """A candidate who has proven to know the password of the keys; raises AuthenticationFailed."""
        found = replace(candidate, authorization_id=authorization_id)
        return _verified(found, candidate.credentials or _NO_CREDENTIALS)

    def _account(self, txn: ReadTransaction, tenant: int, entry_id: int) -> _Account:
        """Record and credentials of an entry; raises NoSuchEntry."""
        if self._store is not txn.store:
            self._store = txn.store
            self._accounts = txn.store.derived_cache(frozenset({"schema"}), by_entry=True, size=ACCOUNTS)
        key = (tenant, entry_id)
        found = txn.cached(self._accounts, tenant, key)
        if found is None:
            record = txn.record(tenant, entry_id)
            limits = read_limits(txn, self._schema_of(txn), record)
            found = _Account(record, read_credentials(txn, tenant, entry_id), limits)
            txn.cache(self._accounts, tenant, key, found)
        return cast(_Account, found)

    def _candidate(
        self,
        txn: ReadTransaction,
        found: tuple[int, int] | None,
        authorization_id: str | None = None,
        name: str = "",
    ) -> BindCandidate:
        spelling = one_spelling(txn, self._schema_of(txn), name)
        nobody = BindCandidate(0, None, None, authorization_id, spelling=spelling)
        if found is None:
            return nobody
        tenant, entry_id = found
        try:
            credentials = self._account(txn, tenant, entry_id).credentials
        except NoSuchEntry:
            return nobody
        return BindCandidate(tenant, entry_id, credentials, authorization_id, txn.id, spelling)

    def verify_inline(
        self, candidate: BindCandidate, password: bytes, protocol: str = ""
    ) -> VerifiedBind | None:
        """Try what is cheap enough for the reactor; None means: `verify` has to decide, in a thread."""
        credentials = candidate.credentials
        if credentials is None or not password or len(password) > passwords.MAX_PASSWORD:
            return None
        for verifier in credentials.verifiers:
            if verifier_cost(verifier) is Cost.LIGHT and _matches(verifier, password):
                return _verified(candidate, credentials, verifier)
        known = self._verified_binds
        if known is not None and candidate.entry_id is not None:
            account = (candidate.tenant, candidate.entry_id, credentials.version)
            if known.has(*account, password):
                return _verified(candidate, credentials)
        used = find_app_password(credentials, password, protocol)
        if used is not None:
            verified = _verified(candidate, credentials)
            verified.app_password = used
            return verified
        return None

    def remember(self, verified: VerifiedBind, password: bytes) -> None:
        """A slow hash has verified: for a while the same password costs none."""
        if self._verified_binds is not None:
            account = (verified.tenant, verified.entry_id, verified.credential_version)
            self._verified_binds.keep(*account, password)

    def verify(self, candidate: BindCandidate, password: bytes) -> VerifiedBind:
        """Decide what `verify_inline` left open, at the cost of one slow hash at least; any thread.

        Raises AuthenticationFailed.
        """
        usable = bool(password) and len(password) <= passwords.MAX_PASSWORD
        credentials = candidate.credentials or _NO_CREDENTIALS
        verifiers = credentials.verifiers or (self._dummy,)
        slow = [verifier for verifier in verifiers if verifier_cost(verifier) is Cost.HEAVY]
        for verifier in slow if slow and usable else (self._dummy,):
            if _matches(verifier, password if usable else _DUMMY) and verifier is not self._dummy:
                return _verified(candidate, credentials, verifier)
        raise AuthenticationFailed(Refusal.INVALID_CREDENTIALS, "unknown name or wrong password")

    @staticmethod
    def was_password(candidate: BindCandidate, password: bytes) -> bool:
        """Whether it is one of the account's last passwords, as Active Directory asks it of the last two; any thread.

        A device that has not heard of a change fails with these, and guesses nothing.
        """
        if candidate.credentials is None or not password or len(password) > passwords.MAX_PASSWORD:
            return False
        return any(_matches(one.verifier, password) for one in candidate.credentials.history[:FORMER])

    def spend(self) -> None:
        """The cost of one slow hash, for answers that were cheap and must not look so; any thread."""
        _matches(self._dummy, _DUMMY)

    def complete(
        self, txn: ReadTransaction, verified: VerifiedBind, now: float, protocol: str = ""
    ) -> Authenticated:
        """The token, if account and credentials still stand and the proof is enough for the protocol.

        Raises AuthenticationFailed.
        """
        tenant, entry_id, version = verified.tenant, verified.entry_id, verified.credential_version
        # In the snapshot that they were read from, the credentials are what they were.
        unchanged = txn.id >= 0 and txn.id == verified.snapshot
        if not unchanged and credential_version(txn, tenant, entry_id) != version:
            raise AuthenticationFailed(Refusal.INVALID_CREDENTIALS, "the password was changed meanwhile")
        used = verified.app_password
        token = self._issue(
            txn,
            (tenant, entry_id),
            verified.authorization_id,
            AuthenticatedBy.PASSWORD,
            now,
            version,
            used.id if used is not None else b"",
        )
        account = self._account(txn, tenant, entry_id)
        schema, credentials = self._schema_of(txn), account.credentials
        if used is not None:
            if not has_app_password(credentials, used.id):
                raise AuthenticationFailed(Refusal.INVALID_CREDENTIALS, "the app password is revoked")
            return Authenticated(token)
        policy = policy_of(txn, schema, tenant, entry_id)
        demanded = account.second_factor_for
        if demanded is None:
            demanded = account.second_factor_for = demanded_of(txn, schema, account.record)
        if demanded or policy.second_factor_for:
            check_factors(Proof.PASSWORD, protocol, (*demanded, *policy.second_factor_for))
        age = assess(txn, account.record, policy, credentials or _NO_CREDENTIALS, now)
        if age.is_refused:
            raise AuthenticationFailed(Refusal.INVALID_CREDENTIALS, "the password has expired", age.fault)
        return Authenticated(replace(token, must_change=True) if age.must_change else token, age)

    # --- what the channel knows

    def authenticate_external(
        self, txn: ReadTransaction, claim: ExternalClaim, channel: Channel, now: float
    ) -> Token:
        """EXTERNAL: certificate or local user id; raises AuthenticationFailed."""
        if channel.certificate is not None:
            found = identify_certificate(txn, self._schema_of(txn), channel.certificate, self._trust, now)
            method = AuthenticatedBy.CERTIFICATE
        elif channel.local_uid is not None:
            found = identify_local_user(txn, channel.local_uid, self._owner_uid)
            method = AuthenticatedBy.LOCAL_SOCKET
        else:
            raise AuthenticationFailed(Refusal.MECHANISM_NOT_AVAILABLE)
        version = credential_version(txn, *found)
        return self._issue(txn, found, claim.authorization_id, method, now, version)

    def authenticate(
        self,
        txn: ReadTransaction,
        claim: SimpleClaim | PasswordClaim | ExternalClaim,
        channel: Channel,
        now: float,
    ) -> Token:
        """All phases in one go, for callers that may block (command line, tests)."""
        if isinstance(claim, ExternalClaim):
            return self.authenticate_external(txn, claim, channel, now)
        candidate = (
            self.lookup(txn, claim.name)
            if isinstance(claim, SimpleClaim)
            else self.lookup_identity(txn, claim)
        )
        verified = self.verify_inline(candidate, claim.password) or self.verify(candidate, claim.password)
        return self.complete(txn, verified, now).token

    # --- issue

    def _issue(
        self,
        txn: ReadTransaction,
        found: tuple[int, int],
        authorization_id: str | None,
        method: AuthenticatedBy,
        now: float,
        version: int,
        app_password: bytes = b"",
    ) -> Token:
        """The one place where tokens are made."""
        tenant, entry_id = found
        schema = self._schema_of(txn)
        try:
            check_tenant(txn, tenant)
            account = self._account(txn, tenant, entry_id)
            record = account.record
            if now >= account.live_until:  # else the verdict on this state of the entry stands
                exempt = method is AuthenticatedBy.LOCAL_SOCKET
                until = check_record(txn, schema, tenant, entry_id, record, now, exempt=exempt)
                if not exempt:
                    account.live_until = until
        except (NotLive, NoSuchEntry) as error:
            fault = PasswordFault.ACCOUNT_LOCKED if isinstance(error, Locked) else None
            raise AuthenticationFailed(Refusal.INVALID_CREDENTIALS, f"not live: {error}", fault) from None
        # No identity has a proxy right: one may act as oneself only (RFC 4422 §3.4.1).
        if authorization_id and find_identity(txn, schema, authorization_id) != found:
            raise AuthenticationFailed(Refusal.AUTHORIZATION_DENIED, "another authorization identity")
        groups = standing(txn, tenant, entry_id, record)
        return Token(
            tenant=tenant,
            entry_id=entry_id,
            guid=record.guid,
            dn=txn.dn(tenant, entry_id, record),
            is_administrator=groups.is_administrator,
            is_anonymous=False,
            sid=groups.sid,
            sids=groups.sids,
            entry_ids=groups.entry_ids,
            groups_generation=groups.groups_generation,
            authenticated_by=method,
            authenticated_at=now,
            credential_version=version,
            limits=account.limits,
            app_password=app_password,
        )


def _matches(verifier: bytes, password: bytes) -> bool:
    """Imported hashes were made of what clients then sent: what preparation changes is tried both ways."""
    try:
        prepared = passwords.prepare(password)
    except passwords.UnusablePassword:
        return False
    if matches(verifier, prepared):
        return True
    return prepared != password and not verifier.startswith(SCHEME) and matches(verifier, password)


def _verified(candidate: BindCandidate, credentials: Credentials, verifier: bytes = b"") -> VerifiedBind:
    if candidate.entry_id is None:
        raise AuthenticationFailed(Refusal.INVALID_CREDENTIALS, "nobody")
    return VerifiedBind(
        candidate.tenant,
        candidate.entry_id,
        credentials.version,
        candidate.authorization_id,
        candidate.snapshot,
        verifier,
    )
