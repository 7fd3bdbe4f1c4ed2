"""The computation that passwords in one request need: what goes is verified, what comes is checked and hashed.

Runs in a thread where it is heavy, on what `password_attributes` read from a snapshot; its result is stored only while
the entry's credentials are still those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest

from lightwave.directory.ldap.messages import ModifyKind
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.outcome import PreconditionBroken, WrongOldPassword
from lightwave.directory.operations.ports import Effect, Target
from lightwave.directory.store.writing import Change, WriteTransaction
from lightwave.identity import passwords
from lightwave.identity.credentials import (
    MAX_VERIFIERS,
    CredentialBlob,
    KeysKept,
    StoredPassword,
    credential_version,
    new_password,
    set_password,
)
from lightwave.identity.hashing import HashingCost
from lightwave.identity.password_setting import Situation
from lightwave.identity.verifiers import Cost, clear_text, matches, verifier_cost

USER_PASSWORD = "2.5.4.35"  # noqa: S105  the OID of RFC 4519 §2.41
UNICODE_PWD = "1.2.840.113556.1.4.90"  # noqa: S105  the OID of MS-ADA3 §2.332


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """One change of a modify, or one attribute of an add (then kind ADD); values as the client sent them."""

    kind: ModifyKind
    oid: str
    values: tuple[bytes, ...] = field(repr=False)


def proves_old(changes: Sequence[PasswordChange]) -> bool:
    """Whether the changes are one change of a password: the old one goes, which is verified, and a new one comes.

    [MS-ADTS] 3.1.1.3.1.5.1; RFC 3062 as a modify says the same with a replacement as its second half.
    """
    if len(changes) != 2 or changes[0].oid != changes[1].oid:
        return False
    kinds = {change.kind: change for change in changes}
    gone = kinds.get(ModifyKind.DELETE)
    come = kinds.get(ModifyKind.ADD) or kinds.get(ModifyKind.REPLACE)
    if gone is None or come is None or not len(gone.values) == len(come.values) == 1:
        return False
    return (
        gone.oid == UNICODE_PWD or clear_text(gone.values[0]) is not None
    )  # to know the hash proves nothing


@dataclass(frozen=True, slots=True)
class PasswordPreparation:
    """The computation that one request's passwords need."""

    changes: tuple[PasswordChange, ...]
    present: tuple[StoredPassword, ...] = field(repr=False)
    version: int
    hashing: HashingCost
    random: Callable[[int], bytes]
    kept: KeysKept
    situation: Situation
    account: tuple[int, int] | None = None
    """tenant and entry id of whose they are; None in an add"""
    too_early: bool = False
    """the old password is not looked at: too many were wrong a moment ago"""

    @property
    def heavy(self) -> bool:
        """True when anything is hashed our way, or verified against a slow verifier."""
        if self.too_early:
            return False
        verifies = any(change.kind is ModifyKind.DELETE and change.values for change in self.changes)
        return self._hashes or (
            verifies and any(verifier_cost(one.verifier) is Cost.HEAVY for one in self.present)
        )

    @property
    def _hashes(self) -> bool:
        """Whether a new password comes in clear."""
        return any(
            change.oid == UNICODE_PWD or clear_text(value) is not None
            for change in self.changes
            for value in change.values
            if change.kind is not ModifyKind.DELETE
        )

    def run(self) -> Effect:
        """The passwords after all changes; raises DirectoryError when one of them is refused."""
        stored = list(self.present)
        for change in self.changes:
            if change.kind is ModifyKind.DELETE:
                _remove(stored, change, self)
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
        must_change = self.situation.must_change and self._hashes
        blob = CredentialBlob(tuple(stored), self.situation.remember, must_change)
        return PasswordEffect(blob, self.version)

    def _passwords_of(
        self, change: PasswordChange, present: Sequence[StoredPassword]
    ) -> list[StoredPassword]:
        if not change.values and change.kind is ModifyKind.ADD:
            raise DirectoryError(ResultCode.PROTOCOL_ERROR, "an addition without a value")
        result: list[StoredPassword] = []
        for value in change.values:
            clear = _unicode_password(value) if change.oid == UNICODE_PWD else clear_text(value)
            result.append(StoredPassword(value) if clear is None else self._new(clear, (*present, *result)))
        return result

    def _new(self, clear: bytes, present: Sequence[StoredPassword]) -> StoredPassword:
        try:
            self.situation.check(passwords.prepare(clear))
            return new_password(clear, self.hashing, self.random, present, self.kept)
        except passwords.UnusablePassword as error:
            raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, str(error)) from None


def _remove(stored: list[StoredPassword], change: PasswordChange, of: PasswordPreparation) -> None:
    if not change.values:
        if not stored:
            raise DirectoryError(ResultCode.NO_SUCH_ATTRIBUTE, "there is no password")
        stored.clear()
        return
    for value in change.values:
        clear = _unicode_password(value) if change.oid == UNICODE_PWD else clear_text(value)
        early = of.too_early and clear is not None
        index = None if early else _index_of([one.verifier for one in stored], value, clear)
        if index is None:
            # MS-ADTS §3.1.1.3.1.5.1 answers a wrong old password so; RFC 4511 §4.6 a value that isn't there.
            wrong = (
                ResultCode.CONSTRAINT_VIOLATION if change.oid == UNICODE_PWD else ResultCode.NO_SUCH_ATTRIBUTE
            )
            raise WrongOldPassword(wrong, of.account, was_checked=not early)
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


@dataclass(slots=True)
class PasswordEffect:
    """The passwords to be stored, and the version of the credentials that they were computed from."""

    blob: CredentialBlob
    version: int

    def verify(self, txn: WriteTransaction, target: Target) -> None:
        """Raises PreconditionBroken when the credentials have changed since."""
        if credential_version(txn, target.tenant, target.entry_id) != self.version:
            raise PreconditionBroken

    def apply(self, txn: WriteTransaction, target: Target, change: Change) -> None:
        """Stores them."""
        set_password(txn, target.tenant, target.entry_id, self.blob, change)
