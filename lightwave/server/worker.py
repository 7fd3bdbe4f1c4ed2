"""One serving process of a node: alone, or one of several that a parent started.

Several share the listening sockets and the store; nothing else is shared. LMDB lets one of them write at a time.
Background work (expired entries, purges, index builds) is done by whoever holds the upkeep lock; the kernel gives it
to another when its holder dies.
"""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from lightwave.server.board import Board, State, WorkerFacts
from lightwave.web.sockets import Place

BEAT_SECONDS = 0.5
NUMBERS_OF_A_RESTART = 10_000_000
"""connection numbers until those of the next process in the same place begin"""


@dataclass(frozen=True, slots=True)
class Worker:
    """Which of how many processes this is. number: from 1; 0 when it is alone. restarts: of its place.

    sockets: inherited ones. lifeline: ends when the parent does.
    """

    number: int = 0
    count: int = 1
    restarts: int = 0
    sockets: Mapping[Place, socket.socket] | None = None
    board: Board | None = None
    lifeline: socket.socket | None = field(default=None, repr=False)

    @property
    def is_alone(self) -> bool:
        """Whether there is no parent."""
        return self.number == 0

    @property
    def first_serial(self) -> int:
        """The number before that of the first connection; those of different processes never meet."""
        return (
            self.restarts * NUMBERS_OF_A_RESTART * self.count
            + self.number
            - (0 if self.is_alone else self.count)
        )


ALONE = Worker()


class UpkeepLock:
    """Says which process does the background work."""

    def __init__(self, data: Path, worker: Worker) -> None:
        self._file: IO[bytes] | None = None if worker.is_alone else (data / "upkeep.lock").open("ab")
        self._held = worker.is_alone

    def is_held(self) -> bool:
        """Whether it is this one; takes the lock if it is free."""
        if not self._held and self._file is not None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            self._held = True
        return self._held

    def release(self) -> None:
        """Let another have it."""
        self._held = False
        if self._file is not None:
            self._file.close()
            self._file = None


class Heart:
    """Writes this process's slot of the board now and then, from the reactor: who hangs beats no more."""

    def __init__(
        self,
        worker: Worker,
        counts: Callable[[], tuple[int, int]],
        monotonic: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], Any],
    ) -> None:
        self._worker = worker
        self._counts = counts
        self._monotonic = monotonic
        self._call_later = call_later
        self._state = State.STARTING

    def is_ahead(self) -> bool:
        """Whether another process that takes clients has fewer (`web.sockets.Sharing`)."""
        board = self._worker.board
        if board is None:
            return False
        own = sum(self._counts())
        recent = self._monotonic() - 4 * BEAT_SECONDS
        return any(
            other.ldap_connections + other.http_connections < own
            for other in board.all()
            if other.number != self._worker.number and other.state is State.READY and other.beat > recent
        )

    def took_one(self) -> None:
        """Have the others know at once how many clients this process has (`web.sockets.Sharing`)."""
        self._write()

    def beat(self) -> None:
        """Write the slot, and again after a while."""
        self._write()
        self._call_later(BEAT_SECONDS, self.beat)

    def tell(self, state: State) -> None:
        """Say at once what this process does now."""
        self._state = state
        self._write()

    def _write(self) -> None:
        board = self._worker.board
        if board is None:
            return
        ldap, http = self._counts()
        present = board.get(self._worker.number)
        board.put(
            replace(
                present,
                state=self._state,
                ldap_connections=ldap,
                http_connections=http,
                beat=self._monotonic(),
            )
        )


class Lifeline:
    """Watches for the end of the parent; `twisted.internet.interfaces.IReadDescriptor`."""

    def __init__(self, lifeline: socket.socket, ended: Callable[[], None]) -> None:
        self._lifeline = lifeline
        self._ended = ended

    def fileno(self) -> int:
        """Of the socket."""
        return self._lifeline.fileno()

    def logPrefix(self) -> str:  # noqa: N802  Twisted's name
        """For Twisted's own log."""
        return "lifeline"

    def doRead(self) -> None:  # noqa: N802  Twisted's name
        """Nothing is ever sent over it: it has ended."""
        self._ended()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802  Twisted's name
        """The reactor is ending."""


def facts_at_start(number: int, pid: int, restarts: int, now: float, monotonic: float) -> WorkerFacts:
    """The slot of a process that has just been started."""
    return WorkerFacts(number, pid, State.STARTING, 0, 0, restarts, now, monotonic)
