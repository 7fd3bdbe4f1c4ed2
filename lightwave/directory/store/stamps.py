"""Stamps: who changed what when, per entry, attribute and value.

A stamp is a hybrid clock value and the GUID of the server where the change was made; the order of stamps
is total and the same on every server. What has no stamp of its own has its attribute's, else the entry's
creation stamp, so that a fresh entry costs 12 bytes.

On disk a server is a local number of four bytes, an attribute its local number. Layout of an
entry's stamps, integers big-endian:

    created 12            clock 8, server 4
    and, where anything else is stamped:
    flags 1               1 = name, 2 = deleted, 4 = revived, 8 = former parent
    name 12, deleted 12, revived 12, former parent's GUID 16     where flagged
    attributes            count 2, each: attribute 4, stamp 12
    values                count 2 of attributes, each: attribute 4, count 4,
                          each value: stamp 12, present 1, length 2, identity of the value
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from lightwave.directory.stamps import EntryStamps, Stamp, value_identity

__all__ = [
    "EntryStamps",
    "LocalStamp",
    "LocalStamps",
    "Stamp",
    "decode_stamps",
    "encode_stamps",
    "global_stamps",
    "local_stamps",
    "value_identity",
]

_STAMP = struct.Struct(">QI")
_COUNT = struct.Struct(">H")
_ATTRIBUTE = struct.Struct(">IQI")
_VALUES = struct.Struct(">II")
_VALUE = struct.Struct(">QIBH")
_NO_VALUES = _COUNT.pack(0)
_NOTHING_STAMPED = b"\0" + _COUNT.pack(0) + _NO_VALUES
_NAME, _DELETED, _REVIVED, _FORMER_PARENT = 1, 2, 4, 8


class LocalStamp(NamedTuple):
    """A stamp as it stands on disk: the server by its local number.

    Never leaves the node, never compared in merging.
    """

    clock: int
    server: int

    def pack(self) -> bytes:
        """The 12 bytes of it."""
        return _STAMP.pack(self.clock, self.server)

    @classmethod
    def unpack(cls, data: bytes, offset: int = 0) -> LocalStamp:
        """Read back what `pack` wrote."""
        return cls(*_STAMP.unpack_from(data, offset))


@dataclass(slots=True)
class LocalStamps:
    """The same with local numbers, as the write path changes it."""

    created: LocalStamp
    name: LocalStamp | None = None
    deleted: LocalStamp | None = None
    revived: LocalStamp | None = None
    former_parent: bytes = b""
    attributes: dict[int, LocalStamp] = field(default_factory=dict)
    values: dict[int, dict[bytes, tuple[LocalStamp, bool]]] = field(default_factory=dict)

    def set_attribute(self, number: int, stamp: LocalStamp) -> None:
        """The attribute was written (or removed) as a whole."""
        self.attributes[number] = stamp
        self.values.pop(number, None)

    def set_value(self, number: int, identity: bytes, stamp: LocalStamp, present: bool) -> None:
        """One value was added or removed."""
        self.values.setdefault(number, {})[identity] = (stamp, present)


def encode_stamps(stamps: LocalStamps) -> bytes:
    """The bytes of an entry's stamps; 12 where there is only the creation stamp."""
    created = _STAMP.pack(*stamps.created)
    whole = (stamps.name, stamps.deleted, stamps.revived)
    if not (any(whole) or stamps.former_parent or stamps.attributes or stamps.values):
        return created
    flags = sum(flag for flag, stamp in zip((_NAME, _DELETED, _REVIVED), whole, strict=True) if stamp)
    parts = [created, bytes((flags | (_FORMER_PARENT if stamps.former_parent else 0),))]
    parts.extend(_STAMP.pack(*stamp) for stamp in whole if stamp)
    parts.append(stamps.former_parent)
    parts.append(_COUNT.pack(len(stamps.attributes)))
    parts.extend(_ATTRIBUTE.pack(number, *stamp) for number, stamp in stamps.attributes.items())
    parts.append(_COUNT.pack(len(stamps.values)))
    for number, values in stamps.values.items():
        parts.append(_VALUES.pack(number, len(values)))
        for identity, (stamp, present) in values.items():
            parts.append(_VALUE.pack(stamp.clock, stamp.server, present, len(identity)))
            parts.append(identity)
    return b"".join(parts)


def stamp_attributes(data: bytes, numbers: Iterable[int], stamp: LocalStamp) -> bytes:
    """The bytes of an entry's stamps after these attributes were written as wholes.

    Hot: stamps without stamps of values, which most entries have, are patched where they are.
    """
    packed = _STAMP.pack(*stamp)
    if data.startswith(packed):
        return data  # written by the operation that made the entry: its stamp says so already
    if len(data) == _STAMP.size:
        data += _NOTHING_STAMPED
    elif data[12] or len(data) != 17 + 16 * int.from_bytes(data[13:15], "big"):
        stamps = decode_stamps(data)
        for number in numbers:
            stamps.set_attribute(number, stamp)
        return encode_stamps(stamps)
    table = data[15:-2]
    for number in numbers:
        key = number.to_bytes(4, "big")
        at = table.find(key)
        while at > 0 and at % 16:  # within a stamp
            at = table.find(key, at + 1)
        if at < 0:
            table += key + packed
        else:
            table = table[: at + 4] + packed + table[at + 16 :]
    return b"%b%b%b%b" % (data[:13], _COUNT.pack(len(table) // 16), table, _NO_VALUES)


def decode_stamps(data: bytes) -> LocalStamps:
    """Read back what `encode_stamps` wrote; raises `ValueError` where the bytes are not of that form."""
    try:
        return _decode(data)
    except (struct.error, IndexError) as error:
        raise ValueError("stamps are cut short") from error


def _decode(data: bytes) -> LocalStamps:
    stamps = LocalStamps(LocalStamp.unpack(data))
    if len(data) == _STAMP.size:
        return stamps
    flags, pos = data[12], 13
    if flags & _NAME:
        stamps.name, pos = LocalStamp.unpack(data, pos), pos + 12
    if flags & _DELETED:
        stamps.deleted, pos = LocalStamp.unpack(data, pos), pos + 12
    if flags & _REVIVED:
        stamps.revived, pos = LocalStamp.unpack(data, pos), pos + 12
    if flags & _FORMER_PARENT:
        stamps.former_parent, pos = data[pos : pos + 16], pos + 16
    (count,) = _COUNT.unpack_from(data, pos)
    pos += 2
    for _ in range(count):
        number, clock, server = _ATTRIBUTE.unpack_from(data, pos)
        stamps.attributes[number] = LocalStamp(clock, server)
        pos += 16
    (count,) = _COUNT.unpack_from(data, pos)
    pos += 2
    for _ in range(count):
        number, size = _VALUES.unpack_from(data, pos)
        pos += 8
        values: dict[bytes, tuple[LocalStamp, bool]] = {}
        for _ in range(size):
            clock, server, present, length = _VALUE.unpack_from(data, pos)
            pos += 15
            values[data[pos : pos + length]] = (LocalStamp(clock, server), bool(present))
            pos += length
        stamps.values[number] = values
    if pos != len(data):
        raise ValueError("stamps have a wrong length")
    return stamps


def global_stamps(
    local: LocalStamps, server_guid: Callable[[int], bytes], attribute_key: Callable[[int], str]
) -> EntryStamps:
    """Local numbers to what every server understands."""

    def stamp(value: LocalStamp) -> Stamp:
        return Stamp(value.clock, server_guid(value.server))

    return EntryStamps(
        stamp(local.created),
        stamp(local.name or local.created),
        stamp(local.deleted) if local.deleted else None,
        stamp(local.revived) if local.revived else None,
        local.former_parent,
        {attribute_key(number): stamp(value) for number, value in local.attributes.items()},
        {
            attribute_key(number): {
                identity: (stamp(own), present) for identity, (own, present) in values.items()
            }
            for number, values in local.values.items()
        },
    )


def local_stamps(
    stamps: EntryStamps, server_number: Callable[[bytes], int], attribute_number: Callable[[str], int]
) -> LocalStamps:
    """The reverse of `global_stamps`; the callables may allocate numbers."""

    def stamp(value: Stamp) -> LocalStamp:
        return LocalStamp(value.clock, server_number(value.server))

    return LocalStamps(
        stamp(stamps.created),
        stamp(stamps.name) if stamps.name != stamps.created else None,
        stamp(stamps.deleted) if stamps.deleted else None,
        stamp(stamps.revived) if stamps.revived else None,
        stamps.former_parent,
        {attribute_number(key): stamp(value) for key, value in stamps.attributes.items()},
        {
            attribute_number(key): {
                identity: (stamp(own), present) for identity, (own, present) in values.items()
            }
            for key, values in stamps.values.items()
        },
    )
