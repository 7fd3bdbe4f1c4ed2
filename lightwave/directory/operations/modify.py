"""Modify (RFC 4511 §4.6, increment: RFC 4525).

gather: changes are parsed, the entry is found, access is decided.
check: changes are carried out on working copies; what they touch is checked against the entry's classes.
issue: plug-ins, stamps, record, links, secrets.

Only what the request names is decoded; an entry's other attributes are carried over as bytes, so a modify costs the
same whatever else the entry holds. A change of objectClass is the exception: it looks at every attribute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightwave.directory.access.security_descriptor import SecurityDescriptor
from lightwave.directory.ldap.messages import ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.update_controls import PERMISSIVE_MODIFY
from lightwave.directory.operations import subschema
from lightwave.directory.operations.changes import LinkAttribute, ParsedChange, RecordAttribute, parse_change
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.descriptor_writing import (
    changed_descriptor,
    find_to_repair,
    split_changes,
)
from lightwave.directory.operations.descriptors import follow_classes, set_own_descriptor
from lightwave.directory.operations.drafts import DraftModify
from lightwave.directory.operations.entry_checks import (
    check_attribute,
    check_classes,
    check_content,
    check_rdn,
    check_size,
    edits_of,
    stored_attribute,
)
from lightwave.directory.operations.gather import (
    OBJECT_CLASS,
    REFERRAL,
    Place,
    check_user_modification,
    classes_of,
    find_visible,
    referral,
)
from lightwave.directory.operations.permissive import what_is_left
from lightwave.directory.operations.plugins.operational import stamp_modification
from lightwave.directory.operations.ports import Effect, Plugin, Target
from lightwave.directory.operations.relax_rules import check_may_relax_in, is_free_in_modify, is_relaxed
from lightwave.directory.operations.subschema_entry import SUBSCHEMA_CLASS
from lightwave.directory.operations.write_rights import check_write_attributes, check_write_secrets
from lightwave.directory.schema.classset import ClassSet
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import TOMBSTONE, Record
from lightwave.directory.store.writing import AttributeChange, WriteTransaction


@dataclass(slots=True)
class Gathered:
    """A modify whose entry is found and whose requester may make it."""

    place: Place
    record: Record
    classes: ClassSet
    changes: list[ParsedChange]
    """changes of attributes that the entry or its links hold"""
    secrets: list[ParsedChange]
    """changes of secret attributes: the ports' work"""
    descriptor: SecurityDescriptor | None = None
    """what becomes the entry's own security descriptor; None when unchanged"""

    @property
    def target(self) -> Target:
        """The entry, for ports."""
        return Target(self.place.tenant, self.place.entry_id, self.record.guid)


def gather(txn: ReadTransaction, schema: Schema, context: Context, request: ModifyRequest) -> Gathered:
    """Finds the entry and decides access; raises DirectoryError."""
    relaxed = context.controls != () and is_relaxed(context)
    changes, secrets = parse_changes(schema, request, relaxed=relaxed)
    of_descriptor, changes = split_changes(changes)
    find = find_visible if changes or secrets else find_to_repair
    place, record, decision = find(txn, schema, context, request.dn)
    classes = classes_of(txn, schema, record)
    if REFERRAL in classes.oids and not context.manages_dsa_it:
        raise referral(txn, txn.dn(place.tenant, place.entry_id, record), record)
    if record.flags & TOMBSTONE:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "a deleted entry can't be changed")
    if relaxed:
        check_may_relax_in(context, place.tenant)
    check_write_attributes(txn, schema, context, place, record, decision, changes)
    check_write_secrets(context, place, decision, secrets)
    gathered = Gathered(place, record, classes, changes, secrets)
    if of_descriptor:
        gathered.descriptor = changed_descriptor(txn, schema, context, place, record, decision, of_descriptor)
    return gathered


def parse_changes(
    schema: Schema, request: ModifyRequest, *, relaxed: bool = False
) -> tuple[list[ParsedChange], list[ParsedChange]]:
    """(changes of stored attributes, changes of secret ones); what no entry could take is refused here.

    `relaxed`: the relax rules control was granted.
    """
    if not request.changes:
        raise DirectoryError(ResultCode.PROTOCOL_ERROR, "no modifications provided")
    changes: list[ParsedChange] = []
    secrets: list[ParsedChange] = []
    for change in request.changes:
        parsed = parse_change(schema, change)
        attribute = parsed.description.type
        if attribute.is_secret:
            secrets.append(parsed)
            continue
        if not (relaxed and is_free_in_modify(parsed)):
            check_user_modification(parsed.description)
        changes.append(parsed)
    return changes, secrets


def apply(
    txn: WriteTransaction,
    schema: Schema,
    context: Context,
    request: ModifyRequest,
    effects: Sequence[Effect] = (),
    plugins: Sequence[Plugin] = (),
) -> bool:
    """Carries out a modify; raises DirectoryError or PreconditionBroken, and then nothing may be committed.

    Whether it was a change of the schema, of which plug-ins do not hear.
    """
    gathered = gather(txn, schema, context, request)
    for effect in effects:
        effect.verify(txn, gathered.target)
    if SUBSCHEMA_CLASS in gathered.classes.oids and gathered.descriptor is None:
        subschema.apply(txn, schema, context, gathered.target, gathered.record, gathered.changes, effects)
        return True
    draft = check(txn, schema, context, gathered, effects)
    for plugin in plugins:
        plugin.on_modify(txn, context, draft)
    issue(txn, context, draft, effects)
    return False


def check(
    txn: ReadTransaction, schema: Schema, context: Context, gathered: Gathered, effects: Sequence[Effect] = ()
) -> DraftModify:
    """Carries the changes out on working copies and checks the result; raises DirectoryError."""
    place, record = gathered.place, gathered.record
    stored: dict[str, RecordAttribute] = {}
    links: dict[str, LinkAttribute] = {}
    permissive = context.controls != () and context.has_control(PERMISSIVE_MODIFY)
    for change in gathered.changes:
        description = change.description
        attribute = stored.get(description.key)
        if attribute is None:
            attribute = stored[description.key] = stored_attribute(txn, record, description)
        if not description.type.is_link:
            if permissive:
                left = what_is_left(change, attribute)
                if left is not None:
                    attribute.apply(left)
            else:
                attribute.apply(change)
            continue
        link = links.get(description.key)
        if link is None:
            link = LinkAttribute(txn, schema, place.tenant, place.entry_id, description, attribute)
            links[description.key] = link
        left = what_is_left(change, link) if permissive else change
        if left is not None:
            link.apply(left)
    for key, attribute in stored.items():
        check_attribute(attribute, links.get(key), context)
    check_rdn(schema, record, stored)
    classes = check_classes(schema, gathered.classes, stored)
    check_content(txn, schema, place, record, classes, stored, links, _secrets(gathered))
    edits = edits_of(stored)
    check_size(record, edits, context)
    changed_links = {key: edit for key, link in links.items() if (edit := link.edit()) is not None}
    return DraftModify(
        schema,
        place.tenant,
        place.entry_id,
        record,
        edits,
        changed_links,
        classes.oids,
        effects,
        descriptor=gathered.descriptor,
    )


def _secrets(gathered: Gathered) -> dict[str, bool]:
    """By OID, which secret attributes the changes leave set and which they remove."""
    found: dict[str, bool] = {}
    for change in gathered.secrets:
        oid = change.description.type.oid
        if change.kind is ModifyKind.DELETE:
            # One value deleted after another was added (a password change in this order): that one stays.
            found[oid] = bool(change.values) and found.get(oid, False)
        elif change.values or change.kind is ModifyKind.REPLACE:
            found[oid] = bool(change.values)
    return found


def issue(
    txn: WriteTransaction, context: Context, draft: DraftModify, effects: Sequence[Effect] = ()
) -> None:
    """Writes a checked modify."""
    tenant, entry_id = draft.tenant, draft.entry_id
    change = txn.begin_change()
    changes = [
        AttributeChange(edit.description, edit.after, edit.added, edit.removed, edit.whole)
        for edit in draft.edits.values()
    ]
    stamped = stamp_modification(draft.schema, context, change)
    if context.controls:  # what relaxed rules let an administrator say stays
        stamped = [one for one in stamped if one.description.key not in draft.edits]
    changes += stamped
    txn.update_entry(tenant, entry_id, changes, change)
    classes = draft.edits.get(OBJECT_CLASS)
    if classes is not None:
        follow_classes(txn, draft.schema, tenant, entry_id, classes.after, change)
    if draft.descriptor is not None:
        set_own_descriptor(txn, draft.schema, tenant, entry_id, draft.descriptor, change)
    for link in draft.links.values():
        if link.removed:
            txn.remove_links(tenant, entry_id, link.description, tuple(link.removed), change)
        if link.added:
            txn.add_links(tenant, entry_id, link.description, tuple(link.added), change)
    if draft.expires is not None:
        txn.set_expiry(tenant, entry_id, draft.expires, change)
    target = Target(tenant, entry_id, draft.record.guid)
    for effect in effects:
        effect.apply(txn, target, change)
