"""Which candidates a filter has to be asked of: the planner picks by counting, it does not guess.

Each node of a resolved filter that an index, the links or the tree can answer becomes a `Plan` with the
number of candidates that it would give (LMDB counts the entries of a key without reading them). `and` takes
the cheapest child and intersects with another where that costs less than looking at the entries; `or` needs a
plan for every child. Indexes that are still being built are not used. An index narrows; the filter still
decides on each entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import final

from lightwave.directory.access.attribute_set import ALL, AttributeSet
from lightwave.directory.operations.attribute_table import AttributeTable
from lightwave.directory.operations.chains import ChainMatch, MembershipMatch, contained, reaching
from lightwave.directory.operations.computed import member_numbers
from lightwave.directory.operations.filter_nodes import (
    AllOf,
    AnyOf,
    ClassMatch,
    ComputedMatch,
    Constant,
    EqualityMatch,
    LinkMatch,
    PresenceMatch,
    Resolved,
    Unheld,
    ValueMatch,
)
from lightwave.directory.operations.sources import (
    Chained,
    Children,
    Indexed,
    Linking,
    Listed,
    Source,
    Subtree,
    every,
)
from lightwave.directory.store.indexes import LONG_VALUES, IndexKind, IndexState
from lightwave.directory.store.reading import ReadTransaction

ENTRY_UUID = "1.3.6.1.1.16.4"
OBJECT_GUID = "1.2.840.113556.1.4.2"

MOST_INTERSECTED = 200_000
"""ids that are held in memory at once to intersect two indexes"""
ENTRY_COST = 60
"""looking at one entry costs about as much as reading this many ids from an index"""
SMALL = 64
"""fewer candidates than this are not worth narrowing further"""
RANGE_COUNT = 4_096
"""keys that are counted of an ordering range before it is called large"""


@final
@dataclass(slots=True)
class Plan:
    """A way to candidates. `estimate` counts them; `words` are for people (`lightwave explain`).

    The words are joined only when somebody reads them: a plan is made for each search.
    """

    estimate: int
    make: Callable[[], Source]
    words: tuple[str, ...]
    children: tuple[Plan, ...] = ()
    is_open: bool = False
    """the estimate is of the first step only: not to be gathered in one go"""

    @property
    def text(self) -> str:
        """What the plan is, in a few words."""
        return " ".join(self.words)


class Planner:
    """Plans for one tenant in one transaction.

    Of attributes that are not `readable` no index is asked: how much is found there would show, by a limit or by the
    time that it takes, what the filter must not tell.
    """

    def __init__(
        self, txn: ReadTransaction, table: AttributeTable, tenant: int, readable: AttributeSet = ALL
    ) -> None:
        self._readable = readable
        self._txn = txn
        self._table = table
        self._tenant = tenant

    def plan(self, node: Resolved) -> Plan | None:
        """The cheapest plan for `node`; None when nothing but reading every entry in scope will do."""
        kind = type(node)
        if kind is EqualityMatch:
            return self._equality(node)  # type: ignore[arg-type]  # decided by the line above
        if isinstance(node, AllOf):
            return self._all(node)
        if isinstance(node, AnyOf):
            return self._any(node)
        if isinstance(node, ClassMatch):
            return self._class(node)
        if isinstance(node, LinkMatch):
            return self._link(node)
        if isinstance(node, PresenceMatch):
            return self._presence(node)
        if isinstance(node, ValueMatch):
            return self._values(node)
        if isinstance(node, ComputedMatch):
            return self._computed(node)
        if isinstance(node, ChainMatch | MembershipMatch):
            return self._followed(node)
        if isinstance(node, Constant | Unheld) and node.answer is not True:
            return Plan(0, lambda: Listed([]), ("nothing: the assertion is false or undefined",))
        return None

    def _key(self, number: int, kind: IndexKind, key: bytes, *shown: str) -> Plan | None:
        if number not in self._readable or self._txn.index_state(number, kind) is not IndexState.COMPLETE:
            return None
        tenant = self._tenant
        first, count = self._txn.index_first(tenant, number, kind, key)
        if count <= 1:
            return Plan(count, lambda: Listed([first] if count else []), ("index", *shown))
        return Plan(count, lambda: Indexed(tenant, number, kind, key), ("index", *shown))

    def _equality(self, node: EqualityMatch) -> Plan | None:
        name = node.description.text
        numbers = self._table.bases(node.numbers)
        if len(numbers) == 1:
            return self._key(numbers[0], IndexKind.EQUALITY, node.key, "equality", name)
        return _union([self._key(n, IndexKind.EQUALITY, node.key, "equality", name) for n in numbers], name)

    def _class(self, node: ClassMatch) -> Plan | None:
        normalise = node.description.type.normalise
        plans = [
            self._key(number, IndexKind.EQUALITY, normalise(oid.encode()), "equality objectClass", oid)
            for number in node.numbers
            for oid in sorted(node.oids)
        ]
        found = [plan for plan in plans if plan is not None]
        if len(found) < len(plans):
            return None
        used = [plan for plan in found if plan.estimate]
        return (
            _union(list(used), "objectClass")
            if used
            else Plan(0, lambda: Listed([]), ("no entry of this class",))
        )

    def _link(self, node: LinkMatch) -> Plan | None:
        tenant, target = node.target
        if tenant != self._tenant:
            return Plan(0, lambda: Listed([]), ("no link crosses tenants",))
        plans: list[Plan | None] = []
        for number in node.numbers:
            if number not in self._readable:
                return None
            count = self._txn.link_source_count(tenant, target, number)
            make = _linking(tenant, target, number)
            plans.append(Plan(count, make, ("links to the entry by", node.description.text)))
        return _union(plans, node.description.text)

    def _presence(self, node: PresenceMatch) -> Plan | None:
        if node.links:
            return None
        name = node.description.text
        return _union(
            [
                self._key(n, IndexKind.PRESENCE, b"", "presence", name)
                for n in self._table.bases(node.numbers)
            ],
            name,
        )

    def _values(self, node: ValueMatch) -> Plan | None:
        if node.description is None:
            return None
        return _union(
            [self._value_plan(node, number) for number in self._table.bases(node.numbers)],
            node.description.text,
        )

    def _value_plan(self, node: ValueMatch, number: int) -> Plan | None:
        from_index = node.narrowing
        if node.description is None:
            return None
        name = node.description.text
        if from_index is None:  # bits, words and other rules: they hold for a value, so there is one
            return self._key(number, IndexKind.PRESENCE, b"", "presence", name)
        if from_index.pieces:
            plans = [
                plan
                for piece in from_index.pieces
                if (plan := self._key(number, IndexKind.SUBSTRING, piece, "substring", name, repr(piece)))
                is not None
            ]
            long_values = self._key(
                number, IndexKind.SUBSTRING, LONG_VALUES, "substring", name, "long values"
            )
            if not plans or long_values is None:
                return None
            best = min(plans, key=lambda plan: plan.estimate)
            return best if not long_values.estimate else _union([best, long_values], name)
        if (
            number not in self._readable
            or self._txn.index_state(number, IndexKind.ORDERING) is not IndexState.COMPLETE
        ):
            return None
        rows = self._txn.index_range(self._tenant, number, from_index.low, from_index.high)
        ids = list(dict.fromkeys(entry_id for _, entry_id in islice(rows, RANGE_COUNT + 1)))
        if len(ids) > RANGE_COUNT:
            return None
        return Plan(len(ids), lambda: Listed(ids), ("ordering", name))

    def _computed(self, node: ComputedMatch) -> Plan | None:
        if node.key is None:
            return None
        if node.attribute.oid in (ENTRY_UUID, OBJECT_GUID) and len(node.key) == 16:
            entry_id = self._txn.by_guid(self._tenant, node.key)
            ids = [] if entry_id is None else [entry_id]
            return Plan(len(ids), lambda: Listed(ids), ("GUID", node.attribute.name))
        return None

    def _followed(self, node: ChainMatch | MembershipMatch) -> Plan:
        """From the entry that is named, over links; counted is the first step only."""
        txn = self._txn
        tenant, target = node.target
        if tenant != self._tenant:
            return Plan(0, lambda: Listed([]), ("no link crosses tenants",))
        if isinstance(node, ChainMatch):
            numbers = node.numbers
            count = sum(txn.link_source_count(tenant, target, number) for number in numbers)
            words = ("chain", node.description.text)
            return Plan(count, lambda: reaching(tenant, target, numbers), words, is_open=True)
        numbers, deep = member_numbers(txn), not node.is_direct
        count = sum(txn.link_count(tenant, target, number) for number in numbers)
        within = ("members of the group",)
        return Plan(count, lambda: contained(tenant, target, numbers, deep=deep), within, is_open=deep)

    def _any(self, node: AnyOf) -> Plan | None:
        return _union([self.plan(child) for child in node.children], "or")

    def _all(self, node: AllOf) -> Plan | None:
        plans = []
        for child in sorted(node.children, key=_cheap_to_count):
            plan = self.plan(child)
            if plan is None:
                continue
            plans.append(plan)
            if plan.estimate <= SMALL:
                break  # good enough: counting the others would cost more than they could save
        if not plans:
            return None
        plans.sort(key=lambda plan: plan.estimate)
        best = plans[0]
        if best.estimate <= SMALL or len(plans) == 1:
            return Plan(best.estimate, best.make, ("and:", *best.words), tuple(plans), best.is_open)
        other = plans[1]
        if (
            other.estimate > min(MOST_INTERSECTED, best.estimate * ENTRY_COST)
            or best.is_open
            or other.is_open
        ):
            return Plan(best.estimate, best.make, ("and:", *best.words), tuple(plans), best.is_open)
        ids = set(every(best.make(), self._txn)) & set(every(other.make(), self._txn))
        return Plan(
            len(ids),
            lambda: Listed(sorted(ids)),
            ("and:", *best.words, "intersected with", *other.words),
            tuple(plans),
        )


def _cheap_to_count(node: Resolved) -> int:
    """Order in which the parts of an `and` are counted: one key first, many keys last."""
    if isinstance(node, EqualityMatch | LinkMatch):
        return 0
    return 2 if isinstance(node, ClassMatch | AnyOf) else 1


def _linking(tenant: int, target: int, number: int) -> Callable[[], Source]:
    return lambda: Linking(tenant, target, number)


def _union(plans: list[Plan | None], name: str) -> Plan | None:
    """All of `plans` together; None when one of them is missing."""
    found = [plan for plan in plans if plan is not None]
    if len(found) < len(plans):
        return None
    if len(found) == 1:
        return found[0]
    total = sum(plan.estimate for plan in found)
    return Plan(
        total,
        lambda: Chained([plan.make() for plan in found]),
        (f"{name}: union of {len(found)}",),
        tuple(found),
        any(plan.is_open for plan in found),
    )


def plan_scope(
    txn: ReadTransaction,
    table: AttributeTable,
    tenant: int,
    base: int,
    scope: int,
    node: Resolved,
    readable: AttributeSet = ALL,
) -> Plan:
    """The plan of a search below `base`: by the filter, by the children, or by the whole subtree.

    scope: 1 single level, 2 whole subtree (RFC 4511 §4.5.1.2). readable: what the requester may read of the base.
    """
    plan = Planner(txn, table, tenant, readable).plan(node)
    if scope == 1:
        count = txn.child_count(tenant, base)
        if plan is None or count < plan.estimate:
            return Plan(
                count, lambda: Children(tenant, base), ("children of the base",), (plan,) if plan else ()
            )
        return plan
    if plan is None:
        return Plan(
            -1, lambda: Subtree(tenant, base), ("every entry of the subtree (no index serves the filter)",)
        )
    if plan.estimate > SMALL and _subtree_is_smaller(txn, tenant, base, plan.estimate):
        return Plan(
            plan.estimate,
            lambda: Subtree(tenant, base),
            ("every entry of the subtree (smaller than any index)",),
            (plan,),
        )
    return plan


def _subtree_is_smaller(txn: ReadTransaction, tenant: int, base: int, than: int) -> bool:
    """Whether the subtree has fewer entries than `than`; looks at no more than a thousand to find out."""
    source = Subtree(tenant, base)
    seen = 0
    bound = min(than, 1_000)
    while found := source.batch(txn):
        seen += len(found)
        if seen >= bound:
            return False
    return True
