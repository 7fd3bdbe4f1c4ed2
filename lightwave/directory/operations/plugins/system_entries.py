"""Entries that the server itself stands on: they are neither deleted nor renamed.

These are the subschema subentry and every entry whose `isCriticalSystemObject` is TRUE (MS-ADTS §3.1.1.5.5.3), among
them the built-in administrator and the containers that promote makes.
"""

from __future__ import annotations

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.audit_entries import holds_audit
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete, DraftEntry, DraftModify, DraftRename
from lightwave.directory.operations.subschema_entry import SUBSCHEMA_CLASS
from lightwave.directory.schema.normalisation import NormalisedDN
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record
from lightwave.directory.store.writing import WriteTransaction

CRITICAL = "1.2.840.113556.1.4.868"  # isCriticalSystemObject


def is_critical(txn: ReadTransaction, record: Record, classes: frozenset[str]) -> bool:
    """Whether the server stands on this entry."""
    if SUBSCHEMA_CLASS in classes:
        return True
    number = txn.attribute_number(CRITICAL)
    return number is not None and record.values(number) == [b"TRUE"]


def _server_says() -> DirectoryError:
    return DirectoryError(
        ResultCode.UNWILLING_TO_PERFORM, "isCriticalSystemObject: the server says which entries it needs"
    )


def _check_place(
    txn: ReadTransaction, draft: DraftEntry | DraftRename, superior: NormalisedDN, parent: int
) -> None:
    """Raises DirectoryError where an entry would stand among the events of the audit."""
    if superior and holds_audit(txn, draft.schema, superior, draft.tenant, parent):
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "only the server adds to the audit")


class SystemEntries:
    """Keeps critical entries where they are."""

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None:
        """There is one subschema subentry."""
        if SUBSCHEMA_CLASS in draft.classes:
            raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "there is one subschema subentry")
        if not draft.restored and any(one.key == CRITICAL for one in draft.attributes):
            raise _server_says()
        _check_place(txn, draft, draft.name[1:], draft.parent)

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
        """What such entries hold may change, but not that they are such."""
        edit = draft.edits.get(CRITICAL)
        if edit is not None and edit.before != edit.after:
            raise _server_says()

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
        """Another spelling of the same name is allowed."""
        if draft.new_parent != draft.old_parent:
            name = txn.normalised_dn(draft.tenant, draft.new_parent)
            _check_place(txn, draft, name, draft.new_parent)
        moved = draft.new_parent != draft.old_parent or draft.normalised_rdn != draft.record.normalised_rdn
        if moved and is_critical(txn, draft.record, draft.classes):
            raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "the server needs this entry where it is")

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
        """Refused."""
        if is_critical(txn, draft.record, draft.classes):
            raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "the server needs this entry")
