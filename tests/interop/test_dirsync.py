"""DirSync ([MS-ADTS] 3.1.1.3.4.1.3) with ldap3's client, and with requests that it does not make."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ldap3
import pytest

from node import Node
from reference import wire
from serving import add_user, person, signed_in, unit

DIRSYNC = "1.2.840.113556.1.4.841"
Changed = dict[str, dict[str, list[bytes] | None]]


class Polls:
    """ldap3's client with the cookie of the answer before."""

    def __init__(self, node: Node, *attributes: str, **options: Any) -> None:
        self._connection = ldap3.Connection(
            ldap3.Server("127.0.0.1", node.port, get_info=None),
            node.administrator,
            node.password,
            auto_bind=True,
        )
        self._base, self._attributes, self._options = node.suffix, list(attributes) or ["*"], options
        self.cookie: bytes | None = None
        self.answers = 0

    def __call__(self, search_filter: str = "(objectClass=*)") -> Changed:
        """One run to its end: what changed, by DN."""
        sync = self._connection.extend.microsoft.dir_sync(
            self._base, search_filter, attributes=self._attributes, cookie=self.cookie, **self._options
        )
        found: Changed = {}
        self.answers = 0
        while sync.more_results:
            self.answers += 1
            for entry in sync.loop():
                assert entry["dn"] not in found
                found[entry["dn"]] = dict(entry["raw_attributes"])
        self.cookie = sync.cookie
        return found


@pytest.fixture(scope="module")
def node(shared_node: Node) -> Node:
    shared_node.allow_passwords_in_the_clear()
    return shared_node


@pytest.fixture
def base(node: Node, short_folder: Path) -> Iterator[str]:
    name = f"ou={short_folder.name},{node.suffix}"
    change(
        node,
        wire.add(name, unit(short_folder.name)),
        wire.add(f"uid=ada,{name}", [*person("ada"), ("roomNumber", [b"1"])]),
        wire.add(f"uid=alan,{name}", person("alan")),
        wire.add(
            f"cn=g,{name}",
            [("objectClass", [b"groupOfNames"]), ("cn", [b"g"]), ("member", [f"uid=ada,{name}".encode()])],
        ),
    )
    yield name
    with node.local_administrator() as writer:
        found = writer.ask(wire.search(name, attributes=["1.1"]))
        for dn, _ in sorted(found.entries, key=lambda entry: -len(entry[0])):
            assert writer.ask(wire.delete(dn)).code == 0


def change(node: Node, *operations: bytes) -> None:
    with node.local_administrator() as writer:
        for operation in operations:
            answer = writer.ask(operation)
            assert answer.code == 0, answer


def test_only_what_changed_comes(node: Node, base: str) -> None:
    poll = Polls(node)
    first = poll()
    assert first[f"uid=ada,{base}"]["roomNumber"] == [b"1"]
    assert first[f"cn=g,{base}"]["member"] == [f"uid=ada,{base}".encode()]
    assert poll() == {}
    change(
        node,
        wire.modify(
            f"uid=ada,{base}", [(wire.REPLACE, "sn", [b"Lovelace"]), (wire.DELETE, "roomNumber", [])]
        ),
        wire.modify_dn(f"uid=alan,{base}", "uid=turing", True),
        wire.add(f"uid=grace,{base}", person("grace")),
    )
    found = poll()
    assert set(found) == {f"uid=ada,{base}", f"uid=turing,{base}", f"uid=grace,{base}"}
    kept = {"modifiersName", "modifyTimestamp", "entryCSN"}
    ada = found[f"uid=ada,{base}"]
    assert set(ada) - kept == {"sn", "roomNumber", "objectGUID"}
    assert ada["sn"] == [b"Lovelace"]
    assert not ada["roomNumber"]
    assert set(found[f"uid=turing,{base}"]) - kept == {"uid", "objectGUID"}
    assert {"cn", "sn", "uid", "objectClass", "createTimestamp"} <= set(found[f"uid=grace,{base}"])


def test_deleted_entries_come_as_tombstones(node: Node, base: str) -> None:
    poll = Polls(node, "cn")
    poll()
    change(node, wire.delete(f"uid=ada,{base}"))
    found = {dn: entry for dn, entry in poll().items() if "isDeleted" in entry}
    ((dn, entry),) = found.items()
    assert dn.startswith("uid=ada\\0ADEL:")
    assert dn.endswith(f",cn=Deleted Objects,{node.suffix}")
    assert entry["isDeleted"] == [b"TRUE"]
    assert all("DEL:" not in name for name in Polls(node)())  # whoever has nothing yet has nothing to delete


def test_members_come_whole_or_as_changes(node: Node, base: str) -> None:
    whole = Polls(node, "member", incremental_values=False)
    parts = Polls(node, "member")
    whole()
    parts()
    ada, alan = (f"uid={name},{base}".encode() for name in ("ada", "alan"))
    change(node, wire.modify(f"cn=g,{base}", [(wire.ADD, "member", [alan]), (wire.DELETE, "member", [ada])]))
    assert whole()[f"cn=g,{base}"]["member"] == [alan]
    found = parts()[f"cn=g,{base}"]
    assert (found["member;range=1-1"], found["member;range=0-0"]) == ([alan], [ada])


def test_the_attribute_list_and_the_filter_choose(node: Node, base: str) -> None:
    poll = Polls(node, "mail")
    poll()
    change(
        node,
        wire.modify(f"uid=ada,{base}", [(wire.REPLACE, "sn", [b"y"])]),
        wire.modify(f"uid=alan,{base}", [(wire.REPLACE, "mail", [b"alan@example.com"])]),
    )
    assert {dn: sorted(entry) for dn, entry in poll().items()} == {f"uid=alan,{base}": ["mail", "objectGUID"]}
    change(
        node,
        wire.modify(f"uid=ada,{base}", [(wire.REPLACE, "mail", [b"ada@example.com"])]),
        wire.modify(f"uid=alan,{base}", [(wire.REPLACE, "mail", [b"a@example.com"])]),
    )
    assert list(poll("(uid=ada)")) == [f"uid=ada,{base}"]


def test_long_answers_come_in_parts(node: Node, base: str) -> None:
    change(node, *(wire.add(f"uid=p{at},{base}", person(f"p{at}")) for at in range(30)))
    poll = Polls(node, max_length=2_000)
    found = poll()
    assert poll.answers > 5
    assert {f"uid=p{at},{base}" for at in range(30)} <= set(found)
    assert poll() == {}


def test_ancestors_first(node: Node, base: str) -> None:
    change(
        node,
        wire.add(f"ou=low,{base}", unit("low")),
        wire.add(f"uid=deep,ou=low,{base}", person("deep")),
        wire.modify(f"ou=low,{base}", [(wire.REPLACE, "description", [b"later"])]),
        wire.modify(base, [(wire.REPLACE, "description", [b"last"])]),
    )
    order = [dn for dn in Polls(node, ancestors_first=True)() if dn.endswith(base)]
    assert order.index(base) < order.index(f"ou=low,{base}") < order.index(f"uid=deep,ou=low,{base}")


def dirsync(cookie: bytes = b"", flags: int = 0, most: int = 0) -> bytes:
    value = wire.sequence(wire.integer(flags), wire.integer(most), wire.text(cookie))
    return wire.control(DIRSYNC, True, value)


def test_what_is_refused(node: Node, base: str) -> None:
    poll = Polls(node)
    poll()
    cookie = poll.cookie or b""
    with node.local_administrator() as writer:
        whole = wire.search(node.suffix)
        for bad in (
            b"x",
            cookie[:-1],
            cookie + b"\0",
            b"XXXX" + cookie[4:],
            cookie[:4] + b"\x09" + cookie[5:],
        ):
            assert writer.ask(whole, [dirsync(bad)]).code == 2
        assert writer.ask(whole, [dirsync(bytes(5_000))]).code == 2
        assert writer.ask(wire.search(base), [dirsync()]).code == 53  # not a naming context
        assert writer.ask(wire.search(node.suffix, wire.ONE), [dirsync()]).code == 53
        assert writer.ask(whole, [dirsync(flags=1 << 33)]).code == 2
        # One of another store, and one from the future: everything comes.
        for other in (cookie[:5] + bytes(16) + cookie[21:], cookie[:-8] + b"\x7f" + cookie[-7:]):
            assert len(writer.ask(whole, [dirsync(other)]).entries) > 10
        assert writer.ask(whole, [dirsync(cookie, flags=-(1 << 31))]).entries == []
    name = add_user(node, f"reader-{base[3:11]}")
    with signed_in(node, name) as reader:
        assert reader.ask(wire.search(node.suffix), [dirsync()]).code == 50
    change(node, wire.delete(name))
