"""The hybrid logical clock: 48 bits of milliseconds since 1970 and 16 bits of counter in one integer.

Pure functions. Its last value is read and advanced inside the write transaction, so that every change of a store has a
clock value above all that the store has seen, whatever the machine's own clock does.
"""

from __future__ import annotations

MAX_AHEAD_SECONDS = 300.0
"""A remote stamp further ahead of our own time than this is refused."""


class ClockAhead(ValueError):
    """A remote clock value lies more than `MAX_AHEAD_SECONDS` ahead of our time."""


def clock_value(now: float, counter: int = 0) -> int:
    """The clock value of `now` (seconds since 1970)."""
    return int(now * 1000) << 16 | counter


def clock_seconds(clock: int) -> float:
    """The time (seconds since 1970) in a clock value, its counter left aside."""
    return (clock >> 16) / 1000


def advance(last: int, now: float) -> int:
    """The next value after `last` at `now`: the wall clock where it is ahead, else one count more."""
    wall = int(now * 1000) << 16
    return wall if wall > last else last + 1


def receive(last: int, remote: int, now: float) -> int:
    """The last value after having seen `remote`; raises `ClockAhead` where that is too far in the future."""
    if remote > clock_value(now + MAX_AHEAD_SECONDS):
        raise ClockAhead(f"remote clock is {clock_seconds(remote) - now:.0f} seconds ahead")
    return max(last, remote)
