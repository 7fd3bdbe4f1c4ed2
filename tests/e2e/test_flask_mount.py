"""A Flask below a path of the web listener: in threads, beside routes that are none of its."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("flask_server.py")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[1])}
    with subprocess.Popen([sys.executable, str(PROGRAM)], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.terminate()
        assert process.wait(20) == 0


def ask(port: int, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET" if body is None else "POST", path, body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def test_views_run_in_threads(port: int) -> None:
    answers: list[tuple[int, bytes]] = []
    first = threading.Thread(target=lambda: answers.append(ask(port, "/pages/together")))
    first.start()
    assert ask(port, "/plain") == (200, b"/plain")  # while a view waits
    answers.append(ask(port, "/pages/together"))
    first.join(20)
    assert [status for status, _ in answers] == [200, 200]
    assert len({name for _, name in answers}) == 2


def test_content(port: int) -> None:
    data = os.urandom(300_000)
    assert ask(port, "/pages/large", data) == (200, data * 10)
    assert ask(port, "/pages/large", bytes((1 << 20) + 1))[0] == 413


def test_a_view_that_fails(port: int) -> None:
    status, content = ask(port, "/pages/broken")
    assert status == 500
    assert b"nobody" not in content
    assert ask(port, "/pages/none")[0] == 404
