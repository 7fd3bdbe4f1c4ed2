"""A request while it arrives: what its header section says, and whether it can be served at all.

RFC 9112. What could be read in two ways (two lengths, two hosts, a coding of an older version) is refused: a proxy
before us may have read it the other way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from twisted.internet.address import IPv4Address
from twisted.web import http

from lightwave.web.limits import MAX_BODY
from lightwave.web.messages import Headers
from lightwave.web.problems import Problem
from lightwave.web.routing import NOWHERE, Found, Router
from lightwave.web.target import Target, decode_target

ASTERISK = Target(("*",), (), b"")
"""of OPTIONS: the server as a whole (RFC 9110 §9.3.7)"""
_CURRENT = b"HTTP/1.1"


class Head(NamedTuple):
    """The request line, and the length of the content: None when it is chunked."""

    method: bytes
    target: bytes
    version: bytes
    length: int | None


class IncomingRequest(http.Request):
    """Twisted's request as far as it is used: header fields in, an answer out. Content is the channel's."""

    channel: Any
    target: Target
    found: Found
    most_content: int
    prepath: list[bytes]
    postpath: list[bytes]

    def gotLength(self, length: int | None) -> None:  # noqa: N802  Twisted's name
        """Nothing: no file is made."""

    def parseCookies(self) -> None:  # noqa: N802  Twisted's name
        """Nothing: no route reads cookies; a mounted application does so itself."""

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802  Twisted's name
        """A part of the content has come."""
        self.channel.take_content(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802  Twisted's name
        """The request is complete."""
        self.method, self.uri, self.clientproto = command, path, version
        self.channel.serve(self)

    def getClientAddress(self) -> Any:  # noqa: N802  Twisted's name
        """Of a local socket, an address that WSGI can put in words."""
        return self.client if hasattr(self.client, "host") else IPv4Address("TCP", "127.0.0.1", 0)

    def getHost(self) -> Any:  # noqa: N802  Twisted's name
        """As for the client."""
        return self.host if hasattr(self.host, "port") else IPv4Address("TCP", "127.0.0.1", 0)


def check_head(incoming: IncomingRequest, head: Head, router: Router, query_fields: int) -> bool:
    """Finds what serves the request, and how much content that takes; whether the client waits for 100 Continue.

    Raises Problem for what can't be served.
    """
    fields = incoming.requestHeaders.getRawHeaders
    hosts = fields(b"Host", [])
    if len(hosts) > 1 or (not hosts and head.version == _CURRENT):  # RFC 9112 §3.2
        raise Problem(400, "a request has one Host header")
    if fields(b"Transfer-Encoding", []) and (head.length is not None or head.version != _CURRENT):  # §6.1
        raise Problem(400, "the transfer coding is not served")
    if any(one.strip().lower() not in (b"", b"identity") for one in fields(b"Content-Encoding", [])):
        raise Problem(415, "send the content without a coding")
    expectations = [one.strip().lower() for one in fields(b"Expect", [])]
    if any(one != b"100-continue" for one in expectations):
        raise Problem(417, "the expectation can't be met")
    if head.target == b"*" and head.method == b"OPTIONS":
        incoming.target, incoming.found = ASTERISK, NOWHERE
    else:
        incoming.target = decode_target(head.target, query_fields)
        incoming.found = router.find(incoming.target.segments)
    incoming.most_content = most = _most_content(incoming.found, head.method)
    if head.length is not None and head.length > most:
        raise Problem(413, f"this takes at most {most} bytes")
    return bool(expectations)


def keeps_alive(incoming: IncomingRequest, head: Head) -> bool:
    """Whether the connection may stay open after the answer (RFC 9112 §9.3)."""
    if head.version != _CURRENT:
        return False
    lines = incoming.requestHeaders.getRawHeaders(b"Connection", [])
    options = {one.strip().lower() for line in lines for one in line.split(b",")}
    return b"close" not in options


def header_fields(incoming: IncomingRequest) -> Headers:
    """The header section as a value."""
    fields = incoming.requestHeaders.getAllRawHeaders()
    return Headers(
        {
            name.decode("latin-1").lower(): tuple(one.decode("latin-1") for one in lines)
            for name, lines in fields
        }
    )


def _most_content(found: Found, method: bytes) -> int:
    if found.mount is not None:
        return found.mount.max_body
    route = found.route(method.decode("ascii"))
    return MAX_BODY if route is None else route.max_body
