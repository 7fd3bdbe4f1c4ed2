"""The parent of several serving processes: opens the sockets, starts them, starts them again, ends them.

It opens no store, runs no reactor and has no thread, so that it can fork at any time. Its children inherit the
listening sockets, the lock on the data folder, the board and one end of a socket pair each, whose other end closes
when the parent dies: then they drain. A child that dies is started again, later each time if it does not live long.
One that shows no sign of life for `HANGING_SECONDS` is killed. Is nobody ready at the first start, the node fails.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lightwave.server.board import Board, State
from lightwave.server.configuration import ConfigurationError, NodeConfiguration, check_local_path
from lightwave.server.locks import ServingLock
from lightwave.server.systemd import Notifier
from lightwave.server.worker import Worker, facts_at_start
from lightwave.web.sockets import Place, open_sockets

log = logging.getLogger("lightwave.server")

LOOK_SECONDS = 0.25
FIRST_DELAY, LONGEST_DELAY = 0.1, 30.0
LIVED_SECONDS = 10.0
"""a process that lived so long is started again at once"""
HANGING_SECONDS = 60.0
ENDING_SECONDS = 20.0
"""until processes that drain are killed; a node drains for less"""

Serve = Callable[[Worker], None]


@dataclass(slots=True)
class _Place:
    """Where one of the processes runs."""

    number: int
    pid: int = 0
    started: float = 0.0
    restarts: int = -1
    delay: float = FIRST_DELAY
    due: float = 0.0
    line: socket.socket | None = field(default=None, repr=False)


class Supervisor:
    """Runs `count` processes; `serve` is what each does, and returns when it has drained."""

    def __init__(
        self, configuration: NodeConfiguration, count: int, serve: Serve, notifier: Notifier
    ) -> None:
        self._configuration = configuration
        self._serve = serve
        self._notifier = notifier
        check_local_path(configuration)
        self._lock = ServingLock(configuration.data)
        self._paths = (configuration.ldapi_path, configuration.http_path)
        ports = (
            configuration.ldap_port,
            configuration.ldaps_port,
            configuration.http_port,
            configuration.https_port,
        )
        try:
            self._sockets: dict[Place, socket.socket] = open_sockets(configuration.bind, ports, self._paths)
        except OSError as error:
            self._lock.release()
            raise ConfigurationError(
                f"can't listen: {error}; choose another --port-offset or --bind"
            ) from None
        self._board = Board(count)
        self._places = [_Place(number) for number in range(1, count + 1)]
        self._stopping = False
        self._was_ready = False

    def run(self, ready: Callable[[], None]) -> None:
        """Until SIGTERM or SIGINT, and everything has drained. `ready` is called once, when all are."""
        waking, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(woken)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        log.info("%d processes share the ports", len(self._places))
        try:
            while not self._stopping:
                self._start_due()
                self._look(ready)
                _wait(waking, LOOK_SECONDS)
        finally:
            self._end(waking)

    def _stop(self, number: int, frame: Any) -> None:
        self._stopping = True

    # --- processes

    def _start_due(self) -> None:
        for place in self._places:
            if not place.pid and time.monotonic() >= place.due:
                self._start(place)

    def _start(self, place: _Place) -> None:
        place.restarts += 1
        place.started = time.monotonic()
        ours, theirs = socket.socketpair()
        self._board.put(facts_at_start(place.number, 0, place.restarts, time.time(), place.started))
        pid = os.fork()
        if not pid:
            self._be_child(place, ours, theirs)
        theirs.close()
        place.pid, place.line = pid, ours
        self._board.put(facts_at_start(place.number, pid, place.restarts, time.time(), place.started))

    def _be_child(self, place: _Place, ours: socket.socket, theirs: socket.socket) -> None:
        """In the new process, which ends here."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            ours.close()
            for other in self._places:
                if other.line is not None:
                    other.line.close()  # or the others would not see the parent's end
            count = len(self._places)
            self._serve(Worker(place.number, count, place.restarts, self._sockets, self._board, theirs))
            code = 0
        except BaseException:  # the parent must not go on in two processes
            log.exception("process %d failed", place.number)
        finally:
            logging.shutdown()
            os._exit(code)

    def _look(self, ready: Callable[[], None]) -> None:
        """Who has died, who hangs, is everybody ready."""
        for place in self._places:
            if place.pid and _has_ended(place.pid) is not None:
                self._bury(place)
        now = time.monotonic()
        facts = self._board.all()
        for place, fact in zip(self._places, facts, strict=True):
            if place.pid and now - max(fact.beat, place.started) > HANGING_SECONDS:
                log.error("process %d (pid %d) hangs: it is killed", place.number, place.pid)
                os.kill(place.pid, signal.SIGKILL)
                place.started = now  # it is given time to die
        if not self._was_ready and all(fact.state is State.READY for fact in facts):
            self._was_ready = True
            self._notifier.ready()
            ready()
        self._notifier.alive()

    def _bury(self, place: _Place) -> None:
        lived = time.monotonic() - place.started
        pid, place.pid = place.pid, 0
        if place.line is not None:
            place.line.close()
            place.line = None
        if not self._was_ready:
            self._stopping = True
            log.error("process %d ended before the node served", place.number)
            return
        place.delay = FIRST_DELAY if lived >= LIVED_SECONDS else min(place.delay * 2, LONGEST_DELAY)
        place.due = time.monotonic() + place.delay
        self._board.put(facts_at_start(place.number, 0, place.restarts, time.time(), place.due))
        log.error("process %d (pid %d) died; another is started in %.1f s", place.number, pid, place.delay)

    # --- the end

    def _end(self, waking: int) -> None:
        """Let everybody drain, and kill who does not end."""
        self._notifier.stopping()
        for one in self._sockets.values():
            one.close()
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + ENDING_SECONDS
        while self._living() and time.monotonic() < deadline:
            _wait(waking, 0.05)
        if self._living():
            log.error("processes that did not drain are killed")
            self._signal(signal.SIGKILL)
            while self._living():
                _wait(waking, 0.05)
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._lock.release()
        if not self._was_ready:
            raise ConfigurationError("the node did not start; the log above says why")

    def _living(self) -> bool:
        for place in self._places:
            if place.pid and _has_ended(place.pid) is not None:
                place.pid = 0
        return any(place.pid for place in self._places)

    def _signal(self, number: int) -> None:
        for place in self._places:
            if place.pid:
                os.kill(place.pid, number)


def _has_ended(pid: int) -> int | None:
    """The exit status of a child that has ended, which is reaped."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except OSError as error:
        if error.errno != errno.ECHILD:
            raise
        return 0
    return status if ended else None


def _wait(waking: int, seconds: float) -> None:
    """Until a signal comes, but not for longer."""
    readable, _, _ = select.select([waking], [], [], seconds)
    if readable:
        os.read(waking, 4096)
