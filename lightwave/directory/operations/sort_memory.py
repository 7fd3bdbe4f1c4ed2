"""How much a process holds for sorts that are under way or wait for their next page: bounded for all together.

A sort is bounded for one identity; many of them at once would still fill the memory. Each reserves what it holds,
gives it back when it ends, however it ends, and is busy (51) when there is no more.
"""

from __future__ import annotations

from typing import final

from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.sort_keys import SortRefused

MOST_OCTETS = 256 * 1024 * 1024


@final
class SortMemory:
    """What is left for sorts."""

    def __init__(self, most: int = MOST_OCTETS) -> None:
        self.left = most


@final
class Reservation:
    """What one sort holds; given back with the object."""

    __slots__ = ("_held", "_memory")

    def __init__(self, memory: SortMemory) -> None:
        self._memory = memory
        self._held = 0

    def resize(self, octets: int) -> None:
        """Holds so many octets from now on; raises SortRefused (busy) when they are not there."""
        more = octets - self._held
        if more > self._memory.left:
            raise SortRefused(ResultCode.BUSY, "too much is being sorted: try again")
        self._memory.left -= more
        self._held = octets

    def __del__(self) -> None:
        self._memory.left += self._held
