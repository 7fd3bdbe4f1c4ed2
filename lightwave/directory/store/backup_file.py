"""The file of a backup: rows of databases in compressed parts, a manifest that names each part, a trailer.

    "lightwave backup\\n"
    parts, one after the other: zlib of rows, each: key length 2, value length 4, key, value
    manifest: JSON (see `Manifest`)
    trailer: offset of the manifest 8, its length 4, its SHA-256 32, "lightwave end\\n"

Every byte is covered: parts lie without gaps from the first line to the manifest, each under its SHA-256 in the
manifest, and the manifest under its own in the trailer. So a file that was cut, or changed anywhere, is refused. The
digests tell damage, not forgery: whoever can write the file can compute them too.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from lightwave.directory.store.errors import StoreError

FORMAT = 1
"""Version of this layout, in the manifest. A file of a later one is refused."""

PART_SIZE = 4 << 20
"""octets of rows that fill a part"""

_BEGINNING = b"lightwave backup\n"
_END = b"lightwave end\n"
_TRAILER = struct.Struct(f">QI32s{len(_END)}s")
_ROW = struct.Struct(">HI")
_LONGEST_MANIFEST = 1 << 28
_LARGEST_PART = 1 << 31

Progress = Callable[[str, int, int], None]
"""Called with (what is worked on, octets or rows done, those there are)."""


class BackupError(StoreError):
    """The file is no backup, is damaged, or does not fit what is asked of it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one database: where they stand in the file, how many octets they have there and unpacked."""

    database: str
    offset: int
    size: int
    unpacked: int
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    identity: 16 random bytes. base: the identity of the backup that this one is the increment of, None for a full
    one. since: the last USN of the base, 0 for a full one. usn, clock: the last of the store. server: GUID of the
    originating server that made it. store_format: of the rows. entries, removed: how many are told of. node: what the
    layers above want to know when they restore. recovery: the tenants' data keys, wrapped for the recovery key alone
    (`Keyring.recovery_wraps`). audit: how far the chains of the audit had come, as (tenant, node, sequence).
    """

    identity: bytes
    base: bytes | None
    since: int
    usn: int
    clock: int
    server: bytes
    store_format: int
    entries: int
    removed: int
    created: str
    node: dict[str, Any]
    recovery: dict[str, Any] = field(repr=False)
    parts: tuple[Part, ...] = ()
    audit: tuple[tuple[int, int, int], ...] = ()

    @property
    def is_full(self) -> bool:
        """Whether it needs no other backup."""
        return self.base is None

    def encode(self) -> bytes:
        """The JSON of it."""
        return json.dumps(
            {
                "format": FORMAT,
                "identity": self.identity.hex(),
                "base": self.base.hex() if self.base else None,
                "since": self.since,
                "usn": self.usn,
                "clock": self.clock,
                "server": self.server.hex(),
                "storeFormat": self.store_format,
                "entries": self.entries,
                "removed": self.removed,
                "created": self.created,
                "node": self.node,
                "recovery": self.recovery,
                "audit": self.audit,
                "parts": [
                    [one.database, one.offset, one.size, one.unpacked, one.rows, one.sha256]
                    for one in self.parts
                ],
            }
        ).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read back what `encode` wrote; raises `ValueError`, and `BackupError` for a later format."""
        content = json.loads(data)
        if not isinstance(content, dict) or not isinstance(content.get("format"), int):
            raise ValueError("no manifest")
        if content["format"] > FORMAT:
            raise BackupError(
                f"the backup has format {content['format']}, and this program reads up to {FORMAT}: "
                "use the version of Lightwave that made it, or a later one"
            )
        try:
            return cls(
                bytes.fromhex(content["identity"]),
                bytes.fromhex(content["base"]) if content["base"] is not None else None,
                int(content["since"]),
                int(content["usn"]),
                int(content["clock"]),
                bytes.fromhex(content["server"]),
                int(content["storeFormat"]),
                int(content["entries"]),
                int(content["removed"]),
                str(content["created"]),
                dict(content["node"]),
                dict(content["recovery"]),
                tuple(
                    Part(str(name), int(offset), int(size), int(unpacked), int(rows), str(digest))
                    for name, offset, size, unpacked, rows, digest in content["parts"]
                ),
                tuple((int(tenant), int(node), int(last)) for tenant, node, last in content.get("audit", ())),
            )
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError("no manifest") from error


class BackupWriter:
    """Writes rows to an empty stream; `finish` makes it a backup."""

    def __init__(self, stream: BinaryIO, part_size: int = PART_SIZE) -> None:
        self._stream = stream
        self._part_size = part_size
        self._offset = len(_BEGINNING)
        self._database = ""
        self._rows: list[bytes] = []
        self._unpacked = 0
        self._count = 0
        self._parts: list[Part] = []
        stream.write(_BEGINNING)

    def put(self, database: str, key: bytes, value: bytes) -> None:
        """Add a row; rows of one database come together."""
        if database != self._database:
            self._end_part()
            self._database = database
        self._rows += (_ROW.pack(len(key), len(value)), key, value)
        self._unpacked += _ROW.size + len(key) + len(value)
        self._count += 1
        if self._unpacked >= self._part_size:
            self._end_part()

    def _end_part(self) -> None:
        if not self._count:
            return
        packed = zlib.compress(b"".join(self._rows), 1)
        digest = hashlib.sha256(packed).hexdigest()
        self._parts.append(
            Part(self._database, self._offset, len(packed), self._unpacked, self._count, digest)
        )
        self._stream.write(packed)
        self._offset += len(packed)
        self._rows.clear()
        self._unpacked = self._count = 0

    @property
    def octets(self) -> int:
        """How much was written."""
        return self._offset

    def finish(self, describe: Callable[[tuple[Part, ...]], Manifest]) -> Manifest:
        """Write the manifest, which `describe` makes of the parts, and the trailer."""
        self._end_part()
        manifest = describe(tuple(self._parts))
        data = manifest.encode()
        self._stream.write(data)
        self._stream.write(_TRAILER.pack(self._offset, len(data), hashlib.sha256(data).digest(), _END))
        return manifest


class BackupFile:
    """A backup that is read. A context manager; opening it reads and verifies the manifest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._stream = path.open("rb")
        except OSError as error:
            raise BackupError(f"{path} can't be read: {error.strerror}") from None
        try:
            self.manifest = self._read_manifest()
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def _read_manifest(self) -> Manifest:
        stream = self._stream
        if stream.read(len(_BEGINNING)) != _BEGINNING:
            raise BackupError(f"{self.path} is no backup")
        size = stream.seek(0, 2)
        if size < len(_BEGINNING) + _TRAILER.size:
            raise self._cut()
        stream.seek(size - _TRAILER.size)
        offset, length, digest, end = _TRAILER.unpack(stream.read(_TRAILER.size))
        if end != _END or offset + length + _TRAILER.size != size or length > _LONGEST_MANIFEST:
            raise self._cut()
        stream.seek(offset)
        data = stream.read(length)
        if hashlib.sha256(data).digest() != digest:
            raise BackupError(f"{self.path} is damaged or was changed: its manifest is not what was written")
        try:
            manifest = Manifest.decode(data)
        except ValueError:
            raise BackupError(f"{self.path} is damaged: its manifest can't be read") from None
        at = len(_BEGINNING)
        for part in manifest.parts:
            if part.offset != at or part.size < 0 or not 0 <= part.unpacked <= _LARGEST_PART:
                raise BackupError(f"{self.path} is damaged: its parts do not follow each other")
            at += part.size
        if at != offset:
            raise BackupError(f"{self.path} is damaged: its parts do not follow each other")
        return manifest

    def _cut(self) -> BackupError:
        return BackupError(f"{self.path} was cut short, or changed at its end: its last lines are missing")

    def parts(self, database: str) -> Iterator[list[tuple[bytes, bytes]]]:
        """The rows of a database, part by part, each verified; raises `BackupError`."""
        for part in self.manifest.parts:
            if part.database == database:
                yield self._rows(part)

    def rows(self, database: str) -> Iterator[tuple[bytes, bytes]]:
        """The rows of a database in the order of their keys; raises `BackupError`."""
        for rows in self.parts(database):
            yield from rows

    def all_parts(self) -> Iterator[tuple[Part, list[tuple[bytes, bytes]]]]:
        """Every part and its rows, verified; raises `BackupError`."""
        for part in self.manifest.parts:
            yield part, self._rows(part)

    def _rows(self, part: Part) -> list[tuple[bytes, bytes]]:
        self._stream.seek(part.offset)
        packed = self._stream.read(part.size)
        if len(packed) != part.size or hashlib.sha256(packed).hexdigest() != part.sha256:
            raise self._damaged(part)
        try:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(packed, part.unpacked + 1)
        except zlib.error:
            raise self._damaged(part) from None
        if len(data) != part.unpacked or not unpacker.eof:
            raise self._damaged(part)
        rows: list[tuple[bytes, bytes]] = []
        at = 0
        while at < len(data):
            if at + _ROW.size > len(data):
                raise self._damaged(part)
            keys, values = _ROW.unpack_from(data, at)
            middle = at + _ROW.size + keys
            end = middle + values
            if end > len(data):
                raise self._damaged(part)
            rows.append((data[at + _ROW.size : middle], data[middle:end]))
            at = end
        if len(rows) != part.rows:
            raise self._damaged(part)
        return rows

    def _damaged(self, part: Part) -> BackupError:
        return BackupError(
            f"{self.path} is damaged or was changed: the part at {part.offset} ({part.database}) is not what "
            "was written"
        )
