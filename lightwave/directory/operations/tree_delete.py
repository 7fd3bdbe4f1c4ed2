"""Tree delete ([MS-ADTS] 3.1.1.3.4.1.15, draft-armijo-ldap-treedelete-02): an entry goes with all that is below it.

Each entry is deleted as a delete would do it, the deepest first, and leaves a tombstone; so whatever is there at any
moment is a tree. The right to delete is asked for every one of them before the first goes. Referral objects below the
base are entries like others here (draft-armijo §4.2): what they refer to is not touched. Naming contexts, critical
entries and the container of tombstones refuse the whole.

A small subtree goes in one operation. A larger one goes in slices that are transactions of their own, with other
writes between them: `TreeDeletion` is noted in the store when it begins, and whoever opens the store finishes it. What
is added or changed meanwhile is judged when its turn comes; where it can't go, the deletion ends there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lightwave.directory.access.decision import decide
from lightwave.directory.access.protection import is_protected
from lightwave.directory.access.rights import Right
from lightwave.directory.ldap.messages import DeleteRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations import delete
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete
from lightwave.directory.operations.gather import (
    Place,
    classes_of,
    find_visible,
    is_referral,
    referral,
)
from lightwave.directory.operations.plugins.system_entries import is_critical
from lightwave.directory.operations.plugins.tombstones import bury, is_deleted_objects
from lightwave.directory.operations.ports import Plugin
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import CONTEXT, TOMBSTONE, Record
from lightwave.directory.store.walk import TreeWalk
from lightwave.directory.store.writing import WriteTransaction

SMALL = 50
"""entries below the base that go with it in one operation"""
SLICE = 250
"""entries that one slice deletes: each touches a dozen pages"""
SURVEYED = 500
"""entries that one read transaction looks at before the first is deleted"""
_NOTE = b"tree-delete\0"
_HEAD = struct.Struct(">IQQIQ?16sQ")


class TreeDeletion(NamedTuple):
    """A large subtree that is being deleted: what is kept of the request until it is done."""

    tenant: int
    base: int
    usn: int
    """the last change that was looked at when the right to delete was decided"""
    requester_tenant: int
    requester: int
    is_administrator: bool
    requester_guid: bytes
    slices: int
    """that were done: others see by it that somebody is at work"""
    requester_dn: bytes

    @property
    def note(self) -> bytes:
        """Its name among the notes of the store."""
        return _NOTE + struct.pack(">IQ", self.tenant, self.base)

    def encode(self) -> bytes:
        """The note's bytes."""
        return _HEAD.pack(*self[:8]) + self.requester_dn

    @classmethod
    def decode(cls, data: bytes) -> TreeDeletion:
        """The reverse of `encode`."""
        tenant, base, usn, above, requester, is_administrator, guid, slices = _HEAD.unpack_from(data)
        dn = data[_HEAD.size :]
        return cls(tenant, base, usn, above, requester, is_administrator, guid, slices, dn)


def find_base(txn: ReadTransaction, schema: Schema, context: Context, request: DeleteRequest) -> Place:
    """The entry to delete with all that is below it, judged itself; raises DirectoryError."""
    place, record, _ = find_visible(txn, schema, context, request.dn)
    if not context.manages_dsa_it and is_referral(txn, schema, record):
        raise referral(txn, txn.dn(place.tenant, place.entry_id, record), record)
    may_all = may_delete_tree(txn, schema, context, place.tenant, place.entry_id)
    check_entry(txn, schema, context, place.tenant, place.entry_id, record, may_all=may_all)
    return place


def may_delete_tree(txn: ReadTransaction, schema: Schema, context: Context, tenant: int, base: int) -> bool:
    """Whether the right to delete the base with all below it is granted; without it each entry is judged."""
    return decide(txn, schema, context.token, tenant, base).allows(Right.DELETE_TREE)


def check_entry(
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    tenant: int,
    entry_id: int,
    record: Record,
    *,
    may_all: bool = False,
) -> None:
    """Raises DirectoryError when the requester may not delete the entry, or nobody may; children don't matter.

    may_all: he has the right to delete the tree that it is in; protected accounts are judged each.
    """
    if not may_all or (not context.token.administers(tenant) and is_protected(txn, tenant, entry_id)):
        delete.check_access(txn, schema, context, tenant, entry_id, record)
    reason = ""
    if record.flags & CONTEXT:
        reason = "a naming context can't be deleted"
    elif record.flags & TOMBSTONE:
        reason = "the entry is deleted already"
    elif is_deleted_objects(txn, schema, tenant, record):
        reason = "the container of deleted entries can't be deleted"
    elif is_critical(txn, record, classes_of(txn, schema, record).oids):
        reason = "the server needs this entry"
    if reason:
        name = txn.dn(tenant, entry_id, record).decode("utf-8", "replace")
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, f"{reason}: {name}")


def survey(txn: ReadTransaction, schema: Schema, context: Context, place: Place, walk: TreeWalk) -> None:
    """Judges the next entries of a walk below `place`; raises DirectoryError."""
    tenant = place.tenant
    may_all = may_delete_tree(txn, schema, context, tenant, place.entry_id)
    for entry_id in walk.take(txn, SURVEYED):
        try:
            record = txn.record(tenant, entry_id)
        except NoSuchEntry:
            continue  # gone since
        check_entry(txn, schema, context, tenant, entry_id, record, may_all=may_all)
    if walk.visited > context.limits.look_through:
        raise DirectoryError(
            ResultCode.ADMIN_LIMIT_EXCEEDED,
            f"a subtree of more than {context.limits.look_through} entries is too large for you to delete",
        )


def is_small(txn: ReadTransaction, place: Place) -> bool:
    """Whether the subtree goes in one operation."""
    return len(TreeWalk(place.tenant, place.entry_id).take(txn, SMALL + 1)) <= SMALL


def apply_small(
    txn: WriteTransaction, schema: Schema, context: Context, request: DeleteRequest, plugins: Sequence[Plugin]
) -> None:
    """Deletes a small subtree; raises DirectoryError, and then nothing may be committed."""
    place = find_base(txn, schema, context, request)
    below = TreeWalk(place.tenant, place.entry_id).take(txn, 4 * SMALL + 1)
    if len(below) > 4 * SMALL:  # as it has grown since; or the request is one of a transaction
        raise DirectoryError(
            ResultCode.ADMIN_LIMIT_EXCEEDED, f"at most {4 * SMALL} entries can be deleted as one"
        )
    may_all = may_delete_tree(txn, schema, context, place.tenant, place.entry_id)
    for entry_id in below:
        record = txn.record(place.tenant, entry_id)
        check_entry(txn, schema, context, place.tenant, entry_id, record, may_all=may_all)
    for entry_id in (*reversed(below), place.entry_id):  # a walk visits a parent before its children
        _delete(txn, schema, context, place.tenant, entry_id, plugins)


def begin(
    txn: WriteTransaction, schema: Schema, context: Context, request: DeleteRequest, usn: int
) -> TreeDeletion:
    """Notes a large deletion, whose entries were judged as of change `usn`, in the store; raises DirectoryError."""
    place = find_base(txn, schema, context, request)
    token = context.token
    deletion = TreeDeletion(
        place.tenant,
        place.entry_id,
        usn,
        token.tenant,
        token.entry_id or 0,
        token.is_administrator,
        token.guid,
        0,
        token.dn,
    )
    txn.put_meta(deletion.note, deletion.encode())
    return deletion


def noted(txn: ReadTransaction) -> list[TreeDeletion]:
    """The deletions that were begun and not finished."""
    return [TreeDeletion.decode(data) for data in txn.metas(_NOTE)]


def delete_slice(
    txn: WriteTransaction,
    schema: Schema,
    context: Context,
    deletion: TreeDeletion,
    plugins: Sequence[Plugin],
) -> bool:
    """Deletes the next entries, the deepest first; whether there are more. Ends with the base, and the note.

    Raises DirectoryError for an entry that came or changed meanwhile and can't go: none of the slice is deleted then.
    """
    tenant = deletion.tenant
    path = _path_to_base(txn, deletion)
    for _ in range(SLICE):
        if not path:
            break
        while (child := _first_child(txn, tenant, path[-1])) is not None:
            path.append(child)
        entry_id = path.pop()
        record = txn.record(tenant, entry_id)
        if record.usn_changed > deletion.usn:
            may_all = may_delete_tree(txn, schema, context, tenant, deletion.base)
            check_entry(txn, schema, context, tenant, entry_id, record, may_all=may_all)
        _delete(txn, schema, context, tenant, entry_id, plugins)
    if path:
        note = txn.meta(deletion.note)
        done = deletion if note is None else TreeDeletion.decode(note)
        txn.put_meta(deletion.note, done._replace(slices=done.slices + 1).encode())
        return True
    end(txn, deletion)
    return False


def end(txn: WriteTransaction, deletion: TreeDeletion) -> None:
    """Takes the note away: the deletion is done, or can't go on."""
    txn.put_meta(deletion.note, None)


def _path_to_base(txn: ReadTransaction, deletion: TreeDeletion) -> list[int]:
    """The base, as the first step of a way down; nothing where it is deleted already."""
    try:
        record = txn.record(deletion.tenant, deletion.base)
    except NoSuchEntry:
        return []
    return [] if record.flags & TOMBSTONE else [deletion.base]


def _first_child(txn: ReadTransaction, tenant: int, entry_id: int) -> int | None:
    children: Iterable[tuple[bytes, int]] = txn.children(tenant, entry_id)
    return next((child for _, child in children), None)


def _delete(
    txn: WriteTransaction,
    schema: Schema,
    context: Context,
    tenant: int,
    entry_id: int,
    plugins: Sequence[Plugin],
) -> None:
    record = txn.record(tenant, entry_id)
    classes = classes_of(txn, schema, record).oids
    dn, name = txn.dn(tenant, entry_id, record), txn.normalised_dn(tenant, entry_id, record)
    draft = DraftDelete(schema, tenant, entry_id, record, dn, name, classes)
    for plugin in plugins:
        plugin.on_delete(txn, context, draft)
    bury(txn, context, draft)
