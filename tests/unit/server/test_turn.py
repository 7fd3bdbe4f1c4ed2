"""A turn of the reactor: one snapshot, and answers that leave when it has ended."""

from __future__ import annotations

from typing import Any

import pytest

from lightwave.directory.server.turn import LONGEST, MOST, Turn


class Reads:
    """Stands in for the store and its schemas; writes down what happens."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.count = 0

    def read(self) -> Any:
        self.count += 1
        return Snapshot(self, self.count)

    @property
    def latest(self) -> str:
        return "schema"

    def current(self, txn: Snapshot) -> str:
        return f"schema {txn.number}"


class Snapshot:
    def __init__(self, reads: Reads, number: int) -> None:
        self.reads = reads
        self.number = number
        reads.seen.append(f"begin {number}")

    def close(self) -> None:
        self.reads.seen.append(f"end {self.number}")


class Client:
    """Stands in for a connection."""

    def __init__(self, reads: Reads, name: int, fails: bool = False) -> None:
        self.reads = reads
        self.number = name
        self.fails = fails
        self.transport = self

    def flush(self) -> None:
        self.reads.seen.append(f"answer {self.number}")
        if self.fails:
            raise ValueError

    def abortConnection(self) -> None:  # noqa: N802  Twisted's name
        self.reads.seen.append(f"abort {self.number}")


@pytest.fixture
def reads() -> Reads:
    return Reads()


def make(reads: Reads) -> Any:
    untyped: Any = Turn
    return untyped(reads, reads)


def serve(turn: Any, client: Client, now: float = 0.0) -> None:
    turn.snapshot(now)
    turn.gather(client)
    turn.settle()


def test_those_of_one_turn_share_a_snapshot_and_are_answered_after_it(reads: Reads) -> None:
    turn = make(reads)
    turn.running = True
    serve(turn, Client(reads, 1))
    assert turn.schema == "schema 1"
    serve(turn, Client(reads, 2))
    turn.running = False
    assert reads.seen == ["begin 1"]
    turn.end()
    assert reads.seen == ["begin 1", "end 1", "answer 1", "answer 2"]
    turn.end()
    assert len(reads.seen) == 4


def test_outside_of_a_turn_each_is_alone(reads: Reads) -> None:
    turn = make(reads)
    serve(turn, Client(reads, 1))
    serve(turn, Client(reads, 2))
    assert reads.seen == ["begin 1", "end 1", "answer 1", "begin 2", "end 2", "answer 2"]
    assert turn.txn is None


def test_nobody_waits_long(reads: Reads) -> None:
    turn = make(reads)
    turn.running = True
    serve(turn, Client(reads, 1))
    serve(turn, Client(reads, 2), LONGEST / 2)
    serve(turn, Client(reads, 3), LONGEST)
    assert reads.seen == ["begin 1", "end 1", "answer 1", "answer 2", "begin 2"]


def test_not_too_many_wait(reads: Reads) -> None:
    turn = make(reads)
    turn.running = True
    for number in range(MOST + 1):
        serve(turn, Client(reads, number))
    assert reads.seen.count("end 1") == 1
    assert sum(one.startswith("answer") for one in reads.seen) == MOST


def test_the_trouble_of_one_is_his_own(reads: Reads) -> None:
    turn = make(reads)
    turn.running = True
    serve(turn, Client(reads, 1, fails=True))
    serve(turn, Client(reads, 2))
    turn.end()
    assert reads.seen[1:] == ["end 1", "answer 1", "abort 1", "answer 2"]
