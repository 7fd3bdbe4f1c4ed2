"""Operators: accounts of the system tenant that a tenant lets in, and takes back.

In the tenant a foreignSecurityPrincipal with the account's SID stands for it (MS-ADTS 6.1.1.4.10), a member of the
tenant's own groups; what it may do there, those say. It is the tenant's administrator who makes and deletes that entry.

A tenant must not find out by trying which accounts the system tenant has. So an operator is named by his SID, which is
not looked up, or by the name of a member of the system tenant's group TenantOperators: those are there to be named.
"""

from __future__ import annotations

from lightwave.directory.access.descriptor_errors import DescriptorError
from lightwave.directory.access.membership import membership, sid_of
from lightwave.directory.access.sid import Sid, parse_sid, split_rid
from lightwave.directory.operations.tenant_entries import OPERATORS
from lightwave.directory.schema.normalisation import normalise_value
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.indexes import IndexKind
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import TOMBSTONE
from lightwave.identity.names import find_identity


def find_operator(txn: ReadTransaction, schema: Schema, name: str) -> Sid | None:
    """The SID of whom a tenant may let in by this SID or name; None for anybody else."""
    if name[:2].upper() == "S-":
        try:
            sid = parse_sid(name.upper())
        except DescriptorError:
            return None
        parts = split_rid(sid)
        return sid if parts is not None and parts[0] == _system_domain(txn) else None
    found = find_identity(txn, schema, name)
    group = _group(txn, schema)
    if found is None or found[0] != SYSTEM_TENANT or group is None:
        return None
    try:
        is_operator = group in membership(txn, *found).entry_ids
        return sid_of(txn, txn.record(*found)) if is_operator else None
    except NoSuchEntry:
        return None


def _system_domain(txn: ReadTransaction) -> Sid | None:
    for _, context in txn.contexts(SYSTEM_TENANT):
        sid = sid_of(txn, txn.record(SYSTEM_TENANT, context.entry_id))
        if sid is not None:
            return sid
    return None


def _group(txn: ReadTransaction, schema: Schema) -> int | None:
    attribute = schema.attribute("sAMAccountName")
    number = None if attribute is None else txn.attribute_number(attribute.oid)
    if attribute is None or number is None:
        return None
    key = normalise_value(attribute, OPERATORS)
    for entry_id in txn.index_ids(SYSTEM_TENANT, number, IndexKind.EQUALITY, key):
        if not txn.record(SYSTEM_TENANT, entry_id).flags & TOMBSTONE:
            return entry_id
    return None
