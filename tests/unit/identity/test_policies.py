"""Which policy governs an account, and what can be one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fresh_directory import BASE, Directory
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.domain_tree import PASSWORD_POLICY
from lightwave.identity.policies import policy_of, resultant_settings
from lightwave.identity.policy_attributes import (
    DAY,
    DEFAULT,
    FOREVER,
    ORIGINAL,
    PasswordPolicy,
    PolicyError,
    check_policy,
    policy_from,
    policy_values,
)
from lightwave.identity.policy_rule import PolicyRule

POLICY = "cn=password and lockout policy," + BASE.decode()
CONTAINER = "cn=Password Settings Container,cn=System," + BASE.decode()
ANN = "cn=ann,cn=Users," + BASE.decode()
STAFF = "cn=staff,cn=Users," + BASE.decode()
ALL = "cn=all,cn=Users," + BASE.decode()


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    made = Directory(tmp_path, plugins=(PolicyRule(),))
    made.add(ANN, objectClass=("top", "inetOrgPerson"), sn="Ann")
    made.add(STAFF, objectClass=("top", "group"), member=ANN)
    made.add(ALL, objectClass=("top", "group"), member=STAFF)
    yield made
    made.close()


def policy(directory: Directory, dn: str = ANN) -> PasswordPolicy:
    tenant, entry_id = directory.find(dn)
    with directory.store.read() as txn:
        return policy_of(txn, directory.schemas.current(txn), tenant, entry_id)


def settings(directory: Directory, name: str, precedence: int, *applied: str, **more: str) -> ResultCode:
    attributes = {f"msDS__{key}": value for key, value in more.items()}
    return directory.add(
        f"cn={name},{CONTAINER}",
        objectClass=("top", "msDS-PasswordSettings"),
        msDS__PasswordSettingsPrecedence=str(precedence),
        msDS__PSOAppliesTo=applied,
        **attributes,
    ).code


def test_a_fresh_domain_has_the_policy_that_is_built_in(directory: Directory) -> None:
    found = policy(directory)
    assert found.entry == directory.find(POLICY)
    assert replace(found, entry=None) == DEFAULT
    values = policy_values(DEFAULT)
    assert {name: (values[name],) for name in (one.attribute for one in ORIGINAL)} == PASSWORD_POLICY


def test_a_change_holds_at_once(directory: Directory) -> None:
    assert policy(directory).min_length == 12
    changes = (("replace", "vmwPasswordMinLength", "20"), ("replace", "lwPasswordGraceLogins", "3"))
    assert directory.modify(POLICY, *changes).code is ResultCode.SUCCESS
    assert (policy(directory).min_length, policy(directory).grace_logins) == (20, 3)
    assert directory.modify(POLICY, ("delete", "vmwPasswordMinLength", ())).code is ResultCode.SUCCESS
    assert policy(directory).min_length == DEFAULT.min_length


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("vmwPasswordMinLength", "257"),
        ("vmwPasswordMinLength", "-1"),
        ("vmwPasswordMaxLength", "11"),
        ("vmwPasswordMaxLength", "100000"),
        ("vmwPasswordMinNumericCount", "300"),
        ("vmwPasswordProhibitedPreviousCount", "25"),
        ("lwPasswordMinStrength", "5"),
        ("lwPasswordMinClasses", "9" * 50),
        ("vmwPasswordChangeFailedAttemptIntervalSec", "0"),
        ("vmwPasswordSpecialChars", "x" * 65),
    ],
)
def test_what_no_password_could_meet_is_refused(directory: Directory, attribute: str, value: str) -> None:
    before = policy(directory)
    assert directory.modify(POLICY, ("replace", attribute, value)).code is ResultCode.CONSTRAINT_VIOLATION
    assert policy(directory) == before


def test_contradictions() -> None:
    for wrong in (
        replace(DEFAULT, min_upper=200, min_lower=57),
        replace(DEFAULT, min_special=1, special_characters=""),
        replace(DEFAULT, max_age=DAY, min_age=DAY),
    ):
        with pytest.raises(PolicyError):
            check_policy(wrong)
    check_policy(DEFAULT)


def test_settings_of_the_account_win_over_those_of_its_groups(directory: Directory) -> None:
    assert settings(directory, "wide", 5, ALL, MinimumPasswordLength="30") is ResultCode.SUCCESS
    assert policy(directory).min_length == 30
    assert settings(directory, "near", 3, STAFF, MinimumPasswordLength="31") is ResultCode.SUCCESS
    assert policy(directory).min_length == 31
    assert settings(directory, "own", 9, ANN, MinimumPasswordLength="32") is ResultCode.SUCCESS
    found = policy(directory)
    assert (found.min_length, found.history) == (32, DEFAULT.history)
    tenant, entry_id = directory.find(ANN)
    assert found.entry == directory.find(f"cn=own,{CONTAINER}")
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        assert (tenant, resultant_settings(txn, schema, tenant, entry_id)) == found.entry
    directory.delete(f"cn=own,{CONTAINER}")
    assert policy(directory).min_length == 31
    directory.modify(STAFF, ("delete", "member", ANN))
    assert policy(directory).min_length == DEFAULT.min_length
    directory.modify(f"cn=wide,{CONTAINER}", ("replace", "msDS-PSOAppliesTo", ANN))
    assert policy(directory).min_length == 30


def test_the_units_of_active_directory(directory: Directory) -> None:
    ticks = 10_000_000
    more = {
        "MaximumPasswordAge": str(-42 * DAY * ticks),
        "MinimumPasswordAge": str(-DAY * ticks),
        "PasswordHistoryLength": "24",
        "PasswordComplexityEnabled": "TRUE",
        "LockoutThreshold": "7",
        "LockoutDuration": str(FOREVER),
        "LockoutObservationWindow": str(-1800 * ticks),
    }
    assert settings(directory, "ad", 1, ANN, **more) is ResultCode.SUCCESS
    found = policy(directory)
    assert (found.max_age, found.min_age, found.history, found.min_classes) == (42 * DAY, DAY, 24, 3)
    assert (found.max_failures, found.auto_unlock, found.failure_interval) == (7, 0, 1800)


def test_settings_are_checked(directory: Directory) -> None:
    for number, (precedence, applied, more) in enumerate(
        (
            (0, ANN, {}),
            (1, "cn=nobody," + BASE.decode(), {}),
            (1, ANN, {"MinimumPasswordLength": "256"}),
            (1, ANN, {"MaximumPasswordAge": "5"}),
            (1, ANN, {"MinimumPasswordAge": "-20000000", "MaximumPasswordAge": "-10000000"}),
        )
    ):
        code = settings(directory, f"wrong{number}", precedence, applied, **more)
        assert code is ResultCode.CONSTRAINT_VIOLATION, number


def test_each_value_is_read_as_it_is_written() -> None:
    other = replace(
        DEFAULT,
        enabled=False,
        history=1,
        max_age=3 * DAY,
        min_age=7,
        special_characters="#+",
        min_strength=4,
        keep_srp=False,
        max_failures=0,
    )
    for one in (DEFAULT, other):
        assert policy_from(PasswordPolicy(), policy_values(one)) == one
