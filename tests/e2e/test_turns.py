"""Connections that are served in one turn of the reactor: each sees what was answered before it asked."""

from __future__ import annotations

from contextlib import ExitStack

from node import Node
from reference import wire
from serving import add_user, connect


def test_a_write_that_was_answered_is_seen_by_all(node: Node) -> None:
    """While others keep the server's turns full, whoever hears of a write finds it on another connection."""
    name = add_user(node, "turner")
    busy = wire.search("", wire.BASE, attributes=["*", "+"])
    with ExitStack() as stack:
        others = [stack.enter_context(connect(node)) for _ in range(6)]
        writer = stack.enter_context(node.local_administrator())
        reader = stack.enter_context(node.local_administrator())
        for number in range(40):
            asked = [other.send(busy) for other in others]
            value = str(number).encode()
            assert writer.ask(wire.modify(name, [(wire.REPLACE, "roomNumber", [value])])).code == 0
            ((_, attributes),) = reader.ask(wire.search(name, wire.BASE)).entries
            assert attributes["roomNumber"] == [value]
            for other, message_id in zip(others, asked, strict=True):
                while (heard := other.receive())[1] == wire.ENTRY:
                    assert heard[0] == message_id
                assert heard[:2] == (message_id, wire.SEARCH_DONE)


def test_a_turn_serves_many_at_once(node: Node) -> None:
    """More connections than answers wait for each other, each with several requests in one chunk."""
    chunk = b"".join(wire.message(number, wire.search("", wire.BASE)) for number in (1, 2, 3))
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(node)) for _ in range(80)]
        for client in clients:
            client.socket.sendall(chunk)
        for client in clients:
            heard = [client.receive()[:2] for _ in range(6)]
            assert heard == [(n, tag) for n in (1, 2, 3) for tag in (wire.ENTRY, wire.SEARCH_DONE)]


def test_an_answer_leaves_before_the_end(node: Node) -> None:
    """The last answers of a client who goes, and the notice to one who speaks nonsense."""
    with connect(node) as client:
        client.socket.sendall(wire.message(1, wire.search("", wire.BASE)) + b"nonsense")
        assert [client.receive()[:2] for _ in range(3)] == [(1, wire.ENTRY), (1, wire.SEARCH_DONE), (0, 0x78)]
        assert client.socket.recv(1) == b""
    with connect(node) as client:
        unbind = wire.tlv(0x42, b"")
        client.socket.sendall(wire.message(1, wire.search("", wire.BASE)) + wire.message(2, unbind))
        assert [client.receive()[:2] for _ in range(2)] == [(1, wire.ENTRY), (1, wire.SEARCH_DONE)]
        assert client.socket.recv(1) == b""
