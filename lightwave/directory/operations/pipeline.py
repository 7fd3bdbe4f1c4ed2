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
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from lightwave.directory.ldap.messages import AddRequest, DeleteRequest, ModifyDNRequest, ModifyRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.update_controls import TREE_DELETE
from lightwave.directory.operations import (
    add,
    delete,
    dynamic,
    modify,
    password_modify,
    rename,
    tree_delete,
    undelete,
)
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.controlled_writes import WriteControls
from lightwave.directory.operations.drafts import PasswordModifyRequest
from lightwave.directory.operations.gather import denied
from lightwave.directory.operations.outcome import (
    SUCCESS,
    Outcome,
    PreconditionBroken,
    WrongOldPassword,
    log_failure,
    outcome_of,
)
from lightwave.directory.operations.planning import is_prepared, is_surveyed, surveys_of
from lightwave.directory.operations.ports import (
    Commits,
    Effect,
    Guesses,
    Liveness,
    Plugin,
    Preparation,
    Prepare,
    Recorder,
    Target,
    Threads,
    WriteRequest,
)
from lightwave.directory.operations.relax_rules import is_relaxed
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.operations.survey import Survey
from lightwave.directory.operations.tree_deletions import TreeDeletions
from lightwave.directory.operations.write_groups import WriteGroups
from lightwave.directory.operations.writes import BOUNDS, Done, Write, run_all
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.environment import Store
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction

_log = logging.getLogger(__name__)


class _Steps(NamedTuple):
    """`write_groups.Steps`"""

    plan: Callable[[Write], list[Preparation]]
    apply: Callable[[Write, WriteTransaction], Outcome]
    finish: Callable[[Context, Outcome | BaseException, Done, object], None]


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
        recorder: Recorder | None = None,
        guesses: Guesses | None = None,
    ) -> None:
        self._store = store
        self._committer = committer
        self._schemas = schemas
        self._preparers = tuple(preparers)
        self._plugins = tuple(plugins)
        self._threads = threads
        self._new_guid = new_guid
        self._liveness = liveness
        self._recorder = recorder
        self._guesses = guesses
        self.groups = WriteGroups(_Steps(self._plan, self._apply_any, self._finish), committer, threads)
        self.tree_deletions = TreeDeletions(store, committer, schemas, self._plugins, threads, liveness)

    def submit(self, context: Context, request: WriteRequest, done: Done) -> None:
        """Runs one write; `done` gets its outcome after the commit that made it durable."""
        if context.token.is_anonymous:  # before anything is looked up: the answer must not tell what there is
            self._finish(context, denied(context), done, request)
            return
        check = BOUNDS.get(type(request))
        if check is not None:
            try:
                check(request, context.limits)
            except DirectoryError as error:
                self._finish(context, error, done, request)
                return
        if context.controls and type(request) is DeleteRequest and context.has_control(TREE_DELETE):
            try:
                if self.tree_deletions.is_large(context, request):
                    self.tree_deletions.submit(
                        context, request, lambda result: self._finish(context, result, done, request)
                    )
                    return
            except Exception as error:  # noqa: BLE001  the one exit turns every failure into a result
                self._finish(context, error, done, request)
                return
        self._attempt(Write(context, request, done))

    def submit_operation(
        self, context: Context, apply: Callable[[WriteTransaction, Schema], Outcome], done: Done
    ) -> None:
        """Runs `apply` as one operation of its own: for services whose writes are not LDAP requests."""

        def in_transaction(txn: WriteTransaction) -> Outcome:
            self._live(txn, context)
            return apply(txn, self._schemas.current(txn))

        self._committer.submit(in_transaction, lambda result: self._finish(context, result, done))

    def _attempt(self, write: Write) -> None:
        try:
            preparations = self._plan(write)
        except Exception as error:  # noqa: BLE001  the one exit turns every failure into a result
            self._finish(write.context, error, write.done, write.request)
            return
        if any(preparation.heavy for preparation in preparations):
            self._threads.run(
                lambda: run_all(preparations),
                lambda result: self._prepared(write, result),
                write.context.peer,
            )
            return
        try:
            write.effects = run_all(preparations)
        except Exception as error:  # noqa: BLE001  as above
            self._finish(write.context, error, write.done, write.request)
            return
        self._commit(write)

    def _plan(self, write: Write) -> list[Preparation]:
        """What has to be computed before the transaction; [] for most requests, which then cost nothing here."""
        context, request = write.context, write.request
        if isinstance(request, ModifyRequest):
            describe = self._schemas.latest.describe
            names = (change.attribute for change in request.changes)
            if not any((one := describe(name)) is not None and is_prepared(one.type) for name in names):
                return []
        elif not isinstance(request, AddRequest):
            return self._plan_password(context, request) if type(request) is PasswordModifyRequest else []
        with self._store.read() as txn:
            schema = self._schemas.current(txn)
            target: Target | None = None
            if isinstance(request, AddRequest):
                relaxed = context.controls != () and is_relaxed(context)
                write.parsed = add.parse(schema, request, relaxed=relaxed)
                concerned = [one for one in write.parsed.attributes if is_prepared(one.type)]
                if not concerned:
                    return []
                context = self._live(txn, context)
            else:
                context = self._live(txn, context)
                gathered = modify.gather(txn, schema, context, request)
                target = gathered.target
                changed = (change.description for change in (*gathered.changes, *gathered.secrets))
                concerned = [one for one in changed if is_prepared(one.type)]
            planned = [preparer.plan(txn, schema, context, request, target) for preparer in self._preparers]
            for description in concerned:
                if description.type.is_secret and not any(
                    preparer.handles(description.type.oid) for preparer in self._preparers
                ):
                    raise DirectoryError(
                        ResultCode.UNWILLING_TO_PERFORM, f"{description.text}: cannot be set here"
                    )
            surveys: list[Survey] = []
            if any(is_surveyed(description.type) for description in concerned):
                surveys = surveys_of(txn, schema, context, request, write.parsed)
            preparations = [*(one for one in planned if one is not None), *surveys]
            if write.parsed is not None and any(one.heavy for one in preparations):
                # Access is decided before anything costly is done. (What is light can wait for the transaction.)
                structural = add.structural_class(write.parsed)
                add.find_superior(txn, schema, context, write.parsed.name, structural)
        return preparations

    def _plan_password(self, context: Context, request: PasswordModifyRequest) -> list[Preparation]:
        with self._store.read() as txn:
            schema = self._schemas.current(txn)
            context = self._live(txn, context)
            target = password_modify.gather(txn, schema, context, request).target
            changes = password_modify.as_modify(request)
            planned = [preparer.plan(txn, schema, context, changes, target) for preparer in self._preparers]
        found = [password_modify.ProvedPreparation(one) for one in planned if one is not None]
        if not found:
            raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "passwords can't be set here")
        return list[Preparation](found)

    def _prepared(self, write: Write, result: tuple[Effect, ...] | BaseException) -> None:
        if isinstance(result, BaseException):
            self._finish(write.context, result, write.done, write.request)
        else:
            write.effects = result
            self._commit(write)

    def _commit(self, write: Write) -> None:
        apply = self._apply_controlled if write.context.controls else self._apply
        self._committer.submit(partial(apply, write), partial(self._committed, write))

    def _committed(self, write: Write, result: Outcome | BaseException) -> None:
        if isinstance(result, PreconditionBroken) and write.attempts > 1:
            write.attempts -= 1
            self._attempt(write)
        else:
            self._finish(write.context, result, write.done, write.request)

    def _apply(self, write: Write, txn: WriteTransaction) -> Outcome:
        """One write inside the transaction."""
        request, effects = write.request, write.effects
        context = self._live(txn, write.context)
        schema = self._schemas.current(txn)
        if isinstance(request, ModifyRequest):
            is_of_schema = modify.apply(txn, schema, context, request, effects, self._plugins)
            if is_of_schema and self._recorder is not None:
                self._recorder.changed(txn, context, request)
            if effects:
                return self._renewed(txn, context)
        elif isinstance(request, AddRequest):
            add.apply(txn, schema, context, request, self._new_guid(), effects, self._plugins, write.parsed)
        elif isinstance(request, DeleteRequest):
            delete.apply(txn, schema, context, request, self._plugins)
        elif isinstance(request, ModifyDNRequest):
            rename.apply(txn, schema, context, request, self._plugins)
        elif isinstance(request, PasswordModifyRequest):
            password_modify.apply(txn, schema, context, request, effects, self._plugins)
            return self._renewed(txn, context)
        else:
            refreshed = dynamic.apply(txn, schema, context, request)
            if self._recorder is not None:
                self._recorder.changed(txn, context, request)
            return refreshed
        return SUCCESS

    def _renewed(self, txn: WriteTransaction, context: Context) -> Outcome:
        """Success of a write that set secrets: a change of one's own must not end the connection that made it."""
        if self._liveness is None:
            return SUCCESS
        token = self._liveness.renewed(txn, context.token)
        return SUCCESS if token is context.token else replace(SUCCESS, token=token)

    def _apply_any(self, write: Write, txn: WriteTransaction) -> Outcome:
        return self._apply_controlled(write, txn) if write.context.controls else self._apply(write, txn)

    def _apply_controlled(self, write: Write, txn: WriteTransaction) -> Outcome:
        """The same for a write with controls."""
        context = self._live(txn, write.context)
        controls = WriteControls(context, write.request)
        schema = self._schemas.current(txn)
        controls.before(txn, schema)
        if isinstance(write.request, ModifyRequest) and undelete.is_undelete(schema, context, write.request):
            undelete.apply(txn, schema, context, write.request, self._plugins)
            outcome = SUCCESS
        elif isinstance(write.request, DeleteRequest) and context.has_control(TREE_DELETE):
            tree_delete.apply_small(txn, schema, context, write.request, self._plugins)
            outcome = SUCCESS
        else:
            outcome = self._apply(write, txn)
        answered = controls.after(txn, self._schemas.current(txn))
        return replace(outcome, controls=answered) if answered else outcome

    def _live(self, txn: ReadTransaction, context: Context) -> Context:
        """The request's surroundings with what the requester is now; raises DirectoryError when he may not act."""
        if self._liveness is None:
            return context
        self._liveness.check_live(txn, context)
        token = self._liveness.current(txn, context.token)
        return context if token is context.token else replace(context, token=token)

    def _finish(
        self, context: Context, result: Outcome | BaseException, done: Done, request: object = None
    ) -> None:
        """The one exit: every outcome passes here once, is logged where it is our fault, and goes to `done`.

        A wrong old password is counted first, and perhaps answered late.
        """
        if isinstance(result, WrongOldPassword) and self._guesses is not None and result.account is not None:
            refused = DirectoryError(result.code, result.message, controls=result.controls)
            answer = partial(self._finish, context, refused, done, request)
            self._guesses.guessed(result.account, context.peer, answer, was_checked=result.was_checked)
            return
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
        if outcome.code is not ResultCode.SUCCESS and self._recorder is not None:
            self._recorder.refused(context, request, outcome)
        done(outcome)
