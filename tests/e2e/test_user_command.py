"""`lightwave user`, `service` and `computer` on a serving node: each verb in its valid, malformed and empty form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from commands import answer, invoke
from node import Node
from serving import add_user, signed_in

LITERAL = "*)(uid=*))(|(uid=*"


class Commands:
    """The command line, asking one node over its local socket."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def run(self, *arguments: str | Path, code: int = 0, stdin: bytes = b"") -> Result:
        result = invoke(*arguments, "--data", self.node.folder, stdin=stdin)
        assert result.exit_code == code, (arguments, result.output, result.exception)
        assert "Traceback" not in result.output
        assert all(len(line) <= 100 for line in result.stdout.splitlines())
        return result

    def json(self, *arguments: str | Path, code: int = 0, stdin: bytes = b"") -> object:
        return answer(*arguments, "--data", self.node.folder, code=code, stdin=stdin)


@pytest.fixture
def commands(shared_node: Node) -> Commands:
    return Commands(shared_node)


def test_list(commands: Commands) -> None:
    add_user(commands.node, "lara")
    everybody: object = commands.json("user", "list")
    assert isinstance(everybody, list)
    assert {"Administrator", "lara"} <= {one["name"] for one in everybody}
    lara = commands.json("user", "list", "--search", "lar")
    assert isinstance(lara, list)
    assert [one["dn"] for one in lara] == [f"uid=lara,{commands.node.suffix}"]
    assert "lara" in commands.run("user", "list").stdout
    nobody = commands.run("user", "list", "--search", LITERAL)
    assert nobody.stdout == ""
    assert "no such users" in nobody.stderr
    assert commands.json("user", "list", "--search", LITERAL) == []
    assert len(commands.json("user", "list", "--limit", "1")) == 1  # type: ignore[arg-type]  # a list
    commands.run("user", "list", "--limit", "0", code=2)
    commands.run("user", "list", "--search", "", code=1)


def test_which_node(shared_node: Node, promoted_node: Node) -> None:
    unnamed = invoke("user", "list")
    assert unnamed.exit_code == 2
    assert "--data DIR" in unnamed.stderr
    silent = invoke("user", "list", "--data", promoted_node.folder)
    assert silent.exit_code == 3
    assert "lightwave serve --data" in silent.stderr
    absent = invoke("user", "list", "--tenant", "acme.example", "--data", shared_node.folder)
    assert absent.exit_code == 1
    assert "there is no tenant 'acme.example'" in absent.stderr


def test_over_https(shared_node: Node, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(shared_node.password + "\n")
    at: list[str | Path] = ["--server", shared_node.https_url, "--ca", shared_node.certificate_authority]
    login: list[str | Path] = [*at, "--login", "Administrator@example.com", "--password-file", secret]
    assert answer("user", "show", "administrator", *login)["name"] == "Administrator"
    secret.write_text("wrong\n")
    refused = invoke("user", "list", *login)
    assert refused.exit_code == 1
    assert "the name or the password is wrong" in refused.stderr
    assert invoke("user", "list", *at).exit_code == 2


@pytest.mark.parametrize("noun", ["user", "service", "computer"])
def test_verbs(commands: Commands, noun: str) -> None:
    run, data = commands.run, commands.json
    created = run(noun, "create", "one", "--display-name", "Number One", "--generate-password")
    assert created.stdout.startswith(f"Created {noun} one: cn=one,")
    shown = data(noun, "show", "one")
    assert isinstance(shown, dict)
    assert (shown["name"], shown["displayName"], shown["enabled"]) == ("one", "Number One", True)
    assert "Number One" in run(noun, "show", "one").stdout
    assert "enabled" in run(noun, "show", shown["id"]).stdout
    run(noun, "create", "one", code=1)

    run(
        noun,
        "modify",
        "one",
        "--mail",
        "one@example.com",
        "--set",
        "telephoneNumber=1",
        "--add",
        "telephoneNumber=2",
    )
    changed = data(
        noun,
        "modify",
        "one",
        "--clear",
        "display-name",
        "--remove",
        "telephoneNumber",
        "--expires",
        "2030-12-31",
    )
    assert isinstance(changed, dict)
    assert changed["mail"] == "one@example.com"
    assert changed["expires"].startswith("2030-12-31T00:00:00")
    assert "displayName" not in changed
    never = data(noun, "modify", "one", "--expires", "never")
    assert isinstance(never, dict)
    assert "expires" not in never
    for wrong in (
        (),
        ("--set", "x"),
        ("--expires", "soon"),
        ("--set", "userPassword=x"),
        ("--clear", "name"),
    ):
        run(noun, "modify", "one", *wrong, code=2)
    assert "noSuch" in run(noun, "modify", "one", "--set", "noSuch=1", code=1).stderr

    assert run(noun, "disable", "one").stdout == f"Disabled {noun} one.\n"
    assert "can't sign in: disabled" in run(noun, "show", "one").stdout
    enabled = data(noun, "enable", "one")
    assert isinstance(enabled, dict)
    assert enabled["hindrances"] == []
    run(noun, "enable", "one")
    run(noun, "unlock", "one")

    assert len(run(noun, "password", "one", "--generate-password").stdout.strip()) == 20
    run(noun, "password", "one", "--new-password-file", "-", stdin=b"Made-up 4 verbs\n")
    run(noun, "password", "one", "--new-password-file", "-", stdin=b"\n", code=1)
    run(noun, "password", "one", "--new-password-file", "-", "--generate-password", code=2)
    run(noun, "password", "one", code=2)

    run(noun, "groups", "one")
    run(noun, "rename", "one", "two")
    renamed = data(noun, "show", "two")
    assert isinstance(renamed, dict)
    assert (renamed["id"], renamed["dn"].split(",")[0]) == (shown["id"], "cn=two")
    for verb in (("show",), ("modify", "--mail", "x"), ("disable",), ("delete", "--yes"), ("groups",)):
        for name in ("one", LITERAL):
            absent = run(noun, verb[0], name, *verb[1:], code=1)
            assert f"see: lightwave {noun} list" in absent.stderr
    run(noun, "show", "", code=2)
    run(noun, "delete", "two", code=2)
    assert data(noun, "delete", "two", "--yes") == {"deleted": "two"}


def test_services_keep_their_password(commands: Commands) -> None:
    spn = "http/www.example.com"
    quiet = commands.run("service", "create", "web", "--spn", spn)
    assert "password" not in quiet.output
    assert "password" not in commands.json("service", "show", spn)  # type: ignore[operator]  # a dict
    loud = commands.json("service", "create", "app", "--show-password")
    assert isinstance(loud, dict)
    with signed_in(commands.node, loud["dn"], loud["password"]):
        pass
    again = commands.run("service", "create", "web2", "--spn", spn, code=1)
    assert "servicePrincipalName" in again.stderr
    for name in ("web", "app"):
        commands.run("service", "delete", name, "--yes")


def test_computers(commands: Commands) -> None:
    made = commands.json("computer", "create", "ws1", "--spn", "host/ws1.example.com")
    assert isinstance(made, dict)
    assert made["dn"].startswith("cn=ws1,ou=Computers,")
    for name in ("ws1", "WS1$", "host/ws1.example.com"):
        found = commands.json("computer", "show", name)
        assert isinstance(found, dict)
        assert found["id"] == made["id"]
    commands.run("user", "show", "ws1", code=1)
    commands.run("computer", "delete", "ws1", "--yes")


def test_users_of_a_file(commands: Commands, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text(
        "name,displayName,title,enabled,password\n"
        "csv1,First,Dr,yes,Made-up 4 files\n"
        "\n"
        'csv2,"Second, really",,no,\n'
        "csv3,Third,,perhaps,\n"
        "csv1,Again,,,\n"
        ",Nobody,,,\n"
        "csv4,a,b,,,,\n"
    )
    done = commands.run("user", "create", "--from", people, code=1)
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "line 5",
        "line 6",
        "line 7",
        "line 8",
        "2 users created, 4 refused.",
    ]
    second = commands.json("user", "show", "csv2")
    assert isinstance(second, dict)
    assert (second["displayName"], second["enabled"]) == ("Second, really", False)

    array = json.dumps([{"name": "json1"}, {"name": "json2", "generatePassword": True}, 5]).encode()
    told = commands.json("user", "create", "--from", "-", stdin=array, code=1)
    assert isinstance(told, dict)
    assert [one["name"] for one in told["created"]] == ["json1", "json2"]
    assert len(told["created"][1]["password"]) == 20
    assert told["refused"] == [{"line": 3, "name": None, "error": "not a JSON object"}]
    lines = b'{"name": "json3"}\n\n{broken\n'
    told = commands.json("user", "create", "--from", "-", stdin=lines, code=1)
    assert isinstance(told, dict)
    assert ([one["name"] for one in told["created"]], told["refused"][0]["line"]) == (["json3"], 3)
    for octets in (b"", b"\xff\xfe", b"[", b"a,b\n1,2\n", b"name\n"):
        commands.run("user", "create", "--from", "-", stdin=octets, code=1)
    commands.run("user", "create", "--from", people, "--mail", "x", code=2)
    commands.run("user", "create", code=2)
    commands.run("user", "create", "x", "--from", people, code=2)
    for name in ("csv1", "csv2", "json1", "json2", "json3"):
        commands.run("user", "delete", name, "--yes")


def test_nothing_steers_the_terminal(commands: Commands) -> None:
    commands.run("user", "create", "esc", "--description", "a\x1b[31mred\x9b", "--set", "title=\u202e")
    table = commands.run("user", "show", "esc").stdout
    assert "\x1b" not in table
    assert "\x9b" not in table
    commands.run("user", "delete", "esc", "--yes")
