"""A copy of the store's file without unused pages. No process may have the store open (`files.unused`)."""

from __future__ import annotations

from pathlib import Path

import lmdb

from lightwave.directory.store import layout
from lightwave.directory.store.environment import MAP_SIZE
from lightwave.directory.store.errors import StoreError, store_error
from lightwave.directory.store.files import unfinished, unfinished_file


def compact_file(data: Path) -> None:
    """Put a compacted copy in the place of a file; raises `StoreError`, and then nothing has changed.

    To be called within `files.unused`, and followed by `begin_anew` in the same block.
    """
    with unfinished_file(data) as stream:
        try:
            with _opened(data) as environment:
                stream.flush()
                environment.copyfd(stream.fileno(), compact=True)
                before = _counts(environment)
            with _opened(unfinished(data)) as copy:
                after = _counts(copy)
        except lmdb.Error as error:
            raise store_error(error, str(data.parent)) from error
        if before != after:
            raise StoreError("the compacted copy is not what the store is; the store was left as it was")


def begin_anew(folder: Path) -> None:
    """Open the store once, so that its lock file tells the copy's last transaction.

    A copy's transactions are numbered from 1. Whoever waits for the store meanwhile (`files.unused`) finds the lock
    file in use and believes the number in it; by that of the old file he would read the copy's empty first page.
    """
    try:
        lmdb.open(str(folder), create=False, max_dbs=1, map_size=MAP_SIZE).close()
    except lmdb.Error as error:
        raise store_error(error, str(folder)) from error


def _opened(path: Path) -> lmdb.Environment:
    return lmdb.open(
        str(path),
        subdir=False,
        readonly=True,
        lock=False,
        create=False,
        max_dbs=len(layout.DATABASES) + 8,
        map_size=MAP_SIZE,
    )


def _counts(environment: lmdb.Environment) -> dict[str, int]:
    """How many rows each database has."""
    handles = {name: environment.open_db(name.encode(), create=False) for name, _, _ in layout.DATABASES}
    with environment.begin() as raw:
        return {name: raw.stat(handle)["entries"] for name, handle in handles.items()}
