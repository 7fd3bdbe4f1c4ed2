"""Indexes are built and dropped in the background, in slices, while the directory serves.

How far a build has come stands in `meta`, in the transaction of the slice that came so far: after a kill at any
point the next slice goes on there. Entries on both sides of the position are maintained by ordinary writes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lightwave.directory.store import layout
from lightwave.directory.store.errors import DamagedRecord
from lightwave.directory.store.index_keys import Describe
from lightwave.directory.store.indexes import IndexDefinition, IndexKind, IndexState, value_keys
from lightwave.directory.store.layout import entry_key, index_key, pack_id
from lightwave.directory.store.record import Record, attribute_values, decode_record

if TYPE_CHECKING:
    from lightwave.directory.schema.attribute import AttributeType
    from lightwave.directory.store.reading import ReadTransaction
    from lightwave.directory.store.writing import WriteTransaction

MOST_ENTRIES = 2_000
_MOST_KEYS = 20_000
"""Each key may touch a page or two: a slice stays well under 50,000 dirty pages."""


def declare_index(transaction: WriteTransaction, key: str, kind: IndexKind) -> IndexDefinition:
    """Have an index of an attribute type (its OID) built; one that is there stays as it is.

    Raises `ValueError` while an index of the same kind is still being dropped.
    """
    number = transaction.number_for_key(key)
    known = transaction.definitions().by_number.get((number, kind))
    if known is not None:
        if known.state is IndexState.DROPPING:
            raise ValueError("the index is still being dropped")
        return known
    definition = IndexDefinition(key, number, kind, IndexState.BUILDING)
    if transaction.entry_count() == 0:
        definition = IndexDefinition(key, number, kind, IndexState.COMPLETE)
    transaction.put_definition(definition)
    return definition


def drop_index(transaction: WriteTransaction, number: int, kind: IndexKind) -> bool:
    """Stop using an index and have its keys deleted; False where there is none."""
    known = transaction.definitions().by_number.get((number, kind))
    if known is None:
        return False
    transaction.put_definition(IndexDefinition(known.key, number, kind, IndexState.DROPPING))
    return True


def pending(transaction: ReadTransaction) -> list[IndexDefinition]:
    """The indexes that are not complete."""
    return [one for one in transaction.definitions() if one.state is not IndexState.COMPLETE]


def run_slice(transaction: WriteTransaction, describe: Describe, most_entries: int = MOST_ENTRIES) -> bool:
    """Build or drop a little more; False where nothing is left to do. The transaction is committed by the caller."""
    waiting = pending(transaction)
    if not waiting:
        return False
    definition = waiting[0]
    if definition.state is IndexState.DROPPING:
        finished = _drop_slice(transaction, definition)
    elif definition.state is IndexState.RENEWING:
        _renew_slice(transaction, definition)
        finished = False
    else:
        finished = _build_slice(transaction, definition, describe, most_entries)
    return not finished or len(waiting) > 1


def _build_slice(
    transaction: WriteTransaction, definition: IndexDefinition, describe: Describe, most_entries: int
) -> bool:
    description = describe(definition.key)
    databases = transaction.store.databases
    keys: set[tuple[bytes, bytes]] = set()
    position = definition.position
    state = IndexState.COMPLETE
    cursor = transaction.raw.cursor(databases.entries)
    tenant, entry_id = position
    if description is not None and cursor.set_range(entry_key(tenant, entry_id + 1)):
        for count, (key, data) in enumerate(cursor.iternext()):
            if count >= most_entries or len(keys) >= _MOST_KEYS:
                state = IndexState.BUILDING
                break
            tenant, entry_id = position = layout.decode_entry_key(key)
            try:
                record = decode_record(data, tenant, entry_id)
            except DamagedRecord:
                continue  # `check` names it; the others must not wait for it
            values = type_values(transaction, record, definition.key)
            keys |= _keys(definition, description.type, tenant, entry_id, values)
    writer = transaction.raw.cursor(databases.index)
    writer.putmulti(sorted(keys))
    transaction.put_definition(
        IndexDefinition(definition.key, definition.number, definition.kind, state, position)
    )
    return state is IndexState.COMPLETE


def _keys(
    definition: IndexDefinition, attribute: AttributeType, tenant: int, entry_id: int, values: list[bytes]
) -> set[tuple[bytes, bytes]]:
    if not values:
        return set()
    kind, number, identity = definition.kind, definition.number, pack_id(entry_id)
    return {
        (index_key(tenant, number, kind.value, key), identity) for key in value_keys(kind, attribute, values)
    }


def type_values(transaction: ReadTransaction, record: Record, oid: str) -> list[bytes]:
    """All values of a type in a record, under whatever options."""
    result: list[bytes] = []
    for number, encoded in record.attributes():
        key = transaction.attribute_key(number)
        if key == oid or (key.startswith(oid) and key[len(oid)] == ";"):
            result.extend(attribute_values(encoded))
    return result


def values_by_type(transaction: ReadTransaction, record: Record) -> dict[str, list[bytes]]:
    """All values of a record by the OID of their type, under whatever options."""
    result: dict[str, list[bytes]] = {}
    for number, encoded in record.attributes():
        oid = transaction.attribute_key(number).partition(";")[0]
        result.setdefault(oid, []).extend(attribute_values(encoded))
    return result


def _renew_slice(transaction: WriteTransaction, definition: IndexDefinition) -> None:
    """Delete keys that other rules made; when none is left, have the index built."""
    if _delete_keys(transaction, definition):
        number, kind = definition.number, definition.kind
        transaction.put_definition(IndexDefinition(definition.key, number, kind, IndexState.BUILDING))


def _drop_slice(transaction: WriteTransaction, definition: IndexDefinition) -> bool:
    """Delete keys; when none is left, the index is gone."""
    finished = _delete_keys(transaction, definition)
    if finished:
        transaction.delete_definition(definition.number, definition.kind)
    return finished


def _delete_keys(transaction: WriteTransaction, definition: IndexDefinition) -> bool:
    """Delete keys of all tenants, the first first; whether none is left.

    While an index is being dropped its position tells the tenant that the next slice begins with.
    """
    kinds = [definition.kind.value]
    if definition.kind is IndexKind.EQUALITY:
        kinds.append(layout.EQUALITY_DIGEST)
    deleted = 0
    first = definition.position[0] if definition.state is IndexState.DROPPING else 0
    cursor = transaction.raw.cursor(transaction.store.databases.index)
    for tenant in transaction.tenants(max(first - 1, 0)):
        for kind in kinds:
            prefix = index_key(tenant, definition.number, kind, b"")
            while cursor.set_range(prefix) and cursor.key().startswith(prefix):
                if deleted >= _MOST_KEYS:
                    if definition.state is IndexState.DROPPING and tenant != first:
                        transaction.put_definition(replace(definition, position=(tenant, 0)))
                    return False
                cursor.delete(dupdata=True)
                deleted += 1
    return True
