"""Notifications to the service manager: sd_notify(3), without its library.

A datagram to the socket that NOTIFY_SOCKET names: READY=1 when clients are taken, STOPPING=1 at the beginning of the
end, WATCHDOG=1 twice in the time that WATCHDOG_USEC gives. Where nobody asked to be notified nothing happens.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping

log = logging.getLogger("lightwave.server")


class Notifier:
    """Tells the service manager how the node is. monotonic: seconds."""

    def __init__(self, environment: Mapping[str, str], monotonic: Callable[[], float], pid: int) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._monotonic = monotonic
        self.watchdog = _watchdog(environment, pid) if self._address is not None else 0.0
        """seconds in which the manager wants a sign of life; 0: never"""
        self._last = -1e9

    @property
    def interval(self) -> float:
        """Seconds between two signs of life."""
        return self.watchdog / 2

    def ready(self) -> None:
        """The node serves."""
        self._send("READY=1\nSTATUS=serving")

    def stopping(self) -> None:
        """The node drains."""
        self._send("STOPPING=1\nSTATUS=draining")

    def alive(self) -> None:
        """A sign of life, if one is due; may be called as often as one likes."""
        if self.watchdog:
            now = self._monotonic()
            if now - self._last >= self.interval:
                self._last = now
                self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.sendto(text.encode(), self._address)
        except OSError as error:
            log.warning("the service manager can't be notified: %s", error.strerror)


def notifier_of_environment(monotonic: Callable[[], float]) -> Notifier:
    """From this process's variables, which its children don't get."""
    made = Notifier(dict(os.environ), monotonic, os.getpid())
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        os.environ.pop(name, None)
    return made


def _address(text: str) -> str | None:
    """A path, or with `@` a name in the abstract namespace; None for anything else (sd_notify(3))."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else None


def _watchdog(environment: Mapping[str, str], pid: int) -> float:
    """sd_watchdog_enabled(3): seconds, 0 when none is wanted of this process."""
    asked_of = environment.get("WATCHDOG_PID", "")
    try:
        microseconds = int(environment.get("WATCHDOG_USEC", "0"))
        if asked_of and int(asked_of) != pid:
            return 0.0
    except ValueError:
        return 0.0
    return max(microseconds, 0) / 1_000_000
