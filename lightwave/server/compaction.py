"""Compaction: the store's file is copied without its unused pages, and the copy takes its place.

Only while nobody has the store open: what a process wrote into the old file after the copy would be lost.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from lightwave.directory.store.backup_file import Progress
from lightwave.directory.store.compacting import begin_anew, compact_file
from lightwave.directory.store.environment import Store
from lightwave.directory.store.files import unused
from lightwave.server.configuration import ConfigurationError, NodeConfiguration
from lightwave.server.locks import ServingLock
from lightwave.server.whereabouts import is_where_it_was, note_whereabouts


@dataclass(frozen=True, slots=True)
class Compacted:
    """Octets on the disk before and after, and how long it took."""

    before: int
    after: int
    seconds: float


def compact(configuration: NodeConfiguration, progress: Progress) -> Compacted:
    """Compact the node's store; raises ConfigurationError while it serves, StoreError."""
    began = time.monotonic()
    folder = configuration.store_path
    data = folder / "data.mdb"
    if not data.exists():
        raise ConfigurationError(f"there is no store in {folder}")
    lock = ServingLock(configuration.data)
    try:
        with Store.open(folder, None, now=time.time, read_only=True) as store:
            known = is_where_it_was(store, folder)
        with unused(folder / "lock.mdb"):
            before = data.stat().st_blocks * 512
            try:
                compact_file(data, progress)
                begin_anew(folder)
            except OSError as error:
                raise ConfigurationError(f"{data} can't be compacted: {error.strerror}") from None
            after = os.stat(data).st_blocks * 512
        if known:  # else it is the copy of another, and is taken for one when it is served
            with Store.open(folder, None, now=time.time) as store:
                note_whereabouts(store, folder)
    finally:
        lock.release()
    return Compacted(before, after, time.monotonic() - began)
