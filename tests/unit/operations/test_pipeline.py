"""The pipeline: preparing outside the transaction, preconditions, and the one exit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fresh_directory import Directory
from lightwave.directory.ldap.messages import Modification, ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.outcome import SUCCESS, Outcome, PreconditionBroken, outcome_of
from lightwave.directory.operations.ports import Target, WriteRequest
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import DamagedRecord, StoreError, StoreFull
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import Change, WriteTransaction

USERS = "cn=Users,dc=lightwave,dc=local"
ANN = f"cn=Ann,{USERS}"


@dataclass
class Passwords:
    """A port that keeps the password as it is, and breaks its precondition as often as told."""

    heavy: bool = True
    broken: int = 0
    plans: int = 0
    targets: list[Target | None] = field(default_factory=list)

    def handles(self, attribute_oid: str) -> bool:
        return attribute_oid == "2.5.4.35"

    def plan(
        self,
        txn: ReadTransaction,
        schema: Schema,
        context: Context,
        request: WriteRequest,
        target: Target | None,
    ) -> Passwords:
        self.plans += 1
        self.targets.append(target)
        return self

    def run(self) -> Passwords:
        return self

    def verify(self, txn: WriteTransaction, target: Target) -> None:
        if self.broken:
            self.broken -= 1
            raise PreconditionBroken

    def apply(self, txn: WriteTransaction, target: Target, change: Change) -> None:
        txn.put_secret(target.tenant, target.entry_id, b"password", b"kept", change)


@pytest.fixture
def passwords() -> Passwords:
    """The port of `directory`."""
    return Passwords()


@pytest.fixture
def directory(tmp_path: Path, passwords: Passwords) -> Iterator[Directory]:
    """A directory with a port for userPassword and one person."""
    made = Directory(tmp_path, preparers=(passwords,))
    assert made.add(ANN, objectClass="person", sn="Lee").code is ResultCode.SUCCESS
    yield made
    assert made.findings() == []
    made.close()


def kinds(directory: Directory, dn: str) -> list[bytes]:
    with directory.store.read() as txn:
        return txn.secret_kinds(*directory.find(dn))


@pytest.mark.parametrize("heavy", [True, False])
def test_secrets_go_to_their_port_and_never_into_the_record(
    directory: Directory, passwords: Passwords, heavy: bool
) -> None:
    passwords.heavy = heavy
    assert (
        directory.modify(ANN, ("replace", "userPassword", "x"), ("replace", "sn", "Park")).code
        is ResultCode.SUCCESS
    )
    assert kinds(directory, ANN) == [b"password"]
    assert directory.values(ANN, "sn") == [b"Park"]
    assert directory.values(ANN, "userPassword") == []
    new = f"cn=New,{USERS}"
    classes = ["person", "simpleSecurityObject"]
    assert directory.add(new, objectClass=classes, sn="x", userPassword="y").code is ResultCode.SUCCESS
    assert kinds(directory, new) == [b"password"]
    assert passwords.targets[-1] is None
    required = directory.modify(new, ("delete", "userPassword", ()))
    assert required.code is ResultCode.OBJECT_CLASS_VIOLATION
    assert directory.modify(new, ("replace", "sn", "z")).code is ResultCode.SUCCESS


def test_a_broken_precondition_is_prepared_again_three_times(
    directory: Directory, passwords: Passwords
) -> None:
    passwords.broken = 2
    assert directory.modify(ANN, ("replace", "userPassword", "x")).code is ResultCode.SUCCESS
    assert passwords.plans == 3
    passwords.broken = 3
    assert directory.modify(ANN, ("replace", "userPassword", "x")).code is ResultCode.BUSY
    assert passwords.plans == 6


def test_nothing_is_prepared_for_who_may_not_write(directory: Directory, passwords: Passwords) -> None:
    request = ModifyRequest(ANN.encode(), (Modification(ModifyKind.REPLACE, "userPassword", (b"x",)),))
    outcome = directory.write(request, directory.context(anonymous=True))
    assert outcome.code is ResultCode.STRONGER_AUTH_REQUIRED
    assert passwords.plans == 0


def test_an_operation_of_a_service(directory: Directory) -> None:
    outcomes: list[Outcome] = []

    def apply(txn: WriteTransaction, schema: Schema) -> Outcome:
        txn.put_meta(b"test", b"1")
        if outcomes:
            raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "no")
        return SUCCESS

    directory.pipeline.submit_operation(directory.context(), apply, outcomes.append)
    directory.pipeline.submit_operation(directory.context(), apply, outcomes.append)
    assert [one.code for one in outcomes] == [ResultCode.SUCCESS, ResultCode.UNWILLING_TO_PERFORM]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PreconditionBroken(), ResultCode.BUSY),
        (StoreFull("x"), ResultCode.UNAVAILABLE),
        (StoreError("x"), ResultCode.UNAVAILABLE),
        (DamagedRecord(1, 2), ResultCode.OTHER),
        (RuntimeError("secret text"), ResultCode.OTHER),
    ],
)
def test_failures_of_ours_say_nothing_of_their_cause(error: Exception, code: ResultCode) -> None:
    outcome = outcome_of(error, "abc")
    assert outcome.code is code
    assert "secret" not in outcome.message
    assert "secret" not in repr(outcome)
