"""Compare (RFC 4511 §4.10)."""

from __future__ import annotations

from lightwave.directory.ldap.messages import CompareRequest
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction


def compare(txn: ReadTransaction, schema: Schema, context: Context, request: CompareRequest) -> Outcome:
    """compareTrue, compareFalse or the error, as an outcome."""
