"""How a rule about writes changes what is written."""

from __future__ import annotations

from lightwave.directory.operations.drafts import AttributeEdit, DraftEntry, DraftModify
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction


def known(schema: Schema, name: str) -> AttributeDescription:
    """The description of an attribute that comes with the server."""
    description = schema.describe(name)
    assert description is not None, name
    return description


def given(draft: DraftEntry, name: str) -> tuple[bytes, ...]:
    """The values that a new entry has of an attribute."""
    return draft.attributes.get(known(draft.schema, name), ())


def give(draft: DraftEntry, name: str, *values: bytes) -> None:
    """Let a new entry have these values of an attribute, and no others."""
    description = known(draft.schema, name)
    if values:
        draft.attributes[description] = values
    else:
        draft.attributes.pop(description, None)


def stored(txn: ReadTransaction, draft: DraftModify, name: str) -> tuple[bytes, ...]:
    """The values that a changed entry has as yet."""
    number = txn.attribute_number(known(draft.schema, name).key)
    return () if number is None else tuple(draft.record.values(number))


def amend(txn: ReadTransaction, draft: DraftModify, name: str, *values: bytes) -> None:
    """Let a changed entry have these values of an attribute, and no others, whatever the request makes of it."""
    description = known(draft.schema, name)
    before = stored(txn, draft, name)
    if before == values:
        draft.edits.pop(description.key, None)
        return
    added = tuple(value for value in values if value not in before)
    removed = tuple(value for value in before if value not in values)
    draft.edits[description.key] = AttributeEdit(description, before, values, added, removed, True)
