"""LDAPMessage from the wire (RFC 4511 section 4), for the server side.

Invariants
- Unknown components at the end of any SEQUENCE are ignored if they are whole elements (RFC 4511 section 4 and
  EXTENSIBILITY IMPLIED of its module). Unknown alternatives are a RequestError: it costs that request.
- Every count and size is checked against the limits before anything is made of it.

The decoder is on the way of every request: plain functions over offsets into the received octets, dataclasses
with slots that are not frozen. A search request with an equality filter takes about 4 µs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lightwave.directory.ldap.controls import MAX_INT, Control, decode_controls, decode_oid_text
from lightwave.directory.ldap.filters import Equality, Filter, Present, decode_filter, decode_text
from lightwave.directory.ldap.limits import DEFAULT_LIMITS, DecodeLimits
from lightwave.directory.ldap.requests import (
    SCOPE_SUBORDINATE,
    TAG_ABANDON_REQUEST,
    TAG_ADD_REQUEST,
    TAG_BIND_REQUEST,
    TAG_COMPARE_REQUEST,
    TAG_DELETE_REQUEST,
    TAG_EXTENDED_REQUEST,
    TAG_MODIFY_DN_REQUEST,
    TAG_MODIFY_REQUEST,
    TAG_SEARCH_REQUEST,
    TAG_UNBIND_REQUEST,
    AbandonRequest,
    AddRequest,
    BindRequest,
    CompareRequest,
    DeleteRequest,
    ExtendedRequest,
    Modification,
    ModifyDNRequest,
    ModifyKind,
    ModifyRequest,
    Request,
    SaslCredentials,
    SearchRequest,
    SimpleCredentials,
    UnbindRequest,
    UnknownCredentials,
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
)
from lightwave.directory.ldap.result import RequestError
from lightwave.wire.ber import (
    BerError,
    check_elements,
    decode_boolean,
    decode_integer,
    read_element,
    read_header,
)

# The tag of the response that ends an operation; unbind and abandon have none.
RESPONSE_TAGS: Final = {
    TAG_BIND_REQUEST: TAG_BIND_RESPONSE,
    TAG_SEARCH_REQUEST: TAG_SEARCH_DONE,
    TAG_MODIFY_REQUEST: TAG_MODIFY_RESPONSE,
    TAG_ADD_REQUEST: TAG_ADD_RESPONSE,
    TAG_DELETE_REQUEST: TAG_DELETE_RESPONSE,
    TAG_MODIFY_DN_REQUEST: TAG_MODIFY_DN_RESPONSE,
    TAG_COMPARE_REQUEST: TAG_COMPARE_RESPONSE,
    TAG_EXTENDED_REQUEST: TAG_EXTENDED_RESPONSE,
}


# LDAPMessage ::= SEQUENCE { messageID MessageID, protocolOp CHOICE { ... }, controls [0] Controls OPTIONAL }
@dataclass(slots=True)
class LDAPMessage:
    """One request with its message id (1 to 2^31-1) and controls."""

    message_id: int
    request: Request
    controls: tuple[Control, ...] = ()


def decode_message(pdu: bytes, limits: DecodeLimits = DEFAULT_LIMITS) -> LDAPMessage:
    """One whole LDAPMessage -> the request.

    Raises BerError when the session must end (RFC 4511 section 4.1.1), RequestError when the request can be
    answered.
    """
    start, stop = read_element(pdu, 0, len(pdu), 0x30)
    if stop != len(pdu):
        raise BerError("octets after the message")
    return decode_message_content(pdu, start, stop, limits)


def decode_message_content(
    data: bytes, pos: int, end: int, limits: DecodeLimits = DEFAULT_LIMITS
) -> LDAPMessage:
    """Like `decode_message`, for the content of an LDAPMessage: from `pos` to `end` of what was received."""
    start = pos + 2
    # A message id of one to four octets of which the first is neither zero nor negative: in shortest form and in
    # range as it stands (0.4 µs less than by the general way).
    if start + 4 < end and data[pos] == 0x02 and 0 < (size := data[pos + 1]) <= 4 and 0 < data[start] < 0x80:
        pos = start + size
        message_id = int.from_bytes(data[start:pos], "big")
    else:
        start, pos = read_element(data, pos, end, 0x02)
        message_id = decode_integer(data, start, pos)
        if not 0 < message_id <= MAX_INT:
            raise BerError("message id out of range")
    tag, start, stop = read_header(data, pos, end)
    decode = _DECODERS.get(tag)
    if decode is None:
        raise BerError("not a request")
    controls: tuple[Control, ...] = ()
    try:
        if stop != end:
            control_tag, control_start, after = read_header(data, stop, end)
            if control_tag == 0xA0:
                controls = decode_controls(data, control_start, after, limits)
            if after != end:
                check_elements(data, after, end)
        return LDAPMessage(message_id, decode(data, start, stop, limits), controls)
    except RequestError as error:
        if tag not in RESPONSE_TAGS or tag == TAG_BIND_REQUEST:
            # Without a response to refuse it by; or a bind, which must not fail without the operation
            # knowing.
            raise BerError(error.message) from None
        error.message_id = message_id
        error.response_tag = RESPONSE_TAGS[tag]
        raise


def _decode_bind(data: bytes, pos: int, end: int, limits: DecodeLimits) -> BindRequest:
    # Version 3, name and password of lengths below 128, and nothing after them: 1 µs less than element by element.
    if data[pos : pos + 4] == b"\x02\x01\x03\x04" and pos + 5 <= end and (size := data[pos + 4]) < 0x80:
        start = pos + 5
        stop = start + size
        if (
            stop + 2 <= end
            and data[stop] == 0x80
            and (size := data[stop + 1]) < 0x80
            and stop + 2 + size == end
        ):
            return BindRequest(3, data[start:stop], SimpleCredentials(data[stop + 2 : end]))
    start, pos = read_element(data, pos, end, 0x02)
    version = decode_integer(data, start, pos)
    name_start, pos = read_element(data, pos, end, 0x04)
    name = data[name_start:pos]
    tag, start, stop = read_header(data, pos, end)
    if stop != end:
        check_elements(data, stop, end)
    if tag == 0x80:
        return BindRequest(version, name, SimpleCredentials(data[start:stop]))
    if tag != 0xA3:
        return BindRequest(version, name, UnknownCredentials(tag))
    mechanism_start, pos = read_element(data, start, stop, 0x04)
    mechanism = decode_text(data[mechanism_start:pos])
    credentials: bytes | None = None
    if pos != stop:
        tag, start, after = read_header(data, pos, stop)
        if tag == 0x04:
            credentials = data[start:after]
        check_elements(data, after, stop)
    return BindRequest(version, name, SaslCredentials(mechanism, credentials))


def _decode_unbind(data: bytes, pos: int, end: int, limits: DecodeLimits) -> UnbindRequest:
    if pos != end:
        raise BerError("unbind request with content")
    return UnbindRequest()


def _read_small_integer(data: bytes, pos: int, end: int, tag: int) -> tuple[int, int]:
    """An ENUMERATED or INTEGER (0 .. maxInt) and the offset after it."""
    start, stop = read_element(data, pos, end, tag)
    value = decode_integer(data, start, stop)
    if not 0 <= value <= MAX_INT:
        raise RequestError("number out of range")
    return value, stop


@lru_cache(maxsize=1024)
def _known_selection(content: bytes) -> tuple[str, ...]:
    return _decode_selection(content, 0, len(content), DEFAULT_LIMITS)


def _decode_selection(data: bytes, pos: int, end: int, limits: DecodeLimits) -> tuple[str, ...]:
    """AttributeSelection ::= SEQUENCE OF selector LDAPString, by its content."""
    names: list[str] = []
    while pos < end:
        start, pos = read_element(data, pos, end, 0x04)
        if len(names) == limits.selection:
            raise RequestError("too many attributes asked for")
        names.append(decode_text(data[start:pos]))
    return tuple(names)


@lru_cache(maxsize=1024)
def _known_presence(name: bytes) -> Present:
    return Present(decode_text(name))


def _read_filter(data: bytes, pos: int, end: int, limits: DecodeLimits) -> tuple[Filter, int]:
    """`decode_filter`, 1 µs shorter for what nearly all requests have: presence, or equality of short parts."""
    if pos + 6 <= end:
        tag = data[pos]
        stop = pos + 2 + data[pos + 1]
        # Lengths of one octet: of several they begin above 0x7F, and `stop` would be too far.
        if tag == 0xA3 and stop <= end and stop < pos + 0x82 and data[pos + 2] == 0x04:
            value = pos + 4 + data[pos + 3]
            if value + 2 <= stop and data[value] == 0x04 and value + 2 + data[value + 1] == stop:
                return Equality(decode_text(data[pos + 4 : value]), data[value + 2 : stop]), stop
        elif tag == 0x87 and stop <= end and stop < pos + 0x42:
            return _known_presence(data[pos + 2 : stop]), stop
    return decode_filter(data, pos, end, limits)


def _decode_search(data: bytes, pos: int, end: int, limits: DecodeLimits) -> SearchRequest:
    base_start, pos = read_element(data, pos, end, 0x04)
    base = data[base_start:pos]
    # What nearly all clients send: limits below 128, so that five elements stand at known places.
    if (
        pos + 15 < end
        and data[pos : pos + 2] == b"\x0a\x01"
        and data[pos + 3 : pos + 5] == b"\x0a\x01"
        and data[pos + 6 : pos + 8] == b"\x02\x01"
        and data[pos + 9 : pos + 11] == b"\x02\x01"
        and data[pos + 12 : pos + 14] == b"\x01\x01"
        and (data[pos + 8] | data[pos + 11]) < 0x80
    ):
        scope = data[pos + 2]
        deref = data[pos + 5]
        size_limit = data[pos + 8]
        time_limit = data[pos + 11]
        types_only = data[pos + 14] != 0
        pos += 15
    else:
        scope, pos = _read_small_integer(data, pos, end, 0x0A)
        deref, pos = _read_small_integer(data, pos, end, 0x0A)
        size_limit, pos = _read_small_integer(data, pos, end, 0x02)
        time_limit, pos = _read_small_integer(data, pos, end, 0x02)
        start, pos = read_element(data, pos, end, 0x01)
        types_only = decode_boolean(data, start, pos)
    if scope > SCOPE_SUBORDINATE or deref > 3:
        raise RequestError("unknown scope or handling of aliases")
    node, pos = _read_filter(data, pos, end, limits)
    start, stop = read_element(data, pos, end, 0x30)
    if stop - start <= 256:
        attributes = _known_selection(data[start:stop])
    else:
        attributes = _decode_selection(data, start, stop, limits)
    if stop != end:
        check_elements(data, stop, end)
    return SearchRequest(base, scope, deref, size_limit, time_limit, types_only, node, attributes)


class _ValueBudget:
    """What is left of the values one request may have."""

    __slots__ = ("size", "values")

    def __init__(self, limits: DecodeLimits) -> None:
        self.values = limits.values
        self.size = limits.value_size

    def read_attribute(self, data: bytes, pos: int, end: int) -> tuple[str, tuple[bytes, ...]]:
        """PartialAttribute ::= SEQUENCE { type, vals SET OF AttributeValue }, by its content."""
        start, pos = read_element(data, pos, end, 0x04)
        name = decode_text(data[start:pos])
        pos, stop = read_element(data, pos, end, 0x31)
        if stop != end:
            check_elements(data, stop, end)
        values: list[bytes] = []
        while pos < stop:
            start, pos = read_element(data, pos, stop, 0x04)
            if pos - start > self.size:
                raise RequestError("attribute value too long")
            if len(values) == self.values:
                raise RequestError("too many attribute values")
            values.append(data[start:pos])
        self.values -= len(values)
        return name, tuple(values)


def _decode_add(data: bytes, pos: int, end: int, limits: DecodeLimits) -> AddRequest:
    dn_start, dn_stop = read_element(data, pos, end, 0x04)
    pos, stop = read_element(data, dn_stop, end, 0x30)
    if stop != end:
        check_elements(data, stop, end)
    budget = _ValueBudget(limits)
    attributes: list[tuple[str, tuple[bytes, ...]]] = []
    while pos < stop:
        start, pos = read_element(data, pos, stop, 0x30)
        if len(attributes) == limits.attributes:
            raise RequestError("too many attributes")
        name, values = budget.read_attribute(data, start, pos)
        if not values:
            raise RequestError("attribute without values")  # RFC 4511 section 4.1.7: SIZE (1..MAX)
        attributes.append((name, values))
    return AddRequest(data[dn_start:dn_stop], tuple(attributes))


def _decode_modify(data: bytes, pos: int, end: int, limits: DecodeLimits) -> ModifyRequest:
    dn_start, dn_stop = read_element(data, pos, end, 0x04)
    pos, stop = read_element(data, dn_stop, end, 0x30)
    if stop != end:
        check_elements(data, stop, end)
    budget = _ValueBudget(limits)
    changes: list[Modification] = []
    while pos < stop:
        start, pos = read_element(data, pos, stop, 0x30)
        if len(changes) == limits.attributes:
            raise RequestError("too many changes")
        kind, start = _read_small_integer(data, start, pos, 0x0A)
        if kind > ModifyKind.INCREMENT:
            raise RequestError("unknown kind of change")
        attribute_start, attribute_stop = read_element(data, start, pos, 0x30)
        if attribute_stop != pos:
            check_elements(data, attribute_stop, pos)
        name, values = budget.read_attribute(data, attribute_start, attribute_stop)
        changes.append(Modification(ModifyKind(kind), name, values))
    return ModifyRequest(data[dn_start:dn_stop], tuple(changes))


def _decode_delete(data: bytes, pos: int, end: int, limits: DecodeLimits) -> DeleteRequest:
    return DeleteRequest(data[pos:end])


def _decode_modify_dn(data: bytes, pos: int, end: int, limits: DecodeLimits) -> ModifyDNRequest:
    start, pos = read_element(data, pos, end, 0x04)
    dn = data[start:pos]
    start, pos = read_element(data, pos, end, 0x04)
    new_rdn = data[start:pos]
    start, pos = read_element(data, pos, end, 0x01)
    delete_old_rdn = decode_boolean(data, start, pos)
    new_superior: bytes | None = None
    if pos != end:
        tag, start, pos = read_header(data, pos, end)
        if tag == 0x80:
            new_superior = data[start:pos]
        check_elements(data, pos, end)
    return ModifyDNRequest(dn, new_rdn, delete_old_rdn, new_superior)


def _decode_compare(data: bytes, pos: int, end: int, limits: DecodeLimits) -> CompareRequest:
    start, pos = read_element(data, pos, end, 0x04)
    dn = data[start:pos]
    ava_start, ava_stop = read_element(data, pos, end, 0x30)
    check_elements(data, ava_stop, end)
    name_start, name_stop = read_element(data, ava_start, ava_stop, 0x04)
    start, stop = read_element(data, name_stop, ava_stop, 0x04)
    check_elements(data, stop, ava_stop)
    return CompareRequest(dn, decode_text(data[name_start:name_stop]), data[start:stop])


def _decode_abandon(data: bytes, pos: int, end: int, limits: DecodeLimits) -> AbandonRequest:
    message_id = decode_integer(data, pos, end)
    if not 0 <= message_id <= MAX_INT:
        raise BerError("message id out of range")
    return AbandonRequest(message_id)


def _decode_extended(data: bytes, pos: int, end: int, limits: DecodeLimits) -> ExtendedRequest:
    start, pos = read_element(data, pos, end, 0x80)
    oid = decode_oid_text(data, start, pos)
    value: bytes | None = None
    if pos != end:
        tag, start, pos = read_header(data, pos, end)
        if tag == 0x81:
            value = data[start:pos]
        check_elements(data, pos, end)
    return ExtendedRequest(oid, value)


_DECODERS: Final[dict[int, Callable[[bytes, int, int, DecodeLimits], Request]]] = {
    TAG_BIND_REQUEST: _decode_bind,
    TAG_UNBIND_REQUEST: _decode_unbind,
    TAG_SEARCH_REQUEST: _decode_search,
    TAG_MODIFY_REQUEST: _decode_modify,
    TAG_ADD_REQUEST: _decode_add,
    TAG_DELETE_REQUEST: _decode_delete,
    TAG_MODIFY_DN_REQUEST: _decode_modify_dn,
    TAG_COMPARE_REQUEST: _decode_compare,
    TAG_ABANDON_REQUEST: _decode_abandon,
    TAG_EXTENDED_REQUEST: _decode_extended,
}
