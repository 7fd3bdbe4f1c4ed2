"""A store of an older format opens and is brought on row by row; one of a later format is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightwave.directory.store import building, layout
from lightwave.directory.store.backup import Origin, verify_backup, write_backup
from lightwave.directory.store.backup_file import BackupFile
from lightwave.directory.store.check import check
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import StoreVersionError
from lightwave.directory.store.files import unfinished_file
from lightwave.directory.store.indexes import IndexKind, IndexState
from lightwave.directory.store.layout import pack_number
from lightwave.directory.store.restoring import load
from store_entries import SCHEMA, Clock, add, describe, put_index

MAP = 1 << 30


@pytest.fixture
def old(store: Store, tmp_path: Path) -> Path:
    """A store of format 1: no version in the rows of indexes, no GUID in those of removals."""
    with store.write() as transaction:
        put_index(transaction, "sn", IndexKind.EQUALITY)
        gone = add(transaction, 1, b"cn=gone", {"sn": [b"gone"]})
        add(transaction, 1, b"cn=one", {"sn": [b"one"]})
        transaction.remove_entry(1, gone, transaction.begin_change(), describe=SCHEMA.describe)
    make_old(store)
    store.close()
    return tmp_path / "store"


def make_old(store: Store) -> None:
    """Put what differs as format 1 had it."""
    databases = store.databases
    with store.environment.begin(write=True) as raw:
        raw.put(layout.META_FORMAT, pack_number(1), db=databases.meta)
        for key, value in list(raw.cursor(databases.meta).iternext()):
            if key.startswith(layout.INDEX_STATE_PREFIX):
                raw.put(key, value[:13], db=databases.meta)
        for key, value in list(raw.cursor(databases.changes).iternext()):
            if len(value) > layout.CHANGE_SIZE:
                raw.put(key, value[:20], db=databases.changes)


def opened(path: Path, *, read_only: bool = False) -> Store:
    return Store.open(path, None, now=Clock(), map_size=MAP, read_only=read_only)


def version(store: Store) -> int:
    with store.read() as reader:
        return layout.number(reader.raw.get(layout.META_FORMAT, db=store.databases.meta) or b"")


def index_rows(store: Store) -> list[bytes]:
    with store.read() as reader:
        rows = reader.raw.cursor(store.databases.meta).iternext()
        return [value for key, value in rows if key.startswith(layout.INDEX_STATE_PREFIX)]


def test_it_is_read_as_it_is(old: Path) -> None:
    with opened(old, read_only=True) as store:
        assert version(store) == 1
        with store.read() as reader:
            number = reader.attribute_number(describe("sn").key)
            assert number is not None
            assert reader.index_state(number, IndexKind.EQUALITY) is IndexState.COMPLETE
            assert [one.removed for one in reader.changes_since(0)].count(True) == 1
            assert list(check(reader, SCHEMA.describe)) == []


def test_it_is_brought_on_when_it_is_written(old: Path) -> None:
    with opened(old) as store:
        assert version(store) == layout.FORMAT
        assert {len(row) for row in index_rows(store)} == {13}
        with store.write() as transaction:
            (definition,) = transaction.definitions()
            transaction.put_definition(definition)
            two = add(transaction, 1, b"cn=two", {"sn": [b"two"]})
            transaction.remove_entry(1, two, transaction.begin_change(), describe=SCHEMA.describe)
        assert {len(row) for row in index_rows(store)} == {14}
        with store.read() as reader:
            assert list(check(reader, SCHEMA.describe)) == []


def test_an_index_of_other_rules_is_made_anew(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightwave.directory.store.indexes.KEYS", 2)
    monkeypatch.setattr(
        "lightwave.directory.store.indexes.IndexDefinition.__init__.__defaults__", ((0, 0), 2)
    )
    with opened(old) as store:
        with store.read() as reader:
            number = reader.attribute_number(describe("sn").key)
            assert number is not None
            assert reader.index_state(number, IndexKind.EQUALITY) is IndexState.RENEWING
            assert reader.definitions().by_type == {}
        with store.write() as transaction:  # as other rules left it
            stray = layout.index_key(1, number, layout.EQUALITY, b"by older rules")
            transaction.raw.put(stray, layout.pack_id(1), db=store.databases.index)
        more = True
        while more:
            with store.write() as transaction:
                more = building.run_slice(transaction, SCHEMA.describe)
        with store.read() as reader:
            assert reader.index_state(number, IndexKind.EQUALITY) is IndexState.COMPLETE
            assert reader.index_count(1, number, IndexKind.EQUALITY, b"one") == 1
            assert list(check(reader, SCHEMA.describe)) == []
        assert [row[13:] for row in index_rows(store)] == [b"\2"]


def test_neg_a_later_format_is_refused(old: Path) -> None:
    with opened(old) as store, store.environment.begin(write=True) as raw:
        raw.put(layout.META_FORMAT, pack_number(layout.FORMAT + 1), db=store.databases.meta)
    for read_only in (True, False):
        with pytest.raises(StoreVersionError, match=f"format {layout.FORMAT + 1}"):
            opened(old, read_only=read_only)


def test_neg_no_format_at_all(old: Path) -> None:
    with opened(old) as store, store.environment.begin(write=True) as raw:
        raw.delete(layout.META_FORMAT, db=store.databases.meta)
    with pytest.raises(StoreVersionError):
        opened(old)


def test_a_backup_of_an_older_format_is_restored(old: Path, tmp_path: Path) -> None:
    with (
        opened(old, read_only=True) as store,
        unfinished_file(tmp_path / "full") as stream,
    ):
        manifest = write_backup(store, stream, Origin(bytes(16), "", {}, {}))
    assert manifest.store_format == 1
    with BackupFile(tmp_path / "full") as backup:
        verify_backup(backup)
        load(tmp_path / "copy", [backup], now=Clock(), map_size=MAP)
    with opened(tmp_path / "copy") as copy:
        assert version(copy) == layout.FORMAT
        with copy.read() as reader:
            assert reader.entry_count() == 2
