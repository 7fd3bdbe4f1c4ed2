"""What docs/operations.md says to do before and after a machine is lost, done; and care of the data while serving."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import lmdb
import pytest

from clients import require_client
from commands import answer, succeed
from node import ADMINISTRATOR_PASSWORD, LIGHTWAVE, Node, free_offset, run_lightwave
from reference import wire

OPERATIONS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
BASE = "dc=example,dc=com"
ANN = f"uid=ann,cn=Users,{BASE}"
STAFF = f"cn=staff,cn=Users,{BASE}"


def walk_through() -> list[str]:
    """The blocks of commands in the section: before, every night, after."""
    section = OPERATIONS.read_text().split("## Disaster recovery", 1)[1].split("\n## ", 1)[0]
    blocks: list[str] = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    return blocks


def run(commands: str, folder: Path) -> str:
    """Paste commands into a shell."""
    done = subprocess.run(
        ["/bin/sh", "-e"],
        input=commands,
        cwd=folder,
        env={**os.environ, "PATH": f"{LIGHTWAVE.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def house(short_folder: Path) -> Node:
    """A promoted node in `data`, and its recovery key in `recovery.txt`."""
    (short_folder / "password").write_text(ADMINISTRATOR_PASSWORD + "\n")
    offset = free_offset()
    place = ["--data", str(short_folder / "data"), "--bind", "127.0.0.1", "--port-offset", str(offset)]
    quick = ["--password-file", str(short_folder / "password"), "--hashing-cost", "minimum", "--json"]
    made = run_lightwave(["promote", "--domain", "example.com", *place, *quick])
    (short_folder / "recovery.txt").write_text(json.loads(made)["recoveryKey"] + "\n")
    return Node(short_folder / "data", "example.com", ADMINISTRATOR_PASSWORD, offset)


def add_ann(node: Node) -> None:
    with node.local_administrator() as connection:
        person = {"objectClass": [b"inetOrgPerson"], "uid": [b"ann"], "cn": [b"Ann"], "sn": [b"Ann"]}
        for name, attributes in (
            (ANN, {**person, "userPassword": [b"Her very own secret"]}),
            (STAFF, {"objectClass": [b"groupOfNames"], "cn": [b"staff"], "member": [ANN.encode()]}),
        ):
            assert connection.ask(wire.add(name, attributes.items())).code == 0


def may_sign_in(node: Node, name: str, password: str) -> bool:
    node.allow_passwords_in_the_clear()
    with wire.Connection("127.0.0.1", node.port) as connection:
        answer_to_bind = connection.ask(wire.bind(name, password))
    return answer_to_bind.code == 0


def test_the_walk_through(house: Node, short_folder: Path) -> None:
    before, nightly, after = walk_through()
    house.start()
    run(before, short_folder)
    add_ann(house)
    run(nightly, short_folder)
    house.kill()
    lost = short_folder / "data"
    shutil.rmtree(lost)
    shutil.rmtree(house.keyring)
    assert "The store is sound" in run(after, short_folder)
    restored = Node(short_folder / "restored", house.domain, house.password, house.port_offset)
    restored.start()
    try:
        assert may_sign_in(restored, ANN, "Her very own secret")
        assert may_sign_in(restored, restored.administrator, ADMINISTRATOR_PASSWORD)
        assert not may_sign_in(restored, ANN, "another")
        with restored.local_administrator() as connection:
            found = connection.ask(wire.search(STAFF, scope=wire.BASE, attributes=["member"]))
            assert dict(found.entries)[STAFF.encode()]["member"] == [ANN.encode()]
        again = run(
            "lightwave backup --data restored --to again && lightwave backup --verify again", short_folder
        )
        assert "is whole" in again
    finally:
        restored.stop()
    assert answer("check", "--data", restored.folder)["findings"] == []


def test_a_deleted_entry_comes_back_while_the_node_serves(node: Node, short_folder: Path) -> None:
    add_ann(node)
    full = short_folder / "full"
    succeed("backup", "--data", node.folder, "--to", full)
    with node.local_administrator() as connection:
        before = dict(connection.ask(wire.search(ANN, scope=wire.BASE, attributes=["*", "+"])).entries)[
            ANN.encode()
        ]
        assert connection.ask(wire.delete(ANN)).code == 0
        assert connection.ask(wire.search(ANN, scope=wire.BASE)).code == 32
        # another has been put into the group meanwhile: he stays
        more = (wire.ADD, "member", [node.administrator.encode()])
        assert connection.ask(wire.modify(STAFF, [more])).code == 0
        made = answer("restore-entry", ANN, "--from", full, "--data", node.folder)
        assert (made["restored"], made["memberships"]) == (1, 1)
        after = dict(connection.ask(wire.search(ANN, scope=wire.BASE, attributes=["*", "+"])).entries)[
            ANN.encode()
        ]
        found = connection.ask(wire.search(STAFF, scope=wire.BASE, attributes=["member"]))
        assert set(dict(found.entries)[STAFF.encode()]["member"]) == {
            ANN.encode(),
            node.administrator.encode(),
        }
    assert after["entryUUID"] == before["entryUUID"]
    assert after["createTimestamp"] == before["createTimestamp"]
    assert may_sign_in(node, ANN, "Her very own secret")
    assert answer("check", "--data", node.folder)["findings"] == []


def test_undelete_with_openldaps_tools(node: Node) -> None:
    require_client("ldapmodify")
    add_ann(node)
    with node.local_administrator() as connection:
        before = dict(connection.ask(wire.search(ANN, scope=wire.BASE, attributes=["*", "+"])).entries)
        guid = before[ANN.encode()]["entryUUID"][0].decode()
        assert connection.ask(wire.delete(ANN)).code == 0
    change = (
        f"dn: uid=ann\\0ADEL:{guid},cn=Deleted Objects,{BASE}\nchangetype: modify\ndelete: isDeleted\n-\n"
        f"replace: distinguishedName\ndistinguishedName: {ANN}\n-\nadd: sn\nsn: Ann\n-\nadd: cn\ncn: Ann\n"
    )
    tool = ["ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", node.local_url]
    shows_deleted = ["-e", "!1.2.840.113556.1.4.417"]
    refused = subprocess.run(tool, input=change, capture_output=True, text=True, check=False)
    assert refused.returncode == 19, refused.stderr  # constraintViolation
    done = subprocess.run([*tool, *shows_deleted], input=change, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with node.local_administrator() as connection:
        after = dict(connection.ask(wire.search(ANN, scope=wire.BASE, attributes=["*", "+"])).entries)
    assert after[ANN.encode()]["entryUUID"] == before[ANN.encode()]["entryUUID"]
    assert after[ANN.encode()]["sn"] == [b"Ann"]
    assert answer("check", "--data", node.folder)["findings"] == []


def test_repair_while_the_node_serves(node: Node) -> None:
    add_ann(node)
    wanted = wire.search(BASE, filter=("equal", "uid", b"ann"), attributes=["1.1"])
    with node.local_administrator() as connection:
        assert len(connection.ask(wanted).entries) == 1
        lose_index(node)
        assert connection.ask(wanted).entries == []
        assert answer("check", "--data", node.folder, "--repair-indexes")["mended"]["index"] > 1
        assert len(connection.ask(wanted).entries) == 1
        assert connection.ask(wire.delete(ANN)).code == 0
    assert answer("check", "--data", node.folder)["findings"] == []


def lose_index(node: Node) -> None:
    """Delete all keys of all indexes, and give one to an entry that does not have it."""
    with lmdb.open(str(node.folder / "store"), max_dbs=32, map_size=1 << 40) as environment:
        database = environment.open_db(b"index", dupsort=True, dupfixed=True, create=False)
        with environment.begin(write=True) as txn, txn.cursor(database) as cursor:
            assert cursor.first()
            key = cursor.key()
            txn.drop(database, delete=False)
            txn.put(key, bytes(7) + b"\x01", db=database)
