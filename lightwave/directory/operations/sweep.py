"""Removes what has expired, dynamic entries and tombstones, in the background of a serving node."""

from __future__ import annotations

import logging
from collections.abc import Callable

from lightwave.directory.operations.dynamic import sweep
from lightwave.directory.operations.indexing import FlatCommits
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.store.environment import Store

SLICE = 500
"""Entries removed in one transaction."""

_log = logging.getLogger(__name__)


class Sweep:
    """Looks for expired entries and removes them in slices."""

    def __init__(
        self, store: Store, schemas: SchemaSource, committer: FlatCommits, now: Callable[[], float]
    ) -> None:
        self._store = store
        self._schemas = schemas
        self._committer = committer
        self._now = now
        self._running = False

    def run_slice(self) -> bool:
        """Sees to it that expired entries go; whether there are any. Called now and then on the reactor thread."""
        if self._running:
            return True
        now = self._now()
        with self._store.read() as txn:
            if not any(not txn.has_children(*expired) for expired in txn.expired(now)):
                return False
            schema = self._schemas.current(txn)
        self._running = True
        self._committer.submit_flat(lambda txn: sweep(txn, schema, now, SLICE) == SLICE, self._finished)
        return True

    def _finished(self, error: BaseException | None) -> None:
        self._running = False
        if error is not None:
            _log.error("removing expired entries failed; it is tried again", exc_info=error)
