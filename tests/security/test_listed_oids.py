"""The root DSE tells the truth: each OID that it lists is served, with a good, a malformed, an empty and no value."""

from __future__ import annotations

import pytest

from node import Node
from reference import wire

PROTOCOL_ERROR, UNAVAILABLE_CRITICAL_EXTENSION = 2, 12

# A value that each control's definition allows; None: it has no value.
GOOD_CONTROL_VALUES: dict[str, bytes | None] = {
    "2.16.840.1.113730.3.4.2": None,  # Manage DSA IT (RFC 3296)
    "1.2.840.113556.1.4.319": wire.sequence(wire.integer(10), wire.text(b"")),  # paged results (RFC 2696)
    "1.2.840.113556.1.4.417": None,  # show deleted (MS-ADTS 3.1.1.3.4.1.14)
}

# A value that each extended operation's definition allows, and the results that are right for it here.
GOOD_EXTENDED_VALUES: dict[str, tuple[bytes | None, set[int]]] = {
    "1.3.6.1.4.1.1466.20037": (None, {0}),  # StartTLS (RFC 4511, 4.14)
    "1.3.6.1.4.1.4203.1.11.3": (None, {0}),  # Who am I (RFC 4532)
    "1.3.6.1.1.8": (wire.sequence(wire.integer(77)), {119}),  # Cancel (RFC 3909): there is nothing to cancel
    "1.3.6.1.4.1.1466.101.119.1": (  # Refresh (RFC 2589): not a dynamic entry
        wire.sequence(wire.text("dc=example,dc=com", 0x80), wire.integer(60, 0x81)),
        {80, 53, 65, 32},
    ),
}

MALFORMED = (b"\x30\x84\x7f", b"\x30\x03\x02\x01", b"\x30\x80\x00\x00", b"\xff" * 40)


def listed(connection: wire.Connection, attribute: str) -> list[str]:
    answer = connection.ask(wire.search("", wire.BASE, attributes=[attribute]))
    ((_, attributes),) = answer.entries
    return [value.decode() for value in attributes.get(attribute, [])]


def alive(connection: wire.Connection) -> None:
    assert connection.ask(wire.search("", wire.BASE)).code == 0


def test_each_listed_control(shared_node: Node) -> None:
    with shared_node.local_administrator() as connection:
        oids = listed(connection, "supportedControl")
        assert oids
        for oid in oids:
            assert oid in GOOD_CONTROL_VALUES, f"{oid} is listed: add a value that is good for it"
            good = GOOD_CONTROL_VALUES[oid]
            request = wire.search(shared_node.suffix, wire.BASE)
            assert connection.ask(request, [wire.control(oid, True, good)]).code == 0, oid
            for value in (*MALFORMED, b"", None):
                if value == good:
                    continue
                answer = connection.ask(request, [wire.control(oid, True, value)])
                assert answer.code == PROTOCOL_ERROR, (oid, value, answer)
                alive(connection)


def test_each_listed_extended_operation(shared_node: Node) -> None:
    with shared_node.local_administrator() as connection:
        oids = listed(connection, "supportedExtension")
    assert oids
    for oid in oids:
        assert oid in GOOD_EXTENDED_VALUES, f"{oid} is listed: add a value that is good for it"
        good, results = GOOD_EXTENDED_VALUES[oid]
        for value in (*MALFORMED, b"", None):
            if value == good:
                continue
            with wire.Connection("127.0.0.1", shared_node.port) as connection:
                answer = connection.ask(wire.extended(oid, value))
                assert answer.code == PROTOCOL_ERROR, (oid, value, answer)
                alive(connection)
        # StartTLS is for connections without TLS that are not local.
        connection = (
            wire.Connection("127.0.0.1", shared_node.port)
            if oid == "1.3.6.1.4.1.1466.20037"
            else shared_node.local_administrator()
        )
        with connection:
            answer = connection.ask(wire.extended(oid, good))
            assert answer.code in results, (oid, answer)


def test_each_listed_mechanism_is_known(shared_node: Node) -> None:
    """And one that is not listed is authMethodNotSupported (RFC 4511, 4.2)."""
    with shared_node.local_administrator() as connection:
        for mechanism in listed(connection, "supportedSASLMechanisms"):
            assert connection.ask(wire.sasl_bind(mechanism, b"\xff\x00\xff")).code != 7, mechanism
        assert connection.ask(wire.sasl_bind("NO-SUCH-MECHANISM")).code == 7


def test_what_is_not_listed_is_refused(shared_node: Node) -> None:
    with shared_node.local_administrator() as connection:
        request = wire.search(shared_node.suffix, wire.BASE)
        code = connection.ask(request, [wire.control("1.2.3.4.5", True)]).code
        assert code == UNAVAILABLE_CRITICAL_EXTENSION
        assert connection.ask(request, [wire.control("1.2.3.4.5", False)]).code == 0
        assert connection.ask(wire.extended("1.2.3.4.5")).code == PROTOCOL_ERROR


@pytest.mark.parametrize("attribute", ["supportedControl", "supportedExtension", "supportedFeatures"])
def test_nothing_is_listed_twice(shared_node: Node, attribute: str) -> None:
    with shared_node.local_administrator() as connection:
        oids = listed(connection, attribute)
    assert len(oids) == len(set(oids))
