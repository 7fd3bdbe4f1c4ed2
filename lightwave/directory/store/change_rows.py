"""Rows of `changes` with what followers of changes need to know of each entry, read in slices of any size.

An entry stands at its latest change only, so a reader that was away sees each entry once, however often it changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from lightwave.directory.store import layout
from lightwave.directory.store.errors import DamagedRecord, NoSuchEntry
from lightwave.directory.store.record import TOMBSTONE

if TYPE_CHECKING:
    from lightwave.directory.store.reading import ReadTransaction
    from lightwave.directory.store.stamps import LocalStamps


class PendingChange(NamedTuple):
    """One entry that changed: where it stands among the changes, and what became of it."""

    usn: int
    entry_id: int
    guid: bytes
    """16 bytes; empty where the entry is gone and the row, of an older format, does not name it"""
    created_usn: int
    """0 where the entry is gone"""
    name_clock: int
    """hybrid clock of the last change of its name or place; 0 where it is gone"""
    latest_clock: int
    """hybrid clock of the last change that its own stamps know of; 0 where it is gone"""
    is_live: bool
    """False for tombstones and for what was removed without one"""
    renamed: bool
    """it had another name or parent at some time"""
    moved: bool
    """it was below another parent at some time"""


def pending_changes(txn: ReadTransaction, tenant: int, after: int, most: int) -> list[PendingChange]:
    """Up to `most` changes of a tenant later than the USN `after`, ascending."""
    return [
        _pending(txn, row.usn, tenant, row.entry_id) for row in islice(txn.changes_since(after, tenant), most)
    ]


def _pending(txn: ReadTransaction, usn: int, tenant: int, entry_id: int) -> PendingChange:
    try:
        record = txn.record(tenant, entry_id)
        stamps = txn.local_stamps(tenant, entry_id)
    except (NoSuchEntry, DamagedRecord):
        return PendingChange(usn, entry_id, removed_guid(txn, usn), 0, 0, 0, False, False, False)
    return PendingChange(
        usn,
        entry_id,
        record.guid,
        record.usn_created,
        (stamps.name or stamps.created).clock,
        latest_clock(stamps),
        not record.flags & TOMBSTONE,
        stamps.name is not None,
        bool(stamps.former_parent),
    )


def removed_guid(txn: ReadTransaction, usn: int) -> bytes:
    """The GUID in a row of a removal; empty in one of an older format, or when there is none at that USN."""
    value = txn.raw.get(layout.pack_id(usn), db=txn.store.databases.changes)
    return b"" if value is None else layout.removal_guid(value)


def changes_before(txn: ReadTransaction, usn: int) -> Iterator[tuple[int, int]]:
    """(tenant, entry id) of the changes earlier than a USN, of all tenants, the latest first."""
    cursor = txn.raw.cursor(txn.store.databases.changes)
    found = cursor.prev() if cursor.set_range(layout.pack_id(usn)) else cursor.last()
    while found:
        tenant, entry_id, _ = layout.decode_change(cursor.value())
        yield tenant, entry_id
        found = cursor.prev()


def latest_clock(stamps: LocalStamps) -> int:
    """The hybrid clock of the latest change that an entry's own stamps know of; links have theirs apart."""
    whole = (stamps.created, stamps.name, stamps.deleted, stamps.revived)
    latest = max(stamp.clock for stamp in whole if stamp is not None)
    for stamp in stamps.attributes.values():
        latest = max(latest, stamp.clock)
    for values in stamps.values.values():
        for stamp, _ in values.values():
            latest = max(latest, stamp.clock)
    return latest
