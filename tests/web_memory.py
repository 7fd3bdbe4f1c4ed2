"""An HTTP connection in memory: the real channel and service, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from lightwave.directory.access.token import ANONYMOUS, AuthenticatedBy, Token
from lightwave.sasl.channel import Channel
from lightwave.web.callers import Proved
from lightwave.web.channel import WebChannel
from lightwave.web.limits import DEFAULT_LIMITS, WebLimits
from lightwave.web.listeners import WebFactory
from lightwave.web.messages import Request, Response
from lightwave.web.routing import Access, Answer, Route, Router
from lightwave.web.service import WebService

NOW = 1_800_000_000.0
PERSON = Token(1, 7, bytes(16), b"uid=ann", False, False, AuthenticatedBy.PASSWORD)
ADMINISTRATOR = Token(1, 1, bytes(range(16)), b"cn=admin", True, False, AuthenticatedBy.PASSWORD)


class InlineReactor(Clock):
    """Threads run at once, on this thread."""

    def callFromThread(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> None:  # noqa: N802
        call(*arguments, **named)

    def callInThread(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> None:  # noqa: N802
        call(*arguments, **named)


class NamedCallers:
    """Believes an Authorization header that names somebody known."""

    def authenticate(self, request: Request, proved: Proved) -> Deferred[Token]:
        known = {"person": PERSON, "administrator": ADMINISTRATOR}
        return succeed(known.get(request.headers.get("authorization") or "", ANONYMOUS))

    def challenges(self, channel: Channel) -> tuple[tuple[str, str], ...]:
        return (("WWW-Authenticate", "Named"),) if channel.is_confidential else ()


class MemoryTransport(StringTransport):
    """Remembers how the connection ended."""

    half_closed = aborted = False

    def loseWriteConnection(self) -> None:  # noqa: N802
        self.half_closed = True

    def abortConnection(self) -> None:  # noqa: N802
        self.aborted = True
        self.disconnecting = True

    def unregisterProducer(self) -> None:  # noqa: N802
        """As a real transport does: it may be done twice."""
        self.producer = None

    def setTcpNoDelay(self, enabled: bool) -> None:  # noqa: N802
        """Nothing to delay."""

    def setTcpKeepAlive(self, enabled: bool) -> None:  # noqa: N802
        """Nothing to keep."""


class Answered(NamedTuple):
    """One answer as a client reads it."""

    status: int
    headers: dict[str, str]
    body: bytes


class Memory:
    """A service with routes, and connections to it."""

    def __init__(self, *routes: Route, limits: WebLimits = DEFAULT_LIMITS) -> None:
        self.reactor = InlineReactor()
        self.router = Router()
        self.router.add(*routes)
        callers: Any = NamedCallers()
        self.service = WebService(
            self.router, callers, lambda: NOW + self.reactor.seconds(), self.reactor, self.reactor, limits
        )

    def connect(self, *, tls: bool = False) -> Client:
        return Client(self, tls=tls)


class Client:
    """The other end of one connection."""

    def __init__(self, memory: Memory, *, tls: bool) -> None:
        self.memory = memory
        transport: Any = MemoryTransport
        channel: Any = WebChannel
        self.transport = transport()
        self.channel = channel(memory.service, tls=tls, local=False)
        self.channel.factory = WebFactory(memory.service)
        self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> Client:
        self.channel.dataReceived(data)
        return self

    def get(self, path: str, *headers: str, method: str = "GET") -> Answered:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]
        return self.send("\r\n".join(lines).encode()).answer(method)

    def answer(self, method: str = "GET") -> Answered:
        (one,) = self.answers(method)
        return one

    def answers(self, method: str = "GET") -> list[Answered]:
        """What came since the last call."""
        data = self.transport.value()
        self.transport.clear()
        found = []
        while data:
            head, _, data = data.partition(b"\r\n\r\n")
            status, *fields = head.decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in fields)}
            code = int(status.split(" ")[1])
            length = 0 if method == "HEAD" or code in (100, 204, 304) else int(headers["content-length"])
            found.append(Answered(code, headers, data[:length]))
            data = data[length:]
        return found

    def wait(self, seconds: float) -> None:
        self.memory.reactor.advance(seconds)


def route(
    handle: Callable[[Request], Any],
    path: str = "/",
    method: str = "GET",
    access: Access = Access.ANYBODY,
    **more: Any,
) -> Route:
    """A route to try."""
    return Route(
        method=method,
        path=path,
        access=access,
        handle=handle,
        name=f"{method}{path}",
        summary="a test",
        answers=more.pop("answers", {200: Answer("done")}),
        **more,
    )


def echo(request: Request) -> Response:
    """Answers with what was sent."""
    return Response(200, request.body or request.path.encode(), "application/json")
