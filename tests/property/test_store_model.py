"""Invariant: after any operations the store equals a model of plain dictionaries, and `check` finds nothing."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lightwave.directory.store.building import declare_index, drop_index, run_slice
from lightwave.directory.store.check import check
from lightwave.directory.store.errors import EntryExists, NoSuchEntry, StoreError
from lightwave.directory.store.indexes import IndexKind, IndexState
from lightwave.directory.store.writing import AttributeChange
from store_entries import BASE, SCHEMA, Clock, add, describe, dn, make_store, put_index, rdn

NAMES = st.sampled_from([b"cn=a", b"cn=b", b"cn=C", b"ou=d"])
VALUES = st.lists(
    st.sampled_from([b"one", b"One", b"two", b"x" * 500, b"three  spaces", b"1"]),
    max_size=3,
    unique_by=bytes.lower,
)
ATTRIBUTES = st.sampled_from(["cn", "cn;lang-de", "description", "uid"])
PICK = st.integers(min_value=0, max_value=50)


@dataclass
class Modelled:
    parent: int
    name: bytes
    attributes: dict[str, list[bytes]] = field(default_factory=dict)
    links: set[int] = field(default_factory=set)
    waiting: set[bytes] = field(default_factory=set)


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lw-store-"))
        self.clock = Clock()
        self.store = make_store(self.folder, self.clock)
        self.model: dict[int, Modelled] = {1: Modelled(0, BASE, {"dc": [b"example"]})}
        with self.store.write() as transaction:
            for kind in IndexKind:
                put_index(transaction, "cn", kind)
            put_index(transaction, "uid", IndexKind.EQUALITY)

    def teardown(self) -> None:
        with self.store.read() as reader:
            assert [str(one) for one in check(reader, SCHEMA.describe)] == []
        self.store.close()
        shutil.rmtree(self.folder)

    def pick(self, number: int) -> int:
        return sorted(self.model)[number % len(self.model)]

    def model_dn(self, entry_id: int) -> bytes:
        one = self.model[entry_id]
        return one.name if one.parent == 0 else one.name + b"," + self.model_dn(one.parent)

    def children(self, entry_id: int) -> set[int]:
        return {child for child, one in self.model.items() if one.parent == entry_id}

    def named(self, parent: int, name: bytes) -> bool:
        return any(rdn(self.model[child].name) == rdn(name) for child in self.children(parent))

    def arrived(self, entry_id: int) -> None:
        """What waited for a name that is there now has become a link."""
        for one in [entry_id, *self.below(entry_id)]:
            name = dn(self.model_dn(one))
            for source in self.model.values():
                for text in list(source.waiting):
                    if dn(text) == name:
                        source.waiting.discard(text)
                        source.links.add(one)

    def below(self, entry_id: int) -> list[int]:
        result = []
        for child in self.children(entry_id):
            result += [child, *self.below(child)]
        return result

    @rule(parent=PICK, name=NAMES, values=VALUES, other=PICK, absent=st.one_of(st.none(), NAMES))
    def add(self, parent: int, name: bytes, values: list[bytes], other: int, absent: bytes | None) -> None:
        above, linked = self.pick(parent), self.pick(other)
        attributes = {"cn": values} if values else {}
        waiting = absent + b"," + BASE if absent and not self.named(1, absent) else None
        stored = {**attributes, "member": [waiting]} if waiting else attributes
        try:
            with self.store.write() as transaction:
                entry_id = add(transaction, above, name, stored, links=[("manager", linked)])
        except EntryExists:
            assert self.named(above, name)
            return
        assert not self.named(above, name)
        self.model[entry_id] = Modelled(
            above, name, dict(attributes), {linked}, {waiting} if waiting else set()
        )
        self.arrived(entry_id)

    @rule(pick=PICK, key=ATTRIBUTES, values=VALUES, whole=st.booleans())
    def update(self, pick: int, key: str, values: list[bytes], whole: bool) -> None:
        entry_id = self.pick(pick)
        before = self.model[entry_id].attributes.get(key, [])
        added = tuple(value for value in values if value not in before)
        removed = tuple(value for value in before if value not in values)
        one = AttributeChange(describe(key), tuple(values), added, removed, whole)
        with self.store.write() as transaction:
            transaction.update_entry(1, entry_id, [one], transaction.begin_change())
        self.model[entry_id].attributes[key] = values
        if not values:
            del self.model[entry_id].attributes[key]

    @rule(source=PICK, named=PICK, remove=st.booleans())
    def link(self, source: int, named: int, remove: bool) -> None:
        one, other = self.pick(source), self.pick(named)
        with self.store.write() as transaction:
            change = transaction.begin_change()
            if remove:
                transaction.remove_links(1, one, describe("manager"), [other], change)
            else:
                transaction.add_links(1, one, describe("manager"), [other], change)
        if remove:
            with self.store.read() as reader:
                number = reader.attribute_number(describe("member").key)
                if number is None or not reader.has_link(1, one, number, other):
                    self.model[one].links.discard(other)
        else:
            self.model[one].links.add(other)

    @rule(pick=PICK, parent=PICK, name=NAMES)
    def move(self, pick: int, parent: int, name: bytes) -> None:
        entry_id, above = self.pick(pick), self.pick(parent)
        try:
            with self.store.write() as transaction:
                transaction.move_entry(1, entry_id, above, name, rdn(name), transaction.begin_change())
        except EntryExists:
            return
        except StoreError:
            assert entry_id == 1 or above == entry_id or above in self.below(entry_id)
            return
        self.model[entry_id].parent, self.model[entry_id].name = above, name
        self.arrived(entry_id)

    @rule(pick=PICK, tombstone=st.booleans())
    def remove(self, pick: int, tombstone: bool) -> None:
        entry_id = self.pick(pick)
        if entry_id == 1:
            return
        leaf = not self.children(entry_id)
        try:
            with self.store.write() as transaction:
                change = transaction.begin_change()
                if tombstone:
                    name = b"ou=gone-%d" % entry_id
                    transaction.bury_entry(
                        1, entry_id, 1, name, rdn(name), [], change, describe=SCHEMA.describe
                    )
                else:
                    transaction.remove_entry(1, entry_id, change, describe=SCHEMA.describe)
        except StoreError:
            assert not leaf
            return
        assert leaf
        if tombstone:
            self.model[entry_id] = Modelled(1, b"ou=gone-%d" % entry_id)
        else:
            del self.model[entry_id]
        for one in self.model.values():
            one.links.discard(entry_id)

    @rule(kind=st.sampled_from(IndexKind), drop=st.booleans(), slices=st.integers(0, 3))
    def index(self, kind: IndexKind, drop: bool, slices: int) -> None:
        with self.store.write() as transaction:
            number = transaction.attribute_number_for(describe("description"))
            if drop:
                drop_index(transaction, number, kind)
            else:
                known = transaction.index_state(number, kind)
                if known is not IndexState.DROPPING:
                    declare_index(transaction, describe("description").key, kind)
        for _ in range(slices):
            with self.store.write() as transaction:
                run_slice(transaction, SCHEMA.describe, most_entries=2)

    @rule()
    def undone(self) -> None:
        transaction = self.store.begin_write()
        add(transaction, 1, b"cn=undone")
        with transaction.child() as child:
            add(child, 1, b"cn=undone-too", {"telephoneNumber;x-new": [b"1"]})
        transaction.abort()

    @precondition(lambda self: len(self.model) > 1)
    @invariant()
    def names_lead_to_entries(self) -> None:
        with self.store.read() as reader:
            for entry_id in self.model:
                name = self.model_dn(entry_id)
                assert reader.find(dn(name)) == (1, entry_id)
                assert reader.dn(1, entry_id) == name
                assert reader.normalised_dn(1, entry_id) == dn(name)
                assert {child for _, child in reader.children(1, entry_id)} == self.children(entry_id)
            with pytest.raises(NoSuchEntry):
                reader.find(dn(b"cn=undone," + BASE))

    @invariant()
    def records_hold_the_values(self) -> None:
        with self.store.read() as reader:
            links = [reader.attribute_number(describe(key).key) for key in ("manager", "member")]
            for entry_id, one in self.model.items():
                record = reader.record(1, entry_id)
                texts = dict(one.attributes)
                if one.waiting:
                    texts["member"] = list(one.waiting)
                stored = {reader.attribute_key(n): record.values(n) for n in record.numbers()}
                assert stored == {describe(key).key: values for key, values in texts.items()}
                targets: set[int] = set()
                for number in links:
                    if number is not None:
                        targets |= set(reader.link_targets(1, entry_id, number))
                assert targets == one.links

    @invariant()
    def indexes_answer(self) -> None:
        with self.store.read() as reader:
            number = reader.attribute_number(describe("cn").key)
            assert number is not None
            key = describe("cn").type.normalise(b"one")
            expected = {
                entry_id
                for entry_id, one in self.model.items()
                for name in ("cn", "cn;lang-de")
                if any(value.lower() == b"one" for value in one.attributes.get(name, []))
            }
            assert set(reader.index_ids(1, number, IndexKind.EQUALITY, key)) == expected


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
