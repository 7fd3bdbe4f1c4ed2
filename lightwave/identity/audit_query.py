"""Reading the audit: which events, of which tenant, in which order.

Events of several nodes are given in the order of their times; a position says how far each node's chain has been read,
so that reading goes on where it was, also after a restart, and sees what came since.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from typing import NamedTuple

from lightwave.directory.store.audit_rows import Event, Stored, before_time, events, nodes_of
from lightwave.directory.store.reading import ReadTransaction

Position = Mapping[int, int]
"""node -> sequence of the last event that was read"""

_POSITION = re.compile(r"[0-9]{1,10}\.[0-9]{1,20}(-[0-9]{1,10}\.[0-9]{1,20}){0,63}\Z")


@dataclass(frozen=True, slots=True)
class Query:
    """Which events. since, until: seconds since 1970. user: GUID (16 bytes) of who acted or was acted on, and what
    their names contain. correlation: the id of a login or of one of its requests. None asks nothing.
    """

    since: float | None = None
    until: float | None = None
    user: bytes | None = None
    name: str | None = None
    action: str | None = None
    outcome: str | None = None
    correlation: str | None = None

    def matches(self, event: Event) -> bool:
        """Whether an event is asked for."""
        return (
            (self.since is None or event.time >= self.since)
            and (self.until is None or event.time < self.until)
            and (self.action is None or event.action == self.action)
            and (self.outcome is None or _is_outcome(self.outcome, event.outcome))
            and (self.correlation is None or _is_of(self.correlation, event.correlation))
            and self._concerns(event)
        )

    def _concerns(self, event: Event) -> bool:
        if self.user is None and self.name is None:
            return True
        for subject in (event.actor, event.target):
            if self.user is not None and subject.guid == self.user:
                return True
            if (
                self.name is not None
                and self.name.casefold() in subject.dn.decode("utf-8", "replace").casefold()
            ):
                return True
        return False


def _is_outcome(asked: str, outcome: str) -> bool:
    return outcome != "success" if asked == "refused" else outcome.casefold() == asked.casefold()


def _is_of(asked: str, correlation: str) -> bool:
    """`9f31-c12` names a login, `9f31-c12-4` a request of it."""
    return correlation == asked or correlation.startswith(asked + "-")


class Found(NamedTuple):
    """Part of what was asked for. position: how far was read. more: whether there may be more now."""

    events: list[Stored]
    position: dict[int, int]
    more: bool


def beginning(txn: ReadTransaction, tenant: int, query: Query) -> dict[int, int]:
    """The position from which a query is read."""
    if query.since is None:
        return {}
    return {node: before_time(txn, tenant, node, query.since) for node in nodes_of(txn, tenant)}


def read_slice(
    txn: ReadTransaction, tenant: int, query: Query, position: Position, most: int, look_at: int = 1_000
) -> Found:
    """Up to `most` events after a position, of up to `look_at` that are looked at. Raises DamagedEvent."""
    at = dict(position)
    found: list[Stored] = []
    for looked, stored in enumerate(_in_order(txn, tenant, position), 1):
        if query.until is not None and stored.event.time >= query.until + _DISORDER:
            return Found(found, at, False)
        at[stored.node] = stored.sequence
        if query.matches(stored.event):
            found.append(stored)
        if len(found) >= most or looked >= look_at:
            return Found(found, at, True)
    return Found(found, at, False)


_DISORDER = 600.0
"""seconds by which an event may be older than those before it: notices wait for the store, clocks are set"""


def _in_order(txn: ReadTransaction, tenant: int, position: Position) -> Iterator[Stored]:
    nodes = nodes_of(txn, tenant)
    chains = [events(txn, tenant, node, position.get(node, 0)) for node in nodes]
    return merge(*chains, key=lambda stored: stored.event.time) if len(chains) != 1 else chains[0]


def format_position(position: Position) -> str:
    """A position as text: `1.532-4.88`."""
    return "-".join(f"{node}.{sequence}" for node, sequence in sorted(position.items()))


def parse_position(text: str) -> dict[int, int]:
    """A position of its text; raises ValueError."""
    if not text:
        return {}
    if not _POSITION.match(text):
        raise ValueError("no position")
    pairs = (one.split(".") for one in text.split("-"))
    found = {int(node): int(sequence) for node, sequence in pairs}
    if any(node >= 1 << 32 or sequence >= 1 << 63 for node, sequence in found.items()):
        raise ValueError("no position")
    return found
