"""Builds and drops indexes in the background of a serving node."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.store import building
from lightwave.directory.store.environment import Store
from lightwave.directory.store.writing import WriteTransaction

_log = logging.getLogger(__name__)


class FlatCommits(Protocol):
    """The committer's side for large work."""

    def submit_flat(
        self, run_slice: Callable[[WriteTransaction], bool], done: Callable[[BaseException | None], None]
    ) -> None: ...


class IndexBuilder:
    """Finds indexes that are not complete and works on them, between batches of operations."""

    def __init__(self, store: Store, schemas: SchemaSource, committer: FlatCommits) -> None:
        self._store = store
        self._schemas = schemas
        self._committer = committer
        self._running = False

    def run_slice(self) -> bool:
        """Sees to it that pending work goes on; whether there is any. Called now and then on the reactor thread."""
        if self._running:
            return True
        with self._store.read() as txn:
            if not building.pending(txn):
                return False
            describe = self._schemas.current(txn).describe
        self._running = True
        self._committer.submit_flat(lambda txn: building.run_slice(txn, describe), self._finished)
        return True

    def _finished(self, error: BaseException | None) -> None:
        self._running = False
        if error is not None:
            _log.error("building an index failed; it goes on later", exc_info=error)
