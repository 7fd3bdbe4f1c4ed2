"""The reactor: Twisted's epoll reactor without the logging context that it makes around each event.

That context serves Twisted's own log observers, which nothing here uses; making it costs 5 of the 15 µs that a
read event takes. Errors of a protocol are still caught and logged, here or by `_doReadOrWrite`. Measured beside it,
asyncio's reactor on uvloop is no faster than the plain epoll reactor once answers are written directly.

The reactor also says when a turn begins and ends, so that those who are served in it can share what they need.
"""

from __future__ import annotations

import errno
import sys
from typing import Any, Protocol


class Turn(Protocol):
    """Who is told of turns: `running` while what is ready is served, `end` afterwards."""

    running: bool

    def end(self) -> None: ...


def announce_turns(reactor: Any, turn: Turn) -> None:
    """Tell `turn` of the reactor's turns; a reactor that announces none leaves it as it is."""
    if hasattr(reactor, "announced"):
        reactor.announced = turn


def install_reactor() -> Any:
    """Install the reactor of this process, once, before `twisted.internet.reactor` is imported; returns it."""
    if sys.platform != "linux":
        from twisted.internet import reactor

        return reactor
    from twisted.internet.epollreactor import EPOLLIN, EPollReactor
    from twisted.internet.main import installReactor
    from twisted.python import log

    class DirectEPollReactor(EPollReactor):
        """Hands events to their descriptors directly."""

        announced: Turn | None = None

        def doPoll(self, timeout: float | None) -> None:  # noqa: N802  Twisted's name
            """Wait for events and serve them (the loop of `EPollReactor.doPoll`)."""
            selectables = self._selectables
            try:
                events = self._poller.poll(-1 if timeout is None else timeout, max(1, len(selectables)))
            except OSError as error:
                if error.errno == errno.EINTR:
                    return
                raise
            turn = self.announced
            if turn is None:
                self._serve(events)
                return
            turn.running = True
            try:
                self._serve(events)
            finally:
                turn.running = False
                turn.end()

        doIteration = doPoll  # noqa: N815  Twisted's name

        def _serve(self, events: list[tuple[int, int]]) -> None:
            selectables: Any = self._selectables
            other: Any = self._doReadOrWrite
            end: Any = self._disconnectSelectable
            log_error: Any = log.err
            for descriptor, event in events:
                selectable = selectables.get(descriptor)
                if selectable is None:
                    continue
                if event != EPOLLIN:
                    other(selectable, descriptor, event)
                    continue
                # `_doReadOrWrite` of the plain case, 1 µs shorter.
                try:
                    why = selectable.doRead()
                except BaseException as error:  # noqa: BLE001  as there: it costs this connection
                    why = error
                    log_error()
                if why:
                    end(selectable, why, True)

    untyped: Any = DirectEPollReactor
    reactor = untyped()
    install: Any = installReactor
    install(reactor)
    return reactor
