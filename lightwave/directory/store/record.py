"""An entry's record: one value of `entries`, made so that a search copies and does not decode.

Each attribute stands already encoded as the PartialAttribute of RFC 4511 section 4.1.7, the user attributes first,
then the operational ones, so that all user attributes are one slice. Hot: plain functions over bytes; decoding with
the checksum takes about a microsecond.

    flags 2, user count 2, count 2, RDN length 2, normalised RDN length 2
    descriptor 4, parent 8, GUID 16, usnCreated 8, usnChanged 8, expires 8 (ms since 1970, 0 = never)
    end of the user block 4, counted from the start of the blocks
    attribute numbers, 4 each; ends of the attributes, 4 each, counted from the start of the blocks
    RDN as text, normalised RDN
    user block, operational block
    CRC-32 of all before it 4, little-endian, so that the CRC of the whole is a constant

Links (DN-valued attributes that name an entry) and secrets are not in it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntFlag
from functools import lru_cache

from lightwave.directory.store.errors import DamagedRecord

_HEADER = struct.Struct(">HHHHHIQ16sQQQI")
_CRC = struct.Struct("<I")
_GOOD_CRC = 0x2144DF1C  # the CRC-32 of any message that is followed by its own CRC-32, little-endian


class RecordFlag(IntFlag):
    """What a reader must know of an entry before it looks further."""

    HAS_LINKS = 1
    TOMBSTONE = 2
    DYNAMIC = 4
    CONTEXT = 8
    """A naming context's root: its RDN is a whole DN."""


HAS_LINKS = 1
TOMBSTONE = 2
DYNAMIC = 4
CONTEXT = 8


class Record:
    """A view of a record's bytes. Build one with `decode_record`; nothing in it may be changed."""

    __slots__ = (
        "_blocks",
        "_counts",
        "_ends",
        "_numbers",
        "_user_end",
        "data",
        "descriptor",
        "expires",
        "flags",
        "guid",
        "normalised_rdn",
        "parent",
        "rdn",
        "usn_changed",
        "usn_created",
    )

    data: bytes
    flags: int
    descriptor: int
    parent: int
    guid: bytes
    usn_created: int
    usn_changed: int
    expires: int
    """Milliseconds since 1970, 0 where the entry never expires."""
    rdn: bytes
    """The RDN as text (RFC 4514); the whole DN where the entry is the root of a naming context."""
    normalised_rdn: bytes
    _numbers: tuple[int, ...]
    _ends: tuple[int, ...]
    _blocks: int
    _counts: tuple[int, int]
    _user_end: int

    def numbers(self) -> tuple[int, ...]:
        """The attribute numbers, user attributes first."""
        return self._numbers

    @property
    def user_numbers(self) -> tuple[int, ...]:
        """The numbers of the user attributes."""
        return self._numbers[: self._counts[0]]

    @property
    def user_block(self) -> bytes:
        """All user attributes as one run of PartialAttribute encodings."""
        return self.data[self._blocks : self._blocks + self._user_end]

    @property
    def operational_block(self) -> bytes:
        """All operational attributes that are stored, as one run of PartialAttribute encodings."""
        return self.data[self._blocks + self._user_end : -4]

    @property
    def all_blocks(self) -> bytes:
        """The user attributes and the operational ones behind them."""
        return self.data[self._blocks : -4]

    def encoded(self, number: int) -> bytes | None:
        """The PartialAttribute encoding of one attribute, None where the entry has no value of it."""
        numbers = self._numbers
        if number not in numbers:
            return None
        at = numbers.index(number)
        blocks = self._blocks
        ends = self._ends
        return self.data[blocks + ends[at - 1] if at else blocks : blocks + ends[at]]

    def values(self, number: int) -> list[bytes]:
        """The values of one attribute; empty where it has none."""
        encoded = self.encoded(number)
        return attribute_values(encoded) if encoded is not None else []

    def attributes(self) -> Iterator[tuple[int, bytes]]:
        """(number, PartialAttribute encoding) of all attributes, in their order."""
        start = self._blocks
        for number, end in zip(self._numbers, self._ends, strict=True):
            stop = self._blocks + end
            yield number, self.data[start:stop]
            start = stop

    def has(self, flag: int) -> bool:
        """Whether a `RecordFlag` is set."""
        return bool(self.flags & flag)


@lru_cache(maxsize=1024)
def _table(count: int) -> struct.Struct:
    return struct.Struct(f">{2 * count}I")


_HEADER_SIZE = _HEADER.size


def decode_record(data: bytes, tenant: int = 0, entry_id: int = 0) -> Record:
    """A view of the bytes; raises `DamagedRecord` (naming tenant and entry) where the checksum does not hold."""
    if zlib.crc32(data) != _GOOD_CRC or len(data) < _HEADER_SIZE + 4:
        raise DamagedRecord(tenant, entry_id)
    record = Record()
    record.data = data
    (
        record.flags,
        users,
        count,
        rdn_size,
        normalised_size,
        record.descriptor,
        record.parent,
        record.guid,
        record.usn_created,
        record.usn_changed,
        record.expires,
        record._user_end,
    ) = _HEADER.unpack_from(data)
    table = _table(count).unpack_from(data, _HEADER_SIZE)
    record._numbers = table[:count]
    record._ends = table[count:]
    record._counts = (users, count)
    at = _HEADER_SIZE + 8 * count
    middle = at + rdn_size
    record.rdn = data[at:middle]
    record._blocks = middle + normalised_size
    record.normalised_rdn = data[middle : record._blocks]
    return record


def encode_record(
    *,
    flags: int,
    descriptor: int,
    parent: int,
    guid: bytes,
    usn_created: int,
    usn_changed: int,
    expires: int,
    rdn: bytes,
    normalised_rdn: bytes,
    user: Sequence[tuple[int, bytes]],
    operational: Sequence[tuple[int, bytes]],
) -> bytes:
    """A record's bytes. `user` and `operational` are (attribute number, PartialAttribute encoding)."""
    numbers = []
    ends = []
    end = 0
    for number, encoded in user:
        end += len(encoded)
        numbers.append(number)
        ends.append(end)
    user_end = end
    for number, encoded in operational:
        end += len(encoded)
        numbers.append(number)
        ends.append(end)
    header = _HEADER.pack(
        flags,
        len(user),
        len(numbers),
        len(rdn),
        len(normalised_rdn),
        descriptor,
        parent,
        guid,
        usn_created,
        usn_changed,
        expires,
        user_end,
    )
    parts = [header, _table(len(numbers)).pack(*numbers, *ends), rdn, normalised_rdn]
    parts += [encoded for _, encoded in user]
    parts += [encoded for _, encoded in operational]
    body = b"".join(parts)
    return body + _CRC.pack(zlib.crc32(body))


_CHANGED = struct.Struct(">QQI")  # usnChanged, expires, end of the user block
_CHANGED_AT = _HEADER_SIZE - _CHANGED.size


def replace_attributes(record: Record, replaced: Mapping[int, bytes], usn_changed: int) -> bytes:
    """The bytes of a record in which attributes that it has get other encodings, and all else stays.

    Hot: what is not replaced is copied as it stands.
    """
    data, numbers, blocks = record.data, record._numbers, record._blocks
    ends = list(record._ends)
    parts: list[bytes] = []
    copied = blocks
    for at, encoded in sorted((numbers.index(number), encoded) for number, encoded in replaced.items()):
        stop = blocks + record._ends[at]
        start = blocks + record._ends[at - 1] if at else blocks
        parts += (data[copied:start], encoded)
        copied = stop
        grown = len(encoded) - stop + start
        if grown:
            ends[at:] = [end + grown for end in ends[at:]]
    parts.append(data[copied:-4])
    users, count = record._counts
    head = (
        data[:_CHANGED_AT],
        _CHANGED.pack(usn_changed, record.expires, ends[users - 1] if users else 0),
        _table(count).pack(*numbers, *ends),
        data[_HEADER_SIZE + 8 * count : blocks],
    )
    body = b"".join((*head, *parts))
    return body + _CRC.pack(zlib.crc32(body))


def encode_length(length: int) -> bytes:
    """A BER length, definite and minimal."""
    if length < 128:
        return bytes((length,))
    size = (length.bit_length() + 7) // 8
    return bytes((128 | size,)) + length.to_bytes(size, "big")


# PartialAttribute ::= SEQUENCE { type AttributeDescription, vals SET OF value AttributeValue }
def encode_attribute(name: bytes, values: Iterable[bytes]) -> bytes:
    """The PartialAttribute (RFC 4511 section 4.1.7) of an attribute as the record keeps it."""
    if type(values) is tuple and len(values) == 1:
        value, length = values[0], len(name)
        size = len(value)
        if size + length < 120:  # most attributes: one short value, and all lengths in one octet
            return b"\x30%c\x04%c%b\x31%c\x04%c%b" % (size + length + 6, length, name, size + 2, size, value)
    parts = [
        b"\x04%c%b" % (size, value) if (size := len(value)) < 128 else b"\x04" + encode_length(size) + value
        for value in values
    ]
    content = b"".join(parts)
    size = len(content)
    inner = b"\x31%c%b" % (size, content) if size < 128 else b"\x31" + encode_length(size) + content
    inner = b"\x04" + encode_length(len(name)) + name + inner
    size = len(inner)
    return b"\x30%c%b" % (size, inner) if size < 128 else b"\x30" + encode_length(size) + inner


def _content(data: bytes, pos: int) -> tuple[int, int]:
    """(start, stop) of the content of the element at `pos`; of our own encoding, so lengths are trusted."""
    length = data[pos + 1]
    if length < 128:
        return pos + 2, pos + 2 + length
    start = pos + 2 + (length & 127)
    return start, start + int.from_bytes(data[pos + 2 : start], "big")


def attribute_name(encoded: bytes) -> bytes:
    """The attribute description in a PartialAttribute encoding of ours."""
    start, _ = _content(encoded, 0)
    start, end = _content(encoded, start)
    return encoded[start:end]


def attribute_values(encoded: bytes) -> list[bytes]:
    """The values of a PartialAttribute encoding of ours."""
    values: list[bytes] = []
    if encoded[1] < 128:  # then so is every length in it (0.5 µs less; most attributes are short)
        pos = 6 + encoded[3]
        end = len(encoded)
        while pos < end:
            start = pos + 2
            pos = start + encoded[pos + 1]
            values.append(encoded[start:pos])
        return values
    start, _ = _content(encoded, 0)
    _, pos = _content(encoded, start)
    pos, end = _content(encoded, pos)
    while pos < end:
        length = encoded[pos + 1]
        if length < 128:
            start = pos + 2
            pos = start + length
        else:
            start, pos = _content(encoded, pos)
        values.append(encoded[start:pos])
    return values
