"""Each kind of request but search: what is done with it on a connection, one function each.

Controls are checked first, for all alike. Writes go to the pipeline and are answered after their commit;
compare is answered from the transaction of the chunk.
"""

from __future__ import annotations

import socket
import struct
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
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.request_controls import check_controls
from lightwave.directory.server import binding, extended
from lightwave.sasl.channel import Channel

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
    except Exception as error:  # noqa: BLE001  the client gets a result, the log the rest
        out.append(connection.refusal(message_id, tag, error))
        return

    def done(outcome: Outcome) -> None:
        connection.answer(message_id, tag, outcome)
        connection.finish_write()

    connection.writes += 1
    connection.service.pipeline.submit(connection.context(message.controls), request, done)


def _serve_compare(
    connection: LDAPConnection, txn: ReadTransaction, schema: Schema, message: LDAPMessage, out: list[bytes]
) -> None:
    request: Any = message.request
    try:
        check_controls(CompareRequest, message.controls)
        outcome = compare(txn, schema, connection.context(message.controls), request)
    except Exception as error:  # noqa: BLE001  the client gets a result, the log the rest
        out.append(connection.refusal(message.message_id, TAG_COMPARE_RESPONSE, error))
        return
    out.append(connection.encode_outcome(message.message_id, TAG_COMPARE_RESPONSE, outcome))


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


def peer_uid(transport: Any) -> int | None:
    """User id of the process at the other end of a local socket (SO_PEERCRED)."""
    credentials = transport.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return int(uid)


def tls_channel(transport: Any, channel: Channel) -> Channel:
    """The channel with the client's certificate, when TLS has verified one."""
    handle = getattr(transport, "getPeerCertificate", None)
    certificate = handle() if handle is not None else None
    if certificate is None:
        return channel
    der = binding.certificate_der(certificate)
    chain = tuple(
        binding.certificate_der(one) for one in (transport.getHandle().get_peer_cert_chain() or ())[1:]
    )
    return Channel(is_confidential=True, certificate=der, chain=chain, address=channel.address)
