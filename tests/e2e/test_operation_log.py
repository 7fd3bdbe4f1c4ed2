"""The operation log of a serving node: switched by a setting, reads well, and tells no secrets."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node import Node
from reference import wire
from serving import PASSWORD, add_user, change_settings, connect_tls, log_text, signed_in, until

SECRET = "geheim-4711"


@pytest.fixture(scope="module")
def node(promoted_node: Node) -> Iterator[Node]:
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    made = promoted_node.copy(folder / "node")
    made.start("--log-format", "json")
    yield made
    made.stop()
    shutil.rmtree(folder, ignore_errors=True)


def records(node: Node) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_text(node).splitlines()]


def operations(node: Node, connection: int) -> list[dict[str, Any]]:
    return [one for one in records(node) if "operation" in one and one["connection"] == connection]


def switch(node: Node, mode: str, milliseconds: int = 1_000) -> None:
    seen = len(log_text(node))
    change_settings(node, lwOperationLog=mode, lwSlowOperationMilliseconds=milliseconds)
    assert until(lambda: f"the operation log is now: {mode}" in log_text(node)[seen:])


def number_of(node: Node, name: str) -> int:
    """The last connection that signed in under this name."""

    def binds() -> list[dict[str, Any]]:
        return [one for one in records(node) if one.get("operation") == "bind" and one.get("name") == name]

    return max(int(one["connection"]) for one in wait_for(node, binds, 1))


def wait_for(node: Node, found: Callable[[], list[dict[str, Any]]], count: int) -> list[dict[str, Any]]:
    assert until(lambda: len(found()) >= count), log_text(node)
    return found()


def test_every_operation_and_no_secret(node: Node) -> None:
    ann = add_user(node, "ann")
    switch(node, "all")
    with signed_in(node, ann) as connection:
        connection.ask(wire.search(node.suffix, filter=("equal", "uid", b"ann"), attributes=["cn"]))
        secret = ("and", ("equal", "userPassword", SECRET.encode()), ("equal", "unknown", SECRET.encode()))
        connection.ask(wire.search(node.suffix, filter=secret))
        connection.ask(wire.search("cn=nowhere"))
        connection.ask(wire.search("", wire.BASE))
        connection.ask(wire.modify(ann, [(wire.REPLACE, "description", [SECRET.encode()])]))
        connection.ask(wire.compare(ann, "sn", SECRET.encode()))
        connection.ask(wire.extended("1.3.6.1.4.1.4203.1.11.3"))
        connection.ask(wire.sasl_bind("PLAIN", b"\0ann\0" + SECRET.encode()))
        connection.ask(wire.bind(ann, SECRET))
    number = number_of(node, ann)
    found = wait_for(node, lambda: operations(node, number), 10)
    shown = [(one["operation"], one.get("result")) for one in found]
    assert shown[:10] == [
        ("bind", "success"),
        ("search", "success"),
        ("search", "success"),
        ("search", "noSuchObject"),
        ("search", "success"),
        ("modify", "insufficientAccessRights"),
        ("compare", "compareFalse"),
        ("extended", "success"),
        ("bind", "invalidCredentials"),
        ("bind", "invalidCredentials"),
    ]
    search = found[1]
    assert (search["base"], search["scope"], search["filter"]) == (node.suffix, "sub", "(uid=ann)")
    assert (search["entries"], search["candidates"], search["code"]) == (1, 1, 0)
    assert search["plan"] == "index equality uid"
    assert search["identity"] == ann
    assert search["milliseconds"] > 0
    assert re.match(rf"c{number}-\d+ search base=\S+ scope=sub filter=\"\(uid=ann\)\"", search["message"])
    assert found[2]["filter"] == "(&(userPassword=?)(unknown=?))"
    assert found[5]["changes"] == ["replace:description"]
    text = log_text(node)
    assert SECRET not in text
    assert PASSWORD not in text


def test_a_search_that_need_not_be_planned_is_logged_with_its_plan(node: Node) -> None:
    """Equality on an attribute that was asked for before is looked up in one go, where nobody watches."""
    eve = add_user(node, "eve")
    asked = wire.search(node.suffix, filter=("equal", "uid", b"eve"), attributes=["cn"])
    switch(node, "off")
    with signed_in(node, eve) as connection:
        connection.ask(asked)
    switch(node, "all")
    with signed_in(node, eve) as connection:
        assert [len(connection.ask(asked).entries) for _ in range(2)] == [1, 1]
    number = number_of(node, eve)
    found = wait_for(node, lambda: operations(node, number), 3)
    assert [one.get("plan") for one in found[1:3]] == ["index equality uid"] * 2


def test_it_is_switched_for_connections_that_are_open(node: Node) -> None:
    change_settings(node, lwOperationLog="all")
    switch(node, "off")
    with connect_tls(node) as connection:
        connection.ask(wire.search(node.suffix, wire.BASE, filter=("equal", "o", b"before")))
        switch(node, "all")
        connection.ask(wire.search(node.suffix, wire.BASE, filter=("equal", "o", b"between")))
        assert until(lambda: "(o=between)" in log_text(node))
        switch(node, "off")
        connection.ask(wire.search(node.suffix, wire.BASE, filter=("equal", "o", b"after")))
        switch(node, "all")
        connection.ask(wire.search(node.suffix, wire.BASE, filter=("equal", "o", b"again")))
        assert until(lambda: "(o=again)" in log_text(node))
    assert "(o=before)" not in log_text(node)
    assert "(o=after)" not in log_text(node)


def test_slow_operations_are_warned_of(node: Node) -> None:
    slow_user = add_user(node, "slow")
    switch(node, "slow", milliseconds=600_000)
    with connect_tls(node) as connection:
        connection.ask(wire.search("cn=config", filter=("present", "quick")))
        switch(node, "off")
        switch(node, "slow", milliseconds=1)
        with node.local_administrator() as administrator:  # a password's keys take more than a millisecond
            for number in range(20):
                values = [f"{SECRET} {number} {at}".encode() for at in range(8)]
                change = [(wire.REPLACE, "userPassword", values)]
                assert administrator.ask(wire.modify(slow_user, change)).code == 0
    slow = wait_for(node, lambda: [one for one in records(node) if one.get("slow")], 1)
    assert all(one["level"] == "warning" and one["milliseconds"] >= 1 for one in slow)
    assert any(one.get("changes") == ["replace:userPassword"] for one in slow)
    assert SECRET not in log_text(node)
    assert "(quick=*)" not in log_text(node)


def test_searches_that_end_otherwise(node: Node) -> None:
    switch(node, "all")
    with connect_tls(node) as connection:
        connection.ask(wire.search(node.suffix, filter=("equal", "o", b"marked")))
        connection.send(wire.abandon(4711))
        connection.ask(wire.search("x" * 600, filter=("equal", "o", b"\n")))
    assert until(lambda: '"abandons":4711' in log_text(node).replace(" ", ""))
    (long,) = wait_for(
        node, lambda: [one for one in records(node) if one.get("base", "").startswith("xxx")], 1
    )
    assert len(long["base"]) < 300
    assert Path(node.log).read_text().count("\n\n") == 0
