"""Membership through others: `memberOf`, and LDAP_MATCHING_RULE_IN_CHAIN ([MS-ADTS] 3.1.1.3.4.4.3) over links.

`(member:1.2.840.113556.1.4.1941:=X)` holds for the groups that X belongs to, however deep; `(manager:…1941:=X)` for
all who stand below X; `(memberOf=G)` and `(memberOf:…1941:=G)` for all that G contains. Each is answered from the
links: an entry is visited once, so a circle ends, and what is visited for one question is bounded. Candidates come
a batch at a time from the entry that is named, not from the directory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import final

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.ad_attributes import MEMBERSHIPS
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.computed import member_numbers
from lightwave.directory.operations.sources import BATCH
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.store import layout
from lightwave.directory.store.reading import ReadTransaction

IN_CHAIN = "1.2.840.113556.1.4.1941"
MOST_VISITED = 20_000
"""links that are looked at to answer one question about one candidate"""
STEPS = 2_048
"""links that one batch looks at"""
NOBODY = layout.ROOT

Step = Callable[[ReadTransaction, int, int, int, int], Iterator[int]]
"""(transaction, tenant, entry, attribute number, after) -> the entries one link away, ascending"""


def _sources(txn: ReadTransaction, tenant: int, entry_id: int, number: int, after: int) -> Iterator[int]:
    return txn.link_sources(tenant, entry_id, number, after)


def _targets(txn: ReadTransaction, tenant: int, entry_id: int, number: int, after: int) -> Iterator[int]:
    return txn.link_targets(tenant, entry_id, number, after)


@final
class Followed:
    """A source: every entry that can be reached over links, nearest first, without the one where it begins.

    A batch is bounded in links that are looked at, not only in entries that are found: many groups may name the same
    entries. Where nothing was found within the bound, the batch is NOBODY, which is no entry and passes no search.
    """

    __slots__ = ("_deep", "_numbers", "_seen", "_step", "_tenant", "_waiting", "steps")

    def __init__(
        self, tenant: int, start: int, numbers: tuple[int, ...], step: Step, *, deep: bool = True
    ) -> None:
        self._tenant = tenant
        self._numbers = numbers
        self._step = step
        self._deep = deep
        self._seen = {start}
        self._waiting = deque((start, number, 0) for number in numbers)
        self.steps = 0
        """links that were looked at so far"""

    def batch(self, txn: ReadTransaction) -> list[int]:
        found: list[int] = []
        until = self.steps + STEPS
        while self._waiting and len(found) < BATCH:
            if self.steps >= until:
                return found or [NOBODY]
            entry_id, number, after = self._waiting.popleft()
            ids = list(islice(self._step(txn, self._tenant, entry_id, number, after), BATCH))
            self.steps += len(ids) + 1
            if len(ids) == BATCH:
                self._waiting.appendleft((entry_id, number, ids[-1]))
            fresh = [one for one in ids if one not in self._seen]
            self._seen.update(fresh)
            found += fresh
            if self._deep:
                self._follow(txn, fresh)
        return found

    def _follow(self, txn: ReadTransaction, fresh: list[int]) -> None:
        """Of what was found, those that lead on: most are people, from whom nothing hangs."""
        for entry_id in fresh:
            for number in self._numbers:
                if next(self._step(txn, self._tenant, entry_id, number, 0), None) is not None:
                    self._waiting.append((entry_id, number, 0))


def reaching(tenant: int, target: int, numbers: tuple[int, ...]) -> Followed:
    """The entries from which `target` is reached over links: its groups, or those who stand below it."""
    return Followed(tenant, target, numbers, _sources)


def contained(tenant: int, group: int, numbers: tuple[int, ...], *, deep: bool = True) -> Followed:
    """The entries that a group contains; with `deep` through other groups too."""
    return Followed(tenant, group, numbers, _targets, deep=deep)


@final
class ChainMatch:
    """Whether `target` is reached from the candidate over links of one attribute."""

    __slots__ = ("_closure", "description", "numbers", "target")

    def __init__(
        self, description: AttributeDescription, numbers: tuple[int, ...], target: tuple[int, int]
    ) -> None:
        self.description = description
        self.numbers = numbers
        self.target = target
        self._closure: frozenset[int] | None = None

    def matches(self, candidate: Candidate) -> bool | None:
        if not all(candidate.may_read(number) for number in self.numbers):
            return None
        tenant, target = self.target
        if tenant != candidate.tenant:
            return False
        if self.description.type.single_value:
            return self._ascends(candidate, target)
        if self._closure is None:
            self._closure = frozenset(_every(reaching(tenant, target, self.numbers), candidate.txn))
        return candidate.entry_id in self._closure

    def _ascends(self, candidate: Candidate, target: int) -> bool:
        """From the candidate upwards, where each entry names one other at most: a short way, not a tree."""
        above = Followed(candidate.tenant, candidate.entry_id, self.numbers, _targets)
        return any(one == target for one in _every(above, candidate.txn))


@final
class MembershipMatch:
    """Whether the candidate is a member of the group `target`: directly, or through other groups too."""

    __slots__ = ("is_direct", "target")

    def __init__(self, target: tuple[int, int], *, is_direct: bool) -> None:
        self.target = target
        self.is_direct = is_direct

    def matches(self, candidate: Candidate) -> bool | None:
        if not candidate.may_read(MEMBERSHIPS[self.is_direct]):
            return None
        tenant, group = self.target
        if tenant != candidate.tenant or group == candidate.entry_id:
            return False
        numbers = member_numbers(candidate.txn)
        above = Followed(tenant, candidate.entry_id, numbers, _sources, deep=not self.is_direct)
        return any(one == group for one in _every(above, candidate.txn))


def _every(source: Followed, txn: ReadTransaction) -> Iterator[int]:
    """All ids of a source; raises DirectoryError when they are too many to look at in one go."""
    while found := source.batch(txn):
        if source.steps > MOST_VISITED:
            raise DirectoryError(ResultCode.ADMIN_LIMIT_EXCEEDED, "the filter follows too many links")
        yield from found
