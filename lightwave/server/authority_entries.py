"""The domain's certificate authorities as entries: certificates to be read, keys sealed among the secrets.

They stand where Lightwave's tools look for them, `cn=Certificate-Authorities,cn=Configuration,<domain>`. The keys are
in the store from the first day, so that a CA service can take them over instead of making others.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.serialization import Encoding

from lightwave.directory.ldap.requests import AddRequest
from lightwave.directory.operations import add
from lightwave.directory.operations.context import Context
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.writing import WriteTransaction
from lightwave.pki.authority import CertifiedKey

KEY = b"ca-key"
"""kind of the secret that holds a CA's private key, PKCS #8 PEM"""
_CONTAINER = b"cn=Certificate-Authorities,cn=Configuration,"


def authority_dn(domain_dn: bytes, name: str) -> bytes:
    """Where the authority of this common name stands."""
    return b"cn=" + name.encode() + b"," + _CONTAINER + domain_dn


def store_authorities(
    txn: WriteTransaction,
    schema: Schema,
    context: Context,
    domain_dn: bytes,
    authorities: dict[str, CertifiedKey],
    new_guid: Callable[[], bytes],
) -> None:
    """Add an entry for each of `authorities` (common name -> certificate and key) and seal its key."""
    container = _CONTAINER + domain_dn
    request = AddRequest(container, (("objectClass", (b"top", b"container")),))
    add.apply(txn, schema, context, _named(request, b"Certificate-Authorities"), new_guid())
    for name, authority in authorities.items():
        common_name = name.encode()
        request = AddRequest(
            authority_dn(domain_dn, name),
            (
                ("objectClass", (b"top", b"container", b"pkiCA")),
                ("cACertificate;binary", (authority.certificate.public_bytes(Encoding.DER),)),
            ),
        )
        entry_id = add.apply(txn, schema, context, _named(request, common_name), new_guid())
        txn.put_secret(context.token.tenant, entry_id, KEY, authority.key_pem, txn.begin_change())


def _named(request: AddRequest, common_name: bytes) -> AddRequest:
    return AddRequest(request.dn, (*request.attributes, ("cn", (common_name,))))
