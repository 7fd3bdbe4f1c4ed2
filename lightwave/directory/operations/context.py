"""Who asks, under which limits, with which controls: what every operation is told about its request.

A `Context` is made once per request by the server that decoded it and never changes afterwards; it carries no
transaction and no schema, because both belong to the moment in which the operation is applied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lightwave.directory.access.token import Token
from lightwave.directory.ldap.controls import Control

MANAGE_DSA_IT = "2.16.840.1.113730.3.4.2"  # RFC 3296 §3


@dataclass(frozen=True, slots=True)
class Limits:
    """What one identity may ask for. Sizes are bytes, times seconds; 0 never means "unlimited" here.

    The defaults suit a listener on the open internet; a signed-in identity is usually given more.
    """

    size: int = 1_000
    """entries that one search returns"""
    time: float = 30.0
    """seconds that one search runs"""
    look_through: int = 20_000
    """candidate entries that one search examines"""
    page_size: int = 1_000
    """entries of one page of a paged search (RFC 2696)"""
    sort: int = 10_000
    """entries that one search puts in an order (RFC 2891)"""
    idle: float = 300.0
    """seconds after which a connection without a request is closed"""
    outstanding: int = 100
    """operations of one connection that are not yet answered"""
    values: int = 200_000
    """values of one attribute in one request, and of one attribute of one entry (links are not counted)"""
    value_size: int = 8 * 1024 * 1024
    """bytes of one value"""
    entry_size: int = 12 * 1024 * 1024
    """bytes of all values of one entry that are not links"""
    changes: int = 10_000
    """attributes of one add, or changes of one modify"""


@dataclass(frozen=True, slots=True)
class Context:
    """One request's surroundings."""

    token: Token
    limits: Limits
    controls: tuple[Control, ...]
    now: Callable[[], float]
    """seconds since the epoch"""
    peer: str = ""
    """address of the client, for logs"""
    protocol: str = ""
    """over which the request came: ldap, rest, local …; for the audit"""
    secure: bool = False
    """the connection is encrypted or local"""
    correlation: str = ""
    """names this request in logs; told to the client when an internal error is not"""

    def has_control(self, oid: str) -> bool:
        """Whether the request carries the control `oid`."""
        return any(control.oid == oid for control in self.controls)

    @property
    def manages_dsa_it(self) -> bool:
        """RFC 3296 §3: referral objects are treated as ordinary entries."""
        return bool(self.controls) and self.has_control(MANAGE_DSA_IT)
