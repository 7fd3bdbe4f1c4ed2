"""The bytes in which everything of one entry's passwords is kept; sealed, under kind b"credentials".

    format 3, version 8, set at 8 (ms since the epoch), then sections: tag 1, length 4, bytes. Integers big-endian.

    1 passwords      count 2; each: verifier (length 2, bytes), count of keys 1; each: kind (length 1), key (length 2)
    2 history        count 2; each: when it was set (8, ms), verifier (length 2): the former passwords, latest first
    3 facts          flags 4: 1 the password must be changed at the next sign-in
    4 app passwords  count 2; each: a row (length 2), whose content is its owner's

A section stands once at most. One that is not known here, and flags that are not, are kept as they are: a later
version wrote them. Formats 1 (verifiers alone) and 2 (a verifier and its keys for SCRAM by turns) are read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

SCRAM_SHA_256: Final = b"scram-sha-256"
"""kind of the keys that `sasl.scram_keys` encodes"""

MAX_SIZE: Final = 1 << 20
"""bytes of the whole"""
MAX_KEYS: Final = 16
"""of one password"""
MAX_HISTORY: Final = 24
"""former passwords that are kept: a new one is verified against each of them"""
MAX_APP_PASSWORDS: Final = 64
MUST_CHANGE: Final = 1

_FORMAT, _WITH_SCRAM_KEYS, _VERIFIERS_ALONE = 3, 2, 1
_HEAD = struct.Struct(">BQQ")
_SECTION = struct.Struct(">BL")
_PASSWORDS, _HISTORY, _FACTS, _APP_PASSWORDS = 1, 2, 3, 4


class DamagedCredentials(Exception):
    """The stored value is not of a format that this version reads."""


class StoredPassword(NamedTuple):
    """One password as it is kept: its verifier, and its keys by kind, each kind once."""

    verifier: bytes
    keys: tuple[tuple[bytes, bytes], ...] = ()

    def key(self, kind: bytes) -> bytes | None:
        """The password's key of one kind."""
        return next((key for found, key in self.keys if found == kind), None)

    def __repr__(self) -> str:
        return f"<stored password with {len(self.keys)} keys>"


class FormerPassword(NamedTuple):
    """A password that was. set_at: seconds since the epoch."""

    set_at: float
    verifier: bytes

    def __repr__(self) -> str:
        return f"<former password of {self.set_at}>"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is stored of an entry's passwords. set_at: seconds since the epoch; history: latest first.

    app_passwords: rows that `identity.app_passwords` reads. others: sections of a later version, by tag.
    """

    version: int
    set_at: float
    passwords: tuple[StoredPassword, ...] = field(default=(), repr=False)
    history: tuple[FormerPassword, ...] = field(default=(), repr=False)
    flags: int = 0
    app_passwords: tuple[bytes, ...] = field(default=(), repr=False)
    others: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)

    @property
    def verifiers(self) -> tuple[bytes, ...]:
        """`{SCHEME}…` of each password, never a clear text."""
        return tuple(one.verifier for one in self.passwords)

    @property
    def must_change(self) -> bool:
        """Whether the password serves only to be changed."""
        return bool(self.flags & MUST_CHANGE)


def encode_credentials(credentials: Credentials) -> bytes:
    """The bytes that are sealed; raises ValueError for what is out of bounds."""
    if len(credentials.history) > MAX_HISTORY or len(credentials.app_passwords) > MAX_APP_PASSWORDS:
        raise ValueError("too many passwords to be kept")
    head = _HEAD.pack(_FORMAT, credentials.version, round(credentials.set_at * 1000))
    sections = (
        (_PASSWORDS, _encode_passwords(credentials.passwords)),
        (_HISTORY, _encode_history(credentials.history)),
        (_FACTS, credentials.flags.to_bytes(4, "big") if credentials.flags else b""),
        (_APP_PASSWORDS, _counted(map(_short, credentials.app_passwords))),
        *credentials.others,
    )
    data = head + b"".join(_SECTION.pack(tag, len(content)) + content for tag, content in sections if content)
    if len(data) > MAX_SIZE:
        raise ValueError("the credentials are too large to be kept")
    return data


def decode_credentials(data: bytes) -> Credentials:
    """The reverse of `encode_credentials`; raises DamagedCredentials."""
    reader = _Reader(data)
    number, version, set_at = _HEAD.unpack(reader.take(_HEAD.size))
    if number in (_WITH_SCRAM_KEYS, _VERIFIERS_ALONE):
        passwords = _decode_older(reader, has_keys=number == _WITH_SCRAM_KEYS)
        return Credentials(version, set_at / 1000, passwords)
    if number != _FORMAT:
        raise DamagedCredentials(f"unknown format {number}")
    sections: dict[int, bytes] = {}
    while not reader.is_at_end:
        tag, length = _SECTION.unpack(reader.take(_SECTION.size))
        if tag in sections:
            raise DamagedCredentials("a section twice")
        sections[tag] = reader.take(length)
    facts = sections.pop(_FACTS, bytes(4))
    if len(facts) != 4:
        raise DamagedCredentials("of a wrong length")
    return Credentials(
        version,
        set_at / 1000,
        tuple(_decode_passwords(_Reader(sections.pop(_PASSWORDS, _EMPTY)))),
        tuple(_decode_history(_Reader(sections.pop(_HISTORY, _EMPTY)))),
        int.from_bytes(facts, "big"),
        tuple(_decode_rows(_Reader(sections.pop(_APP_PASSWORDS, _EMPTY)))),
        tuple(sections.items()),
    )


_EMPTY = bytes(2)
"""a section of no elements"""


class _Reader:
    """Takes bytes from the front; raises DamagedCredentials where there are not enough."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def is_at_end(self) -> bool:
        return self._position == len(self._data)

    def take(self, size: int) -> bytes:
        stop = self._position + size
        if stop > len(self._data):
            raise DamagedCredentials("cut short")
        taken = self._data[self._position : stop]
        self._position = stop
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def octets(self, length_size: int = 2) -> bytes:
        return self.take(self.number(length_size))

    def finish(self) -> None:
        if not self.is_at_end:
            raise DamagedCredentials("of a wrong length")


def _short(octets: bytes) -> bytes:
    return _with_length(octets, 2)


def _with_length(octets: bytes, size: int) -> bytes:
    try:
        return len(octets).to_bytes(size, "big") + octets
    except OverflowError:
        raise ValueError("a value is too long to be kept") from None


def _counted(items: Iterator[bytes]) -> bytes:
    """Elements behind their count; nothing where there are none."""
    encoded = list(items)
    return len(encoded).to_bytes(2, "big") + b"".join(encoded) if encoded else b""


def _encode_passwords(passwords: Sequence[StoredPassword]) -> bytes:
    return _counted(
        _short(one.verifier)
        + len(one.keys).to_bytes(1, "big")
        + b"".join(_with_length(kind, 1) + _short(key) for kind, key in one.keys)
        for one in passwords
    )


def _decode_passwords(reader: _Reader) -> Iterator[StoredPassword]:
    for _ in range(reader.number(2)):
        verifier = reader.octets()
        count = reader.number(1)
        if count > MAX_KEYS:
            raise DamagedCredentials("too many keys")
        yield StoredPassword(verifier, tuple((reader.octets(1), reader.octets()) for _ in range(count)))
    reader.finish()


def _encode_history(history: Sequence[FormerPassword]) -> bytes:
    return _counted(round(one.set_at * 1000).to_bytes(8, "big") + _short(one.verifier) for one in history)


def _decode_history(reader: _Reader) -> Iterator[FormerPassword]:
    for _ in range(reader.number(2)):
        yield FormerPassword(reader.number(8) / 1000, reader.octets())
    reader.finish()


def _decode_rows(reader: _Reader) -> Iterator[bytes]:
    for _ in range(reader.number(2)):
        yield reader.octets()
    reader.finish()


def _decode_older(reader: _Reader, *, has_keys: bool) -> tuple[StoredPassword, ...]:
    """Formats 1 and 2: a count, then verifiers, in format 2 each with its keys for SCRAM or b""."""
    found = []
    for _ in range(reader.number(2)):
        verifier = reader.octets()
        keys = reader.octets() if has_keys else b""
        found.append(StoredPassword(verifier, ((SCRAM_SHA_256, keys),) if keys else ()))
    reader.finish()
    return tuple(found)
