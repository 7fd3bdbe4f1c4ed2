"""Basic Encoding Rules: bytes to tag-length-value triples and back (ITU-T X.690).

Role: the one BER reader and writer. It knows types of X.690, not the messages made of them.

Invariants
- Definite lengths only (RFC 4511 section 5.1); at most four length octets. A length may be longer than it
  need be, since X.690 allows that outside DER and Windows' LDAP client encodes every constructed length in
  five octets.
- Tags of one octet only; nothing that uses this module has others.
- An element never reaches beyond the end it was given, so a nested length can't escape its parent.
- Nothing is copied or allocated because of a length that is only claimed.
- Only `BerError` comes out for any input.

Elements are read as offsets into one `bytes` object: a caller slices out what it keeps, and nothing else is
copied. These are plain functions, since they are on the way of every request (about 0.15 µs a header).
"""

from typing import Final

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
SEQUENCE: Final = 0x30

_MAX_LENGTH_OCTETS: Final = 4
_MAX_OID_OCTETS: Final = 128
_MAX_ARC_OCTETS: Final = 20  # 140 bits: the 128 of a UUID under 2.25 fit
_CACHED_LENGTHS: Final = 1024


class BerError(ValueError):
    """The octets are not the encoding they should be. The text is public and never holds the octets."""


def read_header(data: bytes, pos: int, end: int) -> tuple[int, int, int]:
    """Read the tag and length at `pos` of an element that must stop at or before `end`.

    Returns (tag octet, offset of the first content octet, offset after the last one).
    Raises BerError when truncated, indefinite, or with a tag or length of too many octets.
    """
    start = pos + 2
    if start > end:
        raise BerError("truncated element")
    tag = data[pos]
    length = data[pos + 1]
    if tag & 0x1F == 0x1F:
        raise BerError("tag of more than one octet")
    if length > 0x7F:
        octets = length & 0x7F
        if octets == 0:
            raise BerError("indefinite length")
        if octets > _MAX_LENGTH_OCTETS:
            raise BerError("length of too many octets")
        start += octets
        if start > end:
            raise BerError("truncated length")
        length = int.from_bytes(data[pos + 2 : start], "big")
    stop = start + length
    if stop > end:
        raise BerError("element longer than what holds it")
    return tag, start, stop


def read_element(data: bytes, pos: int, end: int, expected: int) -> tuple[int, int]:
    """Like `read_header`, for an element whose tag must be `expected`.

    Returns (start, stop) of the content.
    """
    start = pos + 2
    if start <= end and data[pos] == expected and expected & 0x1F != 0x1F and data[pos + 1] < 0x80:
        stop = start + data[pos + 1]
        if stop <= end:
            return start, stop  # most elements are short, and this is half of what a request costs to decode
    tag, start, stop = read_header(data, pos, end)
    if tag != expected:
        raise BerError(f"tag {tag:#04x} where {expected:#04x} belongs")
    return start, stop


def check_elements(data: bytes, pos: int, end: int) -> None:
    """Raise BerError unless `pos` to `end` is a series of whole elements, not looking inside them."""
    while pos < end:
        pos = read_header(data, pos, end)[2]


def decode_integer(data: bytes, start: int, stop: int) -> int:
    """Content octets of an INTEGER or ENUMERATED -> its value.

    Not the shortest form is an error (X.690 8.3.2).
    """
    size = stop - start
    if size == 1:
        octet = data[start]
        return octet if octet < 0x80 else octet - 0x100
    if size < 1:
        raise BerError("integer without content")
    if data[start] in (0x00, 0xFF) and (data[start] ^ data[start + 1]) < 0x80:
        raise BerError("integer not in its shortest form")
    return int.from_bytes(data[start:stop], "big", signed=True)


def decode_boolean(data: bytes, start: int, stop: int) -> bool:
    """Content octets of a BOOLEAN. Any octet but zero is true (X.690 8.2.2), though LDAP sends only FF."""
    if stop - start != 1:
        raise BerError("boolean not of one octet")
    return data[start] != 0


def decode_oid(data: bytes, start: int, stop: int) -> str:
    """Content octets of an OBJECT IDENTIFIER -> dotted decimal (X.690 8.19).

    At most 128 octets and 20 octets an arc: a number of a million continuation octets costs quadratic time
    to print.
    """
    if not 0 < stop - start <= _MAX_OID_OCTETS:
        raise BerError("object identifier empty or too long")
    if data[stop - 1] & 0x80:
        raise BerError("truncated object identifier")
    arcs: list[int] = []
    value = octets = 0
    for octet in data[start:stop]:
        if octets == 0 and octet == 0x80:
            raise BerError("arc not in its shortest form")
        value = value << 7 | octet & 0x7F
        octets += 1
        if octets > _MAX_ARC_OCTETS:
            raise BerError("arc of an object identifier too long")
        if octet < 0x80:
            arcs.append(value)
            value = octets = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def _long_length(length: int) -> bytes:
    size = (length.bit_length() + 7) // 8
    return bytes((0x80 | size,)) + length.to_bytes(size, "big")


LENGTHS: Final = tuple(bytes((n,)) if n < 0x80 else _long_length(n) for n in range(_CACHED_LENGTHS))
"""the length octets of what is shorter than that many octets"""


def encode_length(length: int) -> bytes:
    """The shortest definite length octets."""
    return LENGTHS[length] if length < _CACHED_LENGTHS else _long_length(length)


def encode_tlv(tag: int, content: bytes) -> bytes:
    """One element of the given tag octet."""
    return b"%c%b%b" % (tag, encode_length(len(content)), content)


def encode_integer(value: int, tag: int = INTEGER) -> bytes:
    """INTEGER, or ENUMERATED and other implicit tags of it, in the shortest form."""
    size = ((value if value >= 0 else ~value).bit_length() >> 3) + 1
    content = value.to_bytes(size, "big", signed=True)
    return b"%c%c%b" % (tag, size, content) if size < 0x80 else encode_tlv(tag, content)


def encode_octet_string(value: bytes, tag: int = OCTET_STRING) -> bytes:
    """OCTET STRING (primitive, RFC 4511 section 5.1) or an implicit tag of it."""
    return encode_tlv(tag, value)


def encode_boolean(value: bool, tag: int = 0x01) -> bytes:
    """BOOLEAN; true is FF (RFC 4511 section 5.1)."""
    return b"%c\x01%c" % (tag, 0xFF if value else 0x00)


def encode_sequence(*parts: bytes, tag: int = SEQUENCE) -> bytes:
    """SEQUENCE or SET of elements that are encoded already, or a constructed implicit tag of one."""
    return encode_tlv(tag, b"".join(parts))


def encode_oid(oid: str) -> bytes:
    """Dotted decimal -> an OBJECT IDENTIFIER element. Raises BerError when it is not one."""
    try:
        arcs = (
            [int(arc) for arc in oid.split(".")] if oid.isascii() and len(oid) <= 4 * _MAX_OID_OCTETS else []
        )
    except ValueError:
        arcs = []
    if len(arcs) < 2 or min(arcs) < 0 or arcs[0] > 2 or (arcs[0] < 2 and arcs[1] > 39):
        raise BerError("not an object identifier")
    content = bytearray()
    for arc in (40 * arcs[0] + arcs[1], *arcs[2:]):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | arc & 0x7F)
        content += bytes(reversed(septets))
    return encode_tlv(0x06, bytes(content))
