"""SIGTERM: a notice for each client, an end for what is being written, exit code 0."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack

import pytest

from node import LIGHTWAVE, Node
from reference import wire
from serving import connect, connect_tls, import_people, log_text, person, root_dse, unit, until

UNAVAILABLE = 52


def notice(connection: wire.Connection) -> wire.Answer:
    """The Notice of Disconnection, after whatever else came."""
    while True:
        message_id, tag, content, _ = connection.receive()
        if message_id == 0:
            return wire.decode_result(tag, content)


def test_every_client_gets_a_notice(node: Node) -> None:
    with ExitStack() as stack:
        kinds = [connect(node), connect_tls(node), node.local_administrator()]
        clients = [stack.enter_context(one) for one in kinds]
        began = time.monotonic()
        node.process.terminate() if node.process else None
        for client in clients:
            answer = notice(client)
            assert answer.code == UNAVAILABLE
            assert answer.extended_name == b"1.3.6.1.4.1.1466.20036"
            with pytest.raises(wire.ServerClosed, match="end of the connection"):
                client.receive()
            client.close()
        assert node.stop() == 0
        assert time.monotonic() - began < 5
    assert "Traceback" not in log_text(node)


def test_interrupt_ends_it_alike(node: Node) -> None:
    assert node.process is not None
    with connect(node) as client:
        node.process.send_signal(signal.SIGINT)
        assert notice(client).code == UNAVAILABLE
    assert node.stop() == 0


def test_what_is_being_written_is_finished(node: Node) -> None:
    """Of many writes sent just before SIGTERM each that is answered with success is there afterwards."""
    base = f"ou=drain,{node.suffix}"
    with node.local_administrator() as connection:
        assert connection.ask(wire.add(base, unit("drain"))).code == 0
    clients = [node.local_administrator() for _ in range(3)]
    added: list[str] = []
    noticed = []

    def write(number: int, client: wire.Connection) -> None:
        names = [f"c{number}n{n}" for n in range(60)]
        for name in names:
            client.send(wire.add(f"uid={name},{base}", person(name)))
        try:
            while True:
                message_id, tag, content, _ = client.receive()
                answer = wire.decode_result(tag, content)
                if message_id == 0:
                    noticed.append(answer.code)
                elif answer.code == 0:
                    added.append(names[message_id - 2])  # the first request was the bind
        except wire.ServerClosed:
            return

    threads = [threading.Thread(target=write, args=pair) for pair in enumerate(clients)]
    for thread in threads:
        thread.start()
    assert until(lambda: len(added) > 5)
    assert node.process is not None
    node.process.terminate()
    for thread in threads:
        thread.join(20)
    for client in clients:
        client.close()
    assert node.stop() == 0
    assert noticed == [UNAVAILABLE] * 3
    node.start()
    with node.local_administrator() as connection:
        found = connection.ask(wire.search(base, wire.ONE, attributes=["uid"]))
        there = {attributes["uid"][0].decode() for _, attributes in found.entries}
    assert set(added) <= there
    # and what was begun was answered: nothing more is there than what was acknowledged
    assert there == set(added)
    assert "Traceback" not in log_text(node)


def test_a_client_that_does_not_read_does_not_hold_it_up_for_long(promoted_node: Node, node: Node) -> None:
    node.stop()
    import_people(node, 3_000, size=2_000)
    node.start()
    with node.local_administrator() as deaf, connect(node) as client:
        deaf.send(wire.search(node.suffix))
        assert root_dse(client).code == 0
        assert node.process is not None
        began = time.monotonic()
        node.process.terminate()
        assert notice(client).code == UNAVAILABLE
        client.close()
        assert node.stop() == 0
        assert time.monotonic() - began < 15
    node.start()
    with connect(node) as client:
        assert root_dse(client).code == 0


def test_while_it_drains_nobody_new_is_taken(node: Node) -> None:
    node.process.terminate() if node.process else None
    assert until(lambda: refused(node))
    assert node.stop() == 0


def refused(node: Node) -> bool:
    try:
        socket.create_connection(("127.0.0.1", node.port), timeout=1).close()
    except OSError:
        return True
    return False


def test_clients_that_go_during_a_write_leave_no_error(node: Node) -> None:
    """The write is done, its answer finds nobody, and that is no error."""
    for n in range(30):
        connection = node.local_administrator()
        connection.send(wire.add(f"uid=gone{n},{node.suffix}", person(f"gone{n}")))
        connection.close()
    with node.local_administrator() as connection:
        assert until(
            lambda: len(connection.ask(wire.search(node.suffix, wire.ONE, ("present", "uid"))).entries) == 30
        )
    assert "Traceback" not in log_text(node)
    assert "Error" not in log_text(node)


def test_a_second_server_on_the_same_folder_is_refused(node: Node) -> None:
    done = subprocess.run(
        [str(LIGHTWAVE), "serve", "--data", str(node.folder)], capture_output=True, timeout=30, check=False
    )
    assert done.returncode not in (0, -signal.SIGKILL)
    assert b"served already" in done.stderr
    assert b"Traceback" not in done.stderr
    with connect(node) as connection:
        assert root_dse(connection).code == 0
    with node.local_administrator() as connection:
        assert root_dse(connection).code == 0
