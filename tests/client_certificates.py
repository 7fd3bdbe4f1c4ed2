"""Certificates for clients, issued by a node's own authority as its administrator could."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.pki.authority import CertifiedKey, issue_client, pem_chain, subject_of
from lightwave.server.authority_entries import KEY
from lightwave.server.configuration import load_configuration
from lightwave.server.node import open_store
from node import Node


def issuing_authority(node: Node) -> CertifiedKey:
    """The domain's issuing CA, out of the store of a node that is not running."""
    name = f"cn={node.domain} CA,cn=Certificate-Authorities,cn=Configuration,{node.suffix}"
    store = open_store(load_configuration(node.folder), read_only=True)
    with store.read() as txn:
        tenant, entry_id = txn.find(normalise_dn_text(Schema.load_builtin(), name.encode()))
        pem = txn.secret(tenant, entry_id, KEY)
    store.close()
    assert pem is not None
    key = load_pem_private_key(pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    chain = x509.load_pem_x509_certificates((node.folder / "node.pem").read_bytes())
    return CertifiedKey(chain[1], key)


def client_pem(issuer: CertifiedKey, subject: str, age: int = 0) -> bytes:
    """Chain and key of a client named `subject`, issued `age` days ago for 30 days."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = issue_client(
        issuer,
        subject_of(subject),
        key.public_key(),
        serial=4711,
        now=datetime.now(UTC) - timedelta(days=age),
        lifetime=timedelta(days=30),
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem_chain(certificate, issuer.certificate) + private
