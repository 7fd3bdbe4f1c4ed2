"""The rows of one entry: what the operations of a write transaction put and delete in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import lmdb

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import join_dn
from lightwave.directory.store import layout
from lightwave.directory.store.errors import EntryExists, NoSuchEntry, StoreError
from lightwave.directory.store.index_keys import Describe, IndexWriter
from lightwave.directory.store.indexes import IndexDefinition, IndexKind
from lightwave.directory.store.layout import child_prefix, child_value, entry_key, pack_id
from lightwave.directory.store.linking import LinkWriter
from lightwave.directory.store.numbering import Change, NumberingTransaction
from lightwave.directory.store.record import (
    HAS_LINKS,
    Record,
    attribute_name,
    attribute_values,
    encode_attribute,
    encode_record,
)
from lightwave.directory.store.stamps import LocalStamp, LocalStamps, encode_stamps, value_identity

if TYPE_CHECKING:
    from lightwave.directory.schema.attribute import AttributeDescription
    from lightwave.directory.schema.normalisation import NormalisedRDN
    from lightwave.directory.store.environment import Store


GROUP_ATTRIBUTE = "2.5.4.31"
"""member: the attribute whose links make groups"""

GROUPS = "groups"
"""generation: who belongs to which group of a tenant, or by which identifier, has changed"""


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


class EntryTransaction(NumberingTransaction):
    """Keeps the rows of an entry in agreement; `WriteTransaction` has the operations."""

    __slots__ = ("_indexes", "_links")

    def __init__(
        self, store: Store, raw: lmdb.Transaction[bytes], parent: NumberingTransaction | None
    ) -> None:
        super().__init__(store, raw, parent)
        self._indexes = IndexWriter(raw, self._databases.index)
        groups = self._caches.attribute_numbers.get(GROUP_ATTRIBUTE)
        self._links = LinkWriter(raw, self._databases, groups)

    def flush(self) -> None:
        """See `NumberingTransaction.flush`. Where members of groups came or went, tokens have to learn of it."""
        if self._links.regrouped:
            for tenant in self._links.regrouped:
                self.bump_generation(tenant, GROUPS)
            self._links.regrouped.clear()
        super().flush()

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
            user, operational = record_blocks(record)
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
        self._forget(tenant, entry_id)

    def _forget(self, tenant: int, entry_id: int) -> None:
        """The entry's record is another from now on."""
        self._memory.records.pop((tenant, entry_id), None)

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

    def _strip(
        self,
        tenant: int,
        entry_id: int,
        record: Record,
        change: Change,
        describe: Describe,
        most_links: int | None = None,
    ) -> bool:
        """Delete index keys, waiting values, secrets and links of an entry; False where some of the links are left."""
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
        finished = self._unlink(tenant, entry_id, change, most_links)
        for kind in self.secret_kinds(tenant, entry_id):
            self.raw.delete(layout.secret_key(tenant, entry_id, kind), db=self._databases.secrets)
        return finished

    def _unlink(self, tenant: int, entry_id: int, change: Change, most: int | None) -> bool:
        """Delete links from and to an entry, `most` of each kind; whether none is left."""
        sources, finished = self._links.remove_all(tenant, entry_id, most)
        for source in dict.fromkeys(sources):
            if source != entry_id:
                self._touch_source(tenant, source, change)
        return finished

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
        user, operational = record_blocks(record)
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


def record_blocks(record: Record) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """(user, operational) attributes of a record by their numbers."""
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
