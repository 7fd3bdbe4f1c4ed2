"""Where a search's candidates come from: index entries, links, children, a subtree.

A source gives entry ids in batches and keeps its place between read transactions, because a long search takes
a new transaction every few milliseconds. What is added or removed meanwhile may or may not be seen; nothing
is given twice by one source.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Protocol, final

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.store.indexes import IndexKind, IndexState
from lightwave.directory.store.reading import ReadTransaction

BATCH = 256


class Source(Protocol):
    """Entry ids, a batch at a time; an empty batch is the end."""

    def batch(self, txn: ReadTransaction) -> list[int]: ...


@final
class Listed:
    """Ids that are known already."""

    __slots__ = ("_ids",)

    def __init__(self, ids: list[int]) -> None:
        self._ids = ids

    def batch(self, txn: ReadTransaction) -> list[int]:
        ids = self._ids
        if len(ids) <= BATCH:
            self._ids = []
            return ids
        self._ids = ids[BATCH:]
        return ids[:BATCH]


@final
class Indexed:
    """The entries that stand under one index key, in the order of their ids.

    Raises DirectoryError busy where the index is no longer complete: what is left of it would pass for all.
    """

    __slots__ = ("_after", "_done", "_key", "_kind", "_number", "_tenant")

    def __init__(self, tenant: int, number: int, kind: IndexKind, key: bytes) -> None:
        self._tenant = tenant
        self._number = number
        self._kind = kind
        self._key = key
        self._after = 0
        self._done = False

    def batch(self, txn: ReadTransaction) -> list[int]:
        if self._done:
            return []
        if (
            txn.index_state(self._number, self._kind) is not IndexState.COMPLETE
        ):  # dropped since it was planned
            raise DirectoryError(ResultCode.BUSY, "an index that the search used was dropped: search again")
        ids = txn.index_ids(self._tenant, self._number, self._kind, self._key, self._after)
        found = list(islice(ids, BATCH))
        if len(found) < BATCH:
            self._done = True
        if found:
            self._after = found[-1]
        return found


@final
class Linking:
    """Entries that hold `target` in a link attribute (member=…), in the order of their ids."""

    __slots__ = ("_after", "_number", "_target", "_tenant")

    def __init__(self, tenant: int, target: int, number: int) -> None:
        self._tenant = tenant
        self._target = target
        self._number = number
        self._after = 0

    def batch(self, txn: ReadTransaction) -> list[int]:
        sources = txn.link_sources(self._tenant, self._target, self._number, self._after)
        found = list(islice(sources, BATCH))
        if found:
            self._after = found[-1]
        return found


@final
class Children:
    """The immediate subordinates of an entry."""

    __slots__ = ("_after", "_done", "_parent", "_tenant")

    def __init__(self, tenant: int, parent: int) -> None:
        self._tenant = tenant
        self._parent = parent
        self._after: bytes | None = None
        self._done = False

    def batch(self, txn: ReadTransaction) -> list[int]:
        if self._done:
            return []
        found: list[int] = []
        for after, entry_id in islice(txn.children(self._tenant, self._parent, self._after), BATCH):
            self._after = after
            found.append(entry_id)
        self._done = len(found) < BATCH
        return found


@final
class Subtree:
    """An entry and everything below it, superiors first."""

    __slots__ = ("_stack", "_tenant", "_top")

    def __init__(self, tenant: int, top: int) -> None:
        self._tenant = tenant
        self._top: int | None = top
        self._stack: list[tuple[int, bytes | None]] = [(top, None)]

    def batch(self, txn: ReadTransaction) -> list[int]:
        found: list[int] = []
        if self._top is not None:
            found.append(self._top)
            self._top = None
        stack = self._stack
        while stack and len(found) < BATCH:
            parent, after = stack.pop()
            room = BATCH - len(found)
            below: list[tuple[int, bytes | None]] = []
            for place, entry_id in islice(txn.children(self._tenant, parent, after), room):
                after = place
                found.append(entry_id)
                below.append((entry_id, None))
            if len(below) == room:
                stack.append((parent, after))
            if below:
                stack.extend(pair for pair in reversed(below) if txn.has_children(self._tenant, pair[0]))
        return found


@final
class Chained:
    """Several sources one after the other; each id once."""

    __slots__ = ("_seen", "_sources")

    def __init__(self, sources: list[Source]) -> None:
        self._sources = sources[::-1]
        self._seen: set[int] = set()

    def batch(self, txn: ReadTransaction) -> list[int]:
        while self._sources:
            found = self._sources[-1].batch(txn)
            if not found:
                self._sources.pop()
                continue
            seen = self._seen
            fresh = [entry_id for entry_id in found if entry_id not in seen]
            seen.update(fresh)
            if fresh:
                return fresh
        return []


def every(source: Source, txn: ReadTransaction) -> Iterator[int]:
    """All ids of a source within one transaction."""
    while found := source.batch(txn):
        yield from found
