"""Attributes that clients of Active Directory read of any entry, computed from what the entry is ([MS-ADA1] to 3).

`objectCategory` names the class by which an entry is looked for: for all kinds of people `Person`, otherwise the
structural class. Its value has the form of a name below the schema, as in Active Directory, where that is an entry;
here it is a name only. `objectCategory`, `sAMAccountType` and `name` may be stored too (imports bring them): then the
stored value is the value.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lightwave.directory.ldap.dn import AVA, RDN, format_dn, parse_dn
from lightwave.directory.operations.subject import Subject
from lightwave.directory.operations.subschema_entry import SCHEMA_CONTEXT_DN
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.record import CONTEXT

NAME = "2.5.4.41"
OBJECT_CATEGORY = "1.2.840.113556.1.4.782"
SAM_ACCOUNT_TYPE = "1.2.840.113556.1.4.302"
SAM_ACCOUNT_NAME = "1.2.840.113556.1.4.221"
SAM_ACCOUNT_CLASSES = frozenset(("inetOrgPerson", "user", "computer", "group"))
MEMBER_OF = "1.2.840.113556.1.2.102"
MEMBERSHIPS = (MEMBER_OF, "2.25.162944272392735442620381082799361588636.3.13")
"""memberOf and lwMemberOfDirect"""
ACCOUNT_ATTRIBUTES = (
    "distinguishedName",
    "name",
    "objectCategory",
    "objectGUID",
    "sAMAccountType",
    "memberOf",
    "whenCreated",
    "whenChanged",
)
"""what is computed for `*` of an account: in Active Directory these are user attributes, and its clients rely on it"""
_STRUCTURAL_CLASS = "2.5.21.9"
_GROUP_TYPE = "1.2.840.113556.1.4.750"
_MANAGER = "0.9.2342.19200300.100.1.10"
_MANAGED_BY = "1.2.840.113556.1.4.653"

# [MS-ADTS] 3.1.1.2.4.8: defaultObjectCategory, for the classes that have another than themselves, and the names
# under which Active Directory's schema has its classes.
_CATEGORIES = {
    "person": "Person",
    "organizationalPerson": "Person",
    "inetOrgPerson": "Person",
    "user": "Person",
    "contact": "Person",
    "computer": "Computer",
    "group": "Group",
    "organizationalUnit": "Organizational-Unit",
    "container": "Container",
    "domainDNS": "Domain-DNS",
    "builtinDomain": "Builtin-Domain",
    "lostAndFound": "Lost-And-Found",
    "configuration": "Configuration",
    "foreignSecurityPrincipal": "Foreign-Security-Principal",
    "serviceConnectionPoint": "Service-Connection-Point",
}

_ODD = re.compile(rb'[\\"+,;#\s]')
"""what makes an RDN more than a type and its plain value"""

# [MS-ADTS] 2.2.16: NC head, writable
_NC_HEAD, _WRITABLE = 1, 4
# [MS-SAMR] 2.2.1.9
USER_OBJECT, MACHINE_ACCOUNT = 0x30000000, 0x30000001
_GROUP_OBJECT, _NON_SECURITY_GROUP, _ALIAS_OBJECT, _NON_SECURITY_ALIAS = (
    0x10000000,
    0x10000001,
    0x20000000,
    0x20000001,
)
_RESOURCE_GROUP, _SECURITY_ENABLED = 0x4, 0x80000000  # [MS-ADTS] 2.2.12


def category_of_class(name: str) -> str:
    """The last part of the objectCategory of entries of a structural class."""
    return _CATEGORIES.get(name, name)


def classes_of_category(schema: Schema, category: str) -> frozenset[str]:
    """OIDs of the structural classes whose entries have this category."""
    return frozenset(
        one.oid for one in schema.object_classes() if category_of_class(one.name).lower() == category.lower()
    )


def category_name(category: str) -> bytes:
    """The objectCategory value for a category."""
    return b"cn=" + category.encode() + b"," + SCHEMA_CONTEXT_DN


def category_of_name(value: bytes) -> str | None:
    """The category in an objectCategory value of ours; None where it is another's."""
    name, _, rest = value.partition(b",")
    kind, _, category = name.partition(b"=")
    if kind.strip().lower() != b"cn" or rest.replace(b" ", b"").lower() != SCHEMA_CONTEXT_DN:
        return None
    return category.strip().decode("utf-8", "replace")


def object_category(subject: Subject) -> list[bytes]:
    """The category's name; nothing where it is stored."""
    name = structural_class(subject)
    return [] if name is None or subject.stored(OBJECT_CATEGORY) else [category_name(category_of_class(name))]


def structural_class(subject: Subject) -> str | None:
    """The name of the entry's structural class."""
    for value in subject.stored(_STRUCTURAL_CLASS):
        found = subject.schema.object_class(value.decode("ascii", "replace"))
        if found is not None:
            return found.name
    return None


def instance_type(subject: Subject) -> list[bytes]:
    """Writable, and whether it is the head of a naming context."""
    return [b"%d" % (_WRITABLE | (_NC_HEAD if subject.record.flags & CONTEXT else 0))]


def name(subject: Subject) -> list[bytes]:
    """The value of the RDN; nothing where it is stored."""
    if subject.stored(NAME):
        return []
    rdn = subject.record.rdn
    if _ODD.search(rdn) is None:
        return [rdn.partition(b"=")[2]]
    return [parse_dn(rdn)[0][0].value]


def distinguished_name(subject: Subject) -> list[bytes]:
    """The entry's name with its types in capitals, as Active Directory writes them: clients look for `,DC=`."""
    record = subject.record
    if record.flags & CONTEXT:
        return [_in_capitals(record.rdn)]
    above = _in_capitals(subject.txn.place(subject.tenant, record.parent).dn)
    kind, separator, value = record.rdn.partition(b"=")
    if _ODD.search(record.rdn) is None:
        return [kind.upper() + separator + value + b"," + above]
    return [_capitals(record.rdn) + b"," + above]


def _capitals(dn: bytes) -> bytes:
    return format_dn(tuple(tuple(AVA(ava.type.upper(), ava.value) for ava in rdn) for rdn in parse_dn(dn)))


_in_capitals = lru_cache(maxsize=1024)(_capitals)


def canonical_name(subject: Subject) -> list[bytes]:
    """`example.com/people/ada`: from the top, a slash within a name as `\\/` ([MS-ADTS] 3.1.1.4.5.2)."""
    rdns = parse_dn(subject.txn.dn(subject.tenant, subject.entry_id, subject.record))
    top = len(rdns)
    while top and _is_domain_label(rdns[top - 1]):
        top -= 1
    domain = b".".join(rdn[0].value for rdn in rdns[top:])
    path = [rdn[0].value.replace(b"\\", b"\\\\").replace(b"/", b"\\/") for rdn in reversed(rdns[:top])]
    return [domain + b"/" + b"/".join(path)]


def _is_domain_label(rdn: RDN) -> bool:
    return len(rdn) == 1 and rdn[0].type.lower() in ("dc", "domaincomponent", "0.9.2342.19200300.100.1.25")


def sam_account_type(subject: Subject) -> list[bytes]:
    """What kind of account the entry is, if it is one; nothing where it is stored."""
    if subject.stored(SAM_ACCOUNT_TYPE) or not subject.stored(SAM_ACCOUNT_NAME):
        return []
    structural = structural_class(subject)
    if structural == "computer":
        return [b"%d" % MACHINE_ACCOUNT]
    if structural == "group":
        return [b"%d" % _group_account(subject)]
    return [b"%d" % USER_OBJECT] if structural in ("user", "inetOrgPerson") else []


def _group_account(subject: Subject) -> int:
    values = subject.stored(_GROUP_TYPE)
    kind = int(values[0]) & 0xFFFFFFFF if values else _SECURITY_ENABLED
    is_secure = bool(kind & _SECURITY_ENABLED)
    if kind & _RESOURCE_GROUP:
        return _ALIAS_OBJECT if is_secure else _NON_SECURITY_ALIAS
    return _GROUP_OBJECT if is_secure else _NON_SECURITY_GROUP


def direct_reports(subject: Subject) -> list[bytes]:
    """Who has the entry as manager."""
    return _sources(subject, _MANAGER)


def managed_objects(subject: Subject) -> list[bytes]:
    """What the entry is named in as managedBy."""
    return _sources(subject, _MANAGED_BY)


def _sources(subject: Subject, oid: str) -> list[bytes]:
    txn, tenant = subject.txn, subject.tenant
    number = txn.attribute_number(oid)
    if number is None:
        return []
    return [txn.dn(tenant, source) for source in txn.link_sources(tenant, subject.entry_id, number)]
