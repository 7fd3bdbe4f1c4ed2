"""One HTTP/1.1 connection: Twisted's parser with our limits, our clock and our answers.

    IDLE -> HEADERS -> CONTENT -> HANDLING -> IDLE …; REFUSED and CLOSING end it

Each phase has its own time, and no byte that makes no progress lengthens it. A request is looked at when its
header section is complete: what can't be served is refused before its content is read. After a refusal the
connection ends, for what follows can't be told from content; the peer is given a moment to take the answer.
Requests that are pipelined are answered in their order, one at a time; no more than a bound is read ahead.
"""

from __future__ import annotations

from enum import Enum
from io import BytesIO
from typing import Any

from twisted.internet import protocol
from twisted.protocols import basic
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.wsgi import WSGIResource

from lightwave.directory.access.token import Token
from lightwave.identity.peers import peer_uid, tls_channel
from lightwave.sasl.channel import Channel
from lightwave.web.callers import Proved
from lightwave.web.dates import http_date
from lightwave.web.incoming import (
    ASTERISK,
    Head,
    IncomingRequest,
    check_head,
    header_fields,
    keeps_alive,
)
from lightwave.web.messages import Request, Response
from lightwave.web.problems import Problem
from lightwave.web.routing import Mount
from lightwave.web.service import WebService, log

MOST_LENGTH_DIGITS = 15
_DEFAULT_HEADERS = ((b"X-Content-Type-Options", b"nosniff"), (b"Cache-Control", b"no-store"))


class Phase(Enum):
    """What a connection waits for."""

    IDLE = "the next request"
    HEADERS = "the header section"
    CONTENT = "the content"
    HANDLING = "our answer"
    REFUSED = "the client to take its refusal"
    CLOSING = "the end"


class WebChannel(http.HTTPChannel):
    """The Twisted protocol of one client."""

    requestFactory = IncomingRequest  # noqa: N815  Twisted's name
    transport: Any
    _networkProducer: Any  # noqa: N815  Twisted's name

    def __init__(self, service: WebService, *, tls: bool, local: bool) -> None:
        super().__init__()
        self._service = service
        self._limits = service.limits
        self._tls = tls
        self._local = local
        self._channel = Channel(is_confidential=tls or local)
        self._proved = Proved()
        self._phase = Phase.IDLE
        self._timer: Any = None
        self._began = 0.0
        self._content = bytearray()
        self._sent = 0
        self._served = 0
        self._answered_in_turn = 0
        self._number = 0
        self.MAX_LENGTH = service.limits.line
        self.maxHeaders = service.limits.header_fields
        self.totalHeadersSize = service.limits.header_section
        self._optimisticEagerReadSize = service.limits.pipelined

    # --- life

    def connectionMade(self) -> None:  # noqa: N802  Twisted's name
        service = self._service
        if not self._local and len(service.connections) >= self._limits.connections:
            self._make_room()
        service.connections.add(self)
        service.accepted += 1
        self._number = service.next_serial()
        if self._local:
            self._channel = Channel(is_confidential=True, local_uid=peer_uid(self.transport), address="local")
        else:
            peer = self.transport.getPeer()
            self._channel = Channel(is_confidential=self._tls, address=f"{peer.host}:{peer.port}")
        super().connectionMade()
        self._enter(Phase.IDLE, self._limits.idle_seconds)

    def _make_room(self) -> None:
        """End the connection that has been idle longest, or this one when all are busy."""
        idle = [one for one in self._service.connections if one.is_idle]
        victim = min(idle, key=lambda one: one.idle_since, default=self)
        log.warning("%d HTTP connections are open: one is closed", len(self._service.connections))
        victim.transport.abortConnection()

    @property
    def is_idle(self) -> bool:
        """Whether the client has asked nothing that is not answered."""
        return self._phase is Phase.IDLE

    @property
    def idle_since(self) -> float:
        """Reactor time at which its phase began."""
        return self._began

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:  # noqa: N802  Twisted's name
        self._service.connections.discard(self)
        self._forget_content()
        self._phase = Phase.CLOSING
        self._watch(None)
        super().connectionLost(reason)

    def drain(self) -> None:
        """The server goes: end now unless something is being asked or answered."""
        if self._phase in (Phase.IDLE, Phase.HEADERS):
            self.loseConnection()
            self._watch(self._limits.closing_seconds)  # of TLS the peer may never answer the end

    def loseConnection(self) -> None:  # noqa: N802  Twisted's name
        if self._phase is not Phase.CLOSING:
            self._enter(Phase.CLOSING, self._limits.stalled_seconds + self._limits.closing_seconds)
        super().loseConnection()

    # --- time

    def _enter(self, phase: Phase, seconds: float | None) -> None:
        self._phase = phase
        self._began = self._service.reactor.seconds()
        self._watch(seconds)

    def _watch(self, seconds: float | None) -> None:
        timer = self._timer
        if timer is not None and timer.active():
            if seconds is None:
                timer.cancel()
            else:
                timer.reset(seconds)
                return
        self._timer = None if seconds is None else self._service.reactor.callLater(seconds, self._time_is_up)

    def _time_is_up(self) -> None:
        phase = self._phase
        if phase in (Phase.HEADERS, Phase.CONTENT):
            self.refuse(Problem(408, "the request took too long to arrive"))
        elif phase is Phase.REFUSED or (phase is Phase.IDLE and not self._waitingForTransport):
            self.loseConnection()
        else:  # it does not take what it was sent
            self.transport.abortConnection()

    def pauseProducing(self) -> None:  # noqa: N802  Twisted's name
        super().pauseProducing()
        if self._phase is Phase.IDLE:
            self._watch(self._limits.stalled_seconds + self._sent / self._limits.body_rate)

    def resumeProducing(self) -> None:  # noqa: N802  Twisted's name
        super().resumeProducing()
        if self._phase is Phase.IDLE:
            self._watch(self._limits.idle_seconds)

    # --- octets in

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  Twisted's name
        phase = self._phase
        if phase in (Phase.REFUSED, Phase.CLOSING):
            return
        self._answered_in_turn = 0
        if phase is Phase.IDLE and data:
            self._enter(Phase.HEADERS, self._limits.header_seconds)
        basic.LineReceiver.dataReceived(self, data)
        if self._phase is Phase.CONTENT:
            elapsed = self._service.reactor.seconds() - self._began
            allowed = self._limits.body_seconds + len(self._content) / self._limits.body_rate
            self._watch(max(0.0, allowed - elapsed))

    def lineReceived(self, line: bytes) -> None:  # noqa: N802  Twisted's name
        if self._phase is Phase.IDLE:  # a pipelined request that came with the one before
            self._enter(Phase.HEADERS, self._limits.header_seconds)
        if self._phase not in (Phase.REFUSED, Phase.CLOSING):
            if self._receivedHeaderSize + len(line) > self.totalHeadersSize:
                self.refuse(Problem(431, "the header section is too long"))
            else:
                super().lineReceived(line)

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802  Twisted's name
        if self._phase not in (Phase.REFUSED, Phase.CLOSING):
            super().rawDataReceived(data)

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802  Twisted's name
        if self._receivedHeaderSize:
            self.refuse(Problem(431, "a header field is too long"))
        else:
            self.refuse(Problem(414, "the request line is too long"))

    def headerReceived(self, line: bytes) -> bool:  # noqa: N802  Twisted's name
        """One header field; whether it can be taken."""
        if self._phase is not Phase.HEADERS:
            return False
        if self._receivedHeaderCount >= self.maxHeaders:
            self.refuse(Problem(431, "there are too many header fields"))
            return False
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and len(value.strip()) > MOST_LENGTH_DIGITS:
            self.refuse(Problem(413, "the content is too long"))
            return False
        return bool(super().headerReceived(line))

    def allHeadersReceived(self) -> None:  # noqa: N802  Twisted's name
        """Decide on the header section whether the request can be served at all."""
        request = self.requests[-1]
        target: Any = self._path  # Twisted says that it is a request
        head = Head(self._command, target, self._version, self.length)
        try:
            expects = check_head(request, head, self._service.router, self._limits.query_fields)
        except Problem as problem:
            self.refuse(problem)
            return
        self.persistent = keeps_alive(request, head)
        self._enter(Phase.CONTENT, self._limits.body_seconds)
        if expects and self._version == b"HTTP/1.1":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def take_content(self, data: bytes) -> None:
        """A part of the content; more than its route takes ends the request."""
        if self._phase is Phase.CONTENT:
            most = self.requests[-1].most_content
            service = self._service
            if len(self._content) + len(data) > most:
                self.refuse(Problem(413, f"this takes at most {most} bytes"))
            elif service.content_held + len(data) > self._limits.held:
                self.refuse(Problem(503, "too much is being sent to this server", (("Retry-After", "1"),)))
            else:
                self._content += data
                service.content_held += len(data)

    def _forget_content(self) -> None:
        self._service.content_held -= len(self._content)
        self._content = bytearray()

    def allContentReceived(self) -> None:  # noqa: N802  Twisted's name
        if self._phase is Phase.CONTENT:
            super().allContentReceived()

    # --- answers

    def serve(self, incoming: IncomingRequest) -> None:
        """Answer a complete request."""
        self._enter(Phase.HANDLING, None)
        if self._tls and self._channel.bindings is None:
            self._channel = tls_channel(self.transport, self._channel)
        self._served += 1
        service = self._service
        request = Request(
            method=incoming.method.decode("ascii"),
            segments=incoming.target.segments,
            channel=self._channel,
            query=incoming.target.query,
            headers=header_fields(incoming),
            body=bytes(self._content),
            now=service.now(),
            correlation=f"{service.run}-h{self._number}-{self._served}",
            is_gone=lambda: self._phase is not Phase.HANDLING,
        )
        mount = incoming.found.mount
        if incoming.target is ASTERISK:
            self._respond(Response(204), incoming)
        elif mount is not None:
            allowed: Any = service.authenticate(request, mount.access, self._proved)
            allowed.addCallback(self._serve_application, incoming, mount)
            allowed.addErrback(self._refuse_application, request, incoming)
        else:
            answering: Any = service.answer(request, incoming.found, self._proved)
            answering.addCallback(self._respond, incoming)
            answering.addErrback(self._give_up)

    def _refuse_application(self, failure: Failure, request: Request, incoming: IncomingRequest) -> None:
        error: Any = failure.value
        self._respond(self._service.refusal(error, request), incoming)

    def _serve_application(self, caller: Token, incoming: IncomingRequest, mount: Mount) -> None:
        depth = mount.path.count("/")
        path = [segment.encode() for segment in incoming.target.segments]
        incoming.prepath, incoming.postpath = path[:depth], path[depth:]
        incoming.content = BytesIO(bytes(self._content))
        incoming.requestHeaders.setRawHeaders(b"Content-Length", [b"%d" % len(self._content)])
        incoming.requestHeaders.removeHeader(b"Transfer-Encoding")
        if self._phase is not Phase.HANDLING:
            return

        def application(environ: dict[str, Any], start_response: Any) -> Any:
            environ["lightwave.caller"] = caller
            return mount.application(environ, start_response)

        WSGIResource(self._service.reactor, self._service.threads, application).render(incoming)

    def _respond(self, response: Response, incoming: IncomingRequest) -> None:
        """Send an answer, unless the client has gone."""
        service = self._service
        service.answered[response.status] = service.answered.get(response.status, 0) + 1
        if self._phase is not Phase.HANDLING:
            return
        if service.draining or self._served >= self._limits.requests:
            self.persistent = False
        incoming.setResponseCode(response.status)
        for name, value in self._fields(response):
            incoming.responseHeaders.addRawHeader(name, value)
        log.debug("%d-%d %s %d", self._number, self._served, incoming.method.decode(), response.status)
        self._sent = len(response.body)
        if response.body:
            incoming.write(response.body)
        incoming.finish()

    def _fields(self, response: Response) -> list[tuple[bytes, bytes]]:
        """The header fields of an answer."""
        fields = [(name.encode(), value.encode("latin-1", "replace")) for name, value in response.headers]
        named = {name.lower() for name, _ in fields}
        fields.extend(one for one in _DEFAULT_HEADERS if one[0].lower() not in named)
        fields.append((b"Date", http_date(self._service.now()).encode()))
        if response.status not in http.NO_BODY_CODES:
            fields.append((b"Content-Length", b"%d" % len(response.body)))
            if response.body:
                fields.append((b"Content-Type", response.content_type.encode()))
        if not self.persistent:
            fields.append((b"Connection", b"close"))
        return fields

    def requestDone(self, request: http.Request) -> None:  # noqa: N802  Twisted's name
        """The answer is written; what was pipelined comes next."""
        self._forget_content()
        if self._phase is Phase.HANDLING:
            if self._waitingForTransport:
                allowed = self._limits.stalled_seconds + self._sent / self._limits.body_rate
            else:
                allowed = self._limits.idle_seconds
            self._enter(Phase.IDLE, allowed)
        self._answered_in_turn += 1
        others_turn = self.persistent and self._answered_in_turn >= self._limits.requests_in_turn
        if others_turn:
            self.paused = True  # of the line receiver: what follows waits in its buffer
        super().requestDone(request)
        if others_turn:
            self._networkProducer.pauseProducing()
            self._service.reactor.callLater(0, self._go_on)

    def _go_on(self) -> None:
        """Take up what was pipelined, after others had their turn."""
        self.paused = False
        if self._phase not in (Phase.REFUSED, Phase.CLOSING):
            if not self._waitingForTransport:
                self._networkProducer.resumeProducing()
            self.dataReceived(b"")

    def refuse(self, problem: Problem) -> None:
        """Answer what can't be read further, then end the connection."""
        if self._phase in (Phase.REFUSED, Phase.CLOSING):
            return
        self.persistent = False
        self._forget_content()
        response = problem.response()
        service = self._service
        service.answered[response.status] = service.answered.get(response.status, 0) + 1
        log.info("HTTP connection %d from %s: %s", self._number, self._channel.address, problem.detail)
        reason = http.RESPONSES.get(response.status, b"Refused")
        head = [b"HTTP/1.1 %d %s\r\n" % (response.status, reason)]
        head.extend(b"%s: %s\r\n" % one for one in self._fields(response))
        body = b"" if getattr(self, "_command", b"") == b"HEAD" else response.body
        self._enter(Phase.REFUSED, self._limits.closing_seconds)
        self.transport.write(b"".join(head) + b"\r\n" + body)
        if not self._tls:  # the peer learns of the end at once, and can still send into the void
            self.transport.unregisterProducer()
            self.transport.loseWriteConnection()

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802  Twisted's name
        """What Twisted's parser does not take."""
        self.refuse(Problem(400, "the request is malformed"))

    def _give_up(self, failure: Failure) -> None:
        log.error("an answer can't be sent", exc_info=failure.value)
        self.transport.abortConnection()
