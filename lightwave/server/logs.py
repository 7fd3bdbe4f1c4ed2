"""The log: one line a record on standard error, for people or, as JSON, for machines.

Records are written by a thread of their own, so that a reader of the log that stalls (a full pipe, a slow disk) does
not hold the reactor. What waits is bounded: beyond that, records are lost, counted, and the count is logged. Nothing
is rotated here: what reads standard error (systemd's journal, a container's runtime) does that.

Text from clients may stand in messages; control characters are escaped, so that nobody writes lines of his own.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import re
import sys
import threading
import time
from typing import Any, TextIO

MOST_WAITING = 10_000
"""records that wait to be written"""
GATHERED = 200
"""records in one write"""
CLOSING_SECONDS = 2.0
FORMATS = ("text", "json")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


class TextFormatter(logging.Formatter):
    """`time LEVEL module: message`; tracebacks follow on lines of their own. worker: 0 where there is one process."""

    def __init__(self, worker: int = 0) -> None:
        super().__init__()
        self._worker = f" [{worker}]" if worker else ""
        self._second = (0, "")

    def format(self, record: logging.LogRecord) -> str:
        """One record without its line end."""
        second = int(record.created)
        if second != self._second[0]:
            self._second = (second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second)))
        at = self._second[1]
        head = f"{at},{int(record.msecs):03d} {record.levelname:<7}{self._worker} {record.name}"
        correlation = getattr(record, "correlation", "")
        named = f" ({correlation})" if correlation else ""
        line = f"{head}: {_escaped(record.getMessage())}{named}"
        trace = _traceback(self, record)
        return f"{line}\n{trace}" if trace else line


class JSONFormatter(logging.Formatter):
    """One object a line: time (UTC), level, logger, message, and what else the record carries."""

    def __init__(self, worker: int = 0) -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        """One record without its line end."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        content: dict[str, Any] = {
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if self._worker:
            content["worker"] = self._worker
        correlation = getattr(record, "correlation", "")
        if correlation:
            content["correlation"] = correlation
        content.update(getattr(record, "fields", {}))
        trace = _traceback(self, record)
        if trace:
            content["traceback"] = trace
        return _escaped(json.dumps(content, ensure_ascii=False, default=str))


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if record.exc_info and not record.exc_text:
        record.exc_text = formatter.formatException(record.exc_info)
    return record.exc_text or ""


def formatter_of(name: str, worker: int = 0) -> logging.Formatter:
    """The formatter for one of `FORMATS`."""
    return JSONFormatter(worker) if name == "json" else TextFormatter(worker)


class BufferedHandler(logging.Handler):
    """Hands records to a thread that formats and writes them."""

    def __init__(self, stream: TextIO, most: int = MOST_WAITING) -> None:
        super().__init__()
        self._stream = stream
        self._most = most
        self._waiting: queue.SimpleQueue[logging.LogRecord | None] = queue.SimpleQueue()
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="lightwave-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record, or lose it when too many wait."""
        if self._waiting.qsize() >= self._most:
            self._lost += 1
            return
        if record.exc_info:  # the frames of a traceback are not held
            record.exc_text = logging.Formatter().formatException(record.exc_info)
            record.exc_info = None
        if self._waiting.qsize() >= GATHERED:  # the reader is slow: hold texts, not what they are made of
            with contextlib.suppress(Exception):  # it is said where the line is written
                record.getMessage()
        self._waiting.put(record)

    def close(self) -> None:
        """Write what waits, for a moment at most, and end the thread."""
        self._waiting.put(None)
        self._thread.join(CLOSING_SECONDS)
        super().close()

    def _run(self) -> None:
        ended = False
        while not ended:
            records = [self._waiting.get()]
            while len(records) < GATHERED and not self._waiting.empty():
                records.append(self._waiting.get())
            ended = None in records
            lost, self._lost = self._lost, 0
            lines = [self._line(one) for one in records if one is not None]
            if lost:
                lines.append(self._line(_lost_record(lost)))
            try:
                self._stream.write("".join(lines))
                self._stream.flush()
            except (OSError, ValueError):
                continue  # nobody reads the log: that is no reason to stop serving

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return self.format(record) + "\n"
        except Exception as error:  # noqa: BLE001  one record must not silence the others
            return f"a record of {record.name} can't be written: {type(error).__name__}\n"


def _lost_record(count: int) -> logging.LogRecord:
    text = "%d records were lost: whoever reads the log is too slow"
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, (count,), None)


def start_logging(level: str, format_name: str, *, worker: int = 0, buffered: bool = True) -> logging.Handler:
    """Log to standard error from here on; close the handler at the end. level: a name of the logging module.

    buffered: by a thread; False for a process that forks.
    """
    handler: logging.Handler = BufferedHandler(sys.stderr) if buffered else logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter_of(format_name, worker))
    # Where in the source a record was made, and in which thread, is in none of our lines, and costs more than the rest.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # as its documentation says
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Of Twisted's own words only its troubles are news: that a port listens is said by who opened it.
    logging.getLogger("lightwave.twisted").setLevel(
        logging.NOTSET if root.level <= logging.DEBUG else max(root.level, logging.WARNING)
    )
    return handler
