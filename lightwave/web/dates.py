"""Dates of HTTP (RFC 9110 §5.6.7)."""

from __future__ import annotations

from email.utils import formatdate


def http_date(at: float) -> str:
    """IMF-fixdate of seconds since the epoch."""
    return formatdate(at, usegmt=True)
