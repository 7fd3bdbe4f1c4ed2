"""Forgets, once a day, what only merging with late changes would still need.

Traces of removed entries go after a day; removals of values and links after the tombstone lifetime, when no server
may come back with older state; failed sign-ins after a month. How far a round has come stands in `meta`, so a killed
one goes on where it was.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable

from lightwave.directory.operations.indexing import FlatCommits
from lightwave.directory.operations.plugins.tombstones import LIFETIME
from lightwave.directory.store.environment import Store
from lightwave.directory.store.expiry import purge_removal_stamps, purge_removals, purge_removed_links
from lightwave.directory.store.failure_rows import forget_before
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction

INTERVAL = 86_400.0
"""seconds between the beginnings of two rounds"""
_META = b"purge"
_PLACE = struct.Struct(">dBIQ")  # when the round began; step; tenant and entry id of the step's position
_STEPS = 4
FAILURES_KEPT = 30 * 86_400.0
"""seconds for which an account's last failed sign-in is remembered"""

_log = logging.getLogger(__name__)


class Purge:
    """Runs the daily round in slices between the commits of a serving node."""

    def __init__(self, store: Store, committer: FlatCommits, now: Callable[[], float]) -> None:
        self._store = store
        self._committer = committer
        self._now = now
        self._running = False

    def run_slice(self) -> bool:
        """Begin or go on with a round when one is due; whether there is work. Called now and then."""
        if self._running:
            return True
        now = self._now()
        with self._store.read() as txn:
            began, step, _, _ = read_place(txn)
        if step == _STEPS and began <= now < began + INTERVAL:
            return False
        self._running = True
        self._committer.submit_flat(lambda txn: purge_slice(txn, now), self._finished)
        return True

    def _finished(self, error: BaseException | None) -> None:
        self._running = False
        if error is not None:
            _log.error("purging failed; it goes on later", exc_info=error)


def read_place(txn: ReadTransaction) -> tuple[float, int, int, int]:
    """(when the last round began, its step, tenant, entry id); a round long ago and done where there was none."""
    data = txn.meta(_META)
    if data is None:
        return 0.0, _STEPS, 0, 0
    began, step, tenant, entry_id = _PLACE.unpack(data)
    return began, step, tenant, entry_id


def purge_slice(txn: WriteTransaction, now: float) -> bool:
    """One slice of a round, and its place in the same transaction; whether the round goes on."""
    began, step, tenant, entry_id = read_place(txn)
    if step == _STEPS:
        began, step, tenant, entry_id = now, 0, 0, 0
    more = False
    if step == 0:
        more = purge_removals(txn, now)
    elif step == 1:
        position = purge_removal_stamps(txn, now - LIFETIME, (tenant, entry_id))
        more = position is not None
        tenant, entry_id = position or (0, 0)
    elif step == 2:
        more = purge_removed_links(txn, now - LIFETIME)
    elif step == 3:
        position = forget_before(txn, now - FAILURES_KEPT, (tenant, entry_id))
        more = position is not None
        tenant, entry_id = position or (0, 0)
    if not more:
        step += 1
    txn.put_meta(_META, _PLACE.pack(began, step, tenant, entry_id))
    return step < _STEPS
