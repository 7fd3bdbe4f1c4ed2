"""Slow binds from one peer, many at once: the others go on, and what is too much hears that it is busy."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from node import Node
from reference import wire
from serving import PASSWORD, add_user, change_settings, connect, connect_tls, import_people, signed_in

BUSY = 51
BINDS = 500


def code_of(connection: wire.Connection) -> int:
    _, tag, content, _ = connection.receive()
    return wire.decode_result(tag, content).code


@pytest.fixture
def slow(promoted_node: Node, tmp_path: Path) -> Node:
    """A node on which a hash takes about 50 ms."""
    node = promoted_node.copy(tmp_path / "n")
    import_people(node, BINDS)
    node.start()
    change_settings(node, lwHashingMemory=32_768, lwAllowInsecureAuthentication="TRUE")
    node.stop()
    node.start()
    return node


def test_others_are_served_while_one_peer_binds_without_end(slow: Node) -> None:
    node = slow
    try:
        name = add_user(node, "patient")
        with signed_in(node, name) as searcher:
            flood = [wire.Connection("127.0.0.1", node.port) for _ in range(BINDS)]
            try:
                for number, connection in enumerate(flood):
                    connection.send(wire.bind(f"uid=p{number},ou=people,{node.suffix}", "wrong"))
                began = time.monotonic()
                assert searcher.ask(wire.search(name, wire.BASE)).code == 0
                assert time.monotonic() - began < 0.5
                began = time.monotonic()
                with wire.Connection("127.0.0.1", node.port, source="127.0.0.9") as another:
                    assert another.ask(wire.bind(name, PASSWORD)).code == 0
                assert time.monotonic() - began < 2
                answers = Counter(code_of(connection) for connection in flood)
            finally:
                for connection in flood:
                    connection.close()
        assert set(answers) == {49, BUSY}
        assert answers[BUSY] > BINDS / 2
        with connect(node) as connection:
            assert connection.ask(wire.search("", wire.BASE)).code == 0
        with connect_tls(node) as connection:
            assert connection.ask(wire.bind(name, PASSWORD)).code == 0
    finally:
        node.stop()
