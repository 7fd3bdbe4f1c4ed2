"""One LDAP connection: octets in, session, operation, octets out.

Hot path: a chunk of data is decoded, its searches run in the read transaction of the reactor's turn, and the
answers leave in one write at the end of it, straight to the socket when nothing waits before them (a round trip
through Twisted's write queue costs as much as the search: 9 µs of 19). What takes longer than a slice goes on in
later reactor turns, one search after the other. A client that does not read is paused: no searching and no
reading until its answers are taken.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.internet import interfaces, protocol
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]  # it has no stubs

from lightwave.directory.access.token import ANONYMOUS, Token
from lightwave.directory.ldap.limits import SessionLimits
from lightwave.directory.ldap.requests import BindRequest, SearchRequest, UnbindRequest
from lightwave.directory.ldap.responses import encode_result
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.ldap.session import Event, Refused, ServerSession
from lightwave.directory.operations.context import Context, Limits
from lightwave.directory.operations.outcome import Outcome, log_failure, outcome_of
from lightwave.directory.server import requests
from lightwave.directory.server.must_change import refuse
from lightwave.directory.server.searching import OCTETS, RunningSearches
from lightwave.directory.server.service import DirectoryService, log
from lightwave.directory.server.settings import DEFAULTS, MAX_PDU_ANONYMOUS, Settings
from lightwave.directory.server.transactions import Transaction
from lightwave.directory.server.transactions import forget as forget_transaction
from lightwave.identity.audit_notices import Claimed
from lightwave.identity.peers import peer_uid, tls_channel
from lightwave.identity.refusals import NotLive
from lightwave.sasl.channel import Channel
from lightwave.sasl.layers import LayerBroken, SecurityLayer
from lightwave.sasl.mechanism import Acceptor

if TYPE_CHECKING:
    from lightwave.directory.store.reading import ReadTransaction

TURN = 0.005
"""seconds that the requests of one connection may hold the reactor"""
LAYER_OCTETS = 1_024
"""octets that a packet of a security layer may have beside one request"""
CLOSING_SECONDS = 5.0
"""seconds that a peer has to take what was written before the connection ends"""
LINGERING_SECONDS = 0.5
"""the same for a peer that goes on sending instead"""


_RIGHTLESS = frozenset({BindRequest, UnbindRequest})
"""requests that use no right of the identity so far"""


@implementer(interfaces.IPushProducer, interfaces.IHandshakeListener)
class LDAPConnection(protocol.Protocol):
    """The Twisted protocol of one client."""

    transport: Any  # ITCPTransport, IUNIXTransport or TLS over one of them

    def __init__(self, service: DirectoryService, *, tls: bool = False, local: bool = False) -> None:
        self.service = service
        self.token: Token = ANONYMOUS
        self.restricted = False
        """its bearer has to change his password before anything else"""
        self.channel = Channel(is_confidential=tls or local)
        self.session = ServerSession(SessionLimits(max_pdu=MAX_PDU_ANONYMOUS), tls_active=tls)
        self.searches = RunningSearches(self)
        self.acceptor: Acceptor | None = None
        self.layer: SecurityLayer | None = None
        self.settings: Settings = DEFAULTS
        self.limits: Limits = DEFAULTS.anonymous
        self.number = 0
        self.writes = 0
        self.bind_began = 0.0
        self.bind_method = ""
        self.bind_explains = False
        """the bind asks what policy thinks of the password"""
        self.claimed: Claimed | None = None
        self.draining = False
        self.paused = False
        self.lost = False
        self._ending = False
        self._local = local
        self._tls = tls
        self._direct = not tls
        self._shaking_hands = tls
        self._waiting: deque[Event] = deque()
        self._reading = True
        self._last_activity = 0.0
        self._idle_timer: Any = None
        self._context: Context | None = None
        self._live_in = -1
        self._live_until = 0.0
        self._after_writes: list[Any] = []
        self._unsent: list[bytes] = []
        self.transaction: Transaction | None = None

    # --- Twisted's side
    # --------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:  # noqa: N802  Twisted's name
        service = self.service
        self.number = service.next_serial()
        with service.store.read() as txn:
            self.settings = service.settings.current(txn, service.schemas.current(txn))
        if len(service.connections) >= self.settings.max_connections and not self._local:
            log.warning("connection refused: %d are open", len(service.connections))
            self.transport.abortConnection()
            return
        service.connections.add(self)
        self._identify_peer()
        self.set_token(ANONYMOUS)
        self.transport.registerProducer(self, True)
        self._last_activity = service.monotonic()
        self._watch_idleness()
        service.operations.watch(self)

    def _identify_peer(self) -> None:
        if self._local:
            self.channel = Channel(is_confidential=True, local_uid=peer_uid(self.transport), address="local")
            return
        self.transport.setTcpNoDelay(True)
        self.transport.setTcpKeepAlive(True)
        peer = self.transport.getPeer()
        self.channel = Channel(is_confidential=self._tls, address=f"{peer.host}:{peer.port}")

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  Twisted's name
        if self._ending:
            self._refuse_more()
        elif not self.draining:  # else the connection would end before what it writes is answered
            if self.layer is not None:
                try:
                    data = self.layer.receive(data)
                except LayerBroken as error:
                    self.dismiss(ResultCode.PROTOCOL_ERROR, f"the security layer does not hold: {error}")
                    return
            self._process(data)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:  # noqa: N802  Twisted's name
        self.lost = True
        self.service.connections.discard(self)
        self.searches.clear()
        self._waiting.clear()
        self.session.lost()
        if self.transaction is not None:
            forget_transaction(self)
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def pauseProducing(self) -> None:  # noqa: N802  Twisted's name
        """The client does not read: neither search for it nor take further requests."""
        self.paused = True
        self.update_reading()

    def resumeProducing(self) -> None:  # noqa: N802  Twisted's name
        self.paused = False
        self._last_activity = self.service.monotonic()
        self.update_reading()
        self.searches.schedule()
        if self._waiting:
            self.service.call_later(0, self._process_waiting)

    def stopProducing(self) -> None:  # noqa: N802  Twisted's name
        """Nothing to do: connectionLost follows."""

    def handshakeCompleted(self) -> None:  # noqa: N802  Twisted's name
        """TLS stands."""
        self._shaking_hands = False
        self.update_reading()

    def update_reading(self) -> None:
        """Read only while what was read before is taken: no more is kept for a client than one chunk."""
        # TLS pauses us while what it has to send waits for the handshake, which needs to be read.
        reading = self._shaking_hands or not (self.paused or self._waiting or self.session.is_holding)
        if reading is not self._reading and not self.lost:
            self._reading = reading
            if reading:
                self.transport.resumeProducing()
            else:
                self.transport.pauseProducing()

    # --- requests
    # --------------------------------------------------------------------------------------------------

    def _process(self, data: bytes) -> None:
        events = self.session.receive_data(data)
        if events:
            if self._waiting:
                self._waiting.extend(events)
            else:
                self._serve(events)
        if self.session.is_ended and not self._waiting:
            self._disconnect()

    def send_own(self) -> None:
        """What the session itself has to say: the notice at its end."""
        own = self.session.data_to_send()
        if own:
            self.send(own)

    def process_held(self) -> None:
        """Take what came while a bind was in progress."""
        if not self.lost:
            self._process(b"")
            self.update_reading()

    def _process_waiting(self) -> None:
        if self._waiting and not self.paused:
            events = list(self._waiting)
            self._waiting.clear()
            self._serve(events)
            self.update_reading()
            if self.session.is_ended and not self._waiting:
                self._disconnect()

    def _wait(self, events: list[Event]) -> None:
        """Serve the rest of a chunk later: others have their turn, or the client has answers to take first."""
        self._waiting.extendleft(reversed(events))
        self.update_reading()
        if not self.paused:
            self.service.call_later(0, self._process_waiting)

    def _serve(self, events: list[Event]) -> None:
        service = self.service
        out: list[bytes] = []
        gathered = counted = 0
        started = self._last_activity = service.monotonic()
        turn = service.turn
        txn = turn.snapshot(started)
        schema = turn.schema
        try:
            for position, event in enumerate(events):
                if position:
                    gathered += sum(map(len, out[counted:]))
                    counted = len(out)
                    if gathered > OCTETS or service.monotonic() - started > TURN:
                        self.send(b"".join(out))
                        out.clear()
                        self._wait(events[position:])
                        break
                if type(event) is Refused:
                    out.append(encode_result(event.message_id, event.tag, event.code, message=event.message))
                    continue
                request = event.request  # type: ignore[union-attr]  # Refused went the way above
                kind = type(request)
                if kind not in _RIGHTLESS and not self.is_live(txn):
                    break
                if self.restricted and (refused := refuse(self, txn, schema, event)) is not None:  # type: ignore[arg-type]
                    out.append(refused)
                elif kind is SearchRequest:
                    self.searches.start(txn, schema, event, out)  # type: ignore[arg-type]
                else:
                    if out:  # a bind or StartTLS answers by itself, and after what came before
                        self.send(b"".join(out))
                        out.clear()
                    requests.serve(self, txn, schema, event, out)  # type: ignore[arg-type]
            if out:
                self.send(b"".join(out))
        finally:
            turn.settle()

    def is_live(self, txn: ReadTransaction) -> bool:
        """Whether the bearer of the connection's token may still act; if not, the connection ends."""
        token = self.token
        if token.is_anonymous:
            return True
        now = self.service.now()
        if txn.id == self._live_in and now < self._live_until:
            return True
        try:
            self._live_until = self.service.liveness.check_token(txn, token, now)
            current = self.service.liveness.current(txn, token)
            if current is not token:  # his groups have changed
                self.set_token(current, restricted=self.restricted)
            self._live_in = txn.id
        except NotLive as error:
            log.info("connection %d: %s may no longer act: %s", self.number, token.dn.decode(), error.reason)
            self.set_token(ANONYMOUS)
            # RFC 4511 §4.4.1: the security association has been compromised or ended
            self.session.disconnect(ResultCode.STRONGER_AUTH_REQUIRED, "sign in again")
            self.service.call_later(0, self._disconnect)
            return False
        return True

    def context(self, controls: tuple[Any, ...] = ()) -> Context:
        """The surroundings of a request on this connection."""
        context = self._context
        if context is None or controls:
            made = Context(
                token=self.token,
                limits=self.limits,
                controls=controls,
                now=self.service.now,
                peer=self.channel.address,
                protocol="ldap",
                secure=self.channel.is_confidential,
                correlation=self.correlation,
            )
            if controls:
                return made
            context = self._context = made
        return context

    @property
    def correlation(self) -> str:
        """Names this connection, and with it the login and all that is asked over it, in logs and in the audit."""
        return f"{self.service.run}-c{self.number}"

    def set_token(self, token: Token, *, restricted: bool = False) -> None:
        """From now on the connection acts as `token`'s bearer, within his limits.

        restricted: all he may do is change his password (`must_change`).
        """
        self.restricted = restricted or token.must_change
        self.token = replace(token, must_change=False) if token.must_change else token
        self._context = None
        self._live_in = -1
        self.limits = self.service.limits_of(token, self.settings)
        session = self.session
        session.limits.outstanding = self.limits.outstanding
        largest = MAX_PDU_ANONYMOUS if token.is_anonymous else self.settings.max_pdu
        session.limits.max_pdu = largest

    def renew(self, token: Token) -> None:
        """Go on under the token that a change of one's own password gave, unless somebody else signed in meanwhile."""
        if token.guid == self.token.guid:
            self.set_token(token)

    # --- answers
    # ---------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Write to the client: with the others at the end of a turn, at once outside of one."""
        if self._direct and self.service.turn.txn is not None:
            unsent = self._unsent
            unsent.append(data)
            if len(unsent) == 1:
                self.service.turn.gather(self)
        else:
            self._write(data)

    def flush(self) -> None:
        """Write what was gathered in this turn."""
        unsent = self._unsent
        if unsent:
            data = unsent[0] if len(unsent) == 1 else b"".join(unsent)
            unsent.clear()
            self._write(data)

    def _write(self, data: bytes) -> None:
        """To the socket when nothing waits before it, to the transport's queue otherwise."""
        if self.lost:
            return  # an operation that was under way when the client went
        if self.layer is not None:
            data = self.layer.wrap(data)
        transport = self.transport
        if self._direct and not (transport.dataBuffer or transport._tempDataBuffer):
            try:  # `transport.writeSomeData` in short, which costs 1 µs more
                written = transport.socket.send(data)
            except OSError:
                pass  # full, or broken: the transport finds out which
            else:
                if written == len(data):
                    return
                data = data[written:]
        transport.write(data)

    def answer(self, message_id: int, tag: int, outcome: Outcome) -> None:
        """Send an LDAPResult and take the request off the books."""
        if outcome.token is not None:
            self.renew(outcome.token)
        self.send(self.encode_outcome(message_id, tag, outcome))

    def refusal(self, message_id: int, tag: int, error: BaseException) -> bytes:
        """The encoded result for an error, with the request taken off the books."""
        outcome = outcome_of(error, f"{self.correlation}-{message_id}")
        if outcome.error is not None:
            log_failure(log, f"connection {self.number}", outcome.error)
        return self.encode_outcome(message_id, tag, outcome)

    def encode_outcome(self, message_id: int, tag: int, outcome: Outcome) -> bytes:
        """The encoded LDAPResult, with the request taken off the books."""
        self.session.finish(message_id)
        self.service.counts.results[tag << 16 | outcome.code] += 1
        return encode_result(
            message_id,
            tag,
            outcome.code,
            outcome.matched,
            outcome.message,
            outcome.referrals,
            outcome.controls,
        )

    # --- life
    # ------------------------------------------------------------------------------------------------------

    def start_tls(self) -> None:
        """Hand the connection over to TLS; the answer to StartTLS leaves before."""
        self.flush()
        self._direct = False
        self._tls = self._shaking_hands = True
        self.transport.unregisterProducer()
        self.transport.startTLS(self.service.tls)
        self.transport.registerProducer(self, True)
        self.channel = Channel(is_confidential=True, address=self.channel.address)

    def protect(self, layer: SecurityLayer) -> None:
        """Have a security layer from the next octet on, in both directions (RFC 4422 §3.7).

        It replaces one that is there. What came while the bind was in progress came under no layer or the former
        one, where nothing may come (RFC 4511 §4.2.1): it was put there by somebody else, and ends the connection.
        """
        self.flush()
        if self.session.has_held or (self.layer is not None and self.layer.is_within_packet):
            self.dismiss(ResultCode.PROTOCOL_ERROR, "octets before the security layer")
        self.layer = layer
        # Cyrus SASL's clients heed their own largest packet only, and put a whole request into one.
        layer.most = max(layer.most, self.settings.max_pdu + LAYER_OCTETS)
        if layer.is_confidential:
            self.channel = replace(self.channel, is_confidential=True)
        self._context = None

    def refresh_channel(self) -> None:
        """Learn what the handshake of TLS gave: the channel bindings, and the client's certificate."""
        if self._tls and self.channel.bindings is None:
            self.channel = tls_channel(self.transport, self.channel)

    def finish_write(self) -> None:
        """A write has been answered; a bind may wait for it, or the end of the connection."""
        self.writes -= 1
        if not self.writes:
            waiting, self._after_writes = self._after_writes, []
            for call in waiting:
                call()
            if self.draining:
                self._disconnect()

    def when_written(self, call: Any) -> None:
        """Run `call` when no write is under way (RFC 4511 §4.2.1: a bind begins after what came before)."""
        if self.writes:
            self._after_writes.append(call)
        else:
            call()

    def dismiss(self, code: ResultCode, message: str) -> None:
        """End the connection from the server's side, with a notice that says why."""
        self.session.disconnect(code, message)
        self.service.call_later(0, self._disconnect)

    def drain(self) -> None:
        """Send the notice, finish what is being written, then close."""
        if self.draining:
            return
        self.draining = True
        self.searches.clear()
        self.session.disconnect(ResultCode.UNAVAILABLE, "the server is shutting down")
        if not self.writes:
            self._disconnect()

    def _disconnect(self) -> None:
        self.send_own()
        self._end()

    def _end(self) -> None:
        self.searches.clear()
        if self._ending or self.lost:
            return
        self._ending = True
        closing = self.session.closing
        if closing is not None and not self.draining:
            log.info("connection %d closed: %s: %s", self.number, closing.code.label, closing.message)
        self.flush()
        # A producer that is registered would hold up the end of TLS until it is done (it never is).
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        # A peer that takes neither the rest nor the end is not waited for.
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._idle_timer = self.service.call_later(CLOSING_SECONDS, self._abort)

    def _refuse_more(self) -> None:
        """The peer goes on sending after the end (under TLS it can, until it has taken the end)."""
        self.transport.pauseProducing()
        if self._idle_timer is not None and self._idle_timer.active():
            self._idle_timer.reset(LINGERING_SECONDS)

    def _watch_idleness(self) -> None:
        """One timer for the life of the connection: it looks when the peer last made a request.

        Octets that make no request don't count, else a byte now and then would hold a connection for ever. A
        client that waits for answers is not idle, unless it does not take them.
        """
        service = self.service
        if self.session.outstanding and not self.paused:
            self._last_activity = service.monotonic()
        left = self.limits.idle - (service.monotonic() - self._last_activity)
        if left <= 0:
            self._idle_timer = None
            self.session.disconnect(ResultCode.BUSY, "idle for too long")
            self._disconnect()
            return
        self._idle_timer = service.call_later(max(left, 1.0), self._watch_idleness)

    def _abort(self) -> None:
        self._idle_timer = None
        self.transport.abortConnection()
