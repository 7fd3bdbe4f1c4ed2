"""userPassword and unicodePwd in add and modify: they become credentials, in a thread, outside the
transaction.

userPassword (RFC 4519 §2.41) may have several values; each becomes a verifier. To delete one, a client
says its clear text, which is verified. unicodePwd (MS-ADTS §3.1.1.3.1.5) is the one password, in quotes
and UTF-16: to replace it is a reset, to delete the old and add the new one is a change. Values that are
hashed already are taken from administrators only. Both attributes write the same sealed value.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from lightwave.directory.ldap.messages import AddRequest, ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.ports import Guesses, Preparation, Target, WriteRequest
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.account_names import names_of_addition, names_of_entry
from lightwave.identity.credentials import (
    MAX_VERIFIERS,
    Credentials,
    KeysKept,
    read_credentials,
    stored_passwords,
)
from lightwave.identity.hashing import HashingCost
from lightwave.identity.password_owner import owner_of_addition, owner_of_entry
from lightwave.identity.password_preparation import (
    UNICODE_PWD,
    USER_PASSWORD,
    PasswordChange,
    PasswordPreparation,
    proves_old,
)
from lightwave.identity.password_setting import BreachListPath, Situation, situation_of
from lightwave.identity.policies import policy_above, policy_of
from lightwave.identity.verifiers import MAX_VERIFIER, clear_text

_HANDLED = frozenset({USER_PASSWORD, UNICODE_PWD})


class PasswordPrepare:
    """`operations.ports.Prepare` for the attributes that hold passwords.

    breach_list: the path of the node's list of breached passwords. policed: False for imports that take any password.
    """

    def __init__(
        self,
        hashing: HashingCost,
        random: Callable[[int], bytes] = os.urandom,
        *,
        breach_list: BreachListPath = lambda txn, schema: None,
        policed: bool = True,
        guesses: Guesses | None = None,
    ) -> None:
        self._hashing = hashing
        self._random = random
        self._breach_list = breach_list
        self._policed = policed
        self._guesses = guesses

    def handles(self, attribute_oid: str) -> bool:
        """Whether this is userPassword or unicodePwd."""
        return attribute_oid in _HANDLED

    def plan(
        self,
        txn: ReadTransaction,
        schema: Schema,
        context: Context,
        request: WriteRequest,
        target: Target | None,
    ) -> Preparation | None:
        """See `operations.ports.Prepare`."""
        changes = _password_changes(schema, request)
        if not changes:
            return None
        may_be_hashed = context.token.administers(_tenant_of(txn, schema, request, target))
        for change in changes:
            _check_change(change, context, may_be_hashed=may_be_hashed)
        credentials = read_credentials(txn, target.tenant, target.entry_id) if target is not None else None
        account = (target.tenant, target.entry_id) if target is not None else None
        return PasswordPreparation(
            changes=changes,
            present=stored_passwords(credentials),
            version=credentials.version if credentials is not None else 0,
            hashing=self._hashing,
            random=self._random,
            kept=_keys_kept(txn, schema, request, target),
            situation=self._situation(txn, schema, context, request, target, changes, credentials),
            account=account,
            too_early=self._is_early(txn, context, account, changes),
        )

    def _is_early(
        self,
        txn: ReadTransaction,
        context: Context,
        account: tuple[int, int] | None,
        changes: Sequence[PasswordChange],
    ) -> bool:
        if self._guesses is None or account is None:
            return False
        proves = any(change.kind is ModifyKind.DELETE and change.values for change in changes)
        return proves and self._guesses.is_early(txn, account, context.peer)

    def _situation(
        self,
        txn: ReadTransaction,
        schema: Schema,
        context: Context,
        request: WriteRequest,
        target: Target | None,
        changes: Sequence[PasswordChange],
        credentials: Credentials | None,
    ) -> Situation:
        if not self._policed:
            return Situation(None)
        token = context.token
        if target is not None:
            policy = policy_of(txn, schema, target.tenant, target.entry_id)
            owner = owner_of_entry(txn, schema, target.tenant, target.entry_id)
        else:
            assert isinstance(request, AddRequest)
            policy = policy_above(txn, schema, request.dn)
            owner = owner_of_addition(schema, request)
        return situation_of(
            policy,
            owner,
            context,
            credentials,
            self._breach_list(txn, schema),
            is_own=target is not None and (token.tenant, token.entry_id) == (target.tenant, target.entry_id),
            proves_old=proves_old(changes),
            administers=token.administers(_tenant_of(txn, schema, request, target)),
        )


def _keys_kept(
    txn: ReadTransaction, schema: Schema, request: WriteRequest, target: Target | None
) -> KeysKept:
    """Which keys the policy of the account keeps; the tenant's, or the built-in one, for an entry to be added."""
    if target is not None:
        policy = policy_of(txn, schema, target.tenant, target.entry_id)
        names = names_of_entry(txn, schema, target.tenant, target.entry_id)
        return KeysKept(policy.keep_scram, policy.keep_srp, names)
    if not isinstance(request, AddRequest):
        return KeysKept()
    policy = policy_above(txn, schema, request.dn)
    return KeysKept(
        policy.keep_scram, policy.keep_srp, names_of_addition(schema, request.dn, request.attributes)
    )


def _password_changes(schema: Schema, request: WriteRequest) -> tuple[PasswordChange, ...]:
    if isinstance(request, AddRequest):
        triples = [(ModifyKind.ADD, name, values) for name, values in request.attributes]
    elif isinstance(request, ModifyRequest):
        triples = [(change.kind, change.attribute, change.values) for change in request.changes]
    else:
        return ()
    changes = []
    for kind, name, values in triples:
        description = schema.describe(name)
        if description is None or description.type.oid not in _HANDLED:
            continue
        if description.options:
            raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, "a password takes no attribute options")
        changes.append(PasswordChange(kind, description.type.oid, values))
    return tuple(changes)


def _tenant_of(txn: ReadTransaction, schema: Schema, request: WriteRequest, target: Target | None) -> int:
    """Whose entry it is, or will be; 0 where nobody's could be of this name."""
    if target is not None:
        return target.tenant
    try:
        found = txn.context_above(normalise_dn_text(schema, request.dn))
    except InvalidValue:
        return 0
    return 0 if found is None else found[1].tenant


def _check_change(change: PasswordChange, context: Context, *, may_be_hashed: bool) -> None:
    if change.kind not in (ModifyKind.ADD, ModifyKind.DELETE, ModifyKind.REPLACE):
        raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, "a password can't be incremented")
    if len(change.values) > MAX_VERIFIERS:
        raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, f"at most {MAX_VERIFIERS} passwords")
    if len(set(change.values)) != len(change.values):
        raise DirectoryError(ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, "the same password twice")
    if change.oid == UNICODE_PWD:
        if not context.secure:  # MS-ADTS §3.1.1.3.1.5
            raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "unicodePwd is taken over TLS only")
        if len(change.values) > 1:
            raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, "unicodePwd has one value")
        return
    for value in change.values:
        if clear_text(value) is not None:
            continue
        if not may_be_hashed:
            raise DirectoryError(
                ResultCode.CONSTRAINT_VIOLATION, "hashed passwords are taken from administrators only"
            )
        if len(value) > MAX_VERIFIER:
            raise DirectoryError(
                ResultCode.CONSTRAINT_VIOLATION, f"a password's hash has at most {MAX_VERIFIER} bytes"
            )
