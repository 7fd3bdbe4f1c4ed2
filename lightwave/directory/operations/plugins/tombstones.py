"""Tombstones: what is left of a deleted entry until every server has learnt of the deletion.

A tombstone stands below `cn=Deleted Objects` of its naming context as `RDN\\0ADEL:<guid>` (MS-ADTS §3.1.1.5.5), keeps
class, GUID, SID and the name of its last parent, and goes for good after the tombstone lifetime. A dynamic entry
(RFC 2589) that is deleted before its time leaves one that goes at that time: no server keeps the entry for longer.
"""

from __future__ import annotations

import uuid

from lightwave.directory.ldap.dn import AVA, RDN, format_rdn, parse_rdn
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.deleted_entries import container_name
from lightwave.directory.operations.drafts import DraftDelete
from lightwave.directory.operations.plugins.operational import modification_attributes
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import NormalisedRDN, normalise_rdn
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import CONTEXT, DYNAMIC, Record
from lightwave.directory.store.writing import WriteTransaction

LIFETIME = 180 * 86_400.0
"""Seconds that a tombstone stays; a server that was away for longer has to be made anew."""

MARKER = b"\nDEL:"
"""between the name that an entry had and its GUID, in the RDN of its tombstone"""
_KEPT = (
    "objectClass",
    "objectSid",
    "sAMAccountName",
    "userAccountControl",
    "groupType",
    "structuralObjectClass",
    "creatorsName",
    "createTimestamp",
)


def deleted_objects(txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int) -> int | None:
    """The container for tombstones of an entry: of its own naming context, else of another one of its tenant."""
    name = container_name(schema)
    container = txn.find_child(tenant, txn.place(tenant, entry_id).root, name)
    if container is not None:
        return container
    for _, context in txn.contexts(tenant):
        container = txn.find_child(tenant, context.entry_id, name)
        if container is not None:
            return container
    return None


def is_deleted_objects(txn: ReadTransaction, schema: Schema, tenant: int, record: Record) -> bool:
    """Whether the entry is the container of tombstones of its naming context."""
    if record.normalised_rdn != container_name(schema) or not record.parent:
        return False
    return bool(txn.record(tenant, record.parent).flags & CONTEXT)


def bury(txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
    """Makes a tombstone of an entry that may be deleted; without a container for it, removes the entry."""
    schema, tenant, entry_id, record = draft.schema, draft.tenant, draft.entry_id, draft.record
    change = txn.begin_change()
    container = deleted_objects(txn, schema, tenant, entry_id)
    if container is None:
        txn.remove_entry(tenant, entry_id, change, describe=schema.describe)
        return
    if container == entry_id:
        raise DirectoryError(
            ResultCode.UNWILLING_TO_PERFORM, "the container of deleted entries can't be deleted"
        )
    rdn, normalised = tombstone_name(schema, parse_rdn(record.rdn), record.guid)
    attributes: list[tuple[AttributeDescription, tuple[bytes, ...]]] = []
    for name in _KEPT:
        description = schema.describe(name)
        number = None if description is None else txn.attribute_number(description.key)
        if description is not None and number is not None and (values := record.values(number)):
            attributes.append((description, tuple(values)))
    naming = schema.describe(rdn[0].type)
    if naming is not None:
        attributes.append((naming, (rdn[0].value,)))
    attributes.append((_describe(schema, "isDeleted"), (b"TRUE",)))
    attributes += modification_attributes(schema, context.token.dn, change.stamp)
    parent_type = _describe(schema, "lastKnownParent")
    if not parent_type.type.is_link:
        attributes.append((parent_type, (txn.dn(tenant, record.parent),)))
    dies = record.expires / 1000 if record.flags & DYNAMIC and record.expires else txn.store.now() + LIFETIME
    parent = record.parent
    txn.bury_entry(
        tenant,
        entry_id,
        container,
        format_rdn(rdn),
        normalised,
        attributes,
        change,
        describe=schema.describe,
        expires=dies,
    )
    if parent_type.type.is_link:
        txn.add_links(tenant, entry_id, parent_type, (parent,), change)


def _describe(schema: Schema, name: str) -> AttributeDescription:
    description = schema.describe(name)
    assert description is not None, name  # it comes with the server
    return description


def tombstone_name(schema: Schema, rdn: RDN, guid: bytes) -> tuple[RDN, NormalisedRDN]:
    """The RDN of a tombstone: the entry's own with the GUID behind it, so that names below the container differ."""
    marker = MARKER + str(uuid.UUID(bytes=guid)).encode()
    first = rdn[0]
    for name in (
        (AVA(first.type, first.value + marker),),
        (AVA("cn", first.value + marker),),
        (AVA("cn", marker[1:]),),
    ):
        try:
            return name, normalise_rdn(schema, name)
        except InvalidValue:
            continue  # a syntax that allows no line break, or a value that is no text
    raise DirectoryError(ResultCode.OTHER, "the entry's name can't become a tombstone's")
