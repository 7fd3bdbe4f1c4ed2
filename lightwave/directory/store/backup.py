"""Backup: one snapshot of what the store knows, as rows; while other processes read and write.

A backup holds what can't be computed: `entries`, `stamps`, `links`, `unlinked`, `secrets` (sealed as they stand),
`descriptors`, `meta`, `audit`, and the rows of `changes` that tell of removals. Everything else follows from these and
is made again by a restore (repair.py). An increment holds the same of the entries that changed after the last USN of
another backup, the events of the audit since then, and all of `meta` and `descriptors`. Removals are forgotten after a
day: an increment that reaches further back lists the entries that there are (`present`) instead.

One read transaction lasts as long as the backup: meanwhile LMDB keeps the pages of that snapshot, so the store's file
may grow by what is written in that time. Space is used again afterwards.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from lightwave.directory.store import audit_rows, layout
from lightwave.directory.store.backup_file import (
    PART_SIZE,
    BackupError,
    BackupFile,
    BackupWriter,
    Manifest,
    Part,
    Progress,
)
from lightwave.directory.store.errors import DamagedEvent, DamagedRecord
from lightwave.directory.store.layout import entry_key
from lightwave.directory.store.record import decode_record
from lightwave.directory.store.stamps import decode_stamps

if TYPE_CHECKING:
    import lmdb

    from lightwave.directory.store.environment import Store
    from lightwave.directory.store.reading import ReadTransaction

WHOLE = ("meta", "descriptors")
"""Databases that stand whole in every backup."""

BY_ENTRY = ("entries", "stamps", "links", "unlinked", "secrets")
"""Databases whose keys begin with an entry's."""

REMOVALS = "removals"
PRESENT = "present"
AUDIT = "audit"
DATABASES = (*WHOLE, *BY_ENTRY, AUDIT, REMOVALS, PRESENT)

_PROGRESS = 1_000

Rows = Iterator[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a backup is told about itself: see `Manifest`."""

    identity: bytes
    created: str
    node: dict[str, Any]
    recovery: dict[str, Any]


def write_backup(
    store: Store,
    stream: BinaryIO,
    origin: Origin,
    base: Manifest | None = None,
    *,
    progress: Progress = lambda what, done, total: None,
    part_size: int = PART_SIZE,
) -> Manifest:
    """Write a backup of the store, of what changed after `base` where there is one, to an empty stream.

    Raises `BackupError` where `base` is not of this store, and `DamagedRecord` where a record's checksum does not
    hold: a damaged entry in a backup would replace a good one.
    """
    with store.read() as transaction:
        if base is not None:
            _check_base(transaction, base)
        writing = _Writing(transaction, BackupWriter(stream, part_size), progress)
        return writing.run(origin, base)


def _check_base(transaction: ReadTransaction, base: Manifest) -> None:
    store = transaction.store
    if base.server != store.server_guid:
        raise BackupError(
            "that backup is of another node, or was made before this one was restored: make a full backup first"
        )
    if base.usn > transaction.last_usn():
        raise BackupError(
            f"that backup knows changes up to {base.usn}, and the store only up to {transaction.last_usn()}: "
            "an older copy of the store was put in place; make a full backup first"
        )


class _Writing:
    def __init__(self, transaction: ReadTransaction, writer: BackupWriter, progress: Progress) -> None:
        self._transaction = transaction
        self._raw = transaction.raw
        self._databases = transaction.store.databases
        self._writer = writer
        self._progress = progress

    def run(self, origin: Origin, base: Manifest | None) -> Manifest:
        since = base.usn if base is not None else 0
        changed = None if base is None else self._changed(since)
        for name in WHOLE:
            self._put(name, self._all(name))
        entries = removed = 0
        for name in BY_ENTRY:
            count = self._put(name, self._all(name) if changed is None else self._of(name, changed))
            entries = count if name == "entries" else entries
        told = None if base is None else {(tenant, node): last for tenant, node, last in base.audit}
        self._put(AUDIT, audit_rows.all_rows(self._transaction, told))
        removed = self._put(REMOVALS, self._removals(since))
        counters = self._transaction.counters()
        if base is not None and counters.purged_usn > since:
            self._put(PRESENT, ((key, b"") for key, _ in self._all("entries")))
        version = self._raw.get(layout.META_FORMAT, db=self._databases.meta)

        def describe(parts: tuple[Part, ...]) -> Manifest:
            return Manifest(
                origin.identity,
                base.identity if base is not None else None,
                since,
                counters.usn,
                counters.clock,
                self._transaction.store.server_guid,
                layout.number(version or b""),
                entries,
                removed,
                origin.created,
                origin.node,
                origin.recovery,
                parts,
                tuple(audit_rows.chains(self._transaction)),
            )

        return self._writer.finish(describe)

    def _changed(self, since: int) -> list[bytes]:
        """The keys of the entries that changed, ascending."""
        return sorted(
            entry_key(one.tenant, one.entry_id)
            for one in self._transaction.changes_since(since)
            if not one.removed
        )

    def _put(self, name: str, rows: Rows) -> int:
        """Write rows of a database; how many."""
        database = self._database(name)
        total = self._raw.stat(database)["entries"] if database is not None else 0
        count = 0
        for key, value in rows:
            if name == "entries":
                decode_record(value, *layout.decode_entry_key(key))
            self._writer.put(name, key, value)
            count += 1
            if not count % _PROGRESS:
                self._progress(name, count, max(total, count))
        self._progress(name, count, count)
        return count

    def _database(self, name: str) -> lmdb._Database | None:
        if name in (REMOVALS, PRESENT):
            name = "changes" if name == REMOVALS else "entries"
        database: lmdb._Database | None = getattr(self._databases, name)
        return database

    def _all(self, name: str) -> Rows:
        yield from self._raw.cursor(self._database(name)).iternext()

    def _of(self, name: str, changed: list[bytes]) -> Rows:
        """The rows of a database whose keys begin with one of these."""
        cursor = self._raw.cursor(self._database(name))
        for prefix in changed:
            if not cursor.set_range(prefix):
                return
            for key, value in cursor.iternext():
                if not key.startswith(prefix):
                    break
                yield key, value

    def _removals(self, since: int) -> Rows:
        cursor = self._raw.cursor(self._databases.changes)
        if cursor.set_range(layout.pack_id(since + 1)):
            for key, value in cursor.iternext():
                if len(value) > layout.CHANGE_SIZE:
                    yield key, value


def verify_backup(backup: BackupFile, progress: Progress = lambda what, done, total: None) -> None:
    """Read a backup from end to end; raises `BackupError` where anything is not as it was written.

    Beyond the digests: every record's own checksum, the form of stamps and keys, and the counts.
    """
    manifest = backup.manifest
    if manifest.store_format > layout.FORMAT:
        raise BackupError(
            f"{backup.path} is of a store of format {manifest.store_format}, and this program reads up to "
            f"{layout.FORMAT}: use the version of Lightwave that made it, or a later one"
        )
    end = manifest.parts[-1].offset + manifest.parts[-1].size if manifest.parts else 0
    counts = dict.fromkeys(DATABASES, 0)
    for part, rows in backup.all_parts():
        if part.database not in counts:
            raise BackupError(f"{backup.path} is damaged: it has rows of {part.database!r}")
        counts[part.database] += len(rows)
        try:
            _check_rows(part.database, rows)
        except (DamagedRecord, DamagedEvent, ValueError, struct.error) as error:
            raise BackupError(f"{backup.path} holds what no store does: {error}") from None
        progress("verifying", part.offset + part.size, end)
    if not counts["meta"] or (counts["entries"], counts[REMOVALS]) != (manifest.entries, manifest.removed):
        raise BackupError(f"{backup.path} is damaged: its counts are not those of its manifest")


def _check_rows(database: str, rows: list[tuple[bytes, bytes]]) -> None:
    if database == "entries":
        for key, value in rows:
            decode_record(value, *layout.decode_entry_key(_sized(key, 12)))
    elif database == "stamps":
        for key, value in rows:
            _sized(key, 12)
            decode_stamps(value)
    elif database in ("links", "unlinked"):
        for key, value in rows:
            _sized(key, 16)
            _sized(value, layout.LINK_VALUE_SIZE)
    elif database == AUDIT:
        for key, value in rows:
            audit_rows.check_row(key, value)
    elif database == REMOVALS:
        for key, value in rows:
            _sized(key, 8)
            if len(layout.removal_guid(value)) not in (0, 16):
                raise ValueError("the row of a removal has a wrong length")
            layout.removal_time(value)


def _sized(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise ValueError(f"{len(data)} octets where {size} belong")
    return data


def order_chain(backups: list[BackupFile]) -> list[BackupFile]:
    """A full backup and its increments in their order; raises `BackupError` where they do not belong together."""
    full = [one for one in backups if one.manifest.is_full]
    if len(full) != 1:
        raise BackupError("one full backup is needed, with the increments made since it")
    by_base = {one.manifest.base: one for one in backups if not one.manifest.is_full}
    if len(by_base) + 1 != len(backups):
        raise BackupError("two of the increments follow the same backup: name those of one line only")
    chain = full
    while (following := by_base.pop(chain[-1].manifest.identity, None)) is not None:
        chain.append(following)
    if by_base:
        left = next(iter(by_base.values()))
        raise BackupError(
            f"{left.path} does not follow {chain[-1].path}: an increment between them is missing, or it belongs "
            "to another backup"
        )
    return chain
