"""Schema changes over LDAP: a modify of the subschema subentry `cn=aggregate,cn=schemacontext`.

Values of attributeTypes, objectClasses and dITContentRules are added and deleted; a definition is changed by
deleting and adding it in one modify. A value to delete is told by its OID alone (RFC 4517 §4.2.26,
objectIdentifierFirstComponentMatch). What comes with the server stays as it is.

A change by which an entry that exists would become invalid is refused, naming the entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lightwave.directory.ldap.messages import ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.changes import ParsedChange
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.deleted_entries import CONTAINER
from lightwave.directory.operations.plugins.operational import stamp_modification
from lightwave.directory.operations.ports import Effect, Target
from lightwave.directory.operations.schema_rule import SchemaRule
from lightwave.directory.operations.schema_source import GENERATION
from lightwave.directory.operations.subschema_entry import DEFINITION_ATTRIBUTES
from lightwave.directory.operations.survey import Survey, SurveyEffect, check_all
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.definitions import (
    AttributeTypeDefinition,
    ContentRuleDefinition,
    Definition,
    ObjectClassDefinition,
    format_definition,
)
from lightwave.directory.schema.errors import SchemaError
from lightwave.directory.schema.normalisation import normalise_rdn
from lightwave.directory.schema.reading import parse_definition
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record
from lightwave.directory.store.writing import AttributeChange, Change, WriteTransaction

_KINDS: dict[str, type[Definition]] = {
    "attributeTypes": AttributeTypeDefinition,
    "objectClasses": ObjectClassDefinition,
    "dITContentRules": ContentRuleDefinition,
}


@dataclass(slots=True)
class SchemaChange:
    """A schema change that is consistent in itself."""

    before: Schema
    after: Schema
    added: list[Definition] = field(default_factory=list)
    removed: list[Definition] = field(default_factory=list)


def resolve(schema: Schema, changes: Sequence[ParsedChange]) -> SchemaChange:
    """The schema that the changes make; raises DirectoryError."""
    added: dict[tuple[type[Definition], str], Definition] = {}
    removed: dict[tuple[type[Definition], str], Definition] = {}
    known = {(type(one), _oid(one)): one for one in schema.definitions}
    for change in changes:
        name = change.description.text
        if name not in _KINDS:
            raise change.refuse(ResultCode.UNWILLING_TO_PERFORM, "can't be changed here")
        if change.kind not in (ModifyKind.ADD, ModifyKind.DELETE) or not change.values:
            raise change.refuse(ResultCode.UNWILLING_TO_PERFORM, "add and delete single definitions")
        for value in change.values.values():
            definition = _parse(change, name, value)
            key = (_KINDS[name], _oid(definition))
            if change.kind is ModifyKind.DELETE:
                if key in added:
                    del added[key]
                elif key in known and key not in removed:
                    removed[key] = known[key]
                else:
                    raise change.refuse(ResultCode.NO_SUCH_ATTRIBUTE, f"{key[1]} is not defined")
            elif key in added or (key in known and key not in removed):
                raise change.refuse(ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, f"{key[1]} is defined already")
            else:
                added[key] = definition
    builtin = {(type(one), _oid(one)) for one in schema.definitions} - {
        (type(one), _oid(one)) for one in schema.added_definitions()
    }
    for key in removed:
        if key in builtin:
            raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, f"{key[1]} is built in and stays")
    try:
        after = schema.with_definitions(add=added.values(), remove=removed.values())
    except SchemaError as error:
        raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, str(error)) from error
    return SchemaChange(schema, after, list(added.values()), list(removed.values()))


def _oid(definition: Definition) -> str:
    return "" if not hasattr(definition, "oid") else str(definition.oid)


def _parse(change: ParsedChange, name: str, value: bytes) -> Definition:
    try:
        return parse_definition(name, value)
    except SchemaError as error:
        raise DirectoryError(
            ResultCode.INVALID_ATTRIBUTE_SYNTAX, f"{change.description.text}: {error}"
        ) from error


def rule_of(txn: ReadTransaction, change: SchemaChange) -> SchemaRule | None:
    """What existing entries have to satisfy for the change; None when none can be concerned."""
    if not change.removed:
        return None
    rule = SchemaRule(change.before, change.after, change.added, change.removed)
    return rule if rule.concerns_any(txn) else None


def survey_of(txn: ReadTransaction, schema: Schema, changes: Sequence[ParsedChange]) -> Survey | None:
    """What to look at before the change is made; raises DirectoryError when it is refused anyway."""
    rule = rule_of(txn, resolve(schema, changes))
    return None if rule is None else Survey(txn.store, rule)


def apply(
    txn: WriteTransaction,
    schema: Schema,
    context: Context,
    target: Target,
    record: Record,
    changes: Sequence[ParsedChange],
    effects: Sequence[Effect] = (),
) -> None:
    """Changes the schema; raises DirectoryError."""
    change = resolve(schema, changes)
    rule = rule_of(txn, change)
    if rule is not None:
        rule.check_indexes(txn)
        # A survey of the same change may have been made outside; what has changed since is verified by then.
        surveyed = [one for one in effects if isinstance(one, SurveyEffect)]
        if not any(isinstance(one.rule, SchemaRule) and one.rule.is_as_strict_as(rule) for one in surveyed):
            check_all(txn, rule)
    stamp = txn.begin_change()
    _forget_classes(txn, change, stamp)
    attribute_changes = []
    for name in DEFINITION_ATTRIBUTES:
        description = _describe(schema, name)
        number = txn.attribute_number(description.key)
        before = () if number is None else tuple(record.values(number))
        after = tuple(
            format_definition(one)
            for one in change.after.added_definitions()
            if isinstance(one, _KINDS[name])
        )
        if after != before:
            gone = tuple(value for value in before if value not in after)
            new = tuple(value for value in after if value not in before)
            attribute_changes.append(AttributeChange(description, after, new, gone, whole=False))
    attribute_changes += stamp_modification(schema, context, stamp)
    txn.update_entry(target.tenant, target.entry_id, attribute_changes, stamp)
    txn.bump_generation(0, GENERATION)


def _forget_classes(txn: WriteTransaction, change: SchemaChange, stamp: Change) -> None:
    """Takes classes that go from the tombstones that still name them: nothing else does by now."""
    gone = {
        one.oid
        for one in change.removed
        if isinstance(one, ObjectClassDefinition) and change.after.object_class(one.oid) is None
    }
    description = _describe(change.before, "objectClass")
    number = txn.attribute_number(description.key)
    if not gone or number is None:
        return
    for tenant in txn.tenants():
        for entry_id in list(_tombstones(txn, change.before, tenant)):
            values = tuple(txn.record(tenant, entry_id).values(number))
            removed = tuple(value for value in values if description.type.normalise(value).decode() in gone)
            if removed:
                left = tuple(value for value in values if value not in removed)
                txn.update_entry(
                    tenant, entry_id, [AttributeChange(description, left, (), removed, whole=False)], stamp
                )


def _tombstones(txn: ReadTransaction, schema: Schema, tenant: int) -> Iterator[int]:
    name = normalise_rdn(schema, CONTAINER)
    for _, context in txn.contexts(tenant):
        container = txn.find_child(tenant, context.entry_id, name)
        if container is not None:
            for _, entry_id in txn.children(tenant, container):
                yield entry_id


def _describe(schema: Schema, name: str) -> AttributeDescription:
    description = schema.describe(name)
    assert description is not None, name  # it comes with the server
    return description


def is_schema_change(request: ModifyRequest) -> bool:
    """Whether a modify names an attribute that holds definitions."""
    names = {name.lower() for name in DEFINITION_ATTRIBUTES}
    return any(change.attribute.lower() in names for change in request.changes)
