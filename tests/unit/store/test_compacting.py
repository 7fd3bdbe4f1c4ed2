"""A compacted store is the same store; who waits for it meanwhile sees all of it."""

from __future__ import annotations

import os
import select
from pathlib import Path

import pytest

from lightwave.directory.store import layout
from lightwave.directory.store.check import check
from lightwave.directory.store.compacting import begin_anew, compact_file
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import StoreBusy
from lightwave.directory.store.files import unused
from lightwave.directory.store.indexes import IndexKind
from store_entries import SCHEMA, Clock, add, put_index
from store_harm import fill

MAP = 1 << 30


@pytest.mark.parametrize("commits", [2, 3, 4, 5])  # LMDB has two pages for the last transaction, by turns
def test_a_process_that_waits_sees_the_copy(store: Store, tmp_path: Path, commits: int) -> None:
    fill(store)
    for number in range(commits):
        with store.write() as transaction:
            add(transaction, 1, b"cn=e%d" % number)
    with store.read() as reader:
        count = reader.entry_count()
    store.close()
    folder = tmp_path / "store"
    begun, told = os.pipe(), os.pipe()
    with unused(folder / "lock.mdb"):
        child = os.fork()
        if not child:
            try:
                os.write(begun[1], b"x")
                with Store.open(folder, None, now=Clock(), map_size=MAP) as waiting, waiting.read() as reader:
                    os.write(told[1], bytes([reader.entry_count()]))
            finally:
                os._exit(0)
        os.read(begun[0], 1)
        compact_file(folder / "data.mdb")
        assert not select.select([told[0]], [], [], 0.1)[0], "it did not wait"
        begin_anew(folder)
    os.waitpid(child, 0)
    os.close(told[1])
    assert os.read(told[0], 1) == bytes([count])
    for end in (*begun, told[0]):
        os.close(end)
    with Store.open(folder, None, now=Clock(), map_size=MAP) as copy, copy.read() as reader:
        assert list(check(reader, SCHEMA.describe)) == []
        assert reader.entry_count() == count


def test_many_duplicates_under_one_key(store: Store, tmp_path: Path) -> None:
    """LMDB's own compacting copy ends the process here."""
    with store.write() as transaction:
        put_index(transaction, "sn", IndexKind.EQUALITY)
        put_index(transaction, "cn", IndexKind.SUBSTRING)
    with store.write() as transaction:
        for number in range(4_000):
            values = {"sn": [b"same"], "cn": [b"entry number %d" % number]}
            add(transaction, 1, b"cn=e%d" % number, values, links=[("manager", 1)])
    with store.write() as transaction:
        for number in range(2, 1_002):
            transaction.remove_entry(1, number, transaction.begin_change(), describe=SCHEMA.describe)
    before = contents(store)
    store.close()
    folder = tmp_path / "store"
    size = (folder / "data.mdb").stat().st_size
    with unused(folder / "lock.mdb"):
        compact_file(folder / "data.mdb")
        begin_anew(folder)
    assert (folder / "data.mdb").stat().st_size < size
    with Store.open(folder, None, now=Clock(), map_size=MAP) as copy:
        assert contents(copy) == before
        with copy.write() as transaction:
            add(transaction, 1, b"cn=after", {"sn": [b"same"]})
        with copy.read() as reader:
            assert list(check(reader, SCHEMA.describe)) == []


def contents(store: Store) -> dict[str, list[tuple[bytes, bytes]]]:
    """All rows of all databases."""
    with store.read() as reader:
        return {
            name: list(reader.raw.cursor(getattr(store.databases, name)).iternext())
            for name, _, _ in layout.DATABASES
        }


def test_neg_not_while_the_store_is_open(store: Store, tmp_path: Path) -> None:
    child = os.fork()  # in POSIX a process does not exclude itself
    if not child:
        code = 1
        try:
            with unused(tmp_path / "store" / "lock.mdb"):
                pass
        except StoreBusy:
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    with store.read() as reader:
        assert reader.entry_count() == 1


def test_a_copy_that_was_killed_is_written_over(store: Store, tmp_path: Path) -> None:
    fill(store)
    store.close()
    data = tmp_path / "store" / "data.mdb"
    left = data.with_name("data.mdb.unfinished")
    left.write_bytes(b"half a copy" * 100_000)
    with unused(data.with_name("lock.mdb")):
        compact_file(data)
        begin_anew(data.parent)
    assert not left.exists()
    assert data.stat().st_size < len(b"half a copy" * 100_000)
    with Store.open(data.parent, None, now=Clock(), map_size=MAP) as copy, copy.read() as reader:
        assert list(check(reader, SCHEMA.describe)) == []
