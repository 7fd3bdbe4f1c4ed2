"""Add (RFC 4511 §4.7).

gather: attributes are parsed (`parse`), the superior is found, access is decided there (`find_superior`).
check: the schema's whole verdict; then that the superior may have the entry and that its name is free.
issue: plug-ins, stamps, record, links, secrets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightwave.directory.ldap.dn import RDN, DNSyntaxError, format_rdn, parse_dn
from lightwave.directory.ldap.messages import AddRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.changes import resolve_link
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.descriptor_writing import Written, new_descriptor, take_from_attributes
from lightwave.directory.operations.descriptors import initial_descriptor
from lightwave.directory.operations.drafts import Attributes, DraftEntry
from lightwave.directory.operations.gather import (
    ALIAS,
    REFERRAL,
    SUBENTRY,
    check_naming_types,
    check_user_modification,
    check_visible,
    classes_of,
    denied,
    describe,
    hide_deleted,
    missing,
    normalised_name,
    referral,
    visible,
)
from lightwave.directory.operations.plugins.operational import creation_attributes
from lightwave.directory.operations.plugins.tombstones import is_deleted_objects
from lightwave.directory.operations.ports import Effect, Plugin, Target
from lightwave.directory.operations.relax_rules import (
    check_may_relax_in,
    is_free_in_add,
    is_relaxed,
    set_apart,
)
from lightwave.directory.operations.unix_numbers import ask_for_numbers
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.checks import check_entry
from lightwave.directory.schema.classset import class_set
from lightwave.directory.schema.normalisation import NormalisedDN
from lightwave.directory.schema.objectclass import ObjectClass
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import EntryExists, NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import DYNAMIC, TOMBSTONE
from lightwave.directory.store.writing import Change, NewEntry, WriteTransaction


@dataclass(slots=True)
class ParsedEntry:
    """A request's entry, before anything is looked up."""

    schema: Schema
    """under which it was parsed"""
    name: NormalisedDN
    rdn: RDN
    attributes: Attributes
    """everything that the client gave, secret attributes included"""
    has_secrets: bool
    relaxed: bool = False
    """with relaxed rules: some of the attributes are otherwise the server's own"""
    descriptor: Written | None = None
    """the security descriptor that the client gave; not among the attributes"""


def parse(schema: Schema, request: AddRequest, *, relaxed: bool = False) -> ParsedEntry:
    """The entry that is asked for; raises DirectoryError for what no directory could take.

    `relaxed`: the relax rules control was granted.
    """
    name = normalised_name(schema, request.dn)
    if not name:
        raise DirectoryError(ResultCode.ENTRY_ALREADY_EXISTS, "root DSE already exists")
    try:
        rdn = parse_dn(request.dn)[0]
    except DNSyntaxError as error:
        raise DirectoryError(ResultCode.INVALID_DN_SYNTAX, "invalid DN", detail=str(error)) from error
    if not request.attributes:
        raise DirectoryError(ResultCode.PROTOCOL_ERROR, "no attributes provided")
    attributes: Attributes = {}
    has_secrets = False
    for text, values in request.attributes:
        description = describe(schema, text)
        if description in attributes:
            raise DirectoryError(
                ResultCode.ATTRIBUTE_OR_VALUE_EXISTS,
                f"attribute '{description.text}' provided more than once",
            )
        if not values:
            raise DirectoryError(ResultCode.PROTOCOL_ERROR, f"no values for attribute '{description.text}'")
        if not (relaxed and is_free_in_add(description)):
            _check_type(description)
        has_secrets = has_secrets or description.type.is_secret
        attributes[description] = values
    attributes.update(ask_for_numbers(schema, attributes))
    written = take_from_attributes(attributes)
    return ParsedEntry(schema, name, rdn, attributes, has_secrets, relaxed, written)


def _check_type(description: AttributeDescription) -> None:
    check_user_modification(description)
    if description.type.obsolete:
        raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, f"{description.text}: attribute is obsolete")


def find_superior(
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    name: NormalisedDN,
    structural: ObjectClass | None,
) -> tuple[int, int]:
    """(tenant, entry id) of the entry below which `name` would stand; raises DirectoryError.

    Access is decided here: the right to create children of the structural class; None where that is not known, and
    then whether any can be created.
    """
    try:
        tenant, parent = txn.find(name[1:])
    except NoSuchEntry as error:
        known = txn.context(name)
        if known is not None:
            root = txn.record(known.tenant, known.entry_id)
            if visible(txn, schema, context, known.tenant, known.entry_id, root) is not None:
                raise DirectoryError(ResultCode.ENTRY_ALREADY_EXISTS, "") from None
        raise missing(txn, schema, context, error) from None
    record = txn.record(tenant, parent)
    if record.flags & TOMBSTONE:
        hide_deleted(txn, schema, context, tenant, parent)
    decision = check_visible(txn, schema, context, tenant, parent, record)
    if (structural is None and not decision.creatable) or (
        structural is not None and structural.oid not in decision.creatable
    ):
        raise denied(context)
    classes = classes_of(txn, schema, record).oids
    dn = txn.dn(tenant, parent, record)
    if REFERRAL in classes and not context.manages_dsa_it:
        raise referral(txn, dn, record)
    if ALIAS in classes:  # RFC 4512 §2.6: an alias has no subordinates
        raise DirectoryError(ResultCode.ALIAS_PROBLEM, "parent is an alias", dn)
    if SUBENTRY in classes:
        raise DirectoryError(ResultCode.OBJECT_CLASS_VIOLATION, "parent is a subentry")
    if record.flags & TOMBSTONE or is_deleted_objects(txn, schema, tenant, record):
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "only deletion puts entries there")
    return tenant, parent


def structural_class(parsed: ParsedEntry) -> ObjectClass | None:
    """The structural class of the entry that is asked for; None where its classes can't stand together."""
    values = parsed.attributes.get(parsed.schema.object_class_description)
    try:
        return None if values is None else class_set(parsed.schema, values).structural
    except DirectoryError:
        return None


def apply(
    txn: WriteTransaction,
    schema: Schema,
    context: Context,
    request: AddRequest,
    guid: bytes,
    effects: Sequence[Effect] = (),
    plugins: Sequence[Plugin] = (),
    parsed: ParsedEntry | None = None,
) -> int:
    """Adds an entry with this GUID; its entry id. Raises DirectoryError, and then nothing may be committed.

    `parsed` is the request as it was parsed before, where it was: parsing is a third of what an add costs.
    """
    if parsed is None or parsed.schema is not schema:
        parsed = parse(schema, request, relaxed=context.controls != () and is_relaxed(context))
    try:
        structural = structural_class(parsed)
        tenant, parent = find_superior(txn, schema, context, parsed.name, structural)
        if parsed.relaxed:
            check_may_relax_in(context, tenant)
    except DirectoryError as refusal:
        if refusal.code is ResultCode.NO_SUCH_OBJECT:
            check_entry(schema, parsed.attributes, parsed.rdn)  # slapd judges the entry before its place
        raise
    checked = check_entry(schema, parsed.attributes, parsed.rdn)
    check_naming_types(schema, parsed.rdn)
    if txn.find_child(tenant, parent, parsed.name[0]) is not None:
        raise DirectoryError(ResultCode.ENTRY_ALREADY_EXISTS, "")
    draft = DraftEntry(
        schema,
        tenant,
        parent,
        parsed.name,
        parsed.rdn,
        guid,
        {
            description: values
            for description, values in checked.attributes.items()
            if not description.type.is_secret
        },
        frozenset(object_class.oid for object_class in checked.classes),
        checked.structural,
        effects,
    )
    if parsed.descriptor is not None:
        classes = class_set(schema, draft.attributes[schema.object_class_description])
        draft.descriptor = new_descriptor(txn, schema, context, tenant, parent, classes, parsed.descriptor)
    if parsed.relaxed:
        draft.kept, given = set_apart(txn, tenant, draft.attributes)
        draft.guid = given or guid
    for plugin in plugins:
        plugin.on_add(txn, context, draft)
    return issue(txn, context, draft, effects)


def issue(txn: WriteTransaction, context: Context, draft: DraftEntry, effects: Sequence[Effect] = ()) -> int:
    """Writes a checked entry; its entry id."""
    change = txn.begin_change()
    entry = new_entry(txn, context, draft, change)
    try:
        entry_id = txn.insert_entry(draft.tenant, draft.parent, entry, change)
    except EntryExists:
        raise DirectoryError(ResultCode.ENTRY_ALREADY_EXISTS, "") from None
    apply_effects(txn, Target(draft.tenant, entry_id, draft.guid), change, effects)
    return entry_id


def new_entry(txn: WriteTransaction, context: Context, draft: DraftEntry, change: Change) -> NewEntry:
    """What the store takes: links resolved, operational attributes added."""
    attributes: list[tuple[AttributeDescription, tuple[bytes, ...]]] = []
    links: list[tuple[AttributeDescription, int]] = []
    for description, values in draft.attributes.items():
        if description.type.is_link:
            texts = _split_links(txn, draft, description, values, links)
            if texts:
                attributes.append((description, texts))
        else:
            attributes.append((description, values))
    made = creation_attributes(draft.schema, context.token.dn, change.stamp, draft.structural)
    kept = draft.kept
    attributes += [(one, kept.get(one, values)) for one, values in made] if kept else made
    return NewEntry(
        format_rdn(draft.rdn),
        draft.name[0],
        draft.guid,
        attributes,
        links,
        DYNAMIC if draft.expires is not None else 0,
        draft.expires,
        _descriptor(txn, context, draft),
    )


def _descriptor(txn: WriteTransaction, context: Context, draft: DraftEntry) -> int:
    values = draft.attributes[draft.schema.object_class_description]
    classes = class_set(draft.schema, values)
    return initial_descriptor(
        txn, draft.schema, context.token, draft.tenant, draft.parent, classes, draft.descriptor
    )


def apply_effects(txn: WriteTransaction, target: Target, change: Change, effects: Sequence[Effect]) -> None:
    """Writes what was prepared for a new entry."""
    for effect in effects:
        effect.verify(txn, target)
        effect.apply(txn, target, change)


def _split_links(
    txn: WriteTransaction,
    draft: DraftEntry,
    description: AttributeDescription,
    values: tuple[bytes, ...],
    links: list[tuple[AttributeDescription, int]],
) -> tuple[bytes, ...]:
    """Adds values that name entries to `links`; returns those that name none."""
    texts = []
    for value in values:
        target = resolve_link(txn, draft.schema, draft.tenant, value)
        if target is None:
            texts.append(value)
        else:
            links.append((description, target))
    return tuple(texts)
