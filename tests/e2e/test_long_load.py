"""Writers, searchers, a reader by pages, one who hardly reads and a consumer of changes, all at once and for long.

Memory and file grow by no more than the data explains, nobody sees an error, and `check` finds nothing. `make soak`
does it for half an hour.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import ldap
import lmdb
import pytest

from node import Node, run_lightwave
from reference import wire
from serving import import_people, person, resident, signed_in
from syncing import Consumer

MEGABYTE = 1024 * 1024
PEOPLE = 2_000
PAGED = "1.2.840.113556.1.4.319"
PEOPLE_OF_PAGES = 100


@dataclass
class Load:
    """What the clients share."""

    node: Node
    stop: threading.Event = field(default_factory=threading.Event)
    done: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    @property
    def people(self) -> str:
        return f"ou=people,{self.node.suffix}"

    def connect(self) -> wire.Connection:
        return signed_in(self.node, self.node.administrator, self.node.password, timeout=60)

    def run(self, name: str, work: Callable[[Load, random.Random], int]) -> threading.Thread:
        """Repeats `work`, which says how much it did, until the end."""

        def repeat() -> None:
            chance = random.Random(name)
            try:
                while not self.stop.is_set():
                    self.done[name] = self.done.get(name, 0) + work(self, chance)
            except Exception as error:  # noqa: BLE001  the test names it
                self.errors.append(f"{name}: {error!r}")

        thread = threading.Thread(target=repeat, name=name)
        thread.start()
        return thread


def write(load: Load, chance: random.Random) -> int:
    """Modifies mostly; some entries are renamed, some come and go."""
    count = 0
    with load.connect() as connection:
        for _ in range(200):
            if load.stop.is_set():
                break
            name = f"uid=p{chance.randrange(PEOPLE)},{load.people}"
            turn = chance.random()
            if turn < 0.9:
                value = [b"changed %d" % chance.randrange(1_000_000)]
                answer = connection.ask(wire.modify(name, [(wire.REPLACE, "description", value)]))
                assert answer.code == 0, answer
            else:
                new = f"uid=t{threading.get_ident()}-{chance.randrange(50)},{load.people}"
                codes = [
                    connection.ask(wire.add(new, person("guest"))).code,
                    connection.ask(wire.modify_dn(new, "uid=moved" + str(threading.get_ident()), True)).code,
                    connection.ask(wire.delete(f"uid=moved{threading.get_ident()},{load.people}")).code,
                ]
                assert codes == [0, 0, 0], codes
            count += 1
    return count


def search(load: Load, chance: random.Random) -> int:
    """By an index, and without one."""
    with load.connect() as connection:
        for turn in range(200):
            if load.stop.is_set():
                break
            uid = b"p%d" % chance.randrange(PEOPLE)
            wanted = (
                ("equal", "uid", uid) if turn % 20 else ("substrings", "description", None, (b"7 ",), None)
            )
            answer = connection.ask(wire.search(load.people, filter=wanted))
            assert answer.code == 0, answer
            assert turn % 20 == 0 or len(answer.entries) == 1
    return turn


def read_pages(load: Load, chance: random.Random) -> int:
    """All people, page after page."""
    found, cookie = 0, b""
    with load.connect() as connection:
        while not load.stop.is_set():
            value = wire.sequence(wire.integer(PEOPLE_OF_PAGES), wire.text(cookie))
            answer = connection.ask(wire.search(load.people, wire.ONE), [wire.control(PAGED, True, value)])
            assert answer.code == 0, answer
            found += len(answer.entries)
            size_and_cookie = next(wire.elements(answer.controls[PAGED] or b""))[1]
            cookie = list(wire.elements(size_and_cookie))[1][1]
            if not cookie:
                assert found >= PEOPLE - 5
                break
    return 1


def read_slowly(load: Load, chance: random.Random) -> int:
    """Asks for everything and takes a little now and then."""
    with load.connect() as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.send(wire.search(load.people))
        for _ in range(100):
            if load.stop.wait(0.05):
                break
            assert connection.socket.recv(2048)
    return 1


def follow(load: Load, chance: random.Random) -> int:
    """Refreshes and follows; what it holds at the end is what is there."""
    consumer = Consumer(f"ldaps://localhost:{load.node.tls_port}", load.node.certificate_authority)
    consumer.simple_bind_s(load.node.administrator, load.node.password)
    try:
        number = consumer.start(load.people)
        while not load.stop.is_set():
            try:
                consumer.syncrepl_poll(number, timeout=0.5)
            except ldap.TIMEOUT:
                continue
        assert consumer.refreshed
        assert len(consumer.content) >= PEOPLE
    finally:
        consumer.unbind_s()
    return 1


def file_use(node: Node) -> tuple[int, int]:
    """(bytes that the store's file has ever needed, its entries)."""
    with lmdb.open(str(node.folder / "store"), max_dbs=32, readonly=True) as environment:
        entries = environment.open_db(b"entries", create=False)
        with environment.begin() as txn:
            return (environment.info()["last_pgno"] + 1) * 4096, txn.stat(entries)["entries"]


@pytest.mark.soak
def test_nothing_grows(promoted_node: Node, short_folder: Path, soaking: bool) -> None:
    node = promoted_node.copy(short_folder / "node")
    import_people(node, PEOPLE)
    node.start()
    load = Load(node)
    seconds = 1_800 if soaking else 6
    threads = [
        load.run(name, work)
        for name, work in (
            ("writer", write),
            ("second writer", write),
            ("searcher", search),
            ("reader of pages", read_pages),
            ("slow reader", read_slowly),
            ("consumer", follow),
        )
    ]
    try:
        began = time.monotonic()
        while time.monotonic() < began + seconds / 4 and not load.errors:
            time.sleep(0.1)
        memory, (file, entries) = resident(node.pid), file_use(node)
        while time.monotonic() < began + seconds and not load.errors:
            time.sleep(0.1)
        grown = resident(node.pid) - memory
        file_after, entries_after = file_use(node)
    finally:
        load.stop.set()
        for thread in threads:
            thread.join(60)
    assert not load.errors
    assert set(load.done) == {thread.name for thread in threads}, load.done
    assert grown < 24 * MEGABYTE, f"{grown / MEGABYTE:.1f} MiB in {seconds} s: {load.done}"
    # What was deleted stays as a tombstone, with its rows in four databases and half full pages.
    explained = (entries_after - entries) * 4_096 + 8 * MEGABYTE
    assert file_after - file < explained, (file, file_after, entries, entries_after)
    node.stop()
    run_lightwave(["check", "--data", node.folder])
