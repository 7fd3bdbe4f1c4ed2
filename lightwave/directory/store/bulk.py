"""The bulk path of import: many entries a transaction, each database's rows put sorted.

Entries are prepared without the write lock; only `flush` takes it, so a serving process waits for one slice at
most. Entry ids are reserved ahead, so an entry can stand below another of the same slice. Random keys are put sorted
by slice, which keeps the cost of an entry nearly the same from the first to the millionth.

DNs of link attributes are resolved here: to entries of the slice, to those in the store, else they wait.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import NormalisedDN
from lightwave.directory.store import layout
from lightwave.directory.store.errors import EntryExists, KeyringError, NoSuchEntry
from lightwave.directory.store.indexes import IndexDefinitions, value_keys
from lightwave.directory.store.layout import (
    child_value,
    entry_key,
    guid_key,
    index_key,
    link_key,
    link_value,
    pack_id,
)
from lightwave.directory.store.record import DYNAMIC, HAS_LINKS, encode_attribute, encode_record
from lightwave.directory.store.sealing import seal

if TYPE_CHECKING:
    from lightwave.directory.schema.attribute import AttributeDescription
    from lightwave.directory.store.environment import Store
    from lightwave.directory.store.reading import ReadTransaction
    from lightwave.directory.store.writing import Change, NewEntry, WriteTransaction

SLICE = 20_000

_Rows = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class _Pending:
    tenant: int
    parent: int
    entry_id: int
    name: NormalisedDN
    entry: NewEntry
    user: list[tuple[int, bytes]]
    operational: list[tuple[int, bytes]]
    link_texts: list[tuple[int, AttributeDescription, tuple[bytes, ...]]]
    index_keys: list[bytes]
    secrets: Sequence[tuple[bytes, bytes]]


class BulkWriter:
    """Inserts checked entries slice by slice. A context manager that flushes at its end.

    A slice is one transaction: after a kill the store holds whole slices. Not for use beside a `Committer` of the
    same process.
    """

    def __init__(self, store: Store, slice_size: int = SLICE) -> None:
        self._store = store
        self._slice_size = slice_size
        self._pending: list[_Pending] = []
        self._names: dict[NormalisedDN, tuple[int, int]] = {}
        self._numbers: dict[str, int] = {}
        self._next_id = self._last_id = 0
        self._reader: ReadTransaction = store.read()
        self._definitions: IndexDefinitions = self._reader.definitions()
        self.inserted = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.flush()
        self._reader.close()

    def find(self, name: NormalisedDN) -> tuple[int, int]:
        """(tenant, entry id) of a name, entries of the slice included; raises `NoSuchEntry`."""
        return self._names.get(name) or self._reader.find(name)

    def insert(self, name: NormalisedDN, entry: NewEntry, secrets: Sequence[tuple[bytes, bytes]] = ()) -> int:
        """Take an entry by its normalised DN; its id. `secrets` are (kind, plaintext).

        Raises `NoSuchEntry` where its parent is not there and `EntryExists` where it is itself. All link values
        stand as text in `entry.attributes`.
        """
        tenant, parent = self.find(name[1:])
        if name in self._names or self._reader.find_child(tenant, parent, name[0]) is not None:
            raise EntryExists("there is an entry of this name already")
        if self._next_id == self._last_id:
            self._reserve()
        self._next_id += 1
        entry_id = self._next_id
        self._names[name] = (tenant, entry_id)
        self._pending.append(self._prepare(tenant, parent, entry_id, name, entry, secrets))
        if len(self._pending) >= self._slice_size:
            self.flush()
        return entry_id

    def _prepare(
        self,
        tenant: int,
        parent: int,
        entry_id: int,
        name: NormalisedDN,
        entry: NewEntry,
        secrets: Sequence[tuple[bytes, bytes]],
    ) -> _Pending:
        user: list[tuple[int, bytes]] = []
        operational: list[tuple[int, bytes]] = []
        link_texts: list[tuple[int, AttributeDescription, tuple[bytes, ...]]] = []
        index_keys: list[bytes] = []
        numbers, by_type = self._numbers, self._definitions.by_type
        for description, values in entry.attributes:
            number = numbers.get(description.key) or self._number(description.key)
            attribute = description.type
            if attribute.is_link:
                link_texts.append((number, description, values))
                continue
            block = operational if attribute.is_operational else user
            block.append((number, encode_attribute(description.text.encode(), values)))
            for definition in by_type.get(attribute.oid, ()):
                kind = definition.kind
                for key in value_keys(kind, attribute, values):
                    index_keys.append(index_key(tenant, definition.number, kind.value, key))
        return _Pending(
            tenant, parent, entry_id, name, entry, user, operational, link_texts, index_keys, secrets
        )

    def _reserve(self) -> None:
        with self._store.write() as transaction:
            counters = transaction.counters_to_advance()
            self._next_id = counters.entry_id
            counters.entry_id += self._slice_size
            self._last_id = counters.entry_id

    def _number(self, key: str) -> int:
        number = self._reader.attribute_number(key)
        if number is None:
            with self._store.write() as transaction:
                number = transaction.number_for_key(key)
        self._numbers[key] = number
        return number

    def flush(self) -> list[NewEntry]:
        """Put the slice in one transaction; the entries that another writer's entries of the same name kept out.

        Raises `StoreFull` or `StoreError`: nothing of the slice is there then.
        """
        if not self._pending:
            return []
        collecting = gc.isenabled()
        gc.disable()  # some million short-lived tuples and no cycles: the collector would visit them for nothing
        try:
            with self._store.write() as transaction:
                kept_out = self._write(transaction)
        finally:
            if collecting:
                gc.enable()
        self._pending = []
        self._names = {}
        self._reader.close()
        self._reader = self._store.read()
        self._definitions = self._reader.definitions()
        return kept_out

    def _write(self, transaction: WriteTransaction) -> list[NewEntry]:
        kept = self._pending
        kept_out: list[NewEntry] = []
        if transaction.raw.id() - 1 != self._reader.id:  # others have written meanwhile
            kept, kept_out = self._check_again(transaction)
        change = transaction.begin_change()
        rows = _Slice(transaction, change)
        for pending in kept:
            rows.add(pending, self._resolve_links(transaction, pending))
        rows.put()
        if any(transaction.anything_waits(tenant) for tenant in transaction.tenants()):
            for pending in kept:
                transaction.resolve_waiting(pending.tenant, pending.entry_id, change)
        self.inserted += len(kept)
        return kept_out

    def _check_again(self, transaction: WriteTransaction) -> tuple[list[_Pending], list[NewEntry]]:
        """Sort out entries whose name was taken or whose parent went after this slice looked."""
        kept: list[_Pending] = []
        kept_out: list[NewEntry] = []
        present: set[int] = set()
        if transaction.generation(0, "indexes") != self._reader.generation(0, "indexes"):
            self._definitions = transaction.definitions()
            self._pending = [
                self._prepare(one.tenant, one.parent, one.entry_id, one.name, one.entry, one.secrets)
                for one in self._pending
            ]
        for pending in self._pending:
            parent_there = pending.parent in present or transaction.exists(pending.tenant, pending.parent)
            taken = transaction.find_child(pending.tenant, pending.parent, pending.name[0]) is not None
            same_guid = transaction.by_guid(pending.tenant, pending.entry.guid) is not None
            if not parent_there or taken or same_guid:
                kept_out.append(pending.entry)
            else:
                present.add(pending.entry_id)
                kept.append(pending)
        return kept, kept_out

    def _resolve_links(self, transaction: WriteTransaction, pending: _Pending) -> list[tuple[int, int]]:
        """Links of an entry as (attribute, target); what names nothing goes to the record and waits."""
        found: dict[tuple[int, int], None] = dict.fromkeys(
            (transaction.attribute_number_for(description), target)
            for description, target in pending.entry.links
        )
        for number, description, values in pending.link_texts:
            waiting: list[bytes] = []
            for value in values:
                try:
                    joined = description.type.normalise(value)
                    tenant, target = self._find_either(transaction, layout.split_dn(joined))
                except (InvalidValue, NoSuchEntry):
                    waiting.append(value)
                    continue
                if tenant == pending.tenant:
                    found[number, target] = None
                else:
                    waiting.append(value)
            if waiting:
                transaction.wait_for_names(pending.tenant, pending.entry_id, number, description, waiting)
                encoded = encode_attribute(description.text.encode(), waiting)
                block = pending.operational if description.type.is_operational else pending.user
                block.append((number, encoded))
        return list(found)

    def _find_either(self, transaction: WriteTransaction, name: NormalisedDN) -> tuple[int, int]:
        return self._names.get(name) or transaction.find(name)


class _Slice:
    """The rows of one slice by database."""

    def __init__(self, transaction: WriteTransaction, change: Change) -> None:
        self._transaction = transaction
        self._databases = transaction.store.databases
        self._change = change
        self._stamp = change.local.pack()
        self._entries: _Rows = []
        self._children: _Rows = []
        self._guids: _Rows = []
        self._stamps: _Rows = []
        self._changes: _Rows = []
        self._tenant_changes: _Rows = []
        self._index: _Rows = []
        self._links: _Rows = []
        self._backlinks: _Rows = []
        self._expiry: _Rows = []

    def add(self, pending: _Pending, links: list[tuple[int, int]]) -> None:
        """Turn one entry into rows."""
        entry, tenant, entry_id = pending.entry, pending.tenant, pending.entry_id
        key, identity = entry_key(tenant, entry_id), pack_id(entry_id)
        usn = self._transaction.next_usn(self._change)
        expires = int(entry.expires * 1000) if entry.expires else 0
        record = encode_record(
            flags=entry.flags | (HAS_LINKS if links else 0) | (DYNAMIC if expires else 0),
            descriptor=entry.descriptor,
            parent=pending.parent,
            guid=entry.guid,
            usn_created=usn,
            usn_changed=usn,
            expires=expires,
            rdn=entry.rdn,
            normalised_rdn=entry.normalised_rdn,
            user=pending.user,
            operational=pending.operational,
        )
        self._entries.append((key, record))
        self._children.append((entry_key(tenant, pending.parent), child_value(pending.name[0], entry_id)))
        self._guids.append((guid_key(tenant, entry.guid), identity))
        self._stamps.append((key, self._stamp))
        self._changes.append((pack_id(usn), layout.change_value(tenant, entry_id)))
        self._tenant_changes.append((layout.tenant_change_key(tenant, usn), identity))
        self._index += [(index, identity) for index in pending.index_keys]
        if expires:
            self._expiry.append((layout.expiry_key(expires, tenant, entry_id), b""))
        for attribute, target in links:
            value = link_value(target, *self._change.local)
            self._links.append((link_key(tenant, entry_id, attribute), value))
            self._backlinks.append((link_key(tenant, target, attribute), identity))
        self._add_secrets(pending)

    def _add_secrets(self, pending: _Pending) -> None:
        keyring = self._transaction.store.keyring
        for kind, plaintext in pending.secrets:
            tenant = self._transaction.tenant_guid(pending.tenant)
            if keyring is None:
                raise KeyringError("the store was opened without a keyring")
            sealed = seal(keyring, tenant, pending.entry.guid, kind, plaintext)
            key = layout.secret_key(pending.tenant, pending.entry_id, kind)
            self._transaction.raw.put(key, sealed, db=self._databases.secrets)

    def put(self) -> None:
        """Put all rows, sorted; raises `EntryExists` where a GUID is taken."""
        raw, databases = self._transaction.raw, self._databases
        for database, rows in (
            (databases.entries, self._entries),
            (databases.children, self._children),
            (databases.stamps, self._stamps),
            (databases.changes, self._changes),
            (databases.tenant_changes, self._tenant_changes),
            (databases.index, self._index),
            (databases.links, self._links),
            (databases.backlinks, self._backlinks),
            (databases.expiry, self._expiry),
        ):
            if rows:
                rows.sort()
                raw.cursor(database).putmulti(rows)
                rows.clear()
        self._guids.sort()
        consumed, added = raw.cursor(databases.guids).putmulti(self._guids, overwrite=False)
        if added != len(self._guids) or consumed != added:
            raise EntryExists("a GUID is taken")
