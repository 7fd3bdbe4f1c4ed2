"""What follows a sign-in and keeps nobody waiting: hashes brought up to date, uses of app passwords noted.

Where policy says so (`lwPasswordUpgradeHashes`), the first success with a hash that came from elsewhere is the moment
in which the password is at hand: our own hash and the keys are made of it in a thread, and stored if the credentials
are still the same. Their version stays, so what is open stays open. Nothing here makes a sign-in fail. A grace login
is the exception that waits: it counts before it lets in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from lightwave.directory.operations.ports import Commits, Threads
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import AttributeChange, WriteTransaction
from lightwave.identity.account_names import names_of_entry
from lightwave.identity.app_passwords import USED_EVERY, AppPassword, note_use
from lightwave.identity.authentication import Authenticator, VerifiedBind
from lightwave.identity.credentials import (
    KeysKept,
    StoredPassword,
    new_password,
    read_credentials,
    store_credentials,
)
from lightwave.identity.hashing import SCHEME, HashingCost
from lightwave.identity.password_age import grace_use
from lightwave.identity.policies import policy_of
from lightwave.identity.refusals import AuthenticationFailed, Refusal

_PEER = "upgrades"
"""takes turns at hashing as one peer"""
MOST_UPGRADES = 16
"""under way at once: whoever finds more is upgraded at his next sign-in"""

_log = logging.getLogger("lightwave.identity")


class Afterwards:
    """One for a process; all methods run on the reactor thread."""

    def __init__(
        self,
        store: Store,
        schema_of: Callable[[ReadTransaction], Schema],
        authenticator: Authenticator,
        threads: Threads,
        commits: Commits,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._schema_of = schema_of
        self._authenticator = authenticator
        self._threads = threads
        self._commits = commits
        self._now = now
        self._upgrading: set[tuple[int, int]] = set()
        self.upgraded = 0
        """hashes that were replaced"""

    def signed_in(self, txn: ReadTransaction, verified: VerifiedBind, password: bytes) -> None:
        """Somebody signed in with a password, and has been answered. Hot: most have nothing to be done."""
        used = verified.app_password
        if used is not None:
            if self._now() - used.used >= USED_EVERY:
                self._note_use(verified, used)
            return
        if verified.verifier.startswith(SCHEME) or not verified.verifier:
            return
        account = (verified.tenant, verified.entry_id)
        if account in self._upgrading or len(self._upgrading) >= MOST_UPGRADES:
            return
        policy = policy_of(txn, self._schema_of(txn), *account)
        if policy.enabled and policy.upgrade_hashes:
            self._upgrading.add(account)
            names = names_of_entry(txn, self._schema_of(txn), *account)
            kept = KeysKept(policy.keep_scram, policy.keep_srp, names)
            self._upgrade(txn, verified, password, kept)

    def _upgrade(self, txn: ReadTransaction, verified: VerifiedBind, password: bytes, kept: KeysKept) -> None:
        account = (verified.tenant, verified.entry_id)
        credentials = read_credentials(txn, *account)
        others = credentials.passwords if credentials is not None else ()

        def done(result: StoredPassword | BaseException) -> None:
            if isinstance(result, BaseException):
                self._upgrading.discard(account)  # busy, or no password of ours: it goes on as it is
                return
            self._commits.submit(partial(_replace, verified, result), stored)

        def stored(result: bool | BaseException) -> None:
            self._upgrading.discard(account)
            if isinstance(result, BaseException):
                _log.error("a password's hash can't be upgraded", exc_info=result)
            elif result:
                self.upgraded += 1
                self._authenticator.remember(
                    verified, password
                )  # else the next bind would be the first slow one

        hashing: HashingCost = self._authenticator.hashing
        self._threads.run(lambda: new_password(password, hashing, present=others, kept=kept), done, _PEER)

    def _note_use(self, verified: VerifiedBind, used: AppPassword) -> None:
        now = self._now()

        def apply(txn: WriteTransaction) -> None:
            note_use(txn, verified.tenant, verified.entry_id, used.id, now, txn.begin_change())

        def done(result: BaseException | None) -> None:
            if isinstance(result, BaseException):
                _log.error("the use of an app password can't be noted", exc_info=result)

        self._commits.submit(apply, done)

    def use_grace(
        self, verified: VerifiedBind, granted: Callable[[], None], failed: Callable[[BaseException], None]
    ) -> None:
        """Count a grace login, then go on."""
        now = self._now()

        def apply(txn: WriteTransaction) -> None:
            description = self._schema_of(txn).describe("pwdGraceUseTime")
            if description is None:
                raise AuthenticationFailed(Refusal.INVALID_CREDENTIALS, "grace logins can't be counted")
            number = txn.attribute_number(description.key)
            record = txn.record(verified.tenant, verified.entry_id)
            before = tuple(record.values(number)) if number is not None else ()
            values = (*before, grace_use(now, before))
            change = AttributeChange(description, values)
            txn.update_entry(verified.tenant, verified.entry_id, [change], txn.begin_change())

        def done(result: BaseException | None) -> None:
            if isinstance(result, BaseException):
                failed(result)
            else:
                granted()

        self._commits.submit(apply, done)


def _replace(verified: VerifiedBind, made: StoredPassword, txn: WriteTransaction) -> bool:
    """Put our own hash in the place of the one that matched; whether the credentials were still the same."""
    try:
        present = read_credentials(txn, verified.tenant, verified.entry_id)
    except NoSuchEntry:
        return False
    if present is None or present.version != verified.credential_version:
        return False
    passwords = tuple(made if one.verifier == verified.verifier else one for one in present.passwords)
    if passwords == present.passwords:
        return False
    upgraded = replace(present, passwords=passwords)
    store_credentials(txn, verified.tenant, verified.entry_id, upgraded, txn.begin_change())
    return True
