"""Listening sockets: opened here, or by the parent of several serving processes and inherited.

Processes that share a socket are all woken by a client. Each takes one at a time, and one that has more clients than
another lets that one go first, for a moment: clients stay for long, so who has them matters more than who is quick.
What waits in a shared socket is lost with no process.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from twisted.internet import tcp, unix

from lightwave.web.proxied import ProxiedFactory

BACKLOG = 1_024
YIELD_SECONDS = 0.002
"""for which a process leaves a client to others"""
LOCAL_MODE = 0o666
"""who may reach a local socket is said by the permissions of its folder"""

Place = tuple[str, int] | str
"""Where a socket listens: address and port, or a path."""

_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
_log = logging.getLogger(__name__)


class Sharing(Protocol):
    """How many clients this process has, compared with those that it shares sockets with."""

    def is_ahead(self) -> bool:
        """Whether another has fewer."""

    def took_one(self) -> None:
        """This process has taken a client, or tried to."""


class Sockets:
    """Makes ports on the reactor; `inherited` sockets are used where they are given, with `sharing` then."""

    def __init__(
        self,
        reactor: Any,
        inherited: Mapping[Place, socket.socket] | None = None,
        sharing: Sharing | None = None,
        is_proxy: Callable[[str], bool] | None = None,
    ) -> None:
        """is_proxy: whether an address is that of a trusted proxy."""
        self._is_proxy = is_proxy
        self._reactor = reactor
        self._inherited = inherited
        self._sharing = sharing

    def listen(self, port: int, factory: Any, addresses: tuple[str, ...]) -> list[Any]:
        """Listen at all addresses, or at none: raises CannotListenError or OSError.

        `::` beside other addresses is left out where the machine has no IPv6.
        """
        ports: list[Any] = []
        if self._is_proxy is not None:
            factory = ProxiedFactory(factory, self._is_proxy)
        try:
            for address in addresses:
                if self._inherited is not None:
                    shared = self._inherited.get((address, port))
                    if shared is not None:
                        ports.append(_share(_SharedPort, self._reactor, shared, factory, self._sharing))
                elif (bound := _open_tcp_of(addresses, address, port)) is not None:
                    with bound:  # the port has a copy
                        ports.append(self._reactor.adoptStreamPort(bound.fileno(), bound.family, factory))
        except Exception:
            for one in ports:
                one.stopListening()
            raise
        return ports

    def listen_local(self, path: Path, factory: Any) -> Any:
        """Listen on a Unix socket.

        One that a killed server left behind is removed: whoever opens the store has made sure that no other server
        of this node runs.
        """
        if self._inherited is not None:
            shared = self._inherited[str(path)]
            return _share(_SharedLocalPort, self._reactor, shared, factory, self._sharing)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        return self._reactor.listenUNIX(str(path), factory, backlog=BACKLOG, mode=LOCAL_MODE)


def open_sockets(
    addresses: tuple[str, ...], ports: Iterable[int], paths: Iterable[Path]
) -> dict[Place, socket.socket]:
    """Sockets for processes to share; raises OSError when one can't be had, and keeps none then."""
    opened: dict[Place, socket.socket] = {}
    try:
        for port in ports:
            for address in addresses:
                bound = _open_tcp_of(addresses, address, port)
                if bound is not None:
                    opened[address, port] = bound
        for path in paths:
            opened[str(path)] = _open_local(path)
    except OSError:
        for one in opened.values():
            one.close()
        raise
    return opened


def _open_tcp_of(addresses: tuple[str, ...], address: str, port: int) -> socket.socket | None:
    try:
        return _open_tcp(address, port)
    except OSError as error:
        if address != "::" or len(addresses) == 1 or error.errno not in _NO_IPV6:
            raise OSError(error.errno, f"{address} port {port}: {error.strerror}") from None
        _log.info("this machine has no IPv6: port %d is served over IPv4 alone", port)
        return None


def _open_tcp(address: str, port: int) -> socket.socket:
    """An IPv6 socket takes IPv6 alone (RFC 3493 §5.3), or `::` could not stand beside `0.0.0.0`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
        bound.setblocking(False)
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def _open_local(path: Path) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        os.chmod(path, LOCAL_MODE)
        bound.setblocking(False)
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


class _OneAtATime:
    """Accepts one client each time that the socket is ready; Twisted would take as many as there are.

    Comes before a port in the order of classes.
    """

    sharing: Sharing | None = None
    _has_yielded = False
    _resuming: Any = None

    def doRead(self) -> None:  # noqa: N802  Twisted's name
        """Clients wait."""
        port: Any = self
        sharing = self.sharing
        if sharing is not None and not self._has_yielded and sharing.is_ahead():
            self._has_yielded = True
            port.stopReading()
            self._resuming = port.reactor.callLater(YIELD_SECONDS, self._resume)
            return
        self._has_yielded = False
        accept: Any = super()
        accept.doRead()
        if sharing is not None:
            sharing.took_one()

    def _resume(self) -> None:
        self._resuming = None
        port: Any = self
        port.startReading()

    def loseConnection(self, *arguments: Any) -> Any:  # noqa: N802  Twisted's name
        """Listen no more."""
        if self._resuming is not None:
            self._resuming.cancel()
            self._resuming = None
        ending: Any = super()
        return ending.loseConnection(*arguments)

    stopListening = loseConnection  # noqa: N815  Twisted's name

    @property
    def numberAccepts(self) -> int:  # noqa: N802  Twisted's name
        """How many to accept."""
        return 1

    @numberAccepts.setter
    def numberAccepts(self, number: int) -> None:  # noqa: N802  Twisted's name
        """It stays."""


class _SharedPort(_OneAtATime, tcp.Port):
    """A TCP port on a socket that other processes have too."""


class _SharedLocalPort(_OneAtATime, unix.Port):
    """A local port on a socket that other processes have too; its path stays when one of them ends."""

    def connectionLost(self, reason: Any) -> None:  # noqa: N802  Twisted's name
        """This process listens no more."""
        ended: Any = tcp.Port.connectionLost
        ended(self, reason)


def _share(kind: Any, reactor: Any, shared: socket.socket, factory: Any, sharing: Sharing | None) -> Any:
    if shared.family == socket.AF_UNIX:
        port = kind._fromListeningDescriptor(reactor, shared.fileno(), factory)
    else:
        port = kind._fromListeningDescriptor(reactor, shared.fileno(), shared.family, factory)
    port.backlog = BACKLOG
    port.sharing = sharing
    port.startListening()
    return port
