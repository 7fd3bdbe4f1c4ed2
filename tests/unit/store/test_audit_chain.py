"""Verification finds what was done to a chain: changed, put in, taken out, cut off, signed by others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lightwave.directory.store import audit_rows, layout
from lightwave.directory.store.audit_chain import Verification, public_key, sign, verify
from lightwave.directory.store.audit_rows import Event, append, head_of, put_checkpoint
from lightwave.directory.store.environment import Store
from store_entries import START

KEY = bytes(range(32))
KEYS = (public_key(KEY),)


def checkpoint(store: Store, key: bytes = KEY) -> None:
    with store.write() as txn:
        node = store.server_number
        head = head_of(txn, 1, node)
        made = sign(txn, 1, node, head.sequence, head.hash, int(START * 1000), key)
        assert put_checkpoint(txn, 1, made)


def fill(store: Store, count: int = 5) -> None:
    with store.write() as txn:
        for number in range(count):
            append(txn, Event(START + number, 1, f"n{number}"))


def verified(store: Store) -> Verification:
    with store.read() as txn:
        return verify(txn, 1, store.server_number, KEYS)


def change(store: Store, work: Callable[[Callable[[int], bytes], dict[bytes, bytes]], object]) -> None:
    """Let `work` change the rows of the audit as a mapping."""
    database = store.databases.audit
    assert database is not None
    with store.environment.begin(write=True) as raw:
        rows = {bytes(key): bytes(value) for key, value in raw.cursor(database).iternext()}
        work(lambda sequence: layout.audit_key(1, store.server_number, sequence), rows)
        raw.drop(database, delete=False)
        for key, value in rows.items():
            raw.put(key, value, db=database)


@pytest.fixture
def signed(store: Store) -> Store:
    """Ten events, signed after the fifth and the tenth."""
    for _ in range(2):
        fill(store)
        checkpoint(store)
    return store


def test_a_sound_chain(signed: Store) -> None:
    found = verified(signed)
    assert (found.problem, found.events, found.first, found.last) == (None, 10, 1, 10)
    assert (found.checkpoints, found.signed) == (2, 10)
    fill(signed, 2)
    found = verified(signed)
    assert (found.problem, found.last, found.signed) == (None, 12, 10)


def test_in_slices(signed: Store) -> None:
    verification = Verification(1, signed.server_number, KEYS)
    slices = 1
    with signed.read() as txn:
        while verification.run_slice(txn, 3):
            slices += 1
    assert slices == 5
    assert verification == verified(signed)


def test_the_note_of_what_is_unsigned(store: Store) -> None:
    def noted() -> list[tuple[int, int, int]]:
        with store.read() as txn:
            return list(audit_rows.unsigned(txn))

    assert noted() == []
    fill(store)
    assert noted() == [(1, store.server_number, int(START * 1000))]
    checkpoint(store)
    assert noted() == []
    with store.read() as txn:
        head = head_of(txn, 1, store.server_number)
        late = sign(txn, 1, store.server_number, head.sequence, head.hash, 0, KEY)
    fill(store)
    with store.write() as txn:
        assert put_checkpoint(txn, 1, late)
        assert not put_checkpoint(txn, 1, late._replace(hash=bytes(32)))
        assert not put_checkpoint(txn, 1, late._replace(sequence=99))
    assert noted() == [(1, store.server_number, int(START * 1000))]


@pytest.mark.parametrize("sequence", [1, 3, 5, 6, 10])
@pytest.mark.parametrize("at", [1, 20, 40, -1])
def test_neg_a_changed_event(signed: Store, sequence: int, at: int) -> None:
    def work(key: Callable[[int], bytes], rows: dict[bytes, bytes]) -> None:
        row = bytearray(rows[key(sequence)])
        row[at] ^= 1
        rows[key(sequence)] = bytes(row)

    change(signed, work)
    found = verified(signed)
    assert (found.at, found.problem is not None) == (sequence, True)


@pytest.mark.parametrize("sequence", [1, 4, 5, 9])
def test_neg_an_event_that_is_gone(signed: Store, sequence: int) -> None:
    change(signed, lambda key, rows: rows.pop(key(sequence)))
    found = verified(signed)
    assert found.problem is not None
    assert found.at in (sequence, sequence + 1)


def test_neg_the_end_is_cut_off(signed: Store) -> None:
    def work(key: Callable[[int], bytes], rows: dict[bytes, bytes]) -> None:
        for sequence in range(7, 11):
            del rows[key(sequence)]
        del rows[key(10) + b"c"]

    change(signed, work)
    found = verified(signed)
    assert (found.at, found.problem) == (7, "the chain ends here, and event 10 was signed")


def test_neg_all_is_gone(signed: Store) -> None:
    change(signed, lambda key, rows: rows.clear())
    assert verified(signed).at == 1


def test_neg_the_last_checkpoint_is_gone(signed: Store) -> None:
    change(signed, lambda key, rows: rows.pop(key(10) + b"c"))
    assert verified(signed).problem == "its checkpoint is gone"


def test_neg_rehashed_events_do_not_fit_their_checkpoint(signed: Store) -> None:
    """Whoever computes all hashes anew has no signature for them."""

    def work(key: Callable[[int], bytes], rows: dict[bytes, bytes]) -> None:
        before = rows[key(2)][1:33]
        for sequence in range(3, 11):
            body = rows[key(sequence)][33:].replace(b"n2", b"xx")
            before = audit_rows.chain_hash(before, sequence, body)
            rows[key(sequence)] = b"\1" + before + body

    change(signed, work)
    found = verified(signed)
    assert (found.at, found.problem) == (5, "the event is not the one that its checkpoint signs")


def test_neg_the_key_of_another(store: Store) -> None:
    fill(store)
    checkpoint(store, bytes(32))
    assert verified(store).problem == "its checkpoint was signed by a key that is not this node's"


def test_neg_a_signature_of_something_else(signed: Store) -> None:
    def work(key: Callable[[int], bytes], rows: dict[bytes, bytes]) -> None:
        row = rows[key(5) + b"c"]
        rows[key(5) + b"c"] = row[:-64] + rows[key(10) + b"c"][-64:]

    change(signed, work)
    found = verified(signed)
    assert (found.at, found.problem) == (5, "the signature of its checkpoint does not hold")


def test_a_purge_leaves_a_chain_that_begins_at_a_checkpoint(signed: Store) -> None:
    def work(key: Callable[[int], bytes], rows: dict[bytes, bytes]) -> None:
        for sequence in range(1, 6):
            del rows[key(sequence)]

    change(signed, work)
    found = verified(signed)
    assert (found.problem, found.first, found.events, found.signed) == (None, 6, 5, 10)
    change(signed, lambda key, rows: rows.pop(key(5) + b"c"))
    assert verified(signed).at == 6
