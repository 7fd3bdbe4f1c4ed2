"""Stores that have seen the same changes hold the same state and show the same tree, whatever the order
of exchange.

Two and three stores do random operations concurrently and exchange whole states in random order, late and
twice. Invariants: merging is commutative, associative and idempotent; after a full exchange all states
are equal; the tree has one root, no circle, no name or unique value twice, no link to what is gone;
forgetting changes no tree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lightwave.directory.merge import (
    NEVER,
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
    merge,
    purge,
    resolve,
    settle,
)
from lightwave.directory.stamps import EntryStamps, Stamp
from lightwave.directory.store.stamps import decode_stamps, encode_stamps, global_stamps, local_stamps

ROOT, LOST = b"r" * 16, b"l" * 16
LINK, UNIQUE, SINGLE, PLAIN = "member", "mail", "title", "cn"
RULES = Rules(
    lost_and_found=LOST,
    unique=(Unique(UNIQUE, ROOT), Unique(SINGLE, b"")),
    links=frozenset({LINK}),
    single=frozenset({SINGLE}),
)
START = Stamp(0, b"S" * 16)
INITIAL: dict[bytes, EntryState] = {
    ROOT: EntryState(ROOT, START, Place(START, b"", b"dc=x", b"dc=x")),
    LOST: EntryState(LOST, START, Place(START, ROOT, b"cn=LostAndFound", b"cn=lostandfound")),
}

# (store, operation, two choices): choices pick among what is there, modulo
Step = tuple[int, int, int, int]
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 13), st.integers(0, 30), st.integers(0, 30)), max_size=40
)


class Replica:
    """A store: a state, a clock that never goes back, and operations as a server would allow them."""

    def __init__(self, number: int) -> None:
        self.server = bytes([65 + number]) * 16
        self.state: dict[bytes, EntryState] = dict(INITIAL)
        self.clock = 1

    def stamp(self) -> Stamp:
        self.clock += 1
        return Stamp(self.clock, self.server)

    def tree(self, now: float = 0.0) -> Tree:
        return resolve(self.state, RULES, now)

    def receive(self, state: State, clock: int) -> None:
        self.state = merge(self.state, state)
        self.clock = max(self.clock, clock)

    def pick(self, choice: int) -> EntryState | None:
        mine = sorted(set(self.tree().nodes) - {ROOT, LOST})
        return self.state[mine[choice % len(mine)]] if mine else None

    def act(self, operation: int, a: int, b: int) -> None:
        if operation <= 2:
            self.add(a, b, dynamic=operation == 2 and b % 3 == 0)
            return
        target = self.pick(a)
        if target is not None:
            changed = _OPERATIONS[(operation - 3) % len(_OPERATIONS)](self, target, b)
            if changed is not None:
                self.state[target.guid] = settle(changed)
        elif operation == 13:
            self.revive(b)

    def add(self, a: int, b: int, dynamic: bool) -> None:
        stamp = self.stamp()
        parents = sorted(self.tree().nodes)
        guid = stamp.clock.to_bytes(8, "big") + self.server[:8]
        name = b"cn=%d" % (b % 4)
        value = b"%d" % (b % 3)
        self.state[guid] = EntryState(
            guid,
            stamp,
            Place(stamp, parents[a % len(parents)], name, name),
            expiry=Expiry(stamp, 100.0 + b) if dynamic else Expiry(NEVER, None),
            attributes={
                key: AttributeState(stamp, {value: ValueState(stamp, True, value)}) for key in (PLAIN, UNIQUE)
            },
            secrets={b"credentials": SecretState(stamp, self.server)},
        )

    def revive(self, choice: int) -> None:
        gone = sorted(self.tree().tombstones)
        if gone:
            entry, stamp = self.state[gone[choice % len(gone)]], self.stamp()
            value = AttributeState(stamp, {b"back": ValueState(stamp, True, b"back")})
            self.state[entry.guid] = replace(entry, revived=stamp, attributes={PLAIN: value})


def rename(replica: Replica, entry: EntryState, choice: int) -> EntryState:
    name = b"cn=%d" % (choice % 4)
    return replace(entry, place=entry.place._replace(stamp=replica.stamp(), rdn=name, name=name))


def move(replica: Replica, entry: EntryState, choice: int) -> EntryState | None:
    nodes = replica.tree().nodes
    parents = sorted(nodes)
    parent = above = parents[choice % len(parents)]
    while above:
        if above == entry.guid:
            return None  # into its own subtree: refused
        above = nodes[above].parent
    # Whoever moves an entry sees where it stands: what it leaves is the tree's place, not the undone one.
    here = nodes[entry.guid].parent
    former = here if here != parent else entry.place.former_parent
    return replace(entry, place=Place(replica.stamp(), parent, entry.place.rdn, entry.place.name, former))


def replace_attribute(replica: Replica, entry: EntryState, choice: int) -> EntryState:
    stamp = replica.stamp()
    value = b"%d" % (choice % 5)
    values = {value: ValueState(stamp, True, value)} if choice % 7 else {}
    key = (PLAIN, UNIQUE, SINGLE)[choice % 3]
    return replace(entry, attributes={**entry.attributes, key: AttributeState(stamp, values)})


def touch_value(present: bool) -> Callable[[Replica, EntryState, int], EntryState]:
    def change(replica: Replica, entry: EntryState, choice: int) -> EntryState:
        stamp = replica.stamp()
        key = (PLAIN, UNIQUE, SINGLE)[choice % 3]
        value = b"%d" % (choice % 5)
        attribute = entry.attributes.get(key, AttributeState(entry.created, {}))
        values = {**attribute.values, value: ValueState(stamp, present, value if present else b"")}
        return replace(entry, attributes={**entry.attributes, key: AttributeState(attribute.stamp, values)})

    return change


def link(replica: Replica, entry: EntryState, choice: int) -> EntryState:
    targets = sorted(replica.tree().nodes)
    target, stamp = targets[choice % len(targets)], replica.stamp()
    attribute = entry.attributes.get(LINK, AttributeState(entry.created, {}))
    present = choice % 4 != 0
    values = {**attribute.values, target: ValueState(stamp, present, target if present else b"")}
    return replace(entry, attributes={**entry.attributes, LINK: AttributeState(attribute.stamp, values)})


def delete(replica: Replica, entry: EntryState, choice: int) -> EntryState | None:
    if any(node.parent == entry.guid for node in replica.tree().nodes.values()):
        return None  # notAllowedOnNonLeaf
    return replace(entry, deleted=replica.stamp())


def set_secret(replica: Replica, entry: EntryState, choice: int) -> EntryState:
    stamp = replica.stamp()
    sealed = b"%d" % stamp.clock if choice % 3 else None
    return replace(entry, secrets={b"credentials": SecretState(stamp, sealed)})


def refresh(replica: Replica, entry: EntryState, choice: int) -> EntryState | None:
    if entry.expiry.at is None:
        return None
    return replace(entry, expiry=Expiry(replica.stamp(), 100.0 + choice))


def revive_another(replica: Replica, entry: EntryState, choice: int) -> None:
    replica.revive(choice)


_OPERATIONS: tuple[Callable[[Replica, EntryState, int], EntryState | None], ...] = (
    rename,
    move,
    replace_attribute,
    touch_value(True),
    touch_value(False),
    link,
    delete,
    set_secret,
    refresh,
    revive_another,
    move,
)


class Network:
    """Stores that exchange states: a sent state arrives at any later step, perhaps twice, perhaps never."""

    def __init__(self, count: int) -> None:
        self.replicas = [Replica(number) for number in range(count)]
        self.sent: list[tuple[dict[bytes, EntryState], int]] = []

    def run(self, steps: list[Step], exchanges: list[tuple[int, int, int]]) -> None:
        schedule = iter(exchanges)
        for store, operation, a, b in steps:
            replica = self.replicas[store % len(self.replicas)]
            replica.act(operation, a, b)
            if b % 3 == 0:
                self.sent.append((dict(replica.state), replica.clock))
            at = next(schedule, None)
            if at is not None and self.sent and at[0] % 2:
                state, clock = self.sent[at[1] % len(self.sent)]
                self.replicas[at[2] % len(self.replicas)].receive(state, clock)

    def settle(self, order: list[int]) -> None:
        """Everybody hears everybody, in some order."""
        for first in order:
            for replica in self.replicas:
                sender = self.replicas[first % len(self.replicas)]
                replica.receive(sender.state, sender.clock)
        for _ in range(2):
            for replica in self.replicas:
                for sender in self.replicas:
                    replica.receive(sender.state, sender.clock)


EXCHANGES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 100), st.integers(0, 2)), max_size=40)
ORDER = st.lists(st.integers(0, 2), max_size=4)


def check_tree(tree: Tree) -> None:
    """What has to hold of every tree, however it came about."""
    nodes = tree.nodes
    names = [(node.parent, node.name) for node in nodes.values()]
    assert len(names) == len(set(names))
    for guid, node in nodes.items():
        seen = {guid}
        above = node.parent
        while above:
            assert above not in seen, "a circle"
            assert above in nodes, "a parent that is gone"
            seen.add(above)
            above = nodes[above].parent
        assert all(target in nodes for target in node.attributes.get(LINK, {}))
        assert len(node.attributes.get(SINGLE, {})) <= 1
    for key in (UNIQUE, SINGLE):
        values = [value for node in nodes.values() for value in node.attributes.get(key, {})]
        assert len(values) == len(set(values))
    assert not tree.tombstones & set(nodes)


@given(st.sampled_from([2, 3]), STEPS, EXCHANGES, ORDER)
def test_all_stores_end_alike(
    count: int, steps: list[Step], exchanges: list[tuple[int, int, int]], order: list[int]
) -> None:
    network = Network(count)
    network.run(steps, exchanges)
    for replica in network.replicas:
        check_tree(replica.tree())
    network.settle(order)
    first = network.replicas[0]
    for replica in network.replicas[1:]:
        assert replica.state == first.state
        assert replica.tree(110.0) == first.tree(110.0)
    for now in (0.0, 110.0, 1_000.0):
        check_tree(first.tree(now))


@given(STEPS, EXCHANGES)
def test_merging_is_commutative_associative_and_idempotent(
    steps: list[Step], exchanges: list[tuple[int, int, int]]
) -> None:
    network = Network(3)
    network.run(steps, exchanges)
    a, b, c = (replica.state for replica in network.replicas)
    assert merge(a, b) == merge(b, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    assert merge(a, a) == a
    assert merge(merge(a, b), b) == merge(a, b)


@given(STEPS, EXCHANGES, ORDER, STEPS, st.integers(0, 2))
def test_forgetting_what_all_have_seen_is_safe(
    steps: list[Step],
    exchanges: list[tuple[int, int, int]],
    order: list[int],
    later: list[Step],
    who: int,
) -> None:
    network = Network(3)
    network.run(steps, exchanges)
    network.settle(order)
    horizon = 1 + max(replica.clock for replica in network.replicas)
    for replica in network.replicas:
        replica.clock = horizon
    early = network.replicas[who]
    before = early.tree(110.0)
    early.state = purge(early.state, horizon=horizon, now=110.0)
    after = early.tree(110.0)
    assert after.nodes == before.nodes
    assert after.alarms == before.alarms
    # Life goes on, one store having forgotten and the others not; then all forget.
    network.sent.clear()
    network.run([step for step in later if step[1] != 13], exchanges)
    network.settle(order)
    trees = []
    for replica in network.replicas:
        replica.state = purge(replica.state, horizon=horizon, now=110.0)
        trees.append(replica.tree(110.0))
        check_tree(trees[-1])
    assert all(tree.nodes == trees[0].nodes for tree in trees)
    assert network.replicas[0].state == network.replicas[1].state == network.replicas[2].state


def as_stored(entry: EntryState) -> tuple[EntryStamps, dict[str, dict[bytes, bytes]], dict[bytes, bytes]]:
    """What the store keeps of an entry's state: stamps where they differ, values that are there, secrets."""
    stamps = EntryStamps(
        entry.created,
        entry.place.stamp,
        None if entry.deleted == NEVER else entry.deleted,
        None if entry.revived == NEVER else entry.revived,
        entry.place.former_parent,
    )
    parts = {"secret:" + kind.decode(): secret.stamp for kind, secret in entry.secrets.items()}
    parts |= {key: attribute.stamp for key, attribute in entry.attributes.items()}
    if entry.expiry.stamp != NEVER:
        parts["expiry"] = entry.expiry.stamp
    stamps.attributes = {key: stamp for key, stamp in parts.items() if stamp != entry.created}
    for key, attribute in entry.attributes.items():
        own = {
            identity: (value.stamp, value.present)
            for identity, value in attribute.values.items()
            if value.stamp != attribute.stamp
        }
        if own:
            stamps.values[key] = own
    values = {
        key: {identity: value.value for identity, value in attribute.values.items() if value.present}
        for key, attribute in entry.attributes.items()
    }
    secrets = {kind: secret.sealed for kind, secret in entry.secrets.items() if secret.sealed is not None}
    return stamps, {key: there for key, there in values.items() if there}, secrets


def from_stored(
    entry: EntryState,
    stamps: EntryStamps,
    values: dict[str, dict[bytes, bytes]],
    secrets: dict[bytes, bytes],
) -> EntryState:
    """The state again; of `entry` only what stands in the record as such is used: place, GUID, time of expiry."""
    attributes = {}
    own_keys = {key for key in stamps.attributes if key != "expiry" and not key.startswith("secret:")}
    for key in own_keys | set(stamps.values) | set(values):
        states = {
            identity: ValueState(stamps.value_stamp(key, identity), True, value)
            for identity, value in values.get(key, {}).items()
        }
        for identity, (stamp, present) in stamps.values.get(key, {}).items():
            if not present:
                states[identity] = ValueState(stamp, False, b"")
        attributes[key] = AttributeState(stamps.attribute_stamp(key), states)
    kinds = {key[7:].encode() for key in stamps.attributes if key.startswith("secret:")} | set(secrets)
    return EntryState(
        guid=entry.guid,
        created=stamps.created,
        place=entry.place._replace(stamp=stamps.name, former_parent=stamps.former_parent),
        deleted=stamps.deleted or NEVER,
        revived=stamps.revived or NEVER,
        expiry=Expiry(
            NEVER if entry.expiry.at is None else stamps.attribute_stamp("expiry"), entry.expiry.at
        ),
        attributes=attributes,
        secrets={
            kind: SecretState(stamps.attribute_stamp("secret:" + kind.decode()), secrets.get(kind))
            for kind in kinds
        },
    )


@given(STEPS, EXCHANGES)
def test_the_stored_stamps_hold_the_whole_state(
    steps: list[Step], exchanges: list[tuple[int, int, int]]
) -> None:
    """Whatever two stores did: state -> what the store keeps -> state is the same state."""
    network = Network(2)
    network.run(steps, exchanges)
    network.settle([0])
    numbers: dict[bytes, int] = {}
    keys: list[str] = []

    def number_of(key: str) -> int:
        if key not in keys:
            keys.append(key)
        return keys.index(key)

    for entry in network.replicas[0].state.values():
        stamps, values, secrets = as_stored(entry)
        local = local_stamps(stamps, lambda guid: numbers.setdefault(guid, len(numbers)), number_of)
        kept = decode_stamps(encode_stamps(local))
        guids = {number: guid for guid, number in numbers.items()}
        again = global_stamps(kept, guids.__getitem__, keys.__getitem__)
        assert again == stamps
        assert from_stored(entry, again, values, secrets) == entry


GUIDS = [ROOT, LOST, *(bytes([97 + number]) * 16 for number in range(5))]
STAMPS = st.builds(Stamp, st.integers(0, 6), st.sampled_from([b"A" * 16, b"B" * 16]))
VALUES = st.builds(ValueState, STAMPS, st.booleans(), st.sampled_from([b"1", b"2"]))
IDENTITIES = st.sampled_from([b"1", b"2", *GUIDS])
NAMES = st.sampled_from([b"cn=1", b"cn=2"])
PARENTS = st.sampled_from([b"", *GUIDS, b"?" * 16])
ENTRIES = st.builds(
    EntryState,
    guid=st.just(b""),
    created=STAMPS,
    place=st.builds(Place, STAMPS, PARENTS, NAMES, NAMES, PARENTS),
    deleted=STAMPS | st.just(NEVER),
    revived=STAMPS | st.just(NEVER),
    expiry=st.builds(Expiry, STAMPS, st.none() | st.floats(0, 10)),
    attributes=st.dictionaries(
        st.sampled_from([PLAIN, UNIQUE, SINGLE, LINK]),
        st.builds(AttributeState, STAMPS, st.dictionaries(IDENTITIES, VALUES, max_size=3)),
    ),
    secrets=st.dictionaries(
        st.sampled_from([b"credentials"]),
        st.builds(SecretState, STAMPS, st.none() | st.sampled_from([b"x", b"y"])),
    ),
)
STATES = st.dictionaries(st.sampled_from(GUIDS), ENTRIES).map(
    lambda state: {guid: settle(replace(entry, guid=guid)) for guid, entry in state.items()}
)


@given(STATES)
def test_any_state_at_all_means_a_tree(state: dict[bytes, EntryState]) -> None:
    """Even what no honest store would send: circles of one, parents that never were, LostAndFound
    below all.
    """
    tree = resolve(state, RULES, 5.0)
    for guid, node in tree.nodes.items():
        seen = {guid}
        above = node.parent
        while above in tree.nodes:
            assert above not in seen, "a circle"
            seen.add(above)
            above = tree.nodes[above].parent
        assert above in (b"", LOST)
    names = [(node.parent, node.name) for node in tree.nodes.values()]
    assert len(names) == len(set(names))


@given(STATES, STATES)
def test_any_two_states_merge_alike_from_both_sides(
    one: dict[bytes, EntryState], other: dict[bytes, EntryState]
) -> None:
    merged = merge(one, other)
    assert merged == merge(other, one)
    assert merge(merged, merged) == merged
