"""Security identifiers: who an access control entry speaks of.

A `Sid` is the binary form (MS-DTYP 2.4.2.2) as objectSid stores it: revision 1, a count of at most 15, an
authority of 6 octets, big-endian, and sub-authorities of 4 octets, little-endian. SIDs are compared as
octets, for there is only one encoding of each.
"""

from __future__ import annotations

import struct
from typing import Final, NewType

from lightwave.directory.access.descriptor_errors import DescriptorError, MalformedDescriptor
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.sid_text import MAX_SUB_AUTHORITIES, pack_sid, sid_of_text

Sid = NewType("Sid", bytes)

HEADER: Final = 8  # octets before the sub-authorities
MAX_SIZE: Final = HEADER + 4 * MAX_SUB_AUTHORITIES

_REVISION = 1


def make_sid(authority: int, *sub_authorities: int) -> Sid:
    """The SID S-1-`authority`-`sub_authorities`; DescriptorError where a number is out of its bounds."""
    try:
        return Sid(pack_sid(authority, sub_authorities))
    except InvalidValue as error:
        raise DescriptorError(str(error)) from None


def read_sid(data: bytes, start: int, end: int) -> Sid:
    """The SID that begins at `start` of `data`; it ends before `end`, and octets may follow it."""
    if end - start < HEADER:
        raise MalformedDescriptor("a SID is cut off")
    if data[start] != _REVISION:
        raise MalformedDescriptor("a SID is not of revision 1")
    count = data[start + 1]
    if count > MAX_SUB_AUTHORITIES:
        raise MalformedDescriptor(f"a SID has at most {MAX_SUB_AUTHORITIES} sub-authorities")
    stop = start + HEADER + 4 * count
    if stop > end:
        raise MalformedDescriptor("a SID is cut off")
    return Sid(data[start:stop])


def decode_sid(value: bytes) -> Sid:
    """`value` as a SID, when it is one from its first octet to its last."""
    if len(value) > MAX_SIZE:
        raise MalformedDescriptor(f"a SID has at most {MAX_SIZE} octets")
    sid = read_sid(value, 0, len(value))
    if len(sid) != len(value):
        raise MalformedDescriptor("octets follow a SID")
    return sid


def parse_sid(text: str) -> Sid:
    """The SID that `text` writes as S-1-… (MS-DTYP 2.4.2.1); the authority may be hexadecimal."""
    try:
        return Sid(sid_of_text(text))
    except InvalidValue as error:
        raise DescriptorError(str(error)) from None


def format_sid(sid: Sid) -> str:
    """`sid` as S-1-…; an authority of 2^32 or more is written as 0x and twelve digits (MS-DTYP 2.4.2.1)."""
    authority = int.from_bytes(sid[2:8], "big")
    written = f"0x{authority:012x}" if authority >> 32 else str(authority)
    return "-".join(("S-1", written, *map(str, struct.unpack(f"<{sid[1]}I", sid[8:]))))


def with_rid(domain: Sid, rid: int) -> Sid:
    """The SID of the account or group `rid` of `domain`."""
    if domain[1] >= MAX_SUB_AUTHORITIES:
        raise DescriptorError("the SID of a domain has no room for a relative identifier")
    if not 0 <= rid < 1 << 32:
        raise DescriptorError("a relative identifier has at most 32 bits")
    return Sid(bytes((_REVISION, domain[1] + 1)) + domain[2:] + rid.to_bytes(4, "little"))


def split_rid(sid: Sid) -> tuple[Sid, int] | None:
    """The domain and the relative identifier of `sid`; None when it has no sub-authority."""
    if not sid[1]:
        return None
    return Sid(bytes((_REVISION, sid[1] - 1)) + sid[2:-4]), int.from_bytes(sid[-4:], "little")


# MS-DTYP 2.4.2.4. Entries that speak of these three are turned into others, or matched by relation.
CREATOR_OWNER: Final = make_sid(3, 0)
CREATOR_GROUP: Final = make_sid(3, 1)
OWNER_RIGHTS: Final = make_sid(3, 4)
PRINCIPAL_SELF: Final = make_sid(5, 10)

EVERYONE: Final = make_sid(1, 0)
ANONYMOUS: Final = make_sid(5, 7)
ENTERPRISE_DOMAIN_CONTROLLERS: Final = make_sid(5, 9)
AUTHENTICATED_USERS: Final = make_sid(5, 11)
LOCAL_SYSTEM: Final = make_sid(5, 18)
BUILTIN: Final = make_sid(5, 32)
BUILTIN_ADMINISTRATORS: Final = with_rid(BUILTIN, 544)
BUILTIN_USERS: Final = with_rid(BUILTIN, 545)
