"""The entry whose attribute is computed."""

from __future__ import annotations

from typing import NamedTuple

from lightwave.directory.operations.context import Context
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record


class Subject(NamedTuple):
    """One entry in one transaction. now: seconds since the epoch. context: who asks, if anybody does."""

    txn: ReadTransaction
    schema: Schema
    tenant: int
    entry_id: int
    record: Record
    now: float
    context: Context | None = None

    def stored(self, oid: str) -> list[bytes]:
        """The values that the record holds of the attribute type."""
        number = self.txn.attribute_number(oid)
        return [] if number is None else self.record.values(number)
