"""The accounts and groups that every domain begins with, and the entry that its SIDs come from.

Administrator is in DCAdmins, and both are in Administrators, whose members may do everything in the domain. Users are
in Domain Users and computers in DCClients by their primaryGroupID. None of them is deleted or renamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lightwave.directory.access.sid import BUILTIN_ADMINISTRATORS, BUILTIN_USERS, Sid, with_rid
from lightwave.directory.ldap.dn import parse_dn
from lightwave.directory.operations.account_control import DISABLED, NEVER_EXPIRES, NORMAL
from lightwave.directory.operations.entry_builder import EntryBuilder
from lightwave.directory.operations.security_identifiers import (
    ADMINISTRATOR_RID,
    DOMAIN_ADMINISTRATORS_RID,
    DOMAIN_COMPUTERS_RID,
    DOMAIN_USERS_RID,
    KRBTGT_RID,
    SCHEMA_ADMINISTRATORS_RID,
    first_available_pool,
    next_sid,
)

# groupType ([MS-ADTS] 2.2.12): made by the system, and local or global, with the security bit
_BUILTIN_LOCAL, _LOCAL, _GLOBAL = b"-2147483643", b"-2147483644", b"-2147483646"


class _BuiltinGroup(NamedTuple):
    """A group that every domain has. sid: a whole one, a RID of the domain's, or None for the next free one."""

    name: str
    sid: Sid | int | None
    kind: bytes
    members: Sequence[str]
    description: str
    container: bytes = b"cn=Builtin"


# Members stand before the groups that they are in. Administrator is the account of that name.
BUILTIN_GROUPS = (
    _BuiltinGroup(
        "DCAdmins",
        DOMAIN_ADMINISTRATORS_RID,
        _GLOBAL,
        ("Administrator",),
        "Administrators of the domain and of its nodes",
    ),
    _BuiltinGroup(
        "DCClients", DOMAIN_COMPUTERS_RID, _GLOBAL, (), "All computers that have joined the domain"
    ),
    _BuiltinGroup("Domain Users", DOMAIN_USERS_RID, _GLOBAL, (), "All users of the domain", b"cn=Users"),
    _BuiltinGroup(
        "SchemaManagers",
        SCHEMA_ADMINISTRATORS_RID,
        _GLOBAL,
        ("Administrator",),
        "Those who may change the schema",
    ),
    _BuiltinGroup(
        "Administrators",
        BUILTIN_ADMINISTRATORS,
        _BUILTIN_LOCAL,
        ("Administrator", "DCAdmins"),
        "Those who may do everything in this domain",
    ),
    _BuiltinGroup("Users", BUILTIN_USERS, _BUILTIN_LOCAL, ("Domain Users",), "Those who may use this domain"),
    _BuiltinGroup("CAAdmins", None, _LOCAL, ("DCAdmins",), "Those who manage the certificate authority"),
    _BuiltinGroup("DNSAdmins", None, _LOCAL, ("DCAdmins",), "Those who manage the zones of the domain"),
)


def add_rid_manager(builder: EntryBuilder, dn: bytes, root: int) -> None:
    """Adds the entry that says which RIDs of the domain are free."""
    manager = builder.add(
        b"cn=RID Manager$,cn=System," + dn,
        ["top", "rIDManager"],
        critical=True,
        rIDAvailablePool=first_available_pool(),
    )
    builder.link(root, "rIDManagerReference", (manager,))


def add_builtin_groups(builder: EntryBuilder, dn: bytes, domain: Sid, administrator: int) -> None:
    """Adds the groups of a domain that has its containers and its RID manager."""
    known = {"Administrator": administrator}
    for group in BUILTIN_GROUPS:
        known[group.name] = builder.add(
            b"cn=" + group.name.encode() + b"," + group.container + b"," + dn,
            ["top", "group"],
            critical=True,
            objectSid=_group_sid(builder, domain, group),
            sAMAccountName=group.name.encode(),
            groupType=group.kind,
            description=group.description.encode(),
        )
        if group.members:
            builder.link(known[group.name], "member", [known[name] for name in group.members])


def _group_sid(builder: EntryBuilder, domain: Sid, group: _BuiltinGroup) -> Sid:
    if isinstance(group.sid, int):
        return with_rid(domain, group.sid)
    sid = next_sid(builder.txn, builder.schema, builder.tenant) if group.sid is None else group.sid
    assert sid is not None, group.name  # the domain has its RID manager
    return sid


def add_administrator(builder: EntryBuilder, dn: bytes, domain: Sid) -> tuple[int, bytes]:
    """Adds the built-in administrator, without a password: (entry id, DN)."""
    name = b"cn=Administrator,cn=Users," + dn
    entry_id = builder.add(
        name,
        ["top", "person", "organizationalPerson", "inetOrgPerson", "user"],
        critical=True,
        sn=b"Administrator",
        uid=b"Administrator",
        objectSid=with_rid(domain, ADMINISTRATOR_RID),
        sAMAccountName=b"Administrator",
        userPrincipalName=b"Administrator@" + dns_name(dn),
        userAccountControl=b"%d" % (NORMAL | NEVER_EXPIRES),
        vmwPasswordNeverExpires=b"TRUE",
        primaryGroupID=b"%d" % DOMAIN_USERS_RID,
        description=b"Built-in administrator of the domain",
    )
    return entry_id, name


def add_krbtgt(builder: EntryBuilder, dn: bytes, domain: Sid) -> None:
    """The account of the ticket-granting service: nobody signs in as it, so it is disabled for ever."""
    builder.add(
        b"cn=krbtgt,cn=Users," + dn,
        ["top", "person", "organizationalPerson", "inetOrgPerson", "user"],
        critical=True,
        objectSid=with_rid(domain, KRBTGT_RID),
        sAMAccountName=b"krbtgt",
        servicePrincipalName=b"kadmin/changepw",
        userAccountControl=b"%d" % (NORMAL | DISABLED),
        nsAccountLock=b"TRUE",
        primaryGroupID=b"%d" % DOMAIN_USERS_RID,
        showInAdvancedViewOnly=b"TRUE",
        description=b"Account of the ticket-granting service",
    )


def dns_name(dn: bytes) -> bytes:
    """lightwave.local of dc=lightwave,dc=local (RFC 2247)."""
    return b".".join(ava.value for rdn in parse_dn(dn) for ava in rdn if ava.type.lower() == "dc")
