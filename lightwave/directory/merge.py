"""Replicated state + replicated state -> state; and what tree a state means. Pure.

A state maps GUIDs to entries. Each part of an entry (its place, each attribute, each value, each secret, its
deletion) is kept with the stamp of its last change, and merging takes the later one of each: states form a
semilattice, so `merge` is commutative, associative and idempotent, and stores that have seen the same
changes in any order hold the same state. `resolve` then derives the tree from the state alone, so the
rules that concern several entries (names, cycles, orphans, uniqueness) give every store the same answer,
and an answer changes by itself when its cause goes away:

- a child under a deleted parent stands in LostAndFound;
- A moved under B while B was moved under A: the later move holds, the other stays where it was;
- of two entries with one name the younger one (the later to take it) is named `RDN\\0ACNF:<guid>`;
- of two entries with one unique value the younger one loses it;
- a dynamic entry (RFC 2589) is gone everywhere at its own absolute time.

Stamps are of honest clocks: one stamp belongs to one operation. What two stores disagree on under the
same stamp is decided by the bytes, so that even then they end up alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from lightwave.directory.stamps import Stamp

NEVER = Stamp(-1, b"")
"""before all stamps"""
_CONFLICT = b"\\0ACNF:"


class Place(NamedTuple):
    """Where an entry stands and since when.

    parent: GUID, b"" for the root of a naming context. rdn: as text; name: normalised. former_parent:
    GUID of the last parent that differs from this one, b"" when there was none.
    """

    stamp: Stamp
    parent: bytes
    rdn: bytes
    name: bytes
    former_parent: bytes = b""


class ValueState(NamedTuple):
    """One value: present since `stamp`, or removed then (and its bytes forgotten: `value` is empty)."""

    stamp: Stamp
    present: bool
    value: bytes


@dataclass(frozen=True, slots=True)
class AttributeState:
    """One attribute: when it was last written as a whole, and its values by identity.

    No value is older than `stamp`: to write the whole attribute is to forget what was before.
    """

    stamp: Stamp
    values: Mapping[bytes, ValueState]


class SecretState(NamedTuple):
    """One sealed value, or its removal (None). It is one value with one stamp, so two passwords can't mix."""

    stamp: Stamp
    sealed: bytes | None


class Expiry(NamedTuple):
    """When a dynamic entry ends, in seconds since the epoch; None for an entry that is not dynamic."""

    stamp: Stamp
    at: float | None


NOT_DYNAMIC = Expiry(NEVER, None)


@dataclass(frozen=True, slots=True)
class EntryState:
    """Everything that is replicated of one entry.

    deleted, revived: stamps of the last deletion and of the last restoration, NEVER where there was none;
    the later one holds. Attributes and secrets older than the last deletion are gone, whether it was
    undone or not: who restores an entry writes anew what it shall have. attributes are by
    `AttributeDescription.key`; a value of a link attribute has the target's GUID as its identity.
    """

    guid: bytes
    created: Stamp
    place: Place
    deleted: Stamp = NEVER
    revived: Stamp = NEVER
    expiry: Expiry = NOT_DYNAMIC
    attributes: Mapping[str, AttributeState] = field(default_factory=dict)
    secrets: Mapping[bytes, SecretState] = field(default_factory=dict)

    @property
    def is_deleted(self) -> bool:
        """Whether the entry is a tombstone."""
        return self.deleted > self.revived


State = Mapping[bytes, EntryState]


def merge(one: State, other: State) -> dict[bytes, EntryState]:
    """The least state that has seen all that both have seen."""
    merged = dict(one)
    for guid, entry in other.items():
        present = merged.get(guid)
        merged[guid] = entry if present is None else merge_entry(present, entry)
    return merged


def merge_entry(one: EntryState, other: EntryState) -> EntryState:
    """The same for two states of one entry."""
    return settle(
        EntryState(
            guid=one.guid,
            created=min(one.created, other.created),
            place=max(one.place, other.place),
            deleted=max(one.deleted, other.deleted),
            revived=max(one.revived, other.revived),
            expiry=max(one.expiry, other.expiry, key=_expiry_order),
            attributes={
                key: _merge_attribute(one.attributes.get(key), other.attributes.get(key))
                for key in {**one.attributes, **other.attributes}
            },
            secrets={
                kind: max(
                    one.secrets.get(kind, _NO_SECRET), other.secrets.get(kind, _NO_SECRET), key=_secret_order
                )
                for kind in {**one.secrets, **other.secrets}
            },
        )
    )


def settle(entry: EntryState) -> EntryState:
    """The normal form, which `merge` expects: nothing older than what made it void (see the classes'
    invariants).
    """
    floor = entry.deleted
    attributes = {}
    for key, attribute in entry.attributes.items():
        stamp = max(attribute.stamp, floor)
        values = {identity: state for identity, state in attribute.values.items() if state.stamp >= stamp}
        if values or attribute.stamp >= floor:
            attributes[key] = AttributeState(stamp, values)
    return replace(
        entry,
        attributes=attributes,
        secrets={kind: secret for kind, secret in entry.secrets.items() if secret.stamp >= floor},
    )


_NO_SECRET = SecretState(NEVER, None)


def _expiry_order(expiry: Expiry) -> tuple[Stamp, float]:
    return expiry.stamp, -1.0 if expiry.at is None else expiry.at


def _secret_order(secret: SecretState) -> tuple[Stamp, bytes]:
    return secret.stamp, secret.sealed or b""


def _merge_attribute(one: AttributeState | None, other: AttributeState | None) -> AttributeState:
    if one is None or other is None:
        present = one or other
        assert present is not None
        return present
    stamp = max(one.stamp, other.stamp)
    values = dict(one.values)
    for identity, state in other.values.items():
        present_state = values.get(identity)
        values[identity] = state if present_state is None else max(present_state, state)
    return AttributeState(stamp, values)


# --- forgetting


def purge(state: State, *, horizon: int, now: float) -> dict[bytes, EntryState]:
    """`state` without what nobody needs any more.

    That is: stamps of removals and tombstones from before the clock value `horizon`, and dynamic entries,
    dead or alive, whose time is over at `now` (seconds since the epoch). Safe as long as every store has
    seen everything from before the horizon: no older addition can come any more.
    """
    kept = {}
    for guid, entry in state.items():
        if _is_over(entry, now):
            continue
        if entry.is_deleted and entry.expiry.at is None and entry.deleted.clock < horizon:
            continue
        kept[guid] = replace(
            entry,
            attributes=_without_old_removals(entry.attributes, horizon),
            secrets={
                kind: secret
                for kind, secret in entry.secrets.items()
                if secret.sealed is not None or secret.stamp.clock >= horizon
            },
        )
    return kept


def _without_old_removals(
    attributes: Mapping[str, AttributeState], horizon: int
) -> dict[str, AttributeState]:
    kept = {}
    for key, attribute in attributes.items():
        values = {
            identity: state
            for identity, state in attribute.values.items()
            if state.present or state.stamp.clock >= horizon
        }
        if values or attribute.stamp.clock >= horizon:
            kept[key] = AttributeState(attribute.stamp, values)
    return kept


def _is_over(entry: EntryState, now: float) -> bool:
    return entry.expiry.at is not None and entry.expiry.at <= now


# --- the tree that a state means


@dataclass(frozen=True, slots=True)
class Unique:
    """A value of attribute `key` stands once at most below the entry of GUID `scope` (b"": everywhere)."""

    key: str
    scope: bytes = b""


@dataclass(frozen=True, slots=True)
class Rules:
    """What `resolve` has to know of one tenant.

    lost_and_found: GUID of the entry that takes orphans; it can't be lost itself. links: keys of the
    attributes whose values are GUIDs of entries. single: keys of the attributes that have one value.
    """

    lost_and_found: bytes
    unique: tuple[Unique, ...] = ()
    links: frozenset[str] = frozenset()
    single: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Node:
    """An entry as everybody sees it. attributes: values by identity; an attribute without values is
    not there.
    """

    guid: bytes
    parent: bytes
    rdn: bytes
    name: bytes
    attributes: Mapping[str, Mapping[bytes, bytes]]
    secrets: Mapping[bytes, bytes]
    expires: float | None


class Alarm(NamedTuple):
    """Something that a person should look at: what the merge had to decide.

    `guid` is the entry that gave way.
    """

    rule: str
    guid: bytes
    other: bytes
    detail: str


@dataclass(frozen=True, slots=True)
class Tree:
    """All live entries by GUID, the GUIDs of tombstones, and what had to be decided."""

    nodes: Mapping[bytes, Node]
    tombstones: frozenset[bytes]
    alarms: tuple[Alarm, ...]


def resolve(state: State, rules: Rules, now: float) -> Tree:
    """The tree that `state` means at `now` (seconds since the epoch)."""
    alarms: list[Alarm] = []
    live = {
        guid: entry
        for guid, entry in state.items()
        if not _is_over(entry, now) and (not entry.is_deleted or guid == rules.lost_and_found)
    }
    parents = _parents(live, rules, alarms)
    names = _names(live, parents, alarms)
    attributes = {guid: _visible(entry, rules, live) for guid, entry in live.items()}
    for unique in rules.unique:
        _make_unique(unique, live, parents, attributes, alarms)
    nodes = {
        guid: Node(
            guid=guid,
            parent=parents[guid],
            rdn=names[guid][0],
            name=names[guid][1],
            attributes={
                key: {identity: state.value for identity, state in sorted(values.items())}
                for key, values in sorted(attributes[guid].items())
                if values
            },
            secrets={
                kind: secret.sealed
                for kind, secret in sorted(entry.secrets.items())
                if secret.sealed is not None
            },
            expires=entry.expiry.at,
        )
        for guid, entry in sorted(live.items())
    }
    tombstones = frozenset(
        guid for guid, entry in state.items() if guid not in live and not _is_over(entry, now)
    )
    return Tree(nodes, tombstones, tuple(sorted(alarms)))


def _parents(live: State, rules: Rules, alarms: list[Alarm]) -> dict[bytes, bytes]:
    """Each live entry's parent: orphans under LostAndFound, and no circle.

    Each round undoes a move, which an entry has one of, or takes LostAndFound to the root, once: it ends.
    """
    refuge = rules.lost_and_found
    parents = {guid: entry.place.parent for guid, entry in live.items()}
    former = {guid: entry.place.former_parent for guid, entry in live.items()}
    while True:
        for guid, parent in parents.items():
            if parent and parent not in live and parent != refuge:
                parents[guid] = refuge if guid != refuge else b""
                alarms.append(Alarm("orphan", guid, parent, "its parent is gone"))
        cycles = _cycles(parents)
        if not cycles:
            return parents
        for cycle in cycles:
            # The later move holds: of all that close the circle, the earliest one is undone.
            loser = min(cycle, key=lambda guid: (live[guid].place.stamp, guid))
            if refuge in cycle and not former[loser]:
                loser = refuge
            alarms.append(Alarm("cycle", loser, parents[loser], "its move was undone"))
            parents[loser] = former.pop(loser, b"") or (refuge if loser != refuge else b"")
            former[loser] = b""


def _cycles(parents: Mapping[bytes, bytes]) -> list[list[bytes]]:
    """All circles of a graph where each has one parent at most."""
    seen: dict[bytes, int] = {}
    cycles = []
    for number, start in enumerate(parents):
        guid = start
        while guid in parents and guid not in seen:
            seen[guid] = number
            guid = parents[guid]
        if seen.get(guid) == number:
            cycle = [guid]
            while parents[cycle[-1]] != guid:
                cycle.append(parents[cycle[-1]])
            cycles.append(cycle)
    return cycles


def _names(
    live: State, parents: Mapping[bytes, bytes], alarms: list[Alarm]
) -> dict[bytes, tuple[bytes, bytes]]:
    """(RDN, normalised RDN) of each live entry; who took a name later gives way."""
    names: dict[bytes, tuple[bytes, bytes]] = {}
    taken: dict[tuple[bytes, bytes], bytes] = {}
    for guid, entry in sorted(live.items(), key=lambda item: (item[1].place.stamp, item[0])):
        rdn, name = entry.place.rdn, entry.place.name
        holder = taken.get((parents[guid], name))
        if holder is not None:
            alarms.append(Alarm("name", guid, holder, "another entry has its name"))
        while (parents[guid], name) in taken:
            rdn, name = conflict_name(rdn, guid), conflict_name(name, guid)
        taken[parents[guid], name] = guid
        names[guid] = rdn, name
    return names


def conflict_name(rdn: bytes, guid: bytes) -> bytes:
    """`RDN\\0ACNF:<guid>`, the GUID as RFC 4122 text: an escaped line feed can't be in a name that
    people give.
    """
    digits = guid.hex()
    text = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return rdn + _CONFLICT + text.encode()


def _visible(entry: EntryState, rules: Rules, live: State) -> dict[str, dict[bytes, ValueState]]:
    """The values that are there: not removed, no link to what is gone, one for a single-valued attribute."""
    visible = {}
    for key, attribute in entry.attributes.items():
        values = {identity: state for identity, state in attribute.values.items() if state.present}
        if key in rules.links:
            values = {identity: state for identity, state in values.items() if identity in live}
        if key in rules.single and len(values) > 1:
            last = max(values, key=lambda identity: (values[identity], identity))
            values = {last: values[last]}
        visible[key] = values
    return visible


def _make_unique(
    unique: Unique,
    live: State,
    parents: Mapping[bytes, bytes],
    attributes: Mapping[bytes, dict[str, dict[bytes, ValueState]]],
    alarms: list[Alarm],
) -> None:
    claims = sorted(
        (state.stamp, guid, identity)
        for guid in live
        for identity, state in attributes[guid].get(unique.key, {}).items()
        if not unique.scope or _is_below(guid, unique.scope, parents)
    )
    holders: dict[bytes, bytes] = {}
    for _, guid, identity in claims:
        holder = holders.setdefault(identity, guid)
        if holder != guid:
            del attributes[guid][unique.key][identity]
            alarms.append(Alarm("unique", guid, holder, unique.key))


def _is_below(guid: bytes, ancestor: bytes, parents: Mapping[bytes, bytes]) -> bool:
    while guid and guid != ancestor:
        guid = parents.get(guid, b"")
    return guid == ancestor
