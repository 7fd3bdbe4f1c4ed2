"""An entry on trial: what a filter, a selection and an access decision look at during one search."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from lightwave.directory.access.attribute_set import ALL, AttributeSet
from lightwave.directory.operations.computed import computed_values
from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record


@final
class Candidate:
    """One entry in one read transaction. `readable` says which attribute numbers the requester may read."""

    __slots__ = ("entry_id", "now", "readable", "record", "schema", "tenant", "txn")

    def __init__(
        self,
        txn: ReadTransaction,
        schema: Schema,
        tenant: int,
        entry_id: int,
        record: Record,
        readable: AttributeSet,
        now: Callable[[], float],
    ) -> None:
        self.txn = txn
        self.schema = schema
        self.tenant = tenant
        self.entry_id = entry_id
        self.record = record
        self.readable = readable
        self.now = now

    def computed(self, attribute: AttributeType) -> list[bytes]:
        """Values of an operational attribute that no record holds; none where the requester may not read it."""
        if self.readable is not ALL and attribute.oid not in self.readable:
            return []
        return computed_values(
            self.txn, self.schema, self.tenant, self.entry_id, self.record, attribute, self.now()
        )

    def may_read(self, number: int | str) -> bool:
        """Whether the requester may read the attribute `number` of this entry, or the type with this OID."""
        return self.readable is ALL or number in self.readable
