"""Several serving processes over one store: each sees what another did, and the loss of one costs nobody else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lightwave.server.configuration import ConfigurationError, load_configuration
from node import LIGHTWAVE, Node, run_lightwave
from reference import wire
from serving import PASSWORD, add_user, change_settings, connect_tls, log_text, person, root_dse, until

INVALID_CREDENTIALS, SIZE_LIMIT_EXCEEDED = 49, 4


@pytest.fixture(scope="module")
def node(promoted_node: Node) -> Iterator[Node]:
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    made = promoted_node.copy(folder / "node")
    made.start("--workers", "2")
    yield made
    assert made.stop() == 0
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own(promoted_node: Node, short_folder: Path) -> Iterator[Node]:
    """A node of this test's own, with two processes by its lightwave.toml."""
    made = promoted_node.copy(short_folder / "node")
    settings = made.folder / "lightwave.toml"
    settings.write_text(settings.read_text() + "workers = 2\n")
    made.start()
    yield made
    made.stop()


def processes(node: Node) -> list[dict[str, Any]]:
    """What the node says of them over its local socket."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(10)
        asking.connect(str(node.folder / "http"))
        asking.sendall(b"GET /v1/node HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while part := asking.recv(65_536):
            answer += part
    found: list[dict[str, Any]] = json.loads(answer.partition(b"\r\n\r\n")[2])["processes"]
    return found


def clients(node: Node) -> list[int]:
    return [one["ldapConnections"] for one in processes(node)]


class Pair:
    """A connection to each of the two processes: as many are opened as that takes."""

    def __init__(self, node: Node, connect: Callable[[Node], wire.Connection] = connect_tls) -> None:
        assert until(lambda: clients(node) == [0, 0]), clients(node)
        self._by_process: dict[int, wire.Connection] = {}
        self._all: list[wire.Connection] = []
        while len(self._by_process) < 2:
            before = clients(node)
            assert len(self._all) < 20, before
            one = connect(node)
            root_dse(one)
            self._all.append(one)
            assert until(lambda: sum(clients(node)) == len(self._all))
            changed = [new - old for old, new in zip(before, clients(node), strict=True)].index(1)
            self._by_process.setdefault(changed, one)

    def __enter__(self) -> tuple[wire.Connection, wire.Connection]:
        """Of the first process, and of the second."""
        return self._by_process[0], self._by_process[1]

    def __exit__(self, *_: object) -> None:
        for one in self._all:
            one.close()


def local(node: Node) -> wire.Connection:
    return node.local_administrator()


def ok(answer: wire.Answer) -> wire.Answer:
    assert answer.code == 0, answer
    return answer


def test_clients_are_shared_evenly_and_status_shows_it(node: Node) -> None:
    several = [connect_tls(node) for _ in range(12)]
    for one in several:
        root_dse(one)
    assert until(lambda: sum(clients(node)) == 12)
    assert min(clients(node)) >= 4, clients(node)
    for one in several:
        one.close()
    shown = run_lightwave(["status", "--data", node.folder])
    assert "1: ready, pid" in shown
    assert "2: ready, pid" in shown


def test_a_password_change_is_seen_by_the_other_at_its_next_operation(node: Node) -> None:
    ann = add_user(node, "ann")
    with Pair(node) as (first, second), local(node) as administrator:
        for one in (first, second):
            ok(one.ask(wire.bind(ann, PASSWORD)))
            ok(one.ask(wire.search(ann, wire.BASE)))
        ok(administrator.ask(wire.modify(ann, [(wire.REPLACE, "userPassword", [b"quite another one"])])))
        for one in (first, second):
            with pytest.raises(wire.ServerClosed):
                assert one.ask(wire.search(ann, wire.BASE)).code != 0
    with Pair(node) as pair:
        for one in pair:
            assert one.ask(wire.bind(ann, PASSWORD)).code == INVALID_CREDENTIALS
            ok(one.ask(wire.bind(ann, "quite another one")))


def test_a_disabled_account_is_out_everywhere(node: Node) -> None:
    eve = add_user(node, "eve")
    with Pair(node) as (first, second), local(node) as administrator:
        for one in (first, second):
            ok(one.ask(wire.bind(eve, PASSWORD)))
        lock = [(wire.ADD, "objectClass", [b"extensibleObject"]), (wire.ADD, "nsAccountLock", [b"TRUE"])]
        answer = administrator.ask(wire.modify(eve, lock[1:]))
        if answer.code:
            lock = [(wire.ADD, "pwdAccountLockedTime", [b"000001010000Z"])]
            ok(administrator.ask(wire.modify(eve, lock)))
        for one in (first, second):
            with pytest.raises(wire.ServerClosed):
                assert one.ask(wire.search(eve, wire.BASE)).code != 0


def test_settings_schema_and_entries_of_one_hold_in_the_other(node: Node) -> None:
    with Pair(node, local) as (first, second):
        definition = b"( 1.3.6.1.4.1.4203.666.1.77 NAME 'seenByBoth' SUP name )"
        change = [(wire.ADD, "attributeTypes", [definition])]
        ok(first.ask(wire.modify("cn=aggregate,cn=schemacontext", change)))
        box = f"cn=box,{node.suffix}"
        values = [("objectClass", [b"device", b"extensibleObject"]), ("seenByBoth", [b"x"])]
        answer = second.ask(wire.add(box, values))
        assert answer.code in (0, 65), answer  # known as an attribute, whether the class allows it or not
        if answer.code:
            ok(second.ask(wire.add(box, [("objectClass", [b"device"])])))
        for value in (b"one", b"two"):
            ok(first.ask(wire.modify(box, [(wire.REPLACE, "description", [value])])))
            ((_, found),) = ok(second.ask(wire.search(box, wire.BASE))).entries
            assert found["description"] == [value]
            first, second = second, first
    sue = add_user(node, "sue")
    with Pair(node) as pair:
        for limit, code in ((100, 0), (1, SIZE_LIMIT_EXCEEDED), (100, 0)):
            change_settings(node, lwSizeLimit=limit)
            for one in pair:
                ok(one.ask(wire.bind(sue, PASSWORD)))
                assert one.ask(wire.search(node.suffix)).code == code


def test_an_index_made_through_one_is_used_by_the_other(node: Node) -> None:
    with Pair(node, local) as (first, second):
        for number in range(5):
            name = f"uid=numbered{number},{node.suffix}"
            values = [*person(f"numbered{number}"), ("employeeNumber", [str(number).encode()])]
            ok(first.ask(wire.add(name, values)))
        index = [("objectClass", [b"lwIndex"]), ("lwIndexKind", [b"equality"])]
        ok(first.ask(wire.add("cn=employeeNumber,cn=indices,cn=config", index)))

        def plan() -> str:
            sought = ("equal", "employeeNumber", b"3")
            assert len(ok(second.ask(wire.search(node.suffix, filter=sought))).entries) == 1
            return log_text(node).rpartition("(employeeNumber=3)")[2]

        change_settings(node, lwOperationLog="all")
        assert until(lambda: "index equality employeeNumber" in plan())
        change_settings(node, lwOperationLog="off")


def _write_entries(
    node: Node, mark: str, stop: threading.Event, done: list[str], connection: wire.Connection
) -> None:
    """Adds entries until it is told to stop or its process dies; `done` lists what was acknowledged."""
    number = 0
    try:
        while not stop.is_set():
            name = f"uid={mark}{number},{node.suffix}"
            if connection.ask(wire.add(name, person(f"{mark}{number}"))).code == 0:
                done.append(name)
            number += 1
    except (wire.ServerClosed, OSError):
        pass


def _writing(
    node: Node, connections: Sequence[wire.Connection]
) -> tuple[threading.Event, list[list[str]], list[threading.Thread]]:
    stop = threading.Event()
    done: list[list[str]] = [[] for _ in connections]
    threads = [
        threading.Thread(target=_write_entries, args=(node, f"w{at}-", stop, done[at], connection))
        for at, connection in enumerate(connections)
    ]
    for thread in threads:
        thread.start()
    return stop, done, threads


def test_both_write_at_once_and_neither_starves(own: Node) -> None:
    with Pair(own, local) as pair:
        stop, done, threads = _writing(own, pair)
        assert until(lambda: min(map(len, done)) >= 50)
        stop.set()
        for thread in threads:
            thread.join()
        counts = sorted(map(len, done))
        assert counts[0] * 8 > counts[1], counts
    assert own.stop() == 0
    run_lightwave(["check", "--data", own.folder])


def test_a_process_that_is_killed_is_replaced_and_the_others_go_on(own: Node) -> None:
    before = processes(own)
    with Pair(own, local) as pair:
        stop, done, threads = _writing(own, pair)
        assert until(lambda: min(map(len, done)) >= 20)
        os.kill(before[0]["pid"], signal.SIGKILL)
        assert until(lambda: sum(thread.is_alive() for thread in threads) == 1)
        alive = [thread.is_alive() for thread in threads].index(True)
        reached = len(done[alive])
        assert until(lambda: len(done[alive]) >= reached + 20)
        assert until(lambda: processes(own)[0]["state"] == "ready")
        stop.set()
        for thread in threads:
            thread.join()
    after = processes(own)
    assert [after[1][name] for name in ("pid", "since", "restarts")] == [
        before[1][name] for name in ("pid", "since", "restarts")
    ]
    assert after[0]["pid"] != before[0]["pid"]
    assert after[0]["restarts"] == 1
    with Pair(own, local) as pair:
        for connection in pair:
            for name in (*done[0][-20:], *done[1][-20:]):
                ok(connection.ask(wire.search(name, wire.BASE)))
    assert own.stop() == 0
    run_lightwave(["check", "--data", own.folder])


def test_the_end_of_the_parent_ends_the_others(own: Node) -> None:
    children = [one["pid"] for one in processes(own)]
    own.kill()
    assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))
    again = subprocess.run(
        [str(LIGHTWAVE), "check", "--data", str(own.folder)], capture_output=True, check=False, timeout=60
    )
    assert again.returncode == 0


def test_all_drain_on_sigterm(own: Node) -> None:
    with Pair(own, local) as pair:
        began = time.monotonic()
        assert own.stop() == 0
        assert time.monotonic() - began < 5
        for connection in pair:
            message_id, tag, _, _ = connection.receive()
            assert (message_id, tag) == (0, 0x78)  # Notice of Disconnection
    assert not (own.folder / "ldapi").exists()


def test_a_second_server_is_refused(node: Node) -> None:
    second = subprocess.run(
        [str(LIGHTWAVE), "serve", "--data", str(node.folder), "--workers", "2"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert second.returncode == 1
    assert b"is being served already" in second.stderr
    assert root_dse(connect_tls(node)).code == 0


def test_a_node_that_can_not_start_says_so_and_ends(promoted_node: Node, short_folder: Path) -> None:
    broken = promoted_node.copy(short_folder / "node")
    (broken.folder / "node.key").write_text("no key")
    done = subprocess.run(
        [str(LIGHTWAVE), "serve", "--data", str(broken.folder), "--workers", "2"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert b"the node did not start" in done.stderr


@pytest.mark.parametrize("value", ["0", "65", '"2"', "true", "-1", "1.5"])
def test_a_number_of_processes_that_makes_no_sense(
    promoted_node: Node, short_folder: Path, value: str
) -> None:
    text = (promoted_node.folder / "lightwave.toml").read_text()
    (short_folder / "lightwave.toml").write_text(f"{text}workers = {value}\n")
    with pytest.raises(ConfigurationError, match="workers"):
        load_configuration(short_folder)


def test_metrics_say_of_which_process_they_are(node: Node) -> None:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(node.folder / "http"))
        asking.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while part := asking.recv(65_536):
            answer += part
    series = [line for line in answer.partition(b"\r\n\r\n")[2].splitlines() if not line.startswith(b"#")]
    assert len(series) > 10
    assert all(b'process="1"' in line or b'process="2"' in line for line in series)


def test_the_service_manager_is_told(promoted_node: Node, short_folder: Path) -> None:
    made = promoted_node.copy(short_folder / "node")
    for options in ([], ["--workers", "2"]):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            path = short_folder / f"notify{len(options)}"
            manager.bind(str(path))
            manager.settimeout(20)
            made.start(*options, NOTIFY_SOCKET=str(path), WATCHDOG_USEC="200000")
            heard = iter(lambda: manager.recv(1_000).decode().splitlines()[0], "STOPPING=1")
            assert "READY=1" in heard
            assert "WATCHDOG=1" in heard
            assert made.stop() == 0
            assert set(heard) <= {"WATCHDOG=1"}


def test_a_process_that_hangs_is_killed_and_replaced(promoted_node: Node, short_folder: Path) -> None:
    made = promoted_node.copy(short_folder / "node")
    code = (
        "import sys, lightwave.server.supervisor as supervisor, lightwave.cli.main as main\n"
        "supervisor.HANGING_SECONDS = 2.0\n"
        f"sys.argv = ['lightwave', 'serve', '--data', {str(made.folder)!r}, '--workers', '2']\n"
        "main.main()\n"
    )
    with (short_folder / "log").open("wb") as log:
        parent = subprocess.Popen([sys.executable, "-c", code], stderr=log)
    try:
        assert until(lambda: "ready" in (short_folder / "log").read_text(), 30)
        before = processes(made)
        os.kill(before[1]["pid"], signal.SIGSTOP)
        assert until(lambda: "hangs: it is killed" in (short_folder / "log").read_text(), 20)
        assert until(lambda: processes(made)[1]["restarts"] == 1, 20)
        assert processes(made)[0]["pid"] == before[0]["pid"]
    finally:
        parent.terminate()
        assert parent.wait(30) == 0


def test_a_port_that_is_taken(node: Node, promoted_node: Node, short_folder: Path) -> None:
    other = promoted_node.copy(short_folder / "node")
    settings = other.folder / "lightwave.toml"
    taken = settings.read_text().replace(str(other.port_offset), str(node.port_offset))
    settings.write_text(taken)
    done = subprocess.run(
        [str(LIGHTWAVE), "serve", "--data", str(other.folder), "--workers", "2"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert b"can't listen" in done.stderr
    assert b"--port-offset" in done.stderr
