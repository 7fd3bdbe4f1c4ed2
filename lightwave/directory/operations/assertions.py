"""The assertion control (RFC 4528): the target of an operation has to pass a filter, or nothing is done.

The filter is asked with the requester's rights, as a search would ask it, so that the control tells nobody what he
can't see: what he may not read, and secrets, are Undefined, and Undefined fails. The operation calls
`check_assertion` in its own transaction, after it has found the target and before it does anything.
"""

from __future__ import annotations

from lightwave.directory.access.attribute_set import AttributeSet
from lightwave.directory.ldap.filters import Filter
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.search_controls import ASSERTION, decode_assertion
from lightwave.directory.operations.attribute_table import table_of_entry
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.gather import visible
from lightwave.directory.operations.resolved_filter import Resolver
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record


def asserted_filter(context: Context) -> Filter | None:
    """The filter of the request's assertion control; None without one. Its value was checked with the controls."""
    for control in context.controls:
        if control.oid == ASSERTION:
            return decode_assertion(control).filter
    return None


def check_assertion(
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    tenant: int,
    entry_id: int,
    record: Record,
    filter: Filter,
    *,
    readable: AttributeSet | None = None,
) -> None:
    """Raises DirectoryError assertionFailed unless `filter` is True of the entry (RFC 4528 §3).

    readable: the attributes that the requester may read, where that was decided already.
    """
    if readable is None:
        decision = visible(txn, schema, context, tenant, entry_id, record)
        if decision is None:
            raise _failed()
        readable = decision.readable
    table = table_of_entry(txn, schema, tenant, entry_id, record)
    candidate = Candidate(txn, schema, tenant, entry_id, record, readable, context)
    if Resolver(table, txn.find).resolve(filter).matches(candidate) is not True:
        raise _failed()


def _failed() -> DirectoryError:
    return DirectoryError(ResultCode.ASSERTION_FAILED, "the entry does not pass the assertion")
