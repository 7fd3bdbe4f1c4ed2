"""A node's certificate from the authority in the store: what a restore needs, for private keys of nodes are in no
backup.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.domain_names import domain_dn
from lightwave.pki.authority import CertifiedKey, create_node, pem_chain, serial_number
from lightwave.server.authority_entries import KEY, authority_dn
from lightwave.server.configuration import ConfigurationError, NodeConfiguration

_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  what --bind says for all of them


class NoAuthority(ConfigurationError):
    """The store has no authority of the domain that could issue a certificate now."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """What stands in ca.pem, node.pem and node.key."""

    root: bytes
    chain: bytes
    key: bytes = field(repr=False)


def issue_node_certificate(
    txn: ReadTransaction,
    schema: Schema,
    configuration: NodeConfiguration,
    now: datetime,
    random: Callable[[int], bytes],
) -> CertificateFiles:
    """Issue a certificate for the node's host name and addresses, with a new key.

    Raises NoAuthority, and KeyringError.
    """
    domain = configuration.domain
    root = _certificate(txn, schema, domain, f"{domain} Root CA")
    issuing = CertifiedKey(
        _certificate(txn, schema, domain, f"{domain} CA"), _key(txn, schema, domain, f"{domain} CA")
    )
    if issuing.certificate.not_valid_after_utc <= now:
        raise NoAuthority(f"the authority '{domain} CA' has expired")
    node = create_node(
        issuing,
        configuration.hostname,
        serial=serial_number(random(16)),
        now=now,
        extra_names=tuple(one for one in configuration.bind if one not in _EVERY_ADDRESS),
    )
    return CertificateFiles(pem_chain(root), pem_chain(node.certificate, issuing.certificate), node.key_pem)


def _place(txn: ReadTransaction, schema: Schema, domain: str, name: str) -> tuple[int, int]:
    try:
        return txn.find(normalise_dn_text(schema, authority_dn(domain_dn(domain), name)))
    except NoSuchEntry:
        raise NoAuthority(f"the store has no certificate authority '{name}'") from None


def _certificate(txn: ReadTransaction, schema: Schema, domain: str, name: str) -> x509.Certificate:
    description = schema.describe("cACertificate;binary")
    number = None if description is None else txn.attribute_number(description.key)
    values = [] if number is None else txn.record(*_place(txn, schema, domain, name)).values(number)
    if not values:
        raise NoAuthority(f"the authority '{name}' has no certificate")
    return x509.load_der_x509_certificate(values[0])


def _key(
    txn: ReadTransaction, schema: Schema, domain: str, name: str
) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    secret = txn.secret(*_place(txn, schema, domain, name), KEY)
    if secret is None:
        raise NoAuthority(f"the store has no key of the authority '{name}'")
    key = load_pem_private_key(secret, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise NoAuthority(f"the key of the authority '{name}' is of another kind")
    return key
