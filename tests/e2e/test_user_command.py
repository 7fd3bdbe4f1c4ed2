"""`lightwave user` against a serving node: each verb in its valid, malformed and empty form."""

from __future__ import annotations

from commands import answer, invoke
from node import Node
from serving import add_user


def test_list(shared_node: Node) -> None:
    data = shared_node.folder
    add_user(shared_node, "lara")
    everybody = answer("user", "list", "--data", data)
    assert {"Administrator", "lara"} <= {one["name"] for one in everybody}
    (lara,) = answer("user", "list", "--search", "lar", "--data", data)
    assert lara["dn"] == f"uid=lara,{shared_node.suffix}"
    assert lara["enabled"] is True
    assert lara["hindrances"] == []
    table = invoke("user", "list", "--data", data)
    assert table.exit_code == 0
    assert "lara" in table.stdout
    nobody = invoke("user", "list", "--search", "*)(uid=*", "--data", data)
    assert (nobody.exit_code, nobody.stdout) == (0, "")
    assert "no such users" in nobody.stderr


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
