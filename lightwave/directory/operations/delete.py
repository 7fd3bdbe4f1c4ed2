"""Delete (RFC 4511 §4.8): leaves only; what is deleted becomes a tombstone below Deleted Objects.

Links to the entry go with it. A group that loses its last member by that stays, empty, although its class demands
one: the alternatives are refusing to delete a user because of a group that its administrator may not even see, or
deleting the group. (Active Directory and 389 do the same.) The next modify of the group's members has to satisfy
the class again.
"""

from __future__ import annotations

from collections.abc import Sequence

from lightwave.directory.access.decision import decide
from lightwave.directory.access.protection import is_protected
from lightwave.directory.access.rights import Right
from lightwave.directory.ldap.messages import DeleteRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete
from lightwave.directory.operations.gather import (
    REFERRAL,
    check_visible,
    classes_of,
    denied,
    find_visible,
    referral,
)
from lightwave.directory.operations.plugins.tombstones import bury
from lightwave.directory.operations.ports import Plugin
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import CONTEXT, TOMBSTONE, Record
from lightwave.directory.store.writing import WriteTransaction


def apply(
    txn: WriteTransaction,
    schema: Schema,
    context: Context,
    request: DeleteRequest,
    plugins: Sequence[Plugin] = (),
) -> None:
    """Deletes an entry; raises DirectoryError, and then nothing may be committed."""
    place, record, _ = find_visible(txn, schema, context, request.dn)
    classes = classes_of(txn, schema, record)
    dn = txn.dn(place.tenant, place.entry_id, record)
    if REFERRAL in classes.oids and not context.manages_dsa_it:
        raise referral(txn, dn, record)
    check_access(txn, schema, context, place.tenant, place.entry_id, record)
    if txn.has_children(place.tenant, place.entry_id):
        raise DirectoryError(ResultCode.NOT_ALLOWED_ON_NON_LEAF, "subordinate objects must be deleted first")
    if record.flags & CONTEXT:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "a naming context can't be deleted")
    if record.flags & TOMBSTONE:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "the entry is deleted already")
    draft = DraftDelete(schema, place.tenant, place.entry_id, record, dn, place.name, classes.oids)
    for plugin in plugins:
        plugin.on_delete(txn, context, draft)
    bury(txn, context, draft)


def check_access(
    txn: ReadTransaction, schema: Schema, context: Context, tenant: int, entry_id: int, record: Record
) -> None:
    """[MS-ADTS] 3.1.1.5.5: the right to delete the entry, or to delete children of its class of its superior.

    noSuchObject for an entry that the requester may not see.
    """
    decision = check_visible(txn, schema, context, tenant, entry_id, record)
    if decision.allows(Right.DELETE):
        return
    is_free = context.token.administers(tenant) or not is_protected(txn, tenant, entry_id)
    if record.parent and is_free:
        above = decide(txn, schema, context.token, tenant, record.parent)
        if classes_of(txn, schema, record).structural.oid in above.deletable:
            return
    raise denied(context)
