"""Transactions of a connection: their time, their number, and how they end. The clock is the test's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lightwave.directory.access.token import AuthenticatedBy, Token
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.extended import ABORTED_TRANSACTION
from lightwave.directory.ldap.messages import DeleteRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.update_controls import encode_transaction_end
from lightwave.directory.operations.context import Context, Limits
from lightwave.directory.operations.drafts import PasswordModifyRequest
from lightwave.directory.operations.outcome import SUCCESS, Outcome
from lightwave.directory.operations.ports import WriteRequest
from lightwave.directory.operations.write_groups import GroupOutcome
from lightwave.directory.server import transactions
from reference import wire

TOKEN = Token(1, 1, bytes(16), b"cn=me", True, False, AuthenticatedBy.PASSWORD)


class Timer:
    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.seconds = seconds
        self.call = call
        self.cancelled = False

    def active(self) -> bool:
        return not self.cancelled

    def cancel(self) -> None:
        self.cancelled = True


class Service:
    """Stands in for the service, its reactor and its pipeline."""

    def __init__(self) -> None:
        self.transactions: set[Any] = set()
        self.timers: list[Timer] = []
        self.count = 0
        self.groups = self
        self.pipeline = self
        self.submitted: list[tuple[list[Any], Callable[[GroupOutcome], None]]] = []

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(seconds, call))
        return self.timers[-1]

    def random_bytes(self, size: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(size, "big")

    def submit(self, updates: list[Any], done: Callable[[GroupOutcome], None]) -> None:
        self.submitted.append((updates, done))


class Client:
    """Stands in for a connection."""

    def __init__(self, service: Service, number: int = 0, tenant: int = 1) -> None:
        self.service = service
        self.token = replace(TOKEN, guid=number.to_bytes(16, "big"), tenant=tenant)
        self.transaction: transactions.Transaction | None = None
        self.sent: list[bytes] = []
        self.writes = 0

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def finish_write(self) -> None:
        self.writes -= 1


@pytest.fixture
def service() -> Service:
    return Service()


DELETE = DeleteRequest(b"cn=x")


def start(client: Any) -> bytes:
    return transactions.start(client)


def specify(
    client: Any,
    number: int,
    identifier: bytes,
    request: WriteRequest = DELETE,
    controls: tuple[Control, ...] = (),
) -> None:
    context = Context(TOKEN, Limits(), controls, lambda: 0.0)
    transactions.specify(client, number, context, request, identifier)


def end(client: Any, identifier: bytes, *, commit: bool = True) -> list[Outcome]:
    answers: list[Outcome] = []
    transactions.end(client, identifier, commit=commit, answer=answers.append)
    return answers


def test_a_transaction_that_takes_too_long(service: Service) -> None:
    client = Client(service)
    identifier = start(client)
    specify(client, 1, identifier)
    (timer,) = service.timers
    assert timer.seconds == transactions.MOST_SECONDS
    timer.call()
    assert client.transaction is None
    assert service.transactions == set()
    (notice,) = client.sent
    ((_, content),) = wire.elements(notice)
    (_, number), (tag, result) = wire.elements(content)
    assert int.from_bytes(number, "big") == 0
    answer = wire.decode_result(tag, result)
    assert answer.code == ResultCode.TIME_LIMIT_EXCEEDED
    assert (answer.extended_name, answer.extended_value) == (ABORTED_TRANSACTION.encode(), identifier)
    with pytest.raises(DirectoryError):
        specify(client, 2, identifier)
    assert service.submitted == []


@pytest.mark.parametrize("commit", [True, False])
def test_its_time_ends_with_it(service: Service, commit: bool) -> None:
    client = Client(service)
    identifier = start(client)
    specify(client, 1, identifier)
    end(client, identifier, commit=commit)
    (timer,) = service.timers
    assert timer.cancelled
    assert client.transaction is None
    timer.call()  # as if it had been too late to cancel it
    assert client.sent == []


def test_too_many_are_open(service: Service) -> None:
    clients = [Client(service, number, number) for number in range(transactions.MOST_OPEN + 1)]
    for client in clients[:-1]:
        start(client)
    with pytest.raises(DirectoryError) as refused:
        start(clients[-1])
    assert refused.value.code is ResultCode.BUSY
    any_client: Any = clients[0]
    transactions.forget(any_client)
    start(clients[-1])


def test_one_identity_has_too_many(service: Service) -> None:
    for _ in range(transactions.MOST_OF_IDENTITY):
        start(Client(service))
    with pytest.raises(DirectoryError) as refused:
        start(Client(service))
    assert refused.value.code is ResultCode.BUSY
    start(Client(service, 1))


def test_one_tenant_has_too_many(service: Service) -> None:
    for number in range(transactions.MOST_OF_TENANT):
        start(Client(service, number))
    with pytest.raises(DirectoryError) as refused:
        start(Client(service, transactions.MOST_OF_TENANT))
    assert refused.value.code is ResultCode.BUSY
    start(Client(service, 0, tenant=2))


LARGE = bytes(transactions.MOST_OCTETS // 4)


@pytest.mark.parametrize(
    ("request_", "controls"),
    [
        (DeleteRequest(b"cn=x"), (Control("1.2.3.4", False, LARGE),)),
        (PasswordModifyRequest(b"cn=x", LARGE, b"new"), ()),
        (PasswordModifyRequest(b"cn=x", None, LARGE), ()),
    ],
)
def test_all_that_waits_is_counted(
    service: Service, request_: WriteRequest, controls: tuple[Control, ...]
) -> None:
    """Passwords and controls wait with the update that they came with, known or not."""
    client = Client(service)
    identifier = start(client)
    for number in range(3):
        specify(client, number, identifier, request_, controls)
    with pytest.raises(DirectoryError) as refused:
        specify(client, 3, identifier, request_, controls)
    assert refused.value.code is ResultCode.ADMIN_LIMIT_EXCEEDED


def test_what_the_end_is_answered(service: Service) -> None:
    client = Client(service)
    identifier = start(client)
    for number in (7, 9):
        specify(client, number, identifier)
    answers = end(client, identifier)
    assert client.writes == 1
    ((updates, done),) = service.submitted
    assert len(updates) == 2
    read = Outcome(ResultCode.SUCCESS, controls=(Control("1.2.3"),))
    done(GroupOutcome(None, SUCCESS, (SUCCESS, read)))
    assert client.writes == 0
    (answer,) = answers
    assert answer.code is ResultCode.SUCCESS
    assert answer.value == encode_transaction_end(None, [(9, read.controls)])


def test_which_update_failed(service: Service) -> None:
    client = Client(service)
    identifier = start(client)
    for number in (7, 300):
        specify(client, number, identifier)
    answers = end(client, identifier)
    ((_, done),) = service.submitted
    done(GroupOutcome(1, Outcome(ResultCode.NO_SUCH_OBJECT, b"dc=x", "gone")))
    (answer,) = answers
    assert (answer.code, answer.matched, answer.message) == (ResultCode.NO_SUCH_OBJECT, b"dc=x", "gone")
    assert answer.value == b"\x30\x04\x02\x02\x01\x2c"
