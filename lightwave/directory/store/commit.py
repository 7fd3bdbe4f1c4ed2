"""Group commit: many operations, one synchronous commit.

Theory of operation. LMDB's write lock belongs to the thread that begins a transaction, so one thread of its own
begins and commits. The operations of a batch run on the reactor thread, each in a child transaction, for at most
`TURN` seconds a turn: a failure undoes that operation alone, and Python code does not fight for the interpreter
lock at every LMDB call. The commit then runs beside the reactor, while the next operations queue; their batch begins
right after it. Callers hear after the commit. If that fails, all of the batch fail.

    commit thread   wait -> begin ------------------> commit -> begin ...
    reactor                     \\-> turn -> turn -/         \\-> callers hear, turn ...

Large work runs flat in the commit thread between batches, in slices that each are one transaction.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

import lmdb

from lightwave.directory.store.errors import StoreClosed, StoreError, store_error

if TYPE_CHECKING:
    from lightwave.directory.store.environment import Store
    from lightwave.directory.store.writing import WriteTransaction

T = TypeVar("T")

TURN = 0.002
_LONGEST_BATCH = 0.020
_MOST_ATTEMPTS = 2

_log = logging.getLogger(__name__)


class _Signal(Enum):
    WORK = auto()
    """To the waiting thread: there is something to do."""
    COMMIT = auto()
    """To the thread that has begun: the batch's operations have run."""
    STOP = auto()


@dataclass(slots=True)
class _Job:
    apply: Callable[[WriteTransaction], Any]
    done: Callable[[Any], None]
    attempts: int = 0


@dataclass(slots=True)
class _Flat:
    run: Callable[[WriteTransaction], bool]
    done: Callable[[BaseException | None], None]


@dataclass(slots=True)
class _Batch:
    transaction: WriteTransaction
    began: float
    jobs: list[tuple[_Job, Any, bool]] = field(default_factory=list)
    """Each job with its result or exception, and whether it succeeded."""
    suspect: bool = False
    """LMDB itself failed in a child: the transaction may not be able to go on or commit."""
    error: StoreError | None = None
    handed_over: bool = False
    delivered: bool = False


@dataclass(slots=True)
class CommitStatistics:
    """What the committer did since it began."""

    batches: int = 0
    operations: int = 0
    last_commit: float = 0.0
    """Seconds that the last commit took."""


class Committer:
    """The only writer of a serving process. All methods are called on the reactor thread.

    `call_on_reactor` runs a callable on the reactor thread soon, from any thread; `clock` is monotonic, in seconds.
    `pause`: seconds without the lock after each transaction, where other processes write too. The lock is not fair:
    who takes it again at once gets it before one who has waited for it and has to wake up first.
    """

    def __init__(
        self,
        store: Store,
        call_on_reactor: Callable[[Callable[[], None]], None],
        clock: Callable[[], float],
        pause: float = 0.0,
    ) -> None:
        self._store = store
        self._pause = pause
        self._call_on_reactor = call_on_reactor
        self._clock = clock
        self._queue: deque[_Job] = deque()
        self._flats: deque[_Flat] = deque()
        self._signals: SimpleQueue[_Signal] = SimpleQueue()
        self._busy = False
        self._closed = False
        self._undelivered: deque[_Batch] = deque()
        self.statistics = CommitStatistics()
        self.when_committed: list[Callable[[], None]] = []
        """called on the reactor thread after each batch, when its callers have heard"""
        self._thread = threading.Thread(target=self._run, name="lightwave-commit", daemon=True)
        self._thread.start()

    # --- on the reactor thread ---------------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether nothing is queued or under way."""
        return not self._busy

    def submit(
        self, apply: Callable[[WriteTransaction], T], done: Callable[[T | BaseException], None]
    ) -> None:
        """Queue one operation. `apply` runs in a child transaction on the reactor thread, with no IO in it.

        `done` is called on the reactor thread after the commit with its result, or with the exception that it
        raised, or with the `StoreError` that undid the whole batch. `apply` may be run again after a failure of the
        store, so it must have no effect outside its transaction.
        """
        if self._closed:
            self._call_on_reactor(lambda: done(StoreClosed("the store is closing")))
            return
        self._queue.append(_Job(apply, done))
        self._wake()

    def submit_flat(
        self,
        run_slice: Callable[[WriteTransaction], bool],
        done: Callable[[BaseException | None], None],
    ) -> None:
        """Queue large work: `run_slice` is called in the commit thread, one transaction each, until it returns False.

        A slice touches fewer than 50,000 pages and leaves in its own transaction what is needed to resume; batches
        of operations run between slices, and large works take turns. `done` is called on the reactor thread with
        None or the exception.
        """
        if self._closed:
            self._call_on_reactor(lambda: done(StoreClosed("the store is closing")))
            return
        self._flats.append(_Flat(run_slice, done))
        self._wake()

    def close(self) -> None:
        """Commit what has been applied, refuse what has not begun, and end the thread; waits for a commit."""
        if self._closed:
            return
        self._closed = True
        self._signals.put(_Signal.STOP)
        self._thread.join()
        while self._undelivered:
            self._deliver(self._undelivered.popleft())
        self._refuse(StoreClosed("the store is closing"))

    def _wake(self) -> None:
        if not self._busy:
            self._busy = True
            self._signals.put(_Signal.WORK)

    def _turn(self, batch: _Batch) -> None:
        """Run operations of a batch until its turn is over or none is left."""
        if self._closed or batch.handed_over:
            return
        clock, queue = self._clock, self._queue
        end = clock() + TURN
        while queue and not batch.suspect:
            self._apply(batch, queue.popleft())
            if clock() >= end:
                break
        longest = min(max(TURN, 2 * self.statistics.last_commit), _LONGEST_BATCH)
        if queue and not batch.suspect and clock() - batch.began < longest:
            self._call_on_reactor(partial(self._turn, batch))
            return
        batch.handed_over = True
        self._signals.put(_Signal.COMMIT)

    def _apply(self, batch: _Batch, job: _Job) -> None:
        job.attempts += 1
        try:
            child = batch.transaction.child()
        except (lmdb.Error, StoreError) as error:
            batch.suspect = True
            batch.jobs.append((job, store_error(error), False))
            return
        try:
            result = job.apply(child)
            child.commit()
        except Exception as error:  # noqa: BLE001 - the caller hears of every exception of its operation
            child.abort()
            outcome = store_error(error) if isinstance(error, lmdb.Error | OSError) else error
            batch.suspect = _is_of_lmdb(error)
            batch.jobs.append((job, outcome, False))
        else:
            batch.jobs.append((job, result, True))

    def _deliver(self, batch: _Batch) -> None:
        if batch.delivered:
            return
        batch.delivered = True
        if self._undelivered and self._undelivered[0] is batch:
            self._undelivered.popleft()
        self.statistics.batches += 1
        self.statistics.operations += len(batch.jobs)
        again = []
        for job, outcome, succeeded in batch.jobs:
            if batch.error is None or not succeeded:
                self._tell(job.done, outcome)
            elif batch.suspect and job.attempts < _MOST_ATTEMPTS and not self._closed:
                again.append(job)  # another operation's failure took the batch down
            else:
                self._tell(job.done, batch.error)
        if again:
            self._queue.extendleft(reversed(again))
            self._wake()
        for call in self.when_committed:
            call()

    @staticmethod
    def _tell(done: Callable[[Any], None], outcome: object) -> None:
        try:
            done(outcome)
        except Exception:  # noqa: BLE001 - one caller must not keep the others from hearing
            _log.exception("the caller of a committed operation failed")

    def _refuse(self, error: StoreError) -> None:
        while self._queue:
            self._tell(self._queue.popleft().done, error)
        while self._flats:
            self._tell(self._flats.popleft().done, error)

    def _rest(self, failure: StoreError | None) -> None:
        """The thread waits: wake it for what came in between."""
        if self._closed:
            return
        if failure is not None:
            self._refuse(failure)
        if self._queue or self._flats:
            self._signals.put(_Signal.WORK)
        else:
            self._busy = False

    # --- in the commit thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        working = False
        while True:
            if not working and self._signals.get() is _Signal.STOP:
                return
            failure: StoreError | None = None
            try:
                working = (self._run_slice() or bool(self._queue)) and not self._closed
                batch = self._begin() if working and self._queue else None
            except Exception as error:  # noqa: BLE001 - the thread must live on whatever happens
                batch, working, failure = None, False, store_error(error)
            if batch is not None:
                stopping = self._await_turns(batch)
                self._commit(batch)
                if stopping:
                    return
                if self._pause:
                    time.sleep(self._pause)
            elif not working:
                self._call_on_reactor(partial(self._rest, failure))

    def _run_slice(self) -> bool:
        """Run one slice of flat work, if there is any; whether there is more."""
        if not self._flats or self._closed:
            return False
        flat = self._flats[0]
        error: BaseException | None = None
        try:
            with self._store.write() as transaction:
                more = flat.run(transaction)
        except Exception as caught:  # noqa: BLE001 - the caller hears of every exception of its work
            more, error = False, caught
        if self._pause:
            time.sleep(self._pause)
        if more:
            self._flats.rotate(-1)  # a client may wait for one, while another goes on for minutes
        else:
            self._flats.popleft()
            self._call_on_reactor(partial(self._tell, flat.done, error))
        return bool(self._flats)

    def _begin(self) -> _Batch:
        return _Batch(self._store.begin_write(), self._clock())

    def _await_turns(self, batch: _Batch) -> bool:
        """Let the reactor run the batch's operations; True where the committer is being closed meanwhile."""
        self._call_on_reactor(partial(self._turn, batch))
        stopping = self._signals.get() is _Signal.STOP
        batch.handed_over = True
        return stopping

    def _commit(self, batch: _Batch) -> None:
        start = self._clock()
        try:
            batch.transaction.commit()
        except Exception as error:  # noqa: BLE001 - the callers hear of it
            batch.error = store_error(error)
        self.statistics.last_commit = self._clock() - start
        self._undelivered.append(batch)
        self._call_on_reactor(partial(self._deliver, batch))


def _is_of_lmdb(error: BaseException) -> bool:
    """Whether an exception, or what caused it, came from LMDB: then the parent transaction is suspect."""
    return isinstance(error, lmdb.Error) or isinstance(error.__cause__, lmdb.Error)
