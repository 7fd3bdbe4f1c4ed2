"""The audit from end to end: what is done over LDAP and HTTP is shown, followed and verified by the command."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands import answer, invoke, succeed
from lightwave.directory.store import layout
from lightwave.directory.store.audit_chain import verify
from lightwave.directory.store.environment import Store
from node import LIGHTWAVE, Node
from reference import wire
from serving import until

CANARY = "Canary-53cret-pa55"


def events(node: Node, *options: str) -> list[dict[str, Any]]:
    text = succeed("audit", "--data", node.folder, "--json", *options)
    return [json.loads(line) for line in text.splitlines()]


def add_ann(node: Node, name: str = "Ann") -> str:
    dn = f"cn={name},cn=Users,{node.suffix}"
    attributes = [
        ("objectClass", [b"user"]),
        ("sAMAccountName", [name.lower().encode()]),
        ("userPassword", [CANARY.encode()]),
    ]
    with node.local_administrator() as connection:
        assert connection.ask(wire.add(dn, attributes)).code == 0
    return dn


@pytest.fixture
def serving(node: Node) -> Iterator[Node]:
    if node.process is None:
        node.start()
    yield node
    node.stop()


def test_who_did_what(serving: Node) -> None:
    node = serving
    ann = add_ann(node)
    change = [(wire.REPLACE, "title", [b"Engineer"])]
    with wire.Connection.local(node.folder / "ldapi") as connection:
        assert connection.ask(wire.bind(ann, CANARY)).code == 0
        assert connection.ask(wire.modify(node.suffix, change)).code == 50
        for _ in range(3):
            assert connection.ask(wire.bind(ann, CANARY + "?")).code == 49
    refused = "refused"
    until(lambda: len(events(node, "--user", "ann", "--outcome", refused)) == 2)
    found = events(node, "--user", "ann")
    assert [(one["action"], one["outcome"]) for one in found] == [
        ("add", "success"),
        ("sign-in", "success"),
        ("modify", "insufficientAccessRights"),
        ("sign-in", "invalidCredentials"),
    ]
    login = found[1]["correlation"]
    assert [one["action"] for one in events(node, "--correlation", login)] == ["sign-in", "modify", "sign-in"]
    assert {one["actor"] for one in found[1:]} == {ann}
    assert found[2]["target"] == node.suffix
    assert found[2]["detail"] == "title"
    guid = found[0]["targetId"]
    assert events(node, "--user", guid) == found
    assert events(node, "--user", "ann", "--action", "add") == found[:1]
    assert events(node, "--user", "ann", "--limit", "2") == found[:2]
    assert events(node, "--user", "ann", "--until", "1h") == []
    table = succeed("audit", "--data", node.folder, "--since", "1h", "--user", "ann")
    assert "who" in table.splitlines()[0]
    assert "Ann" in table
    assert CANARY not in table


def test_it_is_read_over_https_by_administrators_only(serving: Node) -> None:
    node = serving
    ann = add_ann(node)
    secret = node.folder.parent / "secret"
    remote: list[str | Path] = [
        "--server",
        node.https_url,
        "--ca",
        node.certificate_authority,
        "--password-file",
        secret,
    ]
    secret.write_text(node.password)
    shown = succeed("audit", *remote, "--login", f"Administrator@{node.domain}", "--json", "--user", "ann")
    assert json.loads(shown.splitlines()[0])["target"] == ann
    secret.write_text(CANARY)
    for options in ([], ["--verify"], ["--follow"]):
        result = invoke("audit", *remote, "--login", f"ann@{node.domain}", *options)
        assert result.exit_code == 1
        assert "there is no audit" in result.stderr


def test_following(serving: Node) -> None:
    node = serving
    command = [str(LIGHTWAVE), "audit", "--data", str(node.folder), "--follow", "--json", "--action", "add"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        ann = add_ann(node)
        assert json.loads(following.stdout.readline())["target"] == ann
        bob = add_ann(node, "Bob")
        assert json.loads(following.stdout.readline())["target"] == bob
        following.terminate()


def test_verifying(node: Node) -> None:
    if node.process is None:
        node.start()
    add_ann(node)
    assert "The audit is sound." in succeed("audit", "--data", node.folder, "--verify")
    node.stop()
    with Store.open(node.folder / "store", None, now=lambda: 0.0) as store, store.write() as txn:
        assert store.databases.audit is not None
        rows = list(txn.raw.cursor(store.databases.audit).iternext())
        ((key, row),) = ((bytes(key), bytes(row)) for key, row in rows if b"objectClass=user" in row)
        txn.raw.put(key, row.replace(b"add", b"ads"), db=store.databases.audit)
    node.start()
    result = invoke("audit", "--data", node.folder, "--verify", "--json")
    node.stop()
    assert result.exit_code == 3
    found = json.loads(result.stdout)
    assert not found["sound"]
    damaged = [one["at"] for one in found["chains"] if "problem" in one]  # a copied node has two chains
    assert damaged == [layout.decode_audit_key(key)[2]]


def test_events_are_entries(serving: Node) -> None:
    """Found below cn=Audit alone, by one-level and subtree, filtered, paged, and by their own names; read only."""
    node = serving
    ann = add_ann(node)
    audit = f"cn=Audit,{node.suffix}"
    with node.local_administrator() as connection:

        def found(base: str, scope: int, *filters: Any, attributes: Any = ("lwAuditTarget",)) -> Any:
            asked = ("and", *filters) if filters else ("present", "objectClass")
            return connection.ask(wire.search(base, scope, filter=asked, attributes=list(attributes)))

        adds = ("equal", "lwAuditAction", b"ADD")
        (entry,) = found(audit, wire.ONE, adds, ("equal", "lwAuditTarget", ann.encode())).entries
        name, attributes = entry[0].decode(), dict(entry[1])
        assert name.endswith("," + audit)
        assert attributes == {"lwAuditTarget": [ann.encode()]}
        whole = dict(found(name, wire.BASE, attributes=("*", "entryDN")).entries[0][1])
        assert whole["objectClass"] == [b"top", b"lwAuditEvent"]
        assert whole["entryDN"] == [name.encode()]
        assert whole["lwAuditSequence"] == [whole["lwAuditId"][0].rpartition(b"-")[2]]
        assert found(audit, wire.BASE).entries[0][0] == audit.encode()
        assert found(audit, wire.SUBTREE).entries[0][0] == audit.encode()
        late = ("greater", "lwAuditTime", b"20991231235959Z")
        assert found(audit, wire.ONE, late).entries == []
        assert found(node.suffix, wire.SUBTREE, adds).entries == []
        assert found(name, wire.ONE).entries == []
        assert found(name, wire.SUBTREE).entries[0][0] == name.encode()
        assert found(f"lwAuditId=none-1,{audit}", wire.BASE).code == 32
        assert found(f"lwAuditId=x,{audit}", wire.BASE).code == 32
        assert connection.ask(wire.modify(name, [(wire.REPLACE, "lwAuditAction", [b"x"])])).code == 19
        assert connection.ask(wire.delete(name)).code == 32
        assert connection.ask(wire.delete(audit)).code == 53
        attributes_of_one = [("objectClass", [b"container"])]
        assert connection.ask(wire.add(f"cn=x,{audit}", attributes_of_one)).code == 53
    with wire.Connection.local(node.folder / "ldapi") as connection:
        assert connection.ask(wire.bind(ann, CANARY)).code == 0
        for base, scope in ((audit, wire.ONE), (name, wire.BASE)):
            assert connection.ask(wire.search(base, scope)).entries == []


def test_neg_tenants_read_their_own_alone(serving: Node) -> None:
    """Neither the system's administrator nor another tenant's; each sees what concerns his own."""
    node = serving
    passwords = {
        name: answer("tenant", "create", name, "--data", node.folder)["password"]
        for name in ("acme.test", "beta.test")
    }
    secret = node.folder.parent / "secret"
    remote: list[str | Path] = ["--server", node.https_url, "--ca", node.certificate_authority]
    remote += ["--password-file", secret]
    secret.write_text(passwords["acme.test"])
    acme: list[str | Path] = [*remote, "--login", "Administrator@acme.test"]
    until(lambda: "acme" in succeed("audit", *acme, "--json"))
    own = succeed("audit", *acme, "--json")
    assert "beta" not in own
    assert "example" not in own
    assert "The audit is sound." in succeed("audit", *acme, "--verify")
    for who in (acme, ["--data", node.folder]):
        for tenant in ("beta.test", "gamma.test"):
            for options in ([], ["--verify"]):
                result = invoke("audit", *who, "--tenant", tenant, *options)
                assert result.exit_code == 1, (who, tenant)
                assert "there is no" in result.stderr
    assert all("acme" not in one.get("actor", "") for one in events(node))
    with node.local_administrator() as connection:
        for name in ("dc=acme,dc=test", "dc=beta,dc=test"):
            asked = wire.search(f"cn=Audit,{name}", wire.ONE, attributes=["1.1"])
            assert connection.ask(asked).entries == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_node_leaves_a_chain_that_verifies(
    promoted_node: Node, short_folder: Path, workers: int
) -> None:
    """Whatever was answered is in it, from all processes, and each sequence once."""
    node = promoted_node.copy(short_folder / "node")
    node.start(*(["--workers", str(workers)] if workers > 1 else []))
    done = 0
    connections = [node.local_administrator() for _ in range(4)]
    for number in range(40):
        connection = connections[number % 4]
        dn = f"ou=u{number},{node.suffix}"
        done += connection.ask(wire.add(dn, [("objectClass", [b"organizationalUnit"])])).code == 0
    node.kill()
    with Store.open(node.folder / "store", None, now=lambda: 0.0, read_only=True) as store:
        with store.read() as txn:
            found = verify(txn, layout.SYSTEM_TENANT, store.server_number, ())
        assert found.problem is None
        assert found.events >= done == 40


def test_neg_112_no_secret_reaches_audit_or_log(serving: Node) -> None:
    """Passwords in binds, adds, modifies, password changes and HTTP headers; also one typed as a name."""
    node = serving
    ann = add_ann(node)
    quoted = f'"{CANARY}x"'.encode("utf-16-le")
    with wire.Connection.local(node.folder / "ldapi") as connection:
        connection.ask(wire.bind(CANARY, CANARY))
        connection.ask(wire.bind(f"{CANARY}@x", CANARY))
        connection.ask(wire.bind(f"cn={CANARY}", CANARY))
        connection.ask(wire.sasl_bind("PLAIN", f"\0{CANARY}\0{CANARY}".encode()))
        connection.ask(wire.sasl_bind("SCRAM-SHA-256", f"n,,n={CANARY},r=abc".encode()))
        connection.ask(wire.bind(ann, CANARY))
        connection.ask(wire.modify(ann, [(wire.REPLACE, "userPassword", [CANARY.encode()])]))
    with node.local_administrator() as connection:
        connection.ask(wire.modify(ann, [(wire.REPLACE, "unicodePwd", [quoted])]))
        connection.ask(wire.modify(ann, [(wire.REPLACE, CANARY, [b"x"])]))
        connection.ask(wire.modify(CANARY, [(wire.REPLACE, "sn", [b"x"])]))
        connection.ask(wire.add(f"cn=Bob,cn=Users,{node.suffix}", [("userPassword", [CANARY.encode()])]))
    secret = node.folder.parent / "secret"
    secret.write_text(CANARY)
    remote: list[str | Path] = [
        "--server",
        node.https_url,
        "--ca",
        node.certificate_authority,
        "--password-file",
        secret,
    ]
    invoke("audit", *remote, "--login", f"ann@{node.domain}")
    invoke("audit", *remote, "--login", "Administrator")
    until(lambda: any(one["protocol"] == "rest" and one["outcome"] != "success" for one in events(node)))
    shown = succeed("audit", "--data", node.folder, "--json")
    node.stop()
    with (
        Store.open(node.folder / "store", None, now=lambda: 0.0, read_only=True) as store,
        store.read() as txn,
    ):
        assert store.databases.audit is not None
        rows = b"".join(value for _, value in txn.raw.cursor(store.databases.audit).iternext())
    needle = CANARY.partition("-")[2]
    assert needle not in shown
    assert needle.encode() not in rows
    assert needle.encode() not in node.log.read_bytes()
