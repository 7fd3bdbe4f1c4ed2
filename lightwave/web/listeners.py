"""HTTP listeners: HTTP, HTTPS, and the local socket of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import protocol
from twisted.internet.interfaces import IAddress, IProtocolNegotiationFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.http import Request
from zope.interface import implementer  # type: ignore[import-untyped]  # it has no stubs

from lightwave.web.channel import WebChannel
from lightwave.web.service import WebService
from lightwave.web.sockets import Sockets


@implementer(IProtocolNegotiationFactory)
class WebFactory(protocol.ServerFactory):
    """Makes a connection for each client."""

    noisy = False

    def __init__(self, service: WebService, *, tls: bool = False, local: bool = False) -> None:
        self._service = service
        self._tls = tls
        self._local = local

    def buildProtocol(self, addr: IAddress | None) -> WebChannel:  # noqa: N802  Twisted's name
        channel = WebChannel(self._service, tls=self._tls, local=self._local)
        channel.factory = self
        return channel

    def acceptableProtocols(self) -> list[bytes]:  # noqa: N802  Twisted's name
        """What ALPN may choose (RFC 7301)."""
        return [b"http/1.1"]

    def log(self, request: Request) -> None:
        """Twisted tells of each answer; the channel logs it itself."""


def https_factory(service: WebService, tls: object) -> Any:
    """The factory of HTTPS; `tls` is a context factory for connections."""
    over_tls: Any = TLSMemoryBIOFactory
    return over_tls(tls, False, WebFactory(service, tls=True))


def listen_local(sockets: Sockets, service: WebService, path: Path) -> Any:
    """Listen on a Unix socket; who may reach it is said by the data folder's permissions."""
    return sockets.listen_local(path, WebFactory(service, local=True))
