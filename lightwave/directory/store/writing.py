"""A write transaction: entries in, and with each entry all that hangs on it.

Every method keeps all databases in agreement (check.py names the invariants) and takes only what the layers above
have checked. One operation is one `begin_change` and runs in one child transaction, so that an exception undoes it
alone. Two entries touched by the same change get USNs of their own; an entry touched twice keeps its USN.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

import lmdb

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import join_dn
from lightwave.directory.store import clock, layout
from lightwave.directory.store.caches import NamingContext, load_contexts
from lightwave.directory.store.errors import (
    EntryExists,
    KeyringError,
    NoSuchEntry,
    StoreError,
    store_error,
)
from lightwave.directory.store.index_keys import Describe, IndexWriter
from lightwave.directory.store.indexes import IndexDefinition, IndexDefinitions, IndexKind, load_definitions
from lightwave.directory.store.layout import (
    Counters,
    child_prefix,
    child_value,
    entry_key,
    guid_key,
    pack_id,
)
from lightwave.directory.store.linking import LinkWriter
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import (
    CONTEXT,
    DYNAMIC,
    HAS_LINKS,
    TOMBSTONE,
    Record,
    attribute_name,
    attribute_values,
    encode_attribute,
    encode_record,
)
from lightwave.directory.store.sealing import seal
from lightwave.directory.store.stamps import (
    EntryStamps,
    LocalStamp,
    LocalStamps,
    Stamp,
    encode_stamps,
    local_stamps,
    value_identity,
)

if TYPE_CHECKING:
    from lightwave.directory.schema.attribute import AttributeDescription
    from lightwave.directory.schema.normalisation import NormalisedDN, NormalisedRDN
    from lightwave.directory.store.environment import Store

MAX_ATTRIBUTES = 60_000
_DAY_MS = 86_400_000


@dataclass(slots=True)
class Change:
    """One operation's stamp and first USN; made by `begin_change`, used by all that the operation writes."""

    stamp: Stamp
    local: LocalStamp
    usn: int
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A checked entry that is about to be inserted.

    `attributes` hold what stands in the record: for link attributes only the DNs that name no entry yet, while
    `links` hold (attribute, entry id) of those that do. `rdn` is the RDN as text; the whole DN for the root of a
    naming context. `guid` has 16 bytes. `expires` is in seconds since 1970. `flags` are of `RecordFlag`.
    """

    rdn: bytes
    normalised_rdn: NormalisedRDN
    guid: bytes
    attributes: Sequence[tuple[AttributeDescription, tuple[bytes, ...]]]
    links: Sequence[tuple[AttributeDescription, int]] = ()
    flags: int = 0
    expires: float | None = None
    descriptor: int = 0


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """What an update makes of one attribute.

    `values` is the whole new set, empty where the attribute goes. `added` and `removed` are the values that came
    and went, each stamped for itself; with `whole` the attribute gets one stamp and the two may be left empty.
    Of a link attribute, only the DNs that name no entry are values here.
    """

    description: AttributeDescription
    values: tuple[bytes, ...]
    added: tuple[bytes, ...] = ()
    removed: tuple[bytes, ...] = ()
    whole: bool = True


class _Arrival(NamedTuple):
    """A waiting value of an entry whose name has come: attribute, text and identity of the value, the new entry."""

    number: int
    text: bytes
    identity: bytes
    target: int
    change: Change


class WriteTransaction(ReadTransaction):
    """Reads its own writes; bypasses all caches that hold committed state."""

    __slots__ = ("_counters", "_definitions", "_dirty", "_indexes", "_links", "_parent")

    def __init__(self, store: Store, raw: lmdb.Transaction[bytes], parent: WriteTransaction | None) -> None:
        super().__init__(store, raw, -1)
        self._parent = parent
        self._counters: Counters | None = None
        self._dirty = False
        self._definitions: IndexDefinitions | None = None
        self._indexes = IndexWriter(raw, self._databases.index)
        self._links = LinkWriter(raw, self._databases)

    # --- the transaction itself ------------------------------------------------------------------------------------

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.abort()

    def close(self) -> None:
        """Abort the transaction."""
        self.abort()

    def child(self) -> WriteTransaction:
        """Begin a child transaction; a context manager that commits into this one, or undoes itself alone."""
        self.flush()
        raw = self.store.environment.begin(parent=self.raw, write=True)
        return WriteTransaction(self.store, raw, self)

    def flush(self) -> None:
        """Put the counters where a child or the commit expects them."""
        if self._dirty and self._counters is not None:
            data = layout.encode_counters(self._counters)
            self.raw.put(layout.META_COUNTERS, data, db=self._databases.meta)
            self._dirty = False

    def commit(self) -> None:
        """Commit; raises `StoreFull` or `StoreError`, after which nothing of the transaction happened."""
        try:
            self.flush()
            self.raw.commit()
        except lmdb.Error as error:
            self.raw.abort()
            raise store_error(error, self.store.environment.path()) from error
        if self._parent is not None:
            self._parent.forget()

    def abort(self) -> None:
        """Undo everything of this transaction."""
        self.raw.abort()

    def forget(self) -> None:
        """Drop what was remembered of meta: a child has changed it."""
        self._counters = None
        self._definitions = None
        self._dirty = False

    def counters(self) -> Counters:
        """The counters as this transaction advances them."""
        if self._counters is None:
            self._counters = self._load_counters()
        return self._counters

    def _load_counters(self) -> Counters:
        data = self.raw.get(layout.META_COUNTERS, db=self._databases.meta)
        if data is None:
            raise StoreError("the store has no counters")
        return layout.decode_counters(data)

    def _advance(self) -> Counters:
        self._dirty = True
        return self.counters()

    def counters_to_advance(self) -> Counters:
        """The counters; what the caller changes in them is put at the commit."""
        return self._advance()

    def begin_change(self) -> Change:
        """Begin one operation: the clock goes on inside the transaction, the originating server is this one."""
        counters = self._advance()
        counters.clock = clock.advance(counters.clock, self.store.now())
        counters.usn += 1
        store = self.store
        return Change(
            Stamp(counters.clock, store.server_guid),
            LocalStamp(counters.clock, store.server_number),
            counters.usn,
        )

    def see_clock(self, remote: int) -> None:
        """Note a clock value of another server; raises `clock.ClockAhead` where it is too far in the future."""
        counters = self._advance()
        counters.clock = clock.receive(counters.clock, remote, self.store.now())

    # --- numbers and meta ------------------------------------------------------------------------------------------

    def attribute_number_for(self, description: AttributeDescription) -> int:
        """The local number of an attribute, given now where it has none; `StoreError` where too many have."""
        number = self._caches.attribute_numbers.get(description.key)
        return number if number is not None else self.number_for_key(description.key)

    def number_for_key(self, key: str) -> int:
        """The same by the attribute's key."""
        number = self.attribute_number(key)
        if number is not None:
            return number
        counters = self._advance()
        if counters.attribute >= MAX_ATTRIBUTES:
            raise StoreError("too many different attribute descriptions")
        counters.attribute += 1
        packed, meta = layout.pack_number(counters.attribute), self._databases.meta
        self.raw.put(layout.attribute_number_name(key), packed, db=meta)
        self.raw.put(layout.attribute_key_name(counters.attribute), key.encode(), db=meta)
        return counters.attribute

    def server_number_for(self, guid: bytes) -> int:
        """The local number of an originating server, given now where it has none."""
        data = self.raw.get(layout.server_number_name(guid), db=self._databases.meta)
        if data is not None:
            return layout.number(data)
        counters = self._advance()
        counters.server += 1
        packed, meta = layout.pack_number(counters.server), self._databases.meta
        self.raw.put(layout.server_number_name(guid), packed, db=meta)
        self.raw.put(layout.server_guid_name(counters.server), guid, db=meta)
        return counters.server

    def put_local_server(self, guid: bytes) -> None:
        """Make `guid` the originating server of what is written from the next opening on."""
        number = self.server_number_for(guid)
        self.raw.put(layout.META_LOCAL_SERVER, layout.pack_number(number), db=self._databases.meta)

    def create_tenant(self, guid: bytes) -> int:
        """Give a tenant's GUID (16 bytes) its local number. Its data key is the keyring's matter (`add_tenant`)."""
        meta = self._databases.meta
        if self.raw.get(layout.tenant_number_name(guid), db=meta) is not None:
            raise EntryExists("there is a tenant of this GUID already")
        counters = self._advance()
        counters.tenant += 1
        self.raw.put(layout.tenant_number_name(guid), layout.pack_number(counters.tenant), db=meta)
        self.raw.put(layout.tenant_guid_name(counters.tenant), guid, db=meta)
        return counters.tenant

    def put_meta(self, name: bytes, value: bytes | None) -> None:
        """Put a value of the layers above under a name; None deletes it."""
        if value is None:
            self.raw.delete(b"other\0" + name, db=self._databases.meta)
        else:
            self.raw.put(b"other\0" + name, value, db=self._databases.meta)

    def bump_generation(self, tenant: int, name: str) -> None:
        """What is derived under this generation is no longer valid; tenant 0 for what is global."""
        counters = self._advance()
        counters.generations += 1
        key = layout.generation_name(tenant, name)
        self.raw.put(key, pack_id(counters.generations), db=self._databases.meta)

    def intern_descriptor(self, tenant: int, data: bytes) -> int:
        """The number of a descriptor of these bytes, given now where it has none; 0 for empty bytes."""
        if not data:
            return 0
        digest = layout.descriptor_digest_key(tenant, data)
        known = self.raw.get(digest, db=self._databases.descriptors)
        if known is not None:
            return layout.number(known)
        counters = self._advance()
        counters.descriptor += 1
        key = layout.descriptor_key(tenant, counters.descriptor)
        self.raw.put(digest, layout.pack_number(counters.descriptor), db=self._databases.descriptors)
        self.raw.put(key, data, db=self._databases.descriptors)
        return counters.descriptor

    # --- index definitions -----------------------------------------------------------------------------------------

    def definitions(self) -> IndexDefinitions:
        """All index definitions as of this transaction."""
        if self._definitions is None:
            caches = self._caches
            if self.counters().generations == caches.counters.generations:
                self._definitions = caches.definitions
            else:
                self._definitions = load_definitions(self.raw, self._databases)
        return self._definitions

    def naming_contexts(self) -> Mapping[NormalisedDN, NamingContext]:
        """All naming contexts of all tenants as of this transaction."""
        if self.counters().generations == self._caches.counters.generations:
            return self._caches.contexts
        return load_contexts(self.raw, self._databases)

    def put_definition(self, definition: IndexDefinition) -> None:
        """Put an index's definition or its new state."""
        name = layout.index_state_name(definition.number, definition.kind.value)
        self.raw.put(name, definition.encode(), db=self._databases.meta)
        self.bump_generation(0, "indexes")
        self._definitions = None

    def delete_definition(self, number: int, kind: IndexKind) -> None:
        """Forget an index whose keys are gone."""
        self.raw.delete(layout.index_state_name(number, kind.value), db=self._databases.meta)
        self.bump_generation(0, "indexes")
        self._definitions = None

    # --- entries ---------------------------------------------------------------------------------------------------

    def insert_context(self, tenant: int, dn: NormalisedDN, entry: NewEntry, change: Change) -> int:
        """Insert the root of a naming context; `entry.rdn` is its DN as text. Raises `EntryExists`."""
        joined: NormalisedRDN = join_dn(dn)  # type: ignore[assignment]
        if dn in self.naming_contexts():
            raise EntryExists("there is a naming context of this name already")
        root = replace(entry, normalised_rdn=joined, flags=entry.flags | CONTEXT)
        entry_id = self.insert_entry(tenant, layout.ROOT, root, change)
        name = layout.context_name(tenant, entry_id)
        self.raw.put(name, layout.encode_context(dn, entry.rdn), db=self._databases.meta)
        self.bump_generation(0, "contexts")
        return entry_id

    def insert_entry(self, tenant: int, parent: int, entry: NewEntry, change: Change) -> int:
        """Insert an entry below `parent`; the new entry's id. Raises `EntryExists`.

        Values of others that waited for an entry of this name become links to it.
        """
        databases, raw = self._databases, self.raw
        counters = self._advance()
        counters.entry_id += 1
        entry_id = counters.entry_id
        key, identity = entry_key(tenant, entry_id), pack_id(entry_id)
        self._put_child(tenant, parent, entry.normalised_rdn, entry_id)
        if not raw.put(guid_key(tenant, entry.guid), identity, overwrite=False, db=databases.guids):
            raise EntryExists("there is an entry of this GUID already")
        user: list[tuple[int, bytes]] = []
        operational: list[tuple[int, bytes]] = []
        by_type = self.definitions().by_type
        for description, values in entry.attributes:
            number = self.attribute_number_for(description)
            attribute = description.type
            block = operational if attribute.is_operational else user
            block.append((number, encode_attribute(description.text.encode(), values)))
            if attribute.oid in by_type and not attribute.is_link:
                self._indexes.insert(by_type[attribute.oid], tenant, entry_id, attribute, values)
            elif attribute.is_link:
                self.wait_for_names(tenant, entry_id, number, description, values)
        usn = self.next_usn(change)
        record = encode_record(
            flags=entry.flags | (HAS_LINKS if entry.links else 0) | (DYNAMIC if entry.expires else 0),
            descriptor=entry.descriptor,
            parent=parent,
            guid=entry.guid,
            usn_created=usn,
            usn_changed=usn,
            expires=self._expire(tenant, entry_id, 0, entry.expires),
            rdn=entry.rdn,
            normalised_rdn=entry.normalised_rdn,
            user=user,
            operational=operational,
        )
        raw.put(key, record, db=databases.entries)
        raw.put(key, change.local.pack(), db=databases.stamps)
        self._put_usn(tenant, entry_id, 0, usn)
        for description, target in entry.links:
            self._links.add(tenant, entry_id, self.attribute_number_for(description), target, change.local)
        if self.anything_waits(tenant):
            self.resolve_waiting(tenant, entry_id, change)
        return entry_id

    def update_entry(
        self, tenant: int, entry_id: int, changes: Sequence[AttributeChange], change: Change
    ) -> None:
        """Change attributes of an entry. Raises `NoSuchEntry`."""
        record = self.record(tenant, entry_id)
        stamps = self.local_stamps(tenant, entry_id)
        user, operational = _blocks(record)
        by_type = self.definitions().by_type
        for one in changes:
            description = one.description
            number = self.attribute_number_for(description)
            attribute = description.type
            before = record.values(number)
            if attribute.is_link:
                self._change_waiting(tenant, entry_id, number, description, before, one.values)
            elif attribute.oid in by_type:
                blocks = operational if attribute.is_operational else user
                self._change_indexes(by_type[attribute.oid], tenant, entry_id, one, blocks, before)
            block = operational if attribute.is_operational else user
            if one.values:
                block[number] = encode_attribute(description.text.encode(), one.values)
            else:
                block.pop(number, None)
            if stamps.created == change.local:
                continue  # written by the operation that made the entry: its stamp says so already
            if one.whole:
                stamps.set_attribute(number, change.local)
            else:
                self._stamp_values(stamps, number, one, change.local)
        self._put_stamps(tenant, entry_id, stamps)
        self._put_record(tenant, entry_id, record, change, user=user, operational=operational)

    def move_entry(
        self,
        tenant: int,
        entry_id: int,
        new_parent: int,
        rdn: bytes,
        normalised_rdn: NormalisedRDN,
        change: Change,
    ) -> None:
        """Give an entry another parent, another RDN, or both; all below moves with it, in constant time.

        Raises `EntryExists`, `NoSuchEntry`, and `StoreError` where the new parent is the entry or below it.
        """
        record = self.record(tenant, entry_id)
        if record.flags & CONTEXT:
            raise StoreError("the root of a naming context can't be moved")
        if new_parent != record.parent and self.is_below(tenant, new_parent, entry_id):
            raise StoreError("an entry can't be moved below itself")
        self._delete_child(tenant, record, entry_id)
        self._put_child(tenant, new_parent, normalised_rdn, entry_id)
        stamps = self.local_stamps(tenant, entry_id)
        stamps.name = change.local
        if new_parent != record.parent:  # where it stays when merging has to undo the move
            stamps.former_parent = self.record(tenant, record.parent).guid
        self._put_stamps(tenant, entry_id, stamps)
        self._put_record(
            tenant, entry_id, record, change, parent=new_parent, rdn=rdn, normalised_rdn=normalised_rdn
        )
        below = self.has_children(tenant, entry_id)
        if below:
            self.bump_generation(tenant, "tree")
        if self.anything_waits(tenant):
            self.resolve_waiting(tenant, entry_id, change)
            if below:
                self._resolve_below(tenant, entry_id, change)

    def bury_entry(
        self,
        tenant: int,
        entry_id: int,
        new_parent: int,
        rdn: bytes,
        normalised_rdn: NormalisedRDN,
        attributes: Sequence[tuple[AttributeDescription, tuple[bytes, ...]]],
        change: Change,
        *,
        describe: Describe,
        expires: float | None = None,
    ) -> None:
        """Make an entry without children a tombstone below `new_parent`, of which only `attributes` stay.

        Its links both ways, its secrets and its indexed values go; its GUID stays. `expires` is when the tombstone
        itself goes (seconds since 1970).
        """
        record = self.record(tenant, entry_id)
        self._check_leaf(tenant, entry_id)
        self._strip(tenant, entry_id, record, change, describe)
        self._delete_child(tenant, record, entry_id)
        self._put_child(tenant, new_parent, normalised_rdn, entry_id)
        stamps = self.local_stamps(tenant, entry_id)
        stamps.deleted = stamps.name = change.local
        stamps.values.clear()
        stamps.attributes.clear()
        self._put_stamps(tenant, entry_id, stamps)
        user: dict[int, bytes] = {}
        operational: dict[int, bytes] = {}
        by_type = self.definitions().by_type
        for description, values in attributes:
            number = self.attribute_number_for(description)
            block = operational if description.type.is_operational else user
            block[number] = encode_attribute(description.text.encode(), values)
            if description.type.oid in by_type and not description.type.is_link:
                self._indexes.insert(
                    by_type[description.type.oid], tenant, entry_id, description.type, values
                )
        self._put_record(
            tenant,
            entry_id,
            record,
            change,
            flags=(record.flags & ~(HAS_LINKS | DYNAMIC | CONTEXT)) | TOMBSTONE,
            parent=new_parent,
            rdn=rdn,
            normalised_rdn=normalised_rdn,
            expires=self._expire(tenant, entry_id, record.expires, expires),
            user=user,
            operational=operational,
        )

    def remove_entry(self, tenant: int, entry_id: int, change: Change, *, describe: Describe) -> None:
        """Remove an entry without children for good; no tombstone stays (expired entries, purged tombstones).

        Readers of other processes learn of it from `changes`, whose row goes a day later.
        """
        record = self.record(tenant, entry_id)
        self._check_leaf(tenant, entry_id)
        self._strip(tenant, entry_id, record, change, describe)
        self._delete_child(tenant, record, entry_id)
        key, databases = entry_key(tenant, entry_id), self._databases
        self._expire(tenant, entry_id, record.expires, None)
        for database in (databases.entries, databases.stamps):
            self.raw.delete(key, db=database)
        self.raw.delete(guid_key(tenant, record.guid), db=databases.guids)
        if record.flags & CONTEXT:
            self.raw.delete(layout.context_name(tenant, entry_id), db=databases.meta)
            self.bump_generation(0, "contexts")
        usn = self.next_usn(change)
        self._put_usn(tenant, entry_id, record.usn_changed, usn)
        due = int(self.store.now() * 1000)
        self.raw.put(pack_id(usn), layout.removal_value(tenant, entry_id, due), db=databases.changes)
        self.raw.put(layout.expiry_key(due + _DAY_MS, 0, usn), b"", db=databases.expiry)

    def set_descriptor(self, tenant: int, entry_id: int, descriptor: int, change: Change) -> None:
        """Give an entry another own descriptor, a number of `intern_descriptor`."""
        record = self.record(tenant, entry_id)
        self._put_record(tenant, entry_id, record, change, descriptor=descriptor)

    def set_expiry(self, tenant: int, entry_id: int, expires: float | None, change: Change) -> None:
        """Give an entry another time to live until (seconds since 1970), or none."""
        record = self.record(tenant, entry_id)
        time = self._expire(tenant, entry_id, record.expires, expires)
        self._stamp_part(tenant, entry_id, "expiry", change)
        self._put_record(tenant, entry_id, record, change, expires=time)

    def put_stamps(self, tenant: int, entry_id: int, stamps: EntryStamps) -> None:
        """Replace all stamps of an entry, as a merge decided."""
        local = local_stamps(stamps, self.server_number_for, self.number_for_key)
        self._put_stamps(tenant, entry_id, local)

    # --- links -----------------------------------------------------------------------------------------------------

    def add_links(
        self,
        tenant: int,
        source: int,
        attribute: AttributeDescription,
        targets: Collection[int],
        change: Change,
    ) -> int:
        """Let an entry name others under a link attribute; how many of the links are new."""
        number = self.attribute_number_for(attribute)
        record = self.record(tenant, source)
        for target in targets:
            if not self.exists(tenant, target):
                raise NoSuchEntry(tenant)
        added = sum(self._links.add(tenant, source, number, target, change.local) for target in targets)
        self._put_record(tenant, source, record, change, flags=record.flags | HAS_LINKS)
        return added

    def remove_links(
        self,
        tenant: int,
        source: int,
        attribute: AttributeDescription,
        targets: Collection[int],
        change: Change,
    ) -> int:
        """Remove links; how many there were."""
        number = self.attribute_number_for(attribute)
        record = self.record(tenant, source)
        removed = sum(self._links.remove(tenant, source, number, target, change.local) for target in targets)
        flags = record.flags if self.link_attributes(tenant, source) else record.flags & ~HAS_LINKS
        self._put_record(tenant, source, record, change, flags=flags)
        return removed

    # --- secrets ---------------------------------------------------------------------------------------------------

    def put_secret(self, tenant: int, entry_id: int, kind: bytes, plaintext: bytes, change: Change) -> None:
        """Seal a secret and put it; `kind` is ASCII of up to 64 bytes. Raises `KeyringError`."""
        if self.store.keyring is None:
            raise KeyringError("the store was opened without a keyring")
        record = self.record(tenant, entry_id)
        sealed = seal(self.store.keyring, self.tenant_guid(tenant), record.guid, kind, plaintext)
        self.raw.put(layout.secret_key(tenant, entry_id, kind), sealed, db=self._databases.secrets)
        self._stamp_part(tenant, entry_id, "secret:" + kind.decode(), change)
        if record.usn_changed < change.usn:  # else it stands among the changes of this operation already
            self._put_record(tenant, entry_id, record, change)

    def delete_secret(self, tenant: int, entry_id: int, kind: bytes, change: Change) -> bool:
        """Delete a secret; False where there was none."""
        record = self.record(tenant, entry_id)
        if not self.raw.delete(layout.secret_key(tenant, entry_id, kind), db=self._databases.secrets):
            return False
        self._stamp_part(tenant, entry_id, "secret:" + kind.decode(), change)
        self._put_record(tenant, entry_id, record, change)
        return True

    def _stamp_part(self, tenant: int, entry_id: int, key: str, change: Change) -> None:
        """What merges as one value but is no attribute (a secret, the expiry) is stamped by a key of its own."""
        stamps = self.local_stamps(tenant, entry_id)
        if stamps.created != change.local:
            stamps.set_attribute(self.number_for_key(key), change.local)
            self._put_stamps(tenant, entry_id, stamps)

    # --- what the methods above share --------------------------------------------------------------------------------

    def _put_child(self, tenant: int, parent: int, normalised_rdn: NormalisedRDN, entry_id: int) -> None:
        if parent != layout.ROOT and not self.exists(tenant, parent):
            raise NoSuchEntry(tenant)
        if self.find_child(tenant, parent, normalised_rdn) is not None:
            raise EntryExists("there is an entry of this name already")
        value = child_value(normalised_rdn, entry_id)
        self.raw.put(entry_key(tenant, parent), value, db=self._databases.children)

    def _delete_child(self, tenant: int, record: Record, entry_id: int) -> None:
        value = child_prefix(record.normalised_rdn) + pack_id(entry_id)
        self.raw.delete(entry_key(tenant, record.parent), value, db=self._databases.children)

    def _check_leaf(self, tenant: int, entry_id: int) -> None:
        if self.has_children(tenant, entry_id):
            raise StoreError("an entry with children can't be removed")

    def next_usn(self, change: Change) -> int:
        """The change's own USN for the first entry that it touches, the next one for each other."""
        if change.fresh:
            change.fresh = False
            return change.usn
        counters = self._advance()
        counters.usn += 1
        return counters.usn

    def _put_usn(self, tenant: int, entry_id: int, old: int, new: int) -> None:
        databases, raw = self._databases, self.raw
        if old:
            raw.delete(pack_id(old), db=databases.changes)
            raw.delete(layout.tenant_change_key(tenant, old), db=databases.tenant_changes)
        raw.put(pack_id(new), layout.change_value(tenant, entry_id), db=databases.changes)
        raw.put(layout.tenant_change_key(tenant, new), pack_id(entry_id), db=databases.tenant_changes)

    def _put_record(
        self,
        tenant: int,
        entry_id: int,
        record: Record,
        change: Change,
        *,
        flags: int | None = None,
        descriptor: int | None = None,
        parent: int | None = None,
        expires: int | None = None,
        rdn: bytes | None = None,
        normalised_rdn: bytes | None = None,
        user: dict[int, bytes] | None = None,
        operational: dict[int, bytes] | None = None,
    ) -> None:
        if user is None or operational is None:
            user, operational = _blocks(record)
        usn = record.usn_changed
        if usn < change.usn:  # else this change touched the entry before
            usn = self.next_usn(change)
            self._put_usn(tenant, entry_id, record.usn_changed, usn)
        data = encode_record(
            flags=record.flags if flags is None else flags,
            descriptor=record.descriptor if descriptor is None else descriptor,
            parent=record.parent if parent is None else parent,
            guid=record.guid,
            usn_created=record.usn_created,
            usn_changed=usn,
            expires=record.expires if expires is None else expires,
            rdn=record.rdn if rdn is None else rdn,
            normalised_rdn=record.normalised_rdn if normalised_rdn is None else normalised_rdn,
            user=list(user.items()),
            operational=list(operational.items()),
        )
        self.raw.put(entry_key(tenant, entry_id), data, db=self._databases.entries)

    def _put_stamps(self, tenant: int, entry_id: int, stamps: LocalStamps) -> None:
        self.raw.put(entry_key(tenant, entry_id), encode_stamps(stamps), db=self._databases.stamps)

    @staticmethod
    def _stamp_values(stamps: LocalStamps, number: int, one: AttributeChange, stamp: LocalStamp) -> None:
        for values, present in ((one.removed, False), (one.added, True)):
            for value in values:
                stamps.set_value(number, value_identity(_normalised(one.description, value)), stamp, present)

    def _expire(self, tenant: int, entry_id: int, old: int, expires: float | None) -> int:
        new = int(expires * 1000) if expires else 0
        if old != new:
            if old:
                self.raw.delete(layout.expiry_key(old, tenant, entry_id), db=self._databases.expiry)
            if new:
                self.raw.put(layout.expiry_key(new, tenant, entry_id), b"", db=self._databases.expiry)
        return new

    def _change_indexes(
        self,
        definitions: Sequence[IndexDefinition],
        tenant: int,
        entry_id: int,
        one: AttributeChange,
        block: dict[int, bytes],
        before: list[bytes],
    ) -> None:
        attribute = one.description.type
        others = self._other_options(attribute.oid, one.description.key, block)
        old, new = [*before, *others], [*one.values, *others]
        if len(before) < 8 or one.whole or others:
            self._indexes.change(definitions, tenant, entry_id, attribute, old, new)
            return
        for definition in definitions:
            if definition.kind is IndexKind.EQUALITY:
                self._indexes.exchange_equality(
                    definition, tenant, entry_id, attribute, one.removed, one.added
                )
            else:
                self._indexes.change((definition,), tenant, entry_id, attribute, old, new)

    def _other_options(self, oid: str, key: str, block: dict[int, bytes]) -> list[bytes]:
        """The values of the same type under other options: they share the type's index."""
        result: list[bytes] = []
        for number, encoded in block.items():
            other = self.attribute_key(number)
            if other != key and other.startswith(oid) and other.partition(";")[0] == oid:
                result.extend(attribute_values(encoded))
        return result

    def _strip(self, tenant: int, entry_id: int, record: Record, change: Change, describe: Describe) -> None:
        """Delete index keys, links, waiting values and secrets of an entry."""
        by_type = self.definitions().by_type
        for number, encoded in record.attributes():
            description = describe(self.attribute_key(number))
            if description is None:
                continue
            attribute = description.type
            if attribute.is_link:
                values = attribute_values(encoded)
                self._change_waiting(tenant, entry_id, number, description, values, ())
            elif attribute.oid in by_type:
                values = attribute_values(encoded)
                self._indexes.change(by_type[attribute.oid], tenant, entry_id, attribute, values, ())
        for source in self._links.remove_all(tenant, entry_id):
            if source != entry_id:
                self._touch_source(tenant, source, change)
        for kind in self.secret_kinds(tenant, entry_id):
            self.raw.delete(layout.secret_key(tenant, entry_id, kind), db=self._databases.secrets)

    def _touch_source(self, tenant: int, source: int, change: Change) -> None:
        """An entry lost a link because its target went: readers must see it among the changes."""
        record = self.record(tenant, source)
        flags = record.flags if self.link_attributes(tenant, source) else record.flags & ~HAS_LINKS
        self._put_record(tenant, source, record, change, flags=flags)

    def anything_waits(self, tenant: int) -> bool:
        """Whether any value of the tenant names an entry that is not there."""
        return self._links.anything_waits(tenant)

    # --- names that wait -------------------------------------------------------------------------------------------

    def wait_for_names(
        self,
        tenant: int,
        source: int,
        number: int,
        description: AttributeDescription,
        values: Sequence[bytes],
    ) -> None:
        """Note values of a link attribute that name no entry; the record holds them as text."""
        for value in values:
            self._links.wait(tenant, _normalised(description, value), source, number, value)

    def _change_waiting(
        self,
        tenant: int,
        source: int,
        number: int,
        description: AttributeDescription,
        before: Sequence[bytes],
        after: Sequence[bytes],
    ) -> None:
        kept = set(after)
        for value in before:
            if value not in kept:
                self._links.stop_waiting(tenant, _normalised(description, value), source, number)
        self.wait_for_names(tenant, source, number, description, after)

    def resolve_waiting(self, tenant: int, entry_id: int, change: Change) -> None:
        """Turn the values that waited for this entry's name into links to it."""
        self.link_waiting([(tenant, entry_id, change)])

    def link_waiting(self, arrived: Iterable[tuple[int, int, Change]]) -> None:
        """The same for several entries (tenant, entry id, change), so that a group's record is written once."""
        waiting: dict[tuple[int, int], list[_Arrival]] = {}
        for tenant, entry_id, change in arrived:
            dn = self.normalised_dn(tenant, entry_id)
            joined = join_dn(dn)
            for source, number, text in list(self.unresolved_sources(tenant, dn)):
                self._links.stop_waiting(tenant, joined, source, number)
                arrival = _Arrival(number, text, value_identity(joined), entry_id, change)
                waiting.setdefault((tenant, source), []).append(arrival)
        for (tenant, source), arrivals in waiting.items():
            self._link_source(tenant, source, arrivals)

    def _link_source(self, tenant: int, source: int, arrivals: Sequence[_Arrival]) -> None:
        """Turn waiting values of one entry into links, each with the stamp that the value had."""
        record = self.record(tenant, source)
        user, operational = _blocks(record)
        stamps = self.local_stamps(tenant, source)
        stamped = False
        gone: dict[int, set[bytes]] = {}
        for arrival in arrivals:
            number = arrival.number
            gone.setdefault(number, set()).add(arrival.text)
            stamp = stamps.attributes.get(number, stamps.created)
            if number in stamps.values:
                stamp, _ = stamps.values[number].pop(arrival.identity, (stamp, True))
                stamped = True
                if not stamps.values[number]:
                    del stamps.values[number]
            self._links.add(tenant, source, number, arrival.target, stamp)
        for number, texts in gone.items():
            block = user if number in user else operational
            left = [value for value in record.values(number) if value not in texts]
            if left:
                block[number] = encode_attribute(attribute_name(block[number]), left)
            else:
                block.pop(number, None)
        if stamped:
            self._put_stamps(tenant, source, stamps)
        flags = record.flags | HAS_LINKS
        change = arrivals[-1].change
        self._put_record(tenant, source, record, change, flags=flags, user=user, operational=operational)

    def _resolve_below(self, tenant: int, entry_id: int, change: Change) -> None:
        """The same for all that has a new name because it stands below; asked of the waiting, who are few."""
        for child in self.descendants(tenant, entry_id):
            self.resolve_waiting(tenant, child, change)


def _blocks(record: Record) -> tuple[dict[int, bytes], dict[int, bytes]]:
    user: dict[int, bytes] = {}
    operational: dict[int, bytes] = {}
    users = len(record.user_numbers)
    for at, (number, encoded) in enumerate(record.attributes()):
        (user if at < users else operational)[number] = encoded
    return user, operational


def _normalised(description: AttributeDescription, value: bytes) -> bytes:
    try:
        return description.type.normalise(value)
    except InvalidValue:
        return value
