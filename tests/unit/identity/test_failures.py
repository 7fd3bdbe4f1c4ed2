"""Failed sign-ins: who is delayed, who is locked, how it ends; and that a stranger sees no difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from accounts import ADMINISTRATOR, ANN, BASE, BOB, SCHEMA, SECRET, Accounts, Timers, authenticator, sign_ins
from lightwave.directory.access.token import AuthenticatedBy
from lightwave.directory.ldap.result import DirectoryError
from lightwave.directory.operations.computed import computed_values
from lightwave.directory.schema.times import filetime
from lightwave.directory.store.failure_rows import (
    PLACES,
    Failures,
    account_failures,
    digest_failures,
    forget_before,
    put_digest_failures,
)
from lightwave.identity import sign_in
from lightwave.identity.authentication import Authenticated
from lightwave.identity.credentials import import_verifiers, set_password
from lightwave.identity.failures import FORGET, FREE, MOST_DELAY, delay_after
from lightwave.identity.hashing import MINIMUM
from lightwave.identity.liveness import TokenLiveness
from lightwave.identity.peers import peer_name
from lightwave.identity.policies import DEFAULT
from lightwave.identity.refusals import AuthenticationFailed, NotLive
from lightwave.identity.sign_in import SignIns, Source
from lightwave.sasl.channel import Channel
from lightwave.sasl.mechanism import ExternalClaim

HOME, ELSEWHERE = "192.0.2.1:1", "198.51.100.1:1"
NOBODY = b"uid=nobody," + BASE


class World:
    """Accounts, a clock, and who signs in."""

    def __init__(self, folder: Path) -> None:
        self.accounts = Accounts(folder)
        self.timers = Timers(self.accounts.clock)
        self.threads: Any = None
        self.signing = self.process()
        self.hashed = 0

    def process(self) -> SignIns:
        """One more serving process over the same store, as far as failures are concerned."""
        self.using = authenticator(owner_uid=1000)
        verify = self.using.verify

        def counted(*arguments: Any) -> Any:
            self.hashed += 1
            return verify(*arguments)

        self.using.verify = counted  # type: ignore[method-assign, assignment]
        self.signing = sign_ins(self.accounts, self.using, self.threads, self.timers)
        return self.signing

    def begin(self, name: bytes, password: bytes, peer: str = HOME) -> list[Any]:
        """What the client hears, when it does."""
        heard: list[Any] = []
        with self.accounts.store.read() as txn:
            candidate = self.using.lookup(txn, name)
            self.signing.password(txn, candidate, password, Source(peer, "ldap"), heard.append)
        return heard

    def ask(self, name: bytes, password: bytes, peer: str = HOME) -> tuple[Any, float]:
        """(what the client hears, seconds that it waited)"""
        began = self.accounts.clock.now
        heard = self.begin(name, password, peer)
        while not heard:
            self.timers.advance(0.05)
        return heard[0], self.accounts.clock.now - began

    def fail(self, times: int, name: bytes = ANN, peer: Callable[[int], str] = lambda number: HOME) -> None:
        for number in range(times):
            answer, _ = self.ask(name, b"wrong", peer(number))
            assert isinstance(answer, AuthenticationFailed)
        self.timers.advance(1)

    def computed(self, entry_id: int, name: str) -> list[bytes]:
        attribute = SCHEMA.attribute(name)
        assert attribute is not None
        tenant = self.accounts.tenant
        with self.accounts.store.read() as txn:
            record = txn.record(tenant, entry_id)
            return computed_values(txn, SCHEMA, tenant, entry_id, record, attribute, 0.0)

    def lockout_time(self, entry_id: int) -> list[bytes]:
        attribute = SCHEMA.attribute("lockoutTime")
        assert attribute is not None
        with self.accounts.store.read() as txn:
            number = txn.attribute_number(attribute.oid)
            return list(txn.record(self.accounts.tenant, entry_id).values(number)) if number else []


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.accounts.store.close()


def from_anywhere(number: int) -> str:
    return f"203.0.113.{number + 1}:1"


def test_delays_grow_and_are_bounded() -> None:
    assert [delay_after(count, 0.5) for count in range(FREE + 5)] == [0.0] * (FREE + 1) + [0.5, 1, 2, 4]
    assert delay_after(10**9, 0.5) == MOST_DELAY
    assert delay_after(10**9, 0.0) == 0.0


@pytest.mark.parametrize("name", [ANN, NOBODY, BOB])
def test_the_failures_of_a_peer_delay_its_answers(world: World, name: bytes) -> None:
    waited = [world.ask(name, b"wrong")[1] for _ in range(FREE + 3)]
    assert waited == pytest.approx([0.0] * FREE + [0.5, 1, 2], abs=0.06)
    assert world.ask(name, b"wrong", ELSEWHERE)[1] == 0.0


def test_two_names_of_one_account_delay_like_two_names_of_nobody(world: World) -> None:
    waited = {}
    for name, other in ((ANN, b"ann.account"), (NOBODY, b"nobody.account")):
        waited[name] = [world.ask(one, b"wrong")[1] for one in (name, other) * (FREE + 1)]
    assert waited[ANN] == pytest.approx(waited[NOBODY], abs=0.06)
    assert waited[ANN][-1] > 0.4


def test_an_attempt_within_the_delay_is_not_looked_at(world: World) -> None:
    world.fail(FREE)
    failing = world.begin(ANN, b"wrong")
    hashed = world.hashed
    early = world.begin(ANN, SECRET)
    assert not failing
    assert not early
    assert world.hashed == hashed
    world.timers.advance(0.6)
    assert str(failing[0]) == str(early[0])
    assert isinstance(early[0], AuthenticationFailed)
    token, waited = world.ask(ANN, SECRET)
    assert isinstance(token, Authenticated)
    assert waited <= sign_in.WRITTEN_AFTER + 0.05


def test_what_waits_for_a_thread_is_looked_at_again(world: World) -> None:
    """Many attempts at once gain nothing: each failure counts for those that have not begun."""
    waiting: list[tuple[Any, Any, Any]] = []

    class Threads:
        def run(self, work: Any, done: Any, peer: str, admit: Any) -> None:
            waiting.append((work, done, admit))

    world.threads = Threads()
    world.process()
    answers = [world.begin(ANN, b"wrong %d" % number) for number in range(20)]
    begun = 0
    for work, done, admit in waiting:
        try:
            admit()
        except Exception as error:  # noqa: BLE001  as the real one hands it over
            done(error)
            continue
        begun += 1
        try:
            done(work())
        except AuthenticationFailed as error:
            done(error)
    assert begun == FREE + 1
    world.timers.advance(MOST_DELAY)
    assert all(isinstance(answer[0], AuthenticationFailed) for answer in answers)


def test_a_success_forgets_the_failures(world: World) -> None:
    world.fail(FREE)
    assert world.computed(world.accounts.ann, "badPwdCount") == [b"3"]
    assert isinstance(world.ask(ANN, SECRET)[0], Authenticated)
    assert world.computed(world.accounts.ann, "badPwdCount") == []
    assert world.ask(ANN, b"wrong")[1] == 0.0
    world.fail(1)
    assert world.computed(world.accounts.ann, "badPwdCount") == [b"2"]


def test_failures_of_a_peer_are_forgotten_in_time(world: World) -> None:
    world.fail(FREE + 1, NOBODY)
    world.timers.advance(FORGET)
    assert world.ask(NOBODY, b"wrong")[1] == 0.0


def test_what_an_administrator_sees(world: World) -> None:
    world.fail(2)
    last = float(world.computed(world.accounts.ann, "badPasswordTime")[0])
    assert last == pytest.approx(float(filetime(world.accounts.clock.now)), abs=20_000_000)
    assert world.computed(world.accounts.bob, "badPasswordTime") == []


def test_enough_failures_lock_the_account_wherever_they_come_from(world: World) -> None:
    world.fail(DEFAULT.max_failures - 1, peer=from_anywhere)
    assert world.lockout_time(world.accounts.ann) == []
    world.fail(1, peer=lambda number: ELSEWHERE)
    assert world.lockout_time(world.accounts.ann) != []
    database = world.accounts.store.databases.audit
    with world.accounts.store.read() as txn:
        rows = [value for _, value in txn.raw.cursor(database).iternext()]
    assert [b"lock" in row and ANN in row for row in rows] == [True]
    wrong, _ = world.ask(ANN, b"wrong", "192.0.2.77:1")
    right, _ = world.ask(ANN, SECRET, "192.0.2.78:1")
    assert (type(wrong), str(wrong)) == (type(right), str(right))
    assert world.computed(world.accounts.ann, "badPwdCount") == [b"%d" % DEFAULT.max_failures]


def test_the_failure_that_locks_is_not_too_late_for_a_success_at_once(world: World) -> None:
    world.fail(DEFAULT.max_failures - 1, peer=from_anywhere)
    assert len(world.begin(ANN, b"wrong", ELSEWHERE)) == 1  # answered, and not yet written
    answer, _ = world.ask(ANN, SECRET, "192.0.2.77:1")
    assert isinstance(answer, AuthenticationFailed)


def test_a_lock_ends_open_connections_too(world: World) -> None:
    found, _ = world.ask(ANN, SECRET)
    token = found.token
    world.fail(DEFAULT.max_failures, peer=from_anywhere)
    liveness = TokenLiveness(lambda txn: SCHEMA)
    with world.accounts.store.read() as txn, pytest.raises(NotLive, match="locked"):
        liveness.check_token(txn, token, world.accounts.clock.now)


def test_a_lock_ends_by_itself(world: World) -> None:
    world.fail(DEFAULT.max_failures, peer=from_anywhere)
    world.timers.advance(DEFAULT.auto_unlock - 5)
    assert isinstance(world.ask(ANN, SECRET, ELSEWHERE)[0], AuthenticationFailed)
    world.timers.advance(10)
    assert isinstance(world.ask(ANN, SECRET, "192.0.2.99:1")[0], Authenticated)
    world.timers.advance(1)
    assert world.lockout_time(world.accounts.ann) == [b"0"]
    assert world.computed(world.accounts.ann, "badPwdCount") == []


def test_after_a_lock_the_count_begins_anew(world: World) -> None:
    world.fail(DEFAULT.max_failures, peer=from_anywhere)
    world.timers.advance(DEFAULT.auto_unlock + 5)
    world.fail(1, peer=lambda number: ELSEWHERE)
    assert world.computed(world.accounts.ann, "badPwdCount") == [b"1"]
    assert isinstance(world.ask(ANN, SECRET, "192.0.2.99:1")[0], Authenticated)


def test_failures_far_apart_do_not_add_up(world: World) -> None:
    for number in range(2 * DEFAULT.max_failures):
        world.fail(1, peer=lambda _, number=number: from_anywhere(number))  # type: ignore[misc]
        world.timers.advance(DEFAULT.failure_interval + 1)
    assert world.lockout_time(world.accounts.ann) == []
    assert isinstance(world.ask(ANN, SECRET)[0], Authenticated)


def test_the_right_password_of_who_may_not_act_does_not_lock(world: World) -> None:
    world.accounts.set_attribute(world.accounts.ann, "userAccountControl", [b"514"])
    for number in range(2 * DEFAULT.max_failures):
        assert isinstance(world.ask(ANN, SECRET, from_anywhere(number))[0], AuthenticationFailed)
    world.timers.advance(1)
    assert world.lockout_time(world.accounts.ann) == []


def test_the_administrator_is_delayed_and_not_locked(world: World) -> None:
    world.fail(2 * DEFAULT.max_failures, ADMINISTRATOR, from_anywhere)
    assert world.lockout_time(world.accounts.administrator) == []
    waited = [world.ask(ADMINISTRATOR, b"wrong")[1] for _ in range(FREE + 1)]
    assert waited[-1] == pytest.approx(0.5, abs=0.06)


def test_the_local_socket_is_never_locked(world: World) -> None:
    """Even where the policy locks the administrator: whoever owns the machine comes in and helps."""
    now = world.accounts.clock.now
    world.accounts.set_attribute(world.accounts.administrator, "lockoutTime", [filetime(now)])
    assert isinstance(world.ask(ADMINISTRATOR, SECRET)[0], AuthenticationFailed)
    with world.accounts.store.read() as txn:
        channel = Channel(is_confidential=True, local_uid=1000, address="local")
        token = world.using.authenticate_external(txn, ExternalClaim(None), channel, now)
        assert token.authenticated_by is AuthenticatedBy.LOCAL_SOCKET
        TokenLiveness(lambda txn: SCHEMA).check_token(txn, token, now)
    # What it was told does not hold for others.
    assert isinstance(world.ask(ADMINISTRATOR, SECRET)[0], AuthenticationFailed)


def test_all_processes_count_together_and_after_a_restart(world: World) -> None:
    world.fail(FREE)
    world.process()
    assert world.ask(ANN, b"wrong")[1] == pytest.approx(0.5, abs=0.06)
    for number in range(DEFAULT.max_failures - FREE - 1):
        world.process()
        world.fail(1, peer=lambda _, number=number: from_anywhere(number))  # type: ignore[misc]
    assert world.lockout_time(world.accounts.ann) != []


def test_a_flood_is_few_commits_and_bounded_rows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "MOST_GATHERED", 300)
    commits: list[object] = []
    submit = world.signing._commits.submit
    world.signing._commits.submit = lambda *arguments: (commits.append(1), submit(*arguments))  # type: ignore[method-assign, assignment, func-returns-value]
    answers = [world.begin(b"uid=n%d," % number + BASE, b"wrong")[0] for number in range(400)]
    assert sum(isinstance(answer, AuthenticationFailed) for answer in answers) == 300
    assert all(isinstance(answer, DirectoryError) for answer in answers[300:])  # busy, for a moment
    with world.accounts.store.read() as txn:
        assert txn.raw.stat(world.accounts.store.databases.failures)["entries"] == 0
    world.timers.advance(1)
    assert len(commits) == 1
    assert isinstance(world.begin(NOBODY, b"wrong")[0], AuthenticationFailed)


def test_a_full_slot_loses_its_oldest(world: World) -> None:
    digests = [bytes(4) + bytes([number]) * 8 for number in range(PLACES + 2)]
    with world.accounts.store.write() as txn:
        for number, digest in enumerate(digests):
            put_digest_failures(txn, digest, Failures(number + 1, 1_000.0 + number))
    with world.accounts.store.read() as txn:
        found = [digest_failures(txn, digest) for digest in digests]
        assert found[:2] == [None, None]
        assert found[2:] == [Failures(number + 1, 1_000.0 + number) for number in range(2, PLACES + 2)]
        assert txn.raw.stat(world.accounts.store.databases.failures)["entries"] == 1
    with world.accounts.store.write() as txn:
        for digest in digests:
            put_digest_failures(txn, digest, None)
        assert txn.raw.stat(world.accounts.store.databases.failures)["entries"] == 0


def test_old_failures_go(world: World) -> None:
    world.fail(1)
    world.fail(1, ADMINISTRATOR)
    accounts, now = world.accounts, world.accounts.clock.now
    with accounts.store.write() as txn:
        position = forget_before(txn, now - 60, most=1)
        assert position is not None
        assert forget_before(txn, now - 60, position) is None
        assert account_failures(txn, accounts.tenant, accounts.ann) is not None
        assert forget_before(txn, now + 60) is None
        assert account_failures(txn, accounts.tenant, accounts.ann) is None


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.1:389", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6:389", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1:389", "2001:db8:1:2::"),
        ("::ffff:192.0.2.1:389", "192.0.2.1"),
        ("fe80::1%eth0:389", "fe80::"),
        ("local", "local"),
        ("", ""),
        ("somewhere:1", "somewhere"),
    ],
)
def test_peers(address: str, name: str) -> None:
    assert peer_name(address) == name


def remember_former(world: World, *clear: bytes) -> None:
    """Ann has had these passwords, the last one first."""
    accounts = world.accounts
    for one in (*reversed(clear), SECRET):
        blob = replace(import_verifiers([one], MINIMUM), remember=5)
        with accounts.store.write() as txn:
            set_password(txn, accounts.tenant, accounts.ann, blob, txn.begin_change())


def postpone_former(world: World) -> list[Callable[[], None]]:
    """From now on nobody asks whether it was a former password until these are called."""
    later: list[Callable[[], None]] = []
    run = world.signing._threads.run

    def after_the_answer(work: Any, done: Any, peer: str = "", admit: Any = None) -> None:
        if admit is None:
            later.append(lambda: run(work, done, peer))
        else:
            run(work, done, peer, admit)

    world.signing._threads.run = after_the_answer  # type: ignore[method-assign]
    return later


def test_a_former_password_is_no_guess(world: World) -> None:
    """As Active Directory has it for the last two: a device that has not heard of the change locks nobody out."""
    remember_former(world, b"last", b"the one before", b"long ago")
    for password, counted in ((b"last", 0), (b"the one before", 0), (b"long ago", 1), (b"wrong", 2)):
        answer, _ = world.ask(ANN, password)
        assert isinstance(answer, AuthenticationFailed)
        world.timers.advance(1)
        assert world.computed(world.accounts.ann, "badPwdCount") == ([b"%d" % counted] if counted else [])


def test_a_former_password_that_was_counted_already_is_taken_back(world: World) -> None:
    """Its hash may take longer than the counting: then the lock that it brought about goes too."""
    remember_former(world, b"last")
    world.fail(DEFAULT.max_failures - 1, peer=from_anywhere)
    later = postpone_former(world)
    world.ask(ANN, b"last", ELSEWHERE)
    world.timers.advance(1)
    assert world.lockout_time(world.accounts.ann)[0] != b"0"
    for work in later:
        work()
    assert world.lockout_time(world.accounts.ann) == [b"0"]
    assert world.computed(world.accounts.ann, "badPwdCount") == [b"%d" % (DEFAULT.max_failures - 1)]
    assert isinstance(world.ask(ANN, SECRET, "192.0.2.200:1")[0], Authenticated)


def test_a_success_does_not_wait_for_a_failure_that_was_taken_back(world: World) -> None:
    """It is never written, so nothing that waits for it would be told."""
    remember_former(world, b"last")
    later = postpone_former(world)
    assert isinstance(world.begin(ANN, b"last")[0], AuthenticationFailed)
    heard = world.begin(ANN, SECRET)
    assert heard == []
    for work in later:
        work()
    world.timers.advance(1)
    assert isinstance(heard[0], Authenticated)
    assert world.computed(world.accounts.ann, "badPwdCount") == []
