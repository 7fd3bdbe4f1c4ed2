"""Negative tests 12 and 29 against a serving node: guesses are counted over all protocols, delay, and lock."""

from __future__ import annotations

import base64
import http.client
import time
from collections.abc import Iterator

import pytest

from node import Node
from reference import wire
from reference.scram import ScramClient
from serving import PASSWORD, add_user, change_settings, connect_tls, trust, until

INVALID_CREDENTIALS, UNWILLING = 49, 53
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"


@pytest.fixture(scope="module")
def guarded(promoted_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = promoted_node.copy(tmp_path_factory.mktemp("failures") / "n")
    node.start("--workers", "2")
    change_settings(node, lwFailureDelayMilliseconds=0)
    yield node
    node.stop()


def seen(node: Node, name: str, *attributes: str) -> dict[str, list[bytes]]:
    with node.local_administrator() as administrator:
        ((_, found),) = administrator.ask(wire.search(name, wire.BASE, attributes=attributes)).entries
    return found


def count(node: Node, name: str) -> int:
    return int(seen(node, name, "badPwdCount").get("badPwdCount", [b"0"])[0])


def simple(node: Node, name: str, password: str) -> int:
    with connect_tls(node) as connection:
        return connection.ask(wire.bind(name, password)).code


def plain(node: Node, name: str, password: str) -> int:
    with connect_tls(node) as connection:
        return connection.ask(wire.sasl_bind("PLAIN", f"\0dn:{name}\0{password}".encode())).code


def scram(node: Node, name: str, password: str) -> int:
    client = ScramClient(name.partition(",")[0].removeprefix("uid="), password)
    with connect_tls(node) as connection:
        challenge = connection.ask(wire.sasl_bind("SCRAM-SHA-256", client.first()))
        assert challenge.server_credentials is not None
        final = client.final(challenge.server_credentials)
        return connection.ask(wire.sasl_bind("SCRAM-SHA-256", final)).code


def basic(node: Node, name: str, password: str) -> int:
    connection = http.client.HTTPSConnection(
        "localhost", 443 + node.port_offset, context=trust(node), timeout=20
    )
    try:
        value = base64.b64encode(f"{name}:{password}".encode()).decode()
        connection.request("GET", "/v1/groups", headers={"Authorization": f"Basic {value}"})
        status = connection.getresponse().status
    finally:
        connection.close()
    return {401: INVALID_CREDENTIALS, 200: 0}[status]


def test_neg_029_failures_of_all_protocols_lock_one_account_for_all(guarded: Node) -> None:
    """Over several serving processes: each connection may be another's."""
    name = add_user(guarded, "mixed")
    ways = (simple, plain, scram, basic)
    for number in range(10):
        assert ways[number % 4](guarded, name, "wrong") == INVALID_CREDENTIALS
        assert until(lambda number=number: count(guarded, name) == number + 1)  # type: ignore[misc]
    assert int(seen(guarded, name, "lockoutTime")["lockoutTime"][0]) > 0
    for way in ways:
        assert way(guarded, name, PASSWORD) == INVALID_CREDENTIALS


def test_neg_029_wrong_old_passwords_are_failures_too(guarded: Node) -> None:
    """The tenth ends the very connection over which the others came."""
    name = add_user(guarded, "changer")
    new = "Another 4 people, quite long"
    asked = wire.extended(PASSWORD_MODIFY, wire.sequence(wire.text("wrong", 0x81), wire.text(new, 0x82)))
    with connect_tls(guarded) as connection:
        assert connection.ask(wire.bind(name, PASSWORD)).code == 0
        for _ in range(9):
            assert connection.ask(asked).code == UNWILLING
        assert until(lambda: count(guarded, name) == 9)
        assert simple(guarded, name, "wrong") == INVALID_CREDENTIALS
        assert until(lambda: "lockoutTime" in seen(guarded, name, "lockoutTime"))
        with pytest.raises(wire.ServerClosed):
            connection.ask(asked)
    assert simple(guarded, name, PASSWORD) == INVALID_CREDENTIALS


def test_neg_029_a_lock_ends_what_is_open_and_an_unlock_lets_in_again(guarded: Node) -> None:
    name = add_user(guarded, "open")
    with connect_tls(guarded) as connection:
        assert connection.ask(wire.bind(name, PASSWORD)).code == 0
        for _ in range(10):
            assert simple(guarded, name, "wrong") == INVALID_CREDENTIALS
        assert until(lambda: "lockoutTime" in seen(guarded, name, "lockoutTime"))
        with pytest.raises(wire.ServerClosed):
            connection.ask(wire.search(guarded.suffix))
    with guarded.local_administrator() as administrator:
        lock = wire.modify(name, [(wire.REPLACE, "lockoutTime", [b"133000000000000000"])])
        assert administrator.ask(lock).code == UNWILLING
        assert administrator.ask(wire.modify(name, [(wire.REPLACE, "lockoutTime", [b"0"])])).code == 0
    assert simple(guarded, name, PASSWORD) == 0
    assert count(guarded, name) == 0


def test_neg_029_the_count_outlives_a_restart(guarded: Node) -> None:
    name = add_user(guarded, "patient")
    for _ in range(4):
        assert simple(guarded, name, "wrong") == INVALID_CREDENTIALS
    guarded.stop()
    guarded.start("--workers", "2")
    assert count(guarded, name) == 4


def test_guesses_are_delayed_for_who_guesses_and_for_nobody_else(guarded: Node) -> None:
    name = add_user(guarded, "slow")
    change_settings(guarded, lwFailureDelayMilliseconds=400)
    try:
        for who in (name, f"uid=nobody,{guarded.suffix}"):
            with connect_tls(guarded) as connection:
                for _ in range(3):
                    assert connection.ask(wire.bind(who, "wrong")).code == INVALID_CREDENTIALS
                began = time.monotonic()
                assert connection.ask(wire.bind(who, "wrong")).code == INVALID_CREDENTIALS
                assert time.monotonic() - began > 0.4
        # While one more guess waits, right passwords of the name from elsewhere, and of another name from there, are
        # looked at. For whoever waits they would be refused.
        with connect_tls(guarded) as connection:
            connection.send(wire.bind(name, "wrong"))
            assert until(lambda: count(guarded, name) == 5)
            with wire.Connection.local(guarded.folder / "ldapi") as local:
                assert local.ask(wire.bind(name, PASSWORD)).code == 0
            assert simple(guarded, guarded.administrator, guarded.password) == 0
    finally:
        change_settings(guarded, lwFailureDelayMilliseconds=0)


def test_the_administrator_is_not_locked_out(guarded: Node) -> None:
    for _ in range(15):
        assert simple(guarded, guarded.administrator, "wrong") == INVALID_CREDENTIALS
    assert until(lambda: count(guarded, guarded.administrator) == 15)
    assert simple(guarded, guarded.administrator, guarded.password) == 0
    assert until(lambda: count(guarded, guarded.administrator) == 0)
