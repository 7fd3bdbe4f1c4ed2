"""What several serving processes are made of: notifications, the board, the upkeep lock, numbers of connections."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightwave.server.board import Board, State, WorkerFacts
from lightwave.server.systemd import Notifier
from lightwave.server.worker import ALONE, Heart, UpkeepLock, Worker


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def manager(short_folder: Path) -> Iterator[tuple[socket.socket, str]]:
    """A service manager's socket, and its address as NOTIFY_SOCKET says it."""
    path = str(short_folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        listening.setblocking(False)
        yield listening, path


def heard(listening: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(listening.recv(1_000).decode())
        except BlockingIOError:
            return found


def test_the_service_manager_hears_of_the_life_of_a_node(manager: tuple[socket.socket, str]) -> None:
    listening, path = manager
    clock = Clock()
    environment = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "7"}
    notifier = Notifier(environment, clock, 7)
    assert (notifier.watchdog, notifier.interval) == (10.0, 5.0)
    notifier.ready()
    for _ in range(12):  # a second each: one at the beginning, then one in five
        notifier.alive()
        clock.now += 1.0
    notifier.stopping()
    said = heard(listening)
    assert said[0].splitlines()[0] == "READY=1"
    assert said[1:-1] == ["WATCHDOG=1"] * 3
    assert said[-1].splitlines()[0] == "STOPPING=1"


def test_a_name_in_the_abstract_namespace() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0lightwave-test-notify")
        listening.setblocking(False)
        Notifier({"NOTIFY_SOCKET": "@lightwave-test-notify"}, Clock(), 1).ready()
        assert len(heard(listening)) == 1


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "1000"},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "vsock:2:1"},
        {"NOTIFY_SOCKET": "/nowhere/at/all"},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "x"},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "-5"},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "5", "WATCHDOG_PID": "8"},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "5", "WATCHDOG_PID": "x"},
    ],
)
def test_nobody_asked_or_asked_for_something_else(environment: dict[str, str]) -> None:
    notifier = Notifier(environment, Clock(), 7)
    assert notifier.watchdog == 0
    notifier.ready()
    notifier.alive()
    notifier.stopping()


def test_the_board_keeps_a_slot_for_each() -> None:
    board = Board(3)
    facts = WorkerFacts(2, 4711, State.READY, 5, 6, 1, 1_800_000_000.5, 12.5)
    board.put(facts)
    assert board.all() == [board.get(1), facts, board.get(3)]
    assert board.get(3).state is State.ABSENT


def heart(board: Board, number: int, counts: list[int], clock: Clock) -> Heart:
    made = Heart(Worker(number, 2, board=board), lambda: (counts[0], 0), clock, lambda seconds, call: None)
    made.tell(State.READY)
    return made


def test_who_has_more_clients_lets_the_other_go_first() -> None:
    clock, board = Clock(), Board(2)
    mine, others = [0], [0]
    first, second = heart(board, 1, mine, clock), heart(board, 2, others, clock)
    assert not first.is_ahead()
    mine[0] = 1
    first.took_one()
    assert first.is_ahead()
    assert not second.is_ahead()
    others[0] = 1
    second.took_one()
    assert not first.is_ahead()
    mine[0] = 2
    assert first.is_ahead()
    clock.now += 60  # the other shows no sign of life: it is not waited for
    assert not first.is_ahead()
    second.tell(State.DRAINING)
    assert not first.is_ahead()
    alone = Heart(ALONE, lambda: (5, 5), clock, lambda seconds, call: None)
    alone.beat()
    assert not alone.is_ahead()


def test_one_process_does_the_background_work_until_it_ends(tmp_path: Path) -> None:
    first, second = (UpkeepLock(tmp_path, Worker(number, 2)) for number in (1, 2))
    assert first.is_held()
    assert first.is_held()
    assert not second.is_held()
    first.release()
    assert second.is_held()
    assert not first.is_held()
    second.release()
    assert UpkeepLock(tmp_path, ALONE).is_held()


def test_connections_of_different_processes_have_different_numbers() -> None:
    seen: set[int] = set()
    for count, worker in ((2, 1), (2, 2)):
        for restarts in (0, 1):
            serial = Worker(worker, count, restarts).first_serial
            numbers = {serial + count * (at + 1) for at in range(1_000)}
            assert min(numbers) > 0
            assert not numbers & seen
            seen |= numbers
    assert ALONE.first_serial == 0
