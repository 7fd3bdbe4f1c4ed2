"""Where ours answers otherwise than slapd on purpose. Each one is a line of docs/protocols/ldap.md.

A difference says of a request and the two answers whether it explains them. What none explains is a failure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from differential.comparing import Comparable
from differential.generator import Request


@dataclass(frozen=True, slots=True)
class Difference:
    """title: the words that docs/protocols/ldap.md has for it. explains(request, slapd's, ours)."""

    title: str
    reason: str
    explains: Callable[[Request, Comparable, Comparable], bool]


def codes(theirs: int | None, ours: int | None) -> Callable[[Request, Comparable, Comparable], bool]:
    """Explains answers with just these two result codes."""
    return lambda _, a, b: (a.code, b.code) == (theirs, ours)


DIFFERENCES: tuple[Difference, ...] = ()


def explain(request: Request, theirs: Comparable, ours: Comparable) -> Difference | None:
    """The first difference that explains the two answers."""
    for difference in DIFFERENCES:
        if difference.explains(request, theirs, ours):
            return difference
    return None
