"""A compacted store is the same store; who waits for it meanwhile sees all of it."""

from __future__ import annotations

import os
import select
from pathlib import Path

import lmdb
import pytest

from lightwave.directory.store.check import check
from lightwave.directory.store.compacting import begin_anew, compact_file
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import StoreBusy
from lightwave.directory.store.files import unused
from store_entries import SCHEMA, Clock, add
from store_harm import fill

MAP = 1 << 30


@pytest.mark.parametrize("commits", [3, 4])  # LMDB has two pages for the last transaction, by turns
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
    with lmdb.open(str(data.parent), max_dbs=32, map_size=MAP) as environment:
        assert environment.info()["last_txnid"] == 1
