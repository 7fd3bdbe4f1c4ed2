"""What a sign-in is told of its password's age."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from accounts import NOW, Accounts
from lightwave.directory.ldap.password_policy import PasswordFault
from lightwave.identity.credential_format import MUST_CHANGE, Credentials
from lightwave.identity.password_age import FINE, PasswordAge, assess, grace_use, grace_uses
from lightwave.identity.policy_attributes import DAY, DEFAULT, PasswordPolicy

MONTH = replace(DEFAULT, max_age=30 * DAY, expiry_warning=7 * DAY)


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    made = Accounts(tmp_path)
    yield made
    made.store.close()


def verdict(accounts: Accounts, policy: PasswordPolicy, days: float, flags: int = 0) -> PasswordAge:
    credentials = Credentials(1, NOW, flags=flags)
    with accounts.store.read() as txn:
        record = txn.record(accounts.tenant, accounts.ann)
        return assess(txn, record, policy, credentials, NOW + days * DAY)


def test_without_a_lifetime_nothing_expires(accounts: Accounts) -> None:
    assert verdict(accounts, DEFAULT, 36_500) == FINE
    assert verdict(accounts, replace(MONTH, enabled=False), 100) == FINE


def test_a_password_is_fine_then_expiring_then_expired(accounts: Accounts) -> None:
    assert verdict(accounts, MONTH, 22.9) == FINE
    assert verdict(accounts, MONTH, 23) == PasswordAge(expires_in=7 * DAY)
    assert verdict(accounts, MONTH, 30 - 1 / DAY) == PasswordAge(expires_in=1)
    assert verdict(accounts, MONTH, 30).is_refused


def test_grace_logins_are_counted_for_this_password_only(accounts: Accounts) -> None:
    policy = replace(MONTH, grace_logins=2)
    assert verdict(accounts, policy, 31) == PasswordAge(grace_left=1)
    old, first = grace_use(NOW - DAY, ()), grace_use(NOW + 31 * DAY, ())
    accounts.set_attribute(accounts.ann, "pwdGraceUseTime", [old, first])
    assert verdict(accounts, policy, 31) == PasswordAge(grace_left=0)
    second = grace_use(NOW + 31 * DAY, (first,))
    assert second != first
    accounts.set_attribute(accounts.ann, "pwdGraceUseTime", [old, first, second])
    assert verdict(accounts, policy, 31).is_refused
    with accounts.store.read() as txn:
        record = txn.record(accounts.tenant, accounts.ann)
        assert grace_uses(txn, record, NOW) == [first, second]


def test_some_passwords_never_expire(accounts: Accounts) -> None:
    accounts.set_attribute(accounts.ann, "userAccountControl", [b"66048"])  # 0x10200
    assert verdict(accounts, MONTH, 31) == FINE
    accounts.set_attribute(accounts.ann, "userAccountControl", [b"512"])
    assert verdict(accounts, MONTH, 31).is_refused
    accounts.set_attribute(accounts.ann, "vmwPasswordNeverExpires", [b"TRUE"])
    assert verdict(accounts, MONTH, 31) == FINE


def test_what_must_be_changed_serves_for_that(accounts: Accounts) -> None:
    for days in (0, 31):
        found = verdict(accounts, MONTH, days, MUST_CHANGE)
        assert (found.must_change, found.is_refused) == (True, False)
        assert found.fault is PasswordFault.CHANGE_AFTER_RESET
