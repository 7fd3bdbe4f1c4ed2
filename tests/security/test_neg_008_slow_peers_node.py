"""Negative tests 3 and 8 against a serving node: peers that begin a request and do not end it."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from node import Node
from reference import wire
from serving import change_settings, connect, percentile, resident, root_dse, until

PEERS = 600
IDLE = 3
BEGINNING = b"\x30\x83\x01\x00\x00"
"""of a request of 64 kB"""


@pytest.fixture
def many_files() -> Iterator[None]:
    """This process may open as many files as the system allows."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def open_files(node: Node) -> int:
    return len(list(Path(f"/proc/{node.pid}/fd").iterdir()))


def times(connection: wire.Connection, count: int) -> list[float]:
    """Seconds that each of `count` searches of the root DSE took."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        assert root_dse(connection, "supportedLDAPVersion").code == 0
        taken.append(time.perf_counter() - began)
    return taken


def test_neg_008_slow_peers_do_not_slow_others_and_are_closed(node: Node, many_files: None) -> None:
    change_settings(node, lwAnonymousIdleTimeout=IDLE)
    files = open_files(node)
    with ExitStack() as stack, node.local_administrator() as connection:
        alone = times(connection, 300)
        began = time.monotonic()
        peers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", node.port), timeout=20))
            for _ in range(PEERS)
        ]
        assert until(lambda: open_files(node) >= files + PEERS)
        crowded: list[float] = []
        for part in range(10):
            for peer in peers[part::10]:
                peer.send(BEGINNING)
            crowded += times(connection, 30)
        # An octet comes now and then, which makes no request and so does not hold the connection.
        turn = 0
        while time.monotonic() < began + IDLE + 4 and open_files(node) > files + 5:
            turn += 1
            for peer in peers[turn % 20 :: 20]:
                with suppress(OSError):
                    peer.send(b"\x02")
            times(connection, 5)
        assert open_files(node) <= files + 5, "slow peers are still connected"
        assert percentile(crowded, 0.95) < max(3 * percentile(alone, 0.95), 0.005)


def test_neg_008_the_node_may_open_as_many_files_as_the_system_allows(shared_node: Node) -> None:
    limits = Path(f"/proc/{shared_node.pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
    soft, hard = line.split()[3:5]
    assert soft == hard


def test_neg_008_connections_beyond_the_limit_are_refused(node: Node) -> None:
    change_settings(node, lwMaxConnections=5)
    with ExitStack() as stack:
        held = [stack.enter_context(connect(node)) for _ in range(5)]
        assert all(root_dse(one).code == 0 for one in held)
        with pytest.raises((wire.ServerClosed, ConnectionResetError)):  # perhaps before connect returns
            root_dse(stack.enter_context(connect(node)))
        assert root_dse(held[0]).code == 0


def test_neg_003_a_length_of_4_gb_is_not_allocated(node: Node) -> None:
    change_settings(node, lwAnonymousIdleTimeout=2)
    before = resident(node.pid)
    with ExitStack() as stack:
        claims = [
            b"\x30\x84\xff\xff\xff\xff" + b"\x02\x01\x01\x63",  # 4 GB: refused at the header
            b"\x30\x83\x03\xff\xf0" + b"\x02\x01\x01\x63\x00",  # what is allowed, but does not come
        ]
        peers = []
        for claim in claims * 50:
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", node.port), timeout=10))
            peer.sendall(claim)
            peers.append(peer)
        for peer in peers:
            received = b""
            while data := peer.recv(4096):
                received += data
            assert b"1.3.6.1.4.1.1466.20036" in received  # Notice of Disconnection
    assert resident(node.pid) - before < 10 * 1024 * 1024
    with connect(node) as connection:
        assert root_dse(connection).code == 0
