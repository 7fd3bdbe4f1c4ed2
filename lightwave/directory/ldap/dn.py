"""Distinguished names as strings (RFC 4514).

Role: text to a sequence of RDNs and back. It knows the string form only; whether two names are equal is the
business of the schema, which knows matching rules.

Invariants
- Text is strict UTF-8 without NUL; values of string form are UTF-8 after unescaping, so an overlong form
  can't hide. A value that is not UTF-8 is written as `#` and the hexadecimal BER of an OCTET STRING, and
  read back equal.
- Bounded: 64 kB of text, 128 RDNs, 16 AVAs an RDN, 128 octets a type.
- `parse_dn(format_dn(dn)) == dn`. The order of AVAs is kept as given.

Taken, never written: what RFC 2253 section 4 asks of readers (spaces around separators, `;`, quoted values,
`OID.`).
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.wire.ber import BerError, encode_octet_string, read_header

MAX_TEXT: Final = 64 * 1024
MAX_RDNS: Final = 128
MAX_AVAS: Final = 16
_MAX_TYPE: Final = 128


class AVA(NamedTuple):
    """attributeTypeAndValue: the type as spelt, without `OID.`; the value unescaped."""

    type: str
    value: bytes


RDN = tuple[AVA, ...]
DN = tuple[RDN, ...]  # leaf first, as in the string


class DNSyntaxError(DirectoryError):
    """The text is not the string form of a DN or RDN."""

    def __init__(self, message: str) -> None:
        super().__init__(ResultCode.INVALID_DN_SYNTAX, message)


# RFC 4512 section 1.4: descr = keystring, numericoid = number 1*( DOT number )
_TYPE = re.compile(rb"[A-Za-z][A-Za-z0-9-]*|(?:[Oo][Ii][Dd]\.)?((?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+)")
_TYPE_END = re.compile(rb"[ =]")
# What makes a name more than `type=value,type=value`.
_EXOTIC = re.compile(rb'[\\"+;<>#\x00]')
# RFC 4514 section 3: stringchar = anything but these; a separator ends the value.
_PLAIN = re.compile(rb'[^\\"+,;<>\x00]*')
_PLAIN_QUOTED = re.compile(rb'[^\\"\x00]*')
_ESCAPABLE = frozenset(b'\\"+,;<>#= ')
_HEX = re.compile(rb"[0-9A-Fa-f]{2}")
_HEX_STRING = re.compile(rb"(?:[0-9A-Fa-f]{2})+")
_NEEDS_ESCAPE = re.compile(rb'[\x00-\x1f\x7f\\"+,;<>]|\A[ #]| \Z')

# Universal string types whose content is the LDAP value (OCTET STRING, UTF8, Numeric, Printable, IA5,
# Visible).
_OCTET_STRINGS: Final = frozenset((0x04, 0x0C, 0x12, 0x13, 0x16, 0x1A))
_WIDE_STRINGS: Final = {0x1C: "utf-32-be", 0x1E: "utf-16-be"}


def parse_dn(text: bytes) -> DN:
    """The string form -> RDNs, leaf first; the empty text is the root. Raises DNSyntaxError."""
    _check_text(text)
    if not text:
        return ()
    if _EXOTIC.search(text) is None:
        parts = text.split(b",")
        if len(parts) > MAX_RDNS:
            raise DNSyntaxError("too many RDNs")
        return tuple([(_plain_ava(part),) for part in parts])
    rdns: list[RDN] = []
    pos = -1
    while pos < len(text):
        if len(rdns) == MAX_RDNS:
            raise DNSyntaxError("too many RDNs")
        rdn, pos = _read_rdn(text, pos + 1)
        rdns.append(rdn)
        # `pos` is at a separator or at the end: a name must not end in a separator, which the next turn
        # refuses.
    return tuple(rdns)


def parse_rdn(text: bytes) -> RDN:
    """The string form of one RDN -> its AVAs. Raises DNSyntaxError."""
    _check_text(text)
    rdn, pos = _read_rdn(text, 0)
    if pos != len(text):
        raise DNSyntaxError("more than one RDN")
    return rdn


def format_rdn(rdn: RDN) -> bytes:
    """RFC 4514 section 2.2 and 2.3."""
    if len(rdn) == 1:
        ava = rdn[0]
        return b"%b=%b" % (ava.type.encode("ascii"), _format_value(ava.value))
    return b"+".join([b"%b=%b" % (ava.type.encode("ascii"), _format_value(ava.value)) for ava in rdn])


def format_dn(dn: DN) -> bytes:
    """RFC 4514 section 2.1. Control characters are escaped too, so that a name never breaks a line."""
    return b",".join(map(format_rdn, dn))


def _check_text(text: bytes) -> None:
    if len(text) > MAX_TEXT:
        raise DNSyntaxError("DN too long")
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            raise DNSyntaxError("DN is not UTF-8") from None


@lru_cache(maxsize=512)
def _attribute_type(text: bytes) -> str:
    match = _TYPE.fullmatch(text) if len(text) <= _MAX_TYPE else None
    if match is None:
        raise DNSyntaxError("not an attribute type in DN")
    return (match[1] or text).decode("ascii")


def _plain_ava(part: bytes) -> AVA:
    """An AVA of text in which nothing is escaped, quoted or hexadecimal."""
    name, equals, value = part.partition(b"=")
    if not equals:
        raise DNSyntaxError("RDN without =")
    return AVA(_attribute_type(name.strip(b" ")), value.strip(b" "))


def _read_rdn(text: bytes, pos: int) -> tuple[RDN, int]:
    """One RDN; returns it and the offset of the separator after it, or of the end."""
    avas: list[AVA] = []
    while True:
        if len(avas) == MAX_AVAS:
            raise DNSyntaxError("too many values in an RDN")
        equals = text.find(b"=", pos)
        if equals < 0:
            raise DNSyntaxError("RDN without =")
        name = _attribute_type(text[pos:equals].strip(b" ")) if equals - pos <= 2 * _MAX_TYPE else ""
        if not name:
            raise DNSyntaxError("not an attribute type in DN")
        value, pos = _read_value(text, equals + 1)
        avas.append(AVA(name, value))
        if pos == len(text) or text[pos] in b",;":
            return tuple(avas), pos
        if text[pos] != 0x2B:
            raise DNSyntaxError("character that must be escaped in DN")
        pos += 1


def _skip_spaces(text: bytes, pos: int) -> int:
    while pos < len(text) and text[pos] == 0x20:
        pos += 1
    return pos


def _read_value(text: bytes, pos: int) -> tuple[bytes, int]:
    """The value at `pos` and the offset of what follows it and its spaces."""
    pos = _skip_spaces(text, pos)
    first = text[pos : pos + 1]
    if first == b"#":
        match = _HEX_STRING.match(text, pos + 1)
        if match is None:
            raise DNSyntaxError("bad hexadecimal value in DN")
        return _decode_hex_value(bytes.fromhex(match[0].decode("ascii"))), _skip_spaces(text, match.end())
    if first == b'"':
        value, pos, _ = _read_string(text, pos + 1, _PLAIN_QUOTED)
        if text[pos : pos + 1] != b'"':
            raise DNSyntaxError("quoted value without end in DN")
        return value, _skip_spaces(text, pos + 1)
    value, pos, keep = _read_string(text, pos, _PLAIN)
    # Unescaped spaces at the end are padding; an escaped one, and what stands before it, belongs to the
    # value.
    return value[:keep] + value[keep:].rstrip(b" "), pos


def _read_string(text: bytes, pos: int, plain: re.Pattern[bytes]) -> tuple[bytes, int, int]:
    """Unescape from `pos` on.

    Returns the value, the offset after it, and how much of it ends in an escape.
    """
    value = bytearray()
    keep = 0
    escaped_octet = False
    while True:
        match = plain.match(text, pos)
        assert match is not None  # both patterns match the empty string
        value += match[0]
        pos = match.end()
        if text[pos : pos + 1] != b"\\":
            break
        if (pair := _HEX.match(text, pos + 1)) is not None:
            value.append(int(pair[0], 16))
            escaped_octet = True
            pos += 3
        elif pos + 1 < len(text) and text[pos + 1] in _ESCAPABLE:
            value.append(text[pos + 1])
            pos += 2
        else:
            raise DNSyntaxError("bad escape in DN")
        keep = len(value)
    if escaped_octet:
        try:
            value.decode()
        except UnicodeDecodeError:
            raise DNSyntaxError("value in DN is not UTF-8") from None
    return bytes(value), pos, keep


def _decode_hex_value(ber: bytes) -> bytes:
    """RFC 4514 section 2.4: `#` precedes the BER of the value.

    Strings become their text, all else stays BER.
    """
    try:
        tag, start, stop = read_header(ber, 0, len(ber))
    except BerError:
        raise DNSyntaxError("hexadecimal value in DN is not BER") from None
    if stop != len(ber):
        raise DNSyntaxError("hexadecimal value in DN is not one BER element")
    if tag in _OCTET_STRINGS:
        return ber[start:]
    if tag in _WIDE_STRINGS:
        try:
            return ber[start:].decode(_WIDE_STRINGS[tag]).encode()
        except UnicodeError:
            raise DNSyntaxError("hexadecimal value in DN is not Unicode") from None
    return ber


def _escape(match: re.Match[bytes]) -> bytes:
    octet = match[0]
    return b"\\%02X" % octet[0] if octet < b" " or octet == b"\x7f" else b"\\" + octet


def _format_value(value: bytes) -> bytes:
    if not value.isascii():
        try:
            value.decode()
        except UnicodeDecodeError:
            return b"#" + encode_octet_string(value).hex().encode("ascii")
    return _NEEDS_ESCAPE.sub(_escape, value)
