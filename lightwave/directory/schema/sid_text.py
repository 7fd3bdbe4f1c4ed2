"""SIDs as text: `S-1-…` ([MS-DTYP] 2.4.2.1) and the octets that they stand for (2.4.2.2)."""

from __future__ import annotations

import re
import struct
from typing import Final

from lightwave.directory.schema.errors import InvalidValue

MAX_SUB_AUTHORITIES: Final = 15

_REVISION = 1
_SUB_AUTHORITY = re.compile(r"(?:0|[1-9][0-9]{0,9})")
_AUTHORITY = re.compile(r"(?:0|[1-9][0-9]{0,14}|0[xX][0-9A-Fa-f]{1,12})")


def pack_sid(authority: int, sub_authorities: tuple[int, ...]) -> bytes:
    """The octets of the SID S-1-`authority`-`sub_authorities`; raises InvalidValue."""
    if not 0 <= authority < 1 << 48:
        raise InvalidValue("the authority of a SID has at most 48 bits")
    if len(sub_authorities) > MAX_SUB_AUTHORITIES:
        raise InvalidValue(f"a SID has at most {MAX_SUB_AUTHORITIES} sub-authorities")
    if any(not 0 <= number < 1 << 32 for number in sub_authorities):
        raise InvalidValue("a sub-authority of a SID has at most 32 bits")
    head = bytes((_REVISION, len(sub_authorities))) + authority.to_bytes(6, "big")
    return head + struct.pack(f"<{len(sub_authorities)}I", *sub_authorities)


def sid_of_text(text: str) -> bytes:
    """The octets of the SID that `text` writes; the authority may be hexadecimal. Raises InvalidValue."""
    parts = text.split("-", MAX_SUB_AUTHORITIES + 3)
    if len(parts) < 3 or parts[0] != "S" or parts[1] != "1":
        raise InvalidValue("a SID is written S-1-…")
    if not _AUTHORITY.fullmatch(parts[2]):
        raise InvalidValue("the authority of a SID is a number of at most 48 bits")
    if len(parts) > MAX_SUB_AUTHORITIES + 3:
        raise InvalidValue(f"a SID has at most {MAX_SUB_AUTHORITIES} sub-authorities")
    if not all(map(_SUB_AUTHORITY.fullmatch, parts[3:])):
        raise InvalidValue("a sub-authority of a SID is a decimal number of at most 32 bits")
    hexadecimal = parts[2][:2] in ("0x", "0X")
    return pack_sid(int(parts[2], 16 if hexadecimal else 10), tuple(map(int, parts[3:])))


def sid_form(value: bytes) -> bytes:
    """The octets of a SID that is given as such, or as text: filters of Active Directory's clients have either."""
    if not value.startswith((b"S-1-", b"s-1-")):
        return value
    return sid_of_text(value.decode("ascii", "replace").upper().replace("X", "x"))
