"""SIGTERM over HTTP: what was asked is answered, idle connections end, nobody new is taken."""

from __future__ import annotations

import http.client
import threading
import time

import pytest

from http_client import LDAP, Answer, ask, http_connection, person
from node import Node
from serving import log_text


def test_idle_connections_end(node: Node) -> None:
    kinds = [http_connection(node, over) for over in ("clear", "tls", "local")]
    for connection in kinds:
        assert ask(connection, "GET", "/ready").status == 200
    began = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - began < 5
    for connection in kinds:
        with pytest.raises((http.client.HTTPException, OSError)):
            ask(connection, "GET", "/ready")
    assert "Traceback" not in log_text(node)


def test_what_was_asked_is_answered(node: Node) -> None:
    """Many clients write while the server is told to go: each gets an answer or the end of his connection, and what
    was answered with success is there afterwards.
    """
    answered: list[Answer] = []

    def write(number: int) -> None:
        connection = http_connection(node, "local")
        try:
            for count in range(2_000):
                answer = ask(connection, "PUT", LDAP, person(node, f"d{number}-{count}"))
                answered.append(answer)
                if answer.headers.get("connection") == "close":
                    return
        except (http.client.HTTPException, OSError):
            return

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for one in writers:
        one.start()
    while len(answered) < 30:
        time.sleep(0.01)
    assert node.stop() == 0
    for one in writers:
        one.join(20)
    assert {one.status for one in answered} == {201}
    assert "Traceback" not in log_text(node)
    node.start()
    connection = http_connection(node, "local")
    for written in answered:
        assert ask(connection, "GET", written.headers["location"]).status == 200
    connection.close()
