"""Writes of what stands with the password: pwdLastSet and pwdReset say whether it must be changed.

pwdLastSet takes 0 (it must be changed) and -1 (it counts as set now), as in Active Directory ([MS-ADTS]
3.1.1.5.3.2); pwdReset TRUE and FALSE say whether it must (draft-behera-ldap-password-policy-10 §5.3.8). Neither is
stored: they are facts of the sealed credentials. Beside a new password they are about that one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete, DraftEntry, DraftModify, DraftRename
from lightwave.directory.store.writing import WriteTransaction
from lightwave.identity.credentials import read_credentials, set_must_change
from lightwave.identity.password_facts import from_filetime
from lightwave.identity.password_preparation import PasswordEffect

PWD_LAST_SET: Final = "1.2.840.113556.1.4.96"  # noqa: S105  an OID
PWD_RESET: Final = "1.3.6.1.4.1.42.2.27.8.1.22"  # noqa: S105  an OID
_OIDS: Final = (PWD_LAST_SET, PWD_RESET)


class PasswordFactsRule:
    """`operations.ports.Plugin`. imports: times of other servers are taken as when the password was set."""

    def __init__(self, *, imports: bool = False) -> None:
        self._imports = imports

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None:
        """A fact of the new entry's password, if it has one."""
        for description in [one for one in draft.attributes if one.type.oid in _OIDS]:
            values = draft.attributes.pop(description)
            set_at = self._imported(description.type.oid, values[0])
            must_change = set_at is None and _must_change(description.type.oid, values[0])
            for effect in draft.effects:
                if isinstance(effect, PasswordEffect):
                    effect.blob = replace(effect.blob, must_change=must_change, set_at=set_at)

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
        """A fact of the password that the entry has after the change."""
        for key in [key for key, edit in draft.edits.items() if edit.description.type.oid in _OIDS]:
            edit = draft.edits.pop(key)
            must_change = bool(edit.after) and _must_change(edit.description.type.oid, edit.after[0])
            effects = [effect for effect in draft.effects if isinstance(effect, PasswordEffect)]
            for effect in effects:
                effect.blob = replace(effect.blob, must_change=must_change)
            if not effects and read_credentials(txn, draft.tenant, draft.entry_id) is not None:
                set_must_change(
                    txn,
                    draft.tenant,
                    draft.entry_id,
                    txn.begin_change(),
                    must_change=must_change,
                    renew=edit.after == (b"-1",),
                )

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
        """Nothing."""

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
        """Nothing."""

    def _imported(self, oid: str, value: bytes) -> float | None:
        if not self._imports or oid != PWD_LAST_SET or int(value) <= 0:
            return None
        return max(0.0, from_filetime(int(value)))


def _must_change(oid: str, value: bytes) -> bool:
    if oid == PWD_RESET:
        return value == b"TRUE"
    if value not in (b"0", b"-1"):
        raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, "pwdLastSet takes 0 and -1")
    return value == b"0"
