"""The way of every write: plan on a snapshot, prepare outside the transaction, apply inside it, one exit.

    submit -> limits -> [plan (snapshot) -> prepare (thread when heavy)] -> committer: apply -> Outcome

The bracket is entered only by requests that touch secret attributes. What was prepared names its preconditions,
which are verified inside `apply`; a broken one sends the request back to the plan, three times, then it is busy.
Whatever happens, the request leaves through `_finish`, which logs it.

All methods run on the reactor thread; `done` is called exactly once, possibly before `submit` returns.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from lightwave.directory.ldap.messages import AddRequest, DeleteRequest, ModifyDNRequest, ModifyRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations import add, bounds, delete, dynamic, modify, rename
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import RefreshRequest
from lightwave.directory.operations.outcome import SUCCESS, Outcome, PreconditionBroken, outcome_of
from lightwave.directory.operations.ports import (
    Commits,
    Effect,
    Liveness,
    Plugin,
    Preparation,
    Prepare,
    Target,
    Threads,
    WriteRequest,
)
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.environment import Store
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction

ATTEMPTS = 3

_log = logging.getLogger(__name__)


class WritePipeline:
    """Takes write requests, answers with outcomes."""

    def __init__(
        self,
        store: Store,
        committer: Commits,
        schemas: SchemaSource,
        preparers: Sequence[Prepare],
        plugins: Sequence[Plugin],
        threads: Threads,
        now: Callable[[], float],
        liveness: Liveness | None = None,
    ) -> None:
        self._store = store
        self._committer = committer
        self._schemas = schemas
        self._preparers = tuple(preparers)
        self._plugins = tuple(plugins)
        self._threads = threads
        self._now = now
        self._liveness = liveness

    def submit(self, context: Context, request: WriteRequest, done: Callable[[Outcome], None]) -> None:
        """Runs one write; `done` gets its outcome after the commit that made it durable."""

    def submit_operation(
        self,
        context: Context,
        apply: Callable[[WriteTransaction, Schema], Outcome],
        done: Callable[[Outcome], None],
    ) -> None:
        """Runs `apply` as one operation of its own: for services whose writes are not LDAP requests."""
