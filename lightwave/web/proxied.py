"""Clients behind proxies that speak the PROXY protocol (proxy_header.py), for every listener alike.

A connection from an address that is trusted as a proxy begins with a header, before TLS, and its peer is whom the
header announces. Without a whole and right header in time it is ended, so nobody slips past a proxy's list. A
connection from any other address is what it is: a header in it is no LDAP and no HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from twisted.internet import protocol
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import ILoggingContext
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]  # it has no stubs

from lightwave.web.proxy_header import BadHeader, read_header

HEADER_SECONDS = 5.0

_log = logging.getLogger(__name__)


@implementer(ILoggingContext)
class ProxiedFactory(protocol.ServerFactory):
    """Makes connections by another factory, after the header where the peer is a proxy."""

    noisy = False

    def __init__(self, factory: Any, is_proxy: Callable[[str], bool]) -> None:
        self._factory = factory
        self._is_proxy = is_proxy

    def logPrefix(self) -> str:  # noqa: N802  Twisted's name
        """As the factory behind it, in Twisted's own log."""
        behind = self._factory
        prefix: str = behind.logPrefix() if ILoggingContext.providedBy(behind) else type(behind).__name__
        return prefix

    def doStart(self) -> None:  # noqa: N802  Twisted's name
        """A port listens."""
        self._factory.doStart()

    def doStop(self) -> None:  # noqa: N802  Twisted's name
        """A port listens no more."""
        self._factory.doStop()

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802  Twisted's name
        if self._is_proxy(addr.host):
            return _AwaitingHeader(self._factory, addr)
        return self._factory.buildProtocol(addr)


class _AwaitingHeader(protocol.Protocol):
    """The beginning of a connection from a proxy."""

    transport: Any

    def __init__(self, factory: Any, proxy: Any) -> None:
        self._factory = factory
        self._proxy = proxy
        self._data = b""
        self._timer: Any = None

    def connectionMade(self) -> None:  # noqa: N802  Twisted's name
        self._timer = self.transport.reactor.callLater(HEADER_SECONDS, self._refuse, "none in time")

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  Twisted's name
        self._data += data
        try:
            announced = read_header(self._data)
        except BadHeader as error:
            self._refuse(str(error))
            return
        if announced is None:
            return  # at most `MOST` octets: a longer header is refused by its length
        self._stop_timer()
        self._hand_over(announced.client, self._data[announced.size :])

    def _hand_over(self, client: tuple[str, int] | None, rest: bytes) -> None:
        transport, peer = self.transport, self._proxy
        if client is not None:
            kind = IPv6Address if ":" in client[0] else IPv4Address
            peer = kind("TCP", *client)
            transport.getPeer = lambda: peer
        served = self._factory.buildProtocol(peer)
        transport.protocol = served
        served.makeConnection(transport)
        if rest and not transport.disconnecting:
            served.dataReceived(rest)

    def _refuse(self, reason: str) -> None:
        self._stop_timer()
        _log.warning("a connection from the proxy %s was ended: its header: %s", self._proxy.host, reason)
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:  # noqa: N802  Twisted's name
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
