"""Each kind of request but search: what is done with it on a connection, one function each.

Controls are checked first, for all alike. Writes go to the pipeline and are answered after their commit;
compare is answered from the transaction of the chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lightwave.directory.ldap.messages import LDAPMessage
from lightwave.directory.ldap.requests import (
    AbandonRequest,
    AddRequest,
    BindRequest,
    CompareRequest,
    DeleteRequest,
    ExtendedRequest,
    ModifyDNRequest,
    ModifyRequest,
    UnbindRequest,
)
from lightwave.directory.ldap.responses import (
    TAG_ADD_RESPONSE,
    TAG_COMPARE_RESPONSE,
    TAG_DELETE_RESPONSE,
    TAG_MODIFY_DN_RESPONSE,
    TAG_MODIFY_RESPONSE,
)
from lightwave.directory.operations.compare import compare
from lightwave.directory.operations.outcome import SUCCESS, Outcome
from lightwave.directory.operations.request_controls import check_controls, transaction_of
from lightwave.directory.server import binding, extended, transactions

if TYPE_CHECKING:
    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.server.connection import LDAPConnection
    from lightwave.directory.store.reading import ReadTransaction

Serve = Callable[["LDAPConnection", "ReadTransaction", "Schema", LDAPMessage, list[bytes]], None]

_WRITE_TAGS: dict[type, int] = {
    AddRequest: TAG_ADD_RESPONSE,
    ModifyRequest: TAG_MODIFY_RESPONSE,
    DeleteRequest: TAG_DELETE_RESPONSE,
    ModifyDNRequest: TAG_MODIFY_DN_RESPONSE,
}


def serve(
    connection: LDAPConnection, txn: ReadTransaction, schema: Schema, message: LDAPMessage, out: list[bytes]
) -> None:
    """Carry out one request; what can be answered at once is appended to `out`."""
    _SERVED[type(message.request)](connection, txn, schema, message, out)


def _serve_write(
    connection: LDAPConnection, txn: ReadTransaction, schema: Schema, message: LDAPMessage, out: list[bytes]
) -> None:
    request: Any = message.request
    kind = type(request)
    message_id, tag = message.message_id, _WRITE_TAGS[kind]
    try:
        check_controls(kind, message.controls)
        if message.controls and (identifier := transaction_of(message.controls)) is not None:
            context = connection.context(message.controls)
            transactions.specify(connection, message_id, context, request, identifier)
            out.append(connection.encode_outcome(message_id, tag, SUCCESS))
            return
    except Exception as error:  # noqa: BLE001  the client gets a result, the log the rest
        out.append(connection.refusal(message_id, tag, error))
        return

    service = connection.service
    began = service.monotonic()

    def done(outcome: Outcome) -> None:
        service.counts.latencies[tag].observe(service.monotonic() - began)
        connection.answer(message_id, tag, outcome)
        connection.finish_write()

    connection.writes += 1
    connection.service.pipeline.submit(connection.context(message.controls), request, done)


def _serve_compare(
    connection: LDAPConnection, txn: ReadTransaction, schema: Schema, message: LDAPMessage, out: list[bytes]
) -> None:
    request: Any = message.request
    service = connection.service
    began = service.monotonic()
    try:
        check_controls(CompareRequest, message.controls)
        outcome = compare(txn, schema, connection.context(message.controls), request)
    except Exception as error:  # noqa: BLE001  the client gets a result, the log the rest
        out.append(connection.refusal(message.message_id, TAG_COMPARE_RESPONSE, error))
        return
    out.append(connection.encode_outcome(message.message_id, TAG_COMPARE_RESPONSE, outcome))
    service.counts.latencies[TAG_COMPARE_RESPONSE].observe(service.monotonic() - began)


def _serve_abandon(
    connection: LDAPConnection, txn: ReadTransaction, schema: Schema, message: LDAPMessage, out: list[bytes]
) -> None:
    request: Any = message.request
    connection.searches.abandon(request.message_id)  # writes are beyond recall: RFC 4511 §4.11 allows that


def _serve_unbind(
    connection: LDAPConnection, txn: ReadTransaction, schema: Schema, message: LDAPMessage, out: list[bytes]
) -> None:
    """The session has ended itself; the connection closes after this chunk."""


_SERVED: dict[type, Serve] = {
    AddRequest: _serve_write,
    ModifyRequest: _serve_write,
    DeleteRequest: _serve_write,
    ModifyDNRequest: _serve_write,
    CompareRequest: _serve_compare,
    AbandonRequest: _serve_abandon,
    UnbindRequest: _serve_unbind,
    BindRequest: binding.serve_bind,
    ExtendedRequest: extended.serve_extended,
}
