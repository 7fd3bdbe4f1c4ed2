"""`lightwave access`: delegation to a help desk, what it may, why, and where that ends."""

from __future__ import annotations

from contextlib import closing
from urllib.parse import quote

import pytest

from commands import answer, invoke, succeed
from http_client import ask, http_connection
from node import Node
from reference import wire
from serving import person, signed_in, unit

PASSWORD = "Made-up 4 tests"
NEW = b"Made-up 5 tests"


@pytest.fixture(scope="module")
def desk(shared_node: Node) -> str:
    """A unit with a helper, somebody to help, and a boss who is an administrator."""
    node = shared_node
    name = f"ou=desk,{node.suffix}"
    with node.local_administrator() as connection:
        assert connection.ask(wire.add(name, unit("desk"))).code == 0
        for uid in ("helper", "ada", "boss"):
            attributes = [
                ("objectClass", [b"user"]),
                *person(uid)[1:],
                ("sAMAccountName", [uid.encode()]),
                ("userPassword", [PASSWORD.encode()]),
            ]
            made = connection.ask(wire.add(f"uid={uid},{name}", attributes))
            assert made.code == 0, made
        group = [
            ("objectClass", [b"group"]),
            ("cn", [b"helpers"]),
            ("sAMAccountName", [b"helpers"]),
            ("member", [f"uid=helper,{name}".encode()]),
        ]
        assert connection.ask(wire.add(f"cn=helpers,{name}", group)).code == 0
        administrators = f"cn=Administrators,cn=Builtin,{node.suffix}"
        change = (wire.ADD, "member", [f"uid=boss,{name}".encode()])
        assert connection.ask(wire.modify(administrators, [change])).code == 0
    return name


def access(node: Node, *arguments: str) -> str:
    return succeed("access", *arguments, "--data", node.folder)


def verdict(node: Node, *arguments: str) -> dict[str, object]:
    (found,) = answer("access", "explain", *arguments, "--data", node.folder)["verdicts"]
    assert isinstance(found, dict)
    return found


def reset(node: Node, desk: str, uid: str) -> int:
    with signed_in(node, f"uid=helper,{desk}", PASSWORD) as connection:
        change = (wire.REPLACE, "userPassword", [NEW])
        return connection.ask(wire.modify(f"uid={uid},{desk}", [change])).code


def test_a_help_desk_resets_passwords_and_not_those_of_someone_higher(shared_node: Node, desk: str) -> None:
    ada, boss = f"uid=ada,{desk}", f"uid=boss,{desk}"
    why = ("--right", "reset-password")
    assert verdict(shared_node, "helper", ada, *why)["granted"] is False
    assert reset(shared_node, desk, "ada") == 50
    assert "Granted help-desk to helpers" in access(shared_node, "grant", "helpers", "help-desk", desk)
    assert "already" in access(shared_node, "grant", "helpers", "help-desk", desk)
    found = verdict(shared_node, "helper", ada, *why)
    assert found["granted"] is True
    assert (found["through"], found["at"]) == ("helpers", desk)
    assert "00299570-246d-11d0-a768-00aa006e0529" in str(found["ace"])
    assert reset(shared_node, desk, "ada") == 0
    higher = verdict(shared_node, "helper", boss, *why)
    assert higher["granted"] is False
    assert "protected" in str(higher["reason"])
    assert reset(shared_node, desk, "boss") == 50
    assert "helpers" in access(shared_node, "show", ada)
    lines = answer("access", "show", ada, "--data", shared_node.folder)["entries"]
    assert {"helpers": ("User-Force-Change-Password", desk)}.items() <= {
        one["who"]: (one["on"], one["inheritedFrom"])
        for one in lines
        if one.get("on") == "User-Force-Change-Password" and one.get("inheritedFrom")
    }.items()
    assert "D:" in access(shared_node, "show", ada, "--sddl")
    assert "Taken back" in access(shared_node, "revoke", "helpers", "help-desk", desk)
    assert verdict(shared_node, "helper", ada, *why)["granted"] is False
    assert reset(shared_node, desk, "ada") == 50


def test_an_attribute_is_granted_and_denied(shared_node: Node, desk: str) -> None:
    ada = f"uid=ada,{desk}"
    asked = ("helper", ada, "--right", "write", "--attribute", "telephoneNumber")
    access(shared_node, "grant", "helpers", "write", desk, "--attribute", "telephoneNumber")
    assert verdict(shared_node, *asked)["granted"] is True
    assert verdict(shared_node, *asked[:-1], "mail")["granted"] is False
    access(shared_node, "grant", "helper", "write", ada, "--attribute", "telephoneNumber", "--deny")
    denied = verdict(shared_node, *asked)
    assert denied["granted"] is False
    assert "denied to the account itself" in str(denied["reason"])
    access(shared_node, "revoke", "helper", ada)
    access(shared_node, "revoke", "helpers", desk)
    assert verdict(shared_node, *asked)["granted"] is False


def test_one_may_ask_about_oneself_and_change_nothing(shared_node: Node, desk: str) -> None:
    login = (f"helper@{shared_node.domain}", PASSWORD)
    ada = quote(f"uid=ada,{desk}", safe="")
    with closing(http_connection(shared_node)) as connection:
        own = ask(connection, "GET", f"/v1/access/explain?who=helper&dn={ada}&right=write", None, login)
        assert (own.status, own.json["verdicts"][0]["granted"]) == (200, False)
        other = ask(connection, "GET", f"/v1/access/explain?who=boss&dn={ada}", None, login)
        assert other.status == 403
        change = {"dn": f"uid=ada,{desk}", "who": "helper", "what": "full"}
        assert ask(connection, "POST", "/v1/access/grant", change, login).status == 403
        assert ask(connection, "POST", "/v1/access/grant", {"dn": desk}, login).status in (400, 422)
        assert ask(connection, "GET", f"/v1/access?dn={ada}").status == 401


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("grant", "nobody-here", "read", "{desk}"), "there is no account or group 'nobody-here'"),
        (("grant", "helpers", "fly", "{desk}"), "'fly' is no right; there are: read, write"),
        (("grant", "helpers", "read", "{desk}", "--attribute", "wings"), "no attribute 'wings'"),
        (("grant", "helpers", "read", "{desk}", "--class", "bird"), "no class 'bird'"),
        (("grant", "helpers", "read-confidential", "{desk}"), "takes an attribute"),
        (("revoke", "helpers", "full", "{desk}"), "nothing of that is granted"),
        (("show", "ou=nowhere,dc=example,dc=com"), ""),
        (("explain", "helper", "{desk}", "--right", "fly"), "is no right"),
    ],
)
def test_what_is_wrong_is_said(shared_node: Node, desk: str, arguments: tuple[str, ...], words: str) -> None:
    given = (one.format(desk=desk) for one in arguments)
    result = invoke("access", *given, "--data", shared_node.folder)
    assert result.exit_code == 1, result.output
    assert words in " ".join(result.output.split())
