"""Removes a tenant: first its names, in the operation that decides so, then its rows, in slices.

A tenant is a key range, so nobody reaches a row of it any more once its naming contexts are gone. What is left to do
is noted in `meta` beside how many rows went: a removal that was killed goes on wherever it was, for each slice begins
at whatever is first. Rows of other databases that hang on those (change numbers, times of expiry) go with them. The
tenant's number is not given again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lightwave.directory.store import layout
from lightwave.directory.store.errors import DamagedRecord, StoreError
from lightwave.directory.store.layout import SYSTEM_TENANT, pack_id, pack_number
from lightwave.directory.store.record import decode_record

if TYPE_CHECKING:
    import lmdb

    from lightwave.directory.store.reading import ReadTransaction
    from lightwave.directory.store.writing import WriteTransaction

MOST_ROWS = 4_000
"""Each may touch half a dozen pages of its own and other databases: a slice stays well under 50,000."""


class Removal(NamedTuple):
    """A tenant that is being removed, and how many rows of it are gone."""

    tenant: int
    rows: int


def removals(transaction: ReadTransaction) -> list[Removal]:
    """The tenants that are being removed."""
    prefix = layout.REMOVAL_PREFIX
    cursor = transaction.raw.cursor(transaction.store.databases.meta)
    found: list[Removal] = []
    if cursor.set_range(prefix):
        for key, value in cursor.iternext():
            if not key.startswith(prefix):
                break
            found.append(Removal(layout.number(key[len(prefix) :]), layout.number(value)))
    return found


def begin_removal(transaction: WriteTransaction, tenant: int) -> None:
    """Take a tenant's names and note that the rest is to go. Nobody finds it from this transaction on."""
    if tenant == SYSTEM_TENANT:
        raise StoreError("the system tenant can't be removed")
    raw, meta = transaction.raw, transaction.store.databases.meta
    for name, context in transaction.contexts(tenant):
        raw.delete(layout.context_name(tenant, context.entry_id), db=meta)
        raw.delete(layout.named_context_key(name), db=meta)
    _delete_meta(transaction, layout.burial_name(tenant, 0)[:-8])
    raw.put(layout.removal_name(tenant), pack_id(0), db=meta)
    transaction.bump_generation(0, "burials")
    transaction.bump_generation(0, "contexts")


def removal_slice(transaction: WriteTransaction, tenant: int, most: int = MOST_ROWS) -> bool:
    """Remove up to `most` rows; whether there is more. With the last ones go the tenant's number and the note."""
    prefix = pack_number(tenant)
    left = most
    for name in layout.OF_TENANTS:
        database = getattr(transaction.store.databases, name)
        cursor = transaction.raw.cursor(database)
        while left and cursor.set_range(prefix) and cursor.key().startswith(prefix):
            if name == "entries":
                _forget_expiry(transaction, cursor.key(), cursor.value())
            elif name == "tenant_changes":
                _forget_change(transaction, cursor.key())
            cursor.delete()
            left -= 1
        if not left:
            break
    note = layout.removal_name(tenant)
    meta = transaction.store.databases.meta
    if not left:
        gone = layout.number(transaction.raw.get(note, db=meta) or b"") + most
        transaction.raw.put(note, pack_id(gone), db=meta)
        return True
    _end(transaction, tenant)
    return False


def _forget_expiry(transaction: WriteTransaction, key: bytes, data: bytes) -> None:
    tenant, entry_id = layout.decode_entry_key(key)
    try:
        expires = decode_record(data, tenant, entry_id).expires
    except DamagedRecord:
        return  # its row of expiry, if it has one, leads nowhere and goes in its time
    if expires:
        row = layout.expiry_key(expires, tenant, entry_id)
        transaction.raw.delete(row, db=transaction.store.databases.expiry)


def _forget_change(transaction: WriteTransaction, key: bytes) -> None:
    tenant, usn = layout.decode_entry_key(key)
    changes = transaction.store.databases.changes
    value = transaction.raw.get(pack_id(usn), db=changes)
    if value is not None and layout.decode_change(value)[0] == tenant:
        transaction.raw.delete(pack_id(usn), db=changes)


def _end(transaction: WriteTransaction, tenant: int) -> None:
    raw, meta = transaction.raw, transaction.store.databases.meta
    guid = transaction.tenant_guid(tenant)
    for prefix in (
        layout.generation_name(tenant, ""),
        layout.context_name(tenant, 0)[:-8],
        layout.burial_name(tenant, 0)[:-8],
        layout.unsigned_name(tenant, 0)[:-4],
        layout.signed_name(tenant, 0)[:-4],
    ):
        _delete_meta(transaction, prefix)
    raw.delete(layout.tenant_number_name(guid), db=meta)
    raw.delete(layout.tenant_guid_name(tenant), db=meta)
    raw.delete(layout.removal_name(tenant), db=meta)
    transaction.bump_generation(0, "contexts")


def _delete_meta(transaction: WriteTransaction, prefix: bytes) -> None:
    """Delete the rows of meta that begin so, and where they are generations, those by their numbers."""
    cursor: lmdb.Cursor[bytes] = transaction.raw.cursor(transaction.store.databases.meta)
    numbers: list[bytes] = []
    while cursor.set_range(prefix) and cursor.key().startswith(prefix):
        if prefix.startswith(layout.GENERATION_PREFIX):
            numbers.append(layout.generation_at_name(layout.number(cursor.value())))
        cursor.delete()
    for name in numbers:
        transaction.raw.delete(name, db=transaction.store.databases.meta)
