"""Rows of failed authentications: light, a node's own, without stamps or change numbers.

    tenant 4, entry id 8 -> an account: failures since the last success 4, time of the last 8 (ms since 1970)
    tenant 0, slot 8     -> up to `PLACES` times: digest 8, failures 2, time of the last 8

Accounts have one row each. A digest stands for a name and a peer together; the slots are `SLOTS` whatever anybody
tries, names that nobody has share them with those of accounts, and a full slot loses its oldest. So nobody can fill
the store with names, or learn from the slots which names there are. What is here is counted again after a restore.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import lmdb

from lightwave.directory.store import layout
from lightwave.directory.store.errors import StoreError
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction

SLOTS = 16_384
PLACES = 4
DIGEST = 12
"""bytes of a digest as it is given here: 4 choose the slot, 8 stand in it"""
_MOST = 0xFFFF
_ACCOUNT = struct.Struct(">IQ")
_PLACE = struct.Struct(">8sHQ")
_NOBODY = 0


class Failures(NamedTuple):
    """How often something failed, and when last (seconds since 1970)."""

    times: int
    last: float


def account_failures(txn: ReadTransaction, tenant: int, entry_id: int) -> Failures | None:
    """Those of an account since its last success; None where there were none."""
    database = txn.store.databases.failures
    if database is None:
        return None
    data = txn.raw.get(layout.failure_key(tenant, entry_id), db=database)
    if data is None:
        return None
    count, last = _ACCOUNT.unpack(data)
    return Failures(count, last / 1000)


def put_account_failures(
    txn: WriteTransaction, tenant: int, entry_id: int, failures: Failures | None
) -> None:
    """Note them; None forgets them."""
    key, database = layout.failure_key(tenant, entry_id), _database(txn)
    if failures is None:
        txn.raw.delete(key, db=database)
    else:
        row = _ACCOUNT.pack(min(failures.times, 0xFFFFFFFF), int(failures.last * 1000))
        txn.raw.put(key, row, db=database)


def digest_failures(txn: ReadTransaction, digest: bytes) -> Failures | None:
    """Those of a name from a peer; None where none are remembered."""
    for known, count, last in _slot(txn, digest):
        if known == digest[4:]:
            return Failures(count, last / 1000)
    return None


def put_digest_failures(txn: WriteTransaction, digest: bytes, failures: Failures | None) -> None:
    """Note them; None forgets them."""
    places = [place for place in _slot(txn, digest) if place[0] != digest[4:]]
    if failures is not None:
        places.append((digest[4:], min(failures.times, _MOST), int(failures.last * 1000)))
        places.sort(key=lambda place: place[2])
    key, database = _slot_key(digest), _database(txn)
    if places:
        txn.raw.put(key, b"".join(_PLACE.pack(*place) for place in places[-PLACES:]), db=database)
    else:
        txn.raw.delete(key, db=database)


def forget_before(
    txn: WriteTransaction, time: float, after: tuple[int, int] = (0, 0), most: int = 2_000
) -> tuple[int, int] | None:
    """Forget accounts whose last failure was before `time` (seconds since 1970): a slice of `most` rows.

    Returns the (tenant, entry id) to go on after, None at the end.
    """
    database = _database(txn)
    cursor = txn.raw.cursor(database)
    if not cursor.set_range(layout.failure_key(max(after[0], 1), after[1] + 1)):
        return None
    due: list[bytes] = []
    position: tuple[int, int] | None = None
    for seen, (key, data) in enumerate(cursor.iternext()):
        if seen >= most:
            break
        position = layout.decode_failure_key(key)
        if _ACCOUNT.unpack(data)[1] < time * 1000:
            due.append(key)
    else:
        position = None
    for key in due:
        txn.raw.delete(key, db=database)
    return position


def _slot(txn: ReadTransaction, digest: bytes) -> list[tuple[bytes, int, int]]:
    database = txn.store.databases.failures
    if database is None:
        return []
    data = txn.raw.get(_slot_key(digest), db=database)
    return list(_PLACE.iter_unpack(data)) if data is not None else []


def _slot_key(digest: bytes) -> bytes:
    return layout.failure_key(_NOBODY, int.from_bytes(digest[:4], "big") % SLOTS)


def _database(txn: WriteTransaction) -> lmdb._Database:
    database = txn.store.databases.failures
    if database is None:
        raise StoreError("a store of an older format has to be opened for writing first")
    return database
