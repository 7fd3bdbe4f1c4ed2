"""Encoders of LDAP responses (RFC 4511 section 4), for the server side. Pure; octets out.

`encode_entry` and `encode_result` are on the way of every search: plain functions that join parts once. An
entry's attributes come encoded from the store.
"""

from collections.abc import Iterable
from typing import Final

from lightwave.directory.ldap.controls import Control, encode_controls
from lightwave.directory.ldap.extended import NOTICE_OF_DISCONNECTION
from lightwave.wire.ber import LENGTHS, encode_integer, encode_length, encode_sequence, encode_tlv

_SHORT: Final = len(LENGTHS) - 10
"""octets of a name and of attributes, so that what is around them has a length that is at hand too"""

TAG_BIND_RESPONSE: Final = 0x61
TAG_SEARCH_ENTRY: Final = 0x64
TAG_SEARCH_DONE: Final = 0x65
TAG_MODIFY_RESPONSE: Final = 0x67
TAG_ADD_RESPONSE: Final = 0x69
TAG_DELETE_RESPONSE: Final = 0x6B
TAG_MODIFY_DN_RESPONSE: Final = 0x6D
TAG_COMPARE_RESPONSE: Final = 0x6F
TAG_SEARCH_REFERENCE: Final = 0x73
TAG_EXTENDED_RESPONSE: Final = 0x78
TAG_INTERMEDIATE_RESPONSE: Final = 0x79


def _encode_message(message_id: int, tag: int, content: bytes, controls: tuple[Control, ...] = ()) -> bytes:
    """LDAPMessage around a protocolOp of which the content is given."""
    number = encode_integer(message_id)
    length = encode_length(len(content))
    if controls:
        return encode_sequence(number, encode_tlv(tag, content), encode_controls(controls))
    size = len(number) + 1 + len(length) + len(content)
    return b"0%b%b%c%b%b" % (encode_length(size), number, tag, length, content)


# LDAPResult ::= SEQUENCE { resultCode ENUMERATED, matchedDN LDAPDN, diagnosticMessage LDAPString,
#     referral [3] SEQUENCE OF URI OPTIONAL }
def _result(code: int, matched: bytes, message: str, referrals: tuple[bytes, ...]) -> bytes:
    """The components of LDAPResult, without a header."""
    if code < 0x80 and not matched and not message and not referrals:
        return b"\x0a\x01%c\x04\x00\x04\x00" % code
    parts = [
        encode_integer(code, 0x0A),
        encode_tlv(0x04, matched),
        encode_tlv(0x04, message.encode("utf-8", "replace")),
    ]
    if referrals:
        parts.append(encode_sequence(*[encode_tlv(0x04, url) for url in referrals], tag=0xA3))
    return b"".join(parts)


def encode_result(
    message_id: int,
    tag: int,
    code: int,
    matched: bytes = b"",
    message: str = "",
    referrals: tuple[bytes, ...] = (),
    controls: tuple[Control, ...] = (),
) -> bytes:
    """A response that is an LDAPResult (RFC 4511 section 4.1.9).

    `tag` is the response's, `code` a ResultCode.
    """
    return _encode_message(message_id, tag, _result(code, matched, message, referrals), controls)


def encode_success(message_id: int, tag: int) -> bytes:
    """`encode_result` of success with nothing besides: how most operations end."""
    number = encode_integer(message_id)
    return b"0%c%b%c\x07\x0a\x01\x00\x04\x00\x04\x00" % (len(number) + 9, number, tag)


def encode_bind_result(
    message_id: int,
    code: int,
    matched: bytes = b"",
    message: str = "",
    referrals: tuple[bytes, ...] = (),
    controls: tuple[Control, ...] = (),
    *,
    server_credentials: bytes | None = None,
) -> bytes:
    """BindResponse (RFC 4511 section 4.2.2)."""
    if not (code or matched or message or referrals or controls) and server_credentials is None:
        return encode_success(message_id, TAG_BIND_RESPONSE)
    content = _result(code, matched, message, referrals)
    if server_credentials is not None:
        content += encode_tlv(0x87, server_credentials)
    return _encode_message(message_id, TAG_BIND_RESPONSE, content, controls)


def encode_extended_result(
    message_id: int,
    code: int,
    matched: bytes = b"",
    message: str = "",
    referrals: tuple[bytes, ...] = (),
    controls: tuple[Control, ...] = (),
    *,
    oid: str | None = None,
    value: bytes | None = None,
) -> bytes:
    """ExtendedResponse (RFC 4511 section 4.12)."""
    content = _result(code, matched, message, referrals)
    if oid is not None:
        content += encode_tlv(0x8A, oid.encode("ascii"))
    if value is not None:
        content += encode_tlv(0x8B, value)
    return _encode_message(message_id, TAG_EXTENDED_RESPONSE, content, controls)


def encode_partial_attribute(name: bytes, values: Iterable[bytes]) -> bytes:
    """PartialAttribute ::= SEQUENCE { type AttributeDescription, vals SET OF AttributeValue }"""
    content = b"".join([b"\x04%b%b" % (encode_length(len(value)), value) for value in values])
    return encode_sequence(encode_tlv(0x04, name), encode_tlv(0x31, content))


def encode_entry(
    message_id: int, dn: bytes, attributes: bytes, controls: tuple[Control, ...] = (), tail: bytes = b""
) -> bytes:
    """SearchResultEntry (RFC 4511 section 4.5.2); `attributes` is a series of encoded PartialAttributes.

    `tail` is what `encode_controls` made, for who sends many entries with nearly the same controls.
    """
    number = encode_integer(message_id)
    if controls:
        tail = encode_controls(controls)
    name_size, list_size = len(dn), len(attributes)
    if name_size + list_size < _SHORT:  # every length is at hand (0.4 µs less; most entries are short)
        name_length, list_length = LENGTHS[name_size], LENGTHS[list_size]
        size = 2 + len(name_length) + name_size + len(list_length) + list_size
        op_length = LENGTHS[size]
    else:
        name_length, list_length = encode_length(name_size), encode_length(list_size)
        size = 2 + len(name_length) + name_size + len(list_length) + list_size
        op_length = encode_length(size)
    return b"0%b%b\x64%b\x04%b%b0%b%b%b" % (
        encode_length(len(number) + 1 + len(op_length) + size + len(tail)),
        number,
        op_length,
        name_length,
        dn,
        list_length,
        attributes,
        tail,
    )


def encode_reference(message_id: int, urls: Iterable[bytes], controls: tuple[Control, ...] = ()) -> bytes:
    """SearchResultReference (RFC 4511 section 4.5.2): a continuation reference of one URL or more."""
    content = b"".join([encode_tlv(0x04, url) for url in urls])
    return _encode_message(message_id, TAG_SEARCH_REFERENCE, content, controls)


def encode_intermediate(
    message_id: int,
    oid: str | None = None,
    value: bytes | None = None,
    controls: tuple[Control, ...] = (),
) -> bytes:
    """IntermediateResponse (RFC 4511 section 4.13)."""
    content = b"" if oid is None else encode_tlv(0x80, oid.encode("ascii"))
    content += b"" if value is None else encode_tlv(0x81, value)
    return _encode_message(message_id, TAG_INTERMEDIATE_RESPONSE, content, controls)


def encode_notice_of_disconnection(code: int, message: str = "") -> bytes:
    """The unsolicited notification that ends a session (RFC 4511 section 4.4.1)."""
    return encode_extended_result(0, code, message=message, oid=NOTICE_OF_DISCONNECTION)
