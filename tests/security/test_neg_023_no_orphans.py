"""Negative test 23: an add below what is being deleted, a rename into the own subtree: no orphan comes of it."""

from __future__ import annotations

import queue
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fresh_directory import Directory, ImmediateThreads
from lightwave.directory.ldap.messages import AddRequest, DeleteRequest, ModifyDNRequest
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.pipeline import WritePipeline
from lightwave.directory.operations.plugins import default_plugins
from lightwave.directory.operations.ports import WriteRequest
from lightwave.directory.store.commit import Committer

BASE = "dc=lightwave,dc=local"
SUCCESS = ResultCode.SUCCESS


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    """A directory whose databases agree in the end."""
    made = Directory(tmp_path)
    yield made
    assert made.findings() == []
    made.close()


def run_together(directory: Directory, requests: list[WriteRequest]) -> list[Outcome]:
    """Submits all requests before any is applied, through the committer that serves; outcomes in their order."""
    turns: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    committer = Committer(directory.store, turns.put, time.monotonic)
    pipeline = WritePipeline(
        directory.store,
        committer,
        directory.schemas,
        (),
        default_plugins(),
        ImmediateThreads(),
    )
    outcomes: dict[int, Outcome] = {}
    for number, request in enumerate(requests):
        pipeline.submit(
            directory.context(),
            request,
            lambda outcome, number=number: outcomes.__setitem__(number, outcome),  # type: ignore[misc]
        )
    while len(outcomes) < len(requests):
        turns.get(timeout=10)()
    committer.close()
    return [outcomes[number] for number in range(len(requests))]


def unit(dn: str) -> AddRequest:
    return AddRequest(dn.encode(), (("objectClass", (b"organizationalUnit",)),))


def test_neg_023_add_below_what_is_being_deleted(directory: Directory) -> None:
    parent, child = f"ou=Parent,{BASE}", f"ou=Child,ou=Parent,{BASE}"
    for first_deletes in (True, False):
        assert directory.add(parent, objectClass="organizationalUnit").code is SUCCESS
        both: list[WriteRequest] = [DeleteRequest(parent.encode()), unit(child)]
        codes = [one.code for one in run_together(directory, both if first_deletes else both[::-1])]
        if first_deletes:
            assert codes == [SUCCESS, ResultCode.NO_SUCH_OBJECT]
        else:
            assert codes == [SUCCESS, ResultCode.NOT_ALLOWED_ON_NON_LEAF]
            assert directory.delete(child).code is SUCCESS
            assert directory.delete(parent).code is SUCCESS


def test_neg_023_rename_into_own_subtree(directory: Directory) -> None:
    for dn in (f"ou=A,{BASE}", f"ou=B,ou=A,{BASE}", f"ou=C,ou=B,ou=A,{BASE}"):
        assert directory.add(dn, objectClass="organizationalUnit").code is SUCCESS
    for superior in (f"ou=A,{BASE}", f"ou=B,ou=A,{BASE}", f"ou=C,ou=B,ou=A,{BASE}"):
        outcome = directory.rename(f"ou=A,{BASE}", "ou=A", superior)
        assert outcome.code is ResultCode.UNWILLING_TO_PERFORM
    assert directory.exists(f"ou=C,ou=B,ou=A,{BASE}")


def test_neg_023_two_entries_moved_below_each_other(directory: Directory) -> None:
    a, b = f"ou=A,{BASE}", f"ou=B,{BASE}"
    for dn in (a, b):
        assert directory.add(dn, objectClass="organizationalUnit").code is SUCCESS
    outcomes = run_together(
        directory,
        [
            ModifyDNRequest(a.encode(), b"ou=A", True, b.encode()),
            ModifyDNRequest(b.encode(), b"ou=B", True, a.encode()),
        ],
    )
    assert [one.code for one in outcomes] == [SUCCESS, ResultCode.NO_SUCH_OBJECT]
    assert directory.exists(f"ou=A,{b}")


def test_neg_023_a_storm_of_adds_moves_and_deletes_leaves_no_orphan(directory: Directory) -> None:
    """Whatever the outcomes, every entry is reachable from its naming context in the end."""
    choose = random.Random(23)
    names = [f"ou={letter}" for letter in "ABCD"]

    def place() -> str:
        return ",".join([*choose.sample(names, choose.randint(1, 3)), BASE])

    requests: list[WriteRequest] = []
    for _ in range(300):
        kind = choose.random()
        if kind < 0.5:
            requests.append(unit(place()))
        elif kind < 0.75:
            requests.append(DeleteRequest(place().encode()))
        else:
            requests.append(
                ModifyDNRequest(place().encode(), choose.choice(names).encode(), True, place().encode())
            )
    outcomes = run_together(directory, requests)
    assert all(one.error is None for one in outcomes)
    with directory.store.read() as txn:
        tenant = directory.tree.tenant
        contexts = [context for _, context in txn.contexts(tenant)]
        reachable = {context.entry_id for context in contexts}
        for context in contexts:
            reachable.update(txn.descendants(tenant, context.entry_id))
        assert reachable == set(txn.entry_ids(tenant))
