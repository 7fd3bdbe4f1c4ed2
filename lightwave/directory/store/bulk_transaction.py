"""A write transaction for the bulk path: the same rules and rows as ever, put in an order that LMDB likes.

An import inserts thousands of entries in one transaction through the same methods as any other write. Two things
are put off until the commit, because done entry by entry they are what an import would spend its time on: the keys
of indexes, which are random and are put sorted; and the turning of waiting names into links, which rewrites the
record of a large group once for a slice instead of once for each member. A look into an index puts first what it
must see, so nobody notices.

Names and places that were found are remembered: a bulk transaction only adds entries, it moves and removes none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import lmdb

from lightwave.directory.store.errors import store_error
from lightwave.directory.store.index_keys import IndexWriter
from lightwave.directory.store.indexes import IndexDefinition, IndexKind, value_keys
from lightwave.directory.store.layout import LONGEST_INDEXED, index_key, pack_id
from lightwave.directory.store.writing import Change, WriteTransaction

if TYPE_CHECKING:
    from lightwave.directory.schema.attribute import AttributeType
    from lightwave.directory.schema.normalisation import NormalisedDN
    from lightwave.directory.store.caches import Place
    from lightwave.directory.store.environment import Store

_MOST_REMEMBERED = 50_000
_LONGEST_REMEMBERED = 32


class DeferredIndexWriter(IndexWriter):
    """Collects the keys of new entries by key, and puts them sorted."""

    __slots__ = ("_known", "_prefixes", "_rows")

    def __init__(self, raw: lmdb.Transaction[bytes], database: lmdb._Database) -> None:
        super().__init__(raw, database)
        self._rows: dict[bytes, list[bytes]] = {}
        self._known: dict[tuple[bytes, bytes], list[bytes]] = {}
        self._prefixes: dict[tuple[int, int, IndexKind], bytes] = {}

    def insert(
        self,
        definitions: Sequence[IndexDefinition],
        tenant: int,
        entry_id: int,
        attribute: AttributeType,
        values: Iterable[bytes],
    ) -> None:
        """Keep the keys of an attribute's values. Hot: once for each indexed attribute of a new entry."""
        rows, identity = self._rows, pack_id(entry_id)
        listed = tuple(values)
        for definition in definitions:
            for key in self._keys(definition, tenant, attribute, listed):
                found = rows.get(key)
                if found is None:
                    rows[key] = [identity]
                elif found[-1] != identity:
                    found.append(identity)

    def _keys(
        self, definition: IndexDefinition, tenant: int, attribute: AttributeType, values: tuple[bytes, ...]
    ) -> Sequence[bytes]:
        """Keys as they stand in the index. Short values of substring indexes (names) come again and again."""
        kind, number = definition.kind, definition.number
        prefix = self._prefixes.get((tenant, number, kind))
        if prefix is None:
            prefix = self._prefixes[tenant, number, kind] = index_key(tenant, number, kind.value, b"")
        if kind is not IndexKind.SUBSTRING or len(values) != 1 or len(values[0]) > _LONGEST_REMEMBERED:
            return [
                prefix + key if len(key) <= LONGEST_INDEXED else index_key(tenant, number, kind.value, key)
                for key in value_keys(kind, attribute, values)
            ]
        known = self._known
        place = (prefix, values[0])
        keys = known.get(place)
        if keys is None:
            keys = [prefix + gram for gram in value_keys(kind, attribute, values)]
            if len(known) < _MOST_REMEMBERED:
                known[place] = keys
        return keys

    def holds(self, key: bytes) -> bool:
        """Whether anything that is not put yet stands under this key."""
        return key in self._rows

    def put(self) -> None:
        """Put what was collected."""
        if not self._rows:
            return
        rows = [(key, identity) for key in sorted(self._rows) for identity in self._rows[key]]
        self._raw.cursor(self._database).putmulti(rows)
        self._rows.clear()

    def change(
        self,
        definitions: Sequence[IndexDefinition],
        tenant: int,
        entry_id: int,
        attribute: AttributeType,
        old: Sequence[bytes],
        new: Sequence[bytes],
    ) -> None:
        """See `IndexWriter.change`."""
        self.put()
        super().change(definitions, tenant, entry_id, attribute, old, new)

    def exchange_equality(
        self,
        definition: IndexDefinition,
        tenant: int,
        entry_id: int,
        attribute: AttributeType,
        removed: Sequence[bytes],
        added: Sequence[bytes],
    ) -> None:
        """See `IndexWriter.exchange_equality`."""
        self.put()
        super().exchange_equality(definition, tenant, entry_id, attribute, removed, added)


class BulkTransaction(WriteTransaction):
    """Inserts; made by `begin_bulk`."""

    __slots__ = ("_arrived", "_deferred", "_names", "_places")

    def __init__(self, store: Store, raw: lmdb.Transaction[bytes]) -> None:
        super().__init__(store, raw, None)
        self._indexes = self._deferred = DeferredIndexWriter(raw, store.databases.index)
        self._arrived: list[tuple[int, int, Change]] = []
        self._names: dict[NormalisedDN, tuple[int, int]] = {}
        self._places: dict[int, Place] = {}

    def child(self) -> WriteTransaction:
        """See `WriteTransaction.child`; it sees what has been put off."""
        self.flush()
        return super().child()

    def flush(self) -> None:
        """Put what was put off, then the counters."""
        self._deferred.put()
        if self._arrived:
            arrived, self._arrived = self._arrived, []
            self.link_waiting(arrived)
        super().flush()

    def resolve_waiting(self, tenant: int, entry_id: int, change: Change) -> None:
        """Done at the commit, for all entries of the slice together."""
        self._arrived.append((tenant, entry_id, change))

    # --- what has been found stays found -----------------------------------------------------------------------------

    def find(self, dn: NormalisedDN) -> tuple[int, int]:
        """See `ReadTransaction.find`."""
        found = self._names.get(dn)
        if found is None:
            found = self._find(dn)
            if len(self._names) < _MOST_REMEMBERED:
                self._names[dn] = found
        return found

    def place(self, tenant: int, entry_id: int) -> Place:
        """See `ReadTransaction.place`."""
        place = self._places.get(entry_id)
        if place is None:
            place = super().place(tenant, entry_id)
            if len(self._places) < _MOST_REMEMBERED:
                self._places[entry_id] = place
        return place

    # --- looks into indexes see what is not put yet -------------------------------------------------------------

    def _settle(self, tenant: int, number: int, kind: IndexKind, key: bytes) -> None:
        if self._deferred.holds(index_key(tenant, number, kind.value, key)):
            self._deferred.put()

    def index_count(self, tenant: int, number: int, kind: IndexKind, key: bytes) -> int:
        """See `ReadTransaction.index_count`."""
        self._settle(tenant, number, kind, key)
        return super().index_count(tenant, number, kind, key)

    def index_first(self, tenant: int, number: int, kind: IndexKind, key: bytes) -> tuple[int, int]:
        """See `ReadTransaction.index_first`."""
        self._settle(tenant, number, kind, key)
        return super().index_first(tenant, number, kind, key)

    def index_ids(
        self, tenant: int, number: int, kind: IndexKind, key: bytes, after: int = 0
    ) -> Iterator[int]:
        """See `ReadTransaction.index_ids`."""
        self._settle(tenant, number, kind, key)
        return super().index_ids(tenant, number, kind, key, after)

    def index_has(self, tenant: int, number: int, kind: IndexKind, key: bytes, entry_id: int) -> bool:
        """See `ReadTransaction.index_has`."""
        self._settle(tenant, number, kind, key)
        return super().index_has(tenant, number, kind, key, entry_id)

    def index_range(
        self, tenant: int, number: int, low: bytes | None, high: bytes | None
    ) -> Iterator[tuple[bytes, int]]:
        """See `ReadTransaction.index_range`."""
        self._deferred.put()
        return super().index_range(tenant, number, low, high)


@contextmanager
def begin_bulk(store: Store) -> Iterator[BulkTransaction]:
    """A bulk transaction in this thread, committed at the end, aborted where an exception passes.

    Waits for other writers. Raises `StoreFull` and `StoreError`, and nothing has happened then.
    """
    try:
        raw = store.environment.begin(write=True)
    except lmdb.Error as error:
        raise store_error(error) from error
    store.caches.catch_up(raw, raw.id() - 1)
    transaction = BulkTransaction(store, raw)
    try:
        yield transaction
    except BaseException as error:
        transaction.abort()
        if isinstance(error, lmdb.Error):
            raise store_error(error) from error
        raise
    transaction.commit()
