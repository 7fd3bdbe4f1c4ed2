"""Rules for dynamic entries (RFC 2589): how long they live, and what may stand below them."""

from __future__ import annotations

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete, DraftEntry, DraftModify, DraftRename
from lightwave.directory.operations.gather import DYNAMIC_OBJECT
from lightwave.directory.operations.gather import ENTRY_TTL as ENTRY_TTL
from lightwave.directory.store.record import DYNAMIC
from lightwave.directory.store.writing import WriteTransaction

DEFAULT_TTL = 86_400
MAX_TTL = 31_557_600  # RFC 2589 §4.1: a year at most


def bounded_ttl(wanted: int) -> int:
    """The time to live that is granted, in seconds."""
    return max(1, min(wanted, MAX_TTL))


class DynamicEntries:
    """Gives new dynamic entries their time, and keeps static ones from standing below them."""

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None:
        """entryTtl of the request (or the default) becomes an absolute time."""
        is_dynamic = DYNAMIC_OBJECT in draft.classes
        _check_superior(txn, draft.tenant, draft.parent, is_dynamic=is_dynamic)
        wanted = DEFAULT_TTL
        for description in [one for one in draft.attributes if one.type.oid == ENTRY_TTL]:
            if not is_dynamic:
                raise DirectoryError(
                    ResultCode.OBJECT_CLASS_VIOLATION, "only a dynamic entry has an entryTtl"
                )
            wanted = int(draft.attributes.pop(description)[0])
        if is_dynamic:
            draft.expires = context.now() + bounded_ttl(wanted)

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
        """Replacing entryTtl is another spelling of Refresh."""
        edit = draft.edits.pop(ENTRY_TTL, None)
        if edit is None:
            return
        if not draft.record.flags & DYNAMIC or not edit.after:
            raise DirectoryError(ResultCode.OBJECT_CLASS_VIOLATION, "entryTtl belongs to dynamic entries")
        draft.expires = context.now() + bounded_ttl(int(edit.after[0]))

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
        """A move is as an add at the new place."""
        if draft.new_parent != draft.old_parent:
            is_dynamic = bool(draft.record.flags & DYNAMIC)
            _check_superior(txn, draft.tenant, draft.new_parent, is_dynamic=is_dynamic)

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
        """Nothing: a dynamic entry may be deleted before its time."""


def _check_superior(txn: WriteTransaction, tenant: int, parent: int, *, is_dynamic: bool) -> None:
    if not is_dynamic and txn.record(tenant, parent).flags & DYNAMIC:
        raise DirectoryError(
            ResultCode.CONSTRAINT_VIOLATION, "no static subordinate entries allowed below a dynamic entry"
        )
