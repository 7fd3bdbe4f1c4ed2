"""Access control lists (MS-DTYP 2.4.5): entries in the order in which they are asked.

A list is a tuple of entries; its revision follows from them. Lists are bounded before an entry is read.
"""

from __future__ import annotations

import struct
from typing import Final

from lightwave.directory.access.ace import HAS_GUIDS, MIN_SIZE, Ace, encode_ace, read_ace
from lightwave.directory.access.descriptor_errors import DescriptorError, MalformedDescriptor

Acl = tuple[Ace, ...]

MAX_ACES: Final = 2048
MAX_SIZE: Final = 0xFFFF  # AclSize has 16 bits

# AclRevision, Sbz1, AclSize, AceCount, Sbz2.
_HEAD = struct.Struct("<BBHHH")
_REVISION = 2
_REVISION_DS = 4  # where there are object entries
_REVISIONS = frozenset({2, 3, 4})


def read_acl(data: bytes, start: int, end: int) -> tuple[Acl, int]:
    """The list that begins at `start` of `data`, and where it ends, at most at `end`.

    Room behind the last entry is legal and not kept.
    """
    if end - start < _HEAD.size:
        raise MalformedDescriptor("an access control list is cut off")
    revision, _, size, count, _ = _HEAD.unpack_from(data, start)
    if revision not in _REVISIONS:
        raise MalformedDescriptor("an access control list is of an unknown revision")
    stop = start + size
    if size < _HEAD.size or stop > end:
        raise MalformedDescriptor("the size of an access control list is wrong")
    if count > MAX_ACES or count * MIN_SIZE > size - _HEAD.size:
        raise MalformedDescriptor("an access control list has too many entries")
    place = start + _HEAD.size
    aces = []
    for _ in range(count):
        ace, place = read_ace(data, place, stop)
        aces.append(ace)
    return tuple(aces), stop


def encode_acl(acl: Acl) -> bytes:
    """The binary form of `acl`; DescriptorError when it is too large for one."""
    if len(acl) > MAX_ACES:
        raise DescriptorError(f"an access control list has at most {MAX_ACES} entries")
    revision = _REVISION_DS if any(HAS_GUIDS[ace.type] for ace in acl) else _REVISION
    content = b"".join(map(encode_ace, acl))
    size = _HEAD.size + len(content)
    if size > MAX_SIZE:
        raise DescriptorError(f"an access control list has at most {MAX_SIZE} octets")
    return _HEAD.pack(revision, 0, size, len(acl), 0) + content
