"""Whatever is sent, the node lives: only documented results come out, and no error of ours is in its log."""

from __future__ import annotations

import random
import socket
import time

import pytest

from e2e.mutations import mutate
from lightwave.directory.ldap.result import ResultCode
from node import Node
from reference import wire
from serving import change_settings, connect, is_serving, log_text, person, resident, root_dse, unit

MEGABYTE = 1024 * 1024
NOTICE = b"1.3.6.1.4.1.1466.20036"
CODES = {int(code) for code in ResultCode}


def corpus(node: Node) -> list[bytes]:
    """A message of each kind, with message id 2."""
    base = f"ou=fuzz,{node.suffix}"
    name = f"uid=one,{base}"
    page = wire.control("1.2.840.113556.1.4.319", False, wire.sequence(wire.integer(5), wire.text(b"")))
    nested = ("and", ("not", ("or", ("present", "cn"), ("equal", "uid", b"one"))), ("greater", "uid", b"a"))
    return [
        wire.message(2, wire.bind("", "")),
        wire.message(2, wire.bind(name, "wrong")),
        wire.message(2, wire.sasl_bind("PLAIN", b"\0one\0wrong")),
        wire.message(2, wire.sasl_bind("EXTERNAL", b"")),
        wire.message(2, wire.search(base)),
        wire.message(2, wire.search(base, wire.ONE, nested, ["cn", "+", "@person"]), [page]),
        wire.message(2, wire.search(base, filter=("substrings", "cn", b"o", (b"n",), b"e"), types_only=True)),
        wire.message(2, wire.search(base, filter=("extensible", "2.5.13.2", "cn", b"one", True))),
        wire.message(2, wire.search(base, deref=3, size_limit=1, time_limit=1)),
        wire.message(2, wire.add(f"uid=two,{base}", person("two"))),
        wire.message(2, wire.modify(name, [(wire.REPLACE, "description", [b"a", b"b"])])),
        wire.message(2, wire.modify(name, [(wire.DELETE, "cn", []), (wire.ADD, "cn", [b"one"])])),
        wire.message(2, wire.modify_dn(name, "uid=one", False, base)),
        wire.message(2, wire.compare(name, "cn", b"one")),
        wire.message(2, wire.delete(f"uid=three,{base}")),
        wire.message(2, wire.abandon(1)),
        wire.message(2, wire.extended("1.3.6.1.4.1.4203.1.11.3")),
        wire.message(2, wire.extended("1.3.6.1.1.8", wire.sequence(wire.integer(1)))),
        wire.message(2, wire.extended("1.3.6.1.4.1.1466.20037")),
        wire.message(2, wire.UNBIND),
    ]


def set_up(node: Node) -> None:
    base = f"ou=fuzz,{node.suffix}"
    with node.local_administrator() as connection:
        assert connection.ask(wire.add(base, unit("fuzz"))).code in (0, 68)
        assert connection.ask(wire.add(f"uid=one,{base}", person("one"))).code in (0, 68)
        connection.ask(wire.delete(f"uid=two,{base}"))


LAST = 1_999_999
PROBE = wire.message(LAST, wire.bind("", ""))  # it is answered after all that came before it


def answers(connection: wire.Connection, octets: bytes) -> list[tuple[int, int, bytes]]:
    """All that is said to `octets`: (message id, tag, content). A last request shows when that is all.

    Where `octets` end within a request, the last one is taken for the rest of that; then nothing more is sent, and
    the server ends the connection.
    """
    said: list[tuple[int, int, bytes]] = []
    timeout = connection.socket.gettimeout()
    try:
        connection.socket.sendall(octets + PROBE)
        connection.socket.settimeout(0.05)
        while True:
            try:
                message_id, tag, content, _ = connection.receive()
            except wire.ServerClosed as error:
                if "timed out" not in str(error) or connection.socket.gettimeout() == timeout:
                    return said
                connection.socket.settimeout(timeout)
                connection.socket.shutdown(socket.SHUT_WR)
                continue
            if (message_id, tag) == (LAST, wire.BIND_RESPONSE):
                return said
            if message_id != LAST:
                said.append((message_id, tag, content))
    except OSError:
        return said


def assert_documented(said: list[tuple[int, int, bytes]], octets: bytes) -> None:
    for at, (message_id, tag, content) in enumerate(said):
        if tag in (wire.ENTRY, wire.REFERENCE):
            continue
        answer = wire.decode_result(tag, content)
        assert answer.code in CODES, octets.hex()
        assert answer.code != ResultCode.OTHER, (octets.hex(), answer.diagnostic)
        assert "Traceback" not in answer.diagnostic
        if message_id == 0:
            assert answer.extended_name == NOTICE, octets.hex()
            assert at == len(said) - 1, "a notice is the last that is said"


@pytest.mark.soak
@pytest.mark.parametrize("who", ["anonymous", "administrator"])
def test_mutated_requests(node: Node, who: str, soaking: bool) -> None:
    change_settings(node, lwFailureDelayMilliseconds=0)  # many of them sign in wrongly, as one and the same
    set_up(node)
    chance = random.Random(who)
    messages = corpus(node)
    for octets in messages:  # unchanged they are all right, else what is mutated would be worth little
        with node.local_administrator() as connection:
            said = answers(connection, octets)
            assert not any(message_id == 0 for message_id, _, _ in said), octets.hex()
    before = resident(node.pid)
    heard = set()
    for turn in range(10_000 if soaking else 800):
        if turn % 20 == 0:
            set_up(node)  # mutated writes may have succeeded
        octets = b"".join(mutate(chance, chance.choice(messages)) for _ in range(chance.randint(1, 3)))
        connection = connect(node) if who == "anonymous" else node.local_administrator()
        with connection:
            said = answers(connection, octets)
        assert_documented(said, octets)
        heard |= {
            wire.decode_result(tag, content).code for _, tag, content in said if tag not in (0x64, 0x73)
        }
    assert ResultCode.PROTOCOL_ERROR in heard
    assert len(heard) > 8, "little got through"
    assert_alive(node)
    assert resident(node.pid) - before < 20 * MEGABYTE


def test_mutated_requests_octet_by_octet(node: Node) -> None:
    """What comes in pieces is refused and answered as what comes at once."""
    set_up(node)
    chance = random.Random(5)
    messages = corpus(node)[4:9]
    for _ in range(40):
        octets = mutate(chance, chance.choice(messages))
        with connect(node) as whole:
            expected = answers(whole, octets)
        with connect(node) as pieces:
            try:
                for n in range(0, len(octets), 7):
                    pieces.socket.sendall(octets[n : n + 7])
            except OSError:
                continue  # ended before all was sent
            said = answers(pieces, b"")
        if said:  # a reset may have destroyed what was said
            assert said == expected, octets.hex()
    assert_alive(node)


def test_noise(node: Node) -> None:
    """Octets that are nothing, and protocols that are others."""
    chance = random.Random(6)
    others = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00" * 10_000,
        b"\xff" * 10_000,
        b"\x30" * 10_000,
        b"\x30\x80" * 5_000,
    ]
    for port in (node.port, node.tls_port):
        for octets in [*others, *(chance.randbytes(chance.randint(1, 3_000)) for _ in range(30))]:
            with wire.Connection("127.0.0.1", port) as connection:
                connection.socket.settimeout(5)
                try:
                    connection.socket.sendall(octets)
                    connection.socket.shutdown(socket.SHUT_WR)
                    while connection.socket.recv(65536):
                        pass
                except ConnectionError:
                    pass
    assert_alive(node)


def assert_alive(node: Node) -> None:
    assert node.process is not None
    assert node.process.poll() is None
    began = time.monotonic()
    with connect(node) as connection:
        assert root_dse(connection).code == 0
    assert time.monotonic() - began < 1
    assert is_serving(node)
    text = log_text(node)
    assert "Traceback" not in text, text[text.index("Traceback") :][:4_000]
    assert " ERROR " not in text
    assert " CRITICAL " not in text
