"""One write on its way through the pipeline: the request, what was prepared for it, how often it may be tried again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lightwave.directory.ldap.messages import AddRequest, ModifyRequest
from lightwave.directory.operations import bounds
from lightwave.directory.operations.add import ParsedEntry
from lightwave.directory.operations.context import Context, Limits
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.ports import Effect, Preparation, WriteRequest

ATTEMPTS = 3

BOUNDS: dict[type, Callable[[Any, Limits], None]] = {
    AddRequest: bounds.check_add_request,
    ModifyRequest: bounds.check_modify_request,
}
"""what checks the limits of each kind of request that has any"""

Done = Callable[[Outcome], None]


@dataclass(slots=True)
class Write:
    """One request on its way."""

    context: Context
    request: WriteRequest
    done: Done
    attempts: int = ATTEMPTS
    parsed: ParsedEntry | None = None
    """an add that had to be parsed for its plan"""
    effects: tuple[Effect, ...] = ()


def run_all(preparations: Sequence[Preparation]) -> tuple[Effect, ...]:
    """Prepares; raises DirectoryError when the write is refused by that."""
    return tuple(preparation.run() for preparation in preparations)
