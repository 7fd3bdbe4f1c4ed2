"""The entries that every domain begins with, that of the system tenant and those of all others.

A domain is built in one write transaction, of an empty store or of a running server: containers first, then what
stands in them. It is whole when `build_domain` returns, but for the administrator's password, which was prepared
before the transaction and is put by the caller.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from lightwave.directory.access.sid import BUILTIN, Sid
from lightwave.directory.ldap.dn import format_dn
from lightwave.directory.operations import audit_entries
from lightwave.directory.operations.builtin_principals import (
    add_administrator,
    add_builtin_groups,
    add_krbtgt,
    add_rid_manager,
)
from lightwave.directory.operations.deleted_entries import CONTAINER
from lightwave.directory.operations.entry_builder import EntryBuilder
from lightwave.directory.operations.security_identifiers import new_domain_sid

# RDN, structural class; each below the domain's root
_CONTAINERS = (
    (b"cn=Users", "container"),
    (b"ou=Computers", "organizationalUnit"),
    (b"ou=Domain Controllers", "organizationalUnit"),
    (b"cn=Builtin", "builtinDomain"),
    (b"cn=Configuration", "configuration"),
    (b"cn=System", "container"),
    (b"cn=LostAndFound", "lostAndFound"),
    (b"cn=ForeignSecurityPrincipals", "container"),
    (b"cn=Managed Service Accounts", "container"),
)
# Administrators arrange their organisational units themselves.
_MOVABLE = frozenset(("organizationalUnit",))


# The attributes that the original's clients look for; where an attribute is missing, what is built in holds.
PASSWORD_POLICY: Final = {
    "Enabled": (b"TRUE",),
    "vmwPasswordProhibitedPreviousCount": (b"5",),
    "vmwPasswordLifetimeDays": (b"0",),
    "vmwPasswordMaxLength": (b"256",),
    "vmwPasswordMinLength": (b"12",),
    "vmwPasswordMinAlphabeticCount": (b"0",),
    "vmwPasswordMinUpperCaseCount": (b"0",),
    "vmwPasswordMinLowerCaseCount": (b"0",),
    "vmwPasswordMinNumericCount": (b"0",),
    "vmwPasswordMinSpecialCharCount": (b"0",),
    "vmwPasswordMaxIdenticalAdjacentChars": (b"0",),
    "vmwPasswordSpecialChars": (b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ",),
    "vmwPasswordChangeMaxFailedAttempts": (b"10",),
    "vmwPasswordChangeFailedAttemptIntervalSec": (b"900",),
    "vmwPasswordChangeAutoUnlockIntervalSec": (b"900",),
}


class BuiltDomain(NamedTuple):
    """Where things of a fresh domain are."""

    root: int
    """entry id"""
    administrator: int
    """entry id; it has no password yet"""
    administrator_dn: bytes


def build_domain(builder: EntryBuilder, dn: bytes) -> BuiltDomain:
    """Adds a domain's naming context and all that it begins with. dn: dc=acme,dc=example."""
    domain = new_domain_sid(builder.new_guid())
    root = builder.add(dn, ["top", "domain", "domainDNS"], context=True, objectSid=domain)
    return fill_domain(builder, dn, root, domain)


def fill_domain(builder: EntryBuilder, dn: bytes, root: int, domain: Sid) -> BuiltDomain:
    """Adds what stands in a naming context with this root (an entry id) and this SID."""
    _add_containers(builder, dn)
    _add_policies(builder, dn)
    _add_audit(builder, dn)
    add_rid_manager(builder, dn, root)
    administrator, administrator_dn = add_administrator(builder, dn, domain)
    add_krbtgt(builder, dn, domain)
    add_builtin_groups(builder, dn, domain, administrator)
    return BuiltDomain(root, administrator, administrator_dn)


def _add_containers(builder: EntryBuilder, dn: bytes) -> None:
    for rdn, kind in _CONTAINERS:
        settings = {"objectSid": (BUILTIN,)} if kind == "builtinDomain" else None
        builder.add(rdn + b"," + dn, ["top", kind], critical=kind not in _MOVABLE, settings=settings)
    add_deleted_objects(builder, dn)


def _add_audit(builder: EntryBuilder, dn: bytes) -> None:
    """Adds the entry below which events are found."""
    builder.add(audit_entries.RDN + b"," + dn, ["top", "container", "lwAuditLog"], critical=True)
    audit_entries.number_attributes(builder.txn, builder.schema)


def _add_policies(builder: EntryBuilder, dn: bytes) -> None:
    """Adds the policy for passwords, and where those for groups go."""
    builder.add(
        b"cn=password and lockout policy," + dn,
        ["top", "vmwPolicy", "vmwPasswordPolicy", "vmwLockoutPolicy", "lwPasswordPolicy"],
        critical=True,
        settings=PASSWORD_POLICY,
    )
    builder.add(
        b"cn=Password Settings Container,cn=System," + dn,
        ["top", "msDS-PasswordSettingsContainer"],
        critical=True,
    )


def add_deleted_objects(builder: EntryBuilder, dn: bytes) -> None:
    """Adds the container of tombstones of a naming context."""
    builder.add(format_dn((CONTAINER,)) + b"," + dn, ["top", "container"], critical=True, isDeleted=b"TRUE")
