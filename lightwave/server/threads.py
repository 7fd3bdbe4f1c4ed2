"""Threads for computation that would hold the reactor: password hashing, signing. Bounded: full means busy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.threadpool import ThreadPool

from lightwave.directory.ldap.result import DirectoryError, ResultCode

T = TypeVar("T")

MOST_WAITING = 256
"""computations that wait for a thread; one more is refused"""


class ComputationThreads:
    """`operations.ports.Threads` over a Twisted thread pool."""

    def __init__(self, reactor: IReactorFromThreads, threads: int) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=0, maxthreads=threads, name="compute")
        self._under_way = 0

    @property
    def under_way(self) -> int:
        """Computations that run or wait."""
        return self._under_way

    def start(self) -> None:
        """Begin to take work."""
        self._pool.start()

    def stop(self) -> None:
        """Finish what is under way and end the threads."""
        self._pool.stop()

    def run(self, work: Callable[[], T], done: Callable[[T | BaseException], None]) -> None:
        """Run `work` in a thread, then `done` on the reactor thread; a DirectoryError (busy) when too much
        waits.
        """
        if self._under_way >= MOST_WAITING:
            done(DirectoryError(ResultCode.BUSY, "too many passwords are being checked; try again"))
            return
        self._under_way += 1
        self._pool.callInThread(self._compute, work, done)

    def _compute(self, work: Callable[[], T], done: Callable[[T | BaseException], None]) -> None:
        result: T | BaseException
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  it is handed over, not swallowed
            result = error
        self._reactor.callFromThread(self._deliver, done, result)

    def _deliver(self, done: Callable[[T | BaseException], None], result: T | BaseException) -> None:
        self._under_way -= 1
        done(result)
