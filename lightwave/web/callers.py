"""Who calls: the local socket's user, a client certificate, or what the Authorization header says.

A header wins over what the channel knows; without either the caller is anonymous. A password is read only on
a channel that may carry one. Verification is identity's (`SignIns`): heavy hashing runs in threads,
and failures are counted and delayed as those of other protocols.
What a connection has proved once is kept with it, as a digest of the header under a key of this process, and
the account's liveness is asked at each request. Other schemes (tickets, tokens) are registered by the
services that understand them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.python.failure import Failure

from lightwave.directory.access.token import ANONYMOUS, Token
from lightwave.directory.store.environment import Store
from lightwave.identity.audit_notices import Claimed, Way
from lightwave.identity.authentication import Authenticated, Authenticator
from lightwave.identity.ldap_results import result_code
from lightwave.identity.liveness import TokenLiveness
from lightwave.identity.names import MAX_NAME
from lightwave.identity.refusals import AuthenticationFailed, NotLive, Refusal
from lightwave.identity.sign_in import SignIns, Source
from lightwave.sasl.channel import Channel
from lightwave.sasl.mechanism import ExternalClaim, PasswordClaim
from lightwave.web.messages import Request
from lightwave.web.problems import Problem

_log = logging.getLogger("lightwave.web")

REALM = "lightwave"
MAX_CREDENTIALS = 8 * 1024
"""bytes of an Authorization header"""


class AuthenticationScheme(Protocol):
    """A scheme of the Authorization header (RFC 9110 §11) that another service understands."""

    @property
    def name(self) -> str:
        """The scheme, in lower case."""

    @property
    def challenge(self) -> str:
        """What WWW-Authenticate says to invite it."""

    def authenticate(self, request: Request, credentials: str) -> Deferred[Token]:
        """The token of whom `credentials` prove; fails with AuthenticationFailed or Problem."""


class Notices(Protocol):
    """Hears of who signed in and who was not let in (`identity.audit_notices`)."""

    def signed_in(self, token: Token, way: Way, method: str) -> None: ...

    def sign_in_refused(self, claimed: Claimed | None, way: Way, outcome: str, detail: str) -> None: ...


class Proved:
    """What one connection has proved: the token of its channel, and of the last header that was verified."""

    __slots__ = ("channel", "channel_token", "claimed", "digest", "header_token")

    def __init__(self) -> None:
        self.channel: Channel | None = None
        self.channel_token = ANONYMOUS
        self.digest = b""
        self.header_token = ANONYMOUS
        self.claimed: Claimed | None = None
        """whom the last header named"""


class Callers:
    """Authenticates callers."""

    def __init__(
        self,
        store: Store,
        authenticator: Authenticator,
        liveness: TokenLiveness,
        sign_ins: SignIns,
        now: Callable[[], float],
        key: bytes,
        notices: Notices | None = None,
    ) -> None:
        """`key`: random bytes of this process, at least 16."""
        self._notices = notices
        self._store = store
        self._authenticator = authenticator
        self._liveness = liveness
        self._sign_ins = sign_ins
        self._now = now
        self._key = key
        self._schemes: dict[str, AuthenticationScheme] = {}

    def register(self, scheme: AuthenticationScheme) -> None:
        """Serve a scheme beside Basic."""
        if scheme.name == "basic" or scheme.name in self._schemes:
            raise ValueError(f"the scheme {scheme.name} is served already")
        self._schemes[scheme.name] = scheme

    def challenges(self, channel: Channel) -> tuple[tuple[str, str], ...]:
        """WWW-Authenticate headers of a 401; none on a channel that may carry no password."""
        if not channel.is_confidential:
            return ()
        offered = [f'Basic realm="{REALM}", charset="UTF-8"']
        offered.extend(scheme.challenge for scheme in self._schemes.values())
        return tuple(("WWW-Authenticate", one) for one in offered)

    def authenticate(self, request: Request, proved: Proved) -> Deferred[Token]:
        """The caller of a request; fails with Problem 401 or 403, AuthenticationFailed, or busy."""
        headers = request.headers.all("authorization")
        if not headers:
            return succeed(self._of_channel(request, proved))
        if len(headers) > 1 or len(headers[0]) > MAX_CREDENTIALS:
            raise Problem(400, "one Authorization header is taken, of reasonable size")
        if not request.channel.is_confidential:
            raise Problem(403, "credentials are taken over HTTPS or the local socket only")
        digest = hmac.digest(self._key, headers[0].encode("latin-1"), hashlib.sha256)
        if hmac.compare_digest(digest, proved.digest):
            current = self._live(proved.header_token)
            if current is not None:
                proved.header_token = current
                return succeed(current)
        scheme, _, credentials = headers[0].partition(" ")
        name, credentials = scheme.casefold(), credentials.strip()
        if name != "basic" and name not in self._schemes:
            raise Problem(401, "the scheme of the Authorization header is not served here")
        proved.claimed = None
        verified: Deferred[Token]
        if name == "basic":
            verified = maybeDeferred(self._basic, request.channel, credentials, proved)
        else:
            verified = self._schemes[name].authenticate(request, credentials)

        def keep(token: Token) -> Token:
            proved.digest, proved.header_token = digest, token
            self._tell(request, token, name)
            return token

        def refused(failure: Failure) -> Failure:
            self._tell_refusal(request, failure.value, proved.claimed)
            return failure

        return verified.addCallbacks(keep, refused)

    def _tell(self, request: Request, token: Token, method: str) -> None:
        if self._notices is not None:
            way = Way("rest", request.channel.address, request.correlation)
            self._notices.signed_in(token, way, method)

    def _tell_refusal(self, request: Request, error: object, claimed: Claimed | None) -> None:
        if self._notices is not None and isinstance(error, AuthenticationFailed):
            way = Way("rest", request.channel.address, request.correlation)
            self._notices.sign_in_refused(claimed, way, result_code(error.refusal).label, error.detail)

    def _live(self, token: Token) -> Token | None:
        """The token as its bearer's groups are now; None when he may no longer act."""
        with self._store.read() as txn:
            try:
                self._liveness.check_token(txn, token, self._now())
            except NotLive as error:
                _log.info("%s may no longer act: %s", token.dn.decode(), error.reason)
                return None
            return self._liveness.current(txn, token)

    def _of_channel(self, request: Request, proved: Proved) -> Token:
        """Whom a certificate or the local socket stands for; nobody when no entry belongs to it."""
        channel = request.channel
        if not channel.has_external_identity:
            return ANONYMOUS
        if proved.channel is channel:
            current = self._live(proved.channel_token)
            if current is not None:
                proved.channel_token = current
                return current
        try:
            with self._store.read() as txn:
                token = self._authenticator.authenticate_external(
                    txn, ExternalClaim(None), channel, self._now()
                )
        except AuthenticationFailed as error:
            _log.info("from %s: %s", channel.address, error.detail or error)
            self._tell_refusal(request, error, None)
            token = ANONYMOUS
        else:
            self._tell(request, token, token.authenticated_by.value)
        proved.channel, proved.channel_token = channel, token
        return token

    def _basic(self, channel: Channel, credentials: str, proved: Proved) -> Deferred[Token]:
        """RFC 7617: a name (a DN, or a user's with or without domain), a colon and a password, in UTF-8."""
        name, password = _decode_basic(credentials)
        if not name or not password or len(name) > MAX_NAME:
            raise AuthenticationFailed(Refusal.INVALID_CREDENTIALS, "no name or no password")
        waiting: Deferred[Token] = Deferred()

        def done(result: Authenticated | BaseException) -> None:
            if isinstance(result, BaseException):
                waiting.errback(result)
            elif result.token.must_change:
                waiting.errback(AuthenticationFailed(Refusal.MUST_CHANGE))
            else:
                waiting.callback(result.token)

        with self._store.read() as txn:
            candidate = self._authenticator.lookup_identity(txn, PasswordClaim(name, None, password))
            proved.claimed = Claimed(candidate.tenant, candidate.entry_id, name)
            self._sign_ins.password(txn, candidate, password, Source(channel.address, "http"), done)
        return waiting


def _decode_basic(credentials: str) -> tuple[str, bytes]:
    try:
        decoded = base64.b64decode(credentials.encode("ascii"), validate=True)
        name, colon, password = decoded.partition(b":")
        if not colon:
            raise Problem(400, "the Basic credentials are malformed")
        return name.decode("utf-8"), password
    except (UnicodeError, binascii.Error):
        raise Problem(400, "the Basic credentials are malformed") from None
