"""Locks of accounts: `lockoutTime` says since when ([MS-ADTS] 2.2.16 of the time's form), the policy how long it holds.

The time stays in the entry when the lock is over, as in Active Directory: the next success or an administrator writes
0. The built-in administrator is not locked unless the policy says so, for anybody who can reach the node could lock
him out of it; guesses at his password are delayed like all others.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from lightwave.directory.schema.schema import Schema
from lightwave.directory.schema.times import filetime, filetime_seconds
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record
from lightwave.directory.store.writing import AttributeChange, Change, WriteTransaction
from lightwave.identity.administrator import is_administrator
from lightwave.identity.policies import policy_of


class Lockout(NamedTuple):
    """When an account is locked. most: failures, 0 for never. within: seconds in which they count together.
    lasts: seconds, 0 until an administrator unlocks it. of_administrator: whether the built-in one is locked too.
    """

    most: int
    within: float
    lasts: float
    of_administrator: bool


def lockout_of(txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int) -> Lockout:
    """The numbers that hold for an account (`vmwPasswordChange…` and msDS-Lockout…)."""
    policy = policy_of(txn, schema, tenant, entry_id)
    most = policy.max_failures if policy.enabled else 0
    return Lockout(most, policy.failure_interval, policy.auto_unlock, policy.lock_administrator)


def locked_at(txn: ReadTransaction, schema: Schema, record: Record) -> float | None:
    """Since when an account is or was locked (seconds since 1970), None where it was not."""
    attribute = schema.attribute("lockoutTime")
    number = None if attribute is None else txn.attribute_number(attribute.oid)
    values = () if number is None else record.values(number)
    if not values:
        return None
    try:
        value = int(values[0])
    except ValueError:
        return math.inf  # nothing that can be read is no reason to let somebody in
    return filetime_seconds(value) if value else None


def locked_until(lockout: Lockout, since: float) -> float:
    """When a lock ends by itself (seconds since 1970)."""
    return since + lockout.lasts if lockout.lasts > 0 else math.inf


def locks(txn: ReadTransaction, lockout: Lockout, tenant: int, record: Record, failures: int) -> bool:
    """Whether so many failures lock this account."""
    if not lockout.most or failures < lockout.most:
        return False
    return lockout.of_administrator or not is_administrator(txn, tenant, record.guid)


def write_lock(
    txn: WriteTransaction, schema: Schema, tenant: int, entry_id: int, at: float | None, change: Change
) -> None:
    """Lock an account from `at` on (seconds since 1970); None unlocks it."""
    description = schema.describe("lockoutTime")
    if description is not None:
        value = b"0" if at is None else filetime(at)
        txn.update_entry(tenant, entry_id, [AttributeChange(description, (value,))], change)
