"""Indexes that are added and dropped from the command line while a server runs: the server builds them."""

from __future__ import annotations

from commands import answer, invoke, succeed
from node import Node
from reference import wire

BASE = "dc=example,dc=com"


def test_the_running_server_builds_and_drops(node: Node) -> None:
    people = [
        f"dn: uid=p{number},cn=Users,{BASE}\nobjectClass: inetOrgPerson\nuid: p{number}\ncn: Person {number}\n"
        f"sn: Person\ntitle: Title {number % 11}\n"
        for number in range(2_000)
    ]
    succeed("import", "-", "--data", node.folder, stdin="\n".join(people).encode())
    added = invoke(
        "index", "add", "title", "--kind", "equality", "--kind", "substring", "--data", node.folder
    )
    assert added.exit_code == 0, added.output
    assert added.stdout == "title: equality complete, substring complete\n"
    assert "The running server does the work" in added.stderr
    plan = answer("explain", "--data", node.folder, "--base", BASE, "(title=*itle 7)")
    assert (plan["found"], plan["examined"]) == (182, 182)
    with node.local_administrator() as connection:
        wanted = ("equal", "title", b"title 7")
        assert len(connection.ask(wire.search(BASE, filter=wanted, attributes=["1.1"])).entries) == 182
        definition = connection.ask(wire.search("cn=title,cn=indices,cn=config", scope=wire.BASE))
        assert definition.code == 0
    assert succeed("index", "drop", "title", "--data", node.folder) == "title: no index\n"
    assert not answer("check", "--data", node.folder)["findings"]
