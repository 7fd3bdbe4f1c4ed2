"""What goes by itself: the traces of removed entries, and removal stamps that have won what they had to win.

Entries whose time has come are the operations' matter (`ReadTransaction.expired`, `WriteTransaction.remove_entry`).
All of it runs in slices that the caller commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightwave.directory.store import layout
from lightwave.directory.store.clock import clock_value
from lightwave.directory.store.stamps import LocalStamps, decode_stamps, encode_stamps

if TYPE_CHECKING:
    from lightwave.directory.store.writing import WriteTransaction

MOST_ROWS = 2_000


def purge_removals(transaction: WriteTransaction, now: float, most: int = MOST_ROWS) -> bool:
    """Delete rows of `changes` that tell of removals a day old; whether there may be more.

    A process that has not looked since then finds `purged_usn` ahead of it and clears its caches.
    """
    databases, raw = transaction.store.databases, transaction.raw
    limit = int(now * 1000)
    due: list[bytes] = []
    for key in raw.cursor(databases.expiry).iternext(keys=True, values=False):
        time, tenant, _ = layout.decode_expiry_key(key)
        if time > limit or len(due) >= most:
            break
        if not tenant:
            due.append(key)
    for key in due:
        _, _, usn = layout.decode_expiry_key(key)
        value = raw.pop(layout.pack_id(usn), db=databases.changes)
        if value is not None:
            tenant, _, _ = layout.decode_change(value)
            raw.delete(layout.tenant_change_key(tenant, usn), db=databases.tenant_changes)
        raw.delete(key, db=databases.expiry)
        counters = transaction.counters_to_advance()
        counters.purged_usn = max(counters.purged_usn, usn)
    return len(due) >= most


def purge_removal_stamps(
    transaction: WriteTransaction, before: float, after: tuple[int, int] = (0, 0), most: int = MOST_ROWS
) -> tuple[int, int] | None:
    """Forget removals of values older than `before` (seconds since 1970), entry by entry.

    Returns the (tenant, entry id) to go on after, None at the end.
    """
    databases, raw = transaction.store.databases, transaction.raw
    oldest = clock_value(before)
    changed: list[tuple[bytes, bytes]] = []
    position: tuple[int, int] | None = None
    cursor = raw.cursor(databases.stamps)
    if cursor.set_range(layout.entry_key(after[0], after[1] + 1)):
        for count, (key, data) in enumerate(cursor.iternext()):
            if count >= most:
                break
            position = layout.decode_entry_key(key)
            stamps = decode_stamps(data)
            if _forget(stamps, oldest):
                changed.append((key, encode_stamps(stamps)))
        else:
            position = None
    for key, data in changed:
        raw.put(key, data, db=databases.stamps)
    return position


def _forget(stamps: LocalStamps, oldest: int) -> bool:
    changed = False
    for number, values in list(stamps.values.items()):
        kept = {identity: own for identity, own in values.items() if own[1] or own[0].clock >= oldest}
        if len(kept) != len(values):
            changed = True
            if kept:
                stamps.values[number] = kept
            else:
                del stamps.values[number]
    return changed


def purge_removed_links(transaction: WriteTransaction, before: float, most: int = MOST_ROWS) -> bool:
    """Forget removals of links older than `before`; whether there may be more."""
    databases, raw = transaction.store.databases, transaction.raw
    oldest = clock_value(before)
    due: list[tuple[bytes, bytes]] = []
    for key, value in raw.cursor(databases.unlinked).iternext():
        _, clock, _ = layout.decode_link_value(value)
        if clock < oldest:
            due.append((key, value))
            if len(due) >= most:
                break
    for key, value in due:
        raw.delete(key, value, db=databases.unlinked)
    return len(due) >= most
