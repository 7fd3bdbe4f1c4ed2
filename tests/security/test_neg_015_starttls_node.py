"""Negative test 15 against a serving node: what comes in the clear after StartTLS is never executed."""

from __future__ import annotations

import socket
import time

import pytest

from node import Node
from reference import wire
from serving import PASSWORD, add_user, connect, connect_tls, root_dse, signed_in, trust

START_TLS = "1.3.6.1.4.1.1466.20037"
OPERATIONS_ERROR = 1


def test_neg_015_pipelined_plaintext_is_discarded(node: Node) -> None:
    node.allow_passwords_in_the_clear()
    victim = f"ou=victim,{node.suffix}"
    with node.local_administrator() as connection:
        unit = [("objectClass", [b"organizationalUnit"]), ("ou", [b"victim"])]
        assert connection.ask(wire.add(victim, unit)).code == 0
    with connect(node) as connection:
        assert connection.ask(wire.bind(node.administrator, node.password)).code == 0
        injected = wire.message(101, wire.delete(victim)) + wire.message(102, wire.search("", wire.BASE))
        connection.socket.sendall(wire.message(100, wire.extended(START_TLS)) + injected)
        message_id, _, content, _ = connection.receive()
        assert (message_id, wire.decode_result(0x78, content).code) == (100, 0)
        # Half of a request in the clear must not be completed under TLS either.
        connection.wrap(trust(node))
        answer = root_dse(connection)
        assert answer.code == 0
        assert connection.ask(wire.search(victim, wire.BASE)).code == 0
        connection.socket.settimeout(0.3)
        with pytest.raises(wire.ServerClosed, match="timed out"):
            connection.receive()  # nothing answers what was injected


def test_neg_015_half_a_request_in_the_clear_is_not_completed_under_tls(shared_node: Node) -> None:
    request = wire.message(7, wire.search("", wire.BASE))
    with connect(shared_node) as connection:
        connection.socket.sendall(wire.message(1, wire.extended(START_TLS)) + request[:2])
        assert connection.receive()[0] == 1
        connection.wrap(trust(shared_node))
        connection.socket.sendall(request[2:])
        assert connection.receive()[0] == 0  # a notice, then the end
        with pytest.raises(wire.ServerClosed, match="end of the connection"):
            connection.receive()


def test_neg_015_twice_is_operations_error(shared_node: Node) -> None:
    with connect(shared_node) as connection:
        assert connection.ask(wire.extended(START_TLS)).code == 0
        connection.wrap(trust(shared_node))
        assert connection.ask(wire.extended(START_TLS)).code == OPERATIONS_ERROR
        assert root_dse(connection).code == 0
    with connect_tls(shared_node) as connection:
        assert connection.ask(wire.extended(START_TLS)).code == OPERATIONS_ERROR


def test_neg_015_not_while_something_is_under_way(node: Node) -> None:
    """RFC 4511 section 4.14.1: no outstanding operations; during a bind nothing at all is taken."""
    node.allow_passwords_in_the_clear()
    name = node.administrator
    start_tls = wire.message(2, wire.extended(START_TLS))
    with connect(node) as connection:
        bind = wire.message(1, wire.bind(node.administrator, node.password))
        connection.socket.sendall(bind + start_tls)
        codes = {}
        for _ in range(2):
            message_id, tag, content, _ = connection.receive()
            codes[message_id] = wire.decode_result(tag, content).code
        assert codes == {1: 0, 2: OPERATIONS_ERROR}
        write = wire.message(3, wire.modify(name, [(wire.REPLACE, "description", [b"x"])]))
        connection.socket.sendall(write + wire.message(4, wire.extended(START_TLS)))
        codes = {}
        for _ in range(2):
            message_id, tag, content, _ = connection.receive()
            codes[message_id] = wire.decode_result(tag, content).code
        assert codes == {3: 0, 4: OPERATIONS_ERROR}
        # and then, with nothing under way, it is taken
        assert connection.ask(wire.extended(START_TLS)).code == 0
        connection.wrap(trust(node))
        assert root_dse(connection).code == 0


def test_neg_015_a_sasl_exchange_under_way_refuses_it(shared_node: Node) -> None:
    with shared_node.local_administrator() as connection:
        assert connection.ask(wire.sasl_bind("PLAIN")).code == 14
        assert connection.ask(wire.extended(START_TLS)).code == OPERATIONS_ERROR


def test_neg_015_plaintext_instead_of_a_handshake_ends_the_connection(shared_node: Node) -> None:
    with connect(shared_node) as connection:
        assert connection.ask(wire.extended(START_TLS)).code == 0
        connection.socket.sendall(wire.message(9, wire.search("", wire.BASE)))
        received = b""
        while data := connection.socket.recv(4096):
            received += data
        assert b"namingContexts" not in received
    with socket.create_connection(("127.0.0.1", shared_node.tls_port), timeout=5) as peer:
        peer.sendall(wire.message(9, wire.search("", wire.BASE)))
        while peer.recv(4096):
            pass
    with connect(shared_node) as connection:
        assert root_dse(connection).code == 0


def test_neg_015_rights_from_before_are_kept_and_a_user_signs_in_after(shared_node: Node) -> None:
    name = add_user(shared_node, "tlsuser")
    try:
        with connect(shared_node) as connection:
            assert connection.ask(wire.extended(START_TLS)).code == 0
            connection.wrap(trust(shared_node))
            assert connection.ask(wire.bind(name, PASSWORD)).code == 0
            assert connection.ask(wire.search(name, wire.BASE)).code == 0
        with signed_in(shared_node, name) as connection:
            assert connection.ask(wire.search(name, wire.BASE)).code == 0
    finally:
        with shared_node.local_administrator() as connection:
            assert connection.ask(wire.delete(name)).code == 0


def test_neg_015_what_was_refused_before_it_is_answered_in_the_clear(shared_node: Node) -> None:
    """Nothing of ours stands between the answer to StartTLS and the handshake, or there would be none."""
    unreadable = wire.message(1, wire.extended("é"))
    with connect(shared_node) as connection:
        connection.socket.sendall(unreadable + wire.message(2, wire.extended(START_TLS)))
        codes = []
        for _ in range(2):
            message_id, tag, content, _ = connection.receive()
            codes.append((message_id, wire.decode_result(tag, content).code))
        assert codes == [(1, 2), (2, 0)]
        connection.wrap(trust(shared_node))
        assert root_dse(connection).code == 0


def test_neg_015_a_notice_during_the_handshake_does_not_hold_the_connection(node: Node) -> None:
    """What waits for a handshake that never comes must not keep the connection from ending."""
    with socket.create_connection(("127.0.0.1", node.tls_port), timeout=5) as peer, connect(node) as other:
        assert root_dse(other).code == 0
        assert node.process is not None
        node.process.terminate()
        other.close()
        peer.shutdown(socket.SHUT_WR)
        began = time.monotonic()
        while peer.recv(4096):
            pass
        assert time.monotonic() - began < 2
    assert node.stop() == 0
