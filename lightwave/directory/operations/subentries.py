"""Subentries in a search (RFC 3672 §3): seen by a base search of their name, or when the subentries control asks.

A single-level or subtree search passes over them unless the control is there: TRUE shows nothing else, FALSE hides
them from base searches too. Which entries of a tenant are subentries is looked up once after each commit, in the
index of objectClass, so that a search pays for one comparison.
"""

from __future__ import annotations

from itertools import islice
from typing import final

from lightwave.directory.operations.attribute_table import AttributeTable
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.gather import OBJECT_CLASS, SUBENTRY
from lightwave.directory.store.indexes import IndexKind, IndexState
from lightwave.directory.store.reading import ReadTransaction

MOST_LISTED = 1_000
"""subentries of a tenant that are kept by their ids; of more, each candidate is looked at"""


class SubentryIds:
    """The subentries of the tenant that was asked for last, as of that transaction: public, for the hot path."""

    __slots__ = ("ids", "tenant", "transaction")

    def __init__(self) -> None:
        self.transaction = -1
        self.tenant = 0
        self.ids: frozenset[int] | None = None

    def of(self, txn: ReadTransaction, table: AttributeTable, tenant: int) -> frozenset[int] | None:
        """Entry ids; None when they are too many, or not indexed."""
        if txn.id != self.transaction or tenant != self.tenant:
            self.ids = _listed(txn, table, tenant)
            self.transaction, self.tenant = txn.id, tenant
        return self.ids


def _listed(txn: ReadTransaction, table: AttributeTable, tenant: int) -> frozenset[int] | None:
    number = txn.attribute_number(OBJECT_CLASS)
    if number is None or txn.index_state(number, IndexKind.EQUALITY) is not IndexState.COMPLETE:
        return None
    description = table.description(number)
    if description is None:
        return None
    key = description.type.normalise(SUBENTRY.encode())
    ids = txn.index_ids(tenant, number, IndexKind.EQUALITY, key)
    found = frozenset(islice(ids, MOST_LISTED + 1))
    return found if len(found) <= MOST_LISTED else None


@final
class SubentryMatch:
    """Whether a candidate is a subentry, or is none, as `wanted` says."""

    __slots__ = ("_table", "_wanted")

    def __init__(self, table: AttributeTable, *, wanted: bool) -> None:
        self._table = table
        self._wanted = wanted

    def matches(self, candidate: Candidate) -> bool | None:
        number = candidate.txn.attribute_number(OBJECT_CLASS)
        values = [] if number is None else candidate.record.values(number)
        schema = self._table.schema
        found = any(
            one is not None and SUBENTRY in one.ancestry
            for one in (schema.object_class(value.decode("ascii", "replace")) for value in values)
        )
        return found is self._wanted
