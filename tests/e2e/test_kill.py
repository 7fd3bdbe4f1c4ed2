"""kill -9 at random moments under write load: every acknowledged write is there, and `check` finds nothing."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

import pytest

from node import Node, run_lightwave
from reference import wire
from serving import import_people, person, until

WRITERS = 4
NAMES = 10


@dataclass(frozen=True, slots=True)
class State:
    """What one writer's unit holds: the description of each person by uid, and who is in the group."""

    people: tuple[tuple[str, bytes], ...] = ()
    members: frozenset[str] = frozenset()

    def with_person(self, uid: str, description: bytes) -> State:
        return State(tuple(sorted({**dict(self.people), uid: description}.items())), self.members)

    def without_person(self, uid: str) -> State:
        left = tuple(pair for pair in self.people if pair[0] != uid)
        return State(left, self.members - {uid})  # a link goes with its target

    def renamed(self, old: str, new: str) -> State:
        people = dict(self.people)
        people[new] = people.pop(old)
        members = self.members - {old} | ({new} if old in self.members else set())
        return State(tuple(sorted(people.items())), members)


@dataclass(slots=True)
class Writer:
    """One connection that writes below a unit of its own and remembers what was acknowledged.

    certain: what has to be there. pending: what is there if the one write without an answer happened.
    """

    unit: str
    chance: random.Random
    certain: State = State()
    pending: State | None = None
    kinds: dict[str, int] = field(default_factory=dict)
    error: str = ""

    @property
    def group(self) -> str:
        return f"cn=team,{self.unit}"

    def set_up(self, connection: wire.Connection) -> None:
        name = self.unit.partition(",")[0][3:].encode()
        unit = [("objectClass", [b"organizationalUnit"]), ("ou", [name])]
        assert connection.ask(wire.add(self.unit, unit)).code == 0
        group = [("objectClass", [b"groupOfNames"]), ("cn", [b"team"]), ("member", [self.unit.encode()])]
        assert connection.ask(wire.add(self.group, group)).code == 0

    def run(self, connection: wire.Connection, until: threading.Event) -> None:
        try:
            while not until.is_set():
                self._write(connection)
        except (wire.ServerClosed, OSError):
            pass  # killed, as intended
        finally:
            connection.close()

    def _write(self, connection: wire.Connection) -> None:
        kind, operation, after = self._choose()
        self.pending = after
        answer = connection.ask(operation)
        if answer.code:
            self.error = f"{kind}: {answer.code} {answer.diagnostic}"
            return
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self.certain, self.pending = after, None

    def _choose(self) -> tuple[str, bytes, State]:
        """The next write: its kind, its request, and what is there after it."""
        now = self.certain
        people = dict(now.people)
        uid = f"p{self.chance.randrange(NAMES)}"
        name = f"uid={uid},{self.unit}"
        value = b"write %d" % self.chance.getrandbits(60)
        if uid not in people:
            attributes = [*person(uid), ("description", [value])]
            return "add", wire.add(name, attributes), now.with_person(uid, value)
        kind = self.chance.choices(("modify", "delete", "rename", "group"), (5, 2, 2, 4))[0]
        if kind == "delete":
            return kind, wire.delete(name), now.without_person(uid)
        if kind == "rename" and (free := [n for n in range(NAMES) if f"p{n}" not in people]):
            new = f"p{self.chance.choice(free)}"
            return kind, wire.modify_dn(name, f"uid={new}", True), now.renamed(uid, new)
        if kind == "group":
            joins = uid not in now.members
            members = now.members | {uid} if joins else now.members - {uid}
            change = (wire.ADD if joins else wire.DELETE, "member", [name.encode()])
            return kind, wire.modify(self.group, [change]), State(now.people, members)
        change = (wire.REPLACE, "description", [value])
        return "modify", wire.modify(name, [change]), now.with_person(uid, value)

    def settle(self, connection: wire.Connection) -> str:
        """Compares with what is there now, which is certain afterwards; what is wrong, "" for nothing."""
        found = connection.ask(wire.search(self.unit, wire.ONE, attributes=["uid", "description", "member"]))
        assert found.code == 0, found
        there = State()
        for name, one in found.entries:
            if name.lower().startswith(b"cn="):
                members = {value.decode().partition(",")[0] for value in one["member"]}
                there = State(there.people, frozenset(rdn[4:] for rdn in members if rdn.startswith("uid=")))
            else:
                there = there.with_person(one["uid"][0].decode(), one["description"][0])
        wrong = (
            ""
            if there in (self.certain, self.pending)
            else f"{there}\nis neither {self.certain}\nnor {self.pending}"
        )
        self.certain, self.pending = there, None
        return wrong


def write_until_killed(node: Node, writers: list[Writer], moment: float) -> None:
    """All writers write at once until, after `moment` seconds, the server is killed."""
    over = threading.Event()
    connections = [node.local_administrator() for _ in writers]
    threads = [
        threading.Thread(target=writer.run, args=(connection, over))
        for writer, connection in zip(writers, connections, strict=True)
    ]
    for thread in threads:
        thread.start()
    time.sleep(moment)
    node.kill()
    over.set()
    for thread in threads:
        thread.join(30)


def check(node: Node) -> None:
    """`lightwave check` on a node that is not running: it fails where anything is wrong."""
    run_lightwave(["check", "--data", node.folder])


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_nothing_acknowledged_is_lost(node: Node, soaking: bool) -> None:
    chance = random.Random(20)
    rounds = 200 if soaking else 20
    writers = [Writer(f"ou=writer{n},{node.suffix}", random.Random(n)) for n in range(WRITERS)]
    with node.local_administrator() as connection:
        for writer in writers:
            writer.set_up(connection)
    for turn in range(rounds):
        write_until_killed(node, writers, chance.uniform(0.02, 0.3))
        if turn % 4 == 3:
            check(node)  # as the kill left it
        node.start()
        with node.local_administrator() as connection:
            wrong = [text for writer in writers if (text := writer.settle(connection))]
        assert wrong == [], f"after kill {turn + 1}"
        assert [writer.error for writer in writers if writer.error] == []
    node.stop()
    check(node)
    for kind in ("add", "modify", "delete", "rename", "group"):
        assert sum(writer.kinds.get(kind, 0) for writer in writers) > rounds, f"hardly any {kind}"


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_killed_index_build_goes_on(promoted_node: Node, node: Node, soaking: bool) -> None:
    """Killed in the midst again and again, the build completes, and the index finds what is there."""
    node.stop()
    count = 60_000 if soaking else 12_000
    import_people(node, count)
    node.start()
    name = "cn=roomNumber,cn=indices,cn=config"
    kinds = [b"equality", b"substring"]
    definition = [("objectClass", [b"lwIndex"]), ("cn", [b"roomNumber"]), ("lwIndexKind", kinds)]
    with node.local_administrator() as connection:
        assert connection.ask(wire.add(name, definition)).code == 0
    chance = random.Random(4)
    kills = 0
    for _ in range(12 if soaking else 4):
        if is_complete(node):
            break
        time.sleep(chance.uniform(0.05, 0.4))
        with node.local_administrator() as connection:  # what is not complete is not used, nor is it missed
            assert_found(node, connection, count)
            change = [(wire.REPLACE, "roomNumber", [b"moved%d" % kills])]
            assert connection.ask(wire.modify(f"uid=p{kills},ou=people,{node.suffix}", change)).code == 0
        node.kill()
        kills += 1
        node.start()
    assert kills > 0, "the build was over before the first kill: more people are needed"
    assert until(lambda: is_complete(node), 60)
    with node.local_administrator() as connection:
        assert_found(node, connection, count)
        for n in range(kills):
            moved = ("equal", "roomNumber", b"moved%d" % n)
            assert len(connection.ask(wire.search(node.suffix, filter=moved)).entries) == 1
            old = ("equal", "roomNumber", b"a%d" % n)
            assert connection.ask(wire.search(node.suffix, filter=old)).entries == []
    node.stop()
    check(node)


def assert_found(node: Node, connection: wire.Connection, count: int) -> None:
    """By the attribute whose index is being built, one of the first and one of the last are found."""
    for n in (5_000, count - 1):
        found = connection.ask(wire.search(node.suffix, filter=("equal", "roomNumber", b"a%d" % n)))
        assert [one["uid"] for _, one in found.entries] == [[b"p%d" % n]]


def is_complete(node: Node) -> bool:
    """Whether the index of roomNumber has been built, as its definition says."""
    with node.local_administrator() as connection:
        found = connection.ask(
            wire.search("cn=roomNumber,cn=indices,cn=config", wire.BASE, attributes=["*", "+"])
        )
    ((_, attributes),) = found.entries
    states = {value for key, values in attributes.items() if "state" in key.lower() for value in values}
    return bool(states) and all(b"complete" in state.lower() for state in states)
