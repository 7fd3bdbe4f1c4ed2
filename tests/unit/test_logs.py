"""The log: a line a record, in both forms, and a reader that stalls stalls nobody."""

from __future__ import annotations

import io
import json
import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lightwave.directory.server.operation_log import Operation
from lightwave.server.logs import GATHERED, BufferedHandler, JSONFormatter, TextFormatter, formatter_of


def record(message: str, *arguments: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("lightwave.test", logging.WARNING, __file__, 1, message, arguments, None)
    made.created, made.msecs = 1_800_000_000.25, 250.0
    vars(made).update(more)
    return made


def failure() -> logging.LogRecord:
    try:
        raise ValueError("why")
    except ValueError as error:
        made = record("it failed")
        made.exc_info = (ValueError, error, error.__traceback__)
        return made


def test_a_line_for_people() -> None:
    line = TextFormatter().format(record("%d entries", 3, correlation="c1-2"))
    assert line.endswith(",250 WARNING lightwave.test: 3 entries (c1-2)")
    assert " [2] lightwave.test" in TextFormatter(2).format(record("x"))
    assert TextFormatter().format(failure()).splitlines()[-1] == "ValueError: why"


def test_an_object_for_machines() -> None:
    line = JSONFormatter(2).format(record("hello %s", "wörld", correlation="c1-2", fields={"entries": 3}))
    assert json.loads(line) == {
        "time": "2027-01-15T08:00:00.250Z",
        "level": "warning",
        "logger": "lightwave.test",
        "message": "hello wörld",
        "worker": 2,
        "correlation": "c1-2",
        "entries": 3,
    }
    failed = JSONFormatter().format(failure())
    assert "\n" not in failed
    assert json.loads(failed)["traceback"].endswith("ValueError: why")


@pytest.mark.parametrize("name", ["text", "json"])
def test_nobody_writes_a_line_of_his_own(name: str) -> None:
    hostile = "cn=x\n2026-01-01 00:00:00,000 INFO lightwave.ldap: forged\r\u2028\x1b[2J\u202e"
    line = formatter_of(name).format(record("%s", hostile))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


@contextmanager
def buffered(stream: object, most: int = 10_000) -> Iterator[BufferedHandler]:
    handler = BufferedHandler(stream, most)  # type: ignore[arg-type]
    handler.setFormatter(TextFormatter())
    yield handler
    handler.close()


def test_records_are_written_in_their_order() -> None:
    stream = io.StringIO()
    with buffered(stream) as handler:
        for number in range(500):
            handler.emit(record("number %d", number))
        handler.emit(failure())
    lines = stream.getvalue().splitlines()
    assert [line.rpartition(" ")[2] for line in lines[:500]] == [str(number) for number in range(500)]
    assert lines[-1] == "ValueError: why"


def test_what_waits_for_a_slow_reader_is_text() -> None:
    """A record of an operation holds the request, of up to 16 MB, until it is described."""
    writing, go_on = threading.Event(), threading.Event()
    described: list[int] = []

    class Slow(io.StringIO):
        def write(self, text: str, /) -> int:
            writing.set()
            go_on.wait(10)
            return super().write(text)

    class Message:
        def __init__(self, number: int) -> None:
            self.number = number

        def __str__(self) -> str:
            described.append(self.number)
            return "described"

    with buffered(Slow()) as handler:
        handler.emit(record("first"))
        assert writing.wait(10)
        for number in range(GATHERED + 50):
            made = record("")
            made.msg = Message(number)  # as the operation log does
            handler.emit(made)
        assert described == list(range(GATHERED, GATHERED + 50))
        go_on.set()


def test_an_operation_holds_its_request_no_longer_than_needed() -> None:
    class Large:
        """Stands for a request."""

    request = Large()
    gone = weakref.ref(request)

    def describe(about: Large = request) -> dict[str, object]:
        return {"connection": 1, "messageId": 2, "operation": "search"}

    operation = Operation(describe)
    del request, describe
    assert gone() is not None
    assert str(operation) == "c1-2 search"
    assert gone() is None
    assert operation["messageId"] == 2


def test_a_reader_that_stalls_stalls_nobody() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream, buffered(stream, most=2_000) as handler:
        began = time.monotonic()
        for _ in range(5_000):  # more than a pipe and the queue hold
            handler.emit(record("x" * 200))
        assert time.monotonic() - began < 1
        found = bytearray()
        with os.fdopen(reading, "rb", buffering=0) as reader:
            drain = threading.Thread(target=lambda: _drain(reader, found))
            drain.start()
            handler.close()
            stream.close()
            drain.join()
    assert b"records were lost" in found
    assert found.count(b"xxx: ") == 0
    assert found.count(b"\n") < 5_000


def _drain(reader: io.RawIOBase, found: bytearray) -> None:
    while chunk := reader.read(65_536):
        found += chunk


def test_a_record_that_can_not_be_formatted_is_named() -> None:
    stream = io.StringIO()
    with buffered(stream) as handler:
        handler.emit(record("%d", "no number"))
        handler.emit(record("the next"))
    assert "a record of lightwave.test can't be written: TypeError" in stream.getvalue()
    assert "the next" in stream.getvalue()
