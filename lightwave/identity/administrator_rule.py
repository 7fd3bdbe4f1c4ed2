"""The built-in administrator can't be locked out: whoever did it could never undo it.

The local socket signs its owner in as this same account, so disabling it would close every door at once. That
it is neither deleted nor moved is the rule for system entries.
"""

from __future__ import annotations

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete, DraftEntry, DraftModify, DraftRename
from lightwave.directory.store.writing import WriteTransaction
from lightwave.identity.administrator import is_administrator
from lightwave.identity.liveness import would_end


class AdministratorRule:
    """`operations.ports.Plugin`: refuses what would make the administrator's account not live."""

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None:
        """Nothing: a new entry is not the administrator."""

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
        """Neither disabled, locked nor expired, now or later."""
        if not is_administrator(txn, draft.tenant, draft.record.guid):
            return
        at = context.now()
        for edit in draft.edits.values():
            oid = edit.description.type.oid
            if edit.added and any(would_end(draft.schema, oid, value, at) for value in edit.after):
                raise DirectoryError(
                    ResultCode.UNWILLING_TO_PERFORM, "that would lock the administrator out for ever"
                )

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
        """Nothing."""

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
        """Nothing."""
