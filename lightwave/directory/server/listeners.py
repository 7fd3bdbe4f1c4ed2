"""Listeners: LDAP, LDAPS and LDAPI, and the TLS settings that they share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet import protocol, ssl
from twisted.internet.interfaces import IAddress
from twisted.protocols.tls import TLSMemoryBIOFactory

from lightwave.directory.server.connection import LDAPConnection
from lightwave.directory.server.service import DirectoryService
from lightwave.web.sockets import Sockets

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
    context.set_alpn_select_callback(_choose_protocol)
    return options


def _choose_protocol(connection: SSL.Connection, offered: list[bytes]) -> Any:
    """ALPN (RFC 7301): what the listener's factory names; without ALPN where nothing fits.

    Twisted's own callback ends the handshake there, and LDAP has no name for ALPN: a client that offers some
    protocol by default would be locked out.
    """
    factory = getattr(connection.get_app_data(), "factory", None)
    named = getattr(getattr(factory, "wrappedFactory", None), "acceptableProtocols", list)
    return next((one for one in named() if one in offered), SSL.NO_OVERLAPPING_PROTOCOLS)


def _certificates(pem: bytes) -> list[Any]:
    from cryptography import x509

    return x509.load_pem_x509_certificates(pem)


def listen_tcp(
    sockets: Sockets, service: DirectoryService, addresses: tuple[str, ...], port: int, secure_port: int
) -> list[Any]:
    """Listen for LDAP, and for LDAPS when the node has a certificate; raises CannotListenError or OSError."""
    ports = sockets.listen(port, LDAPFactory(service), addresses)
    if service.tls is not None:
        over_tls: Any = TLSMemoryBIOFactory  # as listenSSL does, whose types say less
        secure = over_tls(service.tls, False, LDAPFactory(service, tls=True))
        try:
            ports += sockets.listen(secure_port, secure, addresses)
        except Exception:
            for one in ports:
                one.stopListening()
            raise
    return ports


def listen_local(sockets: Sockets, service: DirectoryService, path: Path) -> Any:
    """Listen on a Unix socket; who may reach it is said by the data folder's permissions."""
    return sockets.listen_local(path, LDAPFactory(service, local=True))
