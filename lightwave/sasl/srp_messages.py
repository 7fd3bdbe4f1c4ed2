"""The messages of SASL SRP (draft-burdis-cat-srp-sasl-08 §3, §4): buffers of elements, and the options in them.

    buffer   length 4, elements             mpi    length 2, the number without leading zeros
    utf8     length 2, UTF-8                os     length 1, octets
    uint     4 octets                       all big-endian

    client   { utf8(U) utf8(I) utf8(sid) os(cn) }
    server   { 0x00 mpi(N) mpi(g) os(s) mpi(B) utf8(L) }
    client   { mpi(A) os(M1) utf8(o) os(cIV) }
    server   { os(M2) os(sIV) utf8(sid) uint(ttl) }

A session id of the client's asks to resume a session; none is kept, so the whole exchange follows (0x00). L lists
what the server offers, o what the client takes of it: once each the hash, replay detection, a kind of integrity, a
kind of confidentiality and the size of the largest buffer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_MESSAGE: Final = 8_192
MAX_NAME: Final = 1_024
MAX_OPTIONS: Final = 1_024
MAX_NUMBER: Final = 1_024
"""octets of an mpi: 8192 bits"""
LEAST_BUFFER: Final = 512
"""octets that the other end's buffer must hold"""
MAX_BUFFER: Final = 65_536
"""of ours, the length included"""
IV_SIZE: Final = 16


class MalformedMessage(Exception):
    """The octets are not the message that should come."""


class _Reader:
    """Takes elements off a buffer; raises MalformedMessage."""

    def __init__(self, message: bytes) -> None:
        if len(message) > MAX_MESSAGE:
            raise MalformedMessage("too long")
        if len(message) < 4 or int.from_bytes(message[:4], "big") != len(message) - 4:
            raise MalformedMessage("of another length than it says")
        self._message = message
        self._position = 4

    def octets(self, size: int) -> bytes:
        start, self._position = self._position, self._position + size
        if self._position > len(self._message):
            raise MalformedMessage("cut short")
        return self._message[start : self._position]

    def _counted(self, width: int, most: int) -> bytes:
        size = int.from_bytes(self.octets(width), "big")
        if size > most:
            raise MalformedMessage("an element is too long")
        return self.octets(size)

    def short(self, most: int = 255) -> bytes:
        return self._counted(1, most)

    def number(self) -> int:
        data = self._counted(2, MAX_NUMBER)
        if data[:1] == b"\0":
            raise MalformedMessage("a number with leading zeros")
        return int.from_bytes(data, "big")

    def text(self, most: int) -> str:
        data = self._counted(2, most)
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedMessage("no UTF-8") from None
        if "\0" in text:
            raise MalformedMessage("a NUL in a text")
        return text

    def end(self) -> None:
        if self._position != len(self._message):
            raise MalformedMessage("octets behind the end")


def _buffer(*elements: bytes) -> bytes:
    content = b"".join(elements)
    return len(content).to_bytes(4, "big") + content


def _mpi(number: int) -> bytes:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return len(data).to_bytes(2, "big") + data


def _utf8(text: str) -> bytes:
    data = text.encode("utf-8")
    return len(data).to_bytes(2, "big") + data


def _os(data: bytes) -> bytes:
    return bytes([len(data)]) + data


@dataclass(frozen=True, slots=True)
class ClientFirst:
    """Who signs in (U), as whom (I)."""

    name: str
    identity: str
    session: str = ""
    nonce: bytes = b""

    def encode(self) -> bytes:
        """The octets."""
        return _buffer(_utf8(self.name), _utf8(self.identity), _utf8(self.session), _os(self.nonce))


def decode_client_first(message: bytes) -> ClientFirst:
    """Raises MalformedMessage."""
    reader = _Reader(message)
    first = ClientFirst(reader.text(MAX_NAME), reader.text(MAX_NAME), reader.text(MAX_NAME), reader.short())
    reader.end()
    if not first.name:
        raise MalformedMessage("no name")
    return first


@dataclass(frozen=True, slots=True)
class ServerFirst:
    """The group, the salt, B and what is offered."""

    modulus: int
    generator: int
    salt: bytes
    public: int
    options: str

    def encode(self) -> bytes:
        """The octets."""
        return _buffer(
            b"\0",
            _mpi(self.modulus),
            _mpi(self.generator),
            _os(self.salt),
            _mpi(self.public),
            _utf8(self.options),
        )


def decode_server_first(message: bytes) -> ServerFirst:
    """Raises MalformedMessage, also for a resumed session, which nobody has asked for."""
    reader = _Reader(message)
    if reader.octets(1) != b"\0":
        raise MalformedMessage("a resumed session")
    first = ServerFirst(
        reader.number(), reader.number(), reader.short(), reader.number(), reader.text(MAX_OPTIONS)
    )
    reader.end()
    return first


@dataclass(frozen=True, slots=True)
class ClientSecond:
    """A, the proof M1, what was chosen, and the initialisation vector for what the server will send."""

    public: int
    proof: bytes
    options: str
    vector: bytes

    def encode(self) -> bytes:
        """The octets."""
        return _buffer(_mpi(self.public), _os(self.proof), _utf8(self.options), _os(self.vector))


def decode_client_second(message: bytes) -> ClientSecond:
    """Raises MalformedMessage."""
    reader = _Reader(message)
    second = ClientSecond(reader.number(), reader.short(), reader.text(MAX_OPTIONS), reader.short())
    reader.end()
    return second


@dataclass(frozen=True, slots=True)
class ServerSecond:
    """The server's proof M2, and the initialisation vector for what the client will send."""

    proof: bytes
    vector: bytes

    def encode(self) -> bytes:
        """The octets: without a session id, with the lifetime 0."""
        return _buffer(_os(self.proof), _os(self.vector), _utf8(""), bytes(4))


def decode_server_second(message: bytes) -> ServerSecond:
    """Raises MalformedMessage."""
    reader = _Reader(message)
    second = ServerSecond(reader.short(), reader.short())
    if reader.text(MAX_NAME) or reader.octets(4) != bytes(4):
        raise MalformedMessage("a session that can be resumed")
    reader.end()
    return second


@dataclass(frozen=True, slots=True)
class Options:
    """L or o. mdas: hashes; integrity, confidentiality: names of kinds. One each at most where the client has chosen.

    buffer: octets that this end takes, the length before them included.
    """

    mdas: tuple[str, ...]
    replay_detection: bool = False
    integrity: tuple[str, ...] = ()
    confidentiality: tuple[str, ...] = ()
    mandatory: tuple[str, ...] = ()
    buffer: int | None = None

    def encode(self) -> str:
        """The text."""
        parts = [f"mda={name}" for name in self.mdas]
        if self.replay_detection:
            parts.append("replay_detection")
        parts += [f"integrity={name}" for name in self.integrity]
        parts += [f"confidentiality={name}" for name in self.confidentiality]
        if self.buffer is not None:
            parts.append(f"maxbuffersize={self.buffer}")
        parts += [f"mandatory={name}" for name in self.mandatory]
        return ",".join(parts)


_REPEATED = frozenset({"mda", "integrity", "confidentiality", "mandatory"})


_KNOWN = _REPEATED | {"replay_detection", "maxbuffersize"}


def decode_options(text: str, *, strict: bool = False) -> Options:
    """Names and values in any case; what is not known is passed over, or if `strict` refused (MalformedMessage)."""
    found: dict[str, list[str]] = {}
    for part in text.split(",") if text else ():
        name, _, value = part.partition("=")
        values = found.setdefault(name.lower(), [])
        if values and name.lower() not in _REPEATED:
            raise MalformedMessage("an option stands twice")
        values.append(value)
    if strict and not found.keys() <= _KNOWN:
        raise MalformedMessage("an option that is not known")
    if found.get("replay_detection", [""]) != [""]:
        raise MalformedMessage("options that make no sense")
    return Options(
        tuple(value.upper() for value in found.get("mda", ())),
        "replay_detection" in found,
        tuple(value.upper() for value in found.get("integrity", ())),
        tuple(value.upper() for value in found.get("confidentiality", ())),
        tuple(value.lower() for value in found.get("mandatory", ())),
        _buffer_size(found.get("maxbuffersize")),
    )


def _buffer_size(values: list[str] | None) -> int | None:
    if values is None:
        return None
    text = values[0]
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) >= LEAST_BUFFER):
        raise MalformedMessage("a size that is none, or too small")
    return int(text)
