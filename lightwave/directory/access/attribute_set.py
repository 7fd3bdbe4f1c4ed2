"""Sets of attribute numbers, so that a search asks `number in readable` and nothing else.

`ALL` and `NONE` are single objects: a hot loop may ask `readable is ALL` once and skip the test per
attribute. Secret attributes are in no record and have no number there, so `ALL` cannot reveal one.
"""

from __future__ import annotations

from typing import Final


class _All:
    """Every attribute."""

    __slots__ = ()

    def __contains__(self, number: int) -> bool:
        return True

    def __repr__(self) -> str:
        return "ALL"


AttributeSet = _All | frozenset[int]

ALL: Final = _All()
NONE: Final[frozenset[int]] = frozenset()
