"""A read transaction: one snapshot of the store, asked by number and name.

Hot: `find`, `record`, `dn` and the index look-ups are what a search is made of. Names and places come from caches
where this snapshot is the one that the caches hold (caches.py). No read transaction may outlive a reactor turn.

Methods that yield are lazy and end with the transaction. Ids are ascending where the docstring says so, and `after`
resumes behind an id in a later transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import lmdb

from lightwave.directory.schema.normalisation import join_dn
from lightwave.directory.store import layout
from lightwave.directory.store.caches import (
    NamingContext,
    Place,
    load_burials,
)
from lightwave.directory.store.errors import KeyringError, NoSuchEntry
from lightwave.directory.store.indexes import IndexDefinitions, IndexKind, IndexState, load_definitions
from lightwave.directory.store.layout import (
    SYSTEM_TENANT,
    child_entry_id,
    child_prefix,
    decode_link_value,
    entry_key,
    index_key,
    link_key,
    pack_id,
)
from lightwave.directory.store.record import CONTEXT, Record, decode_record
from lightwave.directory.store.sealing import unseal
from lightwave.directory.store.snapshot import Snapshot
from lightwave.directory.store.stamps import EntryStamps, LocalStamps, Stamp, decode_stamps, global_stamps

if TYPE_CHECKING:
    from lightwave.directory.schema.normalisation import NormalisedDN, NormalisedRDN


class ChangedEntry(NamedTuple):
    """A row of `changes`: where an entry stands among them, and whether it was removed without a tombstone."""

    usn: int
    tenant: int
    entry_id: int
    removed: bool


class ReadTransaction(Snapshot):
    """One snapshot. A context manager; made by `Store.read`."""

    __slots__ = ()

    # --- names -----------------------------------------------------------------------------------------------------

    def context(self, dn: NormalisedDN) -> NamingContext | None:
        """The naming context of exactly this name, None where there is none."""
        caches = self._caches
        cached = caches.applied == self.id
        if cached and (known := caches.contexts.get(dn)) is not None:
            return known
        data = self.raw.get(layout.named_context_key(dn), db=self._databases.meta)
        if data is None:
            return None if caches.unnamed is None else caches.unnamed.get(dn)
        tenant, entry_id = layout.decode_entry_key(data)
        value = self.raw.get(layout.context_name(tenant, entry_id), db=self._databases.meta)
        if value is None:
            return None
        context = NamingContext(tenant, entry_id, layout.decode_context(value)[1])
        if cached:
            caches.keep_context(self.id, dn, context)
        return context

    def context_above(self, dn: NormalisedDN) -> tuple[int, NamingContext] | None:
        """The outermost naming context in which a name stands, whether or not there is an entry of that name, and
        how many RDNs the name has below its root; None where it stands in none.
        """
        for depth in range(len(dn) - 1, max(len(dn) - layout.MOST_CONTEXT_RDNS, 0) - 1, -1):
            context = self.context(dn[depth:] if depth else dn)
            if context is not None:
                return depth, context
        return None

    def contexts(self, tenant: int) -> list[tuple[NormalisedDN, NamingContext]]:
        """A tenant's naming contexts with their normalised names, the oldest first: a handful."""
        prefix = layout.context_name(tenant, 0)[:-8]
        cursor = self.raw.cursor(self._databases.meta)
        found: list[tuple[NormalisedDN, NamingContext]] = []
        if cursor.set_range(prefix):
            for key, value in cursor.iternext():
                if not key.startswith(prefix):
                    break
                normalised, text = layout.decode_context(value)
                found.append((normalised, NamingContext(tenant, layout.number(key[len(prefix) :]), text)))
        return found

    def has_contexts_below(self, dn: NormalisedDN) -> bool:
        """Whether any tenant has a naming context below a name."""
        prefix = layout.named_contexts_below(dn)
        cursor = self.raw.cursor(self._databases.meta)
        return cursor.set_range(prefix) and cursor.key().startswith(prefix)

    def find(self, dn: NormalisedDN) -> tuple[int, int]:
        """(tenant, entry id) of a name; raises `NoSuchEntry` with the lowest ancestor that exists."""
        caches = self._caches
        if caches.applied == self.id:
            found = caches.names.get(dn)
            if found is not None:
                return found
        return self._find(dn)

    def _find(self, dn: NormalisedDN) -> tuple[int, int]:
        caches = self._caches
        cached = caches.applied == self.id
        depth, (tenant, entry_id) = self._begin(dn, cached)
        while depth:
            depth -= 1
            child = self.find_child(tenant, entry_id, dn[depth])
            if child is None:  # a naming context may stand below another one
                context = self.context(dn[depth:])
                if context is None:
                    raise NoSuchEntry(tenant, entry_id)
                tenant, child = context.tenant, context.entry_id
            entry_id = child
            if cached:
                caches.keep_name(self.id, dn[depth:] if depth else dn, (tenant, entry_id))
        return tenant, entry_id

    def _begin(self, dn: NormalisedDN, cached: bool) -> tuple[int, tuple[int, int]]:
        """Where the way down to a name begins: (how many RDNs are left, the entry above them). That is the nearest
        ancestor that is remembered, else the outermost naming context.
        """
        caches = self._caches
        if cached:
            for depth in range(1, len(dn)):
                found = caches.names.get(dn[depth:])
                if found is not None:
                    return depth, found
        context = self.context_above(dn)
        if context is None:
            raise NoSuchEntry
        depth, one = context
        found = (one.tenant, one.entry_id)
        if cached:
            caches.keep_name(self.id, dn[depth:] if depth else dn, found)
        return depth, found

    def find_child(self, tenant: int, parent: int, normalised_rdn: NormalisedRDN) -> int | None:
        """The entry id of a child by its normalised RDN, None where there is none."""
        prefix = child_prefix(normalised_rdn)
        cursor = self.raw.cursor(self._databases.children)
        if cursor.set_range_dup(entry_key(tenant, parent), prefix):
            value = cursor.value()
            if len(value) == len(prefix) + 8 and value.startswith(prefix):
                return child_entry_id(value)
        return None

    def by_guid(self, tenant: int, guid: bytes) -> int | None:
        """The entry id of a GUID (entryUUID and objectGUID are the same 16 bytes), None where there is none."""
        data = self.raw.get(layout.guid_key(tenant, guid), db=self._databases.guids)
        return int.from_bytes(data, "big") if data is not None else None

    def dn(self, tenant: int, entry_id: int, record: Record | None = None) -> bytes:
        """The entry's DN as text. Pass its record where it is at hand: then this is one cached look-up."""
        if record is None:
            record = self.record(tenant, entry_id)
        if record.flags & CONTEXT:
            return record.rdn
        return record.rdn + b"," + self.place(tenant, record.parent).dn

    def normalised_dn(self, tenant: int, entry_id: int, record: Record | None = None) -> NormalisedDN:
        """The entry's normalised DN, leaf first."""
        if record is None:
            record = self.record(tenant, entry_id)
        if record.flags & CONTEXT:
            return self._context_place(record, entry_id).normalised_dn
        return (_rdn(record), *self.place(tenant, record.parent).normalised_dn)

    def place(self, tenant: int, entry_id: int) -> Place:
        """Where an entry stands. Cached: ask it for parents, not for each leaf."""
        caches = self._caches
        if caches.applied == self.id:
            place = caches.places.get(entry_id)
            if place is not None:
                return place
        record = self.record(tenant, entry_id)
        if record.flags & CONTEXT:
            place = self._context_place(record, entry_id)
        else:
            above = self.place(tenant, record.parent)
            place = Place(
                record.rdn + b"," + above.dn,
                (_rdn(record), *above.normalised_dn),
                above.lineage | {entry_id},
                above.root,
            )
        if caches.applied == self.id:
            caches.keep_place(self.id, entry_id, place)
        return place

    @staticmethod
    def _context_place(record: Record, entry_id: int) -> Place:
        normalised = layout.split_dn(record.normalised_rdn)
        return Place(record.rdn, normalised, frozenset((layout.ROOT, entry_id)), entry_id)

    def is_below(self, tenant: int, entry_id: int, ancestor: int, record: Record | None = None) -> bool:
        """Whether `ancestor` is the entry itself or above it. Id 0 is above all."""
        if entry_id == ancestor or ancestor == layout.ROOT:
            return True
        if record is None:
            record = self.record(tenant, entry_id)
        if record.flags & CONTEXT:
            return False
        return ancestor in self.place(tenant, record.parent).lineage

    # --- entries and the tree --------------------------------------------------------------------------------------

    def record(self, tenant: int, entry_id: int) -> Record:
        """The entry's record; raises `NoSuchEntry`, or `DamagedRecord` where its checksum does not hold."""
        data = self.raw.get(entry_key(tenant, entry_id), db=self._databases.entries)
        if data is None:
            raise NoSuchEntry(tenant)
        return decode_record(data, tenant, entry_id)

    def exists(self, tenant: int, entry_id: int) -> bool:
        """Whether the tenant has an entry of this id."""
        return self.raw.get(entry_key(tenant, entry_id), db=self._databases.entries) is not None

    def entry_ids(self, tenant: int, after: int = 0) -> Iterator[int]:
        """All entries of a tenant, ascending, tombstones included."""
        cursor = self.raw.cursor(self._databases.entries)
        if not cursor.set_range(entry_key(tenant, after + 1)):
            return
        for key in cursor.iternext(keys=True, values=False):
            owner, entry_id = layout.decode_entry_key(key)
            if owner != tenant:
                return
            yield entry_id

    def entry_count(self) -> int:
        """How many entries all tenants have together, tombstones included."""
        return self.raw.stat(self._databases.entries)["entries"]

    def children(self, tenant: int, entry_id: int, after: bytes | None = None) -> Iterator[tuple[bytes, int]]:
        """(token, entry id) of the children, sorted by normalised RDN; `after` is the last token seen."""
        cursor = self.raw.cursor(self._databases.children)
        key = entry_key(tenant, entry_id)
        if after is None:
            if not cursor.set_key(key):
                return
        else:
            if not cursor.set_range_dup(key, after):
                return
            if cursor.value() == after and not cursor.next_dup():
                return
        for value in cursor.iternext_dup():
            yield value, child_entry_id(value)

    def child_count(self, tenant: int, entry_id: int) -> int:
        """How many children an entry has: one call, whatever their number."""
        cursor = self.raw.cursor(self._databases.children)
        return cursor.count() if cursor.set_key(entry_key(tenant, entry_id)) else 0

    def has_children(self, tenant: int, entry_id: int) -> bool:
        """Whether an entry has children."""
        return self.raw.get(entry_key(tenant, entry_id), db=self._databases.children) is not None

    def descendants(self, tenant: int, entry_id: int) -> Iterator[int]:
        """All entries below, depth first, a parent before its children; lazy. See `walk.TreeWalk` to resume."""
        stack = [self.children(tenant, entry_id)]
        while stack:
            for _, child in stack[-1]:
                yield child
                if self.has_children(tenant, child):
                    stack.append(self.children(tenant, child))
                    break
            else:
                stack.pop()

    # --- links -----------------------------------------------------------------------------------------------------

    def link_targets(self, tenant: int, source: int, attribute: int, after: int = 0) -> Iterator[int]:
        """The entries that a link attribute of `source` names, ascending."""
        cursor = self.raw.cursor(self._databases.links)
        if cursor.set_range_dup(link_key(tenant, source, attribute), pack_id(after + 1)):
            if self._caches.burials:
                yield from self._seen(cursor)
                return
            for value in cursor.iternext_dup():
                yield int.from_bytes(value[:8], "big")

    def link_attributes(self, tenant: int, source: int) -> list[int]:
        """The numbers of the attributes under which an entry has links."""
        return self._attributes_below(self._databases.links, tenant, source)

    def backlink_attributes(self, tenant: int, target: int) -> list[int]:
        """The numbers of the attributes under which others name an entry."""
        return self._attributes_below(self._databases.backlinks, tenant, target)

    def _attributes_below(self, database: lmdb._Database, tenant: int, entry_id: int) -> list[int]:
        prefix = entry_key(tenant, entry_id)
        cursor = self.raw.cursor(database)
        result: list[int] = []
        if cursor.set_range(prefix):
            for key in cursor.iternext_nodup(keys=True, values=False):
                if not key.startswith(prefix):
                    break
                result.append(int.from_bytes(key[12:], "big"))
        return result

    def link_count(self, tenant: int, source: int, attribute: int) -> int:
        """How many entries a link attribute of `source` names."""
        cursor = self.raw.cursor(self._databases.links)
        return cursor.count() if cursor.set_key(link_key(tenant, source, attribute)) else 0

    def skip_link_targets(self, tenant: int, source: int, attribute: int, count: int) -> int:
        """The last of the first `count` targets of a link attribute; 0 where it has fewer. Counts without decoding."""
        cursor = self.raw.cursor(self._databases.links)
        if not count or not cursor.set_key(link_key(tenant, source, attribute)):
            return 0
        value = next(islice(cursor.iternext_dup(), count - 1, None), None)
        return 0 if value is None else int.from_bytes(value[:8], "big")

    def has_link(self, tenant: int, source: int, attribute: int, target: int) -> bool:
        """Whether `source` names `target` under this attribute."""
        cursor = self.raw.cursor(self._databases.links)
        key = link_key(tenant, source, attribute)
        return cursor.set_range_dup(key, pack_id(target)) and cursor.value().startswith(pack_id(target))

    def link_sources(self, tenant: int, target: int, attribute: int, after: int = 0) -> Iterator[int]:
        """The entries that name `target` under this attribute, ascending."""
        cursor = self.raw.cursor(self._databases.backlinks)
        if cursor.set_range_dup(link_key(tenant, target, attribute), pack_id(after + 1)):
            if self._caches.burials:
                yield from self._seen(cursor)
                return
            for value in cursor.iternext_dup():
                yield int.from_bytes(value, "big")

    def link_source_count(self, tenant: int, target: int, attribute: int) -> int:
        """How many entries name `target` under this attribute."""
        cursor = self.raw.cursor(self._databases.backlinks)
        return cursor.count() if cursor.set_key(link_key(tenant, target, attribute)) else 0

    def link_stamps(self, tenant: int, source: int, attribute: int) -> Iterator[tuple[int, Stamp, bool]]:
        """(target, stamp, present) of all links under an attribute, removed ones included."""
        for database, present in ((self._databases.links, True), (self._databases.unlinked, False)):
            cursor = self.raw.cursor(database)
            if cursor.set_key(link_key(tenant, source, attribute)):
                for value in cursor.iternext_dup():
                    target, clock, server = decode_link_value(value)
                    yield target, Stamp(clock, self.server_guid(server)), present

    def _seen(self, cursor: lmdb.Cursor[bytes]) -> Iterator[int]:
        """The other ends of links from the cursor on, without those that are deleted and still have links."""
        dead = self._caches.burials
        for value in cursor.iternext_dup():
            other = int.from_bytes(value[:8], "big")
            if other not in dead:
                yield other

    def burials(self) -> list[tuple[int, int]]:
        """(tenant, entry id) of all tombstones of which links are left."""
        return load_burials(self.raw, self._databases) if self._caches.burials else []

    def unresolved_sources(self, tenant: int, dn: NormalisedDN) -> Iterator[tuple[int, int, bytes]]:
        """(source, attribute, text) of all values that wait for an entry of this name."""
        digest = layout.name_digest(tenant, join_dn(dn))
        cursor = self.raw.cursor(self._databases.unresolved)
        if cursor.set_range(digest):
            for key, value in cursor.iternext():
                if not key.startswith(digest):
                    return
                source, attribute = layout.decode_unresolved_key(key)
                yield source, attribute, value

    # --- indexes ---------------------------------------------------------------------------------------------------

    def definitions(self) -> IndexDefinitions:
        """All index definitions."""
        if self._caches.applied == self.id:
            return self._caches.definitions
        return load_definitions(self.raw, self._databases)

    def index_state(self, number: int, kind: IndexKind) -> IndexState | None:
        """The state of an attribute's index of that kind, None where there is none."""
        caches = self._caches
        known = caches.definitions if caches.applied == self.id else self.definitions()
        definition = known.by_number.get((number, kind))
        return definition.state if definition is not None else None

    def index_count(self, tenant: int, number: int, kind: IndexKind, key: bytes) -> int:
        """How many entries stand under a key. `key` is a normalised value, a gram, or empty for presence."""
        cursor = self.raw.cursor(self._databases.index)
        return cursor.count() if cursor.set_key(index_key(tenant, number, kind.value, key)) else 0

    def index_first(self, tenant: int, number: int, kind: IndexKind, key: bytes) -> tuple[int, int]:
        """(first entry id, count) under a key; (0, 0) where nothing stands. Hot: the equality look-up."""
        cursor = self.raw.cursor(self._databases.index)
        if cursor.set_key(index_key(tenant, number, kind._value_, key)):  # `.value` runs Python code
            return int.from_bytes(cursor.value(), "big"), cursor.count()
        return 0, 0

    def index_ids(
        self, tenant: int, number: int, kind: IndexKind, key: bytes, after: int = 0
    ) -> Iterator[int]:
        """The entries under a key, ascending."""
        cursor = self.raw.cursor(self._databases.index)
        if cursor.set_range_dup(index_key(tenant, number, kind.value, key), pack_id(after + 1)):
            for value in cursor.iternext_dup():
                yield int.from_bytes(value, "big")

    def index_has(self, tenant: int, number: int, kind: IndexKind, key: bytes, entry_id: int) -> bool:
        """Whether an entry stands under a key."""
        cursor = self.raw.cursor(self._databases.index)
        return cursor.set_key_dup(index_key(tenant, number, kind.value, key), pack_id(entry_id))

    def index_range(
        self, tenant: int, number: int, low: bytes | None, high: bytes | None
    ) -> Iterator[tuple[bytes, int]]:
        """(key, entry id) of an ordering index between two ordering keys, both included, in the order of keys.

        Keys are cut: check the record. An entry with several values may come several times.
        """
        prefix = index_key(tenant, number, layout.ORDERING, b"")
        start = index_key(tenant, number, layout.ORDERING, low or b"")
        stop = index_key(tenant, number, layout.ORDERING, high) if high is not None else None
        cursor = self.raw.cursor(self._databases.index)
        if cursor.set_range(start):
            for key, value in cursor.iternext():
                if not key.startswith(prefix) or (stop is not None and key > stop):
                    return
                yield key[len(prefix) :], int.from_bytes(value, "big")

    # --- changes, stamps, time, secrets --------------------------------------------------------------------------

    def changes_since(self, usn: int, tenant: int | None = None) -> Iterator[ChangedEntry]:
        """Changes later than `usn`, ascending, of one tenant or all. Each entry stands at its latest USN only."""
        if tenant is not None:
            yield from self._tenant_changes_since(usn, tenant)
            return
        cursor = self.raw.cursor(self._databases.changes)
        if cursor.set_range(pack_id(usn + 1)):
            for key, value in cursor.iternext():
                owner, entry_id, removed = layout.decode_change(value)
                yield ChangedEntry(int.from_bytes(key, "big"), owner, entry_id, removed)

    def _tenant_changes_since(self, usn: int, tenant: int) -> Iterator[ChangedEntry]:
        cursor = self.raw.cursor(self._databases.tenant_changes)
        if cursor.set_range(layout.tenant_change_key(tenant, usn + 1)):
            for key, value in cursor.iternext():
                owner, changed = layout.decode_entry_key(key)
                if owner != tenant:
                    return
                entry_id = int.from_bytes(value, "big")
                yield ChangedEntry(changed, tenant, entry_id, not self.exists(tenant, entry_id))

    def local_stamps(self, tenant: int, entry_id: int) -> LocalStamps:
        """An entry's stamps with local numbers; raises `NoSuchEntry`."""
        data = self.raw.get(entry_key(tenant, entry_id), db=self._databases.stamps)
        if data is None:
            raise NoSuchEntry(tenant)
        return decode_stamps(data)

    def stamps(self, tenant: int, entry_id: int) -> EntryStamps:
        """An entry's stamps as every server understands them; those of links are in `link_stamps`."""
        return global_stamps(self.local_stamps(tenant, entry_id), self.server_guid, self.attribute_key)

    def expired(self, now: float) -> Iterator[tuple[int, int]]:
        """(tenant, entry id) of the entries whose time has come, the earliest first."""
        limit = int(now * 1000)
        for key in self.raw.cursor(self._databases.expiry).iternext(keys=True, values=False):
            time, tenant, entry_id = layout.decode_expiry_key(key)
            if time > limit:
                return
            if tenant:
                yield tenant, entry_id

    def secret(self, tenant: int, entry_id: int, kind: bytes) -> bytes | None:
        """An entry's secret of that kind, unsealed; None where there is none. Raises `KeyringError`."""
        sealed = self.raw.get(layout.secret_key(tenant, entry_id, kind), db=self._databases.secrets)
        if sealed is None:
            return None
        if self.store.keyring is None:
            raise KeyringError("the store was opened without a keyring")
        guid = self.record(tenant, entry_id).guid
        return unseal(self.store.keyring, self.tenant_guid(tenant), guid, kind, sealed)

    def derived_secret(self, label: bytes) -> bytes | None:
        """32 bytes for `label` that all processes and nodes derive alike; None in a store without a keyring."""
        keyring = self.store.keyring
        return None if keyring is None else keyring.derived_secret(self.tenant_guid(SYSTEM_TENANT), label)

    def secret_kinds(self, tenant: int, entry_id: int) -> list[bytes]:
        """The kinds of secrets that an entry has."""
        prefix = entry_key(tenant, entry_id)
        cursor = self.raw.cursor(self._databases.secrets)
        result: list[bytes] = []
        if cursor.set_range(prefix):
            for key in cursor.iternext(keys=True, values=False):
                if not key.startswith(prefix):
                    break
                result.append(key[len(prefix) :])
        return result


def _rdn(record: Record) -> NormalisedRDN:
    return record.normalised_rdn  # type: ignore[return-value]
