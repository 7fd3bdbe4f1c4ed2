"""Certificates by server name (SNI, RFC 6066 §3): entries below the node's own, read as handshakes need them.

An entry of class lwServerCertificate holds a chain (lwCertificateChain, PEM, the server's certificate first) and its
key (lwPrivateKey, sealed). It is shown to clients that ask for one of the names in the certificate itself (DNS names
of its subjectAltName; `*.` stands for one label, RFC 9525 §6.3); others see the node's. An entry that can't be used
says so in the log, once for each state, and is passed over. A change holds for the next handshake.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from OpenSSL import SSL, crypto

from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.schema.normalisation import NormalisedDN
from lightwave.directory.server.server_keys import KIND
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import NoSuchEntry, StoreError
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record

CHAIN = "lwCertificateChain"
MOST = 1_000
"""certificates of a node"""

_log = logging.getLogger(__name__)

MakeContext = Callable[[bytes, bytes], SSL.Context]
"""(chain, key), both PEM -> context; raises when they don't belong together"""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A certificate in use."""

    usn: int
    names: frozenset[str]
    context: SSL.Context | None


class ServerCertificates:
    """The certificates of a node besides its own."""

    def __init__(
        self, store: Store, schemas: SchemaSource, node: NormalisedDN, make_context: MakeContext
    ) -> None:
        self._store = store
        self._schemas = schemas
        self._node = node
        self._make_context = make_context
        self._shown: dict[int, _Shown] = {}

    def install(self, context: SSL.Context) -> None:
        """Have handshakes of the node's context ask for names."""
        context.set_tlsext_servername_callback(self._choose)

    def _choose(self, connection: SSL.Connection) -> None:
        name = connection.get_servername()
        if not name:
            return
        try:
            context = self.context_for(name)
        except Exception:  # noqa: BLE001  the node's own certificate is better than none
            _log.exception("the certificates by server name can't be read")
            return
        if context is not None:
            connection.set_context(context)

    def context_for(self, name: bytes) -> SSL.Context | None:
        """The context to show for a name, None for the node's own; a whole name comes before a wildcard."""
        wanted = name.decode("ascii", "replace").rstrip(".").lower()
        with self._store.read() as txn:
            self._refresh(txn)
        label, _, parent = wanted.partition(".")
        for sought in (wanted, f"*.{parent}") if label and parent else (wanted,):
            for one in self._shown.values():
                if one.context is not None and sought in one.names:
                    return one.context
        return None

    def _refresh(self, txn: ReadTransaction) -> None:
        schema = self._schemas.current(txn)
        attribute = schema.attribute(CHAIN)
        number = txn.attribute_number(attribute.oid) if attribute is not None else None
        if number is None:  # no entry has ever had one
            return
        try:
            tenant, node = txn.find(self._node)
        except NoSuchEntry:
            return
        present: dict[int, _Shown] = {}
        for _, entry_id in txn.children(tenant, node):
            if len(present) >= MOST:
                break
            record = txn.record(tenant, entry_id)
            chains = record.values(number)
            if not chains:
                continue
            known = self._shown.get(entry_id)
            if known is None or known.usn != record.usn_changed:
                known = self._read(txn, tenant, entry_id, record, chains[0])
            present[entry_id] = known
        self._shown = present

    def _read(self, txn: ReadTransaction, tenant: int, entry_id: int, record: Record, chain: bytes) -> _Shown:
        names: frozenset[str] = frozenset()
        context = None
        try:
            names = _names_of(chain)
            key = txn.secret(tenant, entry_id, KIND)
            if key is None:
                raise ValueError("it has no lwPrivateKey")
            context = self._make_context(chain, key)
        except (ValueError, TypeError, SSL.Error, crypto.Error, StoreError) as error:
            dn = txn.dn(tenant, entry_id, record).decode("utf-8", "replace")
            why = "its key is another's" if isinstance(error, SSL.Error | crypto.Error) else error
            _log.warning("the server certificate %s is not shown: %s", dn, why)
        return _Shown(record.usn_changed, names, context)


def _names_of(chain: bytes) -> frozenset[str]:
    """The DNS names of the first certificate, in lower case; raises ValueError for what is no certificate."""
    certificate = x509.load_pem_x509_certificates(chain)[0]
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        raise ValueError("its certificate has no subjectAltName") from None
    found: Any = extension.value.get_values_for_type(x509.DNSName)
    return frozenset(name.rstrip(".").lower() for name in found)
