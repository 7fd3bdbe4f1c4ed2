"""HTTP requests to a serving node: in the clear, over TLS, or over its local socket."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from typing import Any, NamedTuple
from urllib.parse import urlencode

from node import Node
from serving import trust

LDAP = "/v1/vmdir/ldap"


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class LocalHTTP(http.client.HTTPConnection):
    """Over the local socket."""

    def __init__(self, node: Node) -> None:
        super().__init__("localhost", timeout=20)
        self._node = node

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._node.http_socket))


def http_connection(node: Node, over: str = "tls") -> http.client.HTTPConnection:
    """A connection over "clear", "tls" or "local"."""
    if over == "local":
        return LocalHTTP(node)
    if over == "clear":
        return http.client.HTTPConnection("127.0.0.1", 80 + node.port_offset, timeout=20)
    return http.client.HTTPSConnection("localhost", 443 + node.port_offset, timeout=20, context=trust(node))


def basic(name: str, password: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    content: Any = None,
    login: tuple[str, str] | None = None,
    headers: dict[str, str] | None = None,
    **query: str | int,
) -> Answer:
    """One request with JSON, on a connection that stays open."""
    sent = dict(headers or {})
    if login is not None:
        sent["Authorization"] = basic(*login)
    body = None
    if content is not None:
        body = json.dumps(content).encode()
        sent.setdefault("Content-Type", "application/json")
    target = f"{path}?{urlencode(query)}" if query else path
    connection.request(method, target, body, sent)
    answer = connection.getresponse()
    return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


def entry(dn: str, **attributes: str | list[str]) -> dict[str, Any]:
    """The JSON of an entry."""
    given = [
        {"type": name, "value": [value] if isinstance(value, str) else value}
        for name, value in attributes.items()
    ]
    return {"dn": dn, "attributes": given}


def person(node: Node, uid: str, **attributes: str | list[str]) -> dict[str, Any]:
    """The JSON of a person directly below the domain."""
    return entry(
        f"uid={uid},{node.suffix}", objectClass="inetOrgPerson", uid=uid, cn=uid, sn="x", **attributes
    )


def replace(name: str, *values: str) -> list[dict[str, Any]]:
    """The JSON of a change."""
    return [{"operation": "replace", "attribute": {"type": name, "value": list(values)}}]
