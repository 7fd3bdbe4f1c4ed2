"""Clients behind a proxy: their own address counts, and only trusted proxies say whose it is."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightwave.web.proxy_header import SIGNATURE
from node import Node
from reference import wire
from serving import change_settings, connect, connect_tls, log_text, root_dse, trust, until


def header(client: str, port: int) -> bytes:
    addresses = socket.inet_aton(client) + socket.inet_aton("192.0.2.1") + struct.pack("!HH", port, 389)
    return SIGNATURE + b"\x21\x11" + struct.pack("!H", len(addresses)) + addresses


HEALTH_CHECK = SIGNATURE + b"\x20\x00\x00\x00"


@pytest.fixture(scope="module")
def node(promoted_node: Node) -> Iterator[Node]:
    """A node that trusts this machine as a proxy, and logs each operation."""
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    made = promoted_node.copy(folder / "node")
    made.start()
    assert root_dse(connect(made)).code == 0
    change_settings(made, lwTrustedProxy="127.0.0.0/8", lwOperationLog="all")
    assert until(lambda: "the operation log is now: all" in log_text(made))
    yield made
    made.stop()
    shutil.rmtree(folder, ignore_errors=True)


def proxied(node: Node, first: bytes, port: int = 0) -> wire.Connection:
    connection = wire.Connection("127.0.0.1", port or node.port)
    connection.socket.sendall(first)
    return connection


def is_refused(connection: wire.Connection) -> bool:
    with connection:
        try:
            return connection.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def test_the_client_behind_the_proxy_is_the_peer(node: Node) -> None:
    with proxied(node, header("203.0.113.7", 4711)) as clear:
        assert root_dse(clear).code == 0
        assert until(lambda: "peer=203.0.113.7:4711" in log_text(node))
    with proxied(node, header("203.0.113.8", 4712), node.tls_port) as secure:
        secure.wrap(trust(node))
        assert root_dse(secure).code == 0
        assert until(lambda: "peer=203.0.113.8:4712" in log_text(node))
    with proxied(node, header("203.0.113.9", 4713)) as upgraded:
        assert upgraded.ask(wire.extended("1.3.6.1.4.1.1466.20037")).code == 0
        upgraded.wrap(trust(node))
        assert root_dse(upgraded).code == 0
    assert until(lambda: "peer=203.0.113.9:4713" in log_text(node))


def test_a_request_in_the_same_segment_and_a_header_in_pieces(node: Node) -> None:
    request = wire.message(1, wire.search("", wire.BASE))
    with proxied(node, header("203.0.113.10", 1) + request) as connection:
        assert connection.receive()[1] == 0x64
    whole = header("203.0.113.11", 1) + request
    with proxied(node, whole[:5]) as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(5, len(whole)):
            connection.socket.sendall(whole[at : at + 1])
        assert connection.receive()[1] == 0x64


def test_the_proxys_own_health_check(node: Node) -> None:
    with proxied(node, HEALTH_CHECK) as connection:
        assert root_dse(connection).code == 0


def test_https_takes_it_too(node: Node) -> None:
    port = 443 + node.port_offset
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(header("203.0.113.12", 1))
        with trust(node).wrap_socket(raw, server_hostname="localhost") as secure:
            asking = http.client.HTTPSConnection("localhost", port)
            asking.sock = secure
            asking.request("GET", "/health")
            assert asking.getresponse().status == 200


@pytest.mark.parametrize(
    "first",
    [
        wire.message(1, wire.search("", wire.BASE)),
        b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 389\r\n",
        header("203.0.113.7", 1)[:-1] + b"\x00" + b"\xff" * 3,
        SIGNATURE + b"\x21\x12" + struct.pack("!H", 12) + bytes(12),
        SIGNATURE + b"\x21\x11\xff\xff" + bytes(100),
    ],
)
def test_a_proxy_without_a_right_header_is_refused(node: Node, first: bytes) -> None:
    if first.startswith(SIGNATURE) and first.endswith(b"\xff" * 3):
        # a whole header, and then what is no LDAP
        with proxied(node, first) as connection:
            assert connection.receive()[0] == 0
        return
    assert is_refused(proxied(node, first))
    assert until(lambda: "its header" in log_text(node))


def test_tls_without_a_header_is_refused(node: Node) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError, OSError)):
        connect_tls(node)


def test_a_stranger_announces_nobody(node: Node) -> None:
    change_settings(node, lwTrustedProxy="192.0.2.200")
    try:
        assert until(lambda: _is_open(node))
        seen = len(log_text(node))
        with proxied(node, header("203.0.113.99", 4714)) as connection:
            message_id, tag, _, _ = connection.receive()  # it is no LDAP
            assert (message_id, tag) == (0, 0x78)
        assert "203.0.113.99" not in log_text(node)[seen:]
    finally:
        change_settings(node, lwTrustedProxy="127.0.0.0/8")
        assert until(lambda: not _is_open(node))


def _is_open(node: Node) -> bool:
    """Whether this machine is served without a header."""
    with connect(node) as connection:
        try:
            return root_dse(connection).code == 0
        except (wire.ServerClosed, OSError):
            return False


def test_what_is_no_address_trusts_nobody(node: Node) -> None:
    change_settings(node, lwTrustedProxy="10.0.0.1/8")  # a network whose host bits are set
    try:
        assert until(lambda: _is_open(node))
        assert until(lambda: "'10.0.0.1/8' is no address and no network" in log_text(node))
    finally:
        change_settings(node, lwTrustedProxy="127.0.0.0/8")
        assert until(lambda: not _is_open(node))


def test_the_local_socket_stays_open(node: Node) -> None:
    with node.local_administrator() as connection:
        assert root_dse(connection).code == 0
