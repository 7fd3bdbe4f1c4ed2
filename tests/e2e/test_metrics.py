"""The metrics count what clients do, by kind and by result."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from http_client import ask, http_connection
from lightwave.directory.server.counting import BUCKETS, Latencies
from node import Node
from reference import wire
from serving import add_user, person, until


def metrics(node: Node) -> dict[str, float]:
    """Each sample by its name and labels. Nobody signs in for it: that would be one more event of the audit."""
    connection = http_connection(node, "clear")
    answer = ask(connection, "GET", "/metrics")
    connection.close()
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = re.findall(r"(?m)^([a-z]\S*(?:\{[^}]*\})?) (\S+)$", answer.body.decode())
    return {name: float(value) for name, value in found}


def operations(kind: str, result: str) -> str:
    return f'lightwave_ldap_operations_total{{operation="{kind}",result="{result}"}}'


def committed(node: Node, operations: int) -> bool:
    """Waits until so many are committed. What the audit tells of sign-ins and refusals is, a moment later."""
    return until(lambda: metrics(node)["lightwave_committed_operations_total"] == operations)


@pytest.fixture
def new_node(short_folder: Path) -> Iterator[Node]:
    """None that was promoted long ago: it would sign its audit at once, which is one more operation."""
    made = Node.promote(short_folder / "node")
    made.start()
    yield made
    made.stop()


def test_operations_are_counted(new_node: Node) -> None:
    node = new_node
    at_first = metrics(node)["lightwave_committed_operations_total"]
    name = add_user(node, "ann")
    assert committed(node, int(at_first) + 2)
    before = metrics(node)
    operations_before = int(before["lightwave_committed_operations_total"])
    with node.local_administrator() as connection:
        assert committed(node, operations_before + 1)
        for _ in range(40):
            assert connection.ask(wire.search(name, wire.BASE)).code == 0
        assert connection.ask(wire.search(f"uid=none,{node.suffix}", wire.BASE)).code == 32
        assert connection.ask(wire.search(node.suffix)).code == 0
        assert connection.ask(wire.modify(name, [(wire.REPLACE, "description", [b"x"])])).code == 0
        assert connection.ask(wire.add(name, person("ann"))).code == 68
        assert connection.ask(wire.compare(name, "uid", b"ann")).code == 6
        assert connection.ask(wire.delete(name)).code == 0
        assert committed(node, operations_before + 5)  # three and what the audit tells of sign-in and refusal
        during = metrics(node)
    assert during["lightwave_ldap_connections"] == before["lightwave_ldap_connections"] + 1
    after = metrics(node)
    grown = {key: value - before.get(key, 0) for key, value in after.items()}
    expected = {
        ("bind", "success"): 1,
        ("search", "success"): 41,
        ("search", "noSuchObject"): 1,
        ("modify", "success"): 1,
        ("add", "entryAlreadyExists"): 1,
        ("compare", "compareTrue"): 1,
        ("delete", "success"): 1,
    }
    assert {key: grown[operations(*key)] for key in expected} == expected
    for kind in ("bind", "modify", "compare", "delete"):
        assert grown[f'lightwave_ldap_operation_seconds_count{{operation="{kind}"}}'] == 1
    assert 41 - 16 < grown['lightwave_ldap_operation_seconds_count{operation="search"}'] < 41 + 16
    assert grown["lightwave_committed_operations_total"] == 5
    assert grown["lightwave_commits_total"] in (4, 5)  # the refusal may go with the deletion
    assert grown["lightwave_usn_total"] >= 2
    answered = 'lightwave_http_requests_total{status="200"}'
    assert after[answered] == during[answered] + 1


def test_buckets() -> None:
    measured = Latencies()
    for seconds in (0.0, 0.9e-6, 1e-6, 3e-6, 1.0, 1e9):
        measured.observe(seconds)
    measured.observe(3e-6, 16)
    assert (measured.buckets[0], measured.buckets[1], measured.buckets[2]) == (2, 1, 17)
    assert measured.buckets[20] == 1  # 2**19 µs < 1 s < 2**20 µs
    assert measured.buckets[BUCKETS - 1] == 1
    assert sum(measured.buckets) == 22
