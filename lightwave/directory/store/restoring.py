"""A backup and its increments become a store again.

`load` puts the rows of backups into an empty store, part by part; `derive` makes what follows from them. Nothing of
it is in use meanwhile: who was interrupted begins again with an empty folder. Rows keep their numbers, so what
counts by change numbers goes on; the originating server is renewed by the caller (`Store.renew_server`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import lmdb

from lightwave.directory.store import layout
from lightwave.directory.store.backup import AUDIT, BY_ENTRY, PRESENT, REMOVALS, WHOLE
from lightwave.directory.store.backup_file import BackupFile, Progress
from lightwave.directory.store.environment import MAP_SIZE, Store
from lightwave.directory.store.errors import store_error
from lightwave.directory.store.indexes import IndexDefinition, IndexState
from lightwave.directory.store.repair import DERIVING, MOST_ROWS, repair_slice, restart

if TYPE_CHECKING:
    from lightwave.directory.store.databases import Databases
    from lightwave.directory.store.derived_rows import DescribeIn

_SORTED = frozenset(name for name, duplicates, _ in layout.DATABASES if duplicates)


def load(
    path: Path,
    backups: Sequence[BackupFile],
    *,
    now: Callable[[], float],
    progress: Progress = lambda what, done, total: None,
    map_size: int = MAP_SIZE,
) -> None:
    """Make a store in an empty folder of a full backup and its increments, in their order (`order_chain`).

    Of what can be computed nothing is in it. Raises `BackupError` for a damaged part, `StoreFull`, `StoreError`.
    """
    total = sum(len(one.manifest.parts) for one in backups)
    done = 0
    with Store.create(path, None, server=bytes(16), now=now, map_size=map_size) as store:
        loading = _Loading(store.environment, store.databases)
        try:
            for number, backup in enumerate(backups):
                for what in loading.full(backup) if number == 0 else loading.increment(backup):
                    done += 1
                    progress(what, done, total)
        except lmdb.Error as error:
            raise store_error(error, store.environment.path()) from error


class _Loading:
    def __init__(self, environment: lmdb.Environment, databases: Databases) -> None:
        self._environment = environment
        self._databases = databases

    def full(self, backup: BackupFile) -> Iterator[str]:
        """Put all rows; yields the database of each part."""
        for name in WHOLE:
            yield from self._replace(backup, name)
        for name in (*BY_ENTRY, AUDIT, REMOVALS):
            for rows in backup.parts(name):
                self._put(name, rows)
                yield name

    def increment(self, backup: BackupFile) -> Iterator[str]:
        """Put what changed in the place of what was, and remove what went."""
        for name in WHOLE:
            yield from self._replace(backup, name)
        for rows in backup.parts(REMOVALS):
            with self._environment.begin(write=True) as raw:
                for _, value in rows:
                    tenant, entry_id, _ = layout.decode_change(value)
                    self._remove(raw, layout.entry_key(tenant, entry_id))
            self._put(REMOVALS, rows)
            yield REMOVALS
        for rows in backup.parts("entries"):
            with self._environment.begin(write=True) as raw:
                for key, _ in rows:
                    self._remove(raw, key)
            self._put("entries", rows)
            yield "entries"
        for name in (*BY_ENTRY[1:], AUDIT):
            for rows in backup.parts(name):
                self._put(name, rows)
                yield name
        if any(part.database == PRESENT for part in backup.manifest.parts):
            yield from self._keep_only(backup)

    def _replace(self, backup: BackupFile, name: str) -> Iterator[str]:
        """Whole databases are small: one transaction."""
        database = getattr(self._databases, name)
        with self._environment.begin(write=True) as raw:
            raw.drop(database, delete=False)
            for rows in backup.parts(name):
                raw.cursor(database).putmulti(rows)
                yield name

    def _put(self, name: str, rows: list[tuple[bytes, bytes]]) -> None:
        database = getattr(self._databases, "changes" if name == REMOVALS else name)
        with self._environment.begin(write=True) as raw:
            raw.cursor(database).putmulti(rows, dupdata=name in _SORTED)

    def _remove(self, raw: lmdb.Transaction[bytes], prefix: bytes) -> None:
        """Delete all rows of an entry."""
        for name in BY_ENTRY:
            cursor = raw.cursor(getattr(self._databases, name))
            while cursor.set_range(prefix) and cursor.key().startswith(prefix):
                cursor.delete(dupdata=True)

    def _keep_only(self, backup: BackupFile) -> Iterator[str]:
        """Remove the entries that an increment does not list; both stand in the order of their keys."""
        with self._environment.begin() as raw:
            there = raw.cursor(self._databases.entries).iternext(keys=True, values=False)
            present = (key for key, _ in backup.rows(PRESENT))
            gone = list(_missing(there, present))
        for at in range(0, len(gone), 1_000):
            with self._environment.begin(write=True) as raw:
                for key in gone[at : at + 1_000]:
                    self._remove(raw, key)
        for part in backup.manifest.parts:
            if part.database == PRESENT:
                yield PRESENT


def _missing(those: Iterator[bytes], among: Iterator[bytes]) -> Iterator[bytes]:
    """The members of one ascending sequence that another one lacks."""
    other = next(among, None)
    for one in those:
        while other is not None and other < one:
            other = next(among, None)
        if other != one:
            yield one


def derive(
    store: Store,
    describe: DescribeIn,
    *,
    names_only: bool = False,
    progress: Progress = lambda what, done, total: None,
) -> None:
    """Make what follows from the rows that were loaded; with `names_only` what is needed to find entries.

    Every index is complete afterwards, one that was being dropped is gone.
    """
    with store.write() as transaction:
        restart(transaction)
        for one in transaction.definitions():
            if one.state is IndexState.DROPPING:
                transaction.delete_definition(one.number, one.kind)
            elif one.state is not IndexState.COMPLETE:
                transaction.put_definition(
                    IndexDefinition(one.key, one.number, one.kind, IndexState.COMPLETE)
                )
    steps = DERIVING - 1 if names_only else DERIVING
    slices = 0
    more = True
    while more:
        with store.write() as transaction:
            more = repair_slice(transaction, describe, steps=steps)
            total = transaction.entry_count()
        slices += 1
        progress("computing", slices, max(2 * total // MOST_ROWS + 4, slices))
