"""Limits of an account's own: how much it may ask for, written to its entry as 389 Directory Server has them.

`nsSizeLimit` (entries), `nsTimeLimit` (seconds), `nsLookThroughLimit` (candidates) and `nsIdleTimeout` (seconds) are
operational attributes that any entry takes; -1 means unlimited. They are read at authentication.
"""

from __future__ import annotations

from lightwave.directory.access.token import OwnLimits
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record

UNLIMITED = 1 << 60
_MOST_DIGITS = 18
_NAMES = ("nsSizeLimit", "nsTimeLimit", "nsLookThroughLimit", "nsIdleTimeout")


def read_limits(txn: ReadTransaction, schema: Schema, record: Record) -> OwnLimits | None:
    """The limits that an entry has; None where it has none, as most."""
    found = [_number(txn, schema, record, name) for name in _NAMES]
    return None if found == [None] * len(_NAMES) else OwnLimits(*found)


def _number(txn: ReadTransaction, schema: Schema, record: Record, name: str) -> int | None:
    attribute = schema.attribute(name)
    number = None if attribute is None else txn.attribute_number(attribute.oid)
    values = () if number is None else record.values(number)
    if not values:
        return None
    value = values[0]
    if value.startswith(b"-") or len(value) > _MOST_DIGITS:  # an Integer has no bound (RFC 4517 §3.3.16)
        return UNLIMITED
    # Nothing at all would be no limit but a ban, which is what disabling an account is for.
    return max(1, min(int(value), UNLIMITED))
