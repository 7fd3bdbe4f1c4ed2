"""The check of each syntax that is not a language of its own (RFC 4517 §3.3).

Where the ABNF is regular, the check is one pattern over bytes. The commonest ones are written out because an
import spends its time here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from lightwave.directory.ldap.dn import DNSyntaxError, parse_dn
from lightwave.directory.schema.errors import InvalidValue
from lightwave.wire.ber import BerError, read_header

MAX_INTEGER_DIGITS: Final = 4_096  # Python refuses to convert more than 4,300
_PRINTABLE = rb"[A-Za-z0-9'()+,\-./:=? ]+"


def check_directory_string(value: bytes) -> None:
    """RFC 4517 §3.3.6: UTF-8, at least one character."""
    if value.isascii():
        if value:
            return
        raise InvalidValue("a Directory String has at least one character")
    try:
        value.decode()
    except UnicodeDecodeError:
        raise InvalidValue("not UTF-8") from None


def check_ia5_string(value: bytes) -> None:
    """RFC 4517 §3.3.15: ASCII, possibly empty."""
    if not value.isascii():
        raise InvalidValue("not an IA5 String")


def check_octet_string(value: bytes) -> None:
    """RFC 4517 §3.3.25: anything."""


def check_dn(value: bytes) -> None:
    """RFC 4517 §3.3.9: the string form of a distinguished name, possibly empty."""
    try:
        parse_dn(value)
    except DNSyntaxError:
        raise InvalidValue("not a distinguished name") from None


def _by_pattern(pattern: bytes, what: str) -> Callable[[bytes], None]:
    match = re.compile(pattern).fullmatch

    def check(value: bytes) -> None:
        if match(value) is None:
            raise InvalidValue(f"not {what}")

    return check


check_bit_string = _by_pattern(rb"'[01]*'B", "a Bit String")
check_boolean = _by_pattern(rb"TRUE|FALSE", "TRUE or FALSE")
check_country_string = _by_pattern(rb"[A-Za-z0-9'()+,\-./:=? ]{2}", "a Country String of two characters")
check_delivery_method = _by_pattern(
    rb"(?:any|mhs|physical|telex|teletex|g3fax|g4fax|ia5|videotex|telephone)"
    rb"(?: *\$ *(?:any|mhs|physical|telex|teletex|g3fax|g4fax|ia5|videotex|telephone))*",
    "a Delivery Method",
)
check_facsimile_number = _by_pattern(
    _PRINTABLE
    + rb"(?:\$(?:twoDimensional|fineResolution|unlimitedLength|b4Length|a3Width|b4Width|uncompressed))*",
    "a Facsimile Telephone Number",
)
check_integer = _by_pattern(rb"0|-?[1-9][0-9]{0,%d}" % (MAX_INTEGER_DIGITS - 1), "an INTEGER")
# Photographs of other formats stand in jpegPhoto everywhere, and other servers take them: so does this one.
check_jpeg = _by_pattern(rb"(?s:.+)", "an image")
check_numeric_string = _by_pattern(rb"[0-9 ]+", "a Numeric String")
check_oid = _by_pattern(
    rb"[A-Za-z][A-Za-z0-9-]*|(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+", "an object identifier"
)
check_other_mailbox = _by_pattern(_PRINTABLE + rb"\$[\x00-\x7f]*", "an Other Mailbox")
check_printable_string = _by_pattern(_PRINTABLE, "a Printable String")
check_teletex_terminal = _by_pattern(
    _PRINTABLE + rb"(?s:(?:\$(?:graphic|control|misc|page|private):(?:[^$\\]|\\24|\\5[Cc])*)*)",
    "a Teletex Terminal Identifier",
)
check_telex_number = _by_pattern(rb"\$".join((_PRINTABLE,) * 3), "a Telex Number")
check_uuid = _by_pattern(rb"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", "a UUID")  # RFC 4530 §2.1
check_csn = _by_pattern(
    rb"[0-9]{14}(?:\.[0-9]{6})?Z#[0-9A-Fa-f]{6}#[0-9A-Fa-f]{2,3}#[0-9A-Fa-f]{6}", "a change sequence number"
)
check_csn_sid = _by_pattern(rb"[0-9A-Fa-f]{3}", "a server identifier of three hexadecimal digits")
check_netgroup_triple = _by_pattern(  # RFC 2307 §2.4
    rb"\( *[\x21-\x27\x2a\x2b\x2d-\x7e]* *, *[\x21-\x27\x2a\x2b\x2d-\x7e]* *, *[\x21-\x27\x2a\x2b\x2d-\x7e]* *\)",
    "a netgroup triple",
)
check_boot_parameter = _by_pattern(rb"[^=:\x80-\xff]+=[^=:\x80-\xff]+:[\x00-\x7f]+", "a boot parameter")
check_authentication_password = _by_pattern(  # RFC 3112 §3.1
    rb" *[0-9A-Z\-./_]{1,64} *\$ *[\x21-\x23\x25-\x7e]* *\$ *[\x21-\x23\x25-\x7e]* *",
    "an authentication password",
)
_NAME_AND_UID: Final = re.compile(rb"(?s:(.*?))(?:#'[01]*'B)?")
_SUBSTRING_ASSERTION: Final = re.compile(rb"(?s:(?:[^*\\]|\\2[Aa]|\\5[Cc])*)")
_DN_WITH: Final = re.compile(rb"(?s:([BS]):([0-9]{1,9}):(.*))")


def check_name_and_optional_uid(value: bytes) -> None:
    """RFC 4517 §3.3.21: a name, then `#` and a bit string if there is one."""
    found = _NAME_AND_UID.fullmatch(value)
    if found is None:
        raise InvalidValue("not a name with an optional UID")
    check_dn(found.group(1))


def check_large_integer(value: bytes) -> None:
    """Active Directory 2.5.5.16: a signed integer of 64 bits."""
    check_integer(value)
    if len(value) >= 19 and not -(1 << 63) <= int(value) < 1 << 63:
        raise InvalidValue("not an integer of 64 bits")


def check_substring_assertion(value: bytes) -> None:
    """RFC 4517 §3.3.30: pieces around at least one asterisk, each but the first and last not empty."""
    split_substring_assertion(value)


def split_substring_assertion(value: bytes) -> list[bytes]:
    """The pieces of a Substring Assertion, unescaped; the first and the last may be empty."""
    pieces = value.split(b"*")
    if len(pieces) < 2 or pieces == [b"", b""] or not all(pieces[1:-1]):
        raise InvalidValue("not a Substring Assertion")
    if not all(_SUBSTRING_ASSERTION.fullmatch(piece) for piece in pieces):
        raise InvalidValue("a Substring Assertion has a stray backslash")
    for piece in pieces:
        if not piece.isascii():
            check_directory_string(piece)
    return [
        re.sub(rb"\\(2[Aa]|5[Cc])", lambda found: bytes.fromhex(found.group(1).decode()), piece)
        for piece in pieces
    ]


def check_der_sequence(value: bytes) -> None:
    """One DER SEQUENCE and nothing behind it: the outside of every X.509 structure (RFC 4523 §2)."""
    try:
        tag, _, stop = read_header(value, 0, len(value))
    except BerError:
        raise InvalidValue("not a DER structure") from None
    if tag != 0x30 or stop != len(value):
        raise InvalidValue("not a DER SEQUENCE")


def check_dn_with_binary(value: bytes) -> None:
    """Active Directory 2.5.5.7: `B:<hex digits>:<hexadecimal>:<name>`."""
    data, name = _split_dn_with(value, b"B")
    if len(data) % 2 or re.fullmatch(rb"[0-9A-Fa-f]*", data) is None:
        raise InvalidValue("not a DN with binary")
    check_dn(name)


def check_dn_with_string(value: bytes) -> None:
    """Active Directory 2.5.5.14: `S:<octets>:<text>:<name>`."""
    data, name = _split_dn_with(value, b"S")
    if not data.isascii():
        check_directory_string(data)
    check_dn(name)


def _split_dn_with(value: bytes, kind: bytes) -> tuple[bytes, bytes]:
    found = _DN_WITH.fullmatch(value)
    if found is None or found.group(1) != kind:
        raise InvalidValue("not a DN with data before it")
    length, rest = int(found.group(2)), found.group(3)
    if rest[length : length + 1] != b":":
        raise InvalidValue("the length before a DN is wrong")
    return rest[:length], rest[length + 1 :]


_GSER_TOKEN: Final = re.compile(
    rb'\s*(?:([{}])|(,)|("(?:[^"]|"")*")|([A-Za-z][A-Za-z0-9-]*:?|(?:[0-9]+\.)+[0-9]+|-?[0-9]+))'
)


def check_subtree_specification(value: bytes) -> None:
    """RFC 3672 §2.1: a GSER sequence in braces; names in it are checked as names."""
    if len(value) > 64 * 1024:
        raise InvalidValue("not a subtree specification")
    position, depth, end = 0, 0, len(value.rstrip())
    while position < end:
        found = _GSER_TOKEN.match(value, position)
        if found is None or (position and not depth):
            raise InvalidValue("not a subtree specification")
        brace, _, quoted, _ = found.groups()
        depth += 1 if brace == b"{" else -1 if brace == b"}" else 0
        if not position and brace != b"{":
            raise InvalidValue("a subtree specification begins with a brace")
        if quoted is not None:
            check_dn(quoted[1:-1].replace(b'""', b'"'))
        position = found.end()
    if depth or not end:
        raise InvalidValue("a subtree specification has unbalanced braces")
