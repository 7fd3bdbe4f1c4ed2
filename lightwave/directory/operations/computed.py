"""Operational attributes that no record holds: computed from the record, the tree and the links when asked for.

`computed_values` is shared by search (entries and filters) and compare, so both always see the same. Names come
from RFC 4530 (entryUUID), RFC 5020 (entryDN), RFC 4512 §4.2 (subschemaSubentry), X.501 (hasSubordinates), RFC 2589
(entryTtl), draft-boreham-numsubordinates and Active Directory (objectGUID, uSNCreated, uSNChanged, memberOf,
whenCreated, whenChanged, and those of ad_attributes.py).

`memberOf` is transitive: every group that has the entry as a member, or has such a group as a member, however deep;
each group is visited once, so a cycle of groups ends. `lwMemberOfDirect` is one step of that. As in Active Directory
the primary group, which doesn't name its members, is not among them; it is among tokenGroups.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from functools import lru_cache

from lightwave.directory.operations import ad_attributes, descriptor_attributes, security_attributes
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.subject import Subject
from lightwave.directory.operations.subschema_entry import (
    SUBSCHEMA_DN,
    is_subschema_entry,
    subschema_values,
)
from lightwave.directory.operations.sync_cookie import context_csn
from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.schema import Schema
from lightwave.directory.schema.times import filetime
from lightwave.directory.store.failure_rows import account_failures
from lightwave.directory.store.indexes import IndexState
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import CONTEXT, Record

_CREATE_TIMESTAMP = "2.5.18.1"
_MODIFY_TIMESTAMP = "2.5.18.2"
_MEMBERSHIP = ("2.5.4.31",)  # member; the one attribute whose links make a group


def computed_values(
    txn: ReadTransaction,
    schema: Schema,
    tenant: int,
    entry_id: int,
    record: Record,
    attribute: AttributeType,
    now: float,
    context: Context | None = None,
) -> list[bytes]:
    """Values of one computed attribute of an entry; [] when it has none (or when it is not computed at all)."""
    compute = _functions(schema).get(attribute.oid)
    if compute is not None:
        return compute(Subject(txn, schema, tenant, entry_id, record, now, context))
    if is_subschema_entry(txn, schema, tenant, entry_id):
        return subschema_values(schema, attribute)
    return []


def provide(functions: Mapping[str, Callable[[Subject], list[bytes]]]) -> None:
    """Attributes that a layer above computes, by name; told once, at start, before any is asked for."""
    _provided.update(functions)
    _functions.cache_clear()


def computed_types(schema: Schema) -> frozenset[str]:
    """OIDs of the attribute types that are always computed and never stored."""
    return frozenset(_functions(schema))


def member_numbers(txn: ReadTransaction) -> tuple[int, ...]:
    """The numbers of the attributes whose links make a group."""
    return tuple(n for n in map(txn.attribute_number, _MEMBERSHIP) if n is not None)


def group_ids(txn: ReadTransaction, tenant: int, entry_id: int, *, direct: bool = False) -> list[int]:
    """Ids of the groups that an entry belongs to, nearest first; with `direct` only those that name it."""
    numbers = member_numbers(txn)
    # Starting with the entry itself keeps a group in a cycle from being its own member.
    seen = {entry_id}
    found: list[int] = []
    front = [entry_id]
    while front:
        following: list[int] = []
        for member in front:
            for number in numbers:
                for group in txn.link_sources(tenant, member, number):
                    if group not in seen:
                        seen.add(group)
                        following.append(group)
        found += following
        front = [] if direct else following
    return found


def _entry_uuid(subject: Subject) -> list[bytes]:
    return [str(uuid.UUID(bytes=subject.record.guid)).encode()]


def _object_guid(subject: Subject) -> list[bytes]:
    return [subject.record.guid]


def _usn_created(subject: Subject) -> list[bytes]:
    return [b"%d" % subject.record.usn_created]


def _usn_changed(subject: Subject) -> list[bytes]:
    return [b"%d" % subject.record.usn_changed]


def _entry_dn(subject: Subject) -> list[bytes]:
    return [subject.txn.dn(subject.tenant, subject.entry_id, subject.record)]


def _subschema_subentry(subject: Subject) -> list[bytes]:
    return [SUBSCHEMA_DN]


def _has_subordinates(subject: Subject) -> list[bytes]:
    return [b"TRUE" if subject.txn.child_count(subject.tenant, subject.entry_id) else b"FALSE"]


def _num_subordinates(subject: Subject) -> list[bytes]:
    return [b"%d" % subject.txn.child_count(subject.tenant, subject.entry_id)]


def _member_of(subject: Subject) -> list[bytes]:
    txn, tenant = subject.txn, subject.tenant
    return [txn.dn(tenant, group) for group in group_ids(txn, tenant, subject.entry_id)]


def _member_of_direct(subject: Subject) -> list[bytes]:
    txn, tenant = subject.txn, subject.tenant
    return [txn.dn(tenant, group) for group in group_ids(txn, tenant, subject.entry_id, direct=True)]


def _entry_ttl(subject: Subject) -> list[bytes]:
    expires = subject.record.expires
    return [b"%d" % max(0, expires // 1000 - int(subject.now))] if expires else []


def _when_created(subject: Subject) -> list[bytes]:
    return subject.stored(_CREATE_TIMESTAMP)


def _when_changed(subject: Subject) -> list[bytes]:
    return subject.stored(_MODIFY_TIMESTAMP)


def _index_state(subject: Subject) -> list[bytes]:
    """Of an index definition: complete, or what its indexes still wait for."""
    txn, schema, record = subject.txn, subject.schema, subject.record
    class_number, name_number = txn.attribute_number("2.5.4.0"), txn.attribute_number("2.5.4.3")
    if class_number is None or name_number is None or b"lwIndex" not in record.values(class_number):
        return []
    for name in record.values(name_number):
        attribute = schema.attribute(name.decode("ascii", "replace"))
        definitions = () if attribute is None else txn.definitions().by_type.get(attribute.oid, ())
        if definitions:
            states = {one.state for one in definitions}
            incomplete = states - {IndexState.COMPLETE}
            return [min(incomplete).name.lower().encode() if incomplete else b"complete"]
    return []


def _context_csn(subject: Subject) -> list[bytes]:
    """Of the root of a naming context: how far its content has come, as slapd's consumers ask it."""
    return [context_csn(subject.txn)] if subject.record.flags & CONTEXT else []


def _bad_password_count(subject: Subject) -> list[bytes]:
    failures = account_failures(subject.txn, subject.tenant, subject.entry_id)
    return [] if failures is None else [b"%d" % failures.times]


def _bad_password_time(subject: Subject) -> list[bytes]:
    failures = account_failures(subject.txn, subject.tenant, subject.entry_id)
    return [] if failures is None else [filetime(failures.last)]


_BY_NAME: dict[str, Callable[[Subject], list[bytes]]] = {
    "entryUUID": _entry_uuid,
    "objectGUID": _object_guid,
    "uSNCreated": _usn_created,
    "uSNChanged": _usn_changed,
    "entryDN": _entry_dn,
    "distinguishedName": ad_attributes.distinguished_name,
    "subschemaSubentry": _subschema_subentry,
    "hasSubordinates": _has_subordinates,
    "numSubordinates": _num_subordinates,
    "memberOf": _member_of,
    "lwMemberOfDirect": _member_of_direct,
    "entryTtl": _entry_ttl,
    "whenCreated": _when_created,
    "whenChanged": _when_changed,
    "lwIndexState": _index_state,
    "contextCSN": _context_csn,
    "objectCategory": ad_attributes.object_category,
    "instanceType": ad_attributes.instance_type,
    "name": ad_attributes.name,
    "canonicalName": ad_attributes.canonical_name,
    "sAMAccountType": ad_attributes.sam_account_type,
    "tokenGroups": security_attributes.token_groups,
    "tokenGroupsGlobalAndUniversal": security_attributes.token_groups_global_and_universal,
    "msDS-PrincipalName": security_attributes.principal_name,
    "directReports": ad_attributes.direct_reports,
    "badPwdCount": _bad_password_count,
    "badPasswordTime": _bad_password_time,
    "managedObjects": ad_attributes.managed_objects,
    "nTSecurityDescriptor": descriptor_attributes.nt_security_descriptor,
    "vmwAclString": descriptor_attributes.acl_string,
    "sDRightsEffective": descriptor_attributes.sd_rights_effective,
    "allowedAttributes": descriptor_attributes.allowed_attributes,
    "allowedAttributesEffective": descriptor_attributes.allowed_attributes_effective,
    "allowedChildClasses": descriptor_attributes.allowed_child_classes,
    "allowedChildClassesEffective": descriptor_attributes.allowed_child_classes_effective,
}


_provided: dict[str, Callable[[Subject], list[bytes]]] = {}


@lru_cache(maxsize=16)
def _functions(schema: Schema) -> dict[str, Callable[[Subject], list[bytes]]]:
    found = {}
    for name, compute in (*_BY_NAME.items(), *_provided.items()):
        attribute = schema.attribute(name)
        if attribute is not None:
            found[attribute.oid] = compute
    return found
