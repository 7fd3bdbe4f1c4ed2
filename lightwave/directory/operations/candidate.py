"""An entry on trial: what a filter, a selection and an access decision look at during one search."""

from __future__ import annotations

from typing import final

from lightwave.directory.access.attribute_set import ALL, AttributeSet
from lightwave.directory.operations.computed import computed_values
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.descriptor_attributes import DESCRIPTORS
from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record


@final
class Candidate:
    """One entry in one read transaction. `readable` says which attribute numbers the requester may read."""

    __slots__ = ("context", "entry_id", "readable", "record", "schema", "tenant", "txn")

    def __init__(
        self,
        txn: ReadTransaction,
        schema: Schema,
        tenant: int,
        entry_id: int,
        record: Record,
        readable: AttributeSet,
        context: Context,
    ) -> None:
        self.txn = txn
        self.schema = schema
        self.tenant = tenant
        self.entry_id = entry_id
        self.record = record
        self.readable = readable
        self.context = context

    def computed(self, attribute: AttributeType) -> list[bytes]:
        """Values of an operational attribute that no record holds; none where the requester may not read it."""
        oid = attribute.oid
        if self.readable is not ALL and oid not in self.readable and oid not in DESCRIPTORS:
            return []  # a descriptor is not a property: its own right decides
        return computed_values(
            self.txn,
            self.schema,
            self.tenant,
            self.entry_id,
            self.record,
            attribute,
            self.context.now(),
            self.context,
        )

    def may_read(self, number: int | str) -> bool:
        """Whether the requester may read the attribute `number` of this entry, or the type with this OID."""
        return self.readable is ALL or number in self.readable
