"""SRP with Cyrus SASL's plugin, through OpenLDAP's tools: without a layer, with integrity, with confidentiality."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients import Outcome, lacks, run_client
from node import Node
from reference import wire
from serving import PASSWORD, add_user, change_settings, unit

PLUGIN = Path(__file__).parent / "cyrus" / "plugin"
INVALID_CREDENTIALS, UNWILLING = 49, 53
LAYERS = {
    "none": ("maxssf=0", "0"),
    "integrity": ("minssf=1,maxssf=1", "1"),
    "confidentiality": ("minssf=56", "128"),
}


@pytest.fixture(scope="module")
def user(shared_node: Node) -> Iterator[str]:
    if not (PLUGIN / "libsrp.so").exists():
        lacks("Cyrus SASL's plugin for SRP")
    name = add_user(shared_node, "cyrus-srp")
    change_settings(shared_node, lwFailureDelayMilliseconds=0)
    yield name
    with shared_node.local_administrator() as connection:
        assert connection.ask(wire.delete(name)).code == 0


@pytest.fixture(scope="module")
def many(shared_node: Node) -> Iterator[str]:
    """A container with more in it than one packet of a security layer holds."""
    top = f"ou=srp,{shared_node.suffix}"
    with shared_node.local_administrator() as connection:
        assert connection.ask(wire.add(top, unit("srp"))).code == 0
        for number in range(40):
            content = [*unit(f"u{number}"), ("description", [b"%05d" % number * 1_000])]
            assert connection.ask(wire.add(f"ou=u{number},{top}", content)).code == 0
        yield top
        for number in range(40):
            assert connection.ask(wire.delete(f"ou=u{number},{top}")).code == 0
        assert connection.ask(wire.delete(top)).code == 0


def run(
    node: Node, tool: str, layer: str, *rest: str, name: str = "cyrus-srp", password: str = PASSWORD
) -> Outcome:
    where = ("-H", f"ldap://127.0.0.1:{node.port}", "-O", LAYERS[layer][0])
    arguments = [tool, *where, "-Y", "SRP", "-U", name, "-w", password, *rest]
    return run_client(arguments, environment={"SASL_PATH": str(PLUGIN)})


@pytest.mark.parametrize("layer", LAYERS)
def test_ldapwhoami_signs_in(shared_node: Node, user: str, layer: str) -> None:
    for name in ("cyrus-srp", f"cyrus-srp@{shared_node.domain}"):
        done = run(shared_node, "ldapwhoami", layer, name=name)
        assert (done.code, done.out.strip()) == (0, f"dn:{user}"), done.err
        assert f"SASL SSF: {LAYERS[layer][1]}\n" in done.err
        assert ("layer installed" in done.err) is (layer != "none")


@pytest.mark.parametrize("layer", LAYERS)
def test_what_is_wrong_is_refused_alike(shared_node: Node, user: str, layer: str) -> None:
    answers = []
    for name, password in (
        ("cyrus-srp", "not the password"),
        ("nobody-4711", PASSWORD),
        ("CYRUS-SRP", PASSWORD),
    ):
        done = run(shared_node, "ldapwhoami", layer, name=name, password=password)
        assert done.code == INVALID_CREDENTIALS
        answers.append(done.err)
    assert len(set(answers)) == 1


@pytest.mark.parametrize("layer", LAYERS)
def test_a_search_of_many_packets(shared_node: Node, user: str, many: str, layer: str) -> None:
    rest = ("-LLL", "-o", "ldif-wrap=no", "-b", many, "(ou=u*)", "description")
    done = run(shared_node, "ldapsearch", layer, *rest, name="Administrator", password=shared_node.password)
    assert done.code == 0, done.err
    found = {line for line in done.out.splitlines() if line.startswith("description: ")}
    assert found == {f"description: {f'{number:05d}' * 1_000}" for number in range(40)}


def test_a_large_request_of_several_packets(shared_node: Node, user: str, many: str) -> None:
    """What libldap sends in pieces is one request to the server."""
    changes = f"dn: {many}\nchangetype: modify\nreplace: description\ndescription: {'x' * 150_000}\n"
    path = shared_node.folder.parent / "srp.ldif"
    path.write_text(changes)
    for layer in LAYERS:
        done = run(
            shared_node,
            "ldapmodify",
            layer,
            "-f",
            str(path),
            name="Administrator",
            password=shared_node.password,
        )
        assert done.code == 0, done.err
    path.unlink()


def test_confidentiality_lets_a_password_be_set(shared_node: Node, user: str) -> None:
    name, chosen = f"cn=srp-user,{shared_node.suffix}", "Chosen 4 confidentiality"
    attributes = [("objectClass", [b"user"]), ("cn", [b"srp-user"]), ("sAMAccountName", [b"srp-user"])]
    with shared_node.local_administrator() as connection:
        assert connection.ask(wire.add(name, attributes)).code == 0
    quoted = base64.b64encode(f'"{chosen}"'.encode("utf-16-le")).decode()
    path = shared_node.folder.parent / "unicode.ldif"
    path.write_text(f"dn: {name}\nchangetype: modify\nreplace: unicodePwd\nunicodePwd:: {quoted}\n")

    def change(layer: str) -> Outcome:
        who = {"name": "Administrator", "password": shared_node.password}
        return run(shared_node, "ldapmodify", layer, "-f", str(path), **who)

    try:
        assert change("integrity").code == UNWILLING
        done = change("confidentiality")
        assert done.code == 0, done.err
        done = run(shared_node, "ldapwhoami", "confidentiality", name="srp-user", password=chosen)
        assert done.code == 0, done.err
    finally:
        path.unlink()
        with shared_node.local_administrator() as connection:
            assert connection.ask(wire.delete(name)).code == 0
