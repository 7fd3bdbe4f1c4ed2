"""Makes again what can be computed: names, links' mirror, GUIDs, change numbers, waiting values, times, indexes.

The records, the links, the stamps and the secrets are what the directory knows; they are never guessed. All other
rows follow from them. A repair walks over each database in slices, each one transaction: rows that are missing are
put, rows that nothing justifies are deleted. So it may run while the directory serves, any number of times; how far
it has come stands in `meta`, and one that was killed goes on there.

What it deletes beyond computed rows can be reached by nobody: links with an end that is not there, and the stamps
and secrets of entries that are not there; an entry's number is never given twice. What it can't mend is left as it is
and named by check.py: damaged records, entries without parent or stamps.

A restore leaves everything that follows from the rest to the first half of it (`DERIVING`).
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lightwave.directory.store import layout
from lightwave.directory.store.derived_rows import DerivedRows, DescribeIn

if TYPE_CHECKING:
    import lmdb

    from lightwave.directory.store.writing import WriteTransaction

MOST_ROWS = 2_000
_META = b"repair"
_PLACE = struct.Struct(">BHH")
_SORTED = frozenset(name for name, duplicates, _ in layout.DATABASES if duplicates)


@dataclass(frozen=True, slots=True)
class _Step:
    """A walk over one database; `work` mends what concerns one row of it."""

    database: str
    work: Callable[[DerivedRows, bytes, bytes], Iterator[str]]


_STEPS = (
    # Links first: the flag of a record says whether there are any. Names before anything that needs the schema.
    _Step("links", DerivedRows.link),
    _Step("entries", DerivedRows.entry),
    _Step("changes", DerivedRows.change),
    _Step("entries", DerivedRows.keys),
    # Until here rows are made, from here on those are deleted that nothing justifies.
    _Step("backlinks", DerivedRows.backlink),
    _Step("children", DerivedRows.child),
    _Step("guids", DerivedRows.guid),
    _Step("tenant_changes", DerivedRows.tenant_change),
    _Step("expiry", DerivedRows.expiry),
    _Step("unresolved", DerivedRows.unresolved),
    _Step("index", DerivedRows.index),
    _Step("stamps", DerivedRows.stamps),
    _Step("secrets", DerivedRows.secret),
)
DERIVING = 4
"""The steps that make rows: all that a restore needs, whose derived databases are empty."""
STEPS = len(_STEPS)


def repair_slice(
    transaction: WriteTransaction,
    describe: DescribeIn,
    *,
    steps: int = STEPS,
    most: int = MOST_ROWS,
    found: Counter[str] | None = None,
) -> bool:
    """One slice; False when the repair is done, and then its place is forgotten. The caller commits.

    `found` counts the rows that were put or deleted, by database.
    """
    number, key, value = _place(transaction)
    if number >= steps:
        restart(transaction)
        return False
    step = _STEPS[number]
    part = DerivedRows(transaction, describe)
    duplicates = step.database in _SORTED
    database = getattr(part.databases, step.database)
    rows = _rows(transaction.raw, database, key, value if duplicates else None, most)
    mended = Counter(name for row in rows for name in step.work(part, *row))
    if mended:
        transaction.bump_generation(0, "contexts")  # whatever any process remembers of names may be wrong
    if found is not None:
        found.update(mended)
    if len(rows) == most:
        key, value = rows[-1][0], rows[-1][1] if duplicates else b""
    else:
        number, key, value = number + 1, b"", b""
    transaction.put_meta(_META, _PLACE.pack(number, len(key), len(value)) + key + value)
    return True


def restart(transaction: WriteTransaction) -> None:
    """Have the next slice begin at the beginning."""
    transaction.put_meta(_META, None)


def progress_of(transaction: WriteTransaction) -> int:
    """The step, from 0, that the next slice works at."""
    return _place(transaction)[0]


def _place(transaction: WriteTransaction) -> tuple[int, bytes, bytes]:
    data = transaction.meta(_META)
    if data is None:
        return 0, b"", b""
    number, keys, values = _PLACE.unpack_from(data)
    middle = _PLACE.size + keys
    return number, data[_PLACE.size : middle], data[middle : middle + values]


def _rows(
    raw: lmdb.Transaction[bytes], database: lmdb._Database, key: bytes, value: bytes | None, most: int
) -> list[tuple[bytes, bytes]]:
    """Up to `most` rows after a place, from the first where `key` is empty; `value` where there are duplicates."""
    cursor = raw.cursor(database)
    if not key:
        found = cursor.first()
    elif value is None:
        found = cursor.set_range(key)
        if found and cursor.key() == key:
            found = cursor.next()
    else:
        found = cursor.set_range_dup(key, value)
        if found and cursor.item() == (key, value):
            found = cursor.next()
        elif not found and (found := cursor.set_range(key)) and cursor.key() == key:
            found = cursor.next_nodup()
    rows: list[tuple[bytes, bytes]] = []
    if found:
        for row in cursor.iternext():
            rows.append(row)
            if len(rows) == most:
                break
    return rows
