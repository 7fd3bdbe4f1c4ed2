"""Negative test 20 against a serving node: nobody learns a thing about a stored secret, by whatever operation."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from node import Node
from reference import wire
from serving import PASSWORD, add_user, connect, signed_in

WITH, WITHOUT = "with", "without"
SECRETS = ("userPassword", "unicodePwd", "2.5.4.35", "userPassword;x-option")


@pytest.fixture(scope="module")
def pair(shared_node: Node) -> Iterator[tuple[str, str]]:
    """Two entries that differ in one thing: the first has a password."""
    first = add_user(shared_node, WITH)
    second = f"uid={WITHOUT},{shared_node.suffix}"
    attributes = [
        ("objectClass", [b"inetOrgPerson"]),
        ("cn", [b"x"]),
        ("sn", [b"x"]),
        ("uid", [WITHOUT.encode()]),
    ]
    with shared_node.local_administrator() as connection:
        assert connection.ask(wire.add(second, attributes)).code == 0
        yield first, second
        for name in (first, second):
            assert connection.ask(wire.delete(name)).code == 0


@pytest.fixture(scope="module")
def other(shared_node: Node) -> Iterator[str]:
    name = add_user(shared_node, "other")
    yield name
    with shared_node.local_administrator() as connection:
        assert connection.ask(wire.delete(name)).code == 0


@pytest.fixture(params=["administrator", "the user itself", "another user", "anonymous"])
def asking(
    request: pytest.FixtureRequest, shared_node: Node, pair: tuple[str, str], other: str
) -> Iterator[wire.Connection]:
    """A connection of each kind of identity."""
    if request.param == "administrator":
        connection = shared_node.local_administrator()
    elif request.param == "the user itself":
        connection = signed_in(shared_node, pair[0])
    elif request.param == "anonymous":
        connection = connect(shared_node)
    else:
        connection = signed_in(shared_node, other)
    with connection:
        yield connection


def filters(attribute: str) -> list[Sequence[Any]]:
    """Filters that would tell whether there is a value, or what it is."""
    right = PASSWORD.encode()
    kinds: list[Sequence[Any]] = [
        ("present", attribute),
        ("equal", attribute, right),
        ("equal", attribute, b"{ARGON2}"),
        ("approx", attribute, right),
        ("greater", attribute, b"\x00"),
        ("less", attribute, b"\xff" * 40),
        ("substrings", attribute, right[:1], (), None),
        ("substrings", attribute, None, (b"a",), None),
        ("substrings", attribute, b"{", (), b"="),
        ("extensible", "2.5.13.17", attribute, right, False),
        ("extensible", "2.5.13.18", attribute, b"\x00", False),
        ("extensible", None, attribute, right, True),
    ]
    return kinds


@pytest.mark.parametrize("attribute", SECRETS)
def test_neg_020_filters(
    shared_node: Node, pair: tuple[str, str], asking: wire.Connection, attribute: str
) -> None:
    """Each filter, its negation, and its disjunction with a false one treat both entries alike."""
    for kind in filters(attribute):
        for node in (kind, ("not", kind), ("or", kind, ("equal", "uid", b"none")), ("and", kind)):
            answers = []
            for name in pair:
                found = asking.ask(wire.search(name, wire.BASE, node, ["1.1"]))
                answers.append((found.code, found.matched, found.diagnostic, len(found.entries)))
            assert answers[0] == answers[1], node
            narrowed = ("and", ("equal", "objectClass", b"inetOrgPerson"), node)
            subtree = asking.ask(wire.search(shared_node.suffix, wire.SUBTREE, narrowed, ["1.1"]))
            names = {entry.lower() for entry, _ in subtree.entries}
            assert (pair[0].encode() in names) == (pair[1].encode() in names), node


@pytest.mark.parametrize("attribute", SECRETS)
def test_neg_020_compare_and_selection(
    pair: tuple[str, str], asking: wire.Connection, attribute: str
) -> None:
    values = (PASSWORD.encode(), b"wrong", b"{ARGON2}x")
    answers = {
        (answer.code, answer.matched, answer.diagnostic)
        for value in values
        for answer in (asking.ask(wire.compare(name, attribute, value)) for name in pair)
    }
    assert len(answers) == 1
    assert {code for code, _, _ in answers}.isdisjoint({6}), "compareTrue"
    for selection in ([attribute], ["*", "+", attribute], ["@person"], ["1.1", attribute]):
        for types_only in (False, True):
            for name in pair:
                found = asking.ask(wire.search(name, wire.BASE, attributes=selection, types_only=types_only))
                for _, attributes in found.entries:
                    held = {one.lower().partition(";")[0] for one in attributes}
                    assert not held & {"userpassword", "unicodepwd", "2.5.4.35"}


def test_neg_020_writes_tell_nothing(shared_node: Node, pair: tuple[str, str]) -> None:
    """As administrator, who may write: what a modify or a rename answers does not depend on the secret."""
    with shared_node.local_administrator() as connection:
        for attribute in ("userPassword", "unicodePwd"):
            codes = {
                value: connection.ask(wire.modify(pair[0], [(wire.DELETE, attribute, [value])])).code
                for value in (b"wrong", b"{ARGON2}x", b"Made-up")
            }
            assert 0 not in codes.values()
            assert len(set(codes.values())) == 1, codes
            answers = {
                connection.ask(wire.modify_dn(name, f"{attribute}={PASSWORD}", False)).code for name in pair
            }
            assert len(answers) == 1
            assert 0 not in answers
    with signed_in(shared_node, pair[0]):
        pass  # and the password is what it was


def test_neg_020_the_time_of_a_filter_tells_nothing(shared_node: Node, pair: tuple[str, str]) -> None:
    """Medians of 300 searches by turns differ by less than 15 %: there is no verification behind a filter."""
    taken: tuple[list[float], list[float]] = ([], [])
    node = ("equal", "userPassword", PASSWORD.encode())
    with shared_node.local_administrator() as connection:
        for _ in range(3):
            for turn in range(300):
                for which in (0, 1) if turn & 1 else (1, 0):
                    began = time.perf_counter()
                    connection.ask(wire.search(pair[which], wire.BASE, node, ["1.1"]))
                    taken[which].append(time.perf_counter() - began)
            first, second = map(statistics.median, taken)
            if abs(first - second) < 0.15 * max(first, second):
                return
    pytest.fail(f"{first * 1e6:.0f} µs with a password, {second * 1e6:.0f} without")


def test_neg_020_updates_with_controls(shared_node: Node, pair: tuple[str, str]) -> None:
    """Assertions on updates, and entries read around them: with and without a password all is the same."""
    answers = []
    with shared_node.local_administrator() as connection:
        for name in pair:
            change = wire.modify(name, [(wire.REPLACE, "description", [b"x"])])
            for secret in SECRETS:
                asserted = [
                    ("present", secret),
                    ("equal", secret, PASSWORD.encode()),
                    ("not", ("present", secret)),
                ]
                for one in asserted:
                    control = wire.control("1.3.6.1.1.12", True, wire.filter_bytes(one))
                    answer = connection.ask(change, [control])
                    assert answer.code == 122, (one, answer)
                    answers.append((name == pair[0], answer.diagnostic))
                names = wire.sequence(*(wire.text(one) for one in (secret, "*", "+")))
                controls = [wire.control(oid, True, names) for oid in ("1.3.6.1.1.13.1", "1.3.6.1.1.13.2")]
                answer = connection.ask(change, controls)
                assert answer.code == 0
                assert len(answer.controls) == 2
                for value in answer.controls.values():
                    assert value is not None
                    assert wire.text("userpassword") not in value.lower()
                    assert b"unicodepwd" not in value.lower()
    half = len(answers) // 2
    assert [text for _, text in answers[:half]] == [text for _, text in answers[half:]]
