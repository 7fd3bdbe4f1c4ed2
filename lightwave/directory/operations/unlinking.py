"""Removes, in slices, the links of deleted entries that had more of them than could go with the deletion.

The entry is dead from the commit that buried it, and no reader sees a link from it or to it (`Caches.burials`);
what is left is rows. A note in the store says which tombstones are concerned, so a killed server goes on with them.
"""

from __future__ import annotations

import logging

from lightwave.directory.operations.indexing import FlatCommits
from lightwave.directory.store.environment import Store
from lightwave.directory.store.writing import WriteTransaction

SLICE = 2_000
"""links of each kind that one transaction removes: each may touch half a dozen pages"""

_log = logging.getLogger(__name__)


class Unlinking:
    """Looks for tombstones that still have links and works on them."""

    def __init__(self, store: Store, committer: FlatCommits) -> None:
        self._store = store
        self._committer = committer
        self._running = False

    def run_slice(self) -> bool:
        """Sees to it that the work goes on; whether there is any. Called now and then on the reactor thread."""
        if self._running:
            return True
        with self._store.read() as txn:
            if not txn.burials():
                return False
        self._running = True
        self._committer.submit_flat(unlink_slice, self._finished)
        return True

    def _finished(self, error: BaseException | None) -> None:
        self._running = False
        if error is not None:
            _log.error("removing links of deleted entries failed; it goes on later", exc_info=error)


def unlink_slice(txn: WriteTransaction) -> bool:
    """Removes links of one tombstone; whether there is more to do."""
    waiting = txn.burials()
    if not waiting:
        return False
    tenant, entry_id = waiting[0]
    return txn.unlink_slice(tenant, entry_id, txn.begin_change(), SLICE) or len(waiting) > 1
