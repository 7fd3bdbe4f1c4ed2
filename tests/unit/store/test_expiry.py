"""Removals are forgotten when they have won what they had to win, and not before."""

from __future__ import annotations

from lightwave.directory.store.check import check
from lightwave.directory.store.environment import Store
from lightwave.directory.store.expiry import purge_removal_stamps, purge_removals, purge_removed_links
from lightwave.directory.store.writing import AttributeChange
from store_entries import SCHEMA, START, Clock, add, describe

DAY = 86_400


def test_old_removals_of_values_are_forgotten(store: Store, clock: Clock) -> None:
    description = describe("description")
    with store.write() as transaction:
        people = [add(transaction, 1, b"cn=p%d" % n, {"description": [b"a", b"b"]}) for n in range(5)]
        for value, rest in ((b"a", (b"b",)), (b"b", ())):
            clock.now += DAY
            one = AttributeChange(description, rest, removed=(value,), whole=False)
            for person in people:
                transaction.update_entry(1, person, [one], transaction.begin_change())
    after: tuple[int, int] | None = (0, 0)
    rounds = 0
    while after is not None:
        with store.write() as transaction:
            after = purge_removal_stamps(transaction, START + 1.5 * DAY, after, most=2)
        rounds += 1
    assert rounds > 2
    with store.read() as reader:
        for person in people:
            values = reader.stamps(1, person).values[description.key]
            assert [present for _, present in values.values()] == [False]
            assert list(values) == [b"b"]
    with store.write() as transaction:
        assert purge_removal_stamps(transaction, START + 3 * DAY) is None
        assert transaction.stamps(1, people[0]).values == {}


def test_old_removals_of_links_are_forgotten(store: Store, clock: Clock) -> None:
    member = describe("member")
    with store.write() as transaction:
        people = [add(transaction, 1, b"cn=p%d" % n) for n in range(4)]
        group = add(transaction, 1, b"cn=g", links=[("member", person) for person in people])
        for person in people[:3]:
            clock.now += DAY
            transaction.remove_links(1, group, member, [person], transaction.begin_change())
        number = transaction.attribute_number_for(member)
        assert purge_removed_links(transaction, START + 2.5 * DAY, most=1)
        assert purge_removed_links(transaction, START + 2.5 * DAY, most=1)
        assert not purge_removed_links(transaction, START + 2.5 * DAY, most=1)
        left = [target for target, _, present in transaction.link_stamps(1, group, number) if not present]
        assert left == [people[2]]
        # an added link takes the place of its removal
        transaction.add_links(1, group, member, [people[2]], transaction.begin_change())
        assert all(present for _, _, present in transaction.link_stamps(1, group, number))


def test_traces_of_removed_entries_go_in_slices(store: Store, clock: Clock) -> None:
    with store.write() as transaction:
        for number in range(5):
            person = add(transaction, 1, b"cn=p%d" % number)
            transaction.remove_entry(1, person, transaction.begin_change(), describe=SCHEMA.describe)
    clock.now += 2 * DAY
    rounds = 0
    more = True
    while more:
        with store.write() as transaction:
            more = purge_removals(transaction, clock.now, most=2)
        rounds += 1
    assert rounds == 3
    with store.read() as reader:
        assert [one.entry_id for one in reader.changes_since(0)] == [1]
        assert [one.entry_id for one in reader.changes_since(0, tenant=1)] == [1]
        assert list(check(reader, SCHEMA.describe)) == []
