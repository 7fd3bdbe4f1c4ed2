"""Users, computers and managed service accounts: userAccountControl in step with plain attributes, primary groups.

Two of its bits are plain attributes elsewhere: disabled is nsAccountLock (389 Directory Server), and a password that
never expires is vmwPasswordNeverExpires. Whichever of both is written, the other follows in the same write.

A primary group gives its rights without listing its members, so it may only be one that lists the account already
([MS-SAMR] 3.1.1.8.2), or what accounts have by their class.
"""

from __future__ import annotations

from typing import Final

from lightwave.directory.access.descriptor_errors import DescriptorError
from lightwave.directory.access.membership import (
    OBJECT_SID,
    PRIMARY_GROUP_ID,
    entries_of_sid,
    is_security_group,
)
from lightwave.directory.access.sid import Sid, decode_sid, split_rid, with_rid
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.account_control import (
    DISABLED,
    NEVER_EXPIRES,
    PRIVILEGED,
    USER_ACCOUNT_CONTROL,
    checked_control,
    default_control,
    imported_control,
)
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete, DraftEntry, DraftModify, DraftRename
from lightwave.directory.operations.plugins.amending import amend, give, given, stored
from lightwave.directory.operations.plugins.identifiers import COMPUTER, USER
from lightwave.directory.operations.security_identifiers import DOMAIN_COMPUTERS_RID, DOMAIN_USERS_RID
from lightwave.directory.store.entry_rows import GROUP_ATTRIBUTE
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction

_PLAIN: Final = (
    (DISABLED, "nsAccountLock", "2.16.840.1.113730.3.1.610"),
    (NEVER_EXPIRES, "vmwPasswordNeverExpires", "2.25.162944272392735442620381082799361588636.3.214"),
)
"""bit, attribute, its OID"""
_CONTROL = "userAccountControl"
_PRIMARY_GROUP = "primaryGroupID"


class Accounts:
    """`ports.Plugin` for entries of class user and those below it."""

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None:
        """What the request leaves out is filled in."""
        if USER not in draft.classes:
            return
        is_computer = COMPUTER in draft.classes
        values = given(draft, _CONTROL)
        control = default_control(is_computer=is_computer)
        if values:
            check = imported_control if draft.restored else checked_control
            control = check(values[0], is_computer=is_computer)
        for bit, name, _ in _PLAIN:
            if _is_true(given(draft, name)):
                control |= bit
            elif control & bit:
                give(draft, name, b"TRUE")
        _check_privileges(context, draft.tenant, control & PRIVILEGED)
        give(draft, _CONTROL, b"%d" % control)
        default = b"%d" % (DOMAIN_COMPUTERS_RID if is_computer else DOMAIN_USERS_RID)
        wanted = given(draft, _PRIMARY_GROUP)
        if wanted not in ((), (default,)):
            if not draft.restored:
                raise DirectoryError(
                    ResultCode.UNWILLING_TO_PERFORM,
                    f"primaryGroupID: add the account with {default.decode()}, make it a member, then change it",
                )
            sid = given(draft, "objectSid")
            if sid and _group_of(txn, draft.tenant, sid[0], wanted[0]) is not None:
                return
        give(draft, _PRIMARY_GROUP, default)

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
        """The other of both follows; a new primary group must list the account."""
        edits = draft.edits
        if USER not in draft.classes:
            return
        if USER_ACCOUNT_CONTROL in edits or any(oid in edits for _, _, oid in _PLAIN):
            _keep_in_step(txn, context, draft)
        if PRIMARY_GROUP_ID in edits:
            _check_primary_group(txn, draft)

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
        """Nothing."""

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
        """Nothing: the links go with the entry."""


def _keep_in_step(txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
    is_computer = COMPUTER in draft.classes
    present = stored(txn, draft, _CONTROL)
    before = int(present[0]) if present else 0
    edit = draft.edits.get(USER_ACCOUNT_CONTROL)
    if edit is None:
        control = before or default_control(is_computer=is_computer)
    elif edit.after:
        control = checked_control(edit.after[0], is_computer=is_computer)
    else:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "userAccountControl: an account has one")
    for bit, name, oid in _PLAIN:
        plain = draft.edits.get(oid)
        if plain is None:
            amend(txn, draft, name, *((b"TRUE",) if control & bit else ()))
            continue
        wanted = _is_true(plain.after)
        if edit is not None and wanted != bool(control & bit):
            raise DirectoryError(
                ResultCode.CONSTRAINT_VIOLATION, f"userAccountControl and {name} say different things"
            )
        control = control | bit if wanted else control & ~bit
    _check_privileges(context, draft.tenant, control & ~before & PRIVILEGED)
    amend(txn, draft, _CONTROL, b"%d" % control)


def _is_true(values: tuple[bytes, ...]) -> bool:
    return any(value.strip().upper() == b"TRUE" for value in values)


def _check_privileges(context: Context, tenant: int, wanted: int) -> None:
    token = context.token
    if wanted and not (token.bypasses(tenant) or (token.is_administrator and token.tenant == tenant)):
        raise DirectoryError(
            ResultCode.INSUFFICIENT_ACCESS_RIGHTS,
            f"userAccountControl: only an administrator sets bits 0x{wanted:x}",
        )


def _check_primary_group(txn: WriteTransaction, draft: DraftModify) -> None:
    after = draft.edits[PRIMARY_GROUP_ID].after
    number = txn.attribute_number(OBJECT_SID)
    sids = [] if number is None else draft.record.values(number)
    default = DOMAIN_COMPUTERS_RID if COMPUTER in draft.classes else DOMAIN_USERS_RID
    if after == (b"%d" % default,):
        return
    group = _group_of(txn, draft.tenant, sids[0], after[0]) if after and sids else None
    member = txn.attribute_number(GROUP_ATTRIBUTE)
    if group is None or member is None or not txn.has_link(draft.tenant, group, member, draft.entry_id):
        raise DirectoryError(
            ResultCode.UNWILLING_TO_PERFORM,
            "primaryGroupID: the last part of the SID of a security group that has the account as member",
        )


def _group_of(txn: ReadTransaction, tenant: int, sid: bytes, relative: bytes) -> int | None:
    """The security group of an account's domain with this RID."""
    try:
        parts = split_rid(decode_sid(sid))
        wanted: Sid | None = None if parts is None else with_rid(parts[0], int(relative))
    except (DescriptorError, ValueError):
        return None
    found = [] if wanted is None else entries_of_sid(txn, tenant, wanted)
    if not found or not is_security_group(txn, txn.record(tenant, found[0])):
        return None
    return found[0]
