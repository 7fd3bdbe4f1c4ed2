"""Several writes as one: planned and prepared each for itself, applied in one operation, all or none (RFC 5805).

All methods run on the reactor thread; what is heavy is prepared in threads, one write after the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple, Protocol

from lightwave.directory.access.token import Token
from lightwave.directory.ldap.result import DirectoryError
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.outcome import SUCCESS, Outcome, PreconditionBroken
from lightwave.directory.operations.ports import Commits, Effect, Preparation, Threads, WriteRequest
from lightwave.directory.operations.writes import ATTEMPTS, BOUNDS, Done, Write, run_all
from lightwave.directory.store.writing import WriteTransaction


class GroupOutcome(NamedTuple):
    """What became of writes that were to be done together.

    failed: position of the one that failed, None where none did or the failure is of none of them. outcome: success,
    or the failure. outcomes: of each write, where all were done.
    """

    failed: int | None
    outcome: Outcome
    outcomes: tuple[Outcome, ...] = ()


class Steps(Protocol):
    """The pipeline's steps of one write."""

    def plan(self, write: Write) -> list[Preparation]:
        """What has to be computed before the transaction; raises DirectoryError."""

    def apply(self, write: Write, txn: WriteTransaction) -> Outcome:
        """The write inside the transaction; raises DirectoryError, PreconditionBroken."""

    def finish(self, context: Context, result: Outcome | BaseException, done: Done, request: object) -> None:
        """The exit."""


@dataclass(slots=True)
class _Group:
    """Several writes on their way as one."""

    writes: list[Write]
    done: Callable[[GroupOutcome], None]
    attempts: int = ATTEMPTS
    waiting: deque[list[Preparation]] = field(default_factory=deque)
    """of the writes that are not prepared yet: what was planned"""


class _Failed(Exception):
    """One of several writes failed."""

    def __init__(self, position: int, error: BaseException) -> None:
        super().__init__(str(error))
        self.position = position
        self.error = error


class WriteGroups:
    """Takes several writes, answers with one outcome."""

    def __init__(self, steps: Steps, committer: Commits, threads: Threads) -> None:
        self._steps = steps
        self._committer = committer
        self._threads = threads

    def submit(
        self, updates: Sequence[tuple[Context, WriteRequest]], done: Callable[[GroupOutcome], None]
    ) -> None:
        """Runs the writes in the given order; `done` hears once.

        What has to be prepared is planned for all of them before the first is applied, on what is there then.
        """
        self._attempt(_Group([Write(context, request, _ignore) for context, request in updates], done))

    def _attempt(self, group: _Group) -> None:
        position = 0
        try:
            for position, write in enumerate(group.writes):  # noqa: B007  names the write that failed
                if (check := BOUNDS.get(type(write.request))) is not None:
                    check(write.request, write.context.limits)
                group.waiting.append(self._steps.plan(write))
        except Exception as error:  # noqa: BLE001  the one exit turns every failure into a result
            self._finish(group, _Failed(position, error))
            return
        self._prepare(group)

    def _prepare(self, group: _Group) -> None:
        while group.waiting:
            position = len(group.writes) - len(group.waiting)
            preparations = group.waiting.popleft()
            if any(one.heavy for one in preparations):
                self._threads.run(partial(run_all, preparations), partial(self._prepared, group, position))
                return
            try:
                group.writes[position].effects = run_all(preparations)
            except Exception as error:  # noqa: BLE001  as above
                self._finish(group, _Failed(position, error))
                return
        self._committer.submit(partial(self._apply, group), partial(self._committed, group))

    def _prepared(self, group: _Group, position: int, result: tuple[Effect, ...] | BaseException) -> None:
        if isinstance(result, BaseException):
            self._finish(group, _Failed(position, result))
            return
        group.writes[position].effects = result
        self._prepare(group)

    def _apply(self, group: _Group, txn: WriteTransaction) -> tuple[Outcome, ...]:
        outcomes: list[Outcome] = []
        token: Token | None = None  # after a change of the requester's own password
        for position, one in enumerate(group.writes):
            write = one if token is None else replace(one, context=replace(one.context, token=token))
            try:
                outcomes.append(self._steps.apply(write, txn))
            except (DirectoryError, PreconditionBroken) as error:
                raise _Failed(position, error) from error
            token = outcomes[-1].token or token
        return tuple(outcomes)

    def _committed(self, group: _Group, result: tuple[Outcome, ...] | BaseException) -> None:
        if isinstance(result, tuple):
            group.done(GroupOutcome(None, SUCCESS, result))
            return
        broken = isinstance(result, _Failed) and isinstance(result.error, PreconditionBroken)
        if broken and group.attempts > 1:
            group.attempts -= 1
            self._attempt(group)
        else:
            self._finish(group, result)

    def _finish(self, group: _Group, error: BaseException) -> None:
        failed = error.position if isinstance(error, _Failed) else None
        reason = error.error if isinstance(error, _Failed) else error
        write = group.writes[failed or 0]
        self._steps.finish(
            write.context, reason, lambda outcome: group.done(GroupOutcome(failed, outcome)), write.request
        )


def _ignore(outcome: Outcome) -> None:
    """Of a write that is one of several: the group hears."""
