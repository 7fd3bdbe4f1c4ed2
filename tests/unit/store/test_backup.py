"""What a backup holds is the store; what is not whole is no backup."""

from __future__ import annotations

import io
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lightwave.directory.store import layout
from lightwave.directory.store.backup import (
    AUDIT,
    BY_ENTRY,
    WHOLE,
    Origin,
    order_chain,
    verify_backup,
    write_backup,
)
from lightwave.directory.store.backup_file import BackupError, BackupFile, Manifest
from lightwave.directory.store.check import check
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import DamagedRecord, StoreBusy
from lightwave.directory.store.expiry import purge_removals
from lightwave.directory.store.files import UNFINISHED, unfinished_file
from lightwave.directory.store.indexes import IndexKind
from lightwave.directory.store.layout import entry_key
from lightwave.directory.store.restoring import derive, load
from store_entries import SCHEMA, Clock, add, describe, put_index
from store_harm import fill

SMALL = 512
MAP = 1 << 30


def origin(number: int = 1) -> Origin:
    return Origin(bytes([number] * 16), "2026-11-23T20:00:00+00:00", {"hostname": "here"}, {})


def back_up(store: Store, path: Path, base: Path | None = None, number: int = 1) -> Path:
    manifest = None
    if base is not None:
        with BackupFile(base) as opened:
            manifest = opened.manifest
    with unfinished_file(path) as stream:
        write_backup(store, stream, origin(number), manifest, part_size=SMALL)
    with BackupFile(path) as backup:
        verify_backup(backup)
    return path


@contextmanager
def restored(folder: Path, *paths: Path) -> Iterator[Store]:
    """The store that backups make."""
    chain = order_chain([BackupFile(path) for path in paths])
    load(folder, chain, now=Clock(), map_size=MAP)
    with Store.open(folder, None, now=Clock(), map_size=MAP) as store:
        derive(store, lambda txn: SCHEMA.describe)
        yield store


def contents(store: Store) -> dict[str, list[tuple[bytes, bytes]]]:
    """All rows of all databases; of meta what is not counted by writing (generations)."""
    with store.read() as reader:
        assert list(check(reader, SCHEMA.describe)) == []
        return {
            name: [
                row
                for row in reader.raw.cursor(getattr(store.databases, name)).iternext()
                if name != "meta" or not row[0].startswith((b"counters", b"generation"))
            ]
            for name, _, _ in layout.DATABASES
        }


def busy_store(store: Store) -> list[int]:
    """Entries of every sort, some of them removed."""
    fill(store)
    with store.write() as transaction:
        put_index(transaction, "cn", IndexKind.SUBSTRING)
    ids = []
    with store.write() as transaction:
        for number in range(40):
            values = {"sn": [b"s%d" % number], "member": [b"cn=later%d" % number]}
            ids.append(add(transaction, 1, b"cn=e%d" % number, values, links=[("manager", 1)]))
            transaction.put_secret(1, ids[-1], b"credentials", b"x", transaction.begin_change())
        transaction.remove_links(1, ids[3], describe("manager"), [1], transaction.begin_change())
        transaction.remove_entry(1, ids[4], transaction.begin_change(), describe=SCHEMA.describe)
    return ids


def change_store(store: Store, ids: list[int]) -> None:
    """What an increment has to tell."""
    with store.write() as transaction:
        transaction.remove_entry(1, ids[5], transaction.begin_change(), describe=SCHEMA.describe)
        transaction.remove_links(1, ids[6], describe("manager"), [1], transaction.begin_change())
        transaction.add_links(1, ids[7], describe("manager"), [ids[8]], transaction.begin_change())
        transaction.delete_secret(1, ids[9], b"credentials", transaction.begin_change())
        add(transaction, ids[10], b"cn=new", {"sn": [b"new"]}, links=[("manager", ids[11])])
        transaction.intern_descriptor(1, b"descriptor")


def test_of_every_database_it_is_decided_whether_it_is_computed() -> None:
    """Whoever adds a database has it in backups, or in what `repair` makes again; failures count anew."""
    computed = {
        "children",
        "backlinks",
        "unresolved",
        "index",
        "guids",
        "changes",
        "tenant_changes",
        "expiry",
    }
    forgotten = {"failures"}
    assert {name for name, _, _ in layout.DATABASES} == {*WHOLE, *BY_ENTRY, AUDIT, *computed, *forgotten}


def test_a_full_backup_is_the_store(store: Store, tmp_path: Path) -> None:
    busy_store(store)
    path = back_up(store, tmp_path / "full")
    assert path.stat().st_mode & 0o777 == 0o600
    with restored(tmp_path / "copy", path) as copy:
        assert contents(copy) == contents(store)


def test_change_numbers_and_clock_go_on_above_all_that_was_seen(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    busy_store(store)
    clock.now += 3_600
    with store.write() as transaction:
        last = transaction.begin_change()
        add(transaction, 1, b"cn=last", change=last)
    path = back_up(store, tmp_path / "full")
    with restored(tmp_path / "copy", path) as copy:  # on a machine whose clock is an hour behind
        assert copy.server_guid == store.server_guid
        copy.renew_server(bytes(range(48, 64)))
        with copy.write() as transaction:
            change = transaction.begin_change()
            add(transaction, 1, b"cn=first", change=change)
        assert change.stamp.clock > last.stamp.clock
        assert change.stamp.server == bytes(range(48, 64))
        assert change.usn > last.usn
        assert contents(copy)


def test_increments_add_up_to_the_store(store: Store, tmp_path: Path) -> None:
    ids = busy_store(store)
    full = back_up(store, tmp_path / "full")
    change_store(store, ids)
    first = back_up(store, tmp_path / "first", full, 2)
    with store.write() as transaction:
        transaction.remove_entry(1, ids[12], transaction.begin_change(), describe=SCHEMA.describe)
    second = back_up(store, tmp_path / "second", first, 3)
    assert second.stat().st_size < full.stat().st_size
    with restored(tmp_path / "copy", second, full, first) as copy:
        assert contents(copy) == contents(store)


def test_an_increment_later_than_the_traces_of_removals(store: Store, clock: Clock, tmp_path: Path) -> None:
    ids = busy_store(store)
    full = back_up(store, tmp_path / "full")
    change_store(store, ids)
    clock.now += 2 * 86_400
    with store.write() as transaction:
        purge_removals(transaction, clock.now)
    increment = back_up(store, tmp_path / "increment", full, 2)
    with restored(tmp_path / "copy", full, increment) as copy:
        with copy.write() as transaction:
            purge_removals(transaction, clock.now)
        assert contents(copy)["entries"] == contents(store)["entries"]
        assert contents(copy)["secrets"] == contents(store)["secrets"]


def test_what_is_written_meanwhile_is_not_in_it(store: Store, tmp_path: Path) -> None:
    busy_store(store)
    before = contents(store)

    def write(what: str, done: int, total: int) -> None:
        with store.write() as transaction:
            if what == "entries":
                add(transaction, 1, b"cn=meanwhile", {"sn": [b"x"]})
            transaction.intern_descriptor(1, what.encode())

    with unfinished_file(tmp_path / "full") as stream:
        write_backup(store, stream, origin(), progress=write)
    assert len(contents(store)["entries"]) > len(before["entries"])
    with restored(tmp_path / "copy", tmp_path / "full") as copy:
        assert contents(copy) == before


def test_neg_every_cut_is_refused(store: Store, tmp_path: Path) -> None:
    fill(store)
    data = back_up(store, tmp_path / "full").read_bytes()
    for size in (*range(0, len(data), 97), len(data) - 1):
        (tmp_path / "cut").write_bytes(data[:size])
        with pytest.raises(BackupError), BackupFile(tmp_path / "cut") as backup:
            verify_backup(backup)


def test_neg_every_changed_byte_is_refused(store: Store, tmp_path: Path) -> None:
    fill(store)
    data = back_up(store, tmp_path / "full").read_bytes()
    for at in range(0, len(data), 3):
        changed = data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1 :]
        (tmp_path / "changed").write_bytes(changed)
        with pytest.raises(BackupError), BackupFile(tmp_path / "changed") as backup:
            verify_backup(backup)


@pytest.mark.parametrize("data", [b"", b"x", b"lightwave backup\n", b"lightwave backup\n" + bytes(100)])
def test_neg_what_is_no_backup(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "none").write_bytes(data)
    with pytest.raises(BackupError):
        BackupFile(tmp_path / "none")
    with pytest.raises(BackupError, match="can't be read"):
        BackupFile(tmp_path / "absent")


def test_neg_a_later_format(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightwave.directory.store.backup_file.FORMAT", 9)
    path = back_up_quietly(store, tmp_path / "later")
    monkeypatch.undo()
    with pytest.raises(BackupError, match="format 9"):
        BackupFile(path)


def back_up_quietly(store: Store, path: Path) -> Path:
    with path.open("wb") as stream:
        write_backup(store, stream, origin())
    return path


def test_neg_a_damaged_record_is_not_backed_up(store: Store, tmp_path: Path) -> None:
    group = fill(store)
    with store.environment.begin(write=True) as raw:
        raw.put(entry_key(1, group), b"x" * 80, db=store.databases.entries)
    with pytest.raises(DamagedRecord):
        back_up(store, tmp_path / "full")
    assert not list(tmp_path.glob("full*"))


def test_neg_a_base_of_another_store(store: Store, tmp_path: Path) -> None:
    full = back_up(store, tmp_path / "full")
    store.renew_server(bytes(range(32, 48)))
    with pytest.raises(BackupError, match="another node"):
        back_up(store, tmp_path / "increment", full, 2)


def test_neg_a_base_that_knows_more(store: Store) -> None:
    with store.read() as reader:
        usn = reader.last_usn() + 1
    base = Manifest(bytes(16), None, 0, usn, 0, store.server_guid, 2, 0, 0, "", {}, {})
    with pytest.raises(BackupError, match="older copy"):
        write_backup(store, io.BytesIO(), origin(), base)


def test_neg_chains_with_gaps(store: Store, tmp_path: Path) -> None:
    full = back_up(store, tmp_path / "full")
    first = back_up(store, tmp_path / "first", full, 2)
    second = back_up(store, tmp_path / "second", first, 3)
    twin = back_up(store, tmp_path / "twin", full, 4)
    for wrong, word in (
        ((full, second), "missing"),
        ((first, second), "full backup is needed"),
        ((full, full), "full backup is needed"),
        ((full, first, twin), "same backup"),
    ):
        with pytest.raises(BackupError, match=word):
            order_chain([BackupFile(path) for path in wrong])


def test_two_writers_of_one_file(tmp_path: Path) -> None:
    with unfinished_file(tmp_path / "one") as stream:
        stream.write(b"first")
        with pytest.raises(StoreBusy), unfinished_file(tmp_path / "one"):
            pass
    assert (tmp_path / "one").read_bytes() == b"first"


# --- killed --------------------------------------------------------------------------------------------------------


def killed(work: Callable[[Callable[..., None]], object], steps: int) -> bool:
    """Run work in a process that dies at its own hand after some steps; whether it died before the end."""
    child = os.fork()
    if not child:
        left = iter(range(steps))

        def step(*_: object) -> None:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            work(step)
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


class CountingStream(io.RawIOBase):
    """A stream that tells of each write."""

    def __init__(self, stream: io.RawIOBase, step: Callable[..., None]) -> None:
        self._stream = stream
        self._step = step

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        assert isinstance(data, bytes | bytearray | memoryview)
        self._step()
        half = bytes(data)[: len(data) // 2]
        self._stream.write(half)
        self._step()
        return len(half) + (self._stream.write(bytes(data)[len(half) :]) or 0)


def test_a_backup_killed_ten_times_is_no_backup(store: Store, tmp_path: Path) -> None:
    busy_store(store)
    expected = contents(store)
    store.close()
    path = tmp_path / "full"

    def work(step: Callable[..., None]) -> None:
        with (
            Store.open(tmp_path / "store", None, now=Clock(), map_size=MAP, read_only=True) as reader,
            unfinished_file(path) as stream,
        ):
            telling: object = CountingStream(stream, step)  # type: ignore[arg-type]
            write_backup(reader, telling, origin(), part_size=SMALL)  # type: ignore[arg-type]

    chance = random.Random(5)
    for _ in range(10):
        assert killed(work, chance.randrange(1, 60))
        assert not path.exists()
        with pytest.raises(BackupError), BackupFile(path.with_name(path.name + UNFINISHED)) as backup:
            verify_backup(backup)
    assert not killed(work, 1 << 30)
    with restored(tmp_path / "copy", path) as copy:
        assert contents(copy) == expected
