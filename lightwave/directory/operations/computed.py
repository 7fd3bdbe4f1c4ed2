"""Operational attributes that no record holds: computed from the record, the tree and the links when asked for.

`computed_values` is shared by search (entries and filters) and compare, so both always see the same.
"""

from __future__ import annotations

from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record

COMPUTED: frozenset[str]
"""OIDs of the attribute types that `computed_values` answers"""


def computed_values(
    txn: ReadTransaction,
    schema: Schema,
    tenant: int,
    entry_id: int,
    record: Record,
    attribute: AttributeType,
    now: float,
) -> list[bytes]:
    """Values of one computed attribute of an entry; [] when it has none (or when it is not computed at all)."""
