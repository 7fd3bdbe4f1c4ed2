"""The channel bindings of a TLS connection, for SASL (RFC 5056).

    tls-exporter            RFC 9266: keying material of this connection; TLS 1.3, and TLS 1.2 as below
    tls-unique              RFC 5929 §3: the first Finished message of the handshake; TLS 1.2 alone
    tls-server-end-point    RFC 5929 §4: the hash of the certificate that the server showed
    ldap                    what OpenLDAP's library says with Cyrus SASL: no registered type but its own name, and
                            as data the name of one of the last two, a colon, and that one's data

Under TLS 1.2 the first two mean something only with the extended master secret (RFC 7627, RFC 9266 §4.2): without
it a man in the middle can make two connections that give the same. OpenSSL is asked through the library below
pyOpenSSL, which does not hand out what it knows of the extension and of resumption.
"""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL

_LABEL = b"EXPORTER-Channel-Binding"
_SIZE = 32
_END_POINT, _UNIQUE = "tls-server-end-point", "tls-unique"
_WEAK = ("md5", "sha1")

_library: Any = getattr(SSL, "_lib")  # noqa: B009  it has no public name


class TLSBindings:
    """`sasl.channel.Bindings` of one connection whose handshake is over."""

    __slots__ = ("_connection",)

    def __init__(self, connection: SSL.Connection) -> None:
        self._connection = connection

    def data(self, name: str) -> tuple[bytes, ...]:
        """See `sasl.channel.Bindings`."""
        if name == "ldap":
            named = (_END_POINT, _UNIQUE)
            return tuple(f"{one}:".encode() + data for one in named for data in self.data(one))
        found: bytes | None = None
        if name == _END_POINT:
            found = self._end_point()
        elif name == "tls-exporter" and (self._is_new or self._has_extended_secret):
            found = self._connection.export_keying_material(_LABEL, _SIZE, b"")
        elif name == _UNIQUE and not self._is_new and self._has_extended_secret:
            # Who speaks first at the end of a handshake: the client, and the server where a session is resumed.
            resumed = _library.SSL_session_reused(_handle(self._connection))
            found = self._connection.get_finished() if resumed else self._connection.get_peer_finished()
        return () if found is None else (found,)

    @property
    def _is_new(self) -> bool:
        return self._connection.get_protocol_version() >= SSL.TLS1_3_VERSION

    @property
    def _has_extended_secret(self) -> bool:
        return bool(_library.SSL_get_extms_support(_handle(self._connection)) == 1)

    def _end_point(self) -> bytes | None:
        certificate = self._connection.get_certificate()
        return None if certificate is None else certificate_hash(certificate.to_cryptography())


def certificate_hash(certificate: x509.Certificate) -> bytes | None:
    """RFC 5929 §4.1: with the hash of the certificate's signature, SHA-256 for weaker ones; None without one."""
    algorithm = certificate.signature_hash_algorithm
    if algorithm is None:
        return None
    return certificate.fingerprint(hashes.SHA256() if algorithm.name in _WEAK else algorithm)


def _handle(connection: SSL.Connection) -> Any:
    return getattr(connection, "_ssl")  # noqa: B009  as above
