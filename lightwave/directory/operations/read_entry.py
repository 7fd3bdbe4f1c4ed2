"""Pre-read and post-read (RFC 4527): the entry as an update found it and as it left it, in the same transaction.

What is returned is what a search by the same requester would return: his rights decide, secrets are in no record.
"""

from __future__ import annotations

from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.update_controls import encode_read_entry
from lightwave.directory.operations.attribute_table import table_of_entry
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.gather import denied, visible
from lightwave.directory.operations.selection import Selection
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction


def read_entry(
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    tenant: int,
    entry_id: int,
    oid: str,
    requested: tuple[str, ...],
) -> Control:
    """The response control `oid` with the entry as it is now; raises DirectoryError where it may not be read."""
    record = txn.record(tenant, entry_id)
    decision = visible(txn, schema, context, tenant, entry_id, record)
    if decision is None:
        raise denied(context, is_write=False)
    candidate = Candidate(txn, schema, tenant, entry_id, record, decision.readable, context)
    selection = Selection(table_of_entry(txn, schema, tenant, entry_id, record), requested, False)
    return encode_read_entry(oid, txn.dn(tenant, entry_id, record), selection.encode(candidate))
