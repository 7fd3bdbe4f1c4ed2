"""Negative tests 17, 20 and 21 for whoever follows changes: forged cookies, secrets, rights that went."""

from __future__ import annotations

import pytest

from node import Node
from reference import wire
from serving import PASSWORD, add_user, person, signed_in

SYNC, PSEARCH = "1.3.6.1.4.1.4203.1.9.1.1", "2.16.840.1.113730.3.4.3"
TRUE = b"\x01\x01\xff"
PERSIST = wire.sequence(wire.integer(3, 0x0A))
NOTIFY = wire.sequence(wire.integer(15), TRUE, TRUE)
SYNC_REFRESH_REQUIRED = 4096


def poll(cookie: bytes, hint: bytes = b"") -> bytes:
    return wire.control(SYNC, True, wire.sequence(wire.integer(1, 0x0A), wire.text(cookie), hint))


def refresh_ends(connection: wire.Connection) -> None:
    """Reads up to the Sync Info message that ends the refresh stage."""
    while connection.receive()[1] != 0x79:
        pass


def to_the_end(connection: wire.Connection) -> list[bytes]:
    """The content of all messages up to the end of the connection."""
    told: list[bytes] = []
    while True:
        try:
            told.append(connection.receive()[2])
        except wire.ServerClosed as ended:
            if "timed out" in str(ended):
                raise
            return told


@pytest.mark.parametrize(("oid", "value"), [(SYNC, PERSIST), (PSEARCH, NOTIFY)])
def test_neg_021_right_removed_while_following(node: Node, oid: str, value: bytes) -> None:
    """Nothing more is delivered, and the connection ends."""
    name = add_user(node, "reader")
    with signed_in(node, name) as reader, node.local_administrator() as writer:
        reader.send(wire.search(node.suffix), [wire.control(oid, True, value)])
        if oid == SYNC:
            refresh_ends(reader)
        else:
            assert reader.ask(wire.search("", wire.BASE)).code == 0  # so it has begun
        assert writer.ask(wire.add(f"uid=seen,{node.suffix}", person("seen"))).code == 0
        assert reader.receive()[1] == wire.ENTRY
        lock = [(wire.ADD, "nsAccountLock", [b"TRUE"])]
        assert writer.ask(wire.modify(name, lock)).code == 0
        assert writer.ask(wire.add(f"uid=secret,{node.suffix}", person("secret"))).code == 0
        told = to_the_end(reader)
        assert told
        assert all(b"uid=secret" not in content for content in told)


def test_neg_017_forged_cookies(shared_node: Node) -> None:
    """Malformed ones are protocol errors; those of another store or the future give nothing of anybody's."""
    request = wire.search(shared_node.suffix, wire.BASE)
    with shared_node.local_administrator() as reader:
        found = reader.ask(wire.search(shared_node.suffix, wire.BASE, attributes=["contextCSN"]))
        (good,) = found.entries[0][1]["contextCSN"]
        assert reader.ask(request, [poll(b"rid=001,csn=" + good)]).entries == []
        malformed = (
            b"x",
            b"csn=" + good[:-1],
            b"rid=001,csn=" + good + b"\0",
            b"rid=9999,csn=" + good,
            b"rid=001,csn=" + b"9" * 4_000,
            b"rid=001,csn=" + good.replace(b"2", b"9", 6),
            b"\xff" * 5_000,
        )
        for cookie in malformed:
            assert reader.ask(request, [poll(cookie)]).code == 2, cookie
        future = b"csn=" + b"2999" + good[4:]
        backwards = b"csn=" + b"1999" + good[4:]
        for cookie in (future, backwards):
            assert reader.ask(request, [poll(cookie)]).code == SYNC_REFRESH_REQUIRED, cookie
            again = reader.ask(request, [poll(cookie, TRUE)])
            assert (again.code, len(again.entries)) == (0, 1)
        answer = reader.ask(request, [poll(b"csn=" + good), poll(b"csn=" + good)])
        assert answer.code == 2  # a control that stands twice


def test_neg_020_secrets_are_not_followed(node: Node) -> None:
    """No filter matches them, no entry shows them."""
    name = add_user(node, "someone")
    stored = ("userPassword", "unicodePwd")
    with node.local_administrator() as reader:
        for attribute in stored:
            request = wire.search(node.suffix, filter=("present", attribute))
            answer = reader.ask(request, [wire.control(SYNC, True, wire.sequence(wire.integer(1, 0x0A)))])
            assert (answer.code, answer.entries) == (0, [])
        everything = wire.search(name, attributes=["*", "+", *stored])
        answer = reader.ask(everything, [wire.control(SYNC, True, wire.sequence(wire.integer(1, 0x0A)))])
        ((_, attributes),) = answer.entries
        assert not set(stored) & set(attributes)
        assert all(PASSWORD.encode() not in value for values in attributes.values() for value in values)
        whole = wire.sequence(wire.integer(0), wire.integer(0), wire.text(b""))
        answer = reader.ask(
            wire.search(node.suffix, attributes=["*", *stored]),
            [wire.control("1.2.840.113556.1.4.841", True, whole)],
        )
        assert answer.code == 0
        assert any(dn.decode() == name for dn, _ in answer.entries)
        assert all(not set(stored) & set(attributes) for _, attributes in answer.entries)


def test_controls_that_do_not_go_with_following(shared_node: Node) -> None:
    sort = wire.sequence(wire.sequence(wire.text("cn")))
    page = wire.sequence(wire.integer(10), wire.text(b""))
    request = wire.search(shared_node.suffix, wire.BASE)
    with shared_node.local_administrator() as reader:
        for oid, value, code in (
            ("1.2.840.113556.1.4.473", sort, 12),
            ("1.2.840.113556.1.4.319", page, 53),
            (PSEARCH, NOTIFY, 53),
        ):
            assert reader.ask(request, [poll(b""), wire.control(oid, True, value)]).code == code, oid
        for oid, value in ((SYNC, PERSIST), (PSEARCH, NOTIFY)):  # the root DSE is not followed
            root = wire.search("", wire.BASE)
            assert reader.ask(root, [wire.control(oid, True, value)]).code == 12
            assert reader.ask(root, [wire.control(oid, False, value)]).code == 0
            assert reader.ask(wire.search(""), [wire.control(oid, True, value)]).code == 32
