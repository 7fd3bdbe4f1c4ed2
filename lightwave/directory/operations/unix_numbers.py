"""uidNumber and gidNumber (RFC 2307) for those who leave them to the server.

An entry of class posixAccount or posixGroup that is added without its numbers, or with -1, gets them. They come from
ranges that the domain's root may name (lwUidNumberRange, lwGidNumberRange: `first-last`) and are given once: how far
they are used stands in `meta`, in the transaction of the write. An account without a gidNumber gets the one of its own
number, as where each user has a private group; so numbers of groups are taken from behind those of accounts as well.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from lightwave.directory.access.membership import OBJECT_CLASS
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.indexes import IndexKind
from lightwave.directory.store.layout import pack_number
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import TOMBSTONE
from lightwave.directory.store.writing import WriteTransaction

POSIX_ACCOUNT: Final = "1.3.6.1.1.1.2.0"
POSIX_GROUP: Final = "1.3.6.1.1.1.2.2"
UID_NUMBER: Final = "1.3.6.1.1.1.1.0"
GID_NUMBER: Final = "1.3.6.1.1.1.1.1"
UNSET: Final = b"-1"
"""what asks for a number"""
DEFAULT_RANGE: Final = (200_000, 2_000_200_000)
"""above what systems keep for themselves and for their own users"""
RANGES: Final = {
    UID_NUMBER: "2.25.162944272392735442620381082799361588636.3.401",
    GID_NUMBER: "2.25.162944272392735442620381082799361588636.3.402",
}
_MOST = (1 << 31) - 1
_TRIES = 10_000
_META = b"unix\0"
_NEXT = struct.Struct(">Q")
_RANGE = re.compile(rb"\s*(\d{1,10})\s*-\s*(\d{1,10})\s*")
_ASKING = {
    b"posixaccount": (UID_NUMBER, GID_NUMBER),
    POSIX_ACCOUNT.encode(): (UID_NUMBER, GID_NUMBER),
    b"posixgroup": (GID_NUMBER,),
    POSIX_GROUP.encode(): (GID_NUMBER,),
}


def ask_for_numbers(
    schema: Schema, attributes: Mapping[AttributeDescription, Sequence[bytes]]
) -> dict[AttributeDescription, tuple[bytes, ...]]:
    """The numbers that a new entry's classes ask for and that it doesn't give, as `UNSET`. Hot: once for each add."""
    found: dict[AttributeDescription, tuple[bytes, ...]] = {}
    for value in attributes.get(schema.object_class_description, ()):
        for oid in _ASKING.get(value.lower(), ()):
            description = schema.describe(oid)
            if description is not None and description not in attributes:
                found[description] = (UNSET,)
    return found


def parse_range(value: bytes) -> tuple[int, int]:
    """(first, last) of `first-last`; raises ValueError for what is no range of numbers that systems take."""
    match = _RANGE.fullmatch(value)
    if match is None:
        raise ValueError("a range is written first-last")
    first, last = int(match[1]), int(match[2])
    if not 1 <= first <= last <= _MOST:
        raise ValueError(f"a range lies within 1-{_MOST}")
    return first, last


def next_number(txn: WriteTransaction, tenant: int, attribute: str) -> int:
    """A number of the tenant's range that nobody has; raises DirectoryError where there is none left."""
    first, last = _range_of(txn, tenant, attribute)
    name = _META + attribute.encode() + b"\0" + pack_number(tenant)
    data = txn.meta(name)
    number = max(first, _NEXT.unpack(data)[0]) if data is not None else first
    for _ in range(_TRIES):
        if number > last:
            break
        if not _is_taken(txn, tenant, attribute, number):
            txn.put_meta(name, _NEXT.pack(number + 1))
            return number
        number += 1
    raise DirectoryError(
        ResultCode.UNWILLING_TO_PERFORM,
        f"the range {first}-{last} of numbers is used up: set another one at the domain "
        "(lwUidNumberRange, lwGidNumberRange)",
    )


def owners_of(
    txn: ReadTransaction, schema: Schema, tenant: int, attribute: str, number: int, kind: str | None
) -> Iterator[int]:
    """The entries that have a number, deleted ones left out; with `kind` only those that name this class."""
    known, classes = txn.attribute_number(attribute), txn.attribute_number(OBJECT_CLASS)
    if known is None or classes is None:
        return
    key = b"" if kind is None else schema.object_class_description.type.normalise(kind.encode())
    for entry_id in txn.index_ids(tenant, known, IndexKind.EQUALITY, b"%d" % number):
        if kind is not None and not txn.index_has(tenant, classes, IndexKind.EQUALITY, key, entry_id):
            continue
        if not txn.record(tenant, entry_id).flags & TOMBSTONE:
            yield entry_id


def _is_taken(txn: ReadTransaction, tenant: int, attribute: str, number: int) -> bool:
    """Whether an entry has it; a group's number also where it is an account's, whose private group has the same."""
    for oid in {attribute, UID_NUMBER}:
        known = txn.attribute_number(oid)
        if known is not None and txn.index_count(tenant, known, IndexKind.EQUALITY, b"%d" % number):
            return True
    return False


def _range_of(txn: ReadTransaction, tenant: int, attribute: str) -> tuple[int, int]:
    known = txn.attribute_number(RANGES[attribute])
    for _, context in () if known is None else txn.contexts(tenant):
        for value in txn.record(tenant, context.entry_id).values(known or 0):
            try:
                return parse_range(value)
            except ValueError:
                break
    return DEFAULT_RANGE
