"""A node listens on all addresses when nothing else is said: IPv4 and IPv6, each on a socket of its own."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from node import Node


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_the_addresses_of_a_plain_promote(promoted_node: Node, short_folder: Path) -> None:
    node = promoted_node.copy(short_folder / "node")
    settings = node.folder / "lightwave.toml"
    text, found = re.subn(r"(?m)^bind = .*$", 'bind = ["0.0.0.0", "::"]', settings.read_text())
    assert found == 1
    settings.write_text(text)
    node.start()
    try:
        for address in ("127.0.0.1", "::1"):
            if address == "::1" and not _has_ipv6():
                continue
            for port in (389, 636, 80, 443):
                with socket.create_connection((address, port + node.port_offset), timeout=5) as connection:
                    assert connection.getpeername()[0] == address
    finally:
        assert node.stop() == 0
