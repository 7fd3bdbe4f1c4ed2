"""A copy of the store's file without unused pages. No process may have the store open (`files.unused`).

The rows are put in their order into a new file. (LMDB's own compacting copy, of 0.9.36 at least, crashes the process
where many duplicates of fixed size stand under one key, as in `index`.)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import lmdb

from lightwave.directory.store import layout
from lightwave.directory.store.backup_file import Progress
from lightwave.directory.store.environment import MAP_SIZE
from lightwave.directory.store.errors import StoreError, store_error
from lightwave.directory.store.files import unfinished, unfinished_file

_ROWS = 20_000
"""rows of one transaction of the copy"""


def compact_file(data: Path, progress: Progress = lambda what, done, total: None) -> None:
    """Put a compacted copy in the place of a file; raises `StoreError`, and then nothing has changed.

    To be called within `files.unused`, and followed by `begin_anew` in the same block.
    """
    with unfinished_file(data):
        try:
            with _opened(data) as source, _opened(unfinished(data), new=True) as copy:
                _copy(source, copy, progress)
                copy.sync(True)
        except lmdb.Error as error:
            raise store_error(error, str(data.parent)) from error


def _copy(source: lmdb.Environment, copy: lmdb.Environment, progress: Progress) -> None:
    with source.begin() as raw:
        names = set(raw.cursor().iternext(keys=True, values=False))
    if names - {name.encode() for name, _, _ in layout.DATABASES}:
        raise StoreError("the store has databases that this program does not know")
    for name, duplicates, fixed in layout.DATABASES:
        if name in layout.LATER and name.encode() not in names:
            continue  # its format is an older one, and stays
        old = source.open_db(name.encode(), dupsort=duplicates, dupfixed=fixed, create=False)
        new = copy.open_db(name.encode(), dupsort=duplicates, dupfixed=fixed)
        with source.begin() as raw:
            total = raw.stat(old)["entries"]
            rows = raw.cursor(old).iternext()
            done = 0
            while chunk := list(islice(rows, _ROWS)):
                with copy.begin(write=True) as writing:
                    writing.cursor(new).putmulti(chunk, append=True)
                done += len(chunk)
                progress(name, done, total)
        with copy.begin() as reading:
            if not total == done == reading.stat(new)["entries"]:
                raise StoreError("the compacted copy is not what the store is; the store was left as it was")


def begin_anew(folder: Path) -> None:
    """Open the store once, so that its lock file tells the copy's last transaction.

    A copy's transactions are numbered from 1. Whoever waits for the store meanwhile (`files.unused`) finds the lock
    file in use and believes the number in it; by that of the old file he could read the copy's empty first page.
    """
    try:
        lmdb.open(str(folder), create=False, max_dbs=1, map_size=MAP_SIZE).close()
    except lmdb.Error as error:
        raise store_error(error, str(folder)) from error


@contextmanager
def _opened(path: Path, *, new: bool = False) -> Iterator[lmdb.Environment]:
    environment = lmdb.open(
        str(path),
        subdir=False,
        readonly=not new,
        create=new,
        lock=False,
        sync=not new,  # once, at the end
        max_dbs=len(layout.DATABASES) + 8,
        map_size=MAP_SIZE,
    )
    try:
        yield environment
    finally:
        environment.close()
