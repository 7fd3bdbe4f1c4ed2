"""Limits by identity on a serving node: size, time, look-through, idle, PDU, outstanding."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from node import Node
from reference import wire
from serving import (
    PASSWORD,
    add_user,
    change_settings,
    connect,
    connect_tls,
    import_people,
    root_dse,
    signed_in,
    until,
)

PAGED = "1.2.840.113556.1.4.319"
PERSISTENT = "2.16.840.1.113730.3.4.3"
TIME_LIMIT, SIZE_LIMIT, ADMIN_LIMIT, BUSY, UNWILLING = 3, 4, 11, 51, 53
PEOPLE = 3_000

SLOW = ("and", *(("not", ("substrings", "roomNumber", None, (b"%d" % n,), b"z")) for n in range(2_000)))
"""a filter that passes everybody and takes a millisecond each"""


@pytest.fixture(scope="module")
def limited(promoted_node: Node) -> Iterator[Node]:
    """A node with people, and a user to whom its limits apply."""
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    node = promoted_node.copy(folder / "node")
    import_people(node, PEOPLE)
    node.start()
    add_user(node, "ann")
    yield node
    node.stop()
    shutil.rmtree(folder, ignore_errors=True)


def people(node: Node) -> str:
    return f"ou=people,{node.suffix}"


def ann(node: Node) -> wire.Connection:
    return signed_in(node, f"uid=ann,{node.suffix}")


def test_size(limited: Node) -> None:
    change_settings(limited, lwSizeLimit=40)
    with ann(limited) as user, limited.local_administrator() as administrator:
        found = user.ask(wire.search(people(limited), wire.ONE, attributes=["1.1"]))
        assert (found.code, len(found.entries)) == (SIZE_LIMIT, 40)
        found = user.ask(wire.search(people(limited), wire.ONE, attributes=["1.1"], size_limit=7))
        assert (found.code, len(found.entries)) == (SIZE_LIMIT, 7)
        found = user.ask(wire.search(people(limited), wire.ONE, attributes=["1.1"], size_limit=2_000))
        assert (found.code, len(found.entries)) == (SIZE_LIMIT, 40)
        uid = ("equal", "uid", b"p7")
        found = user.ask(wire.search(people(limited), wire.ONE, uid, size_limit=1))
        assert (found.code, len(found.entries)) == (0, 1), "exactly as many as the limit"
        found = administrator.ask(wire.search(people(limited), wire.ONE, attributes=["1.1"]))
        assert (found.code, len(found.entries)) == (0, PEOPLE)
    change_settings(limited, lwSizeLimit=5_000)


def test_look_through(limited: Node) -> None:
    change_settings(limited, lwLookThroughLimit=500)
    node = ("equal", "roomNumber", b"a2999")
    with ann(limited) as user, limited.local_administrator() as administrator:
        assert user.ask(wire.search(people(limited), filter=node)).code == ADMIN_LIMIT
        found = user.ask(wire.search(people(limited), filter=("equal", "uid", b"p2999")))
        assert (found.code, len(found.entries)) == (0, 1), "an index narrows, so it stays below"
        found = administrator.ask(wire.search(people(limited), filter=node))
        assert (found.code, len(found.entries)) == (0, 1)
    change_settings(limited, lwLookThroughLimit=100_000)


def test_time(limited: Node) -> None:
    """The client's limit and the server's: the lower one holds. A slow filter makes the search last."""
    with limited.local_administrator() as administrator:
        began = time.monotonic()
        answer = administrator.ask(wire.search(people(limited), filter=SLOW, time_limit=1))
        assert answer.code == TIME_LIMIT
        assert 0.9 < time.monotonic() - began < 4
        assert 0 < len(answer.entries) < PEOPLE
    change_settings(limited, lwTimeLimit=1)
    with ann(limited) as user:
        began = time.monotonic()
        assert user.ask(wire.search(people(limited), filter=SLOW, time_limit=600)).code == TIME_LIMIT
        assert time.monotonic() - began < 4
    change_settings(limited, lwTimeLimit=60)


def test_idle(limited: Node) -> None:
    """Each identity has its own patience; the notice says why, and whoever asks now and then stays."""
    change_settings(limited, lwAnonymousIdleTimeout=1, lwIdleTimeout=4)
    try:
        with connect(limited) as anonymous, ann(limited) as user, connect_tls(limited) as secure:
            began = time.monotonic()
            for connection in (anonymous, secure):
                message_id, tag, content, _ = connection.receive()
                assert message_id == 0
                assert wire.decode_result(tag, content).code == BUSY
                assert 0.9 < time.monotonic() - began < 3.5
                with pytest.raises(wire.ServerClosed, match="end of the connection"):
                    connection.receive()
            assert root_dse(user).code == 0
            while time.monotonic() < began + 5:
                assert root_dse(user).code == 0
                time.sleep(0.2)
    finally:
        change_settings(limited, lwAnonymousIdleTimeout=120, lwIdleTimeout=900)


def test_idle_does_not_end_who_waits_for_an_answer(limited: Node) -> None:
    change_settings(limited, lwIdleTimeout=1)
    try:
        with ann(limited) as user:
            assert user.ask(wire.search(people(limited), filter=SLOW, time_limit=3)).code in (0, TIME_LIMIT)
            assert root_dse(user).code == 0
    finally:
        change_settings(limited, lwIdleTimeout=900)


def test_pdu(limited: Node) -> None:
    """Who has not signed in may send little; a bind raises the limit, a failing one lowers it again."""
    large = wire.search("", wire.BASE, ("equal", "cn", bytes(400_000)))
    with connect(limited) as anonymous, pytest.raises((wire.ServerClosed, OSError)):
        anonymous.ask(large)
    with ann(limited) as user:
        assert user.ask(large).code == 0
        assert user.ask(wire.bind(f"uid=ann,{limited.suffix}", "wrong")).code == 49
        with pytest.raises((wire.ServerClosed, OSError)):
            user.ask(large)
    change_settings(limited, lwMaxPDU=300_000)
    with ann(limited) as user, pytest.raises((wire.ServerClosed, OSError)):
        user.ask(large)
    change_settings(limited, lwMaxPDU=16 * 1024 * 1024 - 1)


def test_outstanding(limited: Node) -> None:
    """Requests beyond the limit are busy, in either way of asking for much at once; the others are answered."""
    change_settings(limited, lwMaxOutstanding=5)
    node = ("and", *(("not", ("substrings", "roomNumber", None, (b"%d" % n,), b"z")) for n in range(20)))
    try:
        with ann(limited) as user:
            request = wire.search(people(limited), filter=node, attributes=["1.1"])
            user.socket.sendall(b"".join(wire.message(n, request) for n in range(10, 40)))
            codes: dict[int, int] = {}
            while len(codes) < 30:
                message_id, tag, content, _ = user.receive()
                if tag != wire.ENTRY:
                    codes[message_id] = wire.decode_result(tag, content).code
            assert list(codes.values()).count(BUSY) == 25
            assert list(codes.values()).count(0) == 5
            assert root_dse(user).code == 0
    finally:
        change_settings(limited, lwMaxOutstanding=100)


def test_a_bind_gives_the_limits_of_who_signed_in(limited: Node) -> None:
    change_settings(limited, lwSizeLimit=40)
    with connect_tls(limited) as connection:
        assert connection.ask(wire.bind(f"uid=ann,{limited.suffix}", PASSWORD)).code == 0
        found = connection.ask(wire.search(people(limited), attributes=["1.1"]))
        assert len(found.entries) == 40
        assert connection.ask(wire.bind(limited.administrator, limited.password)).code == 0
        found = connection.ask(wire.search(people(limited), attributes=["1.1"]))
        assert len(found.entries) == PEOPLE + 1
        assert connection.ask(wire.bind("", "")).code == 0
        assert connection.ask(wire.search(people(limited), attributes=["1.1"])).entries == []
    change_settings(limited, lwSizeLimit=5_000)


def test_files_are_given_back(limited: Node) -> None:
    """However a connection ends, its descriptor is closed."""
    folder = Path(f"/proc/{limited.pid}/fd")
    before = len(list(folder.iterdir()))
    for turn in range(60):
        connection = connect(limited) if turn % 2 else connect_tls(limited)
        if turn % 3 == 0:
            connection.send(wire.UNBIND)
        elif turn % 3 == 1:
            connection.send(wire.search(people(limited)))
        else:
            connection.socket.sendall(b"\x99")
        connection.close()
    assert until(lambda: len(list(folder.iterdir())) <= before)


def test_limits_of_ones_own(limited: Node) -> None:
    """An account's entry may say what it may ask for; the next bind takes it."""
    name = add_user(limited, "carol")
    change_settings(limited, lwSizeLimit=40)

    def set_limits(**limits: int) -> None:
        changes = [(wire.REPLACE, key, [str(value).encode()]) for key, value in limits.items()]
        with limited.local_administrator() as administrator:
            answer = administrator.ask(wire.modify(name, changes))
            assert answer.code == 0, answer

    def found(**arguments: object) -> tuple[int, int]:
        with signed_in(limited, name) as carol:
            answer = carol.ask(
                wire.search(people(limited), wire.ONE, attributes=["1.1"], **arguments)  # type: ignore[arg-type]
            )
        return answer.code, len(answer.entries)

    assert found() == (SIZE_LIMIT, 40)
    set_limits(nsSizeLimit=50)
    assert found() == (SIZE_LIMIT, 50)
    set_limits(nsSizeLimit=-1)
    assert found() == (0, PEOPLE)
    set_limits(nsLookThroughLimit=100)
    assert found(filter=("substrings", "roomNumber", None, (b"x",), None))[0] == ADMIN_LIMIT
    with ann(limited) as user:  # others keep theirs
        assert len(user.ask(wire.search(people(limited), wire.ONE, attributes=["1.1"])).entries) == 40


def padded(octets: int, node: Sequence[Any] = ("present", "objectClass")) -> Sequence[Any]:
    """The filter, with so many octets more that change nothing."""
    return ("and", node, ("not", ("equal", "roomNumber", b"z" * octets)))


def junk(octets: int) -> bytes:
    """A control that nobody knows, of so many octets."""
    return wire.control("1.3.6.1.4.1.55555.1", False, bytes(octets))


def paged(cookie: bytes = b"") -> list[bytes]:
    return [wire.control(PAGED, True, wire.sequence(wire.integer(1), wire.text(cookie)))]


def cookie_of(answer: wire.Answer) -> bytes:
    value = answer.controls[PAGED]
    assert value is not None
    ((_, content),) = wire.elements(value)
    return list(wire.elements(content))[1][1]


def test_octets_of_searches_that_wait_for_their_next_page(limited: Node) -> None:
    """1 MiB on a connection: the oldest make room, and one that is longer does not wait."""

    def search(octets: int) -> bytes:
        return wire.search(people(limited), wire.ONE, padded(octets), ["1.1"])

    with ann(limited) as user:
        request = search(300_000)
        cookies = [cookie_of(user.ask(request, paged())) for _ in range(4)]
        assert user.ask(request, paged(cookies[0])).code == UNWILLING, "the oldest made room"
        second = user.ask(request, paged(cookies[1]))
        assert (second.code, len(second.entries)) == (0, 1)
        # What is kept is the first request, so its length counts, however short the later ones are.
        first = cookie_of(user.ask(search(10), [*paged(), junk(600_000)]))
        first = cookie_of(user.ask(search(10), paged(first)))
        cookie_of(user.ask(search(500_000), paged()))
        assert user.ask(search(10), paged(first)).code == UNWILLING
        answer = user.ask(search(1_050_000), paged())
        assert (answer.code, len(answer.entries)) == (ADMIN_LIMIT, 1)
        assert "1 MiB" in answer.diagnostic
        alone = wire.search(f"uid=p7,{people(limited)}", wire.BASE, padded(1_050_000), ["1.1"])
        answer = user.ask(alone, paged())
        assert (answer.code, len(answer.entries)) == (0, 1), "it does not wait: there is no other page"


def test_octets_of_searches_that_take_long(limited: Node) -> None:
    """4 MiB on a connection; a search that ends in its turn may be longer, and room comes back."""
    request = wire.search(people(limited), wire.ONE, SLOW, ["1.1"], time_limit=20)
    long = [junk(900_000)]
    with limited.local_administrator() as connection, limited.local_administrator() as other:
        running = [connection.send(request, long) for _ in range(4)]
        refused = connection.ask(request, long)
        assert refused.code == ADMIN_LIMIT
        assert "4 MiB" in refused.diagnostic
        number = other.send(request, long)
        assert other.receive()[:2] == (number, wire.ENTRY), "each connection has its own"
        at_once = wire.search(f"uid=p7,{people(limited)}", wire.BASE, padded(5_000_000), ["1.1"])
        assert connection.ask(at_once).code == 0
        connection.send(wire.abandon(running[0]))
        again = connection.send(request, long)
        while (received := connection.receive())[0] != again:
            pass
        assert received[1] == wire.ENTRY, "the abandoned one made room"


def test_octets_of_a_search_that_follows_changes(limited: Node) -> None:
    """256 KiB each."""
    value = wire.sequence(wire.integer(15), b"\x01\x01\x00", b"\x01\x01\xff")
    follow = [wire.control(PERSISTENT, True, value)]
    place = f"uid=p7,{people(limited)}"
    with ann(limited) as user:
        answer = user.ask(wire.search(place, wire.BASE, padded(256 * 1024)), follow)
        assert answer.code == ADMIN_LIMIT
        assert "256 KiB" in answer.diagnostic
        following = user.send(wire.search(place, wire.BASE, padded(250_000)), follow)
        assert user.receive()[:2] == (following, wire.ENTRY)
