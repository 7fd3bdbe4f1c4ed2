"""What an account shows of its password, and the two facts of it that can be written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fresh_directory import BASE, START, Directory
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations import computed
from lightwave.identity.credentials import read_credentials
from lightwave.identity.hashing import HashingCost
from lightwave.identity.password_attributes import PasswordPrepare
from lightwave.identity.password_facts import PASSWORD_FACTS, from_filetime, to_filetime
from lightwave.identity.password_facts_rule import PasswordFactsRule
from lightwave.identity.policy_attributes import DAY
from lightwave.identity.policy_rule import PolicyRule

CHEAP = HashingCost(memory=8, passes=1, iterations=0)
ANN = "cn=ann,cn=Users," + BASE.decode()
POLICY = "cn=password and lockout policy," + BASE.decode()
CONTAINER = "cn=Password Settings Container,cn=System," + BASE.decode()
NEVER = b"9223372036854775807"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    computed.provide(PASSWORD_FACTS)
    made = Directory(tmp_path, (PasswordPrepare(CHEAP),), (PolicyRule(), PasswordFactsRule()))
    made.add(ANN, objectClass=("top", "user"), userPassword="kettle orbit fjord")
    yield made
    made.close()


def must_change(directory: Directory) -> bool:
    with directory.store.read() as txn:
        found = read_credentials(txn, *directory.find(ANN))
    assert found is not None
    return found.must_change


def test_times_of_both_worlds(directory: Directory) -> None:
    (last_set,) = directory.values(ANN, "pwdLastSet")
    assert abs(from_filetime(int(last_set)) - START) < 1
    assert to_filetime(from_filetime(int(last_set))) == int(last_set)
    assert directory.values(ANN, "pwdChangedTime") == [b"20261118110640Z"]
    assert directory.values(ANN, "pwdReset") == []
    assert directory.values(ANN, "pwdPolicySubentry") == [POLICY.encode()]
    assert directory.values(ANN, "msDS-UserPasswordExpiryTimeComputed") == [NEVER]


def test_what_has_no_password_shows_nothing(directory: Directory) -> None:
    for attribute in (
        "pwdLastSet",
        "pwdChangedTime",
        "pwdPolicySubentry",
        "msDS-UserPasswordExpiryTimeComputed",
    ):
        assert directory.values(POLICY, attribute) == []


def test_expiry_follows_the_policy(directory: Directory) -> None:
    directory.modify(POLICY, ("replace", "vmwPasswordLifetimeDays", "10"))
    (expires,) = directory.values(ANN, "msDS-UserPasswordExpiryTimeComputed")
    assert abs(from_filetime(int(expires)) - START - 10 * DAY) < 1
    assert directory.values(BASE, "maxPwdAge") == [b"%d" % (-10 * DAY * 10_000_000)]
    assert directory.values(BASE, "minPwdLength") == [b"12"]
    directory.modify(ANN, ("replace", "pwdLastSet", "0"))
    assert directory.values(ANN, "msDS-UserPasswordExpiryTimeComputed") == [b"0"]
    directory.modify(ANN, ("replace", "vmwPasswordNeverExpires", "TRUE"))
    assert directory.values(ANN, "msDS-UserPasswordExpiryTimeComputed") == [NEVER]


def test_settings_that_apply_are_named_at_both_ends(directory: Directory) -> None:
    name = f"cn=strict,{CONTAINER}"
    directory.add(
        name,
        objectClass=("top", "msDS-PasswordSettings"),
        msDS__PasswordSettingsPrecedence="1",
        msDS__PSOAppliesTo=ANN,
    )
    assert directory.values(ANN, "msDS-ResultantPSO") == [name.encode()]
    assert directory.values(ANN, "msDS-PSOApplied") == [name.encode()]
    assert directory.values(ANN, "pwdPolicySubentry") == [name.encode()]


@pytest.mark.parametrize(
    ("attribute", "on", "off"), [("pwdLastSet", "0", "-1"), ("pwdReset", "TRUE", "FALSE")]
)
def test_must_change_is_written_in_two_ways(directory: Directory, attribute: str, on: str, off: str) -> None:
    directory.time += DAY
    assert directory.modify(ANN, ("replace", attribute, on)).code is ResultCode.SUCCESS
    assert must_change(directory)
    assert directory.values(ANN, "pwdLastSet") == [b"0"]
    assert directory.values(ANN, "pwdReset") == [b"TRUE"]
    assert directory.modify(ANN, ("replace", attribute, off)).code is ResultCode.SUCCESS
    assert not must_change(directory)
    (last_set,) = directory.values(ANN, "pwdLastSet")
    renewed = DAY if off == "-1" else 0  # pwdReset says nothing of when the password was set
    assert abs(from_filetime(int(last_set)) - START - renewed) < 1


def test_beside_a_new_password_it_is_about_that_one(directory: Directory) -> None:
    both = (("replace", "userPassword", "lantern brisk oyster"), ("replace", "pwdLastSet", "0"))
    assert directory.modify(ANN, *both).code is ResultCode.SUCCESS
    assert must_change(directory)
    assert (
        directory.modify(ANN, ("replace", "userPassword", "pepper canoe wizard")).code is ResultCode.SUCCESS
    )
    assert not must_change(directory)
    new = "cn=bob,cn=Users," + BASE.decode()
    directory.add(new, objectClass=("top", "user"), userPassword="kettle orbit fjord", pwdLastSet="0")
    assert directory.values(new, "pwdReset") == [b"TRUE"]


def test_other_values_are_refused(directory: Directory) -> None:
    for value in ("1", "133000000000000000"):
        assert directory.modify(ANN, ("replace", "pwdLastSet", value)).code is ResultCode.CONSTRAINT_VIOLATION
    assert (
        directory.modify(ANN, ("replace", "pwdChangedTime", "20200101000000Z")).code is not ResultCode.SUCCESS
    )
    assert not must_change(directory)


def test_a_reset_by_another_must_be_changed_where_policy_says_so(directory: Directory) -> None:
    directory.modify(POLICY, ("replace", "lwPasswordMustChange", "TRUE"))
    assert not must_change(directory)
    directory.modify(ANN, ("replace", "userPassword", "lantern brisk oyster"))
    assert must_change(directory)
