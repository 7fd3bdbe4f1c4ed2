"""Carries out deletions of large subtrees: judge all (thread), note (operation), delete (flat, in slices), answer.

Also finishes what a server began that is gone: the notes in the store say what. Then nobody waits for the answer, and
the requester is who the note says; what was judged before the first entry went is not judged again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from lightwave.directory.access.token import AuthenticatedBy, Token
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.messages import DeleteRequest
from lightwave.directory.operations import tree_delete
from lightwave.directory.operations.context import Context, Limits
from lightwave.directory.operations.controlled_writes import WriteControls
from lightwave.directory.operations.outcome import SUCCESS, Outcome
from lightwave.directory.operations.ports import Commits, Liveness, Plugin, Threads
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.operations.tree_delete import TreeDeletion
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import StoreClosed
from lightwave.directory.store.walk import TreeWalk
from lightwave.directory.store.writing import WriteTransaction

LEFT_SECONDS = 10.0
"""without a slice, after which a deletion of another process is taken over"""

Done = Callable[[Outcome | BaseException], None]

_log = logging.getLogger(__name__)


class TreeDeletions:
    """The large deletions of one process. All methods are called on the reactor thread; so is `done`, once."""

    def __init__(
        self,
        store: Store,
        committer: Commits,
        schemas: SchemaSource,
        plugins: Sequence[Plugin],
        threads: Threads,
        liveness: Liveness | None,
    ) -> None:
        self._store = store
        self._committer = committer
        self._schemas = schemas
        self._plugins = plugins
        self._threads = threads
        self._liveness = liveness
        self._running: set[bytes] = set()
        self._has_looked = False
        self._seen: dict[bytes, tuple[int, float]] = {}
        """deletions of others, by their note: slices that were done, and when that was seen"""

    def is_large(self, context: Context, request: DeleteRequest) -> bool:
        """Whether the subtree is too large for one operation; raises DirectoryError where it can't be deleted."""
        with self._store.read() as txn:
            place = tree_delete.find_base(txn, self._schemas.current(txn), context, request)
            return not tree_delete.is_small(txn, place)

    def submit(self, context: Context, request: DeleteRequest, done: Done) -> None:
        """Deletes a large subtree; `done` hears when all of it is gone, or why not."""

        schemas = self._schemas.apart()

        def judged(result: int | BaseException) -> None:
            if isinstance(result, BaseException):
                done(result)
                return
            begin = partial(self._begin, context, request, result)
            self._committer.submit(begin, lambda begun: self._begun(context, begun, done))

        self._threads.run(lambda: self._judge(schemas, context, request), judged)

    def _judge(self, schemas: SchemaSource, context: Context, request: DeleteRequest) -> int:
        """The change number as of which every entry may go; raises DirectoryError. In a thread."""
        with self._store.read() as txn:
            usn = txn.last_usn()
            place = tree_delete.find_base(txn, schemas.current(txn), context, request)
        walk = TreeWalk(place.tenant, place.entry_id)
        while not walk.finished:
            with self._store.read() as txn:
                tree_delete.survey(txn, schemas.current(txn), context, place, walk)
        return usn

    def _begin(
        self, context: Context, request: DeleteRequest, usn: int, txn: WriteTransaction
    ) -> tuple[TreeDeletion, tuple[Control, ...]]:
        if self._liveness is not None:
            self._liveness.check_live(txn, context)
            context = replace(context, token=self._liveness.current(txn, context.token))
        schema = self._schemas.current(txn)
        controls = WriteControls(context, request)
        controls.before(txn, schema)
        deletion = tree_delete.begin(txn, schema, context, request, usn)
        return deletion, controls.after(txn, schema)

    def _begun(
        self,
        context: Context,
        begun: tuple[TreeDeletion, tuple[Control, ...]] | BaseException,
        done: Done,
    ) -> None:
        if isinstance(begun, BaseException):
            done(begun)
            return
        deletion, controls = begun
        answer = replace(SUCCESS, controls=controls)
        self._run(deletion, context, lambda error: done(answer if error is None else error))

    def _run(
        self, deletion: TreeDeletion, context: Context, done: Callable[[BaseException | None], None]
    ) -> None:
        self._running.add(deletion.note)
        self._seen.pop(deletion.note, None)
        schemas = self._schemas.apart()

        def run_slice(txn: WriteTransaction) -> bool:
            return tree_delete.delete_slice(txn, schemas.current(txn), context, deletion, self._plugins)

        def finished(error: BaseException | None) -> None:
            if error is None or isinstance(error, StoreClosed):
                # At the end of the process the note stays: the next one goes on.
                self._running.discard(deletion.note)
                done(error)
                return
            self._committer.submit(
                lambda txn: tree_delete.end(txn, deletion), lambda _: self._ended(deletion, error, done)
            )

        self._committer.submit_flat(run_slice, finished)

    def _ended(
        self, deletion: TreeDeletion, error: BaseException, done: Callable[[BaseException | None], None]
    ) -> None:
        self._running.discard(deletion.note)
        done(error)

    # --- in the background --------------------------------------------------------------------------------------------

    def run_slice(self) -> bool:
        """Sees to it that deletions that another process left are finished; whether there are any."""
        with self._store.read() as txn:
            waiting = [one for one in tree_delete.noted(txn) if one.note not in self._running]
        if not waiting:
            self._seen.clear()
        left = [one for one in waiting if self._is_left(one)]
        self._has_looked = True
        for deletion in left:
            _log.info("the deletion of a subtree goes on where another process left it")
            context = _context_of(deletion, self._store.now)
            if self._liveness is not None:
                with self._store.read() as txn:
                    context = replace(context, token=self._liveness.current(txn, context.token))
            self._run(deletion, context, _finished)
        return bool(left)

    def _is_left(self, deletion: TreeDeletion) -> bool:
        """Whether nobody works on it. (Two that do are in nobody's way, but have twice the work.)

        What is there when a process begins to look was left by one before it; later on it may be another's, and is left
        when nothing has come of it for a while.
        """
        now = self._store.now()
        slices, since = self._seen.get(deletion.note, (-1, now))
        if slices != deletion.slices:
            self._seen[deletion.note] = (deletion.slices, now)
        elif now - since >= LEFT_SECONDS:
            return True
        return not self._has_looked


def _finished(error: BaseException | None) -> None:
    if error is not None:
        _log.error("the deletion of a subtree ended before all was deleted: %s", error)


def _context_of(deletion: TreeDeletion, now: Callable[[], float]) -> Context:
    """The requester, as far as the note knows him."""
    token = Token(
        tenant=deletion.requester_tenant,
        entry_id=deletion.requester or None,
        guid=deletion.requester_guid,
        dn=deletion.requester_dn,
        is_administrator=deletion.is_administrator,
        is_anonymous=False,
        authenticated_by=AuthenticatedBy.NOTHING,
        groups_generation=-1,
    )
    return Context(token, Limits(), (), now)
