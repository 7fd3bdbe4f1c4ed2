"""Bounds on what one LDAP message may hold and one session may keep.

Everything is checked before it is stored. The defaults suit the open internet; the server gives each
identity its own.
"""

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Bounds inside one PDU."""

    filter_depth: int = 64
    filter_elements: int = 10_000  # filters, and parts of substrings
    selection: int = 2_000  # attributes asked for by one search
    attributes: int = 10_000  # attributes of one add, changes of one modify
    values: int = 200_000  # values of one add or modify, all attributes together
    value_size: int = 16 * 1024 * 1024  # octets of one value in an add or modify
    controls: int = 32


DEFAULT_LIMITS: Final = DecodeLimits()


@dataclass(slots=True)
class SessionLimits:
    """Bounds of one session. Mutable: the server raises `max_pdu` when the peer has signed in."""

    max_pdu: int = 64 * 1024  # octets of one LDAPMessage with its header
    outstanding: int = 100  # operations in flight
    max_held: int = 512 * 1024  # octets kept undecoded while a bind is in progress
    decode: DecodeLimits = field(default_factory=DecodeLimits)


MAX_PDU_SIGNED_IN: Final = 16 * 1024 * 1024 - 1
