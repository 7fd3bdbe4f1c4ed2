"""LDAP as bytes, for tests and benchmarks: a second encoder and a client without any of ours in it.

It encodes whatever it is told, so that malformed requests can be sent too, and decodes answers into plain
values. Filters are tuples: ("and", f, ...), ("or", f, ...), ("not", f), ("equal", type, value),
("greater", type, value), ("less", type, value), ("approx", type, value), ("present", type),
("substrings", type, initial | None, (any, ...), final | None),
("extensible", rule | None, type | None, value, dn_attributes).
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BASE, ONE, SUBTREE = 0, 1, 2
ADD, DELETE, REPLACE, INCREMENT = 0, 1, 2, 3

BIND_RESPONSE, ENTRY, SEARCH_DONE, REFERENCE, EXTENDED_RESPONSE = 0x61, 0x64, 0x65, 0x73, 0x78
INTERMEDIATE = 0x79


def tlv(tag: int, content: bytes) -> bytes:
    """One element with a definite length of the fewest octets."""
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def integer(value: int, tag: int = 0x02) -> bytes:
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def text(value: str | bytes, tag: int = 0x04) -> bytes:
    return tlv(tag, value.encode() if isinstance(value, str) else value)


def sequence(*parts: bytes, tag: int = 0x30) -> bytes:
    return tlv(tag, b"".join(parts))


def control(oid: str, critical: bool = False, value: bytes | None = None) -> bytes:
    parts = [text(oid)]
    if critical:
        parts.append(b"\x01\x01\xff")
    if value is not None:
        parts.append(text(value))
    return sequence(*parts)


def message(message_id: int, operation: bytes, controls: Sequence[bytes] = ()) -> bytes:
    """LDAPMessage (RFC 4511, 4.1.1)."""
    return sequence(integer(message_id), operation, sequence(*controls, tag=0xA0) if controls else b"")


def bind(name: str | bytes, password: str | bytes) -> bytes:
    return sequence(integer(3), text(name), text(password, 0x80), tag=0x60)


def sasl_bind(mechanism: str, credentials: bytes | None = None, name: str = "") -> bytes:
    parts = [text(mechanism)] + ([] if credentials is None else [text(credentials)])
    return sequence(integer(3), text(name), sequence(*parts, tag=0xA3), tag=0x60)


def filter_bytes(node: Sequence[Any]) -> bytes:
    """A filter of tuples as bytes (RFC 4511, 4.5.1.7)."""
    kind = node[0]
    if kind in ("and", "or"):
        return sequence(*(filter_bytes(child) for child in node[1:]), tag=0xA0 if kind == "and" else 0xA1)
    if kind == "not":
        return sequence(filter_bytes(node[1]), tag=0xA2)
    if kind == "present":
        return text(node[1], 0x87)
    if kind == "substrings":
        return _substrings(*node[1:])
    if kind == "extensible":
        return _extensible(*node[1:])
    tag = {"equal": 0xA3, "greater": 0xA5, "less": 0xA6, "approx": 0xA8}[kind]
    return sequence(text(node[1]), text(node[2]), tag=tag)


def _substrings(attribute: str, initial: bytes | None, middle: Iterable[bytes], final: bytes | None) -> bytes:
    parts = [] if initial is None else [text(initial, 0x80)]
    parts += [text(part, 0x81) for part in middle]
    parts += [] if final is None else [text(final, 0x82)]
    return sequence(text(attribute), sequence(*parts), tag=0xA4)


def _extensible(rule: str | None, attribute: str | None, value: bytes, dn_attributes: bool) -> bytes:
    parts = [] if rule is None else [text(rule, 0x81)]
    parts += [] if attribute is None else [text(attribute, 0x82)]
    parts.append(text(value, 0x83))
    parts += [b"\x84\x01\xff"] if dn_attributes else []
    return sequence(*parts, tag=0xA9)


def search(
    base: str | bytes,
    scope: int = SUBTREE,
    filter: Sequence[Any] = ("present", "objectClass"),
    attributes: Sequence[str] = (),
    *,
    deref: int = 0,
    size_limit: int = 0,
    time_limit: int = 0,
    types_only: bool = False,
) -> bytes:
    return sequence(
        text(base),
        integer(scope, 0x0A),
        integer(deref, 0x0A),
        integer(size_limit),
        integer(time_limit),
        b"\x01\x01\xff" if types_only else b"\x01\x01\x00",
        filter_bytes(filter),
        sequence(*(text(name) for name in attributes)),
        tag=0x63,
    )


def _attribute(name: str, values: Iterable[bytes]) -> bytes:
    return sequence(text(name), sequence(*(text(value) for value in values), tag=0x31))


def add(name: str | bytes, attributes: Iterable[tuple[str, Sequence[bytes]]]) -> bytes:
    return sequence(text(name), sequence(*(_attribute(*pair) for pair in attributes)), tag=0x68)


def modify(name: str | bytes, changes: Iterable[tuple[int, str, Sequence[bytes]]]) -> bytes:
    return sequence(
        text(name),
        sequence(
            *(sequence(integer(kind, 0x0A), _attribute(type_, values)) for kind, type_, values in changes)
        ),
        tag=0x66,
    )


def delete(name: str | bytes) -> bytes:
    return text(name, 0x4A)


def modify_dn(
    name: str | bytes, new_rdn: str | bytes, delete_old_rdn: bool, new_superior: str | bytes | None = None
) -> bytes:
    return sequence(
        text(name),
        text(new_rdn),
        b"\x01\x01\xff" if delete_old_rdn else b"\x01\x01\x00",
        b"" if new_superior is None else text(new_superior, 0x80),
        tag=0x6C,
    )


def compare(name: str | bytes, attribute: str, value: bytes) -> bytes:
    return sequence(text(name), sequence(text(attribute), text(value)), tag=0x6E)


def abandon(message_id: int) -> bytes:
    return integer(message_id, 0x50)


def extended(oid: str, value: bytes | None = None) -> bytes:
    return sequence(text(oid, 0x80), b"" if value is None else text(value, 0x81), tag=0x77)


UNBIND = b"\x42\x00"


# --- answers ---


def elements(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """The elements (tag, content) that stand side by side in `data`."""
    end = len(data) if end is None else end
    while start < end:
        tag, size, start = data[start], data[start + 1], start + 2
        if size & 0x80:
            octets = size & 0x7F
            size = int.from_bytes(data[start : start + octets], "big")
            start += octets
        yield tag, data[start : start + size]
        start += size


@dataclass(slots=True)
class Answer:
    """All that a server said to one request."""

    tag: int
    code: int
    matched: bytes
    diagnostic: str
    entries: list[tuple[bytes, dict[str, list[bytes]]]] = field(default_factory=list)
    references: list[list[bytes]] = field(default_factory=list)
    referrals: list[bytes] = field(default_factory=list)
    extended_name: bytes | None = None
    extended_value: bytes | None = None
    server_credentials: bytes | None = None
    controls: dict[str, bytes | None] = field(default_factory=dict)


def decode_entry(content: bytes) -> tuple[bytes, dict[str, list[bytes]]]:
    (_, name), (_, attributes) = elements(content)
    found: dict[str, list[bytes]] = {}
    for _, pair in elements(attributes):
        (_, type_), (_, values) = elements(pair)
        found.setdefault(type_.decode(), []).extend(value for _, value in elements(values))
    return name, found


def decode_result(tag: int, content: bytes) -> Answer:
    parts = list(elements(content))
    answer = Answer(
        tag, int.from_bytes(parts[0][1], "big"), parts[1][1], parts[2][1].decode(errors="replace")
    )
    for part, value in parts[3:]:
        if part == 0xA3:
            answer.referrals = [url for _, url in elements(value)]
        elif part == 0x8A:
            answer.extended_name = value
        elif part == 0x8B:
            answer.extended_value = value
        elif part == 0x87:
            answer.server_credentials = value
    return answer


class ServerClosed(Exception):
    """The server ended the connection, or did not answer in time."""


class Connection:
    """A blocking client: one request, and all that is said to it."""

    def __init__(self, host: str, port: int, timeout: float = 20, source: str | None = None) -> None:
        """source: an address of this machine to come from."""
        origin = None if source is None else (source, 0)
        self.socket = socket.create_connection((host, port), timeout=timeout, source_address=origin)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._last_id = 0

    @classmethod
    def local(cls, path: Path, timeout: float = 20) -> Connection:
        """A connection to the local socket at `path` (ldapi)."""
        self = cls.__new__(cls)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self._buffer = b""
        self._last_id = 0
        return self

    def wrap(self, context: ssl.SSLContext, name: str = "localhost") -> None:
        """Goes on under TLS: at once for LDAPS, after a successful StartTLS for LDAP."""
        self.socket = context.wrap_socket(self.socket, server_hostname=name)

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, operation: bytes, controls: Sequence[bytes] = ()) -> int:
        """Sends one request; its message id."""
        self._last_id += 1
        self.socket.sendall(message(self._last_id, operation, controls))
        return self._last_id

    def receive(self) -> tuple[int, int, bytes, bytes]:
        """The next message: its id, the operation's tag and content, and the controls' content."""
        content = self._receive_message()
        parts = list(elements(content))
        controls = parts[2][1] if len(parts) > 2 and parts[2][0] == 0xA0 else b""
        return int.from_bytes(parts[0][1], "big", signed=True), parts[1][0], parts[1][1], controls

    def ask(self, operation: bytes, controls: Sequence[bytes] = ()) -> Answer:
        """Sends a request and waits for all that answers it; raises ServerClosed at a notice."""
        wanted = self.send(operation, controls)
        entries: list[tuple[bytes, dict[str, list[bytes]]]] = []
        references: list[list[bytes]] = []
        while True:
            message_id, tag, content, answer_controls = self.receive()
            if message_id == 0:
                raise ServerClosed(f"notice of disconnection: {decode_result(tag, content)}")
            if message_id != wanted:
                continue
            if tag == ENTRY:
                entries.append(decode_entry(content))
            elif tag == REFERENCE:
                references.append([url for _, url in elements(content)])
            elif tag != INTERMEDIATE:
                answer = decode_result(tag, content)
                answer.entries, answer.references = entries, references
                answer.controls = decode_controls(answer_controls)
                return answer

    def _receive_message(self) -> bytes:
        need = 2
        while True:
            while len(self._buffer) < need:
                try:
                    data = self.socket.recv(65536)
                except (TimeoutError, ConnectionError) as error:
                    raise ServerClosed(str(error)) from error
                if not data:
                    raise ServerClosed("end of the connection")
                self._buffer += data
            size, header = self._buffer[1], 2
            if size & 0x80:
                header += size & 0x7F
                if len(self._buffer) < header:
                    need = header
                    continue
                size = int.from_bytes(self._buffer[2:header], "big")
            need = header + size
            if len(self._buffer) >= need:
                content, self._buffer = self._buffer[header:need], self._buffer[need:]
                return content


def decode_controls(content: bytes) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    for _, one in elements(content):
        parts = list(elements(one))
        values = [value for tag, value in parts[1:] if tag == 0x04]
        found[parts[0][1].decode()] = values[0] if values else None
    return found


def request_file(operations: Iterable[bytes]) -> bytes:
    """Operations in the form that the load generator reads."""
    return b"".join(struct.pack("<I", len(operation)) + operation for operation in operations)
