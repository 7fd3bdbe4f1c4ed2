"""Effective descriptors: what an entry is to the access decision, inheritance resolved.

An effective descriptor is computed from the parent's effective one and the entry's own, and interned: two entries that
are to be treated alike share one object, by which decisions are kept. An entry that has none of its own (descriptor
number 0) has the default of its class.

What a read transaction computed is remembered by entry, and for entries that are looked at once by parent, own
descriptor and, where that is 0, classes. The first falls with each change of the entry, and all with the tenant's
generations `access` (a descriptor above others changed) and `tree` (something with entries below it moved): both hold
from their commit on. A write transaction keeps its own memory.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast
from weakref import WeakKeyDictionary

from lightwave.directory.access.class_defaults import (
    DELETED_OBJECTS,
    TOP,
    default_descriptor,
    default_of_class,
    default_of_root,
)
from lightwave.directory.access.descriptor_errors import DescriptorError
from lightwave.directory.access.guid import Guid
from lightwave.directory.access.inheritance import EffectiveDescriptors, Interned
from lightwave.directory.access.membership import OBJECT_CLASS, sid_of
from lightwave.directory.access.own_descriptor import (
    Classes,
    OwnDescriptor,
    classes_of_set,
    decode_own,
    own,
)
from lightwave.directory.access.schema_types import schema_types
from lightwave.directory.access.security_descriptor import (
    DACL_PRESENT,
    DACL_PROTECTED,
    SELF_RELATIVE,
    SecurityDescriptor,
)
from lightwave.directory.ldap.dn import AVA
from lightwave.directory.ldap.result import DirectoryError
from lightwave.directory.schema.classset import class_set
from lightwave.directory.schema.normalisation import normalise_rdn
from lightwave.directory.store.caches import BoundedCache
from lightwave.directory.store.record import CONTEXT, TOMBSTONE

if TYPE_CHECKING:
    from lightwave.directory.access.sid import Sid
    from lightwave.directory.schema.normalisation import NormalisedRDN
    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.store.environment import Store
    from lightwave.directory.store.reading import ReadTransaction
    from lightwave.directory.store.record import Record

ACCESS: Final = "access"
"""generation: a descriptor in force for more entries than the one that carries it has changed"""

MOST_DECISIONS: Final = 32_768
"""that are remembered, at most twice as many: one for each descriptor and set of SIDs that meet"""

_NO_CLASS: Final = Classes(Guid(bytes(16)))
_UNREADABLE: Final = own(
    _NO_CLASS, SecurityDescriptor(SELF_RELATIVE | DACL_PRESENT | DACL_PROTECTED, dacl=())
)
"""stands for stored octets that are no descriptor: nobody is granted anything"""


class EffectiveDescriptor:
    """Who may do what with the entries that carry it. Compared by identity: like ones are one object.

    structural: schemaIDGUID of the entries' structural class. domain: the SID of their domain, None where it has none.
    """

    __slots__ = ("domain", "interned", "structural")

    def __init__(self, interned: Interned, structural: Guid, domain: Sid | None) -> None:
        self.interned = interned
        self.structural = structural
        self.domain = domain

    @property
    def descriptor(self) -> SecurityDescriptor:
        """The descriptor in force."""
        return self.interned.descriptor


class Descriptors:
    """The effective descriptors of one store's entries. `decisions`: what was decided about them, see `decision`."""

    __slots__ = ("_below", "_by_entry", "_known", "_table", "decisions")

    def __init__(self, store: Store) -> None:
        generations = frozenset({"tree", "contexts", ACCESS})
        self._by_entry = store.derived_cache(generations, by_entry=True, size=8_192)
        self._below = store.derived_cache(generations, size=8_192)
        self._table = EffectiveDescriptors()
        self.decisions: BoundedCache[tuple[Hashable, ...], object] = BoundedCache(MOST_DECISIONS)
        self._known: dict[tuple[Interned, Guid, Sid | None], EffectiveDescriptor] = {}

    def of(
        self, txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int, record: Record | None = None
    ) -> EffectiveDescriptor:
        """The descriptor of one entry; raises NoSuchEntry.

        `record` spares a look-up to who has it already.
        """
        found = self._remembered(txn, tenant, entry_id)
        if found is not None:
            return found
        path: list[tuple[int, Record]] = []
        while found is None and entry_id:
            if record is None:
                record = txn.record(tenant, entry_id)
            path.append((entry_id, record))
            entry_id = 0 if record.flags & CONTEXT else record.parent
            record = None
            found = self._remembered(txn, tenant, entry_id) if entry_id else None
        for entry_id, record in reversed(path):
            found = self._made(txn, schema, tenant, record, found)
            memory = txn.effective_memory()
            if memory is not None:
                memory[tenant, entry_id] = found
            else:
                txn.cache(self._by_entry, tenant, (tenant, entry_id), found)
        assert found is not None  # the path holds the entry at least
        return found

    def _remembered(self, txn: ReadTransaction, tenant: int, entry_id: int) -> EffectiveDescriptor | None:
        memory = txn.effective_memory()
        if memory is not None:
            return cast("EffectiveDescriptor | None", memory.get((tenant, entry_id)))
        return cast("EffectiveDescriptor | None", txn.cached(self._by_entry, tenant, (tenant, entry_id)))

    def of_candidate(
        self, txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int, record: Record
    ) -> EffectiveDescriptor:
        """The same for an entry that is looked at in passing: entries of one parent and one own descriptor share it."""
        parent = record.parent
        if not parent or not record.descriptor:
            return self.of(txn, schema, tenant, entry_id, record)
        key = (tenant, parent, record.descriptor)
        found = cast("EffectiveDescriptor | None", txn.cached(self._below, tenant, key))
        if found is None:
            above = self.of(txn, schema, tenant, parent)
            found = self._made(txn, schema, tenant, record, above)
            txn.cache(self._below, tenant, key, found)
        return found

    def as_it_stood(
        self, txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int
    ) -> EffectiveDescriptor:
        """The descriptor of an entry; of a tombstone that of where it was deleted, which may have gone too."""
        path: list[Record] = []
        record = txn.record(tenant, entry_id)
        while record.flags & TOMBSTONE:
            path.append(record)
            # What is deleted stood below what was there: each superior went later, so this ends.
            parent = txn.by_guid(tenant, txn.local_stamps(tenant, entry_id).former_parent)
            entry_id = record.parent if parent is None else parent
            record = txn.record(tenant, entry_id)
        found = self.of(txn, schema, tenant, entry_id, record)
        for record in reversed(path):
            found = self._made(txn, schema, tenant, record, found)
        return found

    def _made(
        self,
        txn: ReadTransaction,
        schema: Schema,
        tenant: int,
        record: Record,
        above: EffectiveDescriptor | None,
    ) -> EffectiveDescriptor:
        domain = sid_of(txn, record) if above is None else above.domain
        stored = own_descriptor(txn, schema, tenant, record, domain)
        parent = None if above is None else above.interned
        classes = stored.classes
        interned = self._table.of(parent, stored.descriptor, stored.digest, classes.all)
        key = (interned, classes.structural, domain)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= 65_536:
                self._known.clear()
            found = self._known.setdefault(key, EffectiveDescriptor(*key))
        return found


_stores: WeakKeyDictionary[Store, Descriptors] = WeakKeyDictionary()


def descriptors_of(store: Store) -> Descriptors:
    """The effective descriptors of a store's entries; one table for all that ask in this process."""
    found = _stores.get(store)
    if found is None:
        found = _stores.setdefault(store, Descriptors(store))
    return found


def effective_descriptor(
    txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int, record: Record | None = None
) -> EffectiveDescriptor:
    """The descriptor of one entry; raises NoSuchEntry."""
    return descriptors_of(txn.store).of(txn, schema, tenant, entry_id, record)


def own_descriptor(
    txn: ReadTransaction, schema: Schema, tenant: int, record: Record, domain: Sid | None
) -> OwnDescriptor:
    """What an entry has of its own; `domain` is the SID of its domain, for the defaults of those that store nothing."""
    if record.descriptor:
        try:
            return decode_own(txn.descriptor(tenant, record.descriptor))
        except DescriptorError:
            return _UNREADABLE
    number = txn.attribute_number(OBJECT_CLASS)
    values = () if number is None else tuple(record.values(number))
    name = ""
    if record.flags & CONTEXT:
        name = default_of_root(record.rdn)
    elif record.normalised_rdn == _deleted_objects(schema):
        name = DELETED_OBJECTS
    key = (values, name, domain)
    return schema_types(schema).kept(key, lambda: _default(schema, values, name, domain))


def _default(schema: Schema, values: tuple[bytes, ...], name: str, domain: Sid | None) -> OwnDescriptor:
    try:
        found = class_set(schema, values)
    except DirectoryError:  # classes that the schema no longer has: what is inherited for all classes holds
        return own(_NO_CLASS, default_descriptor(name or TOP, domain))
    return own(
        classes_of_set(schema, found), default_descriptor(name or default_of_class(found.structural), domain)
    )


@lru_cache(maxsize=8)
def _deleted_objects(schema: Schema) -> NormalisedRDN:
    return normalise_rdn(schema, (AVA("cn", b"Deleted Objects"),))
