"""Paged results, abandon, cancel, clients that do not read, writers beside readers."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node import Node
from reference import wire
from serving import (
    add_user,
    connect,
    import_people,
    percentile,
    person,
    processor_time,
    resident,
    root_dse,
    signed_in,
    unit,
    until,
)

PAGED = "1.2.840.113556.1.4.319"
CANCEL = "1.3.6.1.1.8"
UNWILLING, CANCELED, NO_SUCH_OPERATION, PROTOCOL_ERROR = 53, 118, 119, 2
PEOPLE = 6_000
MEGABYTE = 1024 * 1024

SLOW = ("and", *(("not", ("substrings", "roomNumber", None, (b"%d" % n,), b"z")) for n in range(2_000)))
"""a filter that passes everybody and takes a millisecond each"""


@pytest.fixture(scope="module")
def peopled(promoted_node: Node) -> Iterator[Node]:
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    node = promoted_node.copy(folder / "node")
    import_people(node, PEOPLE, size=4_000)
    node.start()
    for uid in ("ann", "bob"):
        add_user(node, uid)
    yield node
    node.stop()
    shutil.rmtree(folder, ignore_errors=True)


def base(node: Node) -> str:
    return f"ou=people,{node.suffix}"


def ann(node: Node) -> wire.Connection:
    return signed_in(node, f"uid=ann,{node.suffix}")


def page(size: int, cookie: bytes = b"", critical: bool = True) -> list[bytes]:
    return [wire.control(PAGED, critical, wire.sequence(wire.integer(size), wire.text(cookie)))]


def cookie_of(answer: wire.Answer) -> bytes:
    value = answer.controls[PAGED]
    assert value is not None
    ((_, content),) = wire.elements(value)
    return list(wire.elements(content))[1][1]


def test_pages_give_each_entry_once(peopled: Node) -> None:
    request = wire.search(base(peopled), wire.ONE, attributes=["1.1"])
    names: list[bytes] = []
    with ann(peopled) as connection:
        cookie, sizes = b"", []
        while True:
            answer = connection.ask(request, page(999, cookie))
            assert answer.code == 0
            sizes.append(len(answer.entries))
            names += [name for name, _ in answer.entries]
            cookie = cookie_of(answer)
            if not cookie:
                break
    assert sizes[:6] == [999] * 6
    assert len(names) == len(set(names)) == PEOPLE


def test_neg_017_cookies_that_are_not_of_this_search(peopled: Node) -> None:
    """Forged, used before, of another connection, another search, another identity: unwillingToPerform."""
    request = wire.search(base(peopled), wire.ONE, attributes=["1.1"])
    with ann(peopled) as connection, ann(peopled) as other:
        first = cookie_of(connection.ask(request, page(10)))
        assert len(first) >= 16
        for forged in (b"x", first[:-1], first + b"\0", bytes(len(first)), b"\xff" * 4_000):
            answer = connection.ask(request, page(10, forged))
            assert (answer.code, answer.entries) == (UNWILLING, [])
        answer = other.ask(request, page(10, first))
        assert (answer.code, answer.entries) == (UNWILLING, []), "a cookie of another connection"
        second = connection.ask(request, page(10, first))
        assert (second.code, len(second.entries)) == (0, 10), "nobody else's attempt spends it"
        answer = connection.ask(request, page(10, first))
        assert (answer.code, answer.entries) == (UNWILLING, []), "a cookie works once"
        changed = wire.search(base(peopled), wire.ONE, attributes=["userPassword"])
        answer = connection.ask(changed, page(10, cookie_of(second)))
        assert (answer.code, answer.entries) == (UNWILLING, []), "a cookie of another search"
        third = cookie_of(connection.ask(request, page(10)))
        assert connection.ask(wire.bind(f"uid=bob,{peopled.suffix}", "Made-up 4 people")).code == 0
        answer = connection.ask(request, page(10, third))
        assert (answer.code, answer.entries) == (UNWILLING, []), "a cookie of another identity"


def test_neg_017_sizes_that_are_none(peopled: Node) -> None:
    request = wire.search(base(peopled), wire.ONE, attributes=["1.1"])
    with ann(peopled) as connection:
        for size in (-1, -(2**31), 2**31, 2**63):
            for critical in (True, False):
                assert connection.ask(request, page(size, critical=critical)).code == PROTOCOL_ERROR
        assert connection.ask(request, page(0)).code == UNWILLING
        answer = connection.ask(request, page(2**31 - 1))
        assert 0 < len(answer.entries) <= 2_000, "a page is no way around the limits"


def test_a_search_given_up_between_pages_is_forgotten(peopled: Node) -> None:
    request = wire.search(base(peopled), wire.ONE, attributes=["1.1"])
    with ann(peopled) as connection:
        cookie = cookie_of(connection.ask(request, page(10)))
        answer = connection.ask(request, page(0, cookie))
        assert (answer.code, cookie_of(answer), answer.entries) == (0, b"", [])
        assert connection.ask(request, page(10, cookie)).code == UNWILLING
        cookies = [cookie_of(connection.ask(request, page(1))) for _ in range(30)]
        assert connection.ask(request, page(1, cookies[0])).code == UNWILLING, "the oldest make room"
        assert connection.ask(request, page(1, cookies[-1])).code == 0


def test_abandon_ends_a_search_without_an_answer(peopled: Node) -> None:
    with peopled.local_administrator() as connection:
        long = connection.send(wire.search(base(peopled), filter=SLOW, attributes=["1.1"]))
        assert connection.receive()[1] == wire.ENTRY
        connection.send(wire.abandon(long))
        probe = connection.send(wire.search("", wire.BASE))
        late = 0
        while True:
            message_id, tag, _, _ = connection.receive()
            assert (message_id, tag) != (long, wire.SEARCH_DONE)
            if message_id == probe and tag == wire.SEARCH_DONE:
                break
            late += message_id == long
        before = processor_time(peopled.pid)
        connection.socket.settimeout(0.5)
        with pytest.raises(wire.ServerClosed, match="timed out"):
            connection.receive()
        assert processor_time(peopled.pid) - before < 0.25, "the search goes on unseen"


def test_cancel_answers_both(peopled: Node) -> None:
    """RFC 3909: the search ends with canceled, the cancel with success; afterwards there is nothing to cancel."""
    with peopled.local_administrator() as connection:
        long = connection.send(wire.search(base(peopled), filter=SLOW, attributes=["1.1"]))
        assert connection.receive()[1] == wire.ENTRY
        cancel = connection.send(wire.extended(CANCEL, wire.sequence(wire.integer(long))))
        codes: dict[int, int] = {}
        while len(codes) < 2:
            message_id, tag, content, _ = connection.receive()
            if tag != wire.ENTRY:
                codes[message_id] = wire.decode_result(tag, content).code
        assert codes == {long: CANCELED, cancel: 0}
        again = connection.ask(wire.extended(CANCEL, wire.sequence(wire.integer(long))))
        assert again.code == NO_SUCH_OPERATION
        assert root_dse(connection).code == 0


def test_one_may_not_cancel_or_abandon_what_is_another_connections(peopled: Node) -> None:
    with peopled.local_administrator() as victim, peopled.local_administrator() as other:
        long = victim.send(wire.search(base(peopled), filter=SLOW, attributes=["1.1"], time_limit=1))
        assert victim.receive()[1] == wire.ENTRY
        other.send(wire.abandon(long))
        answer = other.ask(wire.extended(CANCEL, wire.sequence(wire.integer(long + 40))))
        assert answer.code == NO_SUCH_OPERATION
        while (received := victim.receive())[1] == wire.ENTRY:
            pass
        assert received[:2] == (long, wire.SEARCH_DONE)


def comes_to_rest(node: Node) -> Callable[[], bool]:
    """Asks, each time it is called, whether the node used no processor time between the last 20 calls."""
    used: deque[float] = deque(maxlen=20)

    def rests() -> bool:
        used.append(processor_time(node.pid))
        return len(used) == used.maxlen and used[0] == used[-1]

    return rests


def test_a_client_that_does_not_read_is_paused(peopled: Node) -> None:
    """24 MB of answers nobody takes: little of it waits in memory, nothing is computed, others are served."""
    with peopled.local_administrator() as deaf, connect(peopled) as other:
        before = resident(peopled.pid)
        deaf.send(wire.search(base(peopled)))
        times = []
        for _ in range(200):
            began = time.perf_counter()
            assert root_dse(other, "supportedLDAPVersion").code == 0
            times.append(time.perf_counter() - began)
        assert resident(peopled.pid) - before < 6 * MEGABYTE
        assert percentile(times, 0.95) < 0.05
        assert until(comes_to_rest(peopled)), "it goes on computing what nobody takes"
        # When it reads at last, everything is there.
        count = 0
        while (received := deaf.receive())[1] == wire.ENTRY:
            count += 1
        assert wire.decode_result(received[1], received[2]).code == 0
        assert count == PEOPLE + 1


def test_long_searches_do_not_starve_short_ones(peopled: Node) -> None:
    with peopled.local_administrator() as long, ann(peopled) as short:
        for _ in range(10):
            long.send(wire.search(base(peopled), filter=SLOW, attributes=["1.1"], time_limit=2))
        times = []
        for n in range(150):
            began = time.perf_counter()
            uid = ("equal", "uid", b"p%d" % n)
            assert len(short.ask(wire.search(base(peopled), filter=uid)).entries) == 1
            times.append(time.perf_counter() - began)
        assert percentile(times, 0.95) < 0.05


def test_writers_do_not_starve_readers(peopled: Node) -> None:
    """Six connections write as fast as they can; who reads meanwhile hardly feels it."""
    place = f"ou=writes,{peopled.suffix}"
    with peopled.local_administrator() as connection:
        assert connection.ask(wire.add(place, unit("writes"))).code == 0
    over = threading.Event()
    written = [0] * 6

    def write(number: int) -> None:
        with peopled.local_administrator() as connection:
            for n in range(100_000):
                if over.is_set():
                    return
                name = f"uid=w{number}n{n},{place}"
                assert connection.ask(wire.add(name, person(f"w{number}n{n}"))).code == 0
                written[number] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    try:
        with ann(peopled) as reader:
            assert until(lambda: min(written) > 0)
            times = []
            for n in range(400):
                began = time.perf_counter()
                uid = ("equal", "uid", b"p%d" % n)
                assert len(reader.ask(wire.search(base(peopled), filter=uid)).entries) == 1
                times.append(time.perf_counter() - began)
            assert percentile(times, 0.95) < 0.05
            before = sum(written)
            assert until(lambda: sum(written) > before), "and the writers go on"
    finally:
        over.set()
        for thread in threads:
            thread.join(20)
