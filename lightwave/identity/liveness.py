"""Whether an account may act: enabled, not locked, not expired, credentials newer than its cut-off.

Every path that grants anything asks this. While the entry is unchanged the verdict of a token is
remembered, so asking at each operation costs reading one record.

The attributes asked are Active Directory's (MS-ADTS §2.2.16, MS-ADA1 §2.4) and those by which other
directories lock accounts; one that the schema doesn't define, or the entry doesn't have, says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from weakref import WeakKeyDictionary

from lightwave.directory.access.membership import is_foreign_principal
from lightwave.directory.access.tenant_state import GENERATION as TENANTS
from lightwave.directory.access.tenant_state import TenantState, tenant_state
from lightwave.directory.access.token import AuthenticatedBy, Token
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.schema import Schema
from lightwave.directory.schema.times import filetime_seconds, generalized_time_key
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import TOMBSTONE, Record
from lightwave.identity import tokens
from lightwave.identity.app_passwords import has_app_password
from lightwave.identity.credentials import credential_version, read_credentials
from lightwave.identity.lockout import locked_at, locked_until, lockout_of
from lightwave.identity.refusals import Locked, NotLive

ACCOUNT_DISABLED = 0x0002
"""ADS_UF_ACCOUNTDISABLE of userAccountControl"""
NEVER = 0x7FFF_FFFF_FFFF_FFFF

Check = Callable[[bytes, float], float]
"""(value, at) -> until when it permits; raises NotLive"""


def check_live(
    txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int, at: float, token: Token | None = None
) -> float:
    """Returns until when the verdict holds in this snapshot (seconds since the epoch); raises NotLive.

    With `token` also whether it was made with the present credentials and after lwValidFrom.
    """
    check_tenant(txn, tenant)
    try:
        record = txn.record(tenant, entry_id)
    except NoSuchEntry:
        raise NotLive("the entry is gone") from None
    exempt = token is not None and token.authenticated_by is AuthenticatedBy.LOCAL_SOCKET
    until = check_record(txn, schema, tenant, entry_id, record, at, exempt=exempt)
    if token is not None:
        _check_token(txn, schema, record, token)
    return until


def check_tenant(txn: ReadTransaction, tenant: int) -> None:
    """Whether the accounts of a tenant may act at all; raises NotLive."""
    state = tenant_state(txn, tenant)
    if state is not TenantState.ACTIVE:
        raise NotLive(f"the tenant is {state.value}")


def check_record(
    txn: ReadTransaction,
    schema: Schema,
    tenant: int,
    entry_id: int,
    record: Record,
    at: float,
    *,
    exempt: bool = False,
) -> float:
    """The same of an account whose record is at hand; without a token.

    exempt: locks do not hold, as for the owner of the machine, who must always be able to come in and help.
    """
    if record.flags & TOMBSTONE or (record.expires and record.expires <= at * 1000):
        raise NotLive("the entry is deleted")
    if is_foreign_principal(
        txn, record
    ):  # whoever could sign in as one would be its account in all other tenants
        raise NotLive("it stands for an account of another tenant")
    until = record.expires / 1000 if record.expires else math.inf
    numbers = record.numbers()
    for oid, check in _checks_of(schema):
        number = txn.attribute_number(oid)
        if number is not None and number in numbers:
            until = min(until, check(record.values(number)[0], at))
    if not exempt:
        since = locked_at(txn, schema, record)
        if since is not None and at < locked_until(lockout_of(txn, schema, tenant, entry_id), since):
            raise Locked("locked")
    return until


def would_end(schema: Schema, oid: str, value: bytes, at: float) -> bool:
    """Whether an account with this value of this attribute is not live, now or at some later time."""
    for known, check in _checks_of(schema):
        if known == oid:
            try:
                return check(value, at) != math.inf
            except NotLive:
                return True
    lockout_time = schema.attribute("lockoutTime")
    if lockout_time is not None and lockout_time.oid == oid:
        return value.strip() != b"0"
    valid_from = schema.attribute("lwValidFrom")
    if valid_from is None or valid_from.oid != oid:
        return False
    try:
        return _time_key(at) < generalized_time_key(value)
    except InvalidValue:
        return True


def _check_token(txn: ReadTransaction, schema: Schema, record: Record, token: Token) -> None:
    if record.guid != token.guid or token.entry_id is None:
        raise NotLive("the entry is another")
    credentials = read_credentials(txn, token.tenant, token.entry_id)
    if (credentials.version if credentials is not None else 0) != token.credential_version:
        raise NotLive("the credentials have changed")
    if token.app_password and not has_app_password(credentials, token.app_password):
        raise NotLive("the app password is revoked")
    valid_from = _value(txn, schema, record, "lwValidFrom")
    if valid_from is None:
        return
    try:
        if _time_key(token.authenticated_at) < generalized_time_key(valid_from):
            raise NotLive("authenticated before the cut-off")
    except InvalidValue:
        raise NotLive("the cut-off is not a time") from None


def _time_key(at: float) -> bytes:
    """Comparable with `generalized_time_key`."""
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y%m%d%H%M%S.%f")
    return moment.rstrip("0").rstrip(".").encode()


def _value(txn: ReadTransaction, schema: Schema, record: Record, name: str) -> bytes | None:
    attribute = schema.attribute(name)
    if attribute is None:
        return None
    number = txn.attribute_number(attribute.oid)
    if number is None:
        return None
    values = record.values(number)
    return values[0] if values else None


def _check_control(value: bytes, at: float) -> float:
    if _integer(value) & ACCOUNT_DISABLED:
        raise NotLive("disabled")
    return math.inf


def _check_expiry(value: bytes, at: float) -> float:
    expires = _integer(value)
    if expires in (0, NEVER):  # both mean: never (MS-ADA1 §2.4)
        return math.inf
    until = filetime_seconds(expires)
    if until <= at:
        raise NotLive("expired")
    return until


def _check_lock_flag(value: bytes, at: float) -> float:
    if value.strip().upper() == b"TRUE":
        raise NotLive("locked")
    return math.inf


def _check_locked_time(value: bytes, at: float) -> float:
    raise NotLive("locked")


def _integer(value: bytes) -> int:
    try:
        return int(value)
    except ValueError:
        raise NotLive("an account attribute is not a number") from None


_CHECKS: tuple[tuple[str, Check], ...] = (
    ("userAccountControl", _check_control),
    ("accountExpires", _check_expiry),
    ("nsAccountLock", _check_lock_flag),  # 389 Directory Server
    ("pwdAccountLockedTime", _check_locked_time),  # draft-behera-ldap-password-policy §5.3.3
)


_known: tuple[Schema, tuple[tuple[str, Check], ...]] | None = None


def _checks_of(schema: Schema) -> tuple[tuple[str, Check], ...]:
    """(OID, check) of the attributes that a schema defines; remembered for the last schema asked."""
    global _known
    if _known is None or _known[0] is not schema:
        types = ((schema.attribute(name), check) for name, check in _CHECKS)
        _known = schema, tuple((type_.oid, check) for type_, check in types if type_ is not None)
    return _known[1]


class TokenLiveness:
    """`operations.ports.Liveness`, and the same question for who has a token and no context."""

    def __init__(self, schema_of: Callable[[ReadTransaction], Schema]) -> None:
        self._schema_of = schema_of
        self._verdicts: WeakKeyDictionary[Token, tuple[int, int, float]] = WeakKeyDictionary()
        """token -> (the entry's usnChanged, generation of the tenants' states, until when): a change of the entry or
        of its credentials has its own USN
        """

    def check_live(self, txn: ReadTransaction, context: Context) -> None:
        """Raises DirectoryError (invalidCredentials) when the requester may no longer act."""
        if context.token.is_anonymous:
            return
        try:
            self.check_token(txn, context.token, context.now())
        except NotLive as error:
            raise DirectoryError(
                ResultCode.INVALID_CREDENTIALS,
                "the identity of this connection may no longer act: bind again",
                detail=error.reason,
            ) from None

    def renewed(self, txn: ReadTransaction, token: Token) -> Token:
        """See `operations.ports.Liveness`. All other tokens of the account are dead at the commit."""
        if token.entry_id is None:
            return token
        version = credential_version(txn, token.tenant, token.entry_id)
        return token if version == token.credential_version else replace(token, credential_version=version)

    def current(self, txn: ReadTransaction, token: Token) -> Token:
        """See `operations.ports.Liveness`."""
        try:
            return tokens.current(txn, token)
        except NoSuchEntry:
            return token  # `check_live` says what that means

    def check_token(self, txn: ReadTransaction, token: Token, now: float) -> float:
        """Until when the token's bearer may act in this snapshot (seconds since the epoch); raises NotLive.

        Anonymous is always live.
        """
        if token.entry_id is None:
            return math.inf
        if token.must_change:
            raise NotLive("the password must be changed first")
        try:
            changed = txn.record(token.tenant, token.entry_id).usn_changed
        except NoSuchEntry:
            raise NotLive("the entry is gone") from None
        verdict = self._verdicts.get(token)
        states = txn.generation(0, TENANTS)
        if verdict is not None and verdict[0] == changed and verdict[1] == states and now < verdict[2]:
            return verdict[2]
        until = check_live(txn, self._schema_of(txn), token.tenant, token.entry_id, now, token)
        if txn.id >= 0:  # the state of a write transaction is nobody else's
            self._verdicts[token] = (changed, states, until)
        return until
