"""Where events of the audit are sent: a file, or a syslog server. All of it blocks, and runs in a thread of its own."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

from lightwave.server.audit_formats import counted

SECONDS = 5.0
"""that a destination may take to accept something"""
PORTS = {"udp": 514, "tcp": 601, "tls": 6514}  # RFC 5426 §3.3, RFC 6587 §3.2, RFC 5425 §4.1


class Destination(Protocol):
    """Takes messages; raises OSError where it took none or not all of them."""

    def send(self, messages: Sequence[bytes]) -> None: ...

    def close(self) -> None: ...


class LineFile:
    """Appends lines and has them on the disk when it returns. The file is opened anew each time: it may be rotated."""

    def __init__(self, path: str) -> None:
        if not os.path.isabs(path):
            raise ValueError(f"{path!r} is no absolute path")
        self._path = path

    def send(self, messages: Sequence[bytes]) -> None:
        """See `Destination`."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"".join(messages))
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        """Nothing is open."""


class Syslog:
    """`udp://`, `tcp://` or `tls://` with host and port, or `unix://` with a path; raises ValueError for others."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._scheme, self._host, self._path = parts.scheme, parts.hostname or "", parts.path
        if self._scheme == "unix":
            if not os.path.isabs(self._path):
                raise ValueError(f"{address!r} is not of the form unix:///dev/log")
            self._port = 0
        elif self._scheme not in PORTS or not self._host or self._path not in ("", "/"):
            raise ValueError(
                f"{address!r} is not of the form udp://HOST:PORT, tcp://…, tls://… or unix:///PATH"
            )
        else:
            self._port = parts.port or PORTS[self._scheme]
        self._socket: socket.socket | None = None

    def send(self, messages: Sequence[bytes]) -> None:
        """See `Destination`."""
        try:
            connection = self._connected()
            if connection.type == socket.SOCK_DGRAM:
                for message in messages:
                    connection.send(message)
            else:
                connection.sendall(b"".join(map(counted, messages)))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """End the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        if self._socket is not None and _has_ended(self._socket):
            self.close()
        if self._socket is None:
            self._socket = self._connect()
        return self._socket

    def _connect(self) -> socket.socket:
        if self._scheme == "unix":
            try:
                return _unix(self._path, socket.SOCK_DGRAM)
            except OSError:  # EPROTOTYPE: it takes streams
                return _unix(self._path, socket.SOCK_STREAM)
        if self._scheme == "udp":
            family, kind, _, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)[
                0
            ]
            made = socket.socket(family, kind)
            made.settimeout(SECONDS)
            made.connect(address)
            return made
        plain = socket.create_connection((self._host, self._port), SECONDS)
        if self._scheme == "tcp":
            return plain
        return ssl.create_default_context().wrap_socket(plain, server_hostname=self._host)


def _unix(path: str, kind: socket.SocketKind) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, kind)
    try:
        made.settimeout(SECONDS)
        made.connect(path)
    except OSError:
        made.close()
        raise
    return made


def _has_ended(connection: socket.socket) -> bool:
    """Whether the other end of a stream has closed it: what is sent after that is lost without an error at first."""
    if connection.type == socket.SOCK_DGRAM:
        return False
    connection.settimeout(0)
    try:
        return connection.recv(1) == b""  # a receiver of syslog says nothing
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(SECONDS)
