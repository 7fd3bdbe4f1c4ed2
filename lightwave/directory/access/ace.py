"""Access control entries (MS-DTYP 2.4.4): their binary form, and what their types have in common.

Entries are named tuples, for they are what reading a descriptor costs (1.5 µs each), and equal ones compare and
hash as such. An entry holds what has a meaning: padding behind the SID is not kept, the application data of
callback entries and resource attributes is. Conditions in it are carried, never evaluated.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from lightwave.directory.access.access_mask import map_generic
from lightwave.directory.access.descriptor_errors import DescriptorError, MalformedDescriptor
from lightwave.directory.access.guid import SIZE as GUID_SIZE
from lightwave.directory.access.guid import Guid
from lightwave.directory.access.sid import CREATOR_GROUP, CREATOR_OWNER, Sid, read_sid


class AceType(IntEnum):
    """AceType of MS-DTYP 2.4.4.1; the reserved ones are missing and refused."""

    ACCESS_ALLOWED = 0x00
    ACCESS_DENIED = 0x01
    SYSTEM_AUDIT = 0x02
    ACCESS_ALLOWED_OBJECT = 0x05
    ACCESS_DENIED_OBJECT = 0x06
    SYSTEM_AUDIT_OBJECT = 0x07
    ACCESS_ALLOWED_CALLBACK = 0x09
    ACCESS_DENIED_CALLBACK = 0x0A
    ACCESS_ALLOWED_CALLBACK_OBJECT = 0x0B
    ACCESS_DENIED_CALLBACK_OBJECT = 0x0C
    SYSTEM_AUDIT_CALLBACK = 0x0D
    SYSTEM_AUDIT_CALLBACK_OBJECT = 0x0F
    SYSTEM_MANDATORY_LABEL = 0x11
    SYSTEM_RESOURCE_ATTRIBUTE = 0x12
    SYSTEM_SCOPED_POLICY_ID = 0x13


OBJECT_INHERIT: Final = 0x01
CONTAINER_INHERIT: Final = 0x02
NO_PROPAGATE_INHERIT: Final = 0x04
INHERIT_ONLY: Final = 0x08
INHERITED: Final = 0x10
CRITICAL: Final = 0x20
SUCCESSFUL_ACCESS: Final = 0x40
FAILED_ACCESS: Final = 0x80

# The type without GUIDs of each type with GUIDs.
SIMPLE_FORM: Final = {
    AceType.ACCESS_ALLOWED_OBJECT: AceType.ACCESS_ALLOWED,
    AceType.ACCESS_DENIED_OBJECT: AceType.ACCESS_DENIED,
    AceType.SYSTEM_AUDIT_OBJECT: AceType.SYSTEM_AUDIT,
    AceType.ACCESS_ALLOWED_CALLBACK_OBJECT: AceType.ACCESS_ALLOWED_CALLBACK,
    AceType.ACCESS_DENIED_CALLBACK_OBJECT: AceType.ACCESS_DENIED_CALLBACK,
    AceType.SYSTEM_AUDIT_CALLBACK_OBJECT: AceType.SYSTEM_AUDIT_CALLBACK,
}
# By type, as tuples: an enumeration hashes by its name, which costs more than all else in reading an entry.
HAS_GUIDS: Final = tuple(kind in SIMPLE_FORM for kind in range(max(AceType) + 1))
HAS_DATA: Final = tuple(
    kind in set(AceType) and ("CALLBACK" in AceType(kind).name or kind == AceType.SYSTEM_RESOURCE_ATTRIBUTE)
    for kind in range(max(AceType) + 1)
)

# Header and mask: AceType, AceFlags, AceSize, Mask.
_HEAD = struct.Struct("<BBHI")
_OBJECT_HEAD = struct.Struct("<BBHII")  # and the flags that tell which GUIDs are there
_OBJECT_TYPE_PRESENT = 0x1
_INHERITED_OBJECT_TYPE_PRESENT = 0x2
_BOTH_PRESENT = 0x3
_UNKNOWN_FLAGS = 0xFC
_TYPES = {int(kind): kind for kind in AceType}
_LARGEST = 0xFFFC

MIN_SIZE: Final = 16  # header, mask, and a SID without sub-authorities


class Ace(NamedTuple):
    """One entry.

    flags: OBJECT_INHERIT to FAILED_ACCESS. mask: bits of an ACCESS_MASK. object_type: the attribute, property
    set, class or right that it is about; None for all. inherited_object_type: the class that inherits it.
    Both are None unless the type HAS_GUIDS, and `application_data` is empty unless it HAS_DATA.
    """

    type: AceType
    flags: int
    mask: int
    sid: Sid
    object_type: Guid | None = None
    inherited_object_type: Guid | None = None
    application_data: bytes = b""

    def needs_expanding(self) -> bool:
        """Whether it names generic rights, or its creator: an entry in force may not (MS-DTYP 2.5.3.4)."""
        return map_generic(self.mask) != self.mask or self.sid in (CREATOR_OWNER, CREATOR_GROUP)


def read_ace(data: bytes, start: int, end: int) -> tuple[Ace, int]:
    """The entry that begins at `start` of `data`, and where the next one begins, at most at `end`."""
    if end - start < MIN_SIZE:
        raise MalformedDescriptor("an access control entry is cut off")
    number, flags, size, mask = _HEAD.unpack_from(data, start)
    stop = start + size
    if size < MIN_SIZE or size % 4 or stop > end:
        raise MalformedDescriptor("the size of an access control entry is wrong")
    kind = _TYPES.get(number)
    if kind is None:
        raise MalformedDescriptor(f"an access control entry is of type {number}, which is reserved")
    place = start + _HEAD.size
    object_type = inherited = None
    if HAS_GUIDS[number]:
        object_type, inherited, place = _read_guids(data, place, stop)
    sid = read_sid(data, place, stop)
    extra = data[place + len(sid) : stop] if HAS_DATA[number] else b""
    return Ace(kind, flags, mask, sid, object_type, inherited, extra), stop


def _read_guids(data: bytes, place: int, stop: int) -> tuple[Guid | None, Guid | None, int]:
    """ObjectType, InheritedObjectType, and where the SID begins (MS-DTYP 2.4.4.3)."""
    present = data[place] if data[place + 1 : place + 4] == b"\0\0\0" else _UNKNOWN_FLAGS
    first = place + 4
    second = first + GUID_SIZE
    if present == 0:
        return None, None, first
    if present & _UNKNOWN_FLAGS:
        raise MalformedDescriptor("an object access control entry has unknown flags")
    third = second + GUID_SIZE if present == _BOTH_PRESENT else second
    if third > stop:
        raise MalformedDescriptor("a GUID of an access control entry is cut off")
    if present == _OBJECT_TYPE_PRESENT:
        return Guid(data[first:second]), None, second
    if present == _INHERITED_OBJECT_TYPE_PRESENT:
        return None, Guid(data[first:second]), second
    return Guid(data[first:second]), Guid(data[second:third]), third


def encode_ace(ace: Ace) -> bytes:
    """The binary form of `ace`; DescriptorError for an entry that none stands for."""
    kind, flags, mask, sid, object_type, inherited, extra = ace
    if len(extra) % 4:
        raise DescriptorError("application data of an access control entry comes in units of four octets")
    if not HAS_GUIDS[kind]:
        if object_type is not None or inherited is not None:
            raise DescriptorError(f"an entry of type {kind.name} has no GUIDs")
        size = _HEAD.size + len(sid) + len(extra)
        head = _HEAD.pack(kind, flags, _checked(size), mask)
        return head + sid + extra
    present = 0
    guids = b""
    if object_type is not None:
        present, guids = _OBJECT_TYPE_PRESENT, object_type
    if inherited is not None:
        present, guids = present | _INHERITED_OBJECT_TYPE_PRESENT, guids + inherited
    size = _OBJECT_HEAD.size + len(guids) + len(sid) + len(extra)
    return _OBJECT_HEAD.pack(kind, flags, _checked(size), mask, present) + guids + sid + extra


def _checked(size: int) -> int:
    if size > _LARGEST:
        raise DescriptorError("an access control entry is too large")
    return size
