"""Of an entry that is deleted: what it was called, and who could see it as it stood there."""

from __future__ import annotations

from lightwave.directory.access.decision import decide_on, who
from lightwave.directory.access.descriptor import descriptors_of
from lightwave.directory.access.rights import Right
from lightwave.directory.ldap.dn import AVA, format_rdn, parse_rdn
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.plugins.tombstones import MARKER
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction


def last_name(txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int) -> tuple[bytes, bytes]:
    """(last parent's DN, last DN) of a tombstone; empty where there is none."""
    description = schema.describe("lastKnownParent")
    number = None if description is None else txn.attribute_number(description.key)
    try:
        record = txn.record(tenant, entry_id)
    except NoSuchEntry:
        return b"", b""
    parents = [] if number is None else record.values(number)
    if not parents:
        return b"", b""
    first = parse_rdn(record.rdn)[0]
    rdn = (AVA(first.type, first.value.partition(MARKER)[0]),)
    return parents[0], format_rdn(rdn) + b"," + parents[0]


def was_seen(txn: ReadTransaction, schema: Schema, context: Context, tenant: int, entry_id: int) -> bool:
    """Whether the requester saw a deleted entry where it stood, by the descriptors of now; raises NoSuchEntry."""
    token = context.token
    if token.bypasses(tenant):
        return True
    parent = txn.by_guid(tenant, txn.local_stamps(tenant, entry_id).former_parent)
    sids, entry_ids = who(txn, token, tenant)
    if parent is None or not sids:
        return False
    descriptors = descriptors_of(txn.store)
    decision, above = (
        decide_on(
            txn, schema, descriptors.as_it_stood(txn, schema, tenant, one), sids, is_self=one in entry_ids
        )
        for one in (entry_id, parent)
    )
    return bool(decision.readable) and (
        above.allows(Right.LIST_CONTENTS)
        or (above.allows(Right.LIST_OBJECT) and decision.allows(Right.LIST_OBJECT))
    )
