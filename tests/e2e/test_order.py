"""Answers leave in the order of the requests, whatever is wrong with those."""

from __future__ import annotations

from node import Node
from reference import wire
from serving import connect

NOTICE = 0
MALFORMED = wire.control("")


def test_a_refusal_is_not_overtaken(node: Node) -> None:
    """A malformed request between two good ones, all in one chunk."""
    with connect(node) as connection:
        connection.socket.sendall(
            wire.message(1, wire.search("", wire.BASE))
            + wire.message(2, wire.search("", wire.BASE), [MALFORMED])
            + wire.message(3, wire.bind("", ""))
        )
        heard = [connection.receive()[:2] for _ in range(4)]
    assert heard == [
        (1, wire.ENTRY),
        (1, wire.SEARCH_DONE),
        (2, wire.SEARCH_DONE),
        (3, wire.BIND_RESPONSE),
    ]


def test_what_came_before_the_end_is_answered(node: Node) -> None:
    """More than is served in one turn, and then octets that are no LDAP message."""
    count = 80
    searches = [
        wire.message(n, wire.search("", wire.BASE, attributes=["*", "+"])) for n in range(1, count + 1)
    ]
    with connect(node) as connection:
        connection.socket.sendall(b"".join(searches) + b"nonsense")
        heard: list[int] = []
        while True:
            message_id, tag, _, _ = connection.receive()
            if tag != wire.ENTRY:
                heard.append(message_id)
            if message_id == NOTICE:
                break
    assert heard == [*range(1, count + 1), NOTICE]
