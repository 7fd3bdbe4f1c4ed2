"""`lightwave group` on a serving node: each verb in its valid, malformed and empty form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from commands import answer, invoke
from node import Node

LITERAL = "*)(uid=*))(|(uid=*"


@pytest.fixture(scope="module", autouse=True)
def people(shared_node: Node) -> None:
    for name in ("ann", "ben"):
        answer("user", "create", name, "--data", shared_node.folder)


def run(node: Node, *arguments: str | Path, code: int = 0, stdin: bytes = b"") -> str:
    """What the command printed on both."""
    result = invoke("group", *arguments, "--data", node.folder, stdin=stdin)
    assert result.exit_code == code, (arguments, result.output, result.exception)
    assert "Traceback" not in result.output
    return result.output


def data(node: Node, *arguments: str | Path) -> Any:
    return answer("group", *arguments, "--data", node.folder)


def test_verbs(shared_node: Node) -> None:
    made = data(shared_node, "create", "Team", "--description", "all")
    assert (made["name"], made["kind"]) == ("Team", "security")
    assert "Created group Mail" in run(
        shared_node, "create", "Mail", "--distribution", "--mail", "m@example.com"
    )
    run(shared_node, "create", "Team", code=1)
    run(shared_node, "create", "", code=1)
    names = [one["name"] for one in data(shared_node, "list")]
    assert {"Team", "Mail"} <= set(names)
    assert [one["name"] for one in data(shared_node, "list", "--search", "ea")] == ["Team"]
    assert "no such groups" in run(shared_node, "list", "--search", LITERAL)

    assert "no members" in run(shared_node, "members", "Team")
    assert run(shared_node, "add", "Team", "ann") == "Added ann to group Team.\n"
    run(shared_node, "add", "Team", "--from", "-", stdin=b"ann\n\nben@example.com\n")
    run(shared_node, "add", "Mail", "Team")
    assert sorted(one["name"] for one in data(shared_node, "members", "Team")) == ["ann", "ben"]
    nested = data(shared_node, "members", "Mail", "--nested")
    assert sorted(one["name"] for one in nested) == ["Team", "ann", "ben"]
    assert len(data(shared_node, "members", "Team", "--limit", "1")) == 1
    shown = run(shared_node, "show", "Team")
    assert "ann" in shown
    assert "Mail" in shown
    absent = run(shared_node, "add", "Team", "nobody", code=1)
    assert "no account or group 'nobody' in example.com" in absent
    run(shared_node, "add", "Team", code=2)
    run(shared_node, "remove", "Team", code=2)
    assert run(shared_node, "remove", "Team", "ben") == "Took ben out of group Team.\n"
    assert "no direct member" in run(shared_node, "remove", "Team", "ben", code=1)

    changed = data(shared_node, "modify", "Team", "--display-name", "The team", "--clear", "description")
    assert (changed["displayName"], changed.get("description")) == ("The team", None)
    run(shared_node, "modify", "Team", code=2)
    run(shared_node, "modify", "Team", "--set", "=x", code=2)
    run(shared_node, "rename", "Team", "Crew")
    assert data(shared_node, "show", "Crew")["id"] == made["id"]
    for verb in (("show",), ("members",), ("add",), ("delete", "--yes"), ("modify", "--mail", "x")):
        arguments = [verb[0], LITERAL, *verb[1:], *(["ann"] if verb[0] == "add" else [])]
        assert "see: lightwave group list" in run(shared_node, *arguments, code=1)
    run(shared_node, "delete", "Crew", code=2)
    for name in ("Crew", "Mail"):
        run(shared_node, "delete", name, "--yes")
    run(shared_node, "show", "Crew", code=1)


def test_a_group_of_many(shared_node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its members come in pages, and go in with several requests."""
    monkeypatch.setattr("lightwave.cli.administration.PAGE", 10)
    monkeypatch.setattr("lightwave.cli.group.AT_ONCE", 10)
    names = [f"m{number}" for number in range(35)]
    for name in names:
        answer("user", "create", name, "--data", shared_node.folder)
    run(shared_node, "create", "Many")
    assert "35 members" in run(shared_node, "add", "Many", "--from", "-", stdin="\n".join(names).encode())
    assert sorted(one["name"] for one in data(shared_node, "members", "Many")) == sorted(names)
    assert "all: lightwave group members" in run(shared_node, "show", "Many")
