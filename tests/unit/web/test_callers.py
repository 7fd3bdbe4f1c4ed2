"""Callers: what an Authorization header proves, what a connection remembers, and when it stops counting."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from accounts import SCHEMA, SECRET, Accounts, authenticator, schema_of, sign_ins
from lightwave.directory.access.token import Token
from lightwave.identity.credentials import set_must_change
from lightwave.identity.liveness import TokenLiveness
from lightwave.identity.refusals import AuthenticationFailed, Refusal
from lightwave.sasl.channel import Channel
from lightwave.web.callers import Callers, Proved
from lightwave.web.messages import Headers, Request
from lightwave.web.problems import Problem

TLS = Channel(is_confidential=True, address="192.0.2.1:1")
CLEAR = Channel(address="192.0.2.1:1")


class Threads:
    """Runs what it is given when the test says so."""

    def __init__(self) -> None:
        self.work: list[Callable[[], None]] = []

    def run(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        peer: str = "",
        admit: Callable[[], None] | None = None,
    ) -> None:
        def both() -> None:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001  it is handed over
                result = error
            done(result)

        self.work.append(both)

    def finish(self) -> int:
        """Runs what waits; how much it was."""
        waiting, self.work = self.work, []
        for one in waiting:
            one()
        return len(waiting)


class World:
    """Accounts and those who call."""

    def __init__(self, folder: Path) -> None:
        self.accounts = Accounts(folder)
        self.threads = Threads()
        known = authenticator(owner_uid=4711)
        self.callers = Callers(
            self.accounts.store,
            known,
            TokenLiveness(schema_of),
            sign_ins(self.accounts, known, self.threads),
            self.accounts.clock,
            bytes(32),
        )
        self.proved = Proved()

    def ask(self, header: str | None, channel: Channel = TLS) -> Token | BaseException:
        """The token, or why there is none."""
        headers = Headers({} if header is None else {"authorization": (header,)})
        request = Request("GET", ("",), channel, headers=headers)
        got: list[Any] = []
        try:
            asked = self.callers.authenticate(request, self.proved)
        except (Problem, AuthenticationFailed) as error:
            return error
        asked.addCallbacks(got.append, lambda failure: got.append(failure.value))
        self.threads.finish()
        answer: Token | BaseException = got[0]
        return answer


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.accounts.store.close()


def test_names(world: World) -> None:
    for name in ("ann", "uid=ann,dc=lightwave,dc=local", "ann@lightwave.local", "ann.account"):
        token = world.ask(basic(name, SECRET.decode()))
        assert isinstance(token, Token), name
        assert token.entry_id == world.accounts.ann


@pytest.mark.parametrize(
    "header", [basic("ann", "wrong"), basic("nobody", SECRET.decode()), basic("bob", SECRET.decode())]
)
def test_wrong_credentials_cost_the_same(world: World, header: str) -> None:
    refused = world.ask(header)
    assert isinstance(refused, AuthenticationFailed)
    assert world.proved.digest == b""


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Basic", 400),
        ("Basic !!!", 400),
        ("Basic " + base64.b64encode(b"no colon").decode(), 400),
        ("Basic " + base64.b64encode(b"\xff:x").decode(), 400),
        ("Basic " + "A" * 9_000, 400),
        ("Bearer x", 401),
        ("", 401),
    ],
)
def test_headers_that_prove_nothing(world: World, header: str, status: int) -> None:
    refused = world.ask(header)
    assert isinstance(refused, Problem)
    assert refused.status == status


def test_a_name_without_a_password_is_nobody(world: World) -> None:
    assert isinstance(world.ask(basic("ann", "")), AuthenticationFailed)
    assert isinstance(world.ask(basic("", "x")), AuthenticationFailed)


def test_neg_016_a_password_in_the_clear_is_not_looked_at(world: World) -> None:
    refused = world.ask(basic("ann", SECRET.decode()), CLEAR)
    assert isinstance(refused, Problem)
    assert refused.status == 403
    assert world.threads.finish() == 0


def test_a_password_is_verified_once_for_a_connection(world: World) -> None:
    header = basic("ann", SECRET.decode())
    first = world.ask(header)
    request = Request("GET", ("",), TLS, headers=Headers({"authorization": (header,)}))
    again: list[Token] = []
    world.callers.authenticate(request, world.proved).addCallback(again.append)
    assert again == [first]  # at once: no thread was asked
    assert SECRET not in world.proved.digest
    assert isinstance(world.ask(basic("ann", "another")), AuthenticationFailed)


def test_a_password_that_must_be_changed_serves_for_nothing_else(world: World) -> None:
    accounts = world.accounts
    with accounts.store.write() as txn:
        set_must_change(txn, accounts.tenant, accounts.ann, txn.begin_change(), must_change=True)
    refused = world.ask(basic("ann", SECRET.decode()))
    assert isinstance(refused, AuthenticationFailed)
    assert refused.refusal is Refusal.MUST_CHANGE
    wrong = world.ask(basic("ann", "another"))
    assert isinstance(wrong, AuthenticationFailed)
    assert wrong.refusal is Refusal.INVALID_CREDENTIALS


def test_what_a_connection_remembers_ends_with_the_password(world: World) -> None:
    header = basic("ann", SECRET.decode())
    assert isinstance(world.ask(header), Token)
    world.accounts.set_password(world.accounts.ann, b"changed")
    assert isinstance(world.ask(header), AuthenticationFailed)


def test_what_a_connection_remembers_ends_with_the_account(world: World) -> None:
    header = basic("ann", SECRET.decode())
    assert isinstance(world.ask(header), Token)
    world.accounts.set_attribute(world.accounts.ann, "nsAccountLock", [b"TRUE"])
    assert isinstance(world.ask(header), AuthenticationFailed)


def test_the_local_socket(world: World) -> None:
    owner = world.ask(None, Channel(is_confidential=True, local_uid=4711, address="local"))
    assert isinstance(owner, Token)
    assert owner.is_administrator
    stranger = world.ask(None, Channel(is_confidential=True, local_uid=4712, address="local"))
    assert isinstance(stranger, Token)
    assert stranger.is_anonymous


def test_a_header_wins_over_the_channel(world: World) -> None:
    local = Channel(is_confidential=True, local_uid=4711, address="local")
    token = world.ask(basic("ann", SECRET.decode()), local)
    assert isinstance(token, Token)
    assert not token.is_administrator
    assert isinstance(world.ask(basic("ann", "wrong"), local), AuthenticationFailed)


def test_nobody_without_anything(world: World) -> None:
    token = world.ask(None)
    assert isinstance(token, Token)
    assert token.is_anonymous


class Tickets:
    """A scheme of another service."""

    name = "ticket"
    challenge = "Ticket"

    def __init__(self, token: Token) -> None:
        self.token = token

    def authenticate(self, request: Request, credentials: str) -> Deferred[Token]:
        return succeed(self.token) if credentials == "good" else fail(Problem(401, "no"))


def test_schemes_of_other_services(world: World) -> None:
    ann = world.ask(basic("ann", SECRET.decode()))
    assert isinstance(ann, Token)
    world.callers.register(Tickets(ann))
    assert world.ask("Ticket good") is ann
    assert isinstance(world.ask("ticket bad"), Problem)
    with pytest.raises(ValueError, match="served already"):
        world.callers.register(Tickets(ann))
    assert [value for _, value in world.callers.challenges(TLS)][1:] == ["Ticket"]
    assert world.callers.challenges(CLEAR) == ()


def test_the_schema_knows_the_lock() -> None:
    assert SCHEMA.attribute("nsAccountLock") is not None
