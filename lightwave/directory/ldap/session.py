"""One LDAP session as the server sees it: octets to requests, and what is in flight (RFC 4511 sections 3, 4).

Theory of operation. The session is always in one of these states:

    state      what received octets become   left by
    OPEN       requests                      a BindRequest -> BINDING; StartTLS -> TLS_ASKED;
                                             unbind or a fatal error -> ENDED
    BINDING    held, undecoded               finish(id of the bind) -> OPEN; too many held -> ENDED
    TLS_ASKED  discarded                     tls_started() or tls_refused() -> OPEN
    ENDED      discarded                     nothing

A request stays in `outstanding` from its return until `finish`. Unbind and abandon never enter it.

After `finish` of a bind the caller asks for what was held by `receive_data(b"")`. While `is_holding` it
should not read from the peer, else more than `max_held` octets may come and end the session.

What can't be served comes out as a `Refused` among the requests, so that answers leave in the order of what
they answer. The Notice of Disconnection stands in `data_to_send()`; take it after all that `receive_data`
returned is answered or begun. Protocol errors come out as `closing`, never as exceptions.

At most `max_pdu` octets of an incomplete PDU are kept; one that claims more is refused at its header. This
is on the way of every request: a chunk that is one whole PDU is decoded where it is, without a copy.
"""

from enum import Enum, auto
from typing import Final, NamedTuple

from lightwave.directory.ldap.decoding import LDAPMessage, decode_message_content
from lightwave.directory.ldap.extended import START_TLS
from lightwave.directory.ldap.limits import SessionLimits
from lightwave.directory.ldap.requests import (
    AddRequest,
    BindRequest,
    CompareRequest,
    DeleteRequest,
    ExtendedRequest,
    ModifyDNRequest,
    ModifyRequest,
    SearchRequest,
    UnbindRequest,
)
from lightwave.directory.ldap.responses import (
    TAG_ADD_RESPONSE,
    TAG_BIND_RESPONSE,
    TAG_COMPARE_RESPONSE,
    TAG_DELETE_RESPONSE,
    TAG_EXTENDED_RESPONSE,
    TAG_MODIFY_DN_RESPONSE,
    TAG_MODIFY_RESPONSE,
    TAG_SEARCH_DONE,
    encode_notice_of_disconnection,
)
from lightwave.directory.ldap.result import RequestError, ResultCode
from lightwave.wire.ber import BerError


class Closing(NamedTuple):
    """Why the server ends the session: what its Notice of Disconnection says."""

    code: ResultCode
    message: str


class Refused(NamedTuple):
    """A request that is malformed, out of place or one too many: to be answered in a response of this tag."""

    message_id: int
    tag: int
    code: ResultCode
    message: str


Event = LDAPMessage | Refused


class _State(Enum):
    OPEN = auto()
    BINDING = auto()
    TLS_ASKED = auto()
    ENDED = auto()


# Requests with a response, and its tag. What is not here is never outstanding.
_RESPONSES: Final[dict[type, int]] = {
    SearchRequest: TAG_SEARCH_DONE,
    BindRequest: TAG_BIND_RESPONSE,
    ModifyRequest: TAG_MODIFY_RESPONSE,
    AddRequest: TAG_ADD_RESPONSE,
    DeleteRequest: TAG_DELETE_RESPONSE,
    ModifyDNRequest: TAG_MODIFY_DN_RESPONSE,
    CompareRequest: TAG_COMPARE_RESPONSE,
    ExtendedRequest: TAG_EXTENDED_RESPONSE,
}
_OPEN: Final = _State.OPEN


class ServerSession:
    """The server's end of one LDAP session.

    `limits` may be changed at any time. `tls_active` says that TLS protects the session (the caller sets it
    for LDAPS), `sasl_pending` that a SASL bind waits for its next step; both make StartTLS an
    operationsError.
    """

    __slots__ = (
        "_bind_id",
        "_buffer",
        "_early",
        "_needed",
        "_output",
        "_state",
        "closing",
        "limits",
        "outstanding",
        "sasl_pending",
        "tls_active",
    )

    def __init__(self, limits: SessionLimits, *, tls_active: bool = False) -> None:
        self.limits = limits
        self.tls_active = tls_active
        self.sasl_pending = False
        self.closing: Closing | None = None
        # message id -> octets of the request << 8 | tag of the response that ends it: one number costs least
        self.outstanding: dict[int, int] = {}
        self._state = _OPEN
        self._buffer = bytearray()
        self._needed = 0  # octets the buffer must have before decoding is worth a try
        self._early = 0  # octets at the buffer's beginning that came while a bind was in progress
        self._bind_id = 0
        self._output = bytearray()

    @property
    def is_holding(self) -> bool:
        """A bind is in progress, so whatever is received now is only kept."""
        return self._state is _State.BINDING

    @property
    def has_held(self) -> bool:
        """Something has been received and not yet been decoded."""
        return bool(self._buffer)

    @property
    def is_ended(self) -> bool:
        """By unbind or a fatal error; nothing is received any more."""
        return self._state is _State.ENDED

    def data_to_send(self) -> bytes:
        """What the session itself has to say; empty if nothing. Each octet is returned once."""
        if not self._output:
            return b""
        output = bytes(self._output)
        self._output.clear()
        return output

    def receive_data(self, data: bytes) -> list[Event]:
        """The requests that `data` completes, in order. With b"", what was held and may be decoded now."""
        if self._state is not _OPEN:
            if self._state is _State.BINDING:
                self._hold(data)
            return []
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        return self._decode_all(data)

    def finish(self, message_id: int) -> None:
        """The operation is over: answered, abandoned or cancelled. Its message id may be used again."""
        self.outstanding.pop(message_id, None)
        if message_id == self._bind_id and self._state is _State.BINDING:
            self._bind_id = 0
            self._early = len(self._buffer)
            self._state = _OPEN

    def tag_of(self, message_id: int) -> int | None:
        """The tag of the response that ends an outstanding request; None when none of this id is outstanding."""
        found = self.outstanding.get(message_id)
        return None if found is None else found & 0xFF

    def octets_of(self, message_id: int) -> int:
        """How long an outstanding request is, its header included; 0 when none of this id is outstanding."""
        return self.outstanding.get(message_id, 0) >> 8

    def stands_for(self, message_id: int, octets: int) -> None:
        """An outstanding request goes on with one that came before it and is so long: that one is what is kept."""
        found = self.outstanding.get(message_id)
        if found is not None:
            self.outstanding[message_id] = octets << 8 | found & 0xFF

    def tls_started(self) -> None:
        """StartTLS succeeded: what is received from now on came through TLS."""
        self.tls_active = True
        self._leave_tls_asked()

    def tls_refused(self) -> None:
        """StartTLS failed: the session goes on as it was."""
        self._leave_tls_asked()

    def disconnect(self, code: ResultCode, message: str) -> None:
        """End the session from the server's side (draining, an idle peer): notice in `data_to_send`."""
        if self._state is not _State.ENDED:
            self._end(code, message)

    def lost(self) -> None:
        """The connection is gone: nothing that was received is kept, however long the session itself is."""
        self._state = _State.ENDED
        self._discard()
        self._output.clear()
        self.outstanding.clear()

    def _leave_tls_asked(self) -> None:
        if self._state is _State.TLS_ASKED:
            self._state = _OPEN

    def _end(self, code: ResultCode, message: str) -> None:
        """RFC 4511 section 4.4.1. The first reason stands."""
        self.closing = Closing(code, message)
        self._output += encode_notice_of_disconnection(code, message)
        self._discard()
        self._state = _State.ENDED

    def _discard(self) -> None:
        self._buffer.clear()
        self._needed = self._early = 0

    def _hold(self, data: bytes) -> None:
        if len(self._buffer) + len(data) > self.limits.max_held:
            self._end(ResultCode.PROTOCOL_ERROR, "too many requests before the bind was answered")
        else:
            self._buffer += data

    def _keep(self, data: bytes, pos: int, needed: int) -> None:
        """Keep the octets from `pos` on as the beginning of a PDU of which `needed` octets must come."""
        self._buffer += data[pos:]
        self._needed = needed
        if self._early:
            self._early = max(0, self._early - pos)

    def _decode_all(self, data: bytes) -> list[Event]:
        """Decode PDU after PDU; keep an incomplete one at the end."""
        events: list[Event] = []
        pos = 0
        end = len(data)
        while pos < end:
            if data[pos] != 0x30:
                self._end(ResultCode.PROTOCOL_ERROR, "not an LDAP message")
                break
            start = pos + 2
            if start > end:
                self._keep(data, pos, 2)
                break
            length = data[pos + 1]
            if length > 0x7F:
                count = length & 0x7F
                if not 0 < count <= 4:
                    self._end(ResultCode.PROTOCOL_ERROR, "indefinite length or length of too many octets")
                    break
                start += count
                if start > end:
                    self._keep(data, pos, start - pos)
                    break
                length = int.from_bytes(data[pos + 2 : start], "big")
            stop = start + length
            octets = stop - pos
            if octets > self.limits.max_pdu:
                self._end(ResultCode.PROTOCOL_ERROR, "message too long")
                break
            if stop > end:
                self._keep(data, pos, octets)
                break
            try:
                message = decode_message_content(data, start, stop, self.limits.decode)
            except RequestError as error:
                self._refuse(events, error.message_id, error.response_tag, error.code, error.message)
            except BerError as error:
                self._end(ResultCode.PROTOCOL_ERROR, str(error))
            else:
                self._accept(message, pos, octets, events)
            pos = stop
            if self._state is not _OPEN:
                self._leave_open(data, pos)
                break
        else:
            self._early = 0
        return events

    def _leave_open(self, data: bytes, pos: int) -> None:
        """What follows in the chunk is held during a bind; else it is discarded (RFC 4511 section 4.14.1)."""
        if self._state is _State.BINDING:
            self._discard()
            self._hold(data[pos:])
        else:
            self._discard()

    def _refuse(self, events: list[Event], message_id: int, tag: int, code: ResultCode, message: str) -> None:
        if message_id in self.outstanding:
            self._end(ResultCode.PROTOCOL_ERROR, "message id in use")
        else:
            events.append(Refused(message_id, tag, code, message))

    def _accept(self, message: LDAPMessage, pos: int, octets: int, events: list[Event]) -> None:
        """Enter a request of so many octets, which came at offset `pos`, into the books; return it by `events`."""
        message_id = message.message_id
        request = message.request
        if message_id in self.outstanding:
            # RFC 4511 section 4.1.1.1: ids of requests in progress MUST differ
            self._end(ResultCode.PROTOCOL_ERROR, "message id in use")
            return
        kind = type(request)
        tag = _RESPONSES.get(kind)
        if tag is None:
            if kind is UnbindRequest:
                self._state = _State.ENDED
            events.append(message)
            return
        if kind is BindRequest:
            self._state = _State.BINDING
            self._bind_id = message_id
        elif len(self.outstanding) >= self.limits.outstanding:
            events.append(Refused(message_id, tag, ResultCode.BUSY, "too many requests are outstanding"))
            return
        elif isinstance(request, ExtendedRequest) and request.oid == START_TLS:
            if self.outstanding or self.tls_active or self.sasl_pending or pos < self._early:
                # RFC 4511 section 4.14.1, RFC 4513 section 3.1.1
                self._refuse(
                    events, message_id, tag, ResultCode.OPERATIONS_ERROR, "StartTLS is not possible now"
                )
                return
            self._state = _State.TLS_ASKED
        self.outstanding[message_id] = octets << 8 | tag
        events.append(message)
