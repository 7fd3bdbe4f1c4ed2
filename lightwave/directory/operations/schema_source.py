"""The schema as of a transaction: built-in definitions and those that administrators added over LDAP.

Definitions made over LDAP stand as values of `cn=aggregate,cn=schemacontext`; every change bumps the generation
"schema" in `meta`, so each process notices at its next transaction. `current` is on the way of every request: an
attribute read and an int comparison.
"""

from __future__ import annotations

from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction


class SchemaSource:
    """Gives the schema that holds in a transaction."""

    def __init__(self, builtin: Schema) -> None:
        self._current = builtin

    def current(self, txn: ReadTransaction) -> Schema:
        """The schema as committed (or, in a write transaction, as changed so far)."""
