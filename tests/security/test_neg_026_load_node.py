"""Negative tests 25, 26 and 30 against a serving node: what is asked for too much costs the asker, not others."""

from __future__ import annotations

import shutil
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from node import Node
from reference import wire
from serving import (
    add_user,
    change_settings,
    connect,
    import_people,
    is_serving,
    percentile,
    processor_time,
    resident,
    root_dse,
    signed_in,
)

ADMIN_LIMIT_EXCEEDED, SIZE_LIMIT_EXCEEDED, BUSY, NO_SUCH_OBJECT = 11, 4, 51, 32
PEOPLE = 4_000
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def peopled(promoted_node: Node) -> Iterator[Node]:
    """A node with many people, of whom an ordinary user may look at half."""
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    node = promoted_node.copy(folder / "node")
    import_people(node, PEOPLE, size=1_000)
    node.start()
    change_settings(node, lwLookThroughLimit=PEOPLE // 2, lwAnonymousLookThroughLimit=PEOPLE // 4)
    add_user(node, "ann")
    yield node
    node.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_neg_025_unindexed_searches_end_early(peopled: Node) -> None:
    """(roomNumber=*a*) and (cn=*a*) look at every person: refused at the limit, at little cost."""
    ann = f"uid=ann,{peopled.suffix}"
    with signed_in(peopled, ann) as user, connect(peopled) as anonymous:
        before = processor_time(peopled.pid)
        for attribute in ("roomNumber", "description"):
            node = ("substrings", attribute, None, (b"zz",), None)
            found = user.ask(wire.search(peopled.suffix, filter=node, attributes=["1.1"]))
            assert found.code == ADMIN_LIMIT_EXCEEDED, attribute
            assert found.entries == []
            assert len(found.diagnostic) < 200
        anything: list[Sequence[Any]] = [
            ("substrings", "cn", None, (b"a",), None),
            ("present", "objectClass"),
        ]
        for anyone in anything:
            found = anonymous.ask(wire.search(peopled.suffix, filter=anyone, attributes=["1.1"]))
            assert found.code == NO_SUCH_OBJECT  # anonymous sees nothing of it, so nothing is looked at
            assert found.entries == []
        # One octet is shorter than what the substring index has: everybody is a candidate.
        everybody = ("substrings", "cn", None, (b"x",), None)
        found = user.ask(wire.search(peopled.suffix, filter=everybody, attributes=["1.1"], size_limit=1))
        assert found.code in (ADMIN_LIMIT_EXCEEDED, 0)
        assert processor_time(peopled.pid) - before < 1.0


def test_neg_025_the_limit_counts_over_the_pages_of_a_search(peopled: Node) -> None:
    page = wire.control("1.2.840.113556.1.4.319", True, wire.sequence(wire.integer(500), wire.text(b"")))
    node = ("substrings", "roomNumber", None, (b"0",), None)
    codes = []
    with signed_in(peopled, f"uid=ann,{peopled.suffix}") as user:
        controls = [page]
        for _ in range(20):
            found = user.ask(wire.search(peopled.suffix, filter=node, attributes=["1.1"]), controls)
            codes.append(found.code)
            value = found.controls.get("1.2.840.113556.1.4.319")
            if found.code or not value:
                break
            ((_, content),) = wire.elements(value)
            cookie = list(wire.elements(content))[1][1]
            if not cookie:
                break
            following = wire.sequence(wire.integer(500), wire.text(cookie))
            controls = [wire.control("1.2.840.113556.1.4.319", True, following)]
    assert codes[-1] == ADMIN_LIMIT_EXCEEDED


def test_neg_026_a_hundred_thousand_requests_without_reading(peopled: Node) -> None:
    """One peer sends and never reads: it is paused, memory stays bounded, and others are served as before."""
    requests = b"".join(
        wire.message(n, wire.search(peopled.suffix, filter=("present", "objectClass")))
        for n in range(1, 100_001)
    )
    before = resident(peopled.pid)
    highest = before
    times = []
    ann = f"uid=ann,{peopled.suffix}"
    with signed_in(peopled, ann) as flood, peopled.local_administrator() as other:
        flood.socket.settimeout(0.05)
        view = memoryview(requests)
        stuck = 0
        while view and stuck < 20:
            try:
                sent = flood.socket.send(view[:65536])
                view = view[sent:]
                stuck = 0
            except TimeoutError:
                stuck += 1
            began = time.perf_counter()
            assert root_dse(other, "supportedLDAPVersion").code == 0
            times.append(time.perf_counter() - began)
            highest = max(highest, resident(peopled.pid))
        assert stuck == 20, "all was taken, though nothing was read"
        assert highest - before < 40 * MEGABYTE
        assert percentile(times, 0.95) < 0.1
    assert is_serving(peopled)


@pytest.mark.parametrize("kind", ["abandon", "search"])
def test_neg_026_a_storm_that_is_read(peopled: Node, kind: str) -> None:
    """Beyond what may be outstanding each request is answered busy; abandons have no answer at all."""
    count = 100_000
    if kind == "abandon":
        requests = b"".join(wire.message(n, wire.abandon(n - 1)) for n in range(2, count))
    else:
        count = 20_000
        search = wire.search(f"ou=people,{peopled.suffix}", filter=("equal", "roomNumber", b"none"))
        requests = b"".join(wire.message(n, search) for n in range(2, count))
    requests += wire.message(count, wire.search("", wire.BASE))
    codes: dict[int, int] = {}
    before = resident(peopled.pid)
    with signed_in(peopled, f"uid=ann,{peopled.suffix}") as connection:
        connection.socket.settimeout(30)
        sender = threading.Thread(target=connection.socket.sendall, args=(requests,))
        sender.start()
        slowest = 0.0
        with peopled.local_administrator() as other:
            while sender.is_alive():
                began = time.perf_counter()
                assert root_dse(other, "supportedLDAPVersion").code == 0
                slowest = max(slowest, time.perf_counter() - began)
                if kind == "search":
                    break
        if kind == "search":
            while count not in codes:
                message_id, tag, content, _ = connection.receive()
                if tag != wire.ENTRY:
                    code = wire.decode_result(tag, content).code
                    codes[message_id] = code
            assert set(codes.values()) <= {0, BUSY, ADMIN_LIMIT_EXCEEDED}
            assert BUSY in codes.values()
        sender.join(30)
        assert resident(peopled.pid) - before < 40 * MEGABYTE
        assert slowest < 0.5
        connection.socket.settimeout(20)
        if kind == "abandon":
            while connection.receive()[0] != count:
                pass
    assert is_serving(peopled)


def send_for_ever(connection: wire.Connection) -> None:
    """Goes on sending until the connection breaks."""
    for _ in range(1_000):
        connection.socket.sendall(bytes(65536))


def test_neg_030_a_value_of_100_mb_is_refused_at_its_header(peopled: Node) -> None:
    before = resident(peopled.pid)
    size = 100 * MEGABYTE
    header = b"\x30\x84" + (size + 200).to_bytes(4, "big") + b"\x02\x01\x01\x66"
    for connection in (
        connect(peopled),
        signed_in(peopled, f"uid=ann,{peopled.suffix}"),
        peopled.local_administrator(),
    ):
        with connection:
            began = time.monotonic()
            connection.socket.sendall(header)
            message_id, tag, content, _ = connection.receive()
            assert (message_id, tag) == (0, wire.EXTENDED_RESPONSE)
            assert wire.decode_result(tag, content).code == 2
            assert time.monotonic() - began < 1
            with pytest.raises((ConnectionError, ssl.SSLError)):
                send_for_ever(connection)
    assert resident(peopled.pid) - before < 10 * MEGABYTE


def test_neg_030_a_million_values_are_refused(peopled: Node) -> None:
    """They fit into the largest request (5 MB), and are refused before any is looked at."""
    values = [b"%d" % n for n in range(1_000_000)]
    modify = wire.modify(f"uid=p1,ou=people,{peopled.suffix}", [(wire.ADD, "description", values)])
    with peopled.local_administrator() as connection:
        before = processor_time(peopled.pid)
        answer = connection.ask(modify)
        assert answer.code in (2, ADMIN_LIMIT_EXCEEDED)
        assert processor_time(peopled.pid) - before < 1.5
        found = connection.ask(wire.search(f"uid=p1,ou=people,{peopled.suffix}", wire.BASE))
        assert len(found.entries[0][1]["description"]) == 1
    # Nobody in particular may not even send that much.
    with connect(peopled) as connection, pytest.raises((wire.ServerClosed, OSError)):
        connection.ask(modify)
    assert is_serving(peopled)


def test_neg_026_many_large_answers_are_not_all_gathered(peopled: Node) -> None:
    """A chunk of requests for a large entry, whose answers nobody reads, does not fill the memory."""
    name = f"uid=p2,ou=people,{peopled.suffix}"
    with peopled.local_administrator() as connection:
        large = [(wire.REPLACE, "description", [b"x" * (4 * MEGABYTE)])]
        assert connection.ask(wire.modify(name, large)).code == 0
    with signed_in(peopled, f"uid=ann,{peopled.suffix}") as connection:
        before = resident(peopled.pid)
        connection.socket.sendall(
            b"".join(wire.message(n, wire.search(name, wire.BASE)) for n in range(2, 92))
        )
        deadline = time.monotonic() + 1.5
        highest = before
        while time.monotonic() < deadline:
            assert is_serving(peopled)
            highest = max(highest, resident(peopled.pid))
            time.sleep(0.02)
        assert highest - before < 60 * MEGABYTE
