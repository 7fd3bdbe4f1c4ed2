"""Who asks: the token that an authentication gives and that every decision takes.

A token is immutable and compares by identity: it belongs to one authentication. It is a statement about the
past ("authenticated at, with credential version, member of these groups then"); whether its bearer may still
act, and whether his groups are still these, is asked of `identity` at each operation, which gives another
token where they are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from lightwave.directory.access.sid import ANONYMOUS as ANONYMOUS_SID
from lightwave.directory.access.sid import Sid
from lightwave.directory.store.layout import SYSTEM_TENANT


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
    is_administrator: a member of Administrators of its own tenant, however nested; says nothing about another.
    sid: the account's own. sids and entry_ids: what it is to access control entries of its own tenant, see
    `membership`; groups_generation: of that tenant's groups when they were gathered. In another tenant none
    of them counts. bypass: a command that opened the store itself: no descriptor is asked.
    authenticated_at: seconds since the epoch. credential_version: of the stored credentials at that
    moment, 0 when the entry has none. limits: of the identity's own, None for most.
    app_password: id of the one that it was made with, b"" for others. must_change: it serves only to change the
    password that it was made with; whoever else is shown it refuses.
    """

    tenant: int
    entry_id: int | None
    guid: bytes
    dn: bytes
    is_administrator: bool
    is_anonymous: bool
    authenticated_by: AuthenticatedBy
    sid: Sid | None = None
    sids: frozenset[Sid] = frozenset()
    entry_ids: frozenset[int] = frozenset()
    groups_generation: int = 0
    bypass: bool = False
    authenticated_at: float = 0.0
    credential_version: int = 0
    limits: OwnLimits | None = None
    app_password: bytes = b""
    must_change: bool = False

    @property
    def is_system_administrator(self) -> bool:
        """An administrator of the tenant that the system's own settings belong to."""
        return self.is_administrator and self.tenant == SYSTEM_TENANT

    def administers(self, tenant: int) -> bool:
        """Whether it is an administrator of `tenant` itself, for whom rules are relaxed there."""
        return self.bypass or (self.is_administrator and self.tenant == tenant)

    def bypasses(self, tenant: int) -> bool:
        """Whether descriptors of `tenant` are not asked: the owner of the machine gets into the system tenant whatever
        they say, and in no other without opening the store himself.
        """
        if self.bypass:
            return True
        return (
            self.authenticated_by is AuthenticatedBy.LOCAL_SOCKET
            and tenant == SYSTEM_TENANT
            and self.tenant == SYSTEM_TENANT
            and self.is_administrator
        )

    def stands_for(self, other: Token) -> bool:
        """Whether both are of one identity, though perhaps of two authentications or with other groups since."""
        return (self.tenant, self.entry_id, self.guid, self.bypass, self.bypasses(SYSTEM_TENANT)) == (
            other.tenant,
            other.entry_id,
            other.guid,
            other.bypass,
            other.bypasses(SYSTEM_TENANT),
        )


ANONYMOUS = Token(
    tenant=0,
    entry_id=None,
    guid=b"",
    dn=b"",
    is_administrator=False,
    is_anonymous=True,
    authenticated_by=AuthenticatedBy.NOTHING,
    sids=frozenset({ANONYMOUS_SID}),
)
