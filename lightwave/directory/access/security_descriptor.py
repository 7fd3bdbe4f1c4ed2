"""Security descriptors (MS-DTYP 2.4.6) in the self-relative form that nTSecurityDescriptor holds.

Decoding takes any legal layout, encoding gives one: header, SACL, DACL, owner, group, without gaps, as
Windows writes it. So equal descriptors have equal octets, and a digest of them names the content. What the
header says and what is there must agree; what does not is refused, not repaired.

A descriptor without a DACL and one with a NULL DACL are carried as such. Neither grants anything here, see
`evaluation`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Final

from lightwave.directory.access.ace import INHERITED
from lightwave.directory.access.acl import Acl, encode_acl, read_acl
from lightwave.directory.access.descriptor_errors import DescriptorError, MalformedDescriptor
from lightwave.directory.access.sid import Sid, read_sid

MAX_SIZE: Final = 0x1_0000

# SECURITY_DESCRIPTOR_CONTROL (MS-DTYP 2.4.6), in the order of its bits.
OWNER_DEFAULTED: Final = 0x0001
GROUP_DEFAULTED: Final = 0x0002
DACL_PRESENT: Final = 0x0004
DACL_DEFAULTED: Final = 0x0008
SACL_PRESENT: Final = 0x0010
SACL_DEFAULTED: Final = 0x0020
DACL_TRUSTED: Final = 0x0040
SERVER_SECURITY: Final = 0x0080
DACL_AUTO_INHERIT_REQUIRED: Final = 0x0100
SACL_AUTO_INHERIT_REQUIRED: Final = 0x0200
DACL_AUTO_INHERITED: Final = 0x0400
SACL_AUTO_INHERITED: Final = 0x0800
DACL_PROTECTED: Final = 0x1000
SACL_PROTECTED: Final = 0x2000
RM_CONTROL_VALID: Final = 0x4000
SELF_RELATIVE: Final = 0x8000

# SD flags (MS-ADTS 3.1.1.3.4.1.11): the parts that a control asks for.
OWNER_PART: Final = 0x1
GROUP_PART: Final = 0x2
DACL_PART: Final = 0x4
SACL_PART: Final = 0x8
ALL_PARTS: Final = 0xF

_CONTROL_OF_PART: Final = {
    OWNER_PART: OWNER_DEFAULTED,
    GROUP_PART: GROUP_DEFAULTED,
    DACL_PART: DACL_PRESENT
    | DACL_DEFAULTED
    | DACL_TRUSTED
    | DACL_AUTO_INHERIT_REQUIRED
    | DACL_AUTO_INHERITED
    | DACL_PROTECTED,
    SACL_PART: SACL_PRESENT
    | SACL_DEFAULTED
    | SACL_AUTO_INHERIT_REQUIRED
    | SACL_AUTO_INHERITED
    | SACL_PROTECTED,
}

# Revision, Sbz1 (or the resource manager's control), Control, and where owner, group, SACL and DACL begin.
_HEAD = struct.Struct("<BBHIIII")
_REVISION = 1


@dataclass(frozen=True, slots=True)
class SecurityDescriptor:
    """A descriptor. `dacl` is None where there is none, or a NULL one: DACL_PRESENT of `control` tells.

    control: 16 bits, of which SELF_RELATIVE is always on. resource_control: the resource manager's octet,
    0 unless RM_CONTROL_VALID.
    """

    control: int = SELF_RELATIVE
    owner: Sid | None = None
    group: Sid | None = None
    dacl: Acl | None = None
    sacl: Acl | None = None
    resource_control: int = 0

    def __post_init__(self) -> None:
        if not self.control & SELF_RELATIVE or self.control >> 16:
            raise DescriptorError("the control bits of a security descriptor are wrong")
        if self.dacl is not None and not self.control & DACL_PRESENT:
            raise DescriptorError("a security descriptor has a DACL and says that it has none")
        if self.sacl is not None and not self.control & SACL_PRESENT:
            raise DescriptorError("a security descriptor has a SACL and says that it has none")
        if self.resource_control and not self.control & RM_CONTROL_VALID:
            raise DescriptorError("a security descriptor has a resource control and says that it has none")


def decode_security_descriptor(value: bytes) -> SecurityDescriptor:
    """The descriptor that `value` holds; MalformedDescriptor for anything else."""
    if len(value) > MAX_SIZE:
        raise MalformedDescriptor(f"a security descriptor has at most {MAX_SIZE} octets")
    if len(value) < _HEAD.size:
        raise MalformedDescriptor("a security descriptor is cut off")
    revision, resource_control, control, *places = _HEAD.unpack_from(value)
    if revision != _REVISION:
        raise MalformedDescriptor("a security descriptor is not of revision 1")
    if not control & SELF_RELATIVE:
        raise MalformedDescriptor("a security descriptor is not in self-relative form")
    owner, group, sacl, dacl = places
    for place in places:
        if place and not _HEAD.size <= place <= len(value):
            raise MalformedDescriptor("a part of a security descriptor lies outside it")
    if (dacl and not control & DACL_PRESENT) or (sacl and not control & SACL_PRESENT):
        raise MalformedDescriptor("a security descriptor has a list and says that it has none")
    end = len(value)
    return SecurityDescriptor(
        control,
        read_sid(value, owner, end) if owner else None,
        read_sid(value, group, end) if group else None,
        read_acl(value, dacl, end)[0] if dacl else None,
        read_acl(value, sacl, end)[0] if sacl else None,
        resource_control if control & RM_CONTROL_VALID else 0,
    )


def encode_security_descriptor(descriptor: SecurityDescriptor) -> bytes:
    """The one binary form of `descriptor`; DescriptorError when it would be too large."""
    places = []
    parts = []
    place = _HEAD.size
    for part in (
        encode_acl(descriptor.sacl) if descriptor.sacl is not None else b"",
        encode_acl(descriptor.dacl) if descriptor.dacl is not None else b"",
        descriptor.owner or b"",
        descriptor.group or b"",
    ):
        places.append(place if part else 0)
        parts.append(part)
        place += len(part)
    if place > MAX_SIZE:
        raise DescriptorError(f"a security descriptor has at most {MAX_SIZE} octets")
    sacl, dacl, owner, group = places
    head = _HEAD.pack(_REVISION, descriptor.resource_control, descriptor.control, owner, group, sacl, dacl)
    return head + b"".join(parts)


def normalise_sd_flags(flags: int) -> int:
    """The parts that SD flags ask for: unknown bits are ignored, and none means all (MS-ADTS, ibid.)."""
    return flags & ALL_PARTS or ALL_PARTS


def select_parts(descriptor: SecurityDescriptor, flags: int) -> SecurityDescriptor:
    """The parts of `descriptor` that the SD flags `flags` ask for, as a reader gets them."""
    return merge_parts(SecurityDescriptor(), descriptor, flags)


def merge_parts(present: SecurityDescriptor, written: SecurityDescriptor, flags: int) -> SecurityDescriptor:
    """`present` with those parts of `written` that the SD flags `flags` name.

    A list that is named and missing from `written` goes; an owner or group that is named and missing stays,
    for a descriptor without them has no meaning.
    """
    parts = normalise_sd_flags(flags)
    taken = 0
    for part, bits in _CONTROL_OF_PART.items():
        if parts & part:
            taken |= bits
    takes_owner = bool(parts & OWNER_PART) and written.owner is not None
    takes_group = bool(parts & GROUP_PART) and written.group is not None
    if not takes_owner:
        taken &= ~OWNER_DEFAULTED
    if not takes_group:
        taken &= ~GROUP_DEFAULTED
    return replace(
        present,
        control=(present.control & ~taken) | (written.control & taken),
        owner=written.owner if takes_owner else present.owner,
        group=written.group if takes_group else present.group,
        dacl=written.dacl if parts & DACL_PART else present.dacl,
        sacl=written.sacl if parts & SACL_PART else present.sacl,
    )


def explicit_parts(descriptor: SecurityDescriptor) -> SecurityDescriptor:
    """`descriptor` as it is stored: without what was inherited (MS-ADTS 6.1.3.3, rule 1).

    Inherited entries go, for they are computed from the parents at each reading. In a protected list there is
    nothing to inherit: entries that say so were kept by whoever protected it, and become its own.
    The requests to inherit automatically are answered by this, and go.
    """
    control = descriptor.control
    return replace(
        descriptor,
        control=control & ~(DACL_AUTO_INHERIT_REQUIRED | SACL_AUTO_INHERIT_REQUIRED),
        dacl=_explicit(descriptor.dacl, bool(control & DACL_PROTECTED)),
        sacl=_explicit(descriptor.sacl, bool(control & SACL_PROTECTED)),
    )


def _explicit(acl: Acl | None, is_protected: bool) -> Acl | None:
    if acl is None:
        return None
    if is_protected:
        return tuple(
            ace._replace(flags=ace.flags & ~INHERITED) if ace.flags & INHERITED else ace for ace in acl
        )
    return tuple(ace for ace in acl if not ace.flags & INHERITED)
