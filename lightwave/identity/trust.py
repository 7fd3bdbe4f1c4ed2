"""Identities that the channel has authenticated: client certificates and the users of the local socket."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import normalise_dn_text, normalise_value
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.indexes import IndexKind, IndexState
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.administrator import administrator
from lightwave.identity.names import find_by_dn
from lightwave.identity.refusals import AuthenticationFailed, Refusal
from lightwave.pki.authority import subject_dn
from lightwave.pki.verification import UntrustedCertificate, verify_client_certificate

_ROOT_UID = 0


@dataclass(frozen=True, slots=True)
class ClientTrust:
    """Certificates whose keys may have signed a client's certificate: the issuing CA and the root
    above it.
    """

    issuers: tuple[x509.Certificate, ...] = field(repr=False)


def identify_certificate(
    txn: ReadTransaction, schema: Schema, der: bytes, trust: ClientTrust | None, now: float
) -> tuple[int, int]:
    """(tenant, entry id) that a client's certificate stands for; raises AuthenticationFailed.

    That is the entry whose distinguished name is the certificate's subject, else the one entry that lists the
    certificate in userCertificate (through the index of that attribute).
    """
    if trust is None:
        raise AuthenticationFailed(Refusal.INVALID_CREDENTIALS, "no authority of client certificates is set")
    try:
        certificate = verify_client_certificate(der, trust.issuers, datetime.fromtimestamp(now, UTC))
    except UntrustedCertificate as error:
        raise AuthenticationFailed(Refusal.INVALID_CREDENTIALS, f"certificate: {error}") from None
    subject = subject_dn(certificate)
    try:
        found = find_by_dn(txn, schema, subject) if subject else None
    except InvalidValue:
        found = None
    if found is None:
        found = _listing_entry(txn, schema, _tenant_of(txn, schema, subject), der)
    if found is None:
        raise AuthenticationFailed(Refusal.INVALID_CREDENTIALS, "no entry belongs to the certificate")
    return found


def _tenant_of(txn: ReadTransaction, schema: Schema, subject: bytes) -> int:
    """The tenant in whose domain the subject stands, whether or not there is an entry; else the system's."""
    try:
        found = txn.context_above(normalise_dn_text(schema, subject))
    except InvalidValue:
        return SYSTEM_TENANT
    return SYSTEM_TENANT if found is None else found[1].tenant


def _listing_entry(txn: ReadTransaction, schema: Schema, tenant: int, der: bytes) -> tuple[int, int] | None:
    attribute = schema.attribute("userCertificate")
    number = txn.attribute_number(attribute.oid) if attribute is not None else None
    if attribute is None or number is None:
        return None
    if txn.index_state(number, IndexKind.EQUALITY) is not IndexState.COMPLETE:
        return None
    try:
        key = normalise_value(attribute, der)
    except InvalidValue:
        return None
    found = [
        (tenant, entry_id)
        for entry_id in txn.index_ids(tenant, number, IndexKind.EQUALITY, key)
        if der in txn.record(tenant, entry_id).values(number)
    ]
    return found[0] if len(found) == 1 else None


def identify_local_user(txn: ReadTransaction, uid: int, owner_uid: int | None) -> tuple[int, int]:
    """(tenant, entry id) that a user of the local socket stands for; raises AuthenticationFailed.

    The owner of the node's store, and root, are the built-in administrator; others are nobody.
    """
    found = administrator(txn) if uid in (_ROOT_UID, owner_uid) else None
    if found is None:
        raise AuthenticationFailed(Refusal.INVALID_CREDENTIALS, f"no entry belongs to local user {uid}")
    return found
