"""What a write puts, a read finds; and all that hangs on an entry goes with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightwave.directory.store import layout
from lightwave.directory.store.check import check
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import (
    DamagedRecord,
    EntryExists,
    NoSuchEntry,
    StoreError,
    StoreVersionError,
    TooManyDescriptions,
)
from lightwave.directory.store.indexes import IndexKind, pattern_grams
from lightwave.directory.store.record import DYNAMIC, HAS_LINKS, TOMBSTONE
from lightwave.directory.store.stamps import Stamp
from lightwave.directory.store.walk import TreeWalk
from lightwave.directory.store.writing import AttributeChange, WriteTransaction
from store_entries import (
    BASE,
    SCHEMA,
    SERVER,
    START,
    TENANT_GUID,
    Clock,
    add,
    describe,
    dn,
    entry,
    guid,
    put_index,
    rdn,
)


def sound(store: Store) -> bool:
    with store.read() as reader:
        return not list(check(reader, SCHEMA.describe))


def bury(transaction: WriteTransaction, entry_id: int, parent: int = 1) -> None:
    name = b"cn=gone-%d" % entry_id
    transaction.bury_entry(
        1, entry_id, parent, name, rdn(name), [], transaction.begin_change(), describe=SCHEMA.describe
    )


def test_a_name_that_is_not_there_tells_its_lowest_ancestor(store: Store) -> None:
    with store.write() as transaction:
        people = add(transaction, 1, b"ou=people")
    with store.read() as reader:
        with pytest.raises(NoSuchEntry) as caught:
            reader.find(dn(b"cn=x,cn=y,ou=people," + BASE))
        assert (caught.value.matched_tenant, caught.value.matched_entry_id) == (1, people)
        with pytest.raises(NoSuchEntry) as caught:
            reader.find(dn(b"dc=elsewhere"))
        assert caught.value.matched_entry_id == 0
        assert reader.find(dn(b"OU=People , " + BASE)) == (1, people)


def test_names_of_any_length_are_told_apart(store: Store) -> None:
    long = [b"cn=" + b"n" * 600 + tail for tail in (b"a", b"b")]
    with store.write() as transaction:
        ids = [add(transaction, 1, name) for name in long]
    with store.read() as reader:
        assert [reader.find(dn(name + b"," + BASE))[1] for name in long] == ids
        assert reader.normalised_dn(1, ids[0]) == dn(long[0] + b"," + BASE)
    assert sound(store)


def test_the_same_name_or_guid_twice_is_refused(store: Store) -> None:
    with store.write() as transaction:
        transaction.insert_entry(1, 1, entry(b"cn=a"), transaction.begin_change())
        for again in (entry(b"CN=A", identity=guid(b"other")), entry(b"cn=b", identity=guid(b"cn=a"))):
            with pytest.raises(EntryExists), transaction.child() as child:
                child.insert_entry(1, 1, again, child.begin_change())
        with pytest.raises(NoSuchEntry), transaction.child() as child:
            add(child, 4711, b"cn=orphan")
    assert sound(store)


def test_children_are_counted_listed_and_resumed(store: Store) -> None:
    with store.write() as transaction:
        ids = {add(transaction, 1, b"cn=e%03d" % number) for number in range(100)}
    with store.read() as reader:
        assert reader.child_count(1, 1) == 100
        tokens = []
        seen: set[int] = set()
        after = None
        while len(seen) < 100:
            for count, (token, child) in enumerate(reader.children(1, 1, after)):
                seen.add(child)
                tokens.append(after := token)
                if count == 6:
                    break
        assert seen == ids
        assert tokens == sorted(tokens)
        assert list(reader.children(1, 1, after)) == []


def test_a_walk_goes_on_in_another_transaction(store: Store) -> None:
    with store.write() as transaction:
        everything = set()
        for number in range(5):
            unit = add(transaction, 1, b"ou=u%d" % number)
            everything.add(unit)
            for deeper in range(5):
                room = add(transaction, unit, b"ou=r%d" % deeper)
                everything |= {room, add(transaction, room, b"cn=x")}
    walk = TreeWalk(1, 1)
    seen: list[int] = []
    while not walk.finished:
        with store.read() as reader:
            taken = walk.take(reader, 3)
            assert len(taken) <= 3
            seen += taken
    assert set(seen) == everything
    assert len(seen) == len(everything) == walk.visited
    with store.read() as reader:
        assert seen == list(reader.descendants(1, 1))


def test_a_move_takes_the_subtree_along(store: Store) -> None:
    with store.write() as transaction:
        old, new = add(transaction, 1, b"ou=old"), add(transaction, 1, b"ou=new")
        leaf = add(transaction, add(transaction, old, b"ou=room"), b"cn=x")
    with store.read() as reader:
        room = reader.record(1, leaf).parent
        assert reader.find(dn(b"cn=x,ou=room,ou=old," + BASE)) == (1, leaf)
        assert reader.is_below(1, leaf, old)
    with store.write() as transaction:
        change = transaction.begin_change()
        transaction.move_entry(1, room, new, b"ou=Hall", rdn(b"ou=hall"), change)
        with pytest.raises(StoreError):
            transaction.move_entry(1, new, leaf, b"ou=new", rdn(b"ou=new"), change)
        with pytest.raises(StoreError):
            transaction.move_entry(1, 1, new, b"ou=new", rdn(b"ou=new"), change)
    with store.read() as reader:
        assert reader.dn(1, leaf) == b"cn=x,ou=Hall,ou=new," + BASE
        assert reader.find(dn(b"cn=x,ou=hall,ou=new," + BASE)) == (1, leaf)
        with pytest.raises(NoSuchEntry):
            reader.find(dn(b"cn=x,ou=room,ou=old," + BASE))
        assert not reader.is_below(1, leaf, old)
        assert reader.is_below(1, leaf, new)
        assert reader.stamps(1, room).name.clock > reader.stamps(1, room).created.clock
    assert sound(store)


def test_links_stand_both_ways_and_go_with_either_end(store: Store) -> None:
    member = describe("member")
    with store.write() as transaction:
        people = [add(transaction, 1, b"cn=p%d" % number) for number in range(20)]
        group = add(transaction, 1, b"cn=group", links=[("member", people[0])])
        change = transaction.begin_change()
        assert transaction.add_links(1, group, member, people, change) == 19
        assert transaction.remove_links(1, group, member, people[5:7], change) == 2
        assert transaction.record(1, group).usn_changed == change.usn
        with pytest.raises(NoSuchEntry):
            transaction.add_links(1, group, member, [9999], change)
    number = 0
    with store.read() as reader:
        number = reader.attribute_number(member.key) or 0
        assert list(reader.link_targets(1, group, number)) == people[:5] + people[7:]
        assert list(reader.link_targets(1, group, number, after=people[10])) == people[11:]
        assert reader.link_count(1, group, number) == 18
        assert list(reader.link_sources(1, people[0], number)) == [group]
        assert reader.has_link(1, group, number, people[0])
        assert not reader.has_link(1, group, number, people[5])
        stamps = {target: present for target, _, present in reader.link_stamps(1, group, number)}
        assert stamps[people[5]] is False
        assert stamps[people[0]] is True
    with store.write() as transaction:
        bury(transaction, people[0])
        transaction.remove_entry(1, people[1], transaction.begin_change(), describe=SCHEMA.describe)
    with store.read() as reader:
        assert reader.link_count(1, group, number) == 16
        changed = [one.entry_id for one in reader.changes_since(0)]
        assert group in changed
    with store.write() as transaction:
        bury(transaction, group)
        assert list(transaction.link_sources(1, people[2], number)) == []
        assert not transaction.record(1, group).has(HAS_LINKS)
    assert sound(store)


def test_a_value_waits_until_its_name_appears(store: Store) -> None:
    late = b"cn=Late,ou=people," + BASE
    with store.write() as transaction:
        people = add(transaction, 1, b"ou=persons")
        group = add(transaction, 1, b"cn=group", {"member": [late, b"cn=never," + BASE]})
        number = transaction.attribute_number_for(describe("member"))
        assert list(transaction.unresolved_sources(1, dn(late))) == [(group, number, late)]
        person = add(transaction, people, b"cn=late")
        assert transaction.record(1, group).values(number) == [late, b"cn=never," + BASE]
        # the name appears because its parent gets another
        transaction.move_entry(1, people, 1, b"ou=people", rdn(b"ou=people"), transaction.begin_change())
        assert transaction.record(1, group).values(number) == [b"cn=never," + BASE]
        assert list(transaction.link_targets(1, group, number)) == [person]
        stamps = {target: stamp for target, stamp, _ in transaction.link_stamps(1, group, number)}
        assert stamps[person] == transaction.stamps(1, group).created
        gone = AttributeChange(describe("member"), (), removed=(b"cn=never," + BASE,), whole=False)
        transaction.update_entry(1, group, [gone], transaction.begin_change())
        assert not transaction.anything_waits(1)
    assert sound(store)


def test_a_tombstone_keeps_its_guid_and_little_else(store: Store, clock: Clock) -> None:
    with store.write() as transaction:
        put_index(transaction, "cn", IndexKind.EQUALITY)
        person = add(transaction, 1, b"cn=p", {"cn": [b"p"], "description": [b"secretive"]})
        transaction.put_secret(1, person, b"credentials", b"hash", transaction.begin_change())
        identity = transaction.record(1, person).guid
        name = b"cn=p-DEL"
        transaction.bury_entry(
            1,
            person,
            1,
            name,
            rdn(name),
            [(describe("sn"), (b"kept",))],
            transaction.begin_change(),
            describe=SCHEMA.describe,
            expires=START + 60,
        )
    with store.read() as reader:
        record = reader.record(1, person)
        assert record.has(TOMBSTONE)
        assert not record.has(DYNAMIC)
        assert [reader.attribute_key(number) for number in record.numbers()] == [describe("sn").key]
        assert reader.by_guid(1, identity) == person
        assert reader.secret_kinds(1, person) == []
        assert reader.stamps(1, person).deleted is not None
        assert list(reader.expired(START + 59)) == []
        assert list(reader.expired(START + 61)) == [(1, person)]
    assert sound(store)


def test_an_entry_with_children_stays(store: Store) -> None:
    with store.write() as transaction:
        unit = add(transaction, 1, b"ou=u")
        add(transaction, unit, b"cn=x")
        with pytest.raises(StoreError):
            bury(transaction, unit)
        with pytest.raises(StoreError):
            transaction.remove_entry(1, unit, transaction.begin_change(), describe=SCHEMA.describe)


def test_stamps_are_12_bytes_until_something_changes(store: Store, clock: Clock) -> None:
    with store.write() as transaction:
        person = add(transaction, 1, b"cn=p", {"cn": [b"p"], "description": [b"a", b"b"]})
    with store.read() as reader:
        data = reader.raw.get(layout.entry_key(1, person), db=store.databases.stamps)
        assert data is not None
        assert len(data) == 12
        created = reader.stamps(1, person)
        assert created.created == created.name
        assert created.created.server == SERVER
        assert created.created.clock >> 16 == int(START * 1000)
    clock.now -= 1000  # the machine's clock is set back: ours goes on
    description = describe("description")
    with store.write() as transaction:
        change = transaction.begin_change()
        one = AttributeChange(description, (b"b", b"c"), (b"c",), (b"a",), whole=False)
        transaction.update_entry(1, person, [one, AttributeChange(describe("sn"), (b"s",))], change)
    with store.read() as reader:
        stamps = reader.stamps(1, person)
        assert change.stamp > stamps.created
        assert stamps.attributes == {describe("sn").key: change.stamp}
        assert stamps.values[description.key] == {
            b"c": (change.stamp, True),
            b"a": (change.stamp, False),
        }
        assert stamps.value_stamp(description.key, b"b") == stamps.created
        assert change.stamp == Stamp(change.stamp.clock, SERVER)


def test_each_entry_stands_once_among_the_changes(store: Store) -> None:
    with store.write() as transaction:
        first, second = add(transaction, 1, b"cn=a"), add(transaction, 1, b"cn=b")
        change = transaction.begin_change()
        for one in (first, second, first):
            transaction.update_entry(1, one, [AttributeChange(describe("sn"), (b"s",))], change)
    with store.read() as reader:
        rows = list(reader.changes_since(0))
        assert [one.entry_id for one in rows] == [1, first, second]
        assert list(reader.changes_since(rows[0].usn, tenant=1)) == rows[1:]
        assert reader.last_usn() == rows[-1].usn
    with store.write() as transaction:
        transaction.remove_entry(1, first, transaction.begin_change(), describe=SCHEMA.describe)
    with store.read() as reader:
        last = list(reader.changes_since(rows[-1].usn))
        assert [(one.entry_id, one.removed) for one in last] == [(first, True)]
        assert list(reader.changes_since(rows[-1].usn, tenant=1)) == last
    assert sound(store)


def test_options_of_a_type_share_its_index(store: Store) -> None:
    with store.write() as transaction:
        number = put_index(transaction, "cn", IndexKind.EQUALITY)
        person = add(transaction, 1, b"cn=x", {"cn": [b"x"], "cn;lang-de": [b"x", b"y"]})
        one = AttributeChange(describe("cn"), (b"z",))
        transaction.update_entry(1, person, [one], transaction.begin_change())
    with store.read() as reader:
        found = {key: reader.index_count(1, number, IndexKind.EQUALITY, key) for key in (b"x", b"y", b"z")}
        assert found == {b"x": 1, b"y": 1, b"z": 1}
        assert reader.index_first(1, number, IndexKind.EQUALITY, b"x") == (person, 1)
        assert reader.index_first(1, number, IndexKind.EQUALITY, b"q") == (0, 0)
        assert reader.index_has(1, number, IndexKind.EQUALITY, b"y", person)
    assert sound(store)


def test_each_kind_of_index_answers(store: Store) -> None:
    with store.write() as transaction:
        description = put_index(transaction, "description", IndexKind.SUBSTRING)
        put_index(transaction, "description", IndexKind.PRESENCE)
        put_index(transaction, "description", IndexKind.EQUALITY)
        numbers = put_index(transaction, "uidNumber", IndexKind.ORDERING)
        ids = [
            add(transaction, 1, b"cn=e%d" % number, {"uidNumber": [b"%d" % number]})
            for number in (-5, 3, 20, 100)
        ]
        short = add(transaction, 1, b"cn=s", {"description": [b"Hello world"]})
        long = add(transaction, 1, b"cn=l", {"description": [b"Hello " * 400]})
    with store.read() as reader:
        found = [
            set(reader.index_ids(1, description, IndexKind.SUBSTRING, gram))
            for gram in pattern_grams(None, [b"wor"], None)
        ]
        assert found == [{short}]
        assert set(reader.index_ids(1, description, IndexKind.SUBSTRING, b"")) == {long}
        assert set(reader.index_ids(1, description, IndexKind.PRESENCE, b"")) == {short, long}
        normalised = describe("description").type.normalise(b"hello " * 400)
        assert reader.index_first(1, description, IndexKind.EQUALITY, normalised) == (long, 1)
        keys = [key for key, _ in reader.index_range(1, numbers, None, None)]
        assert [entry_id for _, entry_id in reader.index_range(1, numbers, None, None)] == ids
        assert [entry_id for _, entry_id in reader.index_range(1, numbers, keys[1], keys[2])] == ids[1:3]
    assert sound(store)


def test_counters_survive_children_that_fail(store: Store) -> None:
    with store.write() as transaction:
        first = add(transaction, 1, b"cn=a")
        undone = transaction.child()
        add(undone, 1, b"cn=b", {"telephoneNumber": [b"1"]})
        undone.abort()
        second = add(transaction, 1, b"cn=c", {"l": [b"x"]})
        assert second == first + 1
        with transaction.child() as child:
            third = add(child, 1, b"cn=d")
        assert add(transaction, 1, b"cn=e") == third + 1
    assert sound(store)


def test_naming_contexts_of_several_tenants(store: Store) -> None:
    other = bytes(16)
    with store.write() as transaction:
        tenant = transaction.create_tenant(other)
        change = transaction.begin_change()
        root = transaction.insert_context(tenant, dn(b"dc=acme"), entry(b"dc=acme"), change)
        deeper = entry(b"cn=config,dc=acme", identity=guid(b"config"))
        below = transaction.insert_context(tenant, dn(b"cn=config,dc=acme"), deeper, change)
        with pytest.raises(EntryExists), transaction.child() as child:
            child.insert_context(tenant, dn(b"DC=Acme"), entry(b"dc=acme", identity=guid(b"z")), change)
        assert list(transaction.tenants()) == [1, tenant]
        assert list(transaction.tenants(1)) == [tenant]
        assert transaction.tenant_guid(tenant) == other
    with store.read() as reader:
        assert [context.dn for _, context in reader.contexts(1)] == [BASE]
        assert reader.contexts(tenant) == [
            (dn(b"dc=acme"), (tenant, root, b"dc=acme")),
            (dn(b"cn=config,dc=acme"), (tenant, below, b"cn=config,dc=acme")),
        ]
        assert reader.has_contexts_below(dn(b"dc=acme"))
        assert not reader.has_contexts_below(dn(b"dc=acm"))
        assert reader.find(dn(b"dc=acme")) == (tenant, root)
        assert reader.find(dn(b"cn=config,dc=acme")) == (tenant, below)
        assert reader.dn(tenant, below) == b"cn=config,dc=acme"
        assert reader.normalised_dn(tenant, below) == dn(b"cn=config,dc=acme")
    with store.write() as transaction:
        transaction.remove_entry(tenant, below, transaction.begin_change(), describe=SCHEMA.describe)
    with store.read() as reader, pytest.raises(NoSuchEntry):
        reader.find(dn(b"cn=config,dc=acme"))
    assert sound(store)


def test_neg_a_damaged_record_is_named_and_others_go_on(store: Store) -> None:
    with store.write() as transaction:
        bad, good = add(transaction, 1, b"cn=bad", {"sn": [b"s"]}), add(transaction, 1, b"cn=good")
    key = layout.entry_key(1, bad)
    with store.environment.begin(write=True) as raw:
        data = bytearray(raw.get(key, db=store.databases.entries) or b"")
        data[60] ^= 1
        raw.put(key, bytes(data), db=store.databases.entries)
    with store.read() as reader:
        with pytest.raises(DamagedRecord) as caught:
            reader.record(1, bad)
        assert (caught.value.tenant, caught.value.entry_id) == (1, bad)
        assert reader.record(1, good).rdn == b"cn=good"
        findings = list(check(reader, SCHEMA.describe))
        assert [(one.database, one.entry_id) for one in findings] == [("entries", bad)]
        assert "damaged" in str(findings[0])


def test_a_store_of_another_version_is_not_opened(store: Store, clock: Clock) -> None:
    with store.environment.begin(write=True) as raw:
        raw.put(layout.META_FORMAT, layout.pack_number(99), db=store.databases.meta)

    path = Path(store.environment.path())
    store.close()
    with pytest.raises(StoreVersionError):
        Store.open(path, None, now=clock)
    with pytest.raises(StoreError):
        Store.open(path / "nothing", None, now=clock)
    with pytest.raises(StoreError):
        Store.create(path, None, server=SERVER, now=clock)


def test_a_restored_store_gets_another_originating_server(store: Store) -> None:
    with store.write() as transaction:
        first = add(transaction, 1, b"cn=a")
    store.renew_server(bytes(16))
    with store.write() as transaction:
        second = add(transaction, 1, b"cn=b")
    with store.read() as reader:
        assert reader.stamps(1, first).created.server == SERVER
        assert reader.stamps(1, second).created.server == bytes(16)
        assert reader.stamps(1, second).created > reader.stamps(1, first).created


def test_stamps_that_a_merge_decided_are_put_as_they_are(store: Store) -> None:
    with store.write() as transaction:
        person = add(transaction, 1, b"cn=a")
        stamps = transaction.stamps(1, person)
        other = Stamp(stamps.created.clock + 5, b"s" * 16)
        stamps.attributes["2.5.4.4"] = other
        stamps.values["2.5.4.13"] = {b"v": (other, False)}
        transaction.put_stamps(1, person, stamps)
    with store.read() as reader:
        assert reader.stamps(1, person) == stamps
    assert sound(store)


def test_descriptors_are_kept_once(store: Store) -> None:
    with store.write() as transaction:
        first = transaction.intern_descriptor(1, b"owner")
        assert transaction.intern_descriptor(1, b"owner") == first
        assert transaction.intern_descriptor(1, b"other") != first
        assert transaction.intern_descriptor(1, b"") == 0
        transaction.set_descriptor(1, 1, first, transaction.begin_change())
    with store.read() as reader:
        assert reader.descriptor(1, reader.record(1, 1).descriptor) == b"owner"
        assert reader.descriptor(1, 0) == b""


def test_meta_of_the_layers_above(store: Store) -> None:
    with store.write() as transaction:
        transaction.put_meta(b"name", b"value")
        assert transaction.meta(b"name") == b"value"
        transaction.put_meta(b"name", None)
        assert transaction.meta(b"name") is None


def test_an_expiry_is_moved_and_taken_away(store: Store) -> None:
    with store.write() as transaction:
        change = transaction.begin_change()
        new = entry(b"cn=d", expires=START + 10)
        dynamic = transaction.insert_entry(1, 1, new, change)
        assert transaction.record(1, dynamic).has(DYNAMIC)
        transaction.set_expiry(1, dynamic, START + 20, change)
        assert list(transaction.expired(START + 11)) == []
        assert list(transaction.expired(START + 21)) == [(1, dynamic)]
        transaction.set_expiry(1, dynamic, None, change)
        assert list(transaction.expired(START + 21)) == []
    assert sound(store)


def test_too_many_attribute_descriptions_are_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightwave.directory.store.numbering.MAX_ATTRIBUTES", 3)
    with store.write() as transaction:
        while transaction.counters().attribute < 3:
            transaction.number_for_key(f"1.2.3.{transaction.counters().attribute}")
        with pytest.raises(StoreError):
            transaction.number_for_key("1.2.4")


def test_options_leave_numbers_to_what_has_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """All tenants share the numbers, and everybody makes options up."""
    with store.write() as transaction:
        used = transaction.counters().attribute
        monkeypatch.setattr("lightwave.directory.store.numbering.MAX_TAGGED", used + 1)
        assert transaction.number_for_key("2.5.4.3;x-one") == used + 1
        with pytest.raises(TooManyDescriptions):
            transaction.number_for_key("2.5.4.3;x-more")
        assert transaction.number_for_key("1.2.4") == used + 2
        assert transaction.number_for_key("2.5.4.3;x-one") == used + 1


def test_long_attribute_descriptions_are_told_apart(store: Store) -> None:
    keys = ["2.5.4.3;x-" + "o" * 900 + tail for tail in ("", "a", "b")]
    with store.write() as transaction:
        numbers = [transaction.number_for_key(key) for key in keys]
        assert len(set(numbers)) == 3
    with store.read() as reader:
        assert [reader.attribute_number(key) for key in keys] == numbers
        assert [reader.attribute_key(number) for number in numbers] == keys
        assert reader.attribute_number(keys[0] + "c") is None


def test_the_tenant_of_a_guid_is_made_once(store: Store) -> None:
    with pytest.raises(EntryExists), store.write() as transaction:
        transaction.create_tenant(TENANT_GUID)
