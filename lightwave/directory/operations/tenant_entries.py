"""The entries of the tenants: `cn=<domain>,cn=tenants,cn=config`, in the system tenant.

Such an entry has its tenant's GUID as its own, so that each leads to the other without a further row. It says of the
tenant that it exists, how it is called and whether it may act; nothing of what is in it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from lightwave.directory.access.sddl import parse_sddl
from lightwave.directory.access.sid import BUILTIN_ADMINISTRATORS
from lightwave.directory.access.tenant_state import TenantState
from lightwave.directory.operations.builtin_principals import dns_name
from lightwave.directory.operations.descriptors import set_own_descriptor
from lightwave.directory.operations.entry_builder import EntryBuilder
from lightwave.directory.operations.security_identifiers import next_sid

TENANTS_DN: Final = b"cn=tenants,cn=config"
TENANT_CLASS: Final = "lwTenant"
STATE: Final = "lwTenantState"
SUFFIXES: Final = "uPNSuffixes"
SIGN_IN_BY_MAIL: Final = "lwSignInByMail"
OPERATORS: Final = b"TenantOperators"
_FOR_ADMINISTRATORS: Final = "D:P(A;CI;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;BA)"


def tenant_entry_dn(domain: str) -> bytes:
    """The name of the entry of the tenant with this domain."""
    return b"cn=" + domain.encode() + b"," + TENANTS_DN


def add_tenants(builder: EntryBuilder) -> None:
    """Adds the container of tenants' entries: administrators of the system see them, and nobody else does."""
    entry_id = builder.add(TENANTS_DN, ["top", "container"], critical=True)
    descriptor = replace(
        parse_sddl(_FOR_ADMINISTRATORS), owner=BUILTIN_ADMINISTRATORS, group=BUILTIN_ADMINISTRATORS
    )
    set_own_descriptor(builder.txn, builder.schema, builder.tenant, entry_id, descriptor, builder.change)


def add_operators(builder: EntryBuilder, dn: bytes) -> int:
    """Adds the group of those whom tenants may let in by name, to the system's domain; its entry id."""
    sid = next_sid(builder.txn, builder.schema, builder.tenant)
    assert sid is not None  # the domain has its RID manager
    return builder.add(
        b"cn=" + OPERATORS + b",cn=Builtin," + dn,
        ["top", "group"],
        critical=True,
        objectSid=sid,
        sAMAccountName=OPERATORS,
        groupType=b"-2147483646",  # global, with the security bit: MS-ADTS 2.2.12
        description=b"Those whom tenants may let in by name",
    )


def add_tenant_entry(builder: EntryBuilder, guid: bytes, dn: bytes) -> int:
    """Adds the entry of a tenant with this GUID and naming context; its entry id. `builder` is of the system tenant."""
    domain = dns_name(dn)
    return builder.add(
        tenant_entry_dn(domain.decode()),
        ["top", TENANT_CLASS],
        guid=guid,
        lwTenantState=TenantState.ACTIVE.value.encode(),
        lwRealm=domain.upper(),
        lwTenantContext=dn,
    )
