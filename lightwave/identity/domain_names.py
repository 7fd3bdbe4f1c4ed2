"""Names of domains as tenants have them: DNS names (RFC 1123 §2.1), and the distinguished names that they are."""

from __future__ import annotations

import re

MAX_DOMAIN = 253
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)\Z")


def is_dns_name(text: str) -> bool:
    """Whether this is a DNS name of at least one label, without a dot at its end."""
    return len(text) <= MAX_DOMAIN and all(map(_LABEL.match, text.split(".")))


def domain_dn(domain: str) -> bytes:
    """dc=lightwave,dc=local of lightwave.local (RFC 2247)."""
    return ",".join(f"dc={label}" for label in domain.split(".")).encode()
