"""`lightwave status`: over the local socket, over HTTPS with a login, and of a node that does not serve."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from node import LIGHTWAVE, Node
from serving import PASSWORD, add_user


def status(*arguments: str | Path) -> tuple[int, str, str]:
    command = [str(LIGHTWAVE), "status", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout, done.stderr


def remote(node: Node, name: str, password: str, *more: str | Path) -> list[str | Path]:
    secret = node.folder.parent / "secret"
    secret.write_text(password + "\n")
    return ["--server", node.https_url, "--login", name, "--password-file", secret, *more]


def test_of_a_serving_node(shared_node: Node) -> None:
    code, out, _ = status("--data", shared_node.folder, "--json")
    facts: dict[str, Any] = json.loads(out)
    assert code == 0
    assert (facts["serving"], facts["ready"], facts["domain"]) == (True, True, "example.com")
    assert facts["httpsPort"] == 443 + shared_node.port_offset
    assert facts["httpConnections"] == 1
    assert facts["entries"] > 20
    authority = shared_node.certificate_authority
    code, out, _ = status(
        *remote(shared_node, shared_node.administrator, shared_node.password, "--ca", authority), "--json"
    )
    assert code == 0
    again = json.loads(out)
    assert again.pop("bytesOnDisk") >= facts.pop("bytesOnDisk")  # the sign-in is recorded
    assert again == facts
    code, out, _ = status(
        *remote(shared_node, "Administrator@example.com", shared_node.password, "--data", shared_node.folder)
    )
    assert code == 0
    assert "serving" in out


def test_of_a_node_that_does_not_serve(promoted_node: Node) -> None:
    code, out, _ = status("--data", promoted_node.folder, "--json")
    facts = json.loads(out)
    assert code == 3
    assert (facts["serving"], facts["ready"]) == (False, False)
    assert "httpConnections" not in facts
    code, _, error = status(*remote(promoted_node, "x", "y", "--data", promoted_node.folder))
    assert code == 3
    assert "Connection refused" in error


def test_refusals(shared_node: Node) -> None:
    name = add_user(shared_node, "ann")
    for login, password, words in (
        (name, PASSWORD, "this is for administrators"),
        (name, "wrong", "the name or the password is wrong"),
    ):
        code, out, error = status(*remote(shared_node, login, password, "--data", shared_node.folder))
        assert (code, out) == (1, "")
        assert words in error


def test_a_node_that_is_not_trusted(shared_node: Node, short_folder: Path) -> None:
    stranger = Node.promote(short_folder / "stranger")
    code, _, error = status(*remote(shared_node, "x", "y", "--ca", stranger.certificate_authority))
    assert code == 3
    assert "not trusted" in error


@pytest.mark.parametrize(
    "arguments",
    [
        ["--server", "https://localhost:1"],
        ["--server", "https://localhost:1", "--login", "x"],
        ["--server", "http://localhost:1", "--login", "x", "--data", "{}"],
        ["--server", "https://localhost:1/path", "--login", "x", "--data", "{}"],
    ],
)
def test_wrong_use(promoted_node: Node, arguments: list[str]) -> None:
    secret = promoted_node.folder.parent / "secret"
    secret.write_text("x\n")
    filled = [one.replace("{}", str(promoted_node.folder)) for one in arguments]
    code, _, error = status(*filled, "--password-file", secret)
    assert code == 2
    assert "Traceback" not in error
