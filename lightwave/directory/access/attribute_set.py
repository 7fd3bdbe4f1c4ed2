"""Sets of attributes, so that a search asks `number in readable` and nothing else.

An attribute that entries hold is in a set by its number in the store, and every attribute type also by its OID: that is
how those are asked for that are computed, or that no entry has yet. Sets of classes (by OID) and of rights (by GUID)
are of the same kind.

`ALL` and `NONE` are single objects: a hot loop may ask `readable is ALL` once and skip the test per
attribute. Secret attributes are in no record and have no number there, so `ALL` cannot reveal one.
"""

from __future__ import annotations

from typing import Final


class _All:
    """Every attribute."""

    __slots__ = ()

    def __contains__(self, member: int | str | bytes) -> bool:
        return True

    def __repr__(self) -> str:
        return "ALL"


AttributeSet = _All | frozenset[int | str | bytes]

ALL: Final = _All()
NONE: Final[frozenset[int | str | bytes]] = frozenset()
"""Nothing; an entry of which nothing is readable is not seen"""


def both(one: AttributeSet, other: AttributeSet) -> AttributeSet:
    """What is in both."""
    if isinstance(one, frozenset):
        return one & other if isinstance(other, frozenset) else one
    return other
