"""Password Modify (RFC 3062): an entry gets one new password, and loses those that it had.

Setting a password takes the right to reset it; changing it takes a proof of the old one and the right to change it, as
in Active Directory ([MS-ADTS] 3.1.1.3.1.5.1): User-Force-Change-Password, User-Change-Password. All else is a modify:
the password is prepared by the same port, hashed in a thread, and the plug-ins see the change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightwave.directory.access.control_rights import CHANGE_PASSWORD, RESET_PASSWORD
from lightwave.directory.ldap.messages import Modification, ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations import modify
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import PasswordModifyRequest
from lightwave.directory.operations.gather import (
    classes_of,
    denied,
    find_visible,
    is_referral,
    referral,
)
from lightwave.directory.operations.modify import Gathered
from lightwave.directory.operations.outcome import WrongOldPassword
from lightwave.directory.operations.ports import Effect, Plugin, Preparation
from lightwave.directory.operations.write_rights import old_password_needed
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import TOMBSTONE
from lightwave.directory.store.writing import WriteTransaction

_ATTRIBUTE = "userPassword"
_CLEAR = b"{CLEARTEXT}"
"""marks a value as the password itself: one that begins like a hash is none here"""


def as_modify(request: PasswordModifyRequest) -> ModifyRequest:
    """The same as changes of userPassword: the old one is proved, then all are replaced."""
    changes = []
    if request.old is not None:
        changes.append(Modification(ModifyKind.DELETE, _ATTRIBUTE, (_CLEAR + request.old,)))
    changes.append(Modification(ModifyKind.REPLACE, _ATTRIBUTE, (_CLEAR + request.new,)))
    return ModifyRequest(request.dn, tuple(changes))


def gather(
    txn: ReadTransaction, schema: Schema, context: Context, request: PasswordModifyRequest
) -> Gathered:
    """Finds the entry and decides access; raises DirectoryError."""
    token = context.token
    if token.is_anonymous:
        raise denied(context)
    _, secrets = modify.parse_changes(schema, as_modify(request))
    place, record, decision = find_visible(txn, schema, context, request.dn)
    if is_referral(txn, schema, record) and not context.manages_dsa_it:
        raise referral(txn, txn.dn(place.tenant, place.entry_id, record), record)
    if record.flags & TOMBSTONE:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "a deleted entry can't be changed")
    wanted = RESET_PASSWORD if request.old is None else CHANGE_PASSWORD
    if wanted not in decision.control_rights and RESET_PASSWORD not in decision.control_rights:
        if request.old is None and CHANGE_PASSWORD in decision.control_rights:
            raise old_password_needed(context, ResultCode.UNWILLING_TO_PERFORM)
        raise denied(context)
    return Gathered(place, record, classes_of(txn, schema, record), [], secrets)


def apply(
    txn: WriteTransaction,
    schema: Schema,
    context: Context,
    request: PasswordModifyRequest,
    effects: Sequence[Effect],
    plugins: Sequence[Plugin],
) -> None:
    """Stores what was prepared; raises DirectoryError or PreconditionBroken, and then nothing may be committed."""
    gathered = gather(txn, schema, context, request)
    for effect in effects:
        effect.verify(txn, gathered.target)
    draft = modify.check(txn, schema, context, gathered, effects)
    for plugin in plugins:
        plugin.on_modify(txn, context, draft)
    modify.issue(txn, context, draft, effects)


@dataclass(frozen=True, slots=True)
class ProvedPreparation:
    """A preparation in which a wrong old password is refused as slapd refuses it (RFC 3062 §3 leaves the code open)."""

    preparation: Preparation

    @property
    def heavy(self) -> bool:
        """See `Preparation`."""
        return self.preparation.heavy

    def run(self) -> Effect:
        """See `Preparation`."""
        try:
            return self.preparation.run()
        except WrongOldPassword as error:
            raise WrongOldPassword(
                ResultCode.UNWILLING_TO_PERFORM, error.account, was_checked=error.was_checked
            ) from None
        except DirectoryError as error:
            if error.code is ResultCode.NO_SUCH_ATTRIBUTE:
                raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "the old password is wrong") from None
            raise
