"""Whether the store is where it was: a copy that is started beside its original must not pass for it.

Two stores that number and stamp their changes as the same originating server would overwrite each other's changes
wherever they meet. So the store remembers where it lies (the machine, the file's inode), and where a node finds
itself elsewhere it takes a new originating server's GUID before it serves; clock and USN go on above all that was
seen. A file that was moved gets one, too: that costs nothing but a number.

What is not seen: a snapshot of a whole machine that is started twice, with one machine id and one inode. Give one of
the two a new machine id, as its other services need it, too.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from lightwave.directory.store.environment import Store
from lightwave.server.configuration import NodeConfiguration
from lightwave.server.locks import ServingLock

_NAME = b"whereabouts"
_MACHINE_ID = Path("/etc/machine-id")


def _whereabouts(store_path: Path) -> bytes:
    try:
        machine = _MACHINE_ID.read_bytes().strip()
    except OSError:
        machine = os.uname().nodename.encode()
    inode = (store_path / "data.mdb").stat().st_ino
    return hashlib.sha256(b"%b %d" % (machine, inode)).digest()


def is_where_it_was(store: Store, store_path: Path) -> bool:
    """Whether the store lies where it was last noted; True for one that never noted it."""
    with store.read() as txn:
        noted = txn.meta(_NAME)
    return noted in (None, _whereabouts(store_path))


def note_whereabouts(store: Store, store_path: Path) -> None:
    """Remember where the store lies now."""
    here = _whereabouts(store_path)
    with store.read() as txn:
        if txn.meta(_NAME) == here:
            return
    with store.write() as txn:
        txn.put_meta(_NAME, here)


def settle(configuration: NodeConfiguration) -> bool:
    """Before serving: give a store that was copied or moved a new originating server; whether it was.

    Raises ConfigurationError while it is served, StoreError.
    """
    lock = ServingLock(configuration.data)
    try:
        with Store.open(configuration.store_path, None, now=time.time) as store:
            moved = not is_where_it_was(store, configuration.store_path)
            if moved:
                store.renew_server(os.urandom(16))
            note_whereabouts(store, configuration.store_path)
        return moved
    finally:
        lock.release()
