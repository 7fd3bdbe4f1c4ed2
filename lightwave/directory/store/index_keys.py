"""Puts and deletes index keys as an entry's values come and go. All of it is idempotent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from lightwave.directory.store.indexes import IndexDefinition, IndexKind, value_keys
from lightwave.directory.store.layout import index_key, pack_id

if TYPE_CHECKING:
    import lmdb

    from lightwave.directory.schema.attribute import AttributeDescription, AttributeType

Describe = Callable[[str], "AttributeDescription | None"]
"""`Schema.describe`: an attribute's key or name to its description, None where the schema has no such type."""


class IndexWriter:
    """The index database of one write transaction."""

    __slots__ = ("_database", "_raw")

    def __init__(self, raw: lmdb.Transaction[bytes], database: lmdb._Database) -> None:
        self._raw = raw
        self._database = database

    def insert(
        self,
        definitions: Sequence[IndexDefinition],
        tenant: int,
        entry_id: int,
        attribute: AttributeType,
        values: Iterable[bytes],
    ) -> None:
        """Put the keys of an attribute's values. Hot: once for each indexed attribute of a new entry."""
        put, database, data = self._raw.put, self._database, pack_id(entry_id)
        for definition in definitions:
            kind = definition.kind
            number = definition.number
            for key in value_keys(kind, attribute, values):
                put(index_key(tenant, number, kind.value, key), data, db=database)

    def change(
        self,
        definitions: Sequence[IndexDefinition],
        tenant: int,
        entry_id: int,
        attribute: AttributeType,
        old: Sequence[bytes],
        new: Sequence[bytes],
    ) -> None:
        """Make the keys of a type's values those of `new`. Both are the values under all options of the type."""
        data = pack_id(entry_id)
        for definition in definitions:
            kind = definition.kind
            before = value_keys(kind, attribute, old)
            after = value_keys(kind, attribute, new)
            for key in before - after:
                self._raw.delete(
                    index_key(tenant, definition.number, kind.value, key), data, db=self._database
                )
            for key in after - before:
                self._raw.put(index_key(tenant, definition.number, kind.value, key), data, db=self._database)

    def exchange_equality(
        self,
        definition: IndexDefinition,
        tenant: int,
        entry_id: int,
        attribute: AttributeType,
        removed: Sequence[bytes],
        added: Sequence[bytes],
    ) -> None:
        """The same for an equality index from the values that went and came, whatever the number of the others."""
        data = pack_id(entry_id)
        before = value_keys(IndexKind.EQUALITY, attribute, removed)
        after = value_keys(IndexKind.EQUALITY, attribute, added)
        kind = IndexKind.EQUALITY.value
        for key in before - after:
            self._raw.delete(index_key(tenant, definition.number, kind, key), data, db=self._database)
        for key in after:
            self._raw.put(index_key(tenant, definition.number, kind, key), data, db=self._database)
