"""One check for every way in: who changes, who resets, what was used before, what is known from a breach."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from fresh_directory import BASE, Directory
from lightwave.directory.access.token import AuthenticatedBy, Token
from lightwave.directory.ldap.messages import Modification, ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.outcome import Outcome
from lightwave.identity.hashing import HashingCost
from lightwave.identity.password_attributes import PasswordPrepare
from lightwave.identity.password_facts_rule import PasswordFactsRule
from lightwave.identity.policy_rule import PolicyRule

CHEAP = HashingCost(memory=8, passes=1, iterations=0)
POLICY = "cn=password and lockout policy," + BASE.decode()
ANN = "cn=ann,cn=Users," + BASE.decode()
FIRST, SECOND, THIRD = "kettle orbit fjord", "lantern brisk oyster", "pepper canoe wizard"


class House(Directory):
    """A directory whose node has a list of breached passwords, where a test gives it one."""

    breaches: str | None = None

    def __init__(self, folder: Path) -> None:
        prepare = PasswordPrepare(CHEAP, breach_list=lambda txn, schema: self.breaches)
        super().__init__(folder, (prepare,), (PolicyRule(), PasswordFactsRule()))
        self.add(ANN, objectClass=("top", "user"), userPassword=FIRST)

    def by(self, token: Token, *changes: Modification) -> Outcome:
        """A modify of Ann's entry by somebody."""
        context = Context(token, self.limits, (), lambda: self.time, secure=True)
        return self.write(ModifyRequest(ANN.encode(), changes), context)

    @property
    def ann(self) -> Token:
        """Ann's token, with an administrator's rights: these tests are about policy."""
        tenant, entry_id = self.find(ANN)
        return replace(self.token, tenant=tenant, entry_id=entry_id)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def reset(new: str, attribute: str = "userPassword") -> Modification:
    return Modification(ModifyKind.REPLACE, attribute, (encoded(new, attribute),))


def change(old: str, new: str, attribute: str = "userPassword") -> tuple[Modification, Modification]:
    return (
        Modification(ModifyKind.DELETE, attribute, (encoded(old, attribute),)),
        Modification(ModifyKind.ADD, attribute, (encoded(new, attribute),)),
    )


def encoded(password: str, attribute: str) -> bytes:
    return f'"{password}"'.encode("utf-16-le") if attribute == "unicodePwd" else password.encode()


@pytest.mark.parametrize("attribute", ["userPassword", "unicodePwd"])
def test_neg_029_what_was_used_before_does_not_come_back(house: House, attribute: str) -> None:
    for old, new in ((FIRST, SECOND), (SECOND, THIRD)):
        assert house.by(house.ann, *change(old, new, attribute)).code is ResultCode.SUCCESS
    for again in (FIRST, SECOND, THIRD):
        outcome = house.by(house.ann, *change(THIRD, again, attribute))
        assert outcome.code is ResultCode.CONSTRAINT_VIOLATION
        assert "used before" in outcome.message
        assert again not in outcome.message
    assert house.by(house.token, reset(FIRST, attribute)).code is ResultCode.SUCCESS  # another's reset may


def test_history_ends_where_policy_says(house: House) -> None:
    house.modify(POLICY, ("replace", "vmwPasswordProhibitedPreviousCount", "1"))
    for old, new in ((FIRST, SECOND), (SECOND, THIRD), (THIRD, FIRST)):
        assert house.by(house.ann, *change(old, new)).code is ResultCode.SUCCESS
    house.modify(POLICY, ("replace", "vmwPasswordProhibitedPreviousCount", "0"))
    assert house.by(house.ann, *change(FIRST, FIRST)).code is ResultCode.SUCCESS


def test_age_holds_for_owners_alone(house: House) -> None:
    house.modify(POLICY, ("replace", "lwPasswordMinAgeSeconds", "3600"))
    refused = house.by(house.ann, *change(FIRST, SECOND))
    assert (refused.code, "1 hour" in refused.message) == (ResultCode.CONSTRAINT_VIOLATION, True)
    machine = replace(house.ann, authenticated_by=AuthenticatedBy.LOCAL_SOCKET)
    assert house.by(machine, *change(FIRST, SECOND)).code is ResultCode.SUCCESS
    assert house.by(house.token, reset(THIRD)).code is ResultCode.SUCCESS
    house.modify(ANN, ("replace", "pwdLastSet", "0"))  # what must be changed may be changed
    assert house.by(house.ann, *change(THIRD, "quiet glacier mustard")).code is ResultCode.SUCCESS


def test_quality_holds_for_administrators_unless_policy_exempts_them(house: House) -> None:
    assert house.by(house.token, reset("tiny")).code is ResultCode.CONSTRAINT_VIOLATION
    house.modify(POLICY, ("replace", "lwPasswordExemptAdministrators", "TRUE"))
    # an operator: administrator of another tenant, let in here by a group
    operator = replace(house.token, tenant=house.token.tenant + 1, entry_id=1, bypass=False)
    with patch.object(Token, "bypasses", return_value=True):
        assert house.by(operator, reset("tiny")).code is ResultCode.CONSTRAINT_VIOLATION
    assert house.by(house.token, reset("tiny")).code is ResultCode.SUCCESS
    assert house.by(house.ann, *change("tiny", "puny")).code is ResultCode.CONSTRAINT_VIOLATION
    house.modify(
        POLICY, ("replace", "lwPasswordExemptAdministrators", "FALSE"), ("replace", "Enabled", "FALSE")
    )
    assert house.by(house.ann, *change("tiny", "puny")).code is ResultCode.SUCCESS


def test_a_list_of_breaches_is_asked_and_its_loss_is_loud(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "breached"
    path.write_text(f"{SECOND}\n")
    house.breaches = str(path)
    refused = house.by(house.token, reset(SECOND))
    assert (refused.code, "breach" in refused.message) == (ResultCode.CONSTRAINT_VIOLATION, True)
    assert house.by(house.token, reset(THIRD)).code is ResultCode.SUCCESS
    path.unlink()
    with caplog.at_level(logging.ERROR):
        lost = house.by(house.token, reset(FIRST))
    assert lost.code is ResultCode.UNAVAILABLE
    assert "lwBreachedPasswordsFile" in lost.message
    assert str(path) in caplog.text
    assert str(path) not in lost.message
    house.modify(POLICY, ("replace", "lwPasswordCheckBreached", "FALSE"))
    assert house.by(house.token, reset(FIRST)).code is ResultCode.SUCCESS


def test_neg_112_no_log_and_no_answer_holds_a_password(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    tries = ("canary", "canary" * 200, "ann canary song", "canarycanarycanary", FIRST)
    with caplog.at_level(logging.DEBUG):
        for password in tries:
            outcome = house.by(house.ann, *change(FIRST, password))
            assert "canary" not in repr(outcome)
        house.by(house.ann, *change("canary", SECOND))
    assert "canary" not in caplog.text
    assert FIRST not in caplog.text
