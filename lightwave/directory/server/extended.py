"""Extended operations (RFC 4511 §4.12): StartTLS, Who am I, Cancel, Refresh, Password Modify, transactions.

`SERVED` is what the root DSE lists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from lightwave.directory.ldap.extended import (
    CANCEL,
    END_TRANSACTION,
    PASSWORD_MODIFY,
    START_TLS,
    START_TRANSACTION,
    WHO_AM_I,
    check_no_value,
    decode_cancel,
)
from lightwave.directory.ldap.messages import LDAPMessage
from lightwave.directory.ldap.requests import ExtendedRequest
from lightwave.directory.ldap.responses import (
    TAG_EXTENDED_RESPONSE,
    TAG_SEARCH_DONE,
    encode_extended_result,
    encode_result,
)
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.update_controls import decode_transaction_end
from lightwave.directory.operations.drafts import PasswordModifyRequest
from lightwave.directory.operations.dynamic import REFRESH_OID, decode_refresh
from lightwave.directory.operations.outcome import Outcome, log_failure, outcome_of
from lightwave.directory.operations.request_controls import check_controls, transaction_of
from lightwave.directory.server import transactions
from lightwave.directory.server.password_modify import password_request
from lightwave.directory.server.service import log
from lightwave.wire.ber import BerError

if TYPE_CHECKING:
    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.server.connection import LDAPConnection
    from lightwave.directory.store.reading import ReadTransaction

Serve = Callable[["LDAPConnection", LDAPMessage, ExtendedRequest], None]


def serve_extended(
    connection: LDAPConnection, txn: ReadTransaction, schema: Schema, message: LDAPMessage, out: list[bytes]
) -> None:
    """Carry out one extended request; an unknown one is a protocolError (RFC 4511 §4.12)."""
    request = message.request
    assert isinstance(request, ExtendedRequest)
    try:
        _serve(connection, message, request)
    finally:
        if request.oid == START_TLS:  # refused, whatever for: the session takes requests again
            connection.session.tls_refused()


def _serve(connection: LDAPConnection, message: LDAPMessage, request: ExtendedRequest) -> None:
    try:
        served = SERVED.get(request.oid)
        if served is None:
            raise DirectoryError(ResultCode.PROTOCOL_ERROR, "the extended operation is not known")
        check_controls(_KINDS.get(request.oid, ExtendedRequest), message.controls)
        served(connection, message, request)
    except BerError:
        _answer(
            connection,
            message.message_id,
            Outcome(ResultCode.PROTOCOL_ERROR, message="the value is malformed"),
        )
    except Exception as error:  # noqa: BLE001  the client gets a result, the log the rest
        outcome = outcome_of(error, f"c{connection.number}-{message.message_id}")
        if outcome.error is not None:
            log_failure(log, f"connection {connection.number}", outcome.error)
        _answer(connection, message.message_id, outcome)


def _answer(connection: LDAPConnection, message_id: int, outcome: Outcome, oid: str | None = None) -> None:
    connection.session.finish(message_id)
    if outcome.token is not None:
        connection.renew(outcome.token)
    connection.service.counts.results[TAG_EXTENDED_RESPONSE << 16 | outcome.code] += 1
    connection.send(
        encode_extended_result(
            message_id,
            outcome.code,
            outcome.matched,
            outcome.message,
            outcome.referrals,
            outcome.controls,
            oid=oid,
            value=outcome.value,
        )
    )


def _start_tls(connection: LDAPConnection, message: LDAPMessage, request: ExtendedRequest) -> None:
    """RFC 4511 §4.14. The session has refused it already where it is out of place."""
    check_no_value(request.value)
    if connection.transaction is not None:  # RFC 5805 §3.5: within a stable security context
        raise DirectoryError(ResultCode.OPERATIONS_ERROR, "end the transaction first")
    if connection.layer is not None:  # MS-ADTS 5.1.2.1: one of the two
        raise DirectoryError(ResultCode.OPERATIONS_ERROR, "a security layer protects the connection")
    if connection.service.tls is None:
        raise DirectoryError(ResultCode.UNAVAILABLE, "this server has no certificate")
    _answer(connection, message.message_id, Outcome(ResultCode.SUCCESS), START_TLS)
    connection.start_tls()
    connection.session.tls_started()


def _who_am_i(connection: LDAPConnection, message: LDAPMessage, request: ExtendedRequest) -> None:
    """RFC 4532: the authorization identity, empty for anonymous."""
    check_no_value(request.value)
    token = connection.token
    identity = b""
    if not token.is_anonymous and token.entry_id is not None:
        with connection.service.store.read() as txn:
            identity = b"dn:" + txn.dn(token.tenant, token.entry_id)
    _answer(connection, message.message_id, Outcome(ResultCode.SUCCESS, value=identity))


def _cancel(connection: LDAPConnection, message: LDAPMessage, request: ExtendedRequest) -> None:
    """RFC 3909: like abandon, but both operations are answered."""
    target = decode_cancel(request.value)
    tag = connection.session.tag_of(target)
    if tag is None or target == message.message_id:
        raise DirectoryError(ResultCode.NO_SUCH_OPERATION, "no operation of this message id is under way")
    if tag != TAG_SEARCH_DONE:
        raise DirectoryError(ResultCode.CANNOT_CANCEL, "only searches can be cancelled")
    if not connection.searches.abandon(target):
        raise DirectoryError(ResultCode.TOO_LATE, "the operation is about to be answered")
    connection.send(encode_result(target, TAG_SEARCH_DONE, ResultCode.CANCELED))
    _answer(connection, message.message_id, Outcome(ResultCode.SUCCESS))


def _refresh(connection: LDAPConnection, message: LDAPMessage, request: ExtendedRequest) -> None:
    """RFC 2589 §4: a dynamic entry lives on."""
    refresh = decode_refresh(request.value)

    def done(outcome: Outcome) -> None:
        _answer(connection, message.message_id, outcome, REFRESH_OID)
        connection.finish_write()

    connection.writes += 1
    connection.service.pipeline.submit(connection.context(message.controls), refresh, done)


def _password_modify(connection: LDAPConnection, message: LDAPMessage, request: ExtendedRequest) -> None:
    """RFC 3062: a new password, given or made here."""
    asked, answered = password_request(connection, request.value)
    context = connection.context(message.controls)
    identifier = transaction_of(message.controls)
    if identifier is not None:
        transactions.specify(connection, message.message_id, context, asked, identifier)
        _answer(connection, message.message_id, Outcome(ResultCode.SUCCESS, value=answered))
        return

    def done(outcome: Outcome) -> None:
        if outcome.code is ResultCode.SUCCESS:
            outcome = replace(outcome, value=answered)
        _answer(connection, message.message_id, outcome)
        connection.finish_write()

    connection.writes += 1
    connection.service.pipeline.submit(context, asked, done)


def _start_transaction(connection: LDAPConnection, message: LDAPMessage, request: ExtendedRequest) -> None:
    """RFC 5805 §2.1"""
    check_no_value(request.value)
    identifier = transactions.start(connection)
    _answer(connection, message.message_id, Outcome(ResultCode.SUCCESS, value=identifier))


def _end_transaction(connection: LDAPConnection, message: LDAPMessage, request: ExtendedRequest) -> None:
    """RFC 5805 §2.3"""
    commit, identifier = decode_transaction_end(request.value)

    def answer(outcome: Outcome) -> None:
        _answer(connection, message.message_id, outcome)

    transactions.end(connection, identifier, commit=commit, answer=answer)


_KINDS: dict[str, type] = {PASSWORD_MODIFY: PasswordModifyRequest}
"""extended requests that go with controls"""

SERVED: dict[str, Serve] = {
    START_TLS: _start_tls,
    WHO_AM_I: _who_am_i,
    CANCEL: _cancel,
    REFRESH_OID: _refresh,
    PASSWORD_MODIFY: _password_modify,
    START_TRANSACTION: _start_transaction,
    END_TRANSACTION: _end_transaction,
}
