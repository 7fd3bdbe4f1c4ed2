"""An index is complete or not used; a build is carried on from wherever it was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightwave.directory.store import building, layout
from lightwave.directory.store.building import declare_index, drop_index, pending, run_slice
from lightwave.directory.store.check import check
from lightwave.directory.store.environment import Store
from lightwave.directory.store.indexes import IndexKind, IndexState, pattern_grams, value_grams
from lightwave.directory.store.writing import AttributeChange
from store_entries import SCHEMA, Clock, add, describe, dn, entry, guid

PEOPLE = 25


def fill(store: Store) -> list[int]:
    with store.write() as transaction:
        return [
            add(transaction, 1, b"cn=p%d" % number, {"sn": [b"Name %d" % (number % 5)], "sn;lang-de": [b"x"]})
            for number in range(PEOPLE)
        ]


def sn(store: Store) -> int:
    with store.read() as reader:
        number = reader.attribute_number(describe("sn").key)
        assert number is not None
        return number


@pytest.mark.parametrize("kind", [IndexKind.EQUALITY, IndexKind.PRESENCE, IndexKind.SUBSTRING])
def test_a_build_in_slices_ends_complete(store: Store, kind: IndexKind) -> None:
    people = fill(store)
    with store.write() as transaction:
        declare_index(transaction, describe("sn").key, kind)
        assert declare_index(transaction, describe("sn").key, kind).state is IndexState.BUILDING
    rounds = 0
    more = True
    while more:
        with store.read() as reader:
            assert reader.index_state(sn(store), kind) is IndexState.BUILDING
            assert len(pending(reader)) == 1
        with store.write() as transaction:
            more = run_slice(transaction, SCHEMA.describe, most_entries=4)
        rounds += 1
        with store.write() as transaction:  # others write on both sides of the position meanwhile
            one = AttributeChange(describe("sn"), (b"Changed %d" % rounds,))
            for person in (people[rounds], people[-rounds]):
                transaction.update_entry(1, person, [one], transaction.begin_change())
            if rounds == 3:
                change = transaction.begin_change()
                transaction.remove_entry(1, people[0], change, describe=SCHEMA.describe)
    assert rounds > 5
    with store.read() as reader:
        assert reader.index_state(sn(store), kind) is IndexState.COMPLETE
        assert pending(reader) == []
        assert list(check(reader, SCHEMA.describe)) == []
        if kind is IndexKind.PRESENCE:
            assert reader.index_count(1, sn(store), kind, b"") == PEOPLE - 1
    with store.write() as transaction:
        assert not run_slice(transaction, SCHEMA.describe)


def test_a_build_goes_on_in_another_process_life(store: Store, clock: Clock) -> None:
    fill(store)
    with store.write() as transaction:
        declare_index(transaction, describe("sn").key, IndexKind.EQUALITY)
    with store.write() as transaction:
        run_slice(transaction, SCHEMA.describe, most_entries=7)
    killed = store.begin_write()
    run_slice(killed, SCHEMA.describe, most_entries=7)
    killed.abort()
    path = Path(store.environment.path())
    store.close()
    with Store.open(path, None, now=clock, map_size=1 << 30) as opened:
        with opened.read() as reader:
            (definition,) = pending(reader)
            assert definition.position[1] == 7
        more = True
        while more:
            with opened.write() as transaction:
                more = run_slice(transaction, SCHEMA.describe, most_entries=7)
        with opened.read() as reader:
            assert list(check(reader, SCHEMA.describe)) == []


def test_dropping_in_slices_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightwave.directory.store.building._MOST_KEYS", 2)
    people = fill(store)
    with store.write() as transaction:
        declare_index(transaction, describe("sn").key, IndexKind.EQUALITY)
    number = sn(store)
    more = True
    while more:
        with store.write() as transaction:
            more = run_slice(transaction, SCHEMA.describe)
    with store.write() as transaction:
        assert drop_index(transaction, number, IndexKind.EQUALITY)
        assert not drop_index(transaction, 999, IndexKind.EQUALITY)
        with pytest.raises(ValueError, match="dropped"):
            declare_index(transaction, describe("sn").key, IndexKind.EQUALITY)
    more = True
    while more:
        with store.write() as transaction:
            more = run_slice(transaction, SCHEMA.describe)
            one = AttributeChange(describe("sn"), (b"Other",))
            transaction.update_entry(1, people[0], [one], transaction.begin_change())
    with store.read() as reader:
        assert reader.index_state(number, IndexKind.EQUALITY) is None
        assert reader.raw.stat(store.databases.index)["entries"] == 0


def test_an_index_of_an_unknown_attribute_or_over_damage_does_not_stop(store: Store) -> None:
    people = fill(store)
    key = layout.entry_key(1, people[3])
    with store.environment.begin(write=True) as raw:
        raw.put(key, b"damaged", db=store.databases.entries)
    with store.write() as transaction:
        declare_index(transaction, describe("sn").key, IndexKind.EQUALITY)
        declare_index(transaction, "1.2.3.4", IndexKind.EQUALITY)
    more = True
    while more:
        with store.write() as transaction:
            more = run_slice(transaction, SCHEMA.describe)
    with store.read() as reader:
        assert pending(reader) == []
        findings = list(check(reader, SCHEMA.describe))
        assert {one.entry_id for one in findings} == {people[3]}


def test_grams_of_a_pattern_are_among_those_of_what_it_matches() -> None:
    form = b" hello  world "
    assert pattern_grams(b" hel", [b"o  w"], b"ld ") <= value_grams(form)
    assert pattern_grams(None, [b"hellx"], None) - value_grams(form)
    assert pattern_grams(None, [b"he"], None) == set()
    assert value_grams(b"x" * 2000) == {b""}
    assert pattern_grams(b"a", (), None) == set()


def test_an_index_is_dropped_tenant_by_tenant(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    with store.write() as transaction:
        for number in range(2, 5):
            tenant = transaction.create_tenant(bytes((number,)) * 16)
            change = transaction.begin_change()
            name = b"dc=t%d" % tenant
            root = transaction.insert_context(tenant, dn(name), entry(name, identity=guid(name)), change)
            for at in range(4):
                values = {"sn": [b"Name %d" % at]}
                new = entry(b"cn=p%d" % at, values, identity=guid(b"%d %d" % (tenant, at)))
                transaction.insert_entry(tenant, root, new, change)
        declare_index(transaction, describe("sn").key, IndexKind.EQUALITY)
    more = True
    while more:
        with store.write() as transaction:
            more = run_slice(transaction, SCHEMA.describe)
    monkeypatch.setattr(building, "_MOST_KEYS", 3)
    with store.write() as transaction:
        assert drop_index(transaction, sn(store), IndexKind.EQUALITY)
    begun = []
    more = True
    while more:
        with store.write() as transaction:
            more = run_slice(transaction, SCHEMA.describe)
        with store.read() as reader:
            begun += [one.position[0] for one in pending(reader)]
    assert begun == sorted(begun)
    assert begun[-1] > 1  # a slice begins with the tenant that the one before came to
    with store.read() as reader:
        assert reader.raw.stat(store.databases.index)["entries"] == 0
        assert reader.index_state(sn(store), IndexKind.EQUALITY) is None
        assert list(check(reader, SCHEMA.describe)) == []
