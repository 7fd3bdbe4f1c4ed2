"""Deletion of large subtrees and of large groups on a whole node: what others feel of it, and kill -9."""

from __future__ import annotations

import random
import time
from functools import partial

import pytest

from node import Node, run_lightwave
from reference import wire
from serving import import_people, is_serving, until

TREE_DELETE = "1.2.840.113556.1.4.805"
TREE = [wire.control(TREE_DELETE, True)]
PEOPLE = 2_000
SUCCESS, NO_SUCH_OBJECT = 0, 32


def load(node: Node, count: int) -> None:
    node.stop()
    import_people(node, count)
    node.start()


def left(connection: wire.Connection, base: str) -> int:
    """How many entries of the subtree there are."""
    answer = connection.ask(wire.search(base, attributes=["1.1"]))
    assert answer.code in (SUCCESS, NO_SUCH_OBJECT), answer
    return len(answer.entries)


def has_at_most(connection: wire.Connection, base: str, most: int) -> bool:
    return left(connection, base) <= most


def test_others_write_meanwhile(node: Node) -> None:
    """Writes and reads of others are served while a subtree goes, and it goes whatever is added below it."""
    load(node, PEOPLE)
    base = f"ou=people,{node.suffix}"
    with node.local_administrator() as deleting, node.local_administrator() as other:
        number = deleting.send(wire.delete(base), TREE)
        done = added = 0
        longest = 0.0
        deleting.socket.setblocking(False)
        first = b""
        while not first:
            began = time.monotonic()
            change = [(wire.REPLACE, "description", [b"%d" % done])]
            assert other.ask(wire.modify(node.suffix, change)).code == SUCCESS
            longest = max(longest, time.monotonic() - began)
            done += 1
            if done % 5 == 0:
                uid = f"late{done}"
                person = [("objectClass", [b"person"]), ("cn", [uid.encode()]), ("sn", [b"x"])]
                added += other.ask(wire.add(f"cn={uid},{base}", person)).code == SUCCESS
            try:
                first = deleting.socket.recv(65536)
            except BlockingIOError:
                continue
        answer = next(iter(wire.elements(first)))[1]
        (_, message_id), (tag, content) = wire.elements(answer)
        assert int.from_bytes(message_id, "big") == number
        assert tag == 0x6B
        assert wire.decode_result(tag, content).code == SUCCESS
        assert done > 3, "it was too fast for others to come in between"
        assert added > 0
        assert longest < 2
        assert left(other, base) == 0
    node.stop()
    run_lightwave(["check", "--data", node.folder])


def kill_again_and_again(node: Node, base: str, people: int, times: int, *, check_each: bool) -> int:
    """Begin to delete `base` and kill the server so often; how often that was before the end."""
    chance = random.Random(7)
    before, kills = people, 0
    connection = node.local_administrator()
    connection.send(wire.delete(base), TREE)
    for _ in range(times):
        with node.local_administrator() as other:
            assert until(partial(has_at_most, other, base, before), 60), "it does not go on"
            time.sleep(chance.uniform(0.0, 0.03))
            now = left(other, base)
        node.kill()
        kills += now > 0
        if check_each or not kills % 3:
            run_lightwave(["check", "--data", node.folder])
        node.start()
        before = max(now - 1, 0)
    connection.close()
    return kills


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_killed_in_the_midst(node: Node, soaking: bool) -> None:
    """Killed again and again, the deletion that nobody waits for any more is finished, and `check` finds nothing."""
    people, times = (PEOPLE * 10, 10) if soaking else (PEOPLE, 5)
    base = f"ou=people,{node.suffix}"
    for _ in range(3):  # where others keep the machine busy, all may be gone before the first kill
        load(node, people)
        if kill_again_and_again(node, base, people, times, check_each=soaking) > 2:
            break
    else:
        pytest.fail("it was over too soon")
    with node.local_administrator() as other:
        assert until(lambda: left(other, base) == 0, 60)
    node.stop()
    run_lightwave(["check", "--data", node.folder])


def test_a_group_of_many_goes_at_once(node: Node) -> None:
    """Its deletion holds up nobody; killed before all links are cleared away, the next server clears them."""
    load(node, PEOPLE)
    group = f"cn=all,{node.suffix}"
    members = [f"uid=p{number},ou=people,{node.suffix}".encode() for number in range(PEOPLE)]
    attributes = [("objectClass", [b"groupOfNames"]), ("cn", [b"all"]), ("member", members)]
    last = members[-1].decode()

    def groups(connection: wire.Connection) -> list[bytes]:
        ((_, found),) = connection.ask(wire.search(last, wire.BASE, attributes=["memberOf"])).entries
        return found.get("memberOf", [])

    with node.local_administrator() as connection:
        assert connection.ask(wire.add(group, attributes)).code == SUCCESS
        assert groups(connection) == [group.encode()]
        assert connection.ask(wire.delete(group)).code == SUCCESS
        assert groups(connection) == []
    node.kill()
    run_lightwave(["check", "--data", node.folder])
    node.start()
    assert is_serving(node)
    with node.local_administrator() as connection:
        assert groups(connection) == []
    node.stop()
    run_lightwave(["check", "--data", node.folder])
