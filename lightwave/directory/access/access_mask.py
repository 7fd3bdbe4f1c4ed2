"""Bits of an ACCESS_MASK beside those of `Right`, and what the generic ones mean for directory objects.

Masks of access control entries are plain integers: the bits of MS-DTYP 2.4.3, of which `rights.Right` names
those that a directory asks for.
"""

from __future__ import annotations

from typing import Final

from lightwave.directory.access.rights import FULL

SYNCHRONIZE: Final = 0x0010_0000
ACCESS_SYSTEM_SECURITY: Final = 0x0100_0000
MAXIMUM_ALLOWED: Final = 0x0200_0000
GENERIC_ALL: Final = 0x1000_0000
GENERIC_EXECUTE: Final = 0x2000_0000
GENERIC_WRITE: Final = 0x4000_0000
GENERIC_READ: Final = 0x8000_0000
GENERIC: Final = GENERIC_ALL | GENERIC_EXECUTE | GENERIC_WRITE | GENERIC_READ

# MS-ADTS 5.1.3.2: what a generic right stands for on an object of the directory.
_MAPPING: Final = (
    (GENERIC_ALL, int(FULL)),
    (GENERIC_READ, 0x0002_0094),  # read control, list contents, read property, list object
    (GENERIC_WRITE, 0x0002_0028),  # read control, self write, write property
    (GENERIC_EXECUTE, 0x0002_0004),  # read control, list contents
)


def map_generic(mask: int) -> int:
    """`mask` with its generic bits replaced by the rights that they stand for (MS-DTYP 2.5.3.1.4)."""
    if not mask & GENERIC:
        return mask
    mapped = mask & ~GENERIC
    for bit, rights in _MAPPING:
        if mask & bit:
            mapped |= rights
    return mapped
