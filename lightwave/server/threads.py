"""Threads for computation that would hold the reactor: password hashing, signing. Bounded: full means busy.

Who has much to compute waits for himself: peers take turns, one computation each, and none has more than `OF_A_PEER`
waiting. So a client that sends binds without end delays the others by one computation a thread.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.threadpool import ThreadPool

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.identity.peers import peer_name

T = TypeVar("T")

MOST_WAITING = 256
"""computations that wait for a thread; one more is refused"""
OF_A_PEER = 64
"""of these, computations for one peer"""


class _Job(NamedTuple):
    work: Callable[[], Any]
    done: Callable[[Any], None]
    admit: Callable[[], None] | None


class ComputationThreads:
    """`operations.ports.Threads` over a Twisted thread pool."""

    def __init__(self, reactor: IReactorFromThreads, threads: int) -> None:
        self._reactor = reactor
        self._threads = threads
        self._pool = ThreadPool(minthreads=0, maxthreads=threads, name="compute")
        self._running = 0
        self._queues: OrderedDict[str, deque[_Job]] = OrderedDict()
        """peer -> what waits for him; the first has the next turn"""
        self._waiting = 0
        self.finished = 0
        """computations that are over"""
        self.refused = 0
        """computations that found too much waiting"""

    @property
    def under_way(self) -> int:
        """Computations that run or wait."""
        return self._running + self._waiting

    def start(self) -> None:
        """Begin to take work."""
        self._pool.start()

    def stop(self) -> None:
        """Finish what is under way and end the threads."""
        self._pool.stop()

    def run(
        self,
        work: Callable[[], T],
        done: Callable[[T | BaseException], None],
        peer: str = "",
        admit: Callable[[], None] | None = None,
    ) -> None:
        """See `operations.ports.Threads`; a DirectoryError (busy) when too much waits."""
        job = _Job(work, done, admit)
        if self._running < self._threads and not self._waiting:
            self._begin(job)
            return
        peer = peer_name(peer)
        queue = self._queues.get(peer)
        if self._waiting >= MOST_WAITING or (queue is not None and len(queue) >= OF_A_PEER):
            self.refused += 1
            done(DirectoryError(ResultCode.BUSY, "too many passwords are being checked; try again"))
            return
        if queue is None:
            queue = self._queues[peer] = deque()
        queue.append(job)
        self._waiting += 1

    def _begin(self, job: _Job) -> None:
        if job.admit is not None:
            try:
                job.admit()
            except Exception as error:  # noqa: BLE001  it is handed over, not swallowed
                job.done(error)
                return
        self._running += 1
        self._pool.callInThread(self._compute, job)

    def _compute(self, job: _Job) -> None:
        result: Any
        try:
            result = job.work()
        except BaseException as error:  # noqa: BLE001  it is handed over, not swallowed
            result = error
        self._reactor.callFromThread(self._deliver, job, result)

    def _deliver(self, job: _Job, result: Any) -> None:
        self._running -= 1
        self.finished += 1
        try:
            job.done(result)  # before the next begins: it may be that this one's failure makes it too early
        finally:
            while self._waiting and self._running < self._threads:
                self._begin(self._next())

    def _next(self) -> _Job:
        """What waits longest of the peer whose turn it is; his next one comes after everybody else's."""
        peer, queue = self._queues.popitem(last=False)
        job = queue.popleft()
        self._waiting -= 1
        if queue:
            self._queues[peer] = queue
        return job


class SingleThread:
    """One thread for what waits for others: a network, a disk. What is given to it is done in its order."""

    def __init__(self, reactor: IReactorFromThreads) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=0, maxthreads=1, name="output")

    def start(self) -> None:
        """Begin to take work."""
        self._pool.start()

    def stop(self) -> None:
        """Finish what is under way and end the thread."""
        if self._pool.started:
            self._pool.stop()

    def run(self, work: Callable[[], None], done: Callable[[BaseException | None], None]) -> None:
        """Run `work` in the thread, then `done` on the reactor thread with None or its exception."""
        self._pool.callInThread(self._run, work, done)

    def _run(self, work: Callable[[], None], done: Callable[[BaseException | None], None]) -> None:
        error: BaseException | None = None
        try:
            work()
        except Exception as caught:  # noqa: BLE001  it is handed over
            error = caught
        self._reactor.callFromThread(done, error)
