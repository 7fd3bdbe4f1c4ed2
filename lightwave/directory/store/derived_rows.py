"""The rows that follow from others: what each should be, row by row, in a write transaction (see repair.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.store import layout
from lightwave.directory.store.building import values_by_type
from lightwave.directory.store.errors import DamagedRecord, StoreError
from lightwave.directory.store.index_keys import Describe
from lightwave.directory.store.indexes import IndexDefinition, IndexState, value_keys
from lightwave.directory.store.layout import entry_key, link_key, pack_id
from lightwave.directory.store.record import (
    CONTEXT,
    HAS_LINKS,
    Record,
    attribute_values,
    decode_record,
    encode_record,
)

if TYPE_CHECKING:
    import lmdb

    from lightwave.directory.schema.attribute import AttributeDescription
    from lightwave.directory.store.writing import WriteTransaction

DescribeIn = Callable[["WriteTransaction"], Describe]
"""The schema as a transaction sees it: it may stand in entries that have to be made findable first."""

_DAY_MS = 86_400_000


class DerivedRows:
    """One transaction's view. Each method mends what concerns one row, and says of which databases."""

    def __init__(self, transaction: WriteTransaction, describe: DescribeIn) -> None:
        self.transaction = transaction
        self.raw = transaction.raw
        self.databases = transaction.store.databases
        self._describe_in = describe
        self._describe: Describe | None = None
        self.definitions = [one for one in transaction.definitions() if one.state is IndexState.COMPLETE]

    def describe(self, key: str) -> AttributeDescription | None:
        """What the schema says of an attribute's key."""
        if self._describe is None:
            self._describe = self._describe_in(self.transaction)
        return self._describe(key)

    def record(self, tenant: int, entry_id: int) -> tuple[Record | None, bool]:
        """(the record where it exists and decodes, whether it is there but damaged)."""
        data = self.raw.get(entry_key(tenant, entry_id), db=self.databases.entries)
        if data is None:
            return None, False
        try:
            return decode_record(data, tenant, entry_id), False
        except DamagedRecord:
            return None, True

    def put(self, database: lmdb._Database, key: bytes, value: bytes) -> bool:
        """Have this row; whether it was not there so."""
        if self.raw.get(key, db=database) == value:
            return False
        self.raw.put(key, value, db=database)
        return True

    def put_duplicate(self, database: lmdb._Database, key: bytes, value: bytes) -> bool:
        """Have this duplicate; whether it was not there."""
        return bool(self.raw.put(key, value, dupdata=False, db=database))

    # --- links -----------------------------------------------------------------------------------------------------

    def link(self, key: bytes, value: bytes) -> Iterator[str]:
        """Both ends exist, or it goes; it has its mirror."""
        tenant, source, attribute = layout.decode_link_key(key)
        target, _, _ = layout.decode_link_value(value)
        if not (self.transaction.exists(tenant, source) and self.transaction.exists(tenant, target)):
            self.raw.delete(key, value, db=self.databases.links)
            yield "links"
        elif self.put_duplicate(
            self.databases.backlinks, link_key(tenant, target, attribute), pack_id(source)
        ):
            yield "backlinks"

    def backlink(self, key: bytes, value: bytes) -> Iterator[str]:
        """It mirrors a link, or it goes."""
        tenant, target, attribute = layout.decode_link_key(key)
        if not self.transaction.has_link(tenant, layout.number(value), attribute, target):
            self.raw.delete(key, value, db=self.databases.backlinks)
            yield "backlinks"

    # --- names, GUIDs, change numbers, times -------------------------------------------------------------------------

    def entry(self, key: bytes, value: bytes) -> Iterator[str]:
        """All that hangs on a record and needs no schema."""
        tenant, entry_id = layout.decode_entry_key(key)
        try:
            record = decode_record(value, tenant, entry_id)
        except DamagedRecord:
            return
        databases, identity = self.databases, pack_id(entry_id)
        child = layout.child_value(record.normalised_rdn, entry_id)
        if self.put_duplicate(databases.children, entry_key(tenant, record.parent), child):
            yield "children"
        if self.put(databases.guids, layout.guid_key(tenant, record.guid), identity):
            yield "guids"
        if record.flags & CONTEXT and record.parent == layout.ROOT:
            context = record.normalised_rdn + b"\0" + record.rdn
            named = layout.named_context_key(layout.split_dn(record.normalised_rdn))
            if self.put(databases.meta, layout.context_name(tenant, entry_id), context):
                yield "meta"
            if self.put(databases.meta, named, entry_key(tenant, entry_id)):
                yield "meta"
        if record.expires and self.put(
            databases.expiry, layout.expiry_key(record.expires, tenant, entry_id), b""
        ):
            yield "expiry"
        yield from self._numbers(tenant, entry_id, record)

    def _numbers(self, tenant: int, entry_id: int, record: Record) -> Iterator[str]:
        """The counters, the flag of links, and the entry's place among the changes."""
        transaction, databases = self.transaction, self.databases
        counters = transaction.counters()
        if entry_id > counters.entry_id or record.usn_changed > counters.usn:
            counters = transaction.counters_to_advance()
            counters.entry_id = max(counters.entry_id, entry_id)
            counters.usn = max(counters.usn, record.usn_changed)
            yield "meta"
        flags = record.flags & ~HAS_LINKS
        if transaction.link_attributes(tenant, entry_id):
            flags |= HAS_LINKS
        usn = record.usn_changed
        if self._is_taken(tenant, entry_id, usn):
            usn = transaction.counters_to_advance().usn = counters.usn + 1
        if flags != record.flags or usn != record.usn_changed:
            data = _rewritten(record, flags, usn)
            self.raw.put(entry_key(tenant, entry_id), data, db=databases.entries)
            yield "entries"
        if self.put(databases.changes, pack_id(usn), layout.change_value(tenant, entry_id)):
            yield "changes"
        if self.put(databases.tenant_changes, layout.tenant_change_key(tenant, usn), pack_id(entry_id)):
            yield "tenant_changes"

    def _is_taken(self, tenant: int, entry_id: int, usn: int) -> bool:
        """Whether another entry rightly stands at this USN."""
        value = self.raw.get(pack_id(usn), db=self.databases.changes)
        if value is None:
            return False
        owner, other, removed = layout.decode_change(value)
        if removed or (owner, other) == (tenant, entry_id):
            return False
        record, _ = self.record(owner, other)
        return record is not None and record.usn_changed == usn

    def child(self, key: bytes, value: bytes) -> Iterator[str]:
        """It is an entry of that parent and name."""
        tenant, parent = layout.decode_entry_key(key)
        record, damaged = self.record(tenant, layout.child_entry_id(value))
        if damaged:
            return
        if (
            record is None
            or record.parent != parent
            or value[:-8] != layout.child_prefix(record.normalised_rdn)
        ):
            self.raw.delete(key, value, db=self.databases.children)
            yield "children"

    def guid(self, key: bytes, value: bytes) -> Iterator[str]:
        """It is that of the entry to which it leads."""
        record, damaged = self.record(layout.number(key[:4]), layout.number(value))
        if not damaged and (record is None or record.guid != key[4:]):
            self.raw.delete(key, db=self.databases.guids)
            yield "guids"

    def change(self, key: bytes, value: bytes) -> Iterator[str]:
        """Its entry stands there, or was removed and its trace goes in time."""
        tenant, entry_id, removed = layout.decode_change(value)
        record, damaged = self.record(tenant, entry_id)
        usn = layout.number(key)
        if removed and record is None:
            due = layout.removal_time(value) + _DAY_MS
            if self.put(self.databases.expiry, layout.expiry_key(due, 0, usn), b""):
                yield "expiry"
            if self.put(
                self.databases.tenant_changes, layout.tenant_change_key(tenant, usn), pack_id(entry_id)
            ):
                yield "tenant_changes"
        elif removed or (not damaged and (record is None or record.usn_changed != usn)):
            self.raw.delete(key, db=self.databases.changes)
            yield "changes"

    def tenant_change(self, key: bytes, value: bytes) -> Iterator[str]:
        """It says what `changes` says."""
        tenant, usn = layout.decode_entry_key(key)
        change = self.raw.get(pack_id(usn), db=self.databases.changes)
        if change is None or layout.decode_change(change)[:2] != (tenant, layout.number(value)):
            self.raw.delete(key, db=self.databases.tenant_changes)
            yield "tenant_changes"

    def expiry(self, key: bytes, value: bytes) -> Iterator[str]:
        """The entry expires then, or the removal is to be forgotten."""
        time, tenant, entry_id = layout.decode_expiry_key(key)
        if tenant:
            record, damaged = self.record(tenant, entry_id)
            wanted = damaged or (record is not None and record.expires == time)
        else:
            change = self.raw.get(pack_id(entry_id), db=self.databases.changes)
            wanted = change is not None and len(change) > layout.CHANGE_SIZE
        if not wanted:
            self.raw.delete(key, db=self.databases.expiry)
            yield "expiry"

    # --- what the schema decides -------------------------------------------------------------------------------------

    def keys(self, key: bytes, value: bytes) -> Iterator[str]:
        """The index keys of a record's values, and the names that its values wait for."""
        tenant, entry_id = layout.decode_entry_key(key)
        try:
            record = decode_record(value, tenant, entry_id)
            by_type = values_by_type(self.transaction, record)
        except StoreError:
            return
        rows = sorted(
            (row, pack_id(entry_id))
            for definition in self.definitions
            if definition.key in by_type
            for row in self._index_keys(definition, tenant, by_type)
        )
        if rows:
            _, added = self.raw.cursor(self.databases.index).putmulti(rows, dupdata=False)
            yield from ["index"] * added
        for waiting, text in self._waiting(tenant, entry_id, record):
            if self.put(self.databases.unresolved, waiting, text):
                yield "unresolved"

    def _index_keys(
        self, definition: IndexDefinition, tenant: int, by_type: dict[str, list[bytes]]
    ) -> set[bytes]:
        values = by_type.get(definition.key)
        description = self.describe(definition.key) if values else None
        if not values or description is None or description.type.is_link:
            return set()
        number, kind = definition.number, definition.kind
        return {
            layout.index_key(tenant, number, kind.value, key)
            for key in value_keys(kind, description.type, values)
        }

    def _waiting(self, tenant: int, entry_id: int, record: Record) -> Iterator[tuple[bytes, bytes]]:
        """The rows of the values of a record that name an entry which is not there."""
        for number, encoded in record.attributes():
            description = self.describe(self.transaction.attribute_key(number))
            if description is None or not description.type.is_link:
                continue
            for text in attribute_values(encoded):
                try:
                    digest = layout.name_digest(tenant, description.type.normalise(text))
                except InvalidValue:
                    continue
                yield layout.unresolved_key(digest, entry_id, number), text

    def unresolved(self, key: bytes, value: bytes) -> Iterator[str]:
        """It stands as text in its source's record."""
        tenant = layout.number(key[:4])
        source, _ = layout.decode_unresolved_key(key)
        record, damaged = self.record(tenant, source)
        if damaged:
            return
        rows = self._waiting(tenant, source, record) if record is not None else ()
        if key not in {row for row, _ in rows}:
            self.raw.delete(key, db=self.databases.unresolved)
            yield "unresolved"

    def index(self, key: bytes, value: bytes) -> Iterator[str]:
        """It is a key of the record's values."""
        tenant, number, stored, _ = layout.decode_index_key(key)
        entry_id = layout.number(value)
        kind = layout.EQUALITY if stored == layout.EQUALITY_DIGEST else stored
        definition = next(
            (one for one in self.definitions if (one.number, one.kind.value) == (number, kind)), None
        )
        if definition is None:
            return  # being built, dropped or renewed
        record, damaged = self.record(tenant, entry_id)
        if damaged:
            return
        if record is None or key not in self._index_keys(
            definition, tenant, values_by_type(self.transaction, record)
        ):
            self.raw.delete(key, value, db=self.databases.index)
            yield "index"

    # --- what belongs to nobody --------------------------------------------------------------------------------------

    def stamps(self, key: bytes, value: bytes) -> Iterator[str]:
        """They are of an entry that exists."""
        if not self.transaction.exists(*layout.decode_entry_key(key)):
            self.raw.delete(key, db=self.databases.stamps)
            yield "stamps"

    def secret(self, key: bytes, value: bytes) -> Iterator[str]:
        """It is of an entry that exists."""
        if not self.transaction.exists(*layout.decode_entry_key(key[:12])):
            self.raw.delete(key, db=self.databases.secrets)
            yield "secrets"


def _rewritten(record: Record, flags: int, usn: int) -> bytes:
    users = len(record.user_numbers)
    attributes = list(record.attributes())
    return encode_record(
        flags=flags,
        descriptor=record.descriptor,
        parent=record.parent,
        guid=record.guid,
        usn_created=record.usn_created,
        usn_changed=usn,
        expires=record.expires,
        rdn=record.rdn,
        normalised_rdn=record.normalised_rdn,
        user=attributes[:users],
        operational=attributes[users:],
    )
