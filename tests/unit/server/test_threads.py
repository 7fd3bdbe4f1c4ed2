"""Threads for hashing: bounded, fair between peers, and asked again before they begin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.server import threads
from lightwave.server.threads import MOST_WAITING, OF_A_PEER, ComputationThreads


class Reactor:
    """Delivers when the test says so."""

    def callFromThread(self, call: Callable[..., None], *arguments: Any) -> None:  # noqa: N802  Twisted's name
        call(*arguments)


class Pool:
    """A pool whose threads run when the test says so."""

    def __init__(self, **_: object) -> None:
        self.calls: list[Callable[[], None]] = []

    def callInThread(self, call: Callable[..., None], *arguments: Any) -> None:  # noqa: N802  Twisted's name
        self.calls.append(lambda: call(*arguments))

    def finish(self) -> None:
        self.calls.pop(0)()


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    made = Pool()
    monkeypatch.setattr(threads, "ThreadPool", lambda **_: made)
    return made


def test_peers_take_turns(pool: Pool) -> None:
    computing = ComputationThreads(Reactor(), 1)  # type: ignore[arg-type]
    order: list[Any] = []
    for peer in ("192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3", "192.0.2.2:1", "192.0.2.3:1", "192.0.2.2:2"):
        computing.run(lambda peer=peer: peer, order.append, peer)  # type: ignore[misc]
    assert computing.under_way == 6
    while pool.calls:
        assert len(pool.calls) == 1
        pool.finish()
    assert order == ["192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1", "192.0.2.3:1", "192.0.2.1:3", "192.0.2.2:2"]
    assert (computing.under_way, computing.finished, computing.refused) == (0, 6, 0)


def test_one_peer_fills_its_own_part_and_all_of_them_the_whole(pool: Pool) -> None:
    computing = ComputationThreads(Reactor(), 2)  # type: ignore[arg-type]
    heard: list[Any] = []
    for _ in range(500):
        computing.run(lambda: None, heard.append, "192.0.2.1:1")
    assert computing.under_way == 2 + OF_A_PEER
    assert len(heard) == 500 - 2 - OF_A_PEER
    assert all(isinstance(one, DirectoryError) and one.code is ResultCode.BUSY for one in heard)
    heard.clear()
    computing.run(lambda: "served", heard.append, "192.0.2.2:1")
    assert heard == []
    pool.finish()
    pool.finish()
    pool.finish()
    pool.finish()
    assert "served" in heard
    for number in range(1_000):
        computing.run(lambda: None, heard.append, f"198.51.100.{number % 250}:1")
    assert computing.under_way == 2 + MOST_WAITING


def test_what_is_not_admitted_any_more_costs_no_thread(pool: Pool) -> None:
    computing = ComputationThreads(Reactor(), 1)  # type: ignore[arg-type]
    heard: list[Any] = []

    def refuse() -> None:
        raise PermissionError

    computing.run(lambda: "first", heard.append)
    computing.run(lambda: "never", heard.append, "", refuse)
    computing.run(lambda: "last", heard.append)
    pool.finish()
    pool.finish()
    assert pool.calls == []
    assert (heard[0], type(heard[1]), heard[2]) == ("first", PermissionError, "last")
    assert computing.under_way == 0


def test_a_caller_that_fails_keeps_nobody_waiting(pool: Pool) -> None:
    computing = ComputationThreads(Reactor(), 1)  # type: ignore[arg-type]
    heard: list[Any] = []

    def broken(result: Any) -> None:
        raise RuntimeError

    computing.run(lambda: None, broken)
    computing.run(lambda: "next", heard.append)
    with pytest.raises(RuntimeError):
        pool.finish()
    pool.finish()
    assert heard == ["next"]
