"""What every write advances: counters and clock, the local numbers, generations, and the definitions of indexes.

Counters are read once and put at the end of the outermost transaction. A child counts on a copy, which its parent takes
over when it commits. So a number that an undone child gave out is given again.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

import lmdb

from lightwave.directory.store import clock, layout
from lightwave.directory.store.audit_rows import put_events
from lightwave.directory.store.batch_memory import BatchMemory
from lightwave.directory.store.caches import Place
from lightwave.directory.store.errors import (
    EntryExists,
    NoSuchEntry,
    StoreError,
    TooManyDescriptions,
    store_error,
)
from lightwave.directory.store.indexes import IndexDefinition, IndexDefinitions, IndexKind, load_definitions
from lightwave.directory.store.layout import Counters, pack_id
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import CONTEXT, Record
from lightwave.directory.store.stamps import LocalStamp, Stamp

if TYPE_CHECKING:
    from lightwave.directory.schema.attribute import AttributeDescription
    from lightwave.directory.schema.normalisation import NormalisedDN
    from lightwave.directory.store.environment import Store

MAX_ATTRIBUTES = 60_000
MAX_TAGGED = 10_000
"""Numbers beyond this are for attributes without options alone: whoever may write any attribute of his own makes up
options, and all tenants share the numbers
"""


@dataclass(slots=True)
class Change:
    """One operation's stamp and first USN; made by `begin_change`, used by all that the operation writes."""

    stamp: Stamp
    local: LocalStamp
    usn: int
    fresh: bool = True


class NumberingTransaction(ReadTransaction):
    """Reads its own writes; bypasses all caches that hold committed state."""

    __slots__ = ("_counters", "_definitions", "_dirty", "_events", "_memory", "_parent")

    def __init__(
        self, store: Store, raw: lmdb.Transaction[bytes], parent: NumberingTransaction | None
    ) -> None:
        super().__init__(store, raw, -1)
        self._parent = parent
        self._memory: BatchMemory = BatchMemory() if parent is None else parent._memory
        self._counters: Counters | None = None
        self._dirty = False
        self._definitions: IndexDefinitions | None = None
        self._events: list[tuple[int, int, bytes]] | None = None

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

    def flush(self) -> None:
        """Put what was put off until the commit: events of the audit, the counters."""
        if self._events and self._parent is None:
            put_events(self, self._events)
            self._events = None
        if self._dirty and self._counters is not None and self._parent is None:
            data = layout.encode_counters(self._counters)
            self.raw.put(layout.META_COUNTERS, data, db=self._databases.meta)
            self._dirty = False

    def commit(self) -> None:
        """Commit; raises `StoreFull` or `StoreError`, after which nothing of the transaction happened."""
        try:
            self.flush()
            self.raw.commit()
        except lmdb.Error as error:
            self.abort()
            raise store_error(error, self.store.environment.path()) from error
        parent = self._parent
        if parent is not None and self._dirty:
            parent._counters = self._counters
            parent._dirty = True
            parent._definitions = None
        if parent is not None and self._events:
            if parent._events:
                parent._events += self._events
            else:
                parent._events = self._events

    def abort(self) -> None:
        """Undo everything of this transaction."""
        self.raw.abort()
        self._memory.clear()

    def counters(self) -> Counters:
        """The counters as this transaction advances them."""
        if self._counters is None:
            self._counters = self._inherited() or self._load_counters()
        return self._counters

    def _inherited(self) -> Counters | None:
        """A copy of the counters of the nearest ancestor that has any: those in the store may be behind."""
        ancestor = self._parent
        while ancestor is not None:
            if ancestor._counters is not None:
                return ancestor._counters.copy()
            ancestor = ancestor._parent
        return None

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

    def add_event(self, tenant: int, time: int, body: bytes) -> None:
        """Have an event of the audit stored with this transaction: its outermost one puts it at the commit.

        time: in ms. So what a batch tells of is put in one go, and an undone child's events are never written.
        """
        if self._events is None:
            self._events = []
        self._events.append((tenant, time, body))

    def see_clock(self, remote: int) -> None:
        """Note a clock value of another server; raises `clock.ClockAhead` where it is too far in the future."""
        counters = self._advance()
        counters.clock = clock.receive(counters.clock, remote, self.store.now())

    # --- what the batch remembers -------------------------------------------------------------------------------------

    def record(self, tenant: int, entry_id: int) -> Record:
        """See `ReadTransaction.record`. Hot: an operation asks for the same few records several times."""
        record = self._memory.records.get((tenant, entry_id))
        if record is None:
            record = super().record(tenant, entry_id)
            self._memory.keep_record(tenant, entry_id, record)
        return record

    def place(self, tenant: int, entry_id: int) -> Place:
        """See `ReadTransaction.place`."""
        memory = self._memory
        place = memory.places.get(entry_id)
        if place is None and not memory.displaced:
            place = self._caches.places.get(entry_id)  # of the state that this batch began with
        if place is None:
            place = super().place(tenant, entry_id)
            memory.keep_place(entry_id, place)
        return place

    def find(self, dn: NormalisedDN) -> tuple[int, int]:
        """See `ReadTransaction.find`."""
        above = dn[1:]
        memory = self._memory
        parent = memory.parents.get(above)
        if parent is None and not memory.displaced:
            parent = self._caches.names.get(above)  # of the state that this batch began with
        if parent is None:
            found = self._find(dn)
            if len(dn) > 1 and above not in memory.parents:
                record = self.record(*found)
                if not record.flags & CONTEXT:
                    memory.keep_parent(above, found[0], record.parent)
            return found
        child = self.find_child(parent[0], parent[1], dn[0])
        if child is not None:
            return parent[0], child
        context = self.context(dn)
        if context is None:
            raise NoSuchEntry(*parent)
        return context.tenant, context.entry_id

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
        if counters.attribute >= (MAX_TAGGED if ";" in key else MAX_ATTRIBUTES):
            raise TooManyDescriptions("too many different attribute descriptions")
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

    def effective_memory(self) -> dict[tuple[int, int], object] | None:
        """See `Snapshot.effective_memory`: shared by the operations of a batch."""
        return self._memory.effective

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
        meta, key, packed = (
            self._databases.meta,
            layout.generation_name(tenant, name),
            pack_id(counters.generations),
        )
        former = self.raw.get(key, db=meta)
        if former is not None:
            self.raw.delete(layout.generation_at_name(layout.number(former)), db=meta)
        self.raw.put(key, packed, db=meta)
        self.raw.put(
            layout.generation_at_name(counters.generations),
            layout.pack_number(tenant) + name.encode(),
            db=meta,
        )

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
            known = caches.generations.get("indexes", 0)
            if (
                self.counters().generations == caches.counters.generations
                or self.generation(0, "indexes") == known
            ):
                self._definitions = caches.definitions
            else:
                self._definitions = load_definitions(self.raw, self._databases)
        return self._definitions

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
