"""Referral objects (RFC 3296) as a client meets them in a search, and as an administrator manages them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from node import Node
from reference import wire

MANAGE = wire.control("2.16.840.1.113730.3.4.2", critical=True)
REFERRAL = 10


@pytest.fixture(scope="module")
def place(shared_node: Node) -> Iterator[tuple[wire.Connection, str]]:
    """ou=here with a person, and two referral objects beside him, one with and one without a name in its URL."""
    base = f"ou=here,{shared_node.suffix}"
    classes = [b"referral", b"extensibleObject"]
    with shared_node.local_administrator() as connection:
        for name, attributes in (
            (base, [("objectClass", [b"organizationalUnit"]), ("ou", [b"here"])]),
            (f"cn=somebody,{base}", [("objectClass", [b"person"]), ("cn", [b"somebody"]), ("sn", [b"x"])]),
            (
                f"ou=far,{base}",
                [
                    ("objectClass", classes),
                    ("ou", [b"far"]),
                    ("ref", [b"ldap://far.example/ou=far,dc=x Far"]),
                ],
            ),
            (
                f"ou=farther,{base}",
                [("objectClass", classes), ("ou", [b"farther"]), ("ref", [b"ldap://farther.example"])],
            ),
        ):
            answer = connection.ask(wire.add(name, attributes))
            assert answer.code == 0, answer
        yield connection, base


def test_referral_objects_in_scope_are_continuation_references(place: tuple[wire.Connection, str]) -> None:
    connection, base = place
    found = connection.ask(wire.search(base, wire.SUBTREE))
    assert [name for name, _ in found.entries] == [base.encode(), f"cn=somebody,{base}".encode()]
    assert sorted(found.references) == [
        [b"ldap://far.example/ou=far,dc=x??sub"],
        [f"ldap://farther.example/ou=farther,{base}??sub".encode()],
    ]
    one = connection.ask(wire.search(base, wire.ONE, filter=("equal", "cn", b"somebody")))
    assert len(one.entries) == 1
    assert [b"ldap://far.example/ou=far,dc=x??base"] in one.references


def test_a_base_at_or_below_a_referral_object_is_referred(place: tuple[wire.Connection, str]) -> None:
    connection, base = place
    for name in (f"ou=far,{base}", f"cn=x,ou=far,{base}"):
        for scope in (wire.BASE, wire.SUBTREE):
            answer = connection.ask(wire.search(name, scope))
            assert (answer.code, answer.referrals) == (REFERRAL, [b"ldap://far.example/ou=far,dc=x"])
            assert answer.matched == f"ou=far,{base}".encode()


def test_manage_dsa_it_shows_them_as_entries(place: tuple[wire.Connection, str]) -> None:
    connection, base = place
    found = connection.ask(wire.search(base, wire.SUBTREE), controls=[MANAGE])
    assert len(found.entries) == 4
    assert found.references == []
    assert connection.ask(wire.search(f"ou=far,{base}", wire.BASE), controls=[MANAGE]).code == 0


def test_those_who_may_not_see_a_referral_object_are_not_referred(
    place: tuple[wire.Connection, str], shared_node: Node
) -> None:
    _, base = place
    with wire.Connection("127.0.0.1", shared_node.port) as anonymous:
        for name in (f"ou=far,{base}", f"cn=x,ou=far,{base}", base):
            answer = anonymous.ask(wire.search(name, wire.SUBTREE))
            assert (answer.code, answer.referrals, answer.references) == (32, [], [])
