"""Attribute numbers under one schema: which stored attributes a requested description covers.

A store numbers each attribute description it has ever kept (`cn`, `cn;lang-de`). A request for `name` means
every stored description whose type descends from `name` and whose options include those asked for (RFC 4512
§2.5.2). The table is immutable; a new one is made when the schema's generation or the set of numbers changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from lightwave.directory.operations.ad_attributes import ACCOUNT_ATTRIBUTES, NAME, SAM_ACCOUNT_NAME
from lightwave.directory.operations.computed import computed_types
from lightwave.directory.schema.attribute import AttributeDescription, AttributeType
from lightwave.directory.schema.objectclass import ObjectClass
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record


class Covered(NamedTuple):
    """What a requested description covers: numbers in records, numbers kept as links, computed types."""

    stored: tuple[int, ...]
    links: tuple[int, ...]
    computed: tuple[AttributeType, ...]


class PlainEquality(NamedTuple):
    """Equality on an attribute whose values all stand in records: none are links or computed."""

    description: AttributeDescription
    numbers: tuple[int, ...]
    check: Callable[[bytes], None]
    normalise: Callable[[bytes], bytes]


class AttributeTable:
    """Stored numbers <-> descriptions, for one schema and one set of numbers."""

    def __init__(self, schema: Schema, keys: Mapping[int, str]) -> None:
        self.schema = schema
        self.size = len(keys)
        self._descriptions: dict[int, AttributeDescription] = {}
        self._by_key = {key: number for number, key in keys.items()}
        self._covered: dict[str, tuple[int, ...]] = {}
        for number, key in keys.items():
            description = schema.describe(key)
            if description is not None:
                self._descriptions[number] = description
        self.numbers = tuple(sorted(self._descriptions))
        self.links = frozenset(n for n, d in self._descriptions.items() if d.type.is_link)
        self.computed = computed_types(schema)
        self.account = self._by_key.get(SAM_ACCOUNT_NAME, 0)
        """the number of sAMAccountName; 0, which no attribute has, while no entry has one"""
        self.account_types = tuple(
            found for name in ACCOUNT_ATTRIBUTES if (found := schema.attribute(name)) is not None
        )
        self.subschema = frozenset(
            found.oid
            for name in schema.subschema_attributes()
            if (found := schema.attribute(name)) is not None
        )
        self._parts: dict[str, Covered] = {}
        self.plain_equalities: dict[str, PlainEquality] = {}
        """what the resolver found out about equality on an attribute, by the name that a request gives it"""
        self._classes: dict[str, frozenset[str]] = {}
        self.secret = frozenset(n for n, d in self._descriptions.items() if d.type.is_secret)
        self.operational = frozenset(n for n, d in self._descriptions.items() if d.type.is_operational)

    def description(self, number: int) -> AttributeDescription | None:
        """The description that `number` stands for; None when the schema no longer defines it."""
        return self._descriptions.get(number)

    def bases(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        """Numbers of the types without options: indexes stand under these."""
        if len(numbers) == 1:
            description = self._descriptions[numbers[0]]
            if not description.options:
                return numbers
        keys = dict.fromkeys(self._descriptions[number].type.oid for number in numbers)
        return tuple(self._by_key.get(key, 0) for key in keys)

    def covered(self, requested: AttributeDescription) -> tuple[int, ...]:
        """Numbers of all stored descriptions that `requested` covers, secrets left out, ascending."""
        numbers = self._covered.get(requested.key)
        if numbers is None:
            numbers = tuple(
                number
                for number, description in sorted(self._descriptions.items())
                if number not in self.secret and description.matches(requested)
            )
            if len(self._covered) > 4096:
                self._covered.clear()  # descriptions come from requests: their number must not grow for ever
            self._covered[requested.key] = numbers
        return numbers

    def parts(self, requested: AttributeDescription) -> Covered:
        """What `requested` covers, by how it is kept; remembered like `covered`."""
        found = self._parts.get(requested.key)
        if found is None:
            numbers = self.covered(requested)
            # RFC 4519 §2.19: in an assertion `name` stands for its subtypes, and for nothing else.
            known = (self.computed | self.subschema) - {NAME}
            found = Covered(
                tuple(n for n in numbers if n not in self.links),
                tuple(n for n in numbers if n in self.links),
                tuple(one for one in self.schema.subtypes(requested.type) if one.oid in known),
            )
            if len(self._parts) > 4096:
                self._parts.clear()
            self._parts[requested.key] = found
        return found

    def class_and_below(self, wanted: ObjectClass) -> frozenset[str]:
        """OIDs of an object class and of all that descend from it."""
        oids = self._classes.get(wanted.oid)
        if oids is None:
            oids = frozenset(one.oid for one in self.schema.object_classes() if one.is_subclass_of(wanted))
            self._classes[wanted.oid] = oids
        return oids


class AttributeTables:
    """Keeps the table of the last schema and numbers seen; one per process."""

    def __init__(self) -> None:
        self._current: AttributeTable | None = None

    def current(self, txn: ReadTransaction, schema: Schema) -> AttributeTable:
        """The table that holds in `txn`: one dict length and one identity compared when nothing changed."""
        keys = txn.store.caches.attribute_keys
        table = self._current
        if table is None or table.schema is not schema or table.size != len(keys):
            table = self._current = AttributeTable(schema, keys)
        return table


def table_of_entry(
    txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int, record: Record
) -> AttributeTable:
    """A table for one entry inside a write transaction.

    The write may come in the very batch in which an attribute got its number: the entry's own are asked for.
    """
    keys = dict(txn.store.caches.attribute_keys)
    numbers = (*record.numbers(), *txn.link_attributes(tenant, entry_id))
    keys.update((number, txn.attribute_key(number)) for number in numbers if number not in keys)
    return AttributeTable(schema, keys)
