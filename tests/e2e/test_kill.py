"""kill -9 at random moments under write load: every acknowledged write is there, and `check` finds nothing."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

import pytest

from node import Node, run_lightwave
from reference import wire

WRITERS = 4
NAMES = 12


@dataclass(slots=True)
class Writer:
    """One connection that writes below a unit of its own and remembers what was acknowledged.

    certain: description of each person by uid, None for nobody. pending: the one write without an answer, which
    may or may not have happened.
    """

    unit: str
    chance: random.Random
    certain: dict[str, bytes | None] = field(default_factory=dict)
    pending: tuple[str, bytes | None] | None = None
    count: int = 0
    error: str = ""

    def run(self, connection: wire.Connection, until: threading.Event) -> None:
        try:
            while not until.is_set():
                self._write(connection)
        except (wire.ServerClosed, OSError):
            pass  # killed, as intended
        finally:
            connection.close()

    def _write(self, connection: wire.Connection) -> None:
        uid = f"p{self.chance.randrange(NAMES)}"
        name = f"uid={uid},{self.unit}"
        self.count += 1
        value = f"write {self.count}".encode()
        if self.certain.get(uid) is None:
            content = [
                ("objectClass", [b"inetOrgPerson"]),
                ("cn", [b"x"]),
                ("sn", [b"x"]),
                ("uid", [uid.encode()]),
            ]
            operation = wire.add(name, [*content, ("description", [value])])
        elif self.chance.random() < 0.25:
            operation, value = wire.delete(name), b""
        else:
            operation = wire.modify(name, [(wire.REPLACE, "description", [value])])
        after = value or None
        self.pending = (uid, after)
        answer = connection.ask(operation)
        if answer.code:
            self.error = f"{answer.code} {answer.diagnostic}"
            return
        self.certain[uid], self.pending = after, None

    def settle(self, connection: wire.Connection) -> list[str]:
        """Compares with what is there now; afterwards that is what is certain."""
        found = connection.ask(wire.search(self.unit, wire.ONE, attributes=["uid", "description"]))
        assert found.code == 0, found
        there = {one["uid"][0].decode(): one["description"][0] for _, one in found.entries}
        lost = []
        for uid in {*there, *self.certain}:
            allowed = [self.certain.get(uid)]
            if self.pending and self.pending[0] == uid:
                allowed.append(self.pending[1])
            if there.get(uid) not in allowed:
                lost.append(f"{uid},{self.unit}: {there.get(uid)!r} and not one of {allowed}")
        self.certain = dict.fromkeys(self.certain, None) | there
        self.pending = None
        return lost


def write_until_killed(node: Node, writers: list[Writer], moment: float) -> None:
    """All writers write at once until, after `moment` seconds, the server is killed."""
    over = threading.Event()
    connections = [node.local_administrator() for _ in writers]
    threads = [
        threading.Thread(target=writer.run, args=(connection, over))
        for writer, connection in zip(writers, connections, strict=True)
    ]
    for thread in threads:
        thread.start()
    time.sleep(moment)
    node.kill()
    over.set()
    for thread in threads:
        thread.join(30)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_nothing_acknowledged_is_lost(node: Node, soaking: bool) -> None:
    chance = random.Random(20)
    rounds = 200 if soaking else 20
    writers = [Writer(f"ou=writer{n},{node.suffix}", random.Random(n)) for n in range(WRITERS)]
    with node.local_administrator() as connection:
        for n, writer in enumerate(writers):
            unit = [("objectClass", [b"organizationalUnit"]), ("ou", [f"writer{n}".encode()])]
            assert connection.ask(wire.add(writer.unit, unit)).code == 0
    for turn in range(rounds):
        write_until_killed(node, writers, chance.uniform(0.02, 0.3))
        node.start()
        with node.local_administrator() as connection:
            lost = [line for writer in writers for line in writer.settle(connection)]
        assert lost == [], f"after kill {turn + 1}"
        assert [writer.error for writer in writers if writer.error] == []
        if turn % 10 == 9:
            node.stop()
            run_lightwave(["check", "--data", node.folder])
            node.start()
    assert sum(writer.count for writer in writers) > rounds, "hardly anything was written"
