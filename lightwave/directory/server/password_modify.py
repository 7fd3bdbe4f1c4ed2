"""Password Modify on a connection (RFC 3062): who is meant, which password is new, and over what it came.

Over a confidential channel only, as for binds; not anonymously. A password that the server makes is told once, in the
answer, and is kept nowhere in clear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightwave.directory.ldap.dn import DNSyntaxError
from lightwave.directory.ldap.extended import decode_password_modify, encode_generated_password
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.drafts import PasswordModifyRequest
from lightwave.directory.operations.gather import visible
from lightwave.directory.schema.errors import InvalidValue
from lightwave.identity.generated_passwords import generate_password
from lightwave.identity.names import find_by_dn, find_identity
from lightwave.identity.password_owner import owner_of_entry
from lightwave.identity.password_rules import NOBODY, PasswordRefused
from lightwave.identity.policies import DEFAULT, policy_of

if TYPE_CHECKING:
    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.server.connection import LDAPConnection
    from lightwave.directory.store.reading import ReadTransaction


def password_request(
    connection: LDAPConnection, value: bytes | None
) -> tuple[PasswordModifyRequest, bytes | None]:
    """(the request, the value of a successful response: the password, where it was made here).

    Raises BerError for a malformed value, DirectoryError for what is refused.
    """
    identity, old, new = decode_password_modify(value)
    if connection.token.is_anonymous:
        raise DirectoryError(ResultCode.STRONGER_AUTH_REQUIRED, "sign in to change a password")
    if not connection.channel.is_confidential and not _takes_clear_passwords(connection):
        raise DirectoryError(
            ResultCode.CONFIDENTIALITY_REQUIRED,
            "a password is taken over TLS or the local socket only: use StartTLS",
        )
    if old == b"" or new == b"":
        which = "old" if old == b"" else "new"
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, f"the {which} password is empty")
    dn = _own_name(connection) if not identity else name_of(connection, identity)
    if new is not None:
        return PasswordModifyRequest(dn, old, new), None
    made = _made(connection, dn)
    return PasswordModifyRequest(dn, old, made), encode_generated_password(made)


def _made(connection: LDAPConnection, dn: bytes) -> bytes:
    """A password that meets the policy of the entry, if there is one; the write says whether there is."""
    service = connection.service
    policy, owner = DEFAULT, NOBODY
    with service.store.read() as txn:
        schema = service.schemas.current(txn)
        try:
            found = find_by_dn(txn, schema, dn)
        except (DNSyntaxError, InvalidValue):
            found = None
        if found is not None and _sees(connection, txn, schema, found):
            policy, owner = policy_of(txn, schema, *found), owner_of_entry(txn, schema, *found)
    try:
        return generate_password(service.random_bytes, policy, owner)
    except PasswordRefused as error:
        raise DirectoryError(
            ResultCode.UNWILLING_TO_PERFORM,
            "no password can be made that meets the policy",
            detail=str(error),
        ) from None


def _takes_clear_passwords(connection: LDAPConnection) -> bool:
    service = connection.service
    with service.store.read() as txn:
        return service.settings.current(txn, service.schemas.current(txn)).allow_insecure_authentication


def _own_name(connection: LDAPConnection) -> bytes:
    token = connection.token
    assert token.entry_id is not None  # who is signed in has an entry
    with connection.service.store.read() as txn:
        return txn.dn(token.tenant, token.entry_id)


def name_of(connection: LDAPConnection, identity: bytes) -> bytes:
    """The DN of whom `userIdentity` means: a DN, or a name as SASL's authorization identities have it."""
    if identity.startswith(b"dn:"):
        return identity[3:]
    service = connection.service
    with service.store.read() as txn:
        schema = service.schemas.current(txn)
        try:
            if find_by_dn(txn, schema, identity) is not None:
                return identity
        except (DNSyntaxError, InvalidValue):
            pass
        found = find_identity(txn, schema, identity.decode("utf-8", "replace"))
        if found is None or not _sees(connection, txn, schema, found):
            return identity  # whom he may not see is nobody
        return txn.dn(*found)


def _sees(connection: LDAPConnection, txn: ReadTransaction, schema: Schema, account: tuple[int, int]) -> bool:
    """Whether the connection's bearer sees an account; nothing about others is to be told apart."""
    return visible(txn, schema, connection.context(), *account, txn.record(*account)) is not None
