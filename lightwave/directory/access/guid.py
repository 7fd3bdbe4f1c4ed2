"""GUIDs of classes, attributes, property sets and rights, as access control entries hold them.

A `Guid` is the 16 octets of MS-DTYP 2.3.4.2: the first three fields little-endian. That is also how
schemaIDGUID and attributeSecurityGUID are stored, so GUIDs are compared without being taken apart.
"""

from __future__ import annotations

import re
from typing import Final, NewType
from uuid import UUID

Guid = NewType("Guid", bytes)

SIZE: Final = 16

_TEXT = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def parse_guid(text: str) -> Guid:
    """The GUID that `text` names as `bf967aba-0de6-11d0-a285-00aa003049e2`; ValueError for anything else."""
    if not _TEXT.fullmatch(text):
        raise ValueError("a GUID is 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12")
    return Guid(UUID(text).bytes_le)


def format_guid(guid: Guid) -> str:
    """`guid` as text, in small letters and without braces."""
    return str(UUID(bytes_le=guid))
