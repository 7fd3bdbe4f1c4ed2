"""Files that are whole or not there: written under another name, brought to the disk, then given their name."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lightwave.directory.store.errors import StoreBusy, StoreError

UNFINISHED = ".unfinished"
"""What the name of a file ends in that is being written; one that a killed process left is written over."""


def unfinished(path: Path) -> Path:
    """The name of a file while it is being written."""
    return path.with_name(path.name + UNFINISHED)


@contextmanager
def unfinished_file(path: Path, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A stream to what becomes `path` when the block ends; where an exception passes, nothing is left.

    Raises `StoreBusy` while another process writes the same file.
    """
    name = unfinished(path)
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT, mode)
    with os.fdopen(descriptor, "w+b", buffering=1 << 20) as stream:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreBusy(f"{name} is being written by another process") from None
        try:
            os.ftruncate(descriptor, 0)
            os.fchmod(descriptor, mode)
            yield stream
            stream.flush()
            os.fsync(descriptor)
            name.rename(path)
        except BaseException:
            name.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def clear_unfinished(folder: Path, ending: str) -> None:
    """Delete what killed processes left of files whose names end so; what is being written stays."""
    for left in folder.glob(f"*{ending}{UNFINISHED}"):
        with left.open("rb") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            left.unlink(missing_ok=True)


def write_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a whole file, in the place of what was there."""
    with unfinished_file(path, mode) as stream:
        stream.write(data)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def unused(lock_file: Path) -> Iterator[None]:
    """While the block runs, no process has an LMDB environment open, nor can open it: it waits.

    LMDB keeps a shared lock on the first octet of its lock file as long as an environment is open. Raises
    `StoreBusy` where somebody has. The block must open the environment without locks: in POSIX, whoever closes a
    file loses all his locks on it.
    """
    try:
        descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(f"{lock_file} can't be opened: {error.strerror}") from None
    with os.fdopen(descriptor, "r+b") as stream:
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)
        except OSError:
            raise StoreBusy("another process has the store open: end it first") from None
        yield
