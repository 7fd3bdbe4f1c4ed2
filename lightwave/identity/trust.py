"""Issuers of client certificates."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509


@dataclass(frozen=True, slots=True)
class ClientTrust:
    """Certificates whose keys may have signed a client's certificate: the issuing CA and the root
    above it.
    """

    issuers: tuple[x509.Certificate, ...] = field(repr=False)
