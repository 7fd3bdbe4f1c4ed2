"""Whose passwords a delegate's settings may govern: nobody's who is protected.

Settings that let a password be short or locking be off are a way to whoever they apply to. So who is no administrator
of the tenant neither makes, changes nor removes settings that reach a protected account or an administrative group
(access/protection.py), by name or as a member of a group that is named, however nested. Members are looked at up to a
number; settings for larger groups are an administrator's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from lightwave.directory.access.membership import PRIMARY_GROUP_ID, sid_of
from lightwave.directory.access.protection import is_protected
from lightwave.directory.access.sid import split_rid
from lightwave.directory.access.token import Token
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.schema.normalisation import normalise_value
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.entry_rows import GROUP_ATTRIBUTE
from lightwave.directory.store.indexes import IndexKind
from lightwave.directory.store.reading import ReadTransaction

MOST: Final = 1_000
"""accounts and groups that are looked at"""


def check_reach(
    txn: ReadTransaction, schema: Schema, token: Token, tenant: int, applied: Iterable[int]
) -> None:
    """Raises DirectoryError where settings that apply to these entries are not for the bearer of `token` to write."""
    if token.administers(tenant) or token.bypasses(tenant):
        return
    seen = set(applied)
    front = list(seen)
    while front:
        entry_id = front.pop()
        if is_protected(txn, tenant, entry_id):
            raise DirectoryError(
                ResultCode.INSUFFICIENT_ACCESS_RIGHTS,
                "settings that reach administrators are theirs to write",
            )
        for member in _members(txn, schema, tenant, entry_id):
            if member not in seen:
                seen.add(member)
                front.append(member)
                if len(seen) > MOST:
                    raise DirectoryError(
                        ResultCode.INSUFFICIENT_ACCESS_RIGHTS,
                        "settings for groups as large are an administrator's",
                    )


def _members(txn: ReadTransaction, schema: Schema, tenant: int, group: int) -> Iterator[int]:
    """Those that a group names, and those that name it as their primary group."""
    number = txn.attribute_number(GROUP_ATTRIBUTE)
    if number is not None:
        yield from txn.link_targets(tenant, group, number)
    sid, primary = sid_of(txn, txn.record(tenant, group)), txn.attribute_number(PRIMARY_GROUP_ID)
    parts = None if sid is None else split_rid(sid)
    if parts is not None and primary is not None:
        attribute = schema.attribute(PRIMARY_GROUP_ID)
        assert attribute is not None  # it has a number
        key = normalise_value(attribute, b"%d" % parts[1])
        yield from txn.index_ids(tenant, primary, IndexKind.EQUALITY, key)
