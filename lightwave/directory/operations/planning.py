"""What a write needs done before its transaction begins, apart from what the ports prepare.

Two kinds of writes tighten a rule for entries that exist: schema changes and new uniqueness constraints. They are
surveyed outside the transaction; `surveys_of` says by what.
"""

from __future__ import annotations

from lightwave.directory.ldap.messages import AddRequest, ModifyKind, ModifyRequest
from lightwave.directory.operations import add, modify, subschema
from lightwave.directory.operations.add import ParsedEntry
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.plugins import index_definitions
from lightwave.directory.operations.ports import WriteRequest
from lightwave.directory.operations.relax_rules import is_relaxed
from lightwave.directory.operations.subschema_entry import DEFINITION_ATTRIBUTES, SUBSCHEMA_CLASS
from lightwave.directory.operations.survey import Survey
from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction

_SURVEYED = frozenset((*DEFINITION_ATTRIBUTES, index_definitions.UNIQUE_SCOPE))


def is_prepared(attribute: AttributeType) -> bool:
    """Whether writes of this attribute need anything done outside the transaction."""
    return attribute.is_secret or is_surveyed(attribute)


def is_surveyed(attribute: AttributeType) -> bool:
    """Whether writes of this attribute may tighten a rule for entries that exist."""
    return attribute.name in _SURVEYED


def surveys_of(
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    request: WriteRequest,
    parsed: ParsedEntry | None = None,
) -> list[Survey]:
    """The surveys that have to precede a write; [] for all ordinary ones. Raises DirectoryError.

    `parsed` is the entry of an add.
    """
    if isinstance(request, AddRequest):
        parsed = parsed or add.parse(schema, request, relaxed=is_relaxed(context))
        scopes = [
            value
            for description, values in parsed.attributes.items()
            if description.type.name == index_definitions.UNIQUE_SCOPE
            for value in values
        ]
        if not scopes:
            return []
        attribute = index_definitions.index_attribute(schema, parsed.rdn[0].value)
        return index_definitions.survey_of(txn, schema, attribute, scopes)
    if not isinstance(request, ModifyRequest):
        return []
    gathered = modify.gather(txn, schema, context, request)
    if SUBSCHEMA_CLASS in gathered.classes.oids:
        survey = subschema.survey_of(txn, schema, gathered.changes)
        return [] if survey is None else [survey]
    scopes = [
        value
        for change in gathered.changes
        if change.description.type.name == index_definitions.UNIQUE_SCOPE
        and change.kind is not ModifyKind.DELETE
        for value in change.values.values()
    ]
    if not scopes:
        return []
    name = index_definitions.naming_value(txn, schema, gathered.record)
    return index_definitions.survey_of(txn, schema, index_definitions.index_attribute(schema, name), scopes)
