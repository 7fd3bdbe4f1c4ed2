"""A connection whose bearer has to change his password first: nothing else is done on it until he has.

draft-behera-ldap-password-policy-10 §8.1.2.2: every other request is answered with insufficientAccessRights, and with
changeAfterReset in the control where the client asked for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightwave.directory.ldap.dn import DNSyntaxError
from lightwave.directory.ldap.extended import PASSWORD_MODIFY, START_TLS, decode_password_modify
from lightwave.directory.ldap.messages import LDAPMessage
from lightwave.directory.ldap.password_policy import (
    PASSWORD_POLICY,
    PasswordFault,
    PasswordPolicyResponse,
    encode_password_policy,
)
from lightwave.directory.ldap.requests import (
    AbandonRequest,
    BindRequest,
    ExtendedRequest,
    ModifyRequest,
    UnbindRequest,
)
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.server.password_modify import name_of
from lightwave.identity.names import find_by_dn
from lightwave.identity.password_preparation import UNICODE_PWD, USER_PASSWORD
from lightwave.wire.ber import BerError

if TYPE_CHECKING:
    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.server.connection import LDAPConnection
    from lightwave.directory.store.reading import ReadTransaction

_FREE = (AbandonRequest, BindRequest, UnbindRequest)


def refuse(
    connection: LDAPConnection, txn: ReadTransaction, schema: Schema, message: LDAPMessage
) -> bytes | None:
    """The encoded refusal of a request that does something else; None where it may pass."""
    request = message.request
    if isinstance(request, _FREE) or _changes_password(connection, txn, schema, request):
        return None
    asked = any(control.oid == PASSWORD_POLICY for control in message.controls)
    response = PasswordPolicyResponse(fault=PasswordFault.CHANGE_AFTER_RESET)
    error = DirectoryError(
        ResultCode.INSUFFICIENT_ACCESS_RIGHTS,
        "change the password first",
        controls=(encode_password_policy(response),) if asked else (),
    )
    tag = connection.session.tag_of(message.message_id)
    return b"" if tag is None else connection.refusal(message.message_id, tag, error)


def _changes_password(
    connection: LDAPConnection, txn: ReadTransaction, schema: Schema, request: object
) -> bool:
    """Whether a request is a change of the bearer's own password, or StartTLS that precedes one."""
    if isinstance(request, ModifyRequest):
        types = [schema.describe(change.attribute) for change in request.changes]
        if not all(one is not None and one.type.oid in (USER_PASSWORD, UNICODE_PWD) for one in types):
            return False
        return _is_own(connection, txn, schema, request.dn)
    if not isinstance(request, ExtendedRequest):
        return False
    if request.oid != PASSWORD_MODIFY:
        return request.oid == START_TLS
    try:
        identity, _, _ = decode_password_modify(request.value)
    except BerError:
        return True  # it is answered as malformed
    return not identity or _is_own(connection, txn, schema, name_of(connection, identity))


def _is_own(connection: LDAPConnection, txn: ReadTransaction, schema: Schema, dn: bytes) -> bool:
    try:
        found = find_by_dn(txn, schema, dn)
    except (DNSyntaxError, InvalidValue):
        return False
    return found == (connection.token.tenant, connection.token.entry_id)
