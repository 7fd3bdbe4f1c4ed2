"""Negative tests 22 and 23 against a serving node: many clients at once leave no orphan; what must stay stays."""

from __future__ import annotations

import random
import threading

from node import Node, run_lightwave
from reference import wire
from serving import person, unit

NO_SUCH_OBJECT, NOT_ON_NON_LEAF, ALREADY_EXISTS = 32, 66, 68
CLASS_VIOLATION, UNWILLING = 65, 53

# What would make an account not live: on the last administrator there would be no way back.
LOCKS = {
    "userAccountControl": b"514",
    "lockoutTime": b"1",
    "accountExpires": b"133000000000000000",
    "nsAccountLock": b"TRUE",
    "pwdAccountLockedTime": b"000001010000Z",
    "lwValidFrom": b"29990101000000Z",
}
BROKEN: list[list[tuple[int, str, list[bytes]]]] = [
    [(wire.DELETE, "sn", [])],
    [(wire.REPLACE, "sn", [])],
    [(wire.DELETE, "objectClass", [b"inetOrgPerson"])],
    [(wire.REPLACE, "objectClass", [b"organizationalUnit"])],
    [(wire.REPLACE, "objectClass", [])],
]


def test_neg_023_adds_below_an_entry_that_is_being_deleted(node: Node) -> None:
    """Each round one client deletes a parent while others add, move and rename below it."""
    parent, elsewhere = f"ou=parent,{node.suffix}", f"ou=elsewhere,{node.suffix}"
    with node.local_administrator() as connection:
        assert connection.ask(wire.add(elsewhere, unit("elsewhere"))).code == 0
        for n in range(40):
            assert connection.ask(wire.add(f"uid=m{n},{elsewhere}", person(f"m{n}"))).code == 0
    clients = [node.local_administrator() for _ in range(4)]
    seen: set[int] = set()
    deleted = 0
    for turn in range(40):
        assert clients[0].ask(wire.add(parent, unit("parent"))).code in (0, ALREADY_EXISTS)
        operations = [
            wire.delete(parent),
            wire.add(f"uid=a{turn},{parent}", person(f"a{turn}")),
            wire.modify_dn(f"uid=m{turn},{elsewhere}", f"uid=m{turn}", False, parent),
            wire.add(f"uid=b{turn},{parent}", person(f"b{turn}")),
        ]
        order = list(zip(clients, operations, strict=True))
        random.Random(turn).shuffle(order)
        for client, operation in order:
            client.send(operation)
        outcome = {}
        for client, operation in order:
            _, tag, content, _ = client.receive()
            outcome[operation] = wire.decode_result(tag, content).code
        gone = outcome[operations[0]] == 0
        deleted += gone
        seen |= set(outcome.values())
        assert outcome[operations[0]] in (0, NOT_ON_NON_LEAF)
        for operation in operations[1:]:
            assert outcome[operation] == (NO_SUCH_OBJECT if gone else 0)
        if not gone:
            below = clients[0].ask(wire.search(parent, wire.ONE, attributes=["1.1"])).entries
            assert len(below) == 3
            for name, _ in below:
                assert clients[0].ask(wire.delete(name)).code == 0
            assert clients[0].ask(wire.delete(parent)).code == 0
    for client in clients:
        client.close()
    assert 0 < deleted < 40, "one order only was tried"
    node.stop()
    run_lightwave(["check", "--data", node.folder])


def test_neg_023_renames_into_each_other(node: Node) -> None:
    """Several clients move units below each other at once; none gets lost and none is its own ancestor."""
    names = [f"ou={letter}" for letter in "abcdef"]
    base = f"ou=moves,{node.suffix}"
    with node.local_administrator() as connection:
        assert connection.ask(wire.add(base, unit("moves"))).code == 0
        for name in names:
            assert connection.ask(wire.add(f"{name},{base}", unit(name[3:]))).code == 0

    codes: set[int] = set()

    def move(seed: int) -> None:
        choose = random.Random(seed)
        with node.local_administrator() as connection:
            for _ in range(60):
                found = connection.ask(wire.search(base, attributes=["1.1"])).entries
                places = [name for name, _ in found]
                moved, target = choose.choice(places[1:]), choose.choice(places)
                rdn = moved.partition(b",")[0]
                codes.add(connection.ask(wire.modify_dn(moved, rdn, True, target)).code)

    threads = [threading.Thread(target=move, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert codes <= {0, NO_SUCH_OBJECT, UNWILLING, ALREADY_EXISTS}
    assert 0 in codes
    with node.local_administrator() as connection:
        found = connection.ask(wire.search(base, attributes=["ou"])).entries
        assert sorted(one["ou"][0] for _, one in found) == [b"a", b"b", b"c", b"d", b"e", b"f", b"moves"]
    node.stop()
    run_lightwave(["check", "--data", node.folder])


def test_neg_022_what_must_stay_stays(shared_node: Node) -> None:
    name = f"uid=stay,{shared_node.suffix}"
    with shared_node.local_administrator() as connection:
        assert connection.ask(wire.add(name, person("stay"))).code == 0
        try:
            for changes in BROKEN:
                code = connection.ask(wire.modify(name, changes)).code
                assert code in (CLASS_VIOLATION, 69), changes
        finally:
            assert connection.ask(wire.delete(name)).code == 0
        assert connection.ask(wire.delete(shared_node.administrator)).code != 0
        for attribute, value in LOCKS.items():
            lock = wire.modify(shared_node.administrator, [(wire.REPLACE, attribute, [value])])
            assert connection.ask(lock).code in (UNWILLING, 17, 19, 65), attribute
        assert connection.ask(wire.search(shared_node.administrator, wire.BASE)).code == 0
        for system in ("cn=config", "cn=schemacontext", shared_node.suffix):
            assert connection.ask(wire.delete(system)).code != 0
