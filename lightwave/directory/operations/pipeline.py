"""The way of every write: plan on a snapshot, prepare outside the transaction, apply inside it, one exit.

    submit -> limits -> [plan (snapshot) -> prepare (thread when heavy)] -> committer: apply -> Outcome

The bracket is entered only by requests that touch secret attributes. What was prepared names its preconditions,
which are verified inside `apply`; a broken one sends the request back to the plan, three times, then it is busy.
Whatever happens, the request leaves through `_finish`, which logs it.

All methods run on the reactor thread; `done` is called exactly once, possibly before `submit` returns.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence

from lightwave.directory.ldap.messages import AddRequest, DeleteRequest, ModifyDNRequest, ModifyRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations import add, bounds, delete, dynamic, modify, rename
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.outcome import (
    SUCCESS,
    Outcome,
    PreconditionBroken,
    log_failure,
    outcome_of,
)
from lightwave.directory.operations.planning import is_prepared, surveys_of
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

Done = Callable[[Outcome], None]

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
        liveness: Liveness | None = None,
        *,
        new_guid: Callable[[], bytes] = lambda: uuid.uuid4().bytes,
    ) -> None:
        self._store = store
        self._committer = committer
        self._schemas = schemas
        self._preparers = tuple(preparers)
        self._plugins = tuple(plugins)
        self._threads = threads
        self._new_guid = new_guid
        self._liveness = liveness

    def submit(self, context: Context, request: WriteRequest, done: Done) -> None:
        """Runs one write; `done` gets its outcome after the commit that made it durable."""
        try:
            if isinstance(request, AddRequest):
                bounds.check_add_request(request, context.limits)
            elif isinstance(request, ModifyRequest):
                bounds.check_modify_request(request, context.limits)
        except DirectoryError as error:
            self._finish(context, error, done)
            return
        self._attempt(context, request, done, ATTEMPTS)

    def submit_operation(
        self, context: Context, apply: Callable[[WriteTransaction, Schema], Outcome], done: Done
    ) -> None:
        """Runs `apply` as one operation of its own: for services whose writes are not LDAP requests."""

        def in_transaction(txn: WriteTransaction) -> Outcome:
            self._check_live(txn, context)
            return apply(txn, self._schemas.current(txn))

        self._committer.submit(in_transaction, lambda result: self._finish(context, result, done))

    def _attempt(self, context: Context, request: WriteRequest, done: Done, attempts: int) -> None:
        try:
            preparations = self._plan(context, request)
        except Exception as error:  # noqa: BLE001  the one exit turns every failure into a result
            self._finish(context, error, done)
            return
        if not preparations:
            self._commit(context, request, (), done, attempts)
        elif any(preparation.heavy for preparation in preparations):
            self._threads.run(
                lambda: _run(preparations),
                lambda result: self._prepared(context, request, result, done, attempts),
            )
        else:
            try:
                effects = _run(preparations)
            except Exception as error:  # noqa: BLE001  as above
                self._finish(context, error, done)
                return
            self._commit(context, request, effects, done, attempts)

    def _plan(self, context: Context, request: WriteRequest) -> list[Preparation]:
        """What has to be computed before the transaction; [] for most requests, which then cost nothing here."""
        if isinstance(request, AddRequest):
            names = [name for name, _ in request.attributes]
        elif isinstance(request, ModifyRequest):
            names = [change.attribute for change in request.changes]
        else:
            return []
        schema = self._schemas.latest
        concerned = [
            one for name in names if (one := schema.describe(name)) is not None and is_prepared(one.type)
        ]
        if not concerned:
            return []
        with self._store.read() as txn:
            schema = self._schemas.current(txn)
            self._check_live(txn, context)
            target = _gather(txn, schema, context, request)
            planned = [preparer.plan(txn, schema, context, request, target) for preparer in self._preparers]
            for description in concerned:
                if description.type.is_secret and not any(
                    preparer.handles(description.type.oid) for preparer in self._preparers
                ):
                    raise DirectoryError(
                        ResultCode.UNWILLING_TO_PERFORM, f"{description.text}: cannot be set here"
                    )
            surveys = surveys_of(txn, schema, context, request)
        return [*(one for one in planned if one is not None), *surveys]

    def _prepared(
        self,
        context: Context,
        request: WriteRequest,
        result: tuple[Effect, ...] | BaseException,
        done: Done,
        attempts: int,
    ) -> None:
        if isinstance(result, BaseException):
            self._finish(context, result, done)
        else:
            self._commit(context, request, result, done, attempts)

    def _commit(
        self, context: Context, request: WriteRequest, effects: Sequence[Effect], done: Done, attempts: int
    ) -> None:
        def finished(result: Outcome | BaseException) -> None:
            if isinstance(result, PreconditionBroken) and attempts > 1:
                self._attempt(context, request, done, attempts - 1)
            else:
                self._finish(context, result, done)

        self._committer.submit(lambda txn: self._apply(txn, context, request, effects), finished)

    def _apply(
        self, txn: WriteTransaction, context: Context, request: WriteRequest, effects: Sequence[Effect]
    ) -> Outcome:
        """One write inside the transaction."""
        self._check_live(txn, context)
        schema = self._schemas.current(txn)
        if isinstance(request, ModifyRequest):
            modify.apply(txn, schema, context, request, effects, self._plugins)
        elif isinstance(request, AddRequest):
            add.apply(txn, schema, context, request, self._new_guid(), effects, self._plugins)
        elif isinstance(request, DeleteRequest):
            delete.apply(txn, schema, context, request, self._plugins)
        elif isinstance(request, ModifyDNRequest):
            rename.apply(txn, schema, context, request, self._plugins)
        else:
            return dynamic.apply(txn, schema, context, request)
        return SUCCESS

    def _check_live(self, txn: ReadTransaction, context: Context) -> None:
        if self._liveness is not None:
            self._liveness.check_live(txn, context)

    def _finish(self, context: Context, result: Outcome | BaseException, done: Done) -> None:
        """The one exit: every outcome passes here once, is logged where it is our fault, and goes to `done`."""
        outcome = outcome_of(result, context.correlation) if isinstance(result, BaseException) else result
        if outcome.error is not None:
            log_failure(_log, f"a write of {context.correlation or 'the server'} failed", outcome.error)
        elif outcome.detail:
            _log.info(
                "write refused: %s: %s",
                outcome.code.label,
                outcome.detail,
                extra={"correlation": context.correlation},
            )
        done(outcome)


def _run(preparations: Sequence[Preparation]) -> tuple[Effect, ...]:
    return tuple(preparation.run() for preparation in preparations)


def _gather(txn: ReadTransaction, schema: Schema, context: Context, request: WriteRequest) -> Target | None:
    """Decides access before anything costly is done for the request; its target, None for an add."""
    if isinstance(request, AddRequest):
        add.gather(txn, schema, context, request)
    elif isinstance(request, ModifyRequest):
        return modify.gather(txn, schema, context, request).target
    return None
