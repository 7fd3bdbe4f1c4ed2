"""Followers of one process are told of what another process of the node committed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node import Node
from reference import wire
from serving import person, signed_in

SYNC = "1.3.6.1.4.1.4203.1.9.1.1"
PERSIST = wire.control(SYNC, True, wire.sequence(wire.integer(3, 0x0A)))


@pytest.fixture
def pair(promoted_node: Node, short_folder: Path) -> Iterator[Node]:
    """A node of two processes."""
    made = promoted_node.copy(short_folder / "node")
    made.start("--workers", "2")
    yield made
    made.stop()


def test_commits_of_the_other_process_are_followed(pair: Node) -> None:
    followers = [signed_in(pair, pair.administrator, pair.password) for _ in range(6)]
    writers = [signed_in(pair, pair.administrator, pair.password) for _ in range(6)]
    for follower in followers:
        follower.send(wire.search(pair.suffix, attributes=["uid"]), [PERSIST])
        while follower.receive()[1] != 0x79:  # the refresh
            pass
    for at, writer in enumerate(writers):
        assert writer.ask(wire.add(f"uid=p{at},{pair.suffix}", person(f"p{at}"))).code == 0
    for follower in followers:
        wanted = {f"uid=p{at},{pair.suffix}".encode() for at in range(len(writers))}
        while wanted:
            _, tag, content, _ = follower.receive()
            if tag == wire.ENTRY:
                wanted.discard(wire.decode_entry(content)[0])
    for connection in (*followers, *writers):
        connection.close()
