"""Negative test 29 against a serving node: Password Modify by whom it is not for, and with a wrong old password.

Reuse of old passwords and the count towards a lockout belong to the password policy.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from node import Node
from reference import wire
from serving import PASSWORD, add_user, change_settings, connect, connect_tls, log_text, signed_in

PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"
NEW = "Stolen 4 tests"


@pytest.fixture
def victim(shared_node: Node) -> Iterator[str]:
    name = add_user(shared_node, "victim")
    yield name
    with connect_tls(shared_node) as connection:  # whatever was tried, it is as it was
        assert connection.ask(wire.bind(name, PASSWORD)).code == 0
        assert connection.ask(wire.bind(name, NEW)).code == 49
    with shared_node.local_administrator() as connection:
        assert connection.ask(wire.delete(name)).code == 0


def request(user: str | None, old: str | None, new: str | None = NEW) -> bytes:
    fields = [wire.text(one, 0x80 + n) for n, one in enumerate((user, old, new)) if one is not None]
    return wire.extended(PASSWORD_MODIFY, wire.sequence(*fields))


@pytest.mark.parametrize("old", [None, "wrong", PASSWORD])
def test_neg_029_somebody_else(shared_node: Node, victim: str, old: str | None) -> None:
    thief = add_user(shared_node, "thief")
    try:
        with signed_in(shared_node, thief) as connection:
            for user in (victim, f"dn:{victim}", "u:victim", "victim", f"{victim} "):
                answer = connection.ask(request(user, old))
                assert answer.code == 50, answer
                assert answer.extended_value is None
                assert connection.ask(request(user, old, None)).extended_value is None
            administrator = connection.ask(request(shared_node.administrator, old))
            assert administrator.code == 50
    finally:
        with shared_node.local_administrator() as connection:
            assert connection.ask(wire.delete(thief)).code == 0


def test_neg_029_a_wrong_old_password(shared_node: Node, victim: str) -> None:
    change_settings(
        shared_node, lwFailureDelayMilliseconds=0
    )  # each would wait twice as long as the one before
    with signed_in(shared_node, victim) as connection:
        for old in ("wrong", PASSWORD.lower(), PASSWORD + " ", PASSWORD[:-1], "{ARGON2}x", "\0", "x" * 5000):
            answer = connection.ask(request(None, old))
            assert answer.code == 53, (old, answer)
    change_settings(shared_node, lwFailureDelayMilliseconds=500)
    assert NEW not in log_text(shared_node)


@pytest.mark.parametrize("encrypted", [True, False])
def test_neg_029_nobody(shared_node: Node, victim: str, encrypted: bool) -> None:
    """RFC 3062 section 1: not anonymously, whatever is known."""
    with (connect_tls if encrypted else connect)(shared_node) as connection:
        assert connection.ask(request(victim, PASSWORD)).code == 8
        assert connection.ask(request(None, PASSWORD)).code == 8
