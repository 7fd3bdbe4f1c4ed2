"""Negative tests 11, 12, 13 and 16 against a serving node: binds that must not succeed, and tell nothing."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from node import Node
from reference import wire
from serving import (
    PASSWORD,
    add_user,
    change_settings,
    connect,
    connect_tls,
    log_text,
    root_dse,
    signed_in,
    until,
)

INVALID_CREDENTIALS, UNWILLING, CONFIDENTIALITY_REQUIRED = 49, 53, 13
CANARY = "canary-4711-password"
WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"


@pytest.fixture(scope="module")
def user(shared_node: Node) -> Iterator[str]:
    name = add_user(shared_node, "ann")
    yield name
    with shared_node.local_administrator() as connection:
        assert connection.ask(wire.delete(name)).code == 0


def identity(connection: wire.Connection) -> bytes:
    answer = connection.ask(wire.extended(WHO_AM_I))
    assert answer.code == 0
    return answer.extended_value or b""


def test_neg_011_a_name_without_a_password_is_never_success(shared_node: Node, user: str) -> None:
    with connect_tls(shared_node) as connection:
        for name in (user, shared_node.administrator, "cn=nobody,dc=example,dc=com"):
            assert connection.ask(wire.bind(name, b"")).code == UNWILLING
            assert identity(connection) == b""
    with connect(shared_node) as connection:
        assert connection.ask(wire.bind(user, b"")).code == UNWILLING


def test_neg_013_a_bind_that_fails_leaves_no_earlier_right(shared_node: Node, user: str) -> None:
    with signed_in(shared_node, user) as connection:
        assert connection.ask(wire.search(user, wire.BASE)).code == 0
        assert identity(connection).lower() == b"dn:" + user.lower().encode()
        assert connection.ask(wire.bind(user, b"wrong")).code == INVALID_CREDENTIALS
        assert identity(connection) == b""
        found = connection.ask(wire.search(user, wire.BASE))
        assert found.code == 32
        assert found.entries == []
        # Nor does one that fails before it begins: another version, an unknown mechanism, an unknown choice.
        for broken in (
            wire.sequence(wire.integer(2), wire.text(user), wire.text(PASSWORD, 0x80), tag=0x60),
            wire.sasl_bind("NO-SUCH"),
        ):
            assert connection.ask(wire.bind(user, PASSWORD)).code == 0
            assert identity(connection) != b""
            assert connection.ask(broken).code != 0
            assert identity(connection) == b""


def test_neg_013_a_page_asked_for_before_the_bind_is_not_had_after_it(shared_node: Node, user: str) -> None:
    def control(cookie: bytes) -> bytes:
        value = wire.sequence(wire.integer(1), wire.text(cookie))
        return wire.control("1.2.840.113556.1.4.319", True, value)

    request = wire.search(shared_node.suffix)
    with signed_in(shared_node, user) as connection:
        first = connection.ask(request, [control(b"")])
        value = first.controls["1.2.840.113556.1.4.319"]
        assert value is not None
        ((_, content),) = wire.elements(value)
        cookie = list(wire.elements(content))[1][1]
        assert cookie
        assert connection.ask(wire.bind("", "")).code == 0
        answer = connection.ask(request, [control(cookie)])
        assert answer.code != 0
        assert answer.entries == []


@pytest.fixture
def undelayed(shared_node: Node) -> Iterator[str]:
    """Somebody whose failures lock and delay nothing, so that what is left can be measured."""
    change_settings(shared_node, lwFailureDelayMilliseconds=0)
    name = add_user(shared_node, "tim")
    yield name
    with shared_node.local_administrator() as connection:
        assert connection.ask(wire.delete(name)).code == 0
    change_settings(shared_node, lwFailureDelayMilliseconds=500)


def test_neg_012_unknown_names_wrong_passwords_and_locked_accounts_look_and_last_alike(
    shared_node: Node, undelayed: str
) -> None:
    """500 binds of each, at the least hashing cost, by turns: the medians differ by less than 5 %."""
    asked = (
        (undelayed, "wrong"),
        (f"uid=nobody,{shared_node.suffix}", "wrong"),
        (undelayed, PASSWORD),  # locked after ten failures
    )
    answers = set()
    with connect_tls(shared_node) as connection:
        for _ in range(10):
            assert connection.ask(wire.bind(undelayed, "wrong")).code == INVALID_CREDENTIALS
        assert until(lambda: connection.ask(wire.bind(undelayed, PASSWORD)).code == INVALID_CREDENTIALS)
        for _ in range(6):  # what disturbs a machine for a while must not decide
            taken: tuple[list[float], ...] = ([], [], [])
            gc.disable()
            try:
                for turn in range(500):
                    for which in (0, 1, 2) if turn & 1 else (2, 1, 0):
                        name, password = asked[which]
                        began = time.perf_counter()
                        answer = connection.ask(wire.bind(name, password))
                        taken[which].append(time.perf_counter() - began)
                        answers.add((answer.code, answer.matched, answer.diagnostic))
            finally:
                gc.enable()
            typical = [statistics.median(one) for one in taken]
            if max(typical) - min(typical) < 0.05 * max(typical):
                break
        else:
            pytest.fail(f"wrong, unknown, locked: {[f'{one * 1e6:.0f} µs' for one in typical]}")
    ((code, matched, _),) = answers
    assert (code, matched) == (INVALID_CREDENTIALS, b"")


def test_neg_016_no_password_is_taken_in_the_clear(node: Node) -> None:
    name = add_user(node, "ann")
    with connect(node) as connection:
        for who, password in ((name, CANARY), (name, PASSWORD), (f"uid=nobody,{node.suffix}", CANARY)):
            answer = connection.ask(wire.bind(who, password))
            assert answer.code == CONFIDENTIALITY_REQUIRED
            assert identity(connection) == b""
        plain = connection.ask(wire.sasl_bind("PLAIN", b"\0ann\0" + CANARY.encode()))
        assert plain.code != 0
        assert b"PLAIN" not in root_dse(connection, "supportedSASLMechanisms").entries[0][1].get(
            "supportedSASLMechanisms", []
        )
        # A request that can't be decoded must not be shown either.
        broken = wire.sequence(wire.integer(3), wire.text(name), wire.text(CANARY, 0x8F), tag=0x60)
        connection.ask(broken)
    with connect_tls(node) as connection:
        assert connection.ask(wire.bind(name, CANARY)).code == INVALID_CREDENTIALS
        assert connection.ask(wire.bind(name, PASSWORD)).code == 0
    with node.local_administrator() as connection:
        change = (wire.REPLACE, "userPassword", [CANARY.encode()])
        assert connection.ask(wire.modify(name, [change])).code == 0
        bad = (wire.ADD, "noSuchAttribute", [CANARY.encode()])
        assert connection.ask(wire.modify(name, [bad, change])).code != 0
    assert until(lambda: "refused" in log_text(node))
    for secret in (CANARY, PASSWORD):
        assert secret not in log_text(node)
        for path in node.folder.rglob("*"):
            if path.is_file():
                assert secret.encode() not in _content(path), path


def _content(path: Path) -> bytes:
    """What a file holds, its holes left out: LMDB's map is sparse."""
    parts = []
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        at = 0
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            file.seek(at)
            parts.append(file.read(end - at))
            at = end
    return b"".join(parts)


def test_neg_016_the_setting_lets_passwords_pass_and_takes_effect_at_the_next_bind(node: Node) -> None:
    name = add_user(node, "ann")
    with connect(node) as connection:
        assert connection.ask(wire.bind(name, PASSWORD)).code == CONFIDENTIALITY_REQUIRED
        change_settings(node, lwAllowInsecureAuthentication="TRUE")
        assert connection.ask(wire.bind(name, PASSWORD)).code == 0
        change_settings(node, lwAllowInsecureAuthentication="FALSE")
        assert connection.ask(wire.bind(name, PASSWORD)).code == CONFIDENTIALITY_REQUIRED
