"""`lightwave policy` on a serving node: each verb in its valid, malformed and empty form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from commands import answer, invoke
from node import Node
from reference import wire
from serving import add_user, connect_tls


class Commands:
    """The command line, asking one node over its local socket."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def run(self, *arguments: str | Path, code: int = 0, stdin: bytes = b"") -> Result:
        result = invoke("policy", *arguments, "--data", self.node.folder, stdin=stdin)
        assert result.exit_code == code, (arguments, result.output, result.exception)
        assert "Traceback" not in result.output
        return result

    def json(self, *arguments: str | Path, code: int = 0, stdin: bytes = b"") -> Any:
        return answer("policy", *arguments, "--data", self.node.folder, code=code, stdin=stdin)


@pytest.fixture
def commands(shared_node: Node) -> Iterator[Commands]:
    made = Commands(shared_node)
    yield made
    made.run("set", "default", "minLength=12", "lifetimeDays=0", "minStrength=")


def test_show_says_all_that_holds(commands: Commands) -> None:
    found = commands.json("show")
    assert found["name"] == "default"
    assert found["settings"]["minLength"] == 12
    assert found["settings"]["minStrength"] == 2
    assert "minLength" in found["said"]
    assert "minStrength" not in found["said"]
    text = commands.run("show").stdout
    assert "minStrength" in text
    assert "(comes so)" in text
    assert "there is no policy" in commands.run("show", "*)(cn=*", code=1).stderr


def test_set_holds_at_once_and_is_checked(commands: Commands) -> None:
    name = add_user(commands.node, "ruled")
    changed = commands.json("set", "default", "minLength=30", "lifetimeDays=365")
    assert (changed["settings"]["minLength"], changed["settings"]["lifetimeDays"]) == (30, 365)
    with commands.node.local_administrator() as connection:
        new = [(wire.REPLACE, "userPassword", [b"lantern brisk oyster"])]
        refused = connection.ask(wire.modify(name, new))
        assert (refused.code, "at least 30" in refused.diagnostic) == (19, True)
    assert "minimum length is above" in commands.run("set", "default", "minLength=300", code=1).stderr
    assert "Enabled" not in commands.run("set", "default", "minLength=12").stderr
    commands.run("set", "default", code=2)
    commands.run("set", "default", "minLength", code=2)
    commands.run("set", "default", "minLength=many", code=1)
    commands.run("set", "default", "noSuchKey=1", code=1)
    commands.run("set", "default", "enabled=", code=1)
    commands.run("set", "default", "--precedence", "1", code=1)


def test_policies_of_groups(commands: Commands) -> None:
    add_user(commands.node, "ruler")
    made = commands.json(
        "create", "rulers", "--precedence", "7", "--applies-to", "ruler", "minLength=20", "minStrength=4"
    )
    assert made["appliesTo"] == [f"uid=ruler,{commands.node.suffix}"]
    assert (made["settings"]["minLength"], made["settings"]["history"]) == (20, 5)
    assert made["said"] == ["minLength", "minStrength"]
    assert commands.json("show", "--user", "ruler")["name"] == "rulers"
    assert [one["name"] for one in commands.json("list")] == ["default", "rulers"]
    assert "rulers" in commands.run("list").stdout
    commands.run("create", "rulers", "--precedence", "7", code=1)
    commands.run("create", "default", "--precedence", "7", code=1)
    commands.run("create", "others", "--precedence", "0", code=2)
    commands.run("create", "others", "--precedence", "7", "--applies-to", "nobody", code=1)
    commands.run("create", "others", "--precedence", "7", "enabled=no", code=1)
    assert commands.json("set", "rulers", "--precedence", "9", "minLength=")["precedence"] == 9
    commands.run("delete", "rulers", code=2)  # nobody is there to be asked
    commands.run("delete", "rulers", "--yes")
    commands.run("delete", "rulers", "--yes", code=1)
    commands.run("delete", "default", "--yes", code=1)
    assert commands.json("show", "--user", "ruler")["name"] == "default"


def test_check_says_what_a_candidate_would_be_told(commands: Commands, tmp_path: Path) -> None:
    name = add_user(commands.node, "brunhilde")
    good = commands.json("check", "--candidate-file", "-", stdin=b"lantern brisk oyster\n")
    assert (good["accepted"], good["policy"]) == (
        True,
        f"cn=password and lockout policy,{commands.node.suffix}",
    )
    path = tmp_path / "candidate"
    path.write_text("the brunhilde song\n")
    bad = commands.json("check", "--user", "brunhilde", "--candidate-file", path, code=1)
    assert bad["reason"] == "the password contains a name of its account"
    assert commands.json("check", "--candidate-file", path)["accepted"]
    refused = commands.run("check", "--candidate-file", "-", stdin=b"tiny\n", code=1)
    assert "too short" in refused.output
    commands.run("check", "--candidate-file", "-", stdin=b"\n", code=1)
    commands.run("check", "--user", "nobody", "--candidate-file", path, code=1)
    commands.run("check", code=2)
    with connect_tls(commands.node) as connection:  # it set nothing
        assert connection.ask(wire.bind(name, "Made-up 4 people")).code == 0


def test_who_may_not(shared_node: Node, tmp_path: Path) -> None:
    add_user(shared_node, "subject")
    secret = tmp_path / "secret"
    secret.write_text("Made-up 4 people\n")
    remote = ("--server", shared_node.https_url, "--login", "subject", "--password-file", secret)
    trusted = (*remote, "--ca", shared_node.certificate_authority)
    assert answer("policy", "show", *trusted)["settings"]["minLength"] == 12
    refused = invoke("policy", "set", "default", "minLength=1", *trusted)
    assert refused.exit_code == 1
    assert invoke("policy", "create", "mine", "--precedence", "1", *trusted).exit_code == 1
    assert invoke("policy", "show", "--tenant", "other.example", *trusted).exit_code == 1
