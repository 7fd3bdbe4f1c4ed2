"""Caches hold only what the snapshot that asks may see, whoever wrote it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lightwave.directory.store.caches import BoundedCache
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import NoSuchEntry, StoreError
from lightwave.directory.store.expiry import purge_removals
from lightwave.directory.store.writing import AttributeChange
from store_entries import BASE, SCHEMA, START, Clock, add, describe, dn, rdn

PERSON = b"cn=p,ou=people," + BASE

WRITER = """
import sys
from pathlib import Path
from lightwave.directory.store.environment import Store
from store_entries import BASE, SCHEMA, Clock, add, describe, dn, rdn
store = Store.open(Path(sys.argv[1]), None, now=Clock(), map_size=1 << 30, max_readers=32)
for line in sys.stdin:
    with store.write() as transaction:
        _, people = transaction.find(dn(b"ou=people," + BASE))
        if line == "move\\n":
            transaction.move_entry(1, people, 1, b"ou=staff", rdn(b"ou=staff"), transaction.begin_change())
        elif line == "add\\n":
            add(transaction, people, b"cn=q", {"telephoneNumber;x-other": [b"1"]})
        elif line == "remove\\n":
            _, person = transaction.find(dn(b"cn=p,ou=people," + BASE))
            transaction.remove_entry(1, person, transaction.begin_change(), describe=SCHEMA.describe)
    print("done", flush=True)
"""


class OtherProcess:
    def __init__(self, folder: Path) -> None:
        root = Path(__file__).parents[3]
        environment = {"PYTHONPATH": f"{root}:{root / 'tests'}", "PATH": "/usr/bin:/bin"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )

    def do(self, what: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(what.encode() + b"\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"done\n"

    def close(self) -> None:
        self.process.communicate(timeout=20)


def make_people(store: Store) -> tuple[int, int]:
    with store.write() as transaction:
        people = add(transaction, 1, b"ou=people")
        return people, add(transaction, people, b"cn=p", {"sn": [b"s"]})


def test_another_process_is_believed_at_the_next_read(store: Store) -> None:
    people, person = make_people(store)
    other = OtherProcess(Path(store.environment.path()))
    for _ in range(2):
        with store.read() as reader:
            assert reader.find(dn(PERSON)) == (1, person)
            assert reader.dn(1, person) == PERSON
    other.do("add")
    with store.read() as reader:
        added = reader.find(dn(b"cn=q,ou=people," + BASE))[1]
        number = reader.record(1, added).numbers()[0]
        assert reader.attribute_key(number) == describe("telephoneNumber;x-other").key
        assert reader.attribute_number(describe("telephoneNumber;x-other").key) == number
    other.do("remove")
    with store.read() as reader, pytest.raises(NoSuchEntry):
        reader.find(dn(PERSON))
    other.do("move")
    with store.read() as reader:
        assert reader.dn(1, added) == b"cn=q,ou=staff," + BASE
        assert reader.place(1, people).dn == b"ou=staff," + BASE
        with pytest.raises(NoSuchEntry):
            reader.find(dn(b"cn=q,ou=people," + BASE))
    other.close()


def test_an_older_snapshot_neither_uses_nor_fills_the_caches(store: Store) -> None:
    people, person = make_people(store)
    old = store.read()
    with store.write() as transaction:
        transaction.move_entry(1, people, 1, b"ou=staff", rdn(b"ou=staff"), transaction.begin_change())
    with store.read() as new:
        # the race: the old snapshot computes while the new one is applied already
        assert old.find(dn(PERSON)) == (1, person)
        assert old.place(1, person).dn == PERSON
        assert new.dn(1, person) == b"cn=p,ou=staff," + BASE
        with pytest.raises(NoSuchEntry):
            new.find(dn(PERSON))
        assert old.dn(1, person) == PERSON
    old.close()


def test_a_write_transaction_sees_its_own_state_and_leaks_none(store: Store) -> None:
    people, person = make_people(store)
    with store.read() as reader:
        reader.find(dn(PERSON))
    transaction = store.begin_write()
    transaction.move_entry(1, people, 1, b"ou=staff", rdn(b"ou=staff"), transaction.begin_change())
    assert transaction.find(dn(b"cn=p,ou=staff," + BASE)) == (1, person)
    transaction.attribute_number_for(describe("telephoneNumber;x-lost"))
    transaction.abort()
    with store.read() as reader:
        assert reader.find(dn(PERSON)) == (1, person)
        assert reader.attribute_number(describe("telephoneNumber;x-lost").key) is None


def test_derived_values_go_with_their_entry_or_their_generation(store: Store) -> None:
    _, person = make_people(store)
    tokens = store.derived_cache(frozenset({"policy"}), by_entry=True)
    key = (1, person)
    with store.read() as reader:
        assert reader.cached(tokens, 1, key) is None
        reader.cache(tokens, 1, key, "token")
    with store.read() as reader:
        assert reader.cached(tokens, 1, key) == "token"
    with store.write() as transaction:
        add(transaction, 1, b"cn=other")
        assert transaction.cached(tokens, 1, key) is None
    with store.read() as reader:
        assert reader.cached(tokens, 1, key) == "token"
    with store.write() as transaction:
        one = AttributeChange(describe("sn"), (b"t",))
        transaction.update_entry(1, person, [one], transaction.begin_change())
    with store.read() as reader:
        assert reader.cached(tokens, 1, key) is None
        reader.cache(tokens, 1, key, "token")
    with store.write() as transaction:
        transaction.bump_generation(1, "policy")
    with store.read() as reader:
        assert reader.generation(1, "policy") > 0
        assert reader.cached(tokens, 1, key) is None
        reader.cache(tokens, 1, key, "token")
    with store.write() as transaction:
        transaction.bump_generation(0, "policy")
    with store.read() as reader:
        assert reader.cached(tokens, 1, key) is None


def test_a_reader_that_missed_a_purged_removal_forgets_everything(store: Store, clock: Clock) -> None:
    _, person = make_people(store)
    with store.read() as reader:
        reader.find(dn(PERSON))
    with store.write() as transaction:
        transaction.remove_entry(1, person, transaction.begin_change(), describe=SCHEMA.describe)
    with store.write() as transaction:
        assert not purge_removals(transaction, START + 3600)
        assert transaction.counters().purged_usn == 0
        assert not purge_removals(transaction, START + 2 * 86400)
        assert transaction.counters().purged_usn > 0
        assert all(not one.removed for one in transaction.changes_since(0))
    with store.read() as reader, pytest.raises(NoSuchEntry):
        reader.find(dn(PERSON))


def test_many_changes_at_once_clear_all(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightwave.directory.store.caches._MOST_APPLIED", 3)
    _, person = make_people(store)
    with store.read() as reader:
        reader.find(dn(PERSON))
    with store.write() as transaction:
        for number in range(5):
            add(transaction, 1, b"cn=e%d" % number)
    with store.read() as reader:
        assert len(store.caches.names) == 0
        assert reader.find(dn(PERSON)) == (1, person)


def test_a_bounded_cache_forgets_the_oldest() -> None:
    cache: BoundedCache[int, int] = BoundedCache(10)
    for number in range(1, 1001):
        cache.put(number, number)
        assert cache.get(number) == number
    assert len(cache) <= 20
    assert cache.get(995) == 995
    assert cache.get(500) is None
    assert cache.drop(995) == 995
    assert cache.get(995) is None


def test_another_process_that_only_reads(store: Store, clock: Clock) -> None:
    _, person = make_people(store)
    path = Path(store.environment.path())
    store.close()
    with Store.open(path, None, now=clock, map_size=1 << 30, read_only=True) as opened:
        with opened.read() as reader:
            assert reader.find(dn(PERSON)) == (1, person)
        with pytest.raises(StoreError):
            opened.begin_write()
