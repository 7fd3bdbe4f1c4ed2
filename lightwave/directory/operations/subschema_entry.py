"""The subschema subentry (RFC 4512 §4.2): which entry it is, and what a reader sees in it.

The entry's record holds only the definitions that administrators added; a reader is shown all of them.
"""

from __future__ import annotations

from functools import lru_cache

from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction

SCHEMA_CONTEXT_DN = b"cn=schemacontext"
SUBSCHEMA_DN = b"cn=aggregate,cn=schemacontext"
SUBSCHEMA_CLASS = "2.5.20.1"
DEFINITION_ATTRIBUTES = ("attributeTypes", "objectClasses", "dITContentRules")
"""The attributes of the subschema subentry that administrators may change."""


def subschema_place(txn: ReadTransaction, schema: Schema) -> tuple[int, int] | None:
    """(tenant, entry id) of the subschema subentry; None before the tree is made."""
    try:
        return txn.find(normalise_dn_text(schema, SUBSCHEMA_DN))
    except NoSuchEntry:
        return None


def is_subschema_entry(txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int) -> bool:
    """Whether this entry is the subschema subentry."""
    return subschema_place(txn, schema) == (tenant, entry_id)


def subschema_values(schema: Schema, attribute: AttributeType) -> list[bytes]:
    """All definitions of one kind (attributeTypes, objectClasses …); [] for another attribute."""
    return _by_oid(schema).get(attribute.oid, [])


def subschema_types(schema: Schema) -> frozenset[str]:
    """OIDs of the attributes that hold definitions."""
    return frozenset(_by_oid(schema))


@lru_cache(maxsize=4)
def _by_oid(schema: Schema) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for name, values in schema.subschema_attributes().items():
        attribute = schema.attribute(name)
        if attribute is not None:
            found[attribute.oid] = values
    return found
