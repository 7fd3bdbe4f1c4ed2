"""Listeners: LDAP, LDAPS and LDAPI, and the TLS settings that they share."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet import protocol, ssl
from twisted.internet.interfaces import IAddress
from twisted.protocols.tls import TLSMemoryBIOFactory

from lightwave.directory.server.connection import LDAPConnection
from lightwave.directory.server.service import DirectoryService

_log = logging.getLogger(__name__)
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)

BACKLOG = 1024
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""of TLS 1.2: forward secrecy and authenticated encryption (RFC 9325 §4.2); TLS 1.3 has nothing else"""


class LDAPFactory(protocol.ServerFactory):
    """Makes a connection for each client."""

    noisy = False

    def __init__(self, service: DirectoryService, *, tls: bool = False, local: bool = False) -> None:
        self._service = service
        self._tls = tls
        self._local = local

    def buildProtocol(self, addr: IAddress | None) -> LDAPConnection:  # noqa: N802  Twisted's name
        connection = LDAPConnection(self._service, tls=self._tls, local=self._local)
        connection.factory = self
        return connection


def tls_context(certificate_chain: bytes, key: bytes, trust: bytes) -> ssl.CertificateOptions:
    """TLS 1.2 or later with forward secrecy. PEM: the node's chain, its key, and the roots of client
    certificates.

    A client may present a certificate (SASL EXTERNAL); one that our CA did not issue fails the handshake.
    """
    chain = [crypto.X509.from_cryptography(one) for one in _certificates(certificate_chain)]
    roots = [crypto.X509.from_cryptography(one) for one in _certificates(trust)]
    ciphers: Any = ssl.AcceptableCiphers
    options = ssl.CertificateOptions(
        privateKey=crypto.load_privatekey(crypto.FILETYPE_PEM, key),
        certificate=chain[0],
        extraCertChain=chain[1:],
        raiseMinimumTo=ssl.TLSVersion.TLSv1_2,
        acceptableCiphers=ciphers.fromOpenSSLCipherString(CIPHERS),
        verify=True,
        requireCertificate=False,
        caCerts=roots,
        enableSessions=True,
        fixBrokenPeers=False,
    )
    context = options.getContext()
    context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    context.set_session_id(os.urandom(16))
    return options


def _certificates(pem: bytes) -> list[Any]:
    from cryptography import x509

    return x509.load_pem_x509_certificates(pem)


def listen_tcp(
    reactor: Any, service: DirectoryService, addresses: tuple[str, ...], port: int, secure_port: int
) -> list[Any]:
    """Listen for LDAP, and for LDAPS when the node has a certificate; raises CannotListenError or OSError."""
    ports = listen(reactor, port, LDAPFactory(service), addresses)
    if service.tls is not None:
        over_tls: Any = TLSMemoryBIOFactory  # as listenSSL does, whose types say less
        secure = over_tls(service.tls, False, LDAPFactory(service, tls=True))
        try:
            ports += listen(reactor, secure_port, secure, addresses)
        except Exception:
            _close(ports)
            raise
    return ports


def listen(reactor: Any, port: int, factory: Any, addresses: tuple[str, ...]) -> list[Any]:
    """Listen at all addresses, or at none: raises CannotListenError or OSError.

    `::` beside other addresses is left out where the machine has no IPv6.
    """
    ports: list[Any] = []
    try:
        for address in addresses:
            try:
                ports.append(_listen(reactor, port, factory, address))
            except OSError as error:
                if address != "::" or len(addresses) == 1 or error.errno not in _NO_IPV6:
                    raise
                _log.info("this machine has no IPv6: port %d is served over IPv4 alone", port)
    except Exception:
        _close(ports)
        raise
    return ports


def _close(ports: list[Any]) -> None:
    for one in ports:
        one.stopListening()


def _listen(reactor: Any, port: int, factory: Any, address: str) -> Any:
    """One port. An IPv6 socket takes IPv6 alone (RFC 3493 §5.3), or `::` could not stand beside `0.0.0.0`."""
    if ":" not in address:
        return reactor.listenTCP(port, factory, backlog=BACKLOG, interface=address)
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
        bound.setblocking(False)
        bound.listen(BACKLOG)
        return reactor.adoptStreamPort(bound.fileno(), socket.AF_INET6, factory)  # of a copy


def listen_local(reactor: Any, service: DirectoryService, path: Path) -> Any:
    """Listen on a Unix socket; who may reach it is said by the data folder's permissions.

    A socket that a killed server left behind is removed: whoever opens the store has made sure that no other
    server of this node runs.
    """
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    return reactor.listenUNIX(str(path), LDAPFactory(service, local=True), backlog=BACKLOG, mode=0o666)
