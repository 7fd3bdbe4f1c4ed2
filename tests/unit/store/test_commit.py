"""Group commit: failures stay with their operation, answers come after the commit, nothing acknowledged is lost."""

from __future__ import annotations

import errno
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import lmdb
import pytest

from lightwave.directory.store.check import check
from lightwave.directory.store.commit import Committer
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import EntryExists, NoSuchEntry, StoreClosed, StoreError, StoreFull
from lightwave.directory.store.writing import WriteTransaction
from store_entries import BASE, SCHEMA, add, dn, make_store


class Reactor:
    """Runs in the test's own thread what the committer asks for."""

    def __init__(self) -> None:
        self.calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def run_until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end
            try:
                self.calls.get(timeout=0.05)()
            except queue.Empty:
                continue


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with make_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def reactor() -> Reactor:
    return Reactor()


@pytest.fixture
def committer(store: Store, reactor: Reactor) -> Iterator[Committer]:
    made = Committer(store, reactor.calls.put, time.monotonic)
    yield made
    made.close()


def adding(name: bytes, fill: bytes = b"x") -> Callable[[WriteTransaction], int]:
    return lambda transaction: add(transaction, 1, name, {"description": [fill]})


def exists(store: Store, name: bytes) -> bool:
    with store.read() as reader:
        try:
            reader.find(dn(name + b"," + BASE))
        except NoSuchEntry:
            return False
        return True


def test_operations_are_answered_after_their_commit(
    store: Store, reactor: Reactor, committer: Committer
) -> None:
    answers: list[Any] = []

    def done(answer: object) -> None:
        assert exists(store, b"cn=e%d" % len(answers))
        answers.append(answer)

    for number in range(50):
        committer.submit(adding(b"cn=e%d" % number), done)
    reactor.run_until(lambda: len(answers) == 50 and committer.idle)
    assert all(isinstance(answer, int) for answer in answers)
    assert committer.statistics.operations == 50
    assert committer.statistics.batches < 50


def test_a_failed_operation_is_undone_alone(store: Store, reactor: Reactor, committer: Committer) -> None:
    answers: list[Any] = []

    def failing(transaction: WriteTransaction) -> int:
        add(transaction, 1, b"cn=half")
        raise KeyError("a bug")

    committer.submit(adding(b"cn=a"), answers.append)
    committer.submit(failing, answers.append)
    committer.submit(adding(b"cn=a"), answers.append)
    committer.submit(adding(b"cn=b"), answers.append)
    reactor.run_until(lambda: len(answers) == 4)
    assert isinstance(answers[1], KeyError)
    assert isinstance(answers[2], EntryExists)
    assert exists(store, b"cn=a")
    assert exists(store, b"cn=b")
    assert not exists(store, b"cn=half")


def test_numbers_given_in_a_failed_operation_are_given_again(
    store: Store, reactor: Reactor, committer: Committer
) -> None:
    answers: list[Any] = []

    def failing(transaction: WriteTransaction) -> int:
        add(transaction, 1, b"cn=half", {"telephoneNumber": [b"1"]})
        raise KeyError("a bug")

    committer.submit(failing, answers.append)
    committer.submit(lambda transaction: add(transaction, 1, b"cn=a", {"l": [b"Here"]}), answers.append)
    reactor.run_until(lambda: len(answers) == 2)
    with store.read() as reader:
        keys = [key for _, key in reader.attribute_keys()]
        assert len(keys) == len(set(keys)) == reader.counters().attribute


def test_if_the_commit_fails_all_of_the_batch_fail(
    store: Store, reactor: Reactor, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: WriteTransaction) -> None:
        self.raw.abort()
        raise StoreFull("no room")

    answers: list[Any] = []
    original = WriteTransaction.commit
    monkeypatch.setattr(
        WriteTransaction, "commit", lambda self: original(self) if self._parent is not None else full(self)
    )
    committer.submit(adding(b"cn=a"), answers.append)
    committer.submit(adding(b"cn=b"), answers.append)
    reactor.run_until(lambda: len(answers) == 2)
    assert all(isinstance(answer, StoreFull) for answer in answers)
    monkeypatch.undo()
    assert not exists(store, b"cn=a")
    committer.submit(adding(b"cn=a"), answers.append)
    reactor.run_until(lambda: len(answers) == 3)
    assert exists(store, b"cn=a")


def test_neg_a_full_map_fails_what_does_not_fit_and_reading_goes_on(tmp_path: Path, reactor: Reactor) -> None:
    with make_store(tmp_path, map_size=600_000) as store:
        committer = Committer(store, reactor.calls.put, time.monotonic)
        answers: dict[int, Any] = {}
        for number in range(400):
            fill = bytes(20_000) if number % 10 == 5 else b"x" * 100
            committer.submit(
                adding(b"cn=e%d" % number, fill),
                partial(answers.__setitem__, number),
            )
        reactor.run_until(lambda: len(answers) == 400)
        kept = [number for number, answer in answers.items() if isinstance(answer, int)]
        refused = [number for number, answer in answers.items() if isinstance(answer, StoreFull)]
        assert len(kept) + len(refused) == 400
        assert refused
        assert len(kept) > 20
        for number in range(400):
            assert exists(store, b"cn=e%d" % number) == (number in kept)
        with store.read() as reader:
            assert list(check(reader, SCHEMA.describe)) == []
        committer.close()


def test_neg_a_disk_error_inside_an_operation_is_a_full_store(
    store: Store, reactor: Reactor, committer: Committer
) -> None:
    answers: list[Any] = []

    def failing(transaction: WriteTransaction) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    committer.submit(failing, answers.append)
    reactor.run_until(lambda: len(answers) == 1)
    assert isinstance(answers[0], StoreFull)


def test_work_that_lmdb_failed_takes_nobody_with_it(
    store: Store, reactor: Reactor, committer: Committer
) -> None:
    answers: list[Any] = []

    def failing(transaction: WriteTransaction) -> int:
        raise lmdb.MapFullError("mdb_put")

    committer.submit(adding(b"cn=a"), answers.append)
    committer.submit(failing, answers.append)
    committer.submit(adding(b"cn=b"), answers.append)
    reactor.run_until(lambda: len(answers) == 3)
    assert [type(answer) for answer in answers] == [int, StoreFull, int]


def test_flat_work_runs_slice_by_slice_between_batches(
    store: Store, reactor: Reactor, committer: Committer
) -> None:
    threads = set()
    finished: list[Any] = []
    slices = iter(range(5))

    def run_slice(transaction: WriteTransaction) -> bool:
        threads.add(threading.current_thread().name)
        number = next(slices)
        add(transaction, 1, b"cn=flat%d" % number)
        return number < 4

    answers: list[Any] = []
    committer.submit_flat(run_slice, finished.append)
    committer.submit(adding(b"cn=a"), answers.append)
    reactor.run_until(lambda: bool(finished) and bool(answers) and committer.idle)
    assert finished == [None]
    assert threads == {"lightwave-commit"}
    assert exists(store, b"cn=flat4")


def test_flat_works_take_turns(reactor: Reactor, committer: Committer) -> None:
    """What is short does not wait for what was there before it and takes long."""
    slices: list[str] = []
    finished: list[str] = []
    begun = threading.Event()

    def run_long(transaction: WriteTransaction) -> bool:
        begun.wait(10)  # until the short one is queued too
        slices.append("long")
        return slices.count("long") < 20

    def run_short(transaction: WriteTransaction) -> bool:
        slices.append("short")
        return slices.count("short") < 3

    committer.submit_flat(run_long, lambda error: finished.append("long"))
    committer.submit_flat(run_short, lambda error: finished.append("short"))
    begun.set()
    reactor.run_until(lambda: len(finished) == 2)
    assert finished == ["short", "long"]
    assert slices[:6] == ["long", "short"] * 3


def test_flat_work_that_fails_says_so_and_others_go_on(
    store: Store, reactor: Reactor, committer: Committer
) -> None:
    finished: list[Any] = []
    committer.submit_flat(lambda transaction: bool(1 // 0), finished.append)
    reactor.run_until(lambda: bool(finished))
    assert isinstance(finished[0], ZeroDivisionError)
    answers: list[Any] = []
    committer.submit(adding(b"cn=a"), answers.append)
    reactor.run_until(lambda: bool(answers))
    assert exists(store, b"cn=a")


def test_closing_commits_what_was_applied_and_refuses_the_rest(store: Store, reactor: Reactor) -> None:
    committer = Committer(store, reactor.calls.put, time.monotonic)
    answers: list[Any] = []
    committer.submit(adding(b"cn=a"), answers.append)
    reactor.calls.get(timeout=5)()  # the turn; its commit is under way
    committer.submit(adding(b"cn=b"), answers.append)
    committer.close()
    assert isinstance(answers[0], int)
    assert isinstance(answers[1], StoreClosed)
    committer.submit(adding(b"cn=c"), answers.append)
    reactor.run_until(lambda: len(answers) == 3)
    assert isinstance(answers[2], StoreClosed)
    assert exists(store, b"cn=a")
    assert not exists(store, b"cn=b")


def test_a_caller_that_raises_does_not_keep_others_from_hearing(
    store: Store, reactor: Reactor, committer: Committer
) -> None:
    answers: list[Any] = []

    def bad(answer: object) -> None:
        raise ValueError("a bug of the caller")

    committer.submit(adding(b"cn=a"), bad)
    committer.submit(adding(b"cn=b"), answers.append)
    reactor.run_until(lambda: bool(answers))
    assert isinstance(answers[0], int)


def test_a_turn_ends_in_time_and_the_batch_goes_on_in_the_next(store: Store, reactor: Reactor) -> None:
    ticks = iter(range(1_000_000))
    committer = Committer(store, reactor.calls.put, lambda: next(ticks) * 0.0011)
    answers: list[Any] = []
    for number in range(10):
        committer.submit(adding(b"cn=e%d" % number), answers.append)
    reactor.run_until(lambda: len(answers) == 10)
    assert committer.statistics.batches > 1
    committer.close()


def test_a_failed_begin_refuses_what_waits(
    store: Store, reactor: Reactor, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> WriteTransaction:
        raise StoreError("no transaction")

    answers: list[Any] = []
    monkeypatch.setattr(store, "begin_write", fail)
    committer.submit(adding(b"cn=a"), answers.append)
    reactor.run_until(lambda: bool(answers) and committer.idle)
    assert isinstance(answers[0], StoreError)
    monkeypatch.undo()
    committer.submit(adding(b"cn=a"), answers.append)
    reactor.run_until(lambda: len(answers) == 2)
    assert isinstance(answers[1], int)
