"""Groups: their type, and those whose primary group they are ([MS-ADTS] 2.2.12, 3.1.1.5.2.2).

A group is of one scope and grants rights (security) or does not (distribution). What groups may nest is not limited by
their scope: a tenant is one domain. A group that is somebody's primary group is neither deleted, nor does it lose him
as a member, nor become a distribution group: he would go on having, or suddenly lack, what nobody sees in it.
"""

from __future__ import annotations

from typing import Final

from lightwave.directory.access.membership import (
    GROUP_TYPE,
    OBJECT_SID,
    PRIMARY_GROUP_ID,
    SECURITY_ENABLED,
    sid_of,
)
from lightwave.directory.access.sid import split_rid
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete, DraftEntry, DraftModify, DraftRename
from lightwave.directory.operations.gather import shown_name
from lightwave.directory.operations.plugins.amending import amend, give, given
from lightwave.directory.operations.plugins.identifiers import GROUP
from lightwave.directory.operations.plugins.system_entries import is_critical
from lightwave.directory.store.entry_rows import GROUP_ATTRIBUTE, GROUPS
from lightwave.directory.store.indexes import IndexKind
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import TOMBSTONE, Record
from lightwave.directory.store.writing import WriteTransaction

GLOBAL: Final = 0x2
LOCAL: Final = 0x4
UNIVERSAL: Final = 0x8
_SCOPES = (GLOBAL, LOCAL, UNIVERSAL)
_TYPE = "groupType"
DEFAULT_TYPE: Final = b"-2147483646"
"""global, security"""


class Groups:
    """`ports.Plugin` for entries of class group."""

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None:
        """A global security group where nothing else is said."""
        if GROUP not in draft.classes:
            return
        values = given(draft, _TYPE)
        if not values:
            give(draft, _TYPE, DEFAULT_TYPE)
        else:
            give(draft, _TYPE, _checked_type(_imported_type(values[0]) if draft.restored else values[0]))

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
        """The type stays a valid one; members by their primary group stay."""
        if GROUP not in draft.classes:
            return
        edit = draft.edits.get(GROUP_TYPE)
        if edit is not None:
            if is_critical(txn, draft.record, draft.classes):
                raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "groupType: a built-in group keeps its")
            kind = _checked_type(edit.after[0]) if edit.after else DEFAULT_TYPE
            amend(txn, draft, _TYPE, kind)
            if not int(kind) & SECURITY_ENABLED:
                _check_primary(txn, context, draft)
            txn.bump_generation(draft.tenant, GROUPS)
        links = draft.links.get(GROUP_ATTRIBUTE)
        if links is not None and links.removed:
            _check_removed(txn, context, draft, links.removed)

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
        """Nothing."""

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
        """Not while it is somebody's primary group."""
        if GROUP in draft.classes:
            _check_primary(txn, context, draft)


def _checked_type(value: bytes) -> bytes:
    """A type as it is kept, a signed number of 32 bits; raises DirectoryError."""
    number = int(value)
    if not -(1 << 31) <= number < 1 << 32:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "groupType: has 32 bits")
    kind = number & 0xFFFFFFFF
    if kind & ~SECURITY_ENABLED not in _SCOPES:
        raise DirectoryError(
            ResultCode.UNWILLING_TO_PERFORM,
            "groupType: 2 (global), 4 (domain local) or 8 (universal), with 0x80000000 for a security group",
        )
    return b"%d" % (kind - (1 << 32) if kind & SECURITY_ENABLED else kind)


def _imported_type(value: bytes) -> bytes:
    """The type that another server had, without what only that server means; domain local where no scope is left."""
    kind = int(value) & 0xFFFFFFFF
    scope = kind & (GLOBAL | LOCAL | UNIVERSAL)
    return b"%d" % (kind & SECURITY_ENABLED | (scope if scope in _SCOPES else LOCAL))


def _rid(txn: ReadTransaction, record: Record) -> bytes | None:
    sid = sid_of(txn, record)
    parts = None if sid is None else split_rid(sid)
    return None if parts is None else b"%d" % parts[1]


def _check_primary(txn: WriteTransaction, context: Context, draft: DraftModify | DraftDelete) -> None:
    """Raises DirectoryError where the group is somebody's primary group."""
    tenant, record = draft.tenant, draft.record
    rid, number = _rid(txn, record), txn.attribute_number(PRIMARY_GROUP_ID)
    if rid is None or number is None:
        return
    for entry_id in txn.index_ids(tenant, number, IndexKind.EQUALITY, rid):
        other = txn.record(tenant, entry_id)
        if not other.flags & TOMBSTONE and _is_of_domain(txn, record, other):
            raise _is_primary(txn, context, draft, entry_id, other)


def _is_of_domain(txn: ReadTransaction, group: Record, account: Record) -> bool:
    sids = [sid_of(txn, record) for record in (group, account)]
    parts = [None if sid is None else split_rid(sid) for sid in sids]
    return None not in parts and parts[0] is not None and parts[1] is not None and parts[0][0] == parts[1][0]


def _check_removed(
    txn: WriteTransaction, context: Context, draft: DraftModify, removed: dict[int, None]
) -> None:
    rid, number = _rid(txn, draft.record), txn.attribute_number(PRIMARY_GROUP_ID)
    if rid is None or number is None or txn.attribute_number(OBJECT_SID) is None:
        return
    for entry_id in removed:
        other = txn.record(draft.tenant, entry_id)
        if other.values(number) == [rid] and _is_of_domain(txn, draft.record, other):
            raise _is_primary(txn, context, draft, entry_id, other)


def _is_primary(
    txn: WriteTransaction, context: Context, draft: DraftModify | DraftDelete, entry_id: int, record: Record
) -> DirectoryError:
    name = shown_name(txn, draft.schema, context, draft.tenant, entry_id, record)
    return DirectoryError(
        ResultCode.UNWILLING_TO_PERFORM, f"it is the primary group of {name}: give that another one"
    )
