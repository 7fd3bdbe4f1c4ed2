"""Who asks: the token that an authentication gives and that every decision takes.

A token is immutable and compares by identity: it belongs to one authentication, and decisions are cached
per token. It is a statement about the past ("authenticated at, with credential version"); whether its
bearer may still act is asked of `identity` at each operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class AuthenticatedBy(Enum):
    """How a token came to be, with the words used in logs."""

    NOTHING = "anonymous"
    PASSWORD = "password"  # noqa: S105  the name of a method, not a password
    CERTIFICATE = "certificate"
    LOCAL_SOCKET = "local socket"


class OwnLimits(NamedTuple):
    """What an identity may ask for where its entry says so; None where the limits of all hold. Times in seconds."""

    size: int | None = None
    time: int | None = None
    look_through: int | None = None
    idle: int | None = None


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Token:
    """One authenticated (or anonymous) identity.

    tenant: number of the tenant that the identity belongs to; 0 when anonymous.
    entry_id: the identity's entry, None when anonymous. guid: that entry's 16 bytes, b"" when anonymous.
    dn: its distinguished name at authentication, as text for answers and logs; never used to decide.
    groups: GUIDs of the groups that it belongs to, nested ones included.
    authenticated_at: seconds since the epoch. credential_version: of the stored credentials at that
    moment, 0 when the entry has none. limits: of the identity's own, None for most.
    """

    tenant: int
    entry_id: int | None
    guid: bytes
    dn: bytes
    is_administrator: bool
    is_anonymous: bool
    authenticated_by: AuthenticatedBy
    groups: frozenset[bytes] = frozenset()
    authenticated_at: float = 0.0
    credential_version: int = 0
    limits: OwnLimits | None = None

    def stands_for(self, other: Token) -> bool:
        """Whether both are of one identity with the same rights, though perhaps of two authentications."""
        return (self.tenant, self.entry_id, self.guid, self.is_administrator, self.groups) == (
            other.tenant,
            other.entry_id,
            other.guid,
            other.is_administrator,
            other.groups,
        )


ANONYMOUS = Token(
    tenant=0,
    entry_id=None,
    guid=b"",
    dn=b"",
    is_administrator=False,
    is_anonymous=True,
    authenticated_by=AuthenticatedBy.NOTHING,
)
