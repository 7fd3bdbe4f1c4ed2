"""The schema as of a transaction: built-in definitions and those that administrators added over LDAP.

Definitions made over LDAP stand as values of `cn=aggregate,cn=schemacontext`; every change bumps the generation
"schema", so each process notices at its next transaction. `current` is on the way of every request: for a read
transaction a dictionary access and an int comparison.

A schema that a write transaction has changed and not yet committed is told apart by its definitions, never by the
generation: an aborted transaction gives its generation back.
"""

from __future__ import annotations

from lightwave.directory.operations.subschema_entry import DEFINITION_ATTRIBUTES, subschema_place
from lightwave.directory.schema.definitions import Definition
from lightwave.directory.schema.reading import parse_definition
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction

GENERATION = "schema"

_Stored = tuple[tuple[str, bytes], ...]


class SchemaSource:
    """Gives the schema that holds in a transaction. One for a process; used on the reactor thread."""

    def __init__(self, builtin: Schema) -> None:
        self._builtin = builtin
        self._current = builtin
        self._generation = 0
        self._snapshot = -1
        self._bumps = -1
        self._stored: _Stored = ()
        self._changed: tuple[_Stored, Schema] = ((), builtin)

    def apart(self) -> SchemaSource:
        """Another source of the same schemas: for work in another thread, since a source serves one thread."""
        return SchemaSource(self._builtin)

    @property
    def latest(self) -> Schema:
        """The schema of the last transaction that was asked about: good enough to look at names, not to decide."""
        return self._current

    def current(self, txn: ReadTransaction) -> Schema:
        """The schema as committed (or, in a write transaction, as changed so far)."""
        if txn.id >= 0:
            if txn.id == self._snapshot:
                return self._current
            generation = txn.generation(0, GENERATION)
            if generation != self._generation:
                self._stored = load_stored(txn, self._builtin)
                self._current = self._build(self._stored, generation)
                self._generation = generation
            self._snapshot = txn.id
            return self._current
        bumps = txn.counters().generations
        if bumps == self._bumps:
            return self._current
        return self._in_write(txn, bumps)

    def _in_write(self, txn: ReadTransaction, bumps: int) -> Schema:
        generation = txn.generation(0, GENERATION)
        if generation == self._generation:
            # No "schema" among the bumps so far. The count itself is remembered only if readers see it too.
            if txn.store.caches.counters.generations == bumps:
                self._bumps = bumps
            return self._current
        return self._build(load_stored(txn, self._builtin), generation)

    def _build(self, stored: _Stored, generation: int) -> Schema:
        if stored == self._changed[0]:
            return self._changed[1]
        schema = with_stored(self._builtin, stored, generation)
        self._changed = (stored, schema)
        return schema


def load_stored(txn: ReadTransaction, schema: Schema) -> _Stored:
    """(attribute name, text) of the definitions that the subschema subentry's record holds."""
    place = subschema_place(txn, schema)
    if place is None:
        return ()
    record = txn.record(*place)
    found: list[tuple[str, bytes]] = []
    for name in DEFINITION_ATTRIBUTES:
        description = schema.describe(name)
        number = None if description is None else txn.attribute_number(description.key)
        if number is not None:
            found += [(name, value) for value in record.values(number)]
    return tuple(found)


def with_stored(builtin: Schema, stored: _Stored, generation: int) -> Schema:
    """The built-in schema with definitions that were checked when they were stored.

    What has become built in since holds as it is built in.
    """
    if not stored:
        return builtin
    parsed = (parse_definition(name, value) for name, value in stored)
    definitions: list[Definition] = [one for one in parsed if not builtin.builds_in(one)]
    return builtin.with_definitions(add=definitions, generation=generation)
