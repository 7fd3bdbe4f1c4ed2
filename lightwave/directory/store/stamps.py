"""Stamps: who changed what when, per entry, attribute and value.

A stamp is a hybrid clock value and the GUID of the server where the change was made; the order of stamps is total and
the same on every server. What has no stamp of its own has its attribute's, else the entry's creation stamp, so that a
fresh entry costs 12 bytes.

On disk a server is a local number of four bytes, an attribute its local number. Layout of an
entry's stamps, integers big-endian:

    created 12            clock 8, server 4
    and, where anything else is stamped:
    flags 1               1 = name, 2 = deleted
    name 12, deleted 12   where flagged
    attributes            count 2, each: attribute 4, stamp 12
    values                count 2 of attributes, each: attribute 4, count 4,
                          each value: stamp 12, present 1, length 2, identity of the value
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

_STAMP = struct.Struct(">QI")
_COUNT = struct.Struct(">H")
_ATTRIBUTE = struct.Struct(">IQI")
_VALUES = struct.Struct(">II")
_VALUE = struct.Struct(">QIBH")
_NAME, _DELETED = 1, 2
_LONGEST_IDENTITY = 64


class Stamp(NamedTuple):
    """When (hybrid clock) and where (GUID of the originating server). Compares as a tuple: the later one wins."""

    clock: int
    server: bytes


class LocalStamp(NamedTuple):
    """A stamp as it stands on disk: the server by its local number. Never leaves the node, never compared in merging."""

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
class EntryStamps:
    """All stamps of one entry. Attributes by their key (`AttributeDescription.key`), values by `value_identity`.

    `values[key][identity] = (stamp, present)`: `present` False is a removal that still has to win against an older add.
    A value stamp not later than its attribute's own stamp is meaningless and dropped by `set_attribute`.
    `deleted` is the stamp of the deletion of a tombstone, None for an entry that lives.
    """

    created: Stamp
    name: Stamp
    deleted: Stamp | None = None
    attributes: dict[str, Stamp] = field(default_factory=dict)
    values: dict[str, dict[bytes, tuple[Stamp, bool]]] = field(default_factory=dict)

    def attribute_stamp(self, key: str) -> Stamp:
        """The stamp of an attribute as a whole: its own, else the entry's creation stamp."""
        return self.attributes.get(key, self.created)

    def value_stamp(self, key: str, identity: bytes) -> Stamp:
        """The stamp of one value: its own, else its attribute's, else the entry's creation stamp."""
        own = self.values.get(key, {}).get(identity)
        return own[0] if own is not None else self.attribute_stamp(key)


@dataclass(slots=True)
class LocalStamps:
    """The same with local numbers, as the write path changes it."""

    created: LocalStamp
    name: LocalStamp | None = None
    deleted: LocalStamp | None = None
    attributes: dict[int, LocalStamp] = field(default_factory=dict)
    values: dict[int, dict[bytes, tuple[LocalStamp, bool]]] = field(default_factory=dict)

    def set_attribute(self, number: int, stamp: LocalStamp) -> None:
        """The attribute was written (or removed) as a whole."""
        self.attributes[number] = stamp
        self.values.pop(number, None)

    def set_value(self, number: int, identity: bytes, stamp: LocalStamp, present: bool) -> None:
        """One value was added or removed."""
        self.values.setdefault(number, {})[identity] = (stamp, present)


def value_identity(normalised: bytes) -> bytes:
    """What a value is called among stamps: its equality-normalised form, or a digest of it where that is long."""
    if len(normalised) <= _LONGEST_IDENTITY:
        return normalised
    return b"\xff" + hashlib.sha256(normalised).digest() + b"\xff" * (_LONGEST_IDENTITY - 32)


def encode_stamps(stamps: LocalStamps) -> bytes:
    """The bytes of an entry's stamps; 12 where there is only the creation stamp."""
    created = _STAMP.pack(*stamps.created)
    if not (stamps.name or stamps.deleted or stamps.attributes or stamps.values):
        return created
    parts = [created, bytes(((_NAME if stamps.name else 0) | (_DELETED if stamps.deleted else 0),))]
    if stamps.name:
        parts.append(_STAMP.pack(*stamps.name))
    if stamps.deleted:
        parts.append(_STAMP.pack(*stamps.deleted))
    parts.append(_COUNT.pack(len(stamps.attributes)))
    parts.extend(_ATTRIBUTE.pack(number, *stamp) for number, stamp in stamps.attributes.items())
    parts.append(_COUNT.pack(len(stamps.values)))
    for number, values in stamps.values.items():
        parts.append(_VALUES.pack(number, len(values)))
        for identity, (stamp, present) in values.items():
            parts.append(_VALUE.pack(stamp.clock, stamp.server, present, len(identity)))
            parts.append(identity)
    return b"".join(parts)


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
        {attribute_number(key): stamp(value) for key, value in stamps.attributes.items()},
        {
            attribute_number(key): {
                identity: (stamp(own), present) for identity, (own, present) in values.items()
            }
            for key, values in stamps.values.items()
        },
    )
