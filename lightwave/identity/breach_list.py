"""A file of passwords that are known to attackers, looked up where it is: sorted, searched by halves, never loaded.

Two forms, told apart by the first line: SHA-1 digests in hexadecimal, with or without `:count` behind them, as
haveibeenpwned.com gives them out ordered by hash; or the passwords themselves, one a line, sorted as octets
(`LC_ALL=C sort`). A file that can't be read, or is seen to be out of order, is an error and no clean bill.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from typing import Final

from lightwave.identity.passwords import MAX_PASSWORD

_MAX_LINE: Final = MAX_PASSWORD + 64
"""octets; a longer line is none of a list of passwords"""
_DIGEST: Final = re.compile(rb"[0-9A-Fa-f]{40}(?::[0-9]+)?\r?\n?\Z")

Key = Callable[[bytes], bytes]


class BreachListError(Exception):
    """The list can't be asked; the text is for administrators."""


def is_breached(path: str, password: bytes) -> bool:
    """Whether the prepared password, or its form in lower case, is in the list. Any thread; raises BreachListError."""
    candidates = {
        password,
        password.decode("utf-8", "surrogateescape").lower().encode("utf-8", "surrogateescape"),
    }
    try:
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            lines = _Lines(file.fileno(), size)
            first = lines.from_offset(0)
            if first is None:
                raise BreachListError(f"{path} is empty")
            if _DIGEST.match(first[1]):
                digests = (hashlib.sha1(one, usedforsecurity=False).hexdigest() for one in candidates)
                return any(_holds(lines, one.upper().encode(), _digest_of) for one in digests)
            return any(_holds(lines, one, _word_of) for one in candidates if b"\n" not in one)
    except OSError as error:
        raise BreachListError(f"{path} can't be read: {error.strerror}") from None


class _Lines:
    """Lines of a file by offset, read with `pread`: no position is shared, nothing is kept."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.size = size
        self._descriptor = descriptor

    def from_offset(self, offset: int) -> tuple[int, bytes] | None:
        """(offset, line) of the first line that begins at `offset` or later; None behind the last."""
        if offset:
            head = os.pread(self._descriptor, _MAX_LINE, offset - 1)
            end = head.find(b"\n")
            if end < 0:
                if offset - 1 + len(head) < self.size:
                    raise BreachListError("the list of breached passwords has a line that is too long")
                return None
            offset += end
        if offset >= self.size:
            return None
        line = os.pread(self._descriptor, _MAX_LINE, offset)
        end = line.find(b"\n")
        if end < 0 and offset + len(line) < self.size:
            raise BreachListError("the list of breached passwords has a line that is too long")
        return offset, line if end < 0 else line[:end]


def _holds(lines: _Lines, wanted: bytes, key: Key) -> bool:
    """Whether a line has this key: a search by halves over octets, which ends in a line."""
    low, high = 0, lines.size
    least, most = b"", b""
    while low < high:
        middle = (low + high) // 2
        found = lines.from_offset(middle)
        if found is None or found[0] >= high:
            high = middle
            continue
        offset, line = found
        present = key(line)
        if present < least or (most and present > most):
            raise BreachListError("the list of breached passwords is not sorted")
        if present == wanted:
            return True
        if present < wanted:
            low, least = offset + len(line) + 1, present
        else:
            high, most = middle, present
    return False


def _digest_of(line: bytes) -> bytes:
    return line[:40].upper()


def _word_of(line: bytes) -> bytes:
    return line.removesuffix(b"\r")
