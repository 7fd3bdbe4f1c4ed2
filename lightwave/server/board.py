"""What the serving processes of a node tell each other about themselves: shared memory, nothing durable.

One slot a process, written by that process alone; the parent makes it before it forks. Whoever answers a question
about the node (`lightwave status`) reads all slots. Times are of the monotonic clock, which a machine has one of.

    pid 8, state 8, LDAP connections 8, HTTP connections 8, restarts 8, since 8 (epoch), beat 8 (monotonic)
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from enum import IntEnum

_SLOT = struct.Struct("=QQQQQdd")


class State(IntEnum):
    """What a process is doing."""

    ABSENT = 0
    STARTING = 1
    READY = 2
    DRAINING = 3


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """One serving process. since: seconds since the epoch. beat: monotonic seconds of its last sign of life."""

    number: int
    pid: int
    state: State
    ldap_connections: int
    http_connections: int
    restarts: int
    since: float
    beat: float


class Board:
    """The slots of `count` processes, numbered from 1."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._memory = mmap.mmap(-1, count * _SLOT.size)

    def put(self, facts: WorkerFacts) -> None:
        """Write a slot."""
        _SLOT.pack_into(
            self._memory,
            (facts.number - 1) * _SLOT.size,
            facts.pid,
            facts.state,
            facts.ldap_connections,
            facts.http_connections,
            facts.restarts,
            facts.since,
            facts.beat,
        )

    def get(self, number: int) -> WorkerFacts:
        """Read a slot."""
        pid, state, ldap, http, restarts, since, beat = _SLOT.unpack_from(
            self._memory, (number - 1) * _SLOT.size
        )
        return WorkerFacts(number, pid, State(state), ldap, http, restarts, since, beat)

    def all(self) -> list[WorkerFacts]:
        """All slots."""
        return [self.get(number) for number in range(1, self.count + 1)]
