"""The client's side of LDAP messages: requests to octets, responses from octets (RFC 4511 section 4).

Used where this project is a client: command line, benchmarks, tests. Not on the server's hot path, so the
values are frozen. `decode_message(encode_request(m)) == m`.
"""

from dataclasses import dataclass, field

from lightwave.directory.ldap.controls import Control, decode_controls, encode_controls
from lightwave.directory.ldap.filters import encode_filter
from lightwave.directory.ldap.requests import (
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
    ModifyDNRequest,
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
    TAG_INTERMEDIATE_RESPONSE,
    TAG_MODIFY_DN_RESPONSE,
    TAG_MODIFY_RESPONSE,
    TAG_SEARCH_DONE,
    TAG_SEARCH_ENTRY,
    TAG_SEARCH_REFERENCE,
    encode_partial_attribute,
)
from lightwave.directory.ldap.result import ResultCode
from lightwave.wire.ber import (
    BerError,
    check_elements,
    decode_integer,
    encode_boolean,
    encode_integer,
    encode_octet_string,
    encode_sequence,
    encode_tlv,
    read_element,
    read_header,
)

_RESULT_TAGS = frozenset(
    (
        TAG_BIND_RESPONSE,
        TAG_SEARCH_DONE,
        TAG_MODIFY_RESPONSE,
        TAG_ADD_RESPONSE,
        TAG_DELETE_RESPONSE,
        TAG_MODIFY_DN_RESPONSE,
        TAG_COMPARE_RESPONSE,
        TAG_EXTENDED_RESPONSE,
    )
)


# LDAPResult ::= SEQUENCE { resultCode, matchedDN, diagnosticMessage, referral [3] OPTIONAL }, and what
# BindResponse (serverSaslCreds [7]) and ExtendedResponse (responseName [10], responseValue [11]) add
@dataclass(frozen=True, slots=True)
class Result:
    """A response that ends an operation; `tag` tells which. `code` is a plain int if nobody knows it."""

    tag: int
    code: ResultCode | int
    matched: bytes = b""
    message: str = ""
    referrals: tuple[bytes, ...] = ()
    server_credentials: bytes | None = field(default=None, repr=False)
    oid: str | None = None
    value: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SearchEntry:
    """[APPLICATION 4] SEQUENCE { objectName LDAPDN, attributes PartialAttributeList }"""

    dn: bytes
    attributes: tuple[tuple[str, tuple[bytes, ...]], ...]


@dataclass(frozen=True, slots=True)
class SearchReference:
    """[APPLICATION 19] SEQUENCE OF uri URI"""

    urls: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Intermediate:
    """[APPLICATION 25] SEQUENCE { responseName [0] OPTIONAL, responseValue [1] OPTIONAL }"""

    oid: str | None
    value: bytes | None


Response = Result | SearchEntry | SearchReference | Intermediate


@dataclass(frozen=True, slots=True)
class ResponseMessage:
    """LDAPMessage from a server; message id 0 is an unsolicited notification."""

    message_id: int
    response: Response
    controls: tuple[Control, ...] = ()


def encode_request(message_id: int, request: Request, controls: tuple[Control, ...] = ()) -> bytes:
    """One LDAPMessage."""
    return encode_sequence(encode_integer(message_id), _encode_operation(request), encode_controls(controls))


def _encode_operation(request: Request) -> bytes:
    parts: tuple[bytes, ...]
    match request:
        case SearchRequest():
            return _encode_search(request)
        case BindRequest(version, name, authentication):
            parts = (encode_integer(version), encode_octet_string(name), _encode_credentials(authentication))
            return encode_sequence(*parts, tag=TAG_BIND_REQUEST)
        case UnbindRequest():
            return encode_tlv(TAG_UNBIND_REQUEST, b"")
        case AddRequest(dn, attributes):
            encoded = [encode_partial_attribute(name.encode(), values) for name, values in attributes]
            parts = (encode_octet_string(dn), encode_sequence(*encoded))
            return encode_sequence(*parts, tag=TAG_ADD_REQUEST)
        case ModifyRequest(dn, changes):
            encoded = [
                encode_sequence(
                    encode_integer(change.kind, 0x0A),
                    encode_partial_attribute(change.attribute.encode(), change.values),
                )
                for change in changes
            ]
            parts = (encode_octet_string(dn), encode_sequence(*encoded))
            return encode_sequence(*parts, tag=TAG_MODIFY_REQUEST)
        case DeleteRequest(dn):
            return encode_tlv(TAG_DELETE_REQUEST, dn)
        case ModifyDNRequest(dn, new_rdn, delete_old_rdn, new_superior):
            superior = b"" if new_superior is None else encode_tlv(0x80, new_superior)
            parts = (encode_octet_string(dn), encode_octet_string(new_rdn), encode_boolean(delete_old_rdn))
            return encode_sequence(*parts, superior, tag=TAG_MODIFY_DN_REQUEST)
        case CompareRequest(dn, attribute, value):
            ava = encode_sequence(encode_octet_string(attribute.encode()), encode_octet_string(value))
            return encode_sequence(encode_octet_string(dn), ava, tag=TAG_COMPARE_REQUEST)
        case AbandonRequest(message_id):
            return encode_integer(message_id, TAG_ABANDON_REQUEST)
        case ExtendedRequest(oid, value):
            content = b"" if value is None else encode_tlv(0x81, value)
            return encode_sequence(encode_tlv(0x80, oid.encode("ascii")), content, tag=TAG_EXTENDED_REQUEST)


def _encode_credentials(credentials: SimpleCredentials | SaslCredentials | UnknownCredentials) -> bytes:
    match credentials:
        case SimpleCredentials(password):
            return encode_tlv(0x80, password)
        case SaslCredentials(mechanism, response):
            tail = b"" if response is None else encode_octet_string(response)
            return encode_sequence(encode_octet_string(mechanism.encode()), tail, tag=0xA3)
        case UnknownCredentials(tag):
            return encode_tlv(tag, b"")


def _encode_search(request: SearchRequest) -> bytes:
    return encode_sequence(
        encode_octet_string(request.base),
        encode_integer(request.scope, 0x0A),
        encode_integer(request.deref, 0x0A),
        encode_integer(request.size_limit),
        encode_integer(request.time_limit),
        encode_boolean(request.types_only),
        encode_filter(request.filter),
        encode_sequence(*[encode_octet_string(name.encode()) for name in request.attributes]),
        tag=TAG_SEARCH_REQUEST,
    )


def decode_response(pdu: bytes) -> ResponseMessage:
    """One whole LDAPMessage from a server. Raises BerError."""
    pos, end = read_element(pdu, 0, len(pdu), 0x30)
    if end != len(pdu):
        raise BerError("octets after the message")
    start, pos = read_element(pdu, pos, end, 0x02)
    message_id = decode_integer(pdu, start, pos)
    tag, start, stop = read_header(pdu, pos, end)
    controls: tuple[Control, ...] = ()
    if stop != end:
        control_tag, control_start, after = read_header(pdu, stop, end)
        if control_tag == 0xA0:
            controls = decode_controls(pdu, control_start, after)
        check_elements(pdu, after, end)
    return ResponseMessage(message_id, _decode_operation(pdu, tag, start, stop), controls)


def _decode_operation(data: bytes, tag: int, start: int, stop: int) -> Response:
    if tag in _RESULT_TAGS:
        return _decode_result(data, tag, start, stop)
    if tag == TAG_SEARCH_ENTRY:
        return _decode_entry(data, start, stop)
    if tag == TAG_SEARCH_REFERENCE:
        return SearchReference(_decode_strings(data, start, stop))
    if tag == TAG_INTERMEDIATE_RESPONSE:
        parts = _decode_tagged(data, start, stop)
        oid = parts.get(0x80)
        return Intermediate(None if oid is None else _text(oid), parts.get(0x81))
    raise BerError("not a response")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def _decode_strings(data: bytes, pos: int, end: int) -> tuple[bytes, ...]:
    values: list[bytes] = []
    while pos < end:
        start, pos = read_element(data, pos, end, 0x04)
        values.append(data[start:pos])
    return tuple(values)


def _decode_tagged(data: bytes, pos: int, end: int) -> dict[int, bytes]:
    """Optional components by their tags, unknown ones among them."""
    parts: dict[int, bytes] = {}
    while pos < end:
        tag, start, pos = read_header(data, pos, end)
        parts[tag] = data[start:pos]
    return parts


def _decode_result(data: bytes, tag: int, pos: int, end: int) -> Result:
    start, pos = read_element(data, pos, end, 0x0A)
    number = decode_integer(data, start, pos)
    code = ResultCode(number) if number in ResultCode._value2member_map_ else number
    matched_start, matched_stop = read_element(data, pos, end, 0x04)
    start, stop = read_element(data, matched_stop, end, 0x04)
    parts = _decode_tagged(data, stop, end)
    urls = parts.get(0xA3, b"")
    oid = parts.get(0x8A)
    return Result(
        tag,
        code,
        data[matched_start:matched_stop],
        _text(data[start:stop]),
        _decode_strings(urls, 0, len(urls)),
        parts.get(0x87),
        None if oid is None else _text(oid),
        parts.get(0x8B),
    )


def _decode_entry(data: bytes, pos: int, end: int) -> SearchEntry:
    dn_start, dn_stop = read_element(data, pos, end, 0x04)
    pos, stop = read_element(data, dn_stop, end, 0x30)
    attributes: list[tuple[str, tuple[bytes, ...]]] = []
    while pos < stop:
        start, pos = read_element(data, pos, stop, 0x30)
        name_start, name_stop = read_element(data, start, pos, 0x04)
        values_start, values_stop = read_element(data, name_stop, pos, 0x31)
        values = _decode_strings(data, values_start, values_stop)
        attributes.append((_text(data[name_start:name_stop]), values))
    return SearchEntry(data[dn_start:dn_stop], tuple(attributes))
