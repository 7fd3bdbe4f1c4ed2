"""Of `lockoutTime` a client may write 0, which unlocks and forgets the failures; all else is the server's to write.

As in Active Directory ([MS-SAMR] 2.2.1: a lock is made by failures alone). Who may write it is a matter of access.
"""

from __future__ import annotations

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete, DraftEntry, DraftModify, DraftRename
from lightwave.directory.store.failure_rows import put_account_failures
from lightwave.directory.store.writing import WriteTransaction


class LockoutRule:
    """`operations.ports.Plugin`"""

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None:
        """Nothing: nobody has failed to be who is not there yet."""

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
        """Unlocks, or refuses."""
        attribute = draft.schema.attribute("lockoutTime")
        if attribute is None:
            return
        for edit in draft.edits.values():
            if edit.description.type.oid != attribute.oid:
                continue
            if any(value.strip() != b"0" for value in edit.after):
                raise DirectoryError(
                    ResultCode.UNWILLING_TO_PERFORM, "lockoutTime: write 0 to unlock; only failures lock"
                )
            put_account_failures(txn, draft.tenant, draft.entry_id, None)

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
        """Nothing."""

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
        """Nothing."""
