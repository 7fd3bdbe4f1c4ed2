"""Negative test 18 against a serving node: unknown controls on every operation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from node import Node
from reference import wire

UNAVAILABLE_CRITICAL_EXTENSION = 12
UNKNOWN = "1.2.3.4.5.6.7"
WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
PAGED = "1.2.840.113556.1.4.319"

# Each operation on an entry that is there for it, with what it answers when nothing is in its way.
OPERATIONS: dict[str, tuple[Callable[[str], bytes], int]] = {
    "search": (lambda name: wire.search(name, wire.BASE), 0),
    "root DSE": (lambda name: wire.search("", wire.BASE), 0),
    "compare": (lambda name: wire.compare(name, "ou", b"target"), 6),
    "add": (lambda name: wire.add(f"ou=new,{name}", [("objectClass", [b"organizationalUnit"])]), 0),
    "modify": (lambda name: wire.modify(name, [(wire.REPLACE, "description", [b"changed"])]), 0),
    "rename": (lambda name: wire.modify_dn(name, "ou=renamed", True), 0),
    "delete": (wire.delete, 0),
    "who am I": (lambda name: wire.extended(WHO_AM_I), 0),
    "cancel": (lambda name: wire.extended("1.3.6.1.1.8", wire.sequence(wire.integer(99))), 119),
    "bind": (lambda name: wire.bind("", ""), 0),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_neg_018_unknown_controls(shared_node: Node, operation: str) -> None:
    make, right = OPERATIONS[operation]
    name = f"ou=target,{shared_node.suffix}"
    with shared_node.local_administrator() as other, shared_node.local_administrator() as connection:
        unit = [("objectClass", [b"organizationalUnit"]), ("ou", [b"target"])]
        assert other.ask(wire.add(name, unit)).code == 0
        before = other.ask(wire.search(name, attributes=["*", "+"])).entries
        try:
            for value in (None, b"", b"\xff\xff"):
                refused = connection.ask(make(name), [wire.control(UNKNOWN, True, value)])
                assert refused.code == UNAVAILABLE_CRITICAL_EXTENSION
                assert refused.entries == []
                ignored_first = [wire.control(UNKNOWN, False, value), wire.control(UNKNOWN + ".8", True)]
                assert connection.ask(make(name), ignored_first).code == UNAVAILABLE_CRITICAL_EXTENSION
            # paged results go with a search only
            if operation not in ("search", "root DSE"):
                page = wire.sequence(wire.integer(1), wire.text(b""))
                refused = connection.ask(make(name), [wire.control(PAGED, True, page)])
                assert refused.code == UNAVAILABLE_CRITICAL_EXTENSION
            assert other.ask(wire.search(name, attributes=["*", "+"])).entries == before
            assert connection.ask(make(name), [wire.control(UNKNOWN, False, b"x")]).code == right
        finally:
            for one in (f"ou=new,{name}", f"ou=renamed,{shared_node.suffix}", name):
                other.ask(wire.delete(one))


def test_neg_018_unbind_and_abandon_with_a_critical_control_are_obeyed(shared_node: Node) -> None:
    """They have no response that could carry the refusal (RFC 4511 section 4.1.11)."""
    with shared_node.local_administrator() as connection:
        connection.send(wire.abandon(99), [wire.control(UNKNOWN, True)])
        assert connection.ask(wire.search("", wire.BASE)).code == 0
        connection.send(wire.UNBIND, [wire.control(UNKNOWN, True)])
        with pytest.raises(wire.ServerClosed, match="end of the connection"):
            connection.receive()
