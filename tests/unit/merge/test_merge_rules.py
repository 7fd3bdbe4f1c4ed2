"""Each rule of the merge as a named case: two stores, what each did, and the tree that both then have."""

from __future__ import annotations

from dataclasses import replace

from lightwave.directory.merge import (
    AttributeState,
    EntryState,
    Expiry,
    Place,
    Rules,
    SecretState,
    State,
    Tree,
    Unique,
    ValueState,
    conflict_name,
    merge,
    purge,
    resolve,
    settle,
)
from lightwave.directory.stamps import Stamp

A, B = b"A" * 16, b"B" * 16
ROOT, LOST = b"r" * 16, b"l" * 16
X, Y, Z = b"x" * 16, b"y" * 16, b"z" * 16
RULES = Rules(
    lost_and_found=LOST,
    unique=(Unique("mail", ROOT),),
    links=frozenset({"member"}),
    single=frozenset({"title"}),
)


def at(clock: int, server: bytes = A) -> Stamp:
    return Stamp(clock, server)


def entry(guid: bytes, name: str, parent: bytes = ROOT, clock: int = 1, server: bytes = A) -> EntryState:
    stamp = at(clock, server)
    rdn = f"cn={name}".encode()
    return EntryState(guid, stamp, Place(stamp, parent, rdn, rdn.lower()))


def having(state: EntryState, key: str, *values: str, clock: int, server: bytes = A) -> EntryState:
    """With an attribute written as a whole."""
    stamp = at(clock, server)
    attribute = AttributeState(
        stamp, {value.encode(): ValueState(stamp, True, value.encode()) for value in values}
    )
    return replace(state, attributes={**state.attributes, key: attribute})


def touching(
    state: EntryState, key: str, value: str | bytes, present: bool, clock: int, server: bytes = A
) -> EntryState:
    """With one value added or removed."""
    identity = value.encode() if isinstance(value, str) else value
    attribute = state.attributes.get(key, AttributeState(state.created, {}))
    values = {**attribute.values, identity: ValueState(at(clock, server), present, identity)}
    return replace(state, attributes={**state.attributes, key: AttributeState(attribute.stamp, values)})


def moved(state: EntryState, parent: bytes, clock: int, server: bytes = A) -> EntryState:
    place = state.place
    former = place.parent if parent != place.parent else place.former_parent
    return replace(state, place=Place(at(clock, server), parent, place.rdn, place.name, former))


def deleted(state: EntryState, clock: int, server: bytes = A) -> EntryState:
    return settle(replace(state, deleted=at(clock, server)))


def base(*entries: EntryState) -> dict[bytes, EntryState]:
    root = EntryState(ROOT, at(0), Place(at(0), b"", b"dc=example", b"dc=example"))
    lost = entry(LOST, "LostAndFound", clock=0)
    return {state.guid: state for state in (root, lost, *entries)}


def both(one: State, other: State, now: float = 0.0, rules: Rules = RULES) -> Tree:
    """The tree after an exchange, which has to be the same on both sides."""
    merged = merge(one, other)
    assert merged == merge(other, one)
    assert merge(merged, one) == merged
    assert merge(merged, merged) == merged
    return resolve(merged, rules, now)


def values(tree: Tree, guid: bytes, key: str) -> set[bytes]:
    return set(tree.nodes[guid].attributes.get(key, {}))


# --- attributes and values by latest stamp


def test_the_later_of_two_replaced_attributes_holds() -> None:
    x = entry(X, "x")
    tree = both(base(having(x, "sn", "old", clock=10)), base(having(x, "sn", "new", clock=11, server=B)))
    assert values(tree, X, "sn") == {b"new"}


def test_under_one_clock_value_the_server_decides() -> None:
    x = entry(X, "x")
    tree = both(
        base(having(x, "sn", "a", clock=10, server=A)), base(having(x, "sn", "b", clock=10, server=B))
    )
    assert values(tree, X, "sn") == {b"b"}


def test_different_attributes_do_not_touch_each_other() -> None:
    x = entry(X, "x")
    tree = both(base(having(x, "sn", "a", clock=10)), base(having(x, "title", "b", clock=5, server=B)))
    assert (values(tree, X, "sn"), values(tree, X, "title")) == ({b"a"}, {b"b"})


def test_values_added_on_both_sides_are_all_there() -> None:
    x = having(entry(X, "x"), "cn", "x", clock=1)
    one = touching(x, "cn", "a", True, 10)
    other = touching(x, "cn", "b", True, 9, B)
    assert values(both(base(one), base(other)), X, "cn") == {b"x", b"a", b"b"}


def test_a_removed_value_stays_removed_until_it_is_added_later() -> None:
    x = having(entry(X, "x"), "cn", "x", "y", clock=1)
    removed = touching(x, "cn", "y", False, 10)
    assert values(both(base(removed), base(x)), X, "cn") == {b"x"}
    earlier = touching(x, "cn", "y", True, 9, B)
    assert values(both(base(removed), base(earlier)), X, "cn") == {b"x"}
    later = touching(x, "cn", "y", True, 11, B)
    assert values(both(base(removed), base(later)), X, "cn") == {b"x", b"y"}


def test_a_whole_write_forgets_older_values_and_keeps_later_ones() -> None:
    x = having(entry(X, "x"), "cn", "x", clock=1)
    replaced = having(x, "cn", "new", clock=10)
    other = touching(touching(x, "cn", "before", True, 9, B), "cn", "after", True, 11, B)
    assert values(both(base(replaced), base(other)), X, "cn") == {b"new", b"after"}


def test_a_single_valued_attribute_keeps_the_later_value() -> None:
    x = having(entry(X, "x"), "title", clock=1)
    one = touching(x, "title", "first", True, 10)
    other = touching(x, "title", "second", True, 11, B)
    assert values(both(base(one), base(other)), X, "title") == {b"second"}


# --- secrets


def test_two_passwords_never_mix() -> None:
    x = entry(X, "x")
    one = replace(x, secrets={b"credentials": SecretState(at(10), b"all of one")})
    other = replace(x, secrets={b"credentials": SecretState(at(11, B), b"all of the other")})
    assert both(base(one), base(other)).nodes[X].secrets == {b"credentials": b"all of the other"}


def test_a_later_removal_of_a_secret_holds() -> None:
    x = entry(X, "x")
    one = replace(x, secrets={b"credentials": SecretState(at(10), b"sealed")})
    other = replace(x, secrets={b"credentials": SecretState(at(11, B), None)})
    assert both(base(one), base(other)).nodes[X].secrets == {}


# --- names


def test_of_two_entries_with_one_name_the_younger_is_renamed() -> None:
    tree = both(base(entry(X, "Same", clock=10)), base(entry(Y, "same", clock=11, server=B)))
    assert tree.nodes[X].rdn == b"cn=Same"
    assert tree.nodes[Y].rdn == b"cn=same\\0ACNF:79797979-7979-7979-7979-797979797979"
    assert tree.nodes[Y].name != tree.nodes[X].name
    assert [(alarm.rule, alarm.guid, alarm.other) for alarm in tree.alarms] == [("name", Y, X)]


def test_a_rename_into_a_taken_name_gives_way() -> None:
    x, y = entry(X, "x", clock=1), entry(Y, "y", clock=2)
    renamed = replace(x, place=Place(at(10), ROOT, b"cn=new", b"cn=new"))
    added = entry(Z, "new", clock=9, server=B)
    tree = both(base(renamed, y), base(x, y, added))
    assert tree.nodes[Z].rdn == b"cn=new"
    assert tree.nodes[X].rdn == conflict_name(b"cn=new", X)


def test_a_name_returns_when_its_holder_goes() -> None:
    x, y = entry(X, "same", clock=10), entry(Y, "same", clock=11, server=B)
    tree = both(base(deleted(x, 20)), base(y))
    assert tree.nodes[Y].rdn == b"cn=same"
    assert not tree.alarms


def test_a_name_that_looks_like_a_conflict_is_no_way_to_take_one() -> None:
    bad = entry(Z, "bad", clock=5)
    looks = conflict_name(b"cn=same", Y)
    bad = replace(bad, place=Place(at(5), ROOT, looks, looks))
    tree = both(base(entry(X, "same", clock=10), bad), base(entry(Y, "same", clock=11, server=B)))
    assert len({node.name for node in tree.nodes.values() if node.parent == ROOT}) == 4


# --- deletion, orphans, revival


def test_a_child_under_a_deleted_parent_goes_to_lost_and_found() -> None:
    x = entry(X, "x")
    tree = both(base(deleted(x, 10)), base(x, entry(Y, "child", parent=X, clock=11, server=B)))
    assert tree.nodes[Y].parent == LOST
    assert tree.tombstones == {X}
    assert tree.alarms[0].rule == "orphan"


def test_a_subtree_under_a_deleted_parent_stays_together() -> None:
    x = entry(X, "x")
    y = entry(Y, "child", parent=X, clock=11, server=B)
    z = entry(Z, "grandchild", parent=Y, clock=12, server=B)
    tree = both(base(deleted(x, 10)), base(x, y, z))
    assert (tree.nodes[Y].parent, tree.nodes[Z].parent) == (LOST, Y)


def test_orphans_return_when_their_parent_is_restored() -> None:
    x = entry(X, "x")
    child = entry(Y, "child", parent=X, clock=11, server=B)
    restored = replace(deleted(x, 10), revived=at(20))
    assert both(base(restored), base(x, child)).nodes[Y].parent == X


def test_a_deletion_wins_over_a_later_change_of_an_attribute() -> None:
    x = having(entry(X, "x"), "sn", "a", clock=1)
    tree = both(base(deleted(x, 10)), base(having(x, "sn", "b", clock=11, server=B)))
    assert X not in tree.nodes


def test_a_restored_entry_is_a_revival_with_a_later_stamp() -> None:
    x = having(having(entry(X, "x"), "sn", "old", clock=1), "mail", "m", clock=1)
    gone = deleted(x, 10)
    restored = having(replace(gone, revived=at(20)), "sn", "new", clock=20)
    tree = both(base(restored), base(having(x, "mail", "n", clock=9, server=B)))
    assert values(tree, X, "sn") == {b"new"}
    assert values(tree, X, "mail") == set()  # older than the deletion: whoever restores writes what is to be


def test_a_deletion_after_the_revival_holds() -> None:
    x = entry(X, "x")
    restored = replace(deleted(x, 10), revived=at(20))
    again = deleted(restored, 30, B)
    assert X not in both(base(restored), base(again)).nodes


def test_lost_and_found_can_not_be_lost() -> None:
    x = entry(X, "x")
    one = base(deleted(x, 10))
    one[LOST] = deleted(one[LOST], 12)
    tree = both(one, base(x, entry(Y, "child", parent=X, clock=11, server=B)))
    assert tree.nodes[Y].parent == LOST
    assert LOST in tree.nodes


def test_a_link_to_what_is_gone_is_not_seen() -> None:
    group = touching(
        touching(having(entry(X, "g"), "member", clock=1), "member", Y, True, 5), "member", Z, True, 6
    )
    y, z = entry(Y, "y"), entry(Z, "z")
    tree = both(base(group, y, z), base(group, deleted(y, 10, B), z))
    assert values(tree, X, "member") == {Z}


# --- moves


def test_of_two_moves_that_close_a_circle_the_later_holds() -> None:
    x, y = entry(X, "x", clock=1), entry(Y, "y", clock=2)
    tree = both(base(moved(x, Y, 10), y), base(x, moved(y, X, 11, B)))
    assert tree.nodes[Y].parent == X  # the later move holds
    assert tree.nodes[X].parent == ROOT  # the other stays
    assert [(alarm.rule, alarm.guid) for alarm in tree.alarms] == [("cycle", X)]


def test_a_circle_of_three() -> None:
    x, y, z = entry(X, "x"), entry(Y, "y"), entry(Z, "z")
    one = base(moved(x, Y, 10), y, z)
    other = base(x, moved(y, Z, 11, B), z)
    third = base(x, y, moved(z, X, 12, b"C" * 16))
    tree = both(merge(one, other), third)
    assert [tree.nodes[guid].parent for guid in (X, Y, Z)] == [ROOT, Z, X]


def test_the_later_of_two_moves_of_one_entry_holds() -> None:
    x, y, z = entry(X, "x"), entry(Y, "y"), entry(Z, "z")
    tree = both(base(moved(x, Y, 10), y, z), base(moved(x, Z, 11, B), y, z))
    assert tree.nodes[X].parent == Z


def test_an_undone_move_to_a_place_that_is_gone_ends_in_lost_and_found() -> None:
    old = entry(Z, "old")
    x, y = entry(X, "x", parent=Z), entry(Y, "y")
    tree = both(base(moved(x, Y, 10), y, deleted(old, 12)), base(x, moved(y, X, 11, B), old))
    assert tree.nodes[X].parent == LOST


def test_lost_and_found_below_an_orphan_is_freed() -> None:
    x = entry(X, "x", parent=Y)
    one = base(x, deleted(entry(Y, "y"), 12))
    one[LOST] = moved(one[LOST], X, 11)
    tree = both(one, one)
    assert tree.nodes[X].parent == LOST
    assert tree.nodes[LOST].parent in (ROOT, b"")


# --- uniqueness


def test_a_unique_value_taken_twice_is_lost_by_the_younger() -> None:
    x = having(entry(X, "x"), "mail", "m@example", clock=10)
    y = having(entry(Y, "y"), "mail", "m@example", "y@example", clock=11, server=B)
    tree = both(base(x), base(y))
    assert values(tree, X, "mail") == {b"m@example"}
    assert values(tree, Y, "mail") == {b"y@example"}
    assert [(alarm.rule, alarm.guid, alarm.other) for alarm in tree.alarms] == [("unique", Y, X)]


def test_a_unique_value_counts_below_its_scope_only() -> None:
    x = having(entry(X, "x", parent=Z), "mail", "m", clock=10)
    y = having(entry(Y, "y"), "mail", "m", clock=11, server=B)
    rules = replace(RULES, unique=(Unique("mail", Z),))
    tree = both(base(entry(Z, "z"), x), base(entry(Z, "z"), y), rules=rules)
    assert values(tree, X, "mail") == values(tree, Y, "mail") == {b"m"}
    everywhere = both(
        base(entry(Z, "z"), x), base(entry(Z, "z"), y), rules=replace(RULES, unique=(Unique("mail"),))
    )
    assert values(everywhere, Y, "mail") == set()


# --- dynamic entries


def dynamic(state: EntryState, expires: float, clock: int, server: bytes = A) -> EntryState:
    return replace(state, expiry=Expiry(at(clock, server), expires))


def test_a_dynamic_entry_expires_everywhere_at_its_time_and_leaves_no_tombstone() -> None:
    x = dynamic(entry(X, "x"), 100.0, 1)
    assert X in both(base(x), base(x), now=99.9).nodes
    after = both(base(x), base(x), now=100.0)
    assert X not in after.nodes
    assert X not in after.tombstones
    assert X not in purge(base(x), horizon=0, now=100.0)


def test_the_later_refresh_of_a_dynamic_entry_holds() -> None:
    x = dynamic(entry(X, "x"), 100.0, 1)
    tree = both(base(dynamic(x, 200.0, 10)), base(dynamic(x, 150.0, 11, B)), now=120.0)
    assert tree.nodes[X].expires == 150.0


def test_a_dynamic_entry_deleted_earlier_leaves_a_tombstone_that_dies_at_that_time() -> None:
    x = dynamic(entry(X, "x"), 100.0, 1)
    gone = deleted(x, 10)
    assert both(base(gone), base(x), now=50.0).tombstones == {X}
    assert X in purge(base(gone), horizon=10**9, now=50.0)
    assert both(base(gone), base(x), now=100.0).tombstones == frozenset()
    assert X not in purge(base(gone), horizon=0, now=100.0)


def test_what_is_below_an_expired_entry_goes_to_lost_and_found() -> None:
    x = dynamic(entry(X, "x"), 100.0, 1)
    tree = both(base(x, entry(Y, "y", parent=X)), base(), now=100.0)
    assert tree.nodes[Y].parent == LOST


# --- forgetting


def test_tombstones_and_removals_are_forgotten_after_their_lifetime() -> None:
    x = deleted(entry(X, "x"), 10)
    y = touching(having(entry(Y, "y"), "cn", "y", clock=1), "cn", "z", False, 10)
    y = replace(y, secrets={b"credentials": SecretState(at(10), None)})
    state = base(x, y)
    assert purge(state, horizon=10, now=0.0) == state
    kept = purge(state, horizon=11, now=0.0)
    assert X not in kept
    assert kept[Y].secrets == {}
    assert set(kept[Y].attributes["cn"].values) == {b"y"}
    assert resolve(kept, RULES, 0.0).nodes == resolve(state, RULES, 0.0).nodes


def test_a_forgotten_tombstone_may_come_back_and_is_forgotten_again() -> None:
    state = base(deleted(entry(X, "x"), 10))
    kept = purge(state, horizon=11, now=0.0)
    assert both(kept, state).nodes == resolve(kept, RULES, 0.0).nodes
    assert purge(merge(kept, state), horizon=11, now=0.0) == kept
