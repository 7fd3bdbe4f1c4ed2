"""Persistent search with ldap3's client, and what the notifications say."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ldap3
import pytest

from node import Node
from reference import wire
from serving import person, signed_in, unit, until

PSEARCH, NOTICE = "2.16.840.1.113730.3.4.3", "2.16.840.1.113730.3.4.7"
TREE_DELETE = "1.2.840.113556.1.4.805"
ADD, DELETE, MODIFY, MODIFY_DN = 1, 2, 4, 8


@pytest.fixture
def folk(shared_node: Node, short_folder: Path) -> str:
    """An organisational unit of this test's own."""
    name = f"ou={short_folder.name},{shared_node.suffix}"
    with shared_node.local_administrator() as writer:
        assert writer.ask(wire.add(name, unit(short_folder.name))).code == 0
    return name


@contextmanager
def following(node: Node, base: str, *, kinds: int = 15, only: bool = True, notices: bool = True, **search: Any
              ) -> Iterator[Callable[[], tuple[str, int, list[str]]]]:  # fmt: skip
    """A persistent search; what it yields gives the next notification: DN, kind of change, attributes."""
    value = wire.sequence(wire.integer(kinds), _boolean(only), _boolean(notices))
    with signed_in(node, node.administrator, node.password) as connection:
        number = connection.send(wire.search(base, **search), [wire.control(PSEARCH, True, value)])

        def following() -> tuple[str, int, list[str]]:
            message_id, tag, content, controls = connection.receive()
            assert (message_id, tag) == (number, wire.ENTRY), wire.decode_result(tag, content)
            name, attributes = wire.decode_entry(content)
            return name.decode(), _kind(controls), sorted(attributes)

        if only:  # else the entries show it
            assert connection.ask(wire.search("", wire.BASE)).code == 0  # so the search before it has begun
        yield following


def _boolean(value: bool) -> bytes:
    return b"\x01\x01\xff" if value else b"\x01\x01\x00"


def _kind(controls: bytes) -> int:
    """changeType of the entry change notification, 0 without one."""
    for _, one in wire.elements(controls):
        (_, oid), (_, value) = wire.elements(one)
        if oid.decode() == NOTICE:
            ((_, content),) = wire.elements(value)
            (_, kind), (tag, number) = wire.elements(content)
            assert tag == 0x02
            assert int.from_bytes(number, "big") > 0
            return kind[0]
    return 0


def change(node: Node, *operations: bytes) -> None:
    with node.local_administrator() as writer:
        for operation in operations:
            answer = writer.ask(operation)
            assert answer.code == 0, answer


def test_each_kind_of_change_is_told(shared_node: Node, folk: str) -> None:
    with following(shared_node, folk) as told:
        name = f"uid=ada,{folk}"
        change(shared_node, wire.add(name, person("ada")))
        assert told() == (name, ADD, ["cn", "objectClass", "sn", "uid"])
        change(shared_node, wire.modify(name, [(wire.REPLACE, "sn", [b"Lovelace"])]))
        assert told()[:2] == (name, MODIFY)
        change(shared_node, wire.modify_dn(name, "uid=countess", True))
        assert told()[:2] == (f"uid=countess,{folk}", MODIFY_DN)
        change(shared_node, wire.delete(f"uid=countess,{folk}"))
        assert told() == (f"uid=countess,{folk}", DELETE, [])


def test_a_subtree_that_goes_with_its_base_is_told_of(shared_node: Node, folk: str) -> None:
    """Each of its entries, in the order in which they went; then the search ends, for its base is no more."""
    names = [f"uid=p{number},{folk}" for number in range(130)]
    change(shared_node, *(wire.add(name, person(f"p{number}")) for number, name in enumerate(names)))
    value = wire.sequence(wire.integer(15), _boolean(True), _boolean(True))
    with signed_in(shared_node, shared_node.administrator, shared_node.password) as connection:
        number = connection.send(wire.search(folk), [wire.control(PSEARCH, True, value)])
        assert connection.ask(wire.search("", wire.BASE)).code == 0
        with shared_node.local_administrator() as writer:
            assert writer.ask(wire.delete(folk), [wire.control(TREE_DELETE, True)]).code == 0
        told: list[str] = []
        while True:
            message_id, tag, content, controls = connection.receive()
            assert message_id == number
            if tag != wire.ENTRY:
                break
            assert _kind(controls) == DELETE
            told.append(wire.decode_entry(content)[0].decode())
        assert wire.decode_result(tag, content).code == 32
    assert sorted(told) == sorted([*names, folk])
    assert told[-1] == folk


def test_only_what_was_asked_for_is_told(shared_node: Node, folk: str) -> None:
    search: dict[str, Any] = {"filter": ("equal", "sn", b"x"), "attributes": ["sn"]}
    with following(shared_node, folk, kinds=ADD | DELETE, notices=False, **search) as told:
        change(
            shared_node,
            wire.add(f"ou=in,{folk}", unit("in")),  # not in the filter
            wire.add(f"uid=a,{folk}", person("a")),
            wire.modify(f"uid=a,{folk}", [(wire.REPLACE, "cn", [b"b"])]),  # a modification
            wire.add(f"uid=out,{shared_node.suffix}", person("out")),  # outside of the base
            wire.delete(f"uid=out,{shared_node.suffix}"),
            wire.delete(f"uid=a,{folk}"),
        )
        seen = [told()]
        if seen[0][2]:  # the entry was told of before it went
            assert seen[0] == (f"uid=a,{folk}", 0, ["sn"])


def test_what_is_there_comes_first_when_it_is_asked_for(shared_node: Node, folk: str) -> None:
    change(shared_node, wire.add(f"uid=old,{folk}", person("old")))
    with following(shared_node, folk, only=False) as told:
        assert {told()[:2], told()[:2]} == {(folk, 0), (f"uid=old,{folk}", 0)}
        change(shared_node, wire.add(f"uid=new,{folk}", person("new")))
        assert told()[:2] == (f"uid=new,{folk}", ADD)


def test_it_ends_by_abandon_and_by_cancel(shared_node: Node, folk: str) -> None:
    value = wire.sequence(wire.integer(15), _boolean(True), _boolean(True))
    with signed_in(shared_node, shared_node.administrator, shared_node.password) as connection:
        first = connection.send(wire.search(folk), [wire.control(PSEARCH, True, value)])
        second = connection.send(wire.search(folk), [wire.control(PSEARCH, True, value)])
        connection.send(wire.abandon(first))
        cancel = connection.send(wire.extended("1.3.6.1.1.8", wire.sequence(wire.integer(second))))
        ended = [connection.receive()[:3] for _ in range(2)]
        assert [(number, wire.decode_result(tag, content).code) for number, tag, content in ended] == [
            (second, 118),
            (cancel, 0),
        ]
        change(shared_node, wire.add(f"uid=late,{folk}", person("late")))
        assert connection.ask(wire.search("", wire.BASE)).code == 0


def test_ldap3(shared_node: Node, folk: str) -> None:
    shared_node.allow_passwords_in_the_clear()
    told: queue.Queue[dict[str, Any]] = queue.Queue()
    connection = ldap3.Connection(
        ldap3.Server("127.0.0.1", shared_node.port, get_info=None),
        shared_node.administrator,
        shared_node.password,
        client_strategy=ldap3.ASYNC_STREAM,
        auto_bind=True,
    )
    search = connection.extend.standard.persistent_search(
        folk, "(objectClass=inetOrgPerson)", ldap3.SUBTREE, attributes=["cn"], callback=told.put
    )
    added = itertools.count()

    def is_told() -> bool:  # ldap3 does not tell when the search has begun
        change(shared_node, wire.add(f"uid=p{next(added)},{folk}", person("ada")))
        return not told.empty()

    assert until(is_told)
    first = told.get(timeout=20)
    assert first["dn"].endswith(f",{folk}")
    assert first["raw_attributes"]["cn"] == [b"ada"]
    assert first["changeType"] == "add"
    assert first["changeNumber"] > 0
    search.stop()
