"""Identifiers of entries: made here, where randomness enters."""

from __future__ import annotations

import os


def new_guid() -> bytes:
    """A new entry's GUID: random (RFC 9562 §5.4). `uuid.uuid4` makes the same of it in six times the time."""
    octets = bytearray(os.urandom(16))
    octets[6] = octets[6] & 0x0F | 0x40
    octets[8] = octets[8] & 0x3F | 0x80
    return bytes(octets)
