"""Values of the controls that are about access control.

The SD flags control ([MS-ADTS] 3.1.1.3.4.1.11) names the parts of a security descriptor that are read or written. Get
effective rights (Sun's, as 389 Directory Server serves it) asks what somebody may do with the entries that a search
finds. Decoders raise BerError for octets that the definition does not allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.filters import decode_text
from lightwave.wire.ber import BerError, decode_integer, read_element

SD_FLAGS: Final = "1.2.840.113556.1.4.801"
EFFECTIVE_RIGHTS: Final = "1.3.6.1.4.1.42.2.27.9.5.2"

MOST_ATTRIBUTES: Final = 2_000
"""attributes that one control may ask about"""
_SEQUENCE = 0x30


@dataclass(frozen=True, slots=True)
class SDFlags:
    """The parts that the control names, unknown bits included."""

    flags: int


@dataclass(frozen=True, slots=True)
class EffectiveRights:
    """Whose rights are asked for: `authorization` is an authzId of the form dn:… (RFC 4513 §5.2.1.8).

    attributes: beside those of the search.
    """

    authorization: bytes
    attributes: tuple[str, ...] = ()


# SDFlagsRequestValue ::= SEQUENCE { Flags INTEGER }
def decode_sd_flags(control: Control) -> SDFlags:
    """[MS-ADTS] 3.1.1.3.4.1.11: 32 bits; clients write them with a sign or without."""
    value = control.value
    if value is None:
        raise BerError("control without value")
    start, stop = read_element(value, 0, len(value), _SEQUENCE)
    if stop != len(value):
        raise BerError("octets after the control value")
    first, end = read_element(value, start, stop, 0x02)
    if end != stop:
        raise BerError("octets after the flags")
    flags = decode_integer(value, first, end)
    if not -(1 << 31) <= flags < 1 << 32:
        raise BerError("integer out of range")
    return SDFlags(flags & 0xFFFFFFFF)


# GetRightsControl ::= SEQUENCE { authzId AuthzId, attributes SEQUENCE OF AttributeType }
def decode_effective_rights(control: Control) -> EffectiveRights:
    """The control's value; 389 Directory Server also takes, and its clients send, the bare authzId."""
    value = control.value
    if not value:
        raise BerError("control without value")
    if value[0] != _SEQUENCE:
        return EffectiveRights(_named(value))
    pos, end = read_element(value, 0, len(value), _SEQUENCE)
    if end != len(value):
        raise BerError("octets after the control value")
    start, pos = read_element(value, pos, end, 0x04)
    authorization = _named(value[start:pos])
    names: list[str] = []
    if pos < end:
        first, last = read_element(value, pos, end, _SEQUENCE)
        if last != end:
            raise BerError("octets after the attributes")
        while first < last:
            begin, first = read_element(value, first, last, 0x04)
            if len(names) == MOST_ATTRIBUTES:
                raise BerError("too many attributes")
            names.append(decode_text(value[begin:first]))
    return EffectiveRights(authorization, tuple(names))


def _named(authorization: bytes) -> bytes:
    """An authzId of the form dn:…, the only one that is served; `dn:` alone is an anonymous client."""
    decode_text(authorization)
    if authorization[:3].lower() != b"dn:":
        raise BerError("not of the form dn:…")
    return authorization
