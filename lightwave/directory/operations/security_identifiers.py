"""SIDs of a tenant: its domain's, and those that accounts and groups get ([MS-ADTS] 3.1.1.5.2.4, [MS-DRSR] 4.1.10.4.3).

A SID is the domain's with a relative identifier (RID) of 30 bits, which is never given out twice. The RIDs that are
left stand at the domain's RID manager as rIDAvailablePool: the next one in the lower half, the last one in the upper.
A node takes a pool of them at a time and notes in the store how far it has used that. What it has not used when the
store is restored from a backup it throws away, and it skips as many as could have been given out since the backup.
All of this happens in the transaction of the write that needs a SID: what is undone gives its RID back.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final, NamedTuple

from lightwave.directory.access.descriptor_errors import DescriptorError
from lightwave.directory.access.membership import OBJECT_CLASS, OBJECT_SID, sid_of
from lightwave.directory.access.sid import Sid, decode_sid, make_sid, split_rid, with_rid
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.plugins.operational import modification_attributes
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.indexes import IndexKind
from lightwave.directory.store.layout import pack_number
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import CONTEXT, TOMBSTONE
from lightwave.directory.store.writing import AttributeChange, WriteTransaction

POOL: Final = 500
"""RIDs that a node takes at a time"""
SKIPPED: Final = 100_000
"""RIDs that are passed over after a restore: Microsoft's advice for a forest that is restored"""
FIRST_RID: Final = 1_000
LAST_RID: Final = (1 << 30) - 1

ADMINISTRATOR_RID: Final = 500
KRBTGT_RID: Final = 502
DOMAIN_ADMINISTRATORS_RID: Final = 512
DOMAIN_USERS_RID: Final = 513
DOMAIN_COMPUTERS_RID: Final = 515
SCHEMA_ADMINISTRATORS_RID: Final = 518

AVAILABLE_POOL: Final = "1.2.840.113556.1.4.370"
RID_MANAGER: Final = b"rIDManager"
_META = b"rids\0"
_HEAD = struct.Struct(">16sII")


class _Pool(NamedTuple):
    """What is left of a node's pool. server: the originating server that took it."""

    server: bytes
    next: int
    last: int
    domain: Sid

    def encode(self) -> bytes:
        return _HEAD.pack(self.server, self.next, self.last) + self.domain


def new_domain_sid(random: bytes) -> Sid:
    """S-1-5-21-a-b-c for a new domain, of at least 16 random octets."""
    return make_sid(5, 21, *struct.unpack(">III", hashlib.sha256(random).digest()[:12]))


def first_available_pool() -> bytes:
    """rIDAvailablePool of a new domain."""
    return b"%d" % (LAST_RID << 32 | FIRST_RID)


def next_sid(txn: WriteTransaction, schema: Schema, tenant: int) -> Sid | None:
    """A SID that nobody has had; None in a tenant whose domain has no RID manager.

    Raises DirectoryError when there are no more.
    """
    data = txn.meta(_META + pack_number(tenant))
    if data is not None:
        server, following, last = _HEAD.unpack_from(data)
        if following <= last and server == txn.store.server_guid:
            pool = _Pool(server, following, last, Sid(data[_HEAD.size :]))
            return _take(txn, tenant, pool)
    fresh = _take_pool(txn, schema, tenant, data)
    return None if fresh is None else _take(txn, tenant, fresh)


def domain_sid(txn: ReadTransaction, schema: Schema, tenant: int) -> Sid | None:
    """The SID of a tenant's domain; None where it has none yet."""
    data = txn.meta(_META + pack_number(tenant))
    if data is not None:
        return Sid(data[_HEAD.size :])
    manager = rid_manager(txn, schema, tenant)
    return None if manager is None else _domain_of(txn, tenant, manager)


def was_given_out(txn: ReadTransaction, schema: Schema, tenant: int, sid: bytes) -> bool:
    """Whether a SID is of the tenant's own domain, and is no more to be given: it may stand in a backup or export."""
    try:
        parts = split_rid(decode_sid(sid))
    except DescriptorError:
        return False
    manager = rid_manager(txn, schema, tenant)
    if parts is None or manager is None or parts[0] != domain_sid(txn, schema, tenant):
        return False
    data = txn.meta(_META + pack_number(tenant))
    if data is not None:
        server, following, last = _HEAD.unpack_from(data)
        if server == txn.store.server_guid and following <= parts[1] <= last:
            return False  # the rest of this server's own pool
    available, _ = _available(txn, tenant, manager)
    return parts[1] < available


def rid_manager(txn: ReadTransaction, schema: Schema, tenant: int) -> int | None:
    """The entry that holds rIDAvailablePool."""
    number = txn.attribute_number(OBJECT_CLASS)
    if number is None:
        return None
    key = schema.object_class_description.type.normalise(RID_MANAGER)
    for entry_id in txn.index_ids(tenant, number, IndexKind.EQUALITY, key):
        if not txn.record(tenant, entry_id).flags & TOMBSTONE:
            return entry_id
    return None


def _take(txn: WriteTransaction, tenant: int, pool: _Pool) -> Sid:
    txn.put_meta(_META + pack_number(tenant), pool._replace(next=pool.next + 1).encode())
    return with_rid(pool.domain, pool.next)


def _take_pool(txn: WriteTransaction, schema: Schema, tenant: int, former: bytes | None) -> _Pool | None:
    """The next pool, taken off what is available; `former` is the note of the one before."""
    manager = rid_manager(txn, schema, tenant)
    domain = None if manager is None else _domain_of(txn, tenant, manager)
    if manager is None or domain is None:
        return None
    start, limit = _available(txn, tenant, manager)
    if former is not None and former[:16] != txn.store.server_guid:
        start += SKIPPED
    last = min(start + POOL - 1, limit)
    if last < start:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "the domain has no more relative identifiers")
    change = txn.begin_change()
    left = b"%d" % (limit << 32 | (last + 1))
    changes = [AttributeChange(_describe(schema, AVAILABLE_POOL), (left,))]
    stamped = modification_attributes(schema, b"", change.stamp)
    changes += [AttributeChange(description, values) for description, values in stamped]
    txn.update_entry(tenant, manager, changes, change)
    return _Pool(txn.store.server_guid, start, last, domain)


def _available(txn: ReadTransaction, tenant: int, manager: int) -> tuple[int, int]:
    """(the next RID that is available, the last one)."""
    number = txn.attribute_number(AVAILABLE_POOL)
    values = [] if number is None else txn.record(tenant, manager).values(number)
    pool = int(values[0]) if values else 0
    return max(pool & 0xFFFFFFFF, FIRST_RID), min(pool >> 32, LAST_RID)


def _domain_of(txn: ReadTransaction, tenant: int, entry_id: int) -> Sid | None:
    """The SID of the naming context in which an entry stands."""
    try:
        record = txn.record(tenant, entry_id)
        while not record.flags & CONTEXT:
            record = txn.record(tenant, record.parent)
    except NoSuchEntry:
        return None
    return sid_of(txn, record)


def _describe(schema: Schema, name: str) -> AttributeDescription:
    description = schema.describe(name)
    assert description is not None, name  # it comes with the server
    return description


def sid_description(schema: Schema) -> AttributeDescription:
    """objectSid."""
    return _describe(schema, OBJECT_SID)
