"""Undelete (MS-ADTS §3.1.1.5.3.7): a modify by which a tombstone becomes an entry again.

It is told from other modifies by two changes, both of which must be there: isDeleted is removed, and
distinguishedName is replaced by the new name. With the show deleted control, for the tombstone is not to be seen
without it. The entry has the GUID, the SID, the classes and the account's name and state that the tombstone kept, and
what the other changes of the request give it; it has to satisfy its classes with that. Memberships, passwords and
other attributes come from a backup (restore_entry.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lightwave.directory.access.control_rights import REANIMATE_TOMBSTONES
from lightwave.directory.access.decision import Decision
from lightwave.directory.ldap.controls import SHOW_DELETED
from lightwave.directory.ldap.dn import DNSyntaxError, parse_dn
from lightwave.directory.ldap.messages import Modification, ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations import add
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.descriptor_attributes import DESCRIPTORS
from lightwave.directory.operations.descriptors import follow_classes
from lightwave.directory.operations.drafts import Attributes, DraftEntry
from lightwave.directory.operations.gather import (
    Place,
    check_control_right,
    check_naming_types,
    check_user_modification,
    classes_of,
    denied,
    describe,
    find_visible,
    normalised_name,
)
from lightwave.directory.operations.ports import Plugin
from lightwave.directory.schema.checks import check_entry
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.record import TOMBSTONE, Record, attribute_values
from lightwave.directory.store.writing import WriteTransaction

_IS_DELETED = "1.2.840.113556.1.2.48"
_DISTINGUISHED_NAME = "2.5.4.49"
_KEPT_USER = ("objectClass", "objectSid", "sAMAccountName", "userAccountControl", "groupType")
_KEPT_OPERATIONAL = ("creatorsName", "createTimestamp")


def is_undelete(schema: Schema, context: Context, request: ModifyRequest) -> bool:
    """Whether a modify has the control and both changes that make it an undelete."""
    return context.has_control(SHOW_DELETED) and _new_name(schema, request.changes) is not None


def _new_name(schema: Schema, changes: Sequence[Modification]) -> bytes | None:
    """The new name, None where the modify is no undelete."""
    removed, name = False, None
    for change in changes:
        description = schema.describe(change.attribute)
        oid = description.key if description is not None else ""
        if oid == _IS_DELETED:
            removed = change.kind is ModifyKind.DELETE or (
                change.kind is ModifyKind.REPLACE and not change.values
            )
        elif oid == _DISTINGUISHED_NAME and change.kind is ModifyKind.REPLACE and len(change.values) == 1:
            name = change.values[0]
    return name if removed else None


def apply(
    txn: WriteTransaction,
    schema: Schema,
    context: Context,
    request: ModifyRequest,
    plugins: Sequence[Plugin] = (),
) -> None:
    """Carries out an undelete; raises DirectoryError, and then nothing may be committed."""
    place, record, decision = find_visible(txn, schema, context, request.dn)
    if not record.flags & TOMBSTONE:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "the entry is not deleted")
    _check_access(txn, schema, context, place, record, decision, request.changes)
    dn = _new_name(schema, request.changes) or b""
    name = normalised_name(schema, dn)
    try:
        rdn = parse_dn(dn)[0]
    except (DNSyntaxError, IndexError):
        raise DirectoryError(ResultCode.INVALID_DN_SYNTAX, "the new name is no name of an entry") from None
    structural = classes_of(txn, schema, record).structural
    tenant, parent = add.find_superior(txn, schema, context, name, structural)
    if tenant != place.tenant:
        raise DirectoryError(ResultCode.AFFECTS_MULTIPLE_DSAS, "the new name is in another directory")
    checked = check_entry(schema, _content(txn, schema, record, request.changes), rdn)
    check_naming_types(schema, rdn)
    if txn.find_child(tenant, parent, name[0]) is not None:
        raise DirectoryError(ResultCode.ENTRY_ALREADY_EXISTS, "")
    draft = DraftEntry(
        schema,
        tenant,
        parent,
        name,
        rdn,
        record.guid,
        dict(checked.attributes),
        frozenset(one.oid for one in checked.classes),
        checked.structural,
        kept=_values(txn, schema, record, _KEPT_OPERATIONAL),
        revived=place.entry_id,
    )
    for plugin in plugins:
        plugin.on_add(txn, context, draft)
    change = txn.begin_change()
    entry = add.new_entry(txn, context, draft, change)
    if record.descriptor:  # what it was protected by it is protected by again
        entry = replace(entry, descriptor=record.descriptor)
    txn.revive_entry(tenant, place.entry_id, parent, entry, change, describe=schema.describe)
    classes = draft.attributes[schema.object_class_description]
    follow_classes(txn, schema, tenant, place.entry_id, classes, change)


def _check_access(
    txn: WriteTransaction,
    schema: Schema,
    context: Context,
    place: Place,
    record: Record,
    decision: Decision,
    changes: Sequence[Modification],
) -> None:
    """§3.1.1.5.3.7.1: to write what is changed, and to reanimate tombstones at the naming context.

    The right to create a child at the new place is decided with the place.
    """
    names = (change.attribute for change in changes)
    oids = {described.type.oid for name in names if (described := schema.describe(name)) is not None}
    if any(oid not in decision.writable for oid in oids - {_DISTINGUISHED_NAME}):
        raise denied(context)
    root = txn.place(place.tenant, record.parent).root
    check_control_right(txn, schema, context, place.tenant, root, None, REANIMATE_TOMBSTONES)


def _content(
    txn: WriteTransaction, schema: Schema, record: Record, changes: Sequence[Modification]
) -> Attributes:
    """What the tombstone kept, and what the changes make of it."""
    attributes = _values(txn, schema, record, _KEPT_USER)
    for change in changes:
        description = describe(schema, change.attribute)
        if description.key in (_IS_DELETED, _DISTINGUISHED_NAME):
            continue
        check_user_modification(description)
        if description.type.is_secret or description.type.oid in DESCRIPTORS:
            raise DirectoryError(
                ResultCode.UNWILLING_TO_PERFORM, f"{description.text}: set it when the entry is undeleted"
            )
        present = attributes.get(description, ())
        if change.kind is ModifyKind.REPLACE:
            values = change.values
        elif change.kind is ModifyKind.ADD and change.values:
            values = (*present, *change.values)
        elif change.kind is ModifyKind.ADD:
            raise DirectoryError(ResultCode.PROTOCOL_ERROR, f"no values for attribute '{description.text}'")
        else:
            raise DirectoryError(
                ResultCode.UNWILLING_TO_PERFORM, f"{description.text}: an undelete adds and replaces only"
            )
        if values:
            attributes[description] = values
        else:
            attributes.pop(description, None)
    return attributes


def _values(txn: WriteTransaction, schema: Schema, record: Record, names: Sequence[str]) -> Attributes:
    found: Attributes = {}
    for name in names:
        description = describe(schema, name)
        number = txn.attribute_number(description.key)
        encoded = None if number is None else record.encoded(number)
        if encoded is not None:
            found[description] = tuple(attribute_values(encoded))
    return found
