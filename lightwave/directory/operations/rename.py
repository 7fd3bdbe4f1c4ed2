"""Modify DN (RFC 4511 §4.9): a new RDN, a new superior, or both, for an entry with everything below it.

The subtree's entries are not touched: they know their parent by its id, and names that others keep of them are
links. So a move costs the same for one entry and for a million.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lightwave.directory.access.attribute_set import ALL
from lightwave.directory.access.decision import Decision
from lightwave.directory.ldap.dn import RDN, DNSyntaxError, format_rdn, parse_rdn
from lightwave.directory.ldap.messages import ModifyDNRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.ad_attributes import NAME
from lightwave.directory.operations.changes import RecordAttribute
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.delete import check_access
from lightwave.directory.operations.drafts import DraftRename
from lightwave.directory.operations.entry_checks import (
    check_attribute,
    check_content,
    check_size,
    edits_of,
    stored_attribute,
)
from lightwave.directory.operations.gather import (
    ALIAS,
    REFERRAL,
    SUBENTRY,
    Place,
    check_naming_types,
    classes_of,
    denied,
    find_visible,
    hide_deleted,
    missing,
    normalised_name,
    referral,
    unseen,
    visible,
)
from lightwave.directory.operations.plugins.operational import stamp_modification
from lightwave.directory.operations.plugins.tombstones import is_deleted_objects
from lightwave.directory.operations.ports import Plugin
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.checks import check_naming
from lightwave.directory.schema.classset import ClassSet
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import NormalisedRDN, normalise_rdn
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import EntryExists, NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import CONTEXT, TOMBSTONE, Record
from lightwave.directory.store.writing import AttributeChange, WriteTransaction


class _NewName(NamedTuple):
    rdn: RDN
    normalised: NormalisedRDN


def apply(
    txn: WriteTransaction,
    schema: Schema,
    context: Context,
    request: ModifyDNRequest,
    plugins: Sequence[Plugin] = (),
) -> None:
    """Renames or moves an entry; raises DirectoryError, and then nothing may be committed."""
    new_name = _parse_name(schema, request.new_rdn)
    place, record, decision = find_visible(txn, schema, context, request.dn)
    classes = classes_of(txn, schema, record)
    _check_entry(txn, schema, context, place, record, classes)
    _check_names(context, schema, decision, record, new_name.rdn)
    parent = _new_parent(txn, schema, context, place, record, request)
    existing = txn.find_child(place.tenant, parent, new_name.normalised)
    if existing is not None and existing != place.entry_id:
        raise DirectoryError(ResultCode.ENTRY_ALREADY_EXISTS, "")
    stored = _rename_values(txn, schema, record, new_name.rdn, delete_old=request.delete_old_rdn)
    for attribute in stored.values():
        check_attribute(attribute, None, context)
    check_content(txn, schema, place, record, classes, stored, {}, {})
    edits = edits_of(stored)
    check_size(record, edits, context)
    draft = DraftRename(
        schema,
        place.tenant,
        place.entry_id,
        record,
        record.parent,
        parent,
        new_name.rdn,
        new_name.normalised,
        edits,
        classes.oids,
    )
    for plugin in plugins:
        plugin.on_rename(txn, context, draft)
    issue(txn, context, draft)


def issue(txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
    """Writes a checked rename."""
    change = txn.begin_change()
    tenant, entry_id = draft.tenant, draft.entry_id
    try:
        txn.move_entry(
            tenant, entry_id, draft.new_parent, format_rdn(draft.rdn), draft.normalised_rdn, change
        )
    except EntryExists:
        raise DirectoryError(ResultCode.ENTRY_ALREADY_EXISTS, "") from None
    changes = [
        AttributeChange(edit.description, edit.after, edit.added, edit.removed, edit.whole)
        for edit in draft.edits.values()
    ]
    changes += stamp_modification(draft.schema, context, change)
    txn.update_entry(tenant, entry_id, changes, change)


def _parse_name(schema: Schema, text: bytes) -> _NewName:
    try:
        rdn = parse_rdn(text)
        return _NewName(rdn, normalise_rdn(schema, rdn))
    except (DNSyntaxError, InvalidValue) as error:
        raise DirectoryError(ResultCode.INVALID_DN_SYNTAX, "invalid new RDN", detail=str(error)) from error


def _check_entry(
    txn: ReadTransaction, schema: Schema, context: Context, place: Place, record: Record, classes: ClassSet
) -> None:
    if REFERRAL in classes.oids and not context.manages_dsa_it:
        raise referral(txn, txn.dn(place.tenant, place.entry_id, record), record)
    if record.flags & CONTEXT:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "a naming context can't be renamed")
    if record.flags & TOMBSTONE or is_deleted_objects(txn, schema, place.tenant, record):
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "this entry can't be renamed")


def _check_names(context: Context, schema: Schema, decision: Decision, record: Record, new: RDN) -> None:
    """[MS-ADTS] 3.1.1.5.4.1.2: the right to write what names the entry, then and now, and `name` itself."""
    if decision.writable is ALL:
        return
    named = [*new, *(() if record.flags & CONTEXT else parse_rdn(record.rdn))]
    oids = {NAME, *(found.oid for ava in named if (found := schema.attribute(ava.type)) is not None)}
    if any(oid not in decision.writable for oid in oids):
        raise denied(context)


def _new_parent(
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    place: Place,
    record: Record,
    request: ModifyDNRequest,
) -> int:
    """The entry id of the superior after the rename; raises DirectoryError."""
    if request.new_superior is None:
        return record.parent
    name = normalised_name(schema, request.new_superior)
    if not name:
        raise DirectoryError(ResultCode.AFFECTS_MULTIPLE_DSAS, "an entry can't leave its naming context")
    try:
        tenant, parent = txn.find(name)
    except NoSuchEntry as error:
        raise _no_superior(missing(txn, schema, context, error, "new superior not found")) from None
    above = txn.record(tenant, parent)
    decision = visible(txn, schema, context, tenant, parent, above)
    if decision is None:
        message = "new superior not found"
        raise _no_superior(unseen(txn, schema, context, tenant, parent, above, message))
    if tenant != place.tenant or _context_of(txn, tenant, parent) != _context_of(
        txn, place.tenant, place.entry_id
    ):
        raise DirectoryError(ResultCode.AFFECTS_MULTIPLE_DSAS, "an entry can't leave its naming context")
    if parent == record.parent:
        return parent
    if txn.is_below(tenant, parent, place.entry_id):
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "an entry can't be moved below itself")
    if above.flags & TOMBSTONE:
        hide_deleted(txn, schema, context, tenant, parent)
    check_access(txn, schema, context, place.tenant, place.entry_id, record)
    if classes_of(txn, schema, record).structural.oid not in decision.creatable:
        raise denied(context)
    classes = classes_of(txn, schema, above).oids
    if ALIAS in classes:
        raise DirectoryError(ResultCode.ALIAS_PROBLEM, "new superior is an alias")
    if REFERRAL in classes and not context.manages_dsa_it:
        raise DirectoryError(ResultCode.AFFECTS_MULTIPLE_DSAS, "new superior is a referral")
    if SUBENTRY in classes:
        raise DirectoryError(ResultCode.OBJECT_CLASS_VIOLATION, "new superior is a subentry")
    if above.flags & TOMBSTONE or is_deleted_objects(txn, schema, tenant, above):
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "only deletion moves entries there")
    return parent


def _no_superior(refusal: DirectoryError) -> DirectoryError:
    """Where nothing that the requester sees is above the new superior, it is as if another server held it."""
    if refusal.code is ResultCode.NO_SUCH_OBJECT and not refusal.matched:
        return DirectoryError(ResultCode.AFFECTS_MULTIPLE_DSAS, "the new superior is not held here")
    return refusal


def _context_of(txn: ReadTransaction, tenant: int, entry_id: int) -> int:
    """The entry id at the root of an entry's naming context."""
    return txn.place(tenant, entry_id).root


def _rename_values(
    txn: ReadTransaction, schema: Schema, record: Record, rdn: RDN, *, delete_old: bool
) -> dict[str, RecordAttribute]:
    """Working copies of the naming attributes: the old RDN's values removed when asked, the new one's added."""
    stored: dict[str, RecordAttribute] = {}

    def working(description: AttributeDescription) -> RecordAttribute:
        attribute = stored.get(description.key)
        if attribute is None:
            attribute = stored[description.key] = stored_attribute(txn, record, description)
        return attribute

    check_naming(schema, {}, rdn, complete=True)
    check_naming_types(schema, rdn)
    if delete_old:
        for ava in parse_rdn(record.rdn):
            description = schema.describe(ava.type)
            if description is not None:
                working(description).discard(description.type.normalise(ava.value))
    for ava in rdn:
        description = schema.describe(ava.type)
        if description is not None:
            working(description).ensure(description.type.normalise(ava.value), ava.value)
    return stored
