"""Whether a client's certificate was issued by an authority that we trust and is good at a moment.

TLS verifies chains in the handshake; this is asked again by who grants something because of a
certificate, so that a connection that outlives the certificate, or a listener that forgot to verify,
opens nothing. Only certificates that a trusted authority signed itself are accepted: there is no path
building (RFC 5280 §6.1 with a path of length one).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

MAX_CERTIFICATE = 65_536
"""bytes of DER"""

_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    }
)


class UntrustedCertificate(Exception):
    """The certificate proves nothing here; the text says why and is for the log."""


def verify_client_certificate(
    der: bytes, issuers: Sequence[x509.Certificate], now: datetime
) -> x509.Certificate:
    """The certificate, if one of `issuers` signed it and it is a client's and valid; raises
    UntrustedCertificate.
    """
    if len(der) > MAX_CERTIFICATE:
        raise UntrustedCertificate("too long")
    try:
        certificate = x509.load_der_x509_certificate(der)
        extensions = certificate.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise UntrustedCertificate("not a certificate") from None
    _check_issuer(certificate, issuers, now)
    _check_period(certificate, now, "the certificate")
    _check_profile(extensions)
    return certificate


def _check_issuer(certificate: x509.Certificate, issuers: Sequence[x509.Certificate], now: datetime) -> None:
    for issuer in issuers:
        if issuer.subject != certificate.issuer:
            continue
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            continue
        _check_period(issuer, now, "its issuer")
        return
    raise UntrustedCertificate("no trusted authority signed it")


def _check_period(certificate: x509.Certificate, now: datetime, what: str) -> None:
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise UntrustedCertificate(f"{what} is not valid at this time")


def _check_profile(extensions: x509.Extensions) -> None:
    unknown = [e.oid.dotted_string for e in extensions if e.critical and e.oid not in _UNDERSTOOD]
    if unknown:  # RFC 5280 §4.2: a critical extension that is not understood
        raise UntrustedCertificate(f"critical extension {unknown[0]} is not understood")
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            raise UntrustedCertificate("it is an authority's, not a client's")
        if isinstance(value, x509.KeyUsage) and not value.digital_signature:
            raise UntrustedCertificate("its key may not sign")
        if isinstance(value, x509.ExtendedKeyUsage) and ExtendedKeyUsageOID.CLIENT_AUTH not in value:
            raise UntrustedCertificate("it is not for authentication of clients")
