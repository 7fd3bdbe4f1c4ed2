"""Verifies that the databases agree with each other and that every record's checksum holds.

Reads one snapshot from end to end and changes nothing. The invariants:

- every record decodes; its parent exists; it stands among the parent's children under its own name, and nowhere else
- its GUID leads to it; its stamps decode; `changes` has it at its latest USN, and nothing else there lives
- each link has its mirror and both ends, HAS_LINKS says whether there are any; what waits for a name stands in a
  record, and each name in a record that is no link waits
- a complete index has exactly the keys of the records' values
- what expires stands under its time; secrets belong to entries; no counter lies below what was given out
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.store import layout
from lightwave.directory.store.building import type_values, values_by_type
from lightwave.directory.store.errors import DamagedRecord
from lightwave.directory.store.indexes import IndexDefinition, IndexKind, IndexState, value_keys
from lightwave.directory.store.layout import entry_key, link_key, pack_id
from lightwave.directory.store.record import CONTEXT, HAS_LINKS, Record, decode_record
from lightwave.directory.store.stamps import decode_stamps
from lightwave.directory.store.tenant_removal import removals

if TYPE_CHECKING:
    import lmdb

    from lightwave.directory.schema.attribute import AttributeType
    from lightwave.directory.store.index_keys import Describe
    from lightwave.directory.store.reading import ReadTransaction

_PROGRESS = 1_000

Progress = Callable[[str, int, int], None]
"""Called with (what is looked at, rows seen, rows there are)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement: where, about which entry (0 where about none), what. Holds no value of an entry."""

    database: str
    tenant: int
    entry_id: int
    text: str

    def __str__(self) -> str:
        return f"{self.database}: tenant {self.tenant}, entry {self.entry_id}: {self.text}"


def check(
    transaction: ReadTransaction, describe: Describe, progress: Progress = lambda what, seen, total: None
) -> Iterator[Finding]:
    """All findings, lazily; none where the store is sound."""
    checker = _Checker(transaction, describe, progress)
    yield from checker.entries()
    yield from checker.children()
    yield from checker.guids()
    yield from checker.changes()
    yield from checker.links()
    yield from checker.unresolved()
    yield from checker.index()
    yield from checker.belongings()


class _Checker:
    def __init__(self, transaction: ReadTransaction, describe: Describe, progress: Progress) -> None:
        self._transaction = transaction
        self._raw = transaction.raw
        self._databases = transaction.store.databases
        self._describe = describe
        self._progress = progress
        self._counters = transaction.counters()
        self._indexes = [one for one in transaction.definitions() if one.state is IndexState.COMPLETE]
        self._indexes_of: dict[str, list[IndexDefinition]] = {}
        for one in self._indexes:
            self._indexes_of.setdefault(one.key, []).append(one)
        self._link_types: dict[int, AttributeType | None] = {}
        self._expected: Counter[tuple[int, IndexKind]] = Counter()
        self._damaged: set[int] = set()
        self._going = {layout.pack_number(one.tenant) for one in removals(transaction)}

    def _rows(self, what: str, database: lmdb._Database) -> Iterator[tuple[bytes, bytes]]:
        """The rows of a database, but for those of tenants that are being removed: what is left of them is rows."""
        total = self._raw.stat(database)["entries"]
        for seen, row in enumerate(self._raw.cursor(database).iternext(), 1):
            if not self._going or _tenant_in(what, *row) not in self._going:
                yield row
            if not seen % _PROGRESS:
                self._progress(what, seen, total)
        self._progress(what, total, total)

    def _record(self, tenant: int, entry_id: int) -> Record | None:
        """The record where it exists and decodes; damage was named when the entries were read."""
        data = self._raw.get(entry_key(tenant, entry_id), db=self._databases.entries)
        if data is None:
            return None
        try:
            return decode_record(data, tenant, entry_id)
        except DamagedRecord:
            return None

    def entries(self) -> Iterator[Finding]:
        """Each record and what hangs on it."""
        for key, data in self._rows("entries", self._databases.entries):
            tenant, entry_id = layout.decode_entry_key(key)
            try:
                record = decode_record(data, tenant, entry_id)
            except DamagedRecord as error:
                self._damaged.add(entry_id)
                yield Finding("entries", tenant, entry_id, str(error))
                continue
            for database, text in self._entry(tenant, entry_id, key, record):
                yield Finding(database, tenant, entry_id, text)

    def _entry(self, tenant: int, entry_id: int, key: bytes, record: Record) -> Iterator[tuple[str, str]]:
        raw, databases, identity = self._raw, self._databases, pack_id(entry_id)
        if record.parent == layout.ROOT:
            if not record.flags & CONTEXT:
                yield "entries", "it has no parent and is no naming context"
            elif raw.get(layout.context_name(tenant, entry_id), db=databases.meta) is None:
                yield "meta", "its naming context is not listed"
            else:
                named = layout.named_context_key(layout.split_dn(record.normalised_rdn))
                if raw.get(named, db=databases.meta) != entry_key(tenant, entry_id):
                    yield "meta", "its naming context is not found by its name"
        elif raw.get(entry_key(tenant, record.parent), db=databases.entries) is None:
            yield "entries", f"its parent {record.parent} does not exist"
        child = layout.child_prefix(record.normalised_rdn) + identity
        if not raw.cursor(databases.children).set_key_dup(entry_key(tenant, record.parent), child):
            yield "children", "it is not among its parent's children"
        if raw.get(layout.guid_key(tenant, record.guid), db=databases.guids) != identity:
            yield "guids", "its GUID does not lead to it"
        change = raw.get(pack_id(record.usn_changed), db=databases.changes)
        if change != layout.change_value(tenant, entry_id):
            yield "changes", f"it is not at its USN {record.usn_changed}"
        if (
            raw.get(layout.tenant_change_key(tenant, record.usn_changed), db=databases.tenant_changes)
            != identity
        ):
            yield "tenant_changes", f"it is not at its USN {record.usn_changed}"
        if record.usn_created > record.usn_changed or record.usn_changed > self._counters.usn:
            yield "entries", "its USNs are out of order"
        if entry_id > self._counters.entry_id:
            yield "meta", "its id was never given out"
        if record.expires:
            row = raw.get(layout.expiry_key(record.expires, tenant, entry_id), db=databases.expiry)
            if row is None:
                yield "expiry", "it expires and does not stand under its time"
        if bool(record.flags & HAS_LINKS) != bool(self._transaction.link_attributes(tenant, entry_id)):
            yield "links", "its flag does not say whether it has links"
        yield from self._stamps(key)
        yield from self._values(tenant, entry_id, record)

    def _stamps(self, key: bytes) -> Iterator[tuple[str, str]]:
        data = self._raw.get(key, db=self._databases.stamps)
        if data is None:
            yield "stamps", "it has none"
            return
        try:
            stamps = decode_stamps(data)
        except ValueError as error:
            yield "stamps", str(error)
            return
        if stamps.created.clock > self._counters.clock:
            yield "stamps", "its creation lies ahead of the store's clock"

    def _values(self, tenant: int, entry_id: int, record: Record) -> Iterator[tuple[str, str]]:
        for number, _ in record.attributes():
            if number > self._counters.attribute:
                yield "entries", f"it has an attribute {number} that was never numbered"
                return
        cursor = self._raw.cursor(self._databases.index)
        identity = pack_id(entry_id)
        if not self._waits(tenant, entry_id, record):
            yield "unresolved", "a name in it waits for no entry"
        for oid, values in values_by_type(self._transaction, record).items():
            for definition in self._indexes_of.get(oid, ()):
                keys = self._index_keys(definition, tenant, values)
                self._expected[definition.number, definition.kind] += len(keys)
                missing = sum(not cursor.set_key_dup(key, identity) for key in keys)
                if missing:
                    label = f"{definition.kind.name.lower()} index of {definition.key}"
                    yield "index", f"{missing} keys are missing in the {label}"

    def _index_keys(self, definition: IndexDefinition, tenant: int, values: Sequence[bytes]) -> set[bytes]:
        description = self._describe(definition.key) if values else None
        if description is None or description.type.is_link:
            return set()
        kind = definition.kind
        return {
            layout.index_key(tenant, definition.number, kind.value, key)
            for key in value_keys(kind, description.type, values)
        }

    def _waits(self, tenant: int, entry_id: int, record: Record) -> bool:
        """Whether all values of link attributes that are text stand among those that wait."""
        for number in record.numbers():
            if number not in self._link_types:
                found = self._describe(self._transaction.attribute_key(number))
                self._link_types[number] = found.type if found is not None and found.type.is_link else None
            attribute = self._link_types[number]
            if attribute is None:
                continue
            for text in record.values(number):
                try:
                    digest = layout.name_digest(tenant, attribute.normalise(text))
                except InvalidValue:
                    continue
                key = layout.unresolved_key(digest, entry_id, number)
                if self._raw.get(key, db=self._databases.unresolved) is None:
                    return False
        return True

    def children(self) -> Iterator[Finding]:
        """Each child is an entry of that parent and name."""
        for key, value in self._rows("children", self._databases.children):
            tenant, parent = layout.decode_entry_key(key)
            entry_id = layout.child_entry_id(value)
            record = self._record(tenant, entry_id)
            if record is None:
                if entry_id not in self._damaged:
                    yield Finding(
                        "children", tenant, entry_id, f"{parent} has it as a child; it does not exist"
                    )
            elif record.parent != parent or not value.startswith(layout.child_prefix(record.normalised_rdn)):
                yield Finding("children", tenant, entry_id, f"{parent} has it as a child under a wrong name")

    def guids(self) -> Iterator[Finding]:
        """Each GUID leads to an entry that has it."""
        for key, value in self._rows("guids", self._databases.guids):
            tenant, entry_id = layout.number(key[:4]), layout.number(value)
            record = self._record(tenant, entry_id)
            if (record is None or record.guid != key[4:]) and entry_id not in self._damaged:
                yield Finding("guids", tenant, entry_id, "a GUID leads to it that is not its own")

    def changes(self) -> Iterator[Finding]:
        """Each row of changes is where its entry stands, or tells of a removal."""
        for key, value in self._rows("changes", self._databases.changes):
            tenant, entry_id, removed = layout.decode_change(value)
            record = self._record(tenant, entry_id)
            usn = layout.number(key)
            if removed:
                if record is not None:
                    yield Finding("changes", tenant, entry_id, f"USN {usn} tells of its removal; it exists")
            elif entry_id not in self._damaged and (record is None or record.usn_changed != usn):
                yield Finding("changes", tenant, entry_id, f"it is not what stands at USN {usn}")

        for key, value in self._rows("tenant_changes", self._databases.tenant_changes):
            tenant, usn = layout.decode_entry_key(key)
            entry_id = layout.number(value)
            change = self._raw.get(pack_id(usn), db=self._databases.changes)
            if change is None or layout.decode_change(change)[:2] != (tenant, entry_id):
                yield Finding("tenant_changes", tenant, entry_id, f"changes do not have it at USN {usn}")

    def links(self) -> Iterator[Finding]:
        """Each link has its mirror, each mirror its link, and both ends exist."""
        mirrors = self._raw.cursor(self._databases.backlinks)
        for key, value in self._rows("links", self._databases.links):
            tenant, source, attribute = layout.decode_link_key(key)
            target, _, _ = layout.decode_link_value(value)
            if not mirrors.set_key_dup(link_key(tenant, target, attribute), pack_id(source)):
                yield Finding("links", tenant, source, f"its link to {target} has no mirror")
            for end in (source, target):
                if not self._transaction.exists(tenant, end):
                    yield Finding("links", tenant, source, f"its link to {target}: {end} does not exist")
        for key, value in self._rows("backlinks", self._databases.backlinks):
            tenant, target, attribute = layout.decode_link_key(key)
            source = layout.number(value)
            if not self._transaction.has_link(tenant, source, attribute, target):
                yield Finding("backlinks", tenant, target, f"the mirror of a link from {source} has no link")

    def unresolved(self) -> Iterator[Finding]:
        """What waits for a name stands as text in its source's record."""
        for key, text in self._rows("unresolved", self._databases.unresolved):
            tenant = layout.number(key[:4])
            source, attribute = layout.decode_unresolved_key(key)
            record = self._record(tenant, source)
            if (record is None or text not in record.values(attribute)) and source not in self._damaged:
                yield Finding("unresolved", tenant, source, "a value waits for a name that it does not have")

    def index(self) -> Iterator[Finding]:
        """No complete index has more keys than the records' values give it."""
        found: Counter[tuple[int, IndexKind]] = Counter()
        for key, _ in self._rows("index", self._databases.index):
            _, number, kind, _ = layout.decode_index_key(key)
            found[number, _kind(kind)] += 1
        for definition in self._indexes:
            one = (definition.number, definition.kind)
            if found[one] > self._expected[one]:
                yield from self._stray(definition)

    def _stray(self, definition: IndexDefinition) -> Iterator[Finding]:
        for key, value in self._rows("index", self._databases.index):
            tenant, number, kind, _ = layout.decode_index_key(key)
            if (number, _kind(kind)) != (definition.number, definition.kind):
                continue
            entry_id = layout.number(value)
            record = self._record(tenant, entry_id)
            values = () if record is None else type_values(self._transaction, record, definition.key)
            if key not in self._index_keys(definition, tenant, values):
                label = f"{definition.kind.name.lower()} index of {definition.key}"
                yield Finding("index", tenant, entry_id, f"a key too many in the {label}")

    def belongings(self) -> Iterator[Finding]:
        """Stamps, secrets and expiry belong to entries that exist."""
        for name, database in (("stamps", self._databases.stamps), ("secrets", self._databases.secrets)):
            for key, _ in self._rows(name, database):
                tenant, entry_id = layout.decode_entry_key(key[:12])
                if not self._transaction.exists(tenant, entry_id):
                    yield Finding(name, tenant, entry_id, "it does not exist")
        for key, _ in self._rows("expiry", self._databases.expiry):
            time, tenant, entry_id = layout.decode_expiry_key(key)
            record = self._record(tenant, entry_id)
            if tenant and entry_id not in self._damaged and (record is None or record.expires != time):
                yield Finding("expiry", tenant, entry_id, "it does not expire at that time")


def _tenant_in(database: str, key: bytes, value: bytes) -> bytes:
    """The number of the tenant that a row belongs to, as it stands in it."""
    if database == "changes":
        return value[:4]
    return key[8:12] if database == "expiry" else key[:4]


def _kind(stored: bytes) -> IndexKind:
    return IndexKind.EQUALITY if stored == layout.EQUALITY_DIGEST else IndexKind(stored)
