"""Entries that live for a while (RFC 2589): the Refresh extended operation, and the sweep of what has expired.

The time an entry dies is absolute and kept by the store; `entryTtl` is what is left of it when somebody asks.
The same sweep purges tombstones at the end of their lifetime.
"""

from __future__ import annotations

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import RefreshRequest
from lightwave.directory.operations.gather import ENTRY_TTL, denied, find_visible
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.plugins.dynamic_entries import bounded_ttl
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.record import DYNAMIC, TOMBSTONE
from lightwave.directory.store.writing import WriteTransaction
from lightwave.wire.ber import BerError, decode_integer, encode_integer, encode_sequence, read_header

REFRESH_OID = "1.3.6.1.4.1.1466.101.119.1"


# SEQUENCE { entryName [0] LDAPDN, requestTtl [1] INTEGER }
def decode_refresh(value: bytes | None) -> RefreshRequest:
    """The requestValue of Refresh (RFC 2589 §4.1); raises DirectoryError protocolError."""
    try:
        data = value or b""
        tag, pos, end = read_header(data, 0, len(data))
        if tag != 0x30 or end != len(data):
            raise BerError("not a sequence")
        tag, start, stop = read_header(data, pos, end)
        ttl_tag, ttl_start, ttl_stop = read_header(data, stop, end)
        if (tag, ttl_tag) != (0x80, 0x81) or ttl_stop != end:
            raise BerError("not entryName and requestTtl")
        return RefreshRequest(data[start:stop], decode_integer(data, ttl_start, ttl_stop))
    except BerError as error:
        raise DirectoryError(
            ResultCode.PROTOCOL_ERROR, "malformed refresh request", detail=str(error)
        ) from error


# SEQUENCE { responseTtl [1] INTEGER }
def encode_refresh_response(ttl: int) -> bytes:
    """The responseValue of Refresh (RFC 2589 §4.2); `ttl` in seconds."""
    return encode_sequence(encode_integer(ttl, 0x81))


def apply(txn: WriteTransaction, schema: Schema, context: Context, request: RefreshRequest) -> Outcome:
    """Gives a dynamic entry more time; raises DirectoryError."""
    if request.ttl <= 0:
        raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, "requestTtl must be positive")
    place, record, decision = find_visible(txn, schema, context, request.dn)
    if ENTRY_TTL not in decision.writable:
        raise denied(context)
    if not record.flags & DYNAMIC or record.flags & TOMBSTONE:
        raise DirectoryError(ResultCode.OBJECT_CLASS_VIOLATION, "the entry is not dynamic")
    ttl = bounded_ttl(request.ttl)
    change = txn.begin_change()
    txn.set_expiry(place.tenant, place.entry_id, context.now() + ttl, change)
    return Outcome(ResultCode.SUCCESS, value=encode_refresh_response(ttl))


def sweep(txn: WriteTransaction, schema: Schema, now: float, limit: int = 500) -> int:
    """Removes up to `limit` entries whose time has come, for good; how many were removed.

    Call it again while it returns `limit`. An entry that still has children waits for them: below a dynamic entry
    stand only dynamic ones.
    """
    removed = 0
    due = []
    for tenant, entry_id in txn.expired(now):
        if not txn.has_children(tenant, entry_id):
            due.append((tenant, entry_id))
            if len(due) == limit:
                break
    for tenant, entry_id in due:
        change = txn.begin_change()
        txn.remove_entry(tenant, entry_id, change, describe=schema.describe)
        removed += 1
    return removed
