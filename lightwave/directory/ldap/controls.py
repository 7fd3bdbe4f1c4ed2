"""Request and response controls (RFC 4511 section 4.1.11) and the values of those that are served.

Each decoder of a value raises BerError when the octets are not what the control's definition says; whether
that is a protocolError is for the operation to say (it is, for every control here).
"""

from dataclasses import dataclass
from typing import Final

from lightwave.directory.ldap.limits import DEFAULT_LIMITS, DecodeLimits
from lightwave.directory.ldap.result import RequestError
from lightwave.wire.ber import (
    BerError,
    check_elements,
    decode_boolean,
    decode_integer,
    encode_boolean,
    encode_integer,
    encode_octet_string,
    encode_sequence,
    encode_tlv,
    read_element,
    read_header,
)

PAGED_RESULTS: Final = "1.2.840.113556.1.4.319"  # RFC 2696
MANAGE_DSA_IT: Final = "2.16.840.1.113730.3.4.2"  # RFC 3296
SHOW_DELETED: Final = "1.2.840.113556.1.4.417"  # [MS-ADTS] 3.1.1.3.4.1.14

MAX_INT: Final = 2147483647  # RFC 4511 section 4.1.1
_MAX_OID: Final = 256
_MAX_COOKIE: Final = 4096


# Control ::= SEQUENCE { controlType LDAPOID, criticality BOOLEAN DEFAULT FALSE, controlValue OCTET STRING
# OPTIONAL }
@dataclass(frozen=True, slots=True)
class Control:
    """One control; `value` is the content of controlValue, which is None when absent."""

    oid: str
    critical: bool = False
    value: bytes | None = None


def decode_oid_text(data: bytes, start: int, stop: int) -> str:
    """LDAPOID: ASCII of bounded length. An OID that is malformed otherwise is one that nobody knows."""
    if not 0 < stop - start <= _MAX_OID:
        raise RequestError("object identifier empty or too long")
    octets = data[start:stop]
    if not octets.isascii():
        raise RequestError("malformed object identifier")
    return octets.decode("ascii")


def decode_controls(
    data: bytes, pos: int, end: int, limits: DecodeLimits = DEFAULT_LIMITS
) -> tuple[Control, ...]:
    """Controls ::= SEQUENCE OF Control, by its content."""
    controls: list[Control] = []
    while pos < end:
        start, stop = read_element(data, pos, end, 0x30)
        if len(controls) == limits.controls:
            raise RequestError("too many controls")
        controls.append(_decode_control(data, start, stop))
        pos = stop
    return tuple(controls)


def _decode_control(data: bytes, pos: int, end: int) -> Control:
    start, pos = read_element(data, pos, end, 0x04)
    oid = decode_oid_text(data, start, pos)
    critical = False
    value: bytes | None = None
    if pos < end:
        tag, start, stop = read_header(data, pos, end)
        if tag == 0x01:
            critical = decode_boolean(data, start, stop)
            pos = stop
            if pos < end:
                tag, start, stop = read_header(data, pos, end)
        if pos < end and tag == 0x04:
            value = data[start:stop]
            pos = stop
        check_elements(data, pos, end)
    return Control(oid, critical, value)


def encode_controls(controls: tuple[Control, ...]) -> bytes:
    """controls [0] Controls of an LDAPMessage; nothing when there are none."""
    if not controls:
        return b""
    return encode_sequence(*map(_encode_control, controls), tag=0xA0)


def _encode_control(control: Control) -> bytes:
    return encode_sequence(
        encode_octet_string(control.oid.encode("ascii")),
        encode_boolean(True) if control.critical else b"",  # RFC 4511 section 5.1: no default values
        b"" if control.value is None else encode_octet_string(control.value),
    )


def check_no_value(control: Control) -> None:
    """Raise BerError if a control that is defined without a value has one (ManageDsaIT, show deleted)."""
    if control.value is not None:
        raise BerError("control value must be absent")


# realSearchControlValue ::= SEQUENCE { size INTEGER (0..maxInt), cookie OCTET STRING }
def decode_paged(value: bytes | None) -> tuple[int, bytes]:
    """RFC 2696 value -> (page size, cookie).

    From a client: size 0 ends the paging; the empty cookie begins it.
    """
    if value is None:
        raise BerError("paged results control without value")
    pos, end = read_element(value, 0, len(value), 0x30)
    if end != len(value):
        raise BerError("octets after the control value")
    start, stop = read_element(value, pos, end, 0x02)
    size = decode_integer(value, start, stop)
    if not 0 <= size <= MAX_INT:
        raise BerError("page size out of range")
    start, stop = read_element(value, stop, end, 0x04)
    if stop - start > _MAX_COOKIE:
        raise BerError("cookie too long")
    check_elements(value, stop, end)
    return size, value[start:stop]


def encode_paged(size: int, cookie: bytes) -> bytes:
    """RFC 2696 value; as response `size` is the estimated total, 0 when unknown."""
    return encode_tlv(0x30, encode_integer(size) + encode_octet_string(cookie))
