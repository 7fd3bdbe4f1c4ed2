"""The command line as a client of a node: over its local socket, or over HTTPS with a login.

Standard library only, so that a command starts at once. The node's certificate is verified against its authority.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

SECONDS = 30.0
MAX_ANSWER = 64 * 1024 * 1024


class NotReachable(Exception):
    """Nothing answers, or not in time; the text says where."""


class Refused(Exception):
    """The node answered with a problem (RFC 9457). status: of HTTP; the text is the problem's detail."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Login(NamedTuple):
    """A name, as the Basic scheme takes it, and a password."""

    name: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.name!r})"


class _LocalConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class NodeClient:
    """Asks one node."""

    def __init__(self, connection: http.client.HTTPConnection, where: str, login: Login | None) -> None:
        self._connection = connection
        self._where = where
        self._headers = {"Accept": "application/json, application/problem+json"}
        if login is not None:
            pair = f"{login.name}:{login.password}".encode()
            self._headers["Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")

    @classmethod
    def local(cls, path: Path, timeout: float = SECONDS) -> NodeClient:
        """Over the socket in a data folder, whose owner is administrator."""
        return cls(_LocalConnection(path, timeout), str(path), None)

    @classmethod
    def remote(cls, url: str, authority: Path, login: Login, timeout: float = SECONDS) -> NodeClient:
        """Over HTTPS; `authority` is the node's ca.pem. Raises ValueError for another URL, OSError for the file."""
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.path not in ("", "/") or parts.query:
            raise ValueError(f"{url} is not of the form https://HOST:PORT")
        context = ssl.create_default_context(cafile=str(authority))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        connection = http.client.HTTPSConnection(
            parts.hostname, parts.port or 443, timeout=timeout, context=context
        )
        return cls(connection, url, login)

    def get(self, path: str) -> Any:
        """The JSON at a path; raises NotReachable and Refused."""
        return self.request("GET", path)

    def request(self, method: str, path: str, content: Any = None) -> Any:
        """Sends `content` as JSON; the JSON of the answer, None without any. Raises NotReachable and Refused."""
        headers = dict(self._headers)
        body = None
        if content is not None:
            body = json.dumps(content).encode()
            headers["Content-Type"] = "application/json"
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            octets = answer.read(MAX_ANSWER)
        except ssl.SSLCertVerificationError as error:
            raise NotReachable(
                f"{self._where}: its certificate is not trusted: {error.verify_message}"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise NotReachable(f"{self._where}: {error or type(error).__name__}") from None
        return _content(answer.status, octets, self._where)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def _content(status: int, octets: bytes, where: str) -> Any:
    try:
        value = json.loads(octets) if octets else None
    except ValueError:
        raise NotReachable(f"{where}: what answers there is not a Lightwave node") from None
    if status >= 400:
        detail = value.get("detail") if isinstance(value, dict) else None
        raise Refused(status, str(detail or f"HTTP status {status}"))
    return value
