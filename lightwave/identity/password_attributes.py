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
from dataclasses import dataclass, field
from hmac import compare_digest

from lightwave.directory.ldap.messages import AddRequest, ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.outcome import PreconditionBroken
from lightwave.directory.operations.ports import Effect, Preparation, Target, WriteRequest
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import Change, WriteTransaction
from lightwave.identity import passwords
from lightwave.identity.account_names import names_of_addition, names_of_entry
from lightwave.identity.credentials import (
    MAX_VERIFIERS,
    CredentialBlob,
    KeysKept,
    StoredPassword,
    credential_version,
    new_password,
    read_credentials,
    set_password,
    stored_passwords,
)
from lightwave.identity.hashing import HashingCost
from lightwave.identity.policies import policy_above, policy_of
from lightwave.identity.verifiers import MAX_VERIFIER, Cost, clear_text, matches, verifier_cost

USER_PASSWORD = "2.5.4.35"  # noqa: S105  the OID of RFC 4519 §2.41
UNICODE_PWD = "1.2.840.113556.1.4.90"  # noqa: S105  the OID of MS-ADA3 §2.332

_HANDLED = frozenset({USER_PASSWORD, UNICODE_PWD})


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """One change of a modify, or one attribute of an add (then kind ADD); values as the client sent them."""

    kind: ModifyKind
    oid: str
    values: tuple[bytes, ...] = field(repr=False)


class PasswordPrepare:
    """`operations.ports.Prepare` for the attributes that hold passwords."""

    def __init__(self, hashing: HashingCost, random: Callable[[int], bytes] = os.urandom) -> None:
        self._hashing = hashing
        self._random = random

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
        for change in changes:
            _check_change(change, context)
        credentials = read_credentials(txn, target.tenant, target.entry_id) if target is not None else None
        return PasswordPreparation(
            changes=changes,
            present=stored_passwords(credentials),
            version=credentials.version if credentials is not None else 0,
            hashing=self._hashing,
            random=self._random,
            kept=_keys_kept(txn, schema, request, target),
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


def _check_change(change: PasswordChange, context: Context) -> None:
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
        if not context.token.is_administrator:
            raise DirectoryError(
                ResultCode.CONSTRAINT_VIOLATION, "hashed passwords are taken from administrators only"
            )
        if len(value) > MAX_VERIFIER:
            raise DirectoryError(
                ResultCode.CONSTRAINT_VIOLATION, f"a password's hash has at most {MAX_VERIFIER} bytes"
            )


@dataclass(frozen=True, slots=True)
class PasswordPreparation:
    """The computation that one request's passwords need."""

    changes: tuple[PasswordChange, ...]
    present: tuple[StoredPassword, ...] = field(repr=False)
    version: int
    hashing: HashingCost
    random: Callable[[int], bytes]
    kept: KeysKept

    @property
    def heavy(self) -> bool:
        """True when anything is hashed our way, or verified against a slow verifier."""
        hashes = any(
            change.oid == UNICODE_PWD or clear_text(value) is not None
            for change in self.changes
            for value in change.values
            if change.kind is not ModifyKind.DELETE
        )
        verifies = any(change.kind is ModifyKind.DELETE and change.values for change in self.changes)
        return hashes or (verifies and any(verifier_cost(one.verifier) is Cost.HEAVY for one in self.present))

    def run(self) -> Effect:
        """The passwords after all changes; raises DirectoryError when one of them is refused."""
        stored = list(self.present)
        for change in self.changes:
            if change.kind is ModifyKind.DELETE:
                _remove(stored, change)
            else:
                added = self._passwords_of(change, () if change.kind is ModifyKind.REPLACE else stored)
                if change.kind is ModifyKind.REPLACE:
                    stored.clear()
                elif change.oid == UNICODE_PWD and stored:
                    raise DirectoryError(ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, "the entry has a password")
                elif any(one.verifier == other.verifier for one in added for other in stored):
                    raise DirectoryError(ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, "the entry has this password")
                stored.extend(added)
        if len(stored) > MAX_VERIFIERS:
            raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, f"at most {MAX_VERIFIERS} passwords")
        return PasswordEffect(CredentialBlob(tuple(stored)), self.version)

    def _passwords_of(
        self, change: PasswordChange, present: Sequence[StoredPassword]
    ) -> list[StoredPassword]:
        if not change.values and change.kind is ModifyKind.ADD:
            raise DirectoryError(ResultCode.PROTOCOL_ERROR, "an addition without a value")
        result: list[StoredPassword] = []
        for value in change.values:
            clear = _unicode_password(value) if change.oid == UNICODE_PWD else clear_text(value)
            try:
                result.append(
                    StoredPassword(value)
                    if clear is None
                    else new_password(clear, self.hashing, self.random, (*present, *result), self.kept)
                )
            except passwords.UnusablePassword as error:
                raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, str(error)) from None
        return result


def _remove(stored: list[StoredPassword], change: PasswordChange) -> None:
    if not change.values:
        if not stored:
            raise DirectoryError(ResultCode.NO_SUCH_ATTRIBUTE, "there is no password")
        stored.clear()
        return
    for value in change.values:
        clear = _unicode_password(value) if change.oid == UNICODE_PWD else clear_text(value)
        index = _index_of([one.verifier for one in stored], value, clear)
        if index is None:
            # MS-ADTS §3.1.1.3.1.5.1 answers a wrong old password so; RFC 4511 §4.6 a value that isn't there.
            wrong = (
                ResultCode.CONSTRAINT_VIOLATION if change.oid == UNICODE_PWD else ResultCode.NO_SUCH_ATTRIBUTE
            )
            raise DirectoryError(wrong, "the old password is wrong")
        del stored[index]


def _index_of(verifiers: Sequence[bytes], value: bytes, clear: bytes | None) -> int | None:
    prepared = None
    if clear is not None:
        try:
            prepared = passwords.prepare(clear)
        except passwords.UnusablePassword:
            return None
    for index, verifier in enumerate(verifiers):
        if matches(verifier, prepared) if prepared is not None else compare_digest(verifier, value):
            return index
    return None


def _unicode_password(value: bytes) -> bytes:
    try:
        text = value.decode("utf-16-le")
    except UnicodeDecodeError:
        text = ""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "unicodePwd is a text in quotes as UTF-16")
    return text[1:-1].encode("utf-8")


@dataclass(frozen=True, slots=True)
class PasswordEffect:
    """The verifiers to be stored, and the version of the credentials that they were computed from."""

    blob: CredentialBlob
    version: int

    def verify(self, txn: WriteTransaction, target: Target) -> None:
        """Raises PreconditionBroken when the credentials have changed since."""
        if credential_version(txn, target.tenant, target.entry_id) != self.version:
            raise PreconditionBroken

    def apply(self, txn: WriteTransaction, target: Target, change: Change) -> None:
        """Stores them."""
        set_password(txn, target.tenant, target.entry_id, self.blob, change)
