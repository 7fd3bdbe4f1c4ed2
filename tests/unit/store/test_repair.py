"""Whatever can be computed is made again; what can't is left, and named."""

from __future__ import annotations

import os
import random
import signal
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lightwave.directory.store import layout
from lightwave.directory.store.check import Finding, check
from lightwave.directory.store.environment import Store
from lightwave.directory.store.indexes import IndexKind
from lightwave.directory.store.keyring import Keyring
from lightwave.directory.store.layout import entry_key, pack_id
from lightwave.directory.store.repair import repair_slice
from store_entries import SCHEMA, Clock, add, dn, put_index
from store_harm import HARMS, fill

NOT_COMPUTED = {"record", "no record", "no stamps", "stamps cut"}
"""What a repair can't know."""


def repair(store: Store, most: int = 3, tell: Callable[[], object] = lambda: None) -> Counter[str]:
    """Repair in slices so small that each database takes several."""
    found: Counter[str] = Counter()
    more = True
    while more:
        with store.write() as transaction:
            more = repair_slice(transaction, lambda txn: SCHEMA.describe, most=most, found=found)
        tell()
    return found


def findings(store: Store) -> list[Finding]:
    with store.read() as reader:
        return list(check(reader, SCHEMA.describe))


def contents(store: Store) -> dict[str, list[tuple[bytes, bytes]]]:
    """All rows of all databases but meta, whose counters and generations go on."""
    with store.read() as reader:
        return {
            name: list(reader.raw.cursor(getattr(store.databases, name)).iternext())
            for name, _, _ in layout.DATABASES
            if name != "meta"
        }


@pytest.mark.parametrize("name", HARMS)
def test_each_harm_is_mended(store: Store, name: str) -> None:
    group = fill(store)
    before = contents(store)
    _, harm = HARMS[name]
    with store.environment.begin(write=True) as raw:
        harm(raw, store.databases, group)
    assert findings(store)
    assert repair(store) or name in NOT_COMPUTED
    if name not in NOT_COMPUTED:
        assert findings(store) == []
    if name not in (*NOT_COMPUTED, "no link"):  # a link that is gone is gone: its mirror goes, too
        assert contents(store) == before


def test_a_sound_store_is_left_alone(store: Store) -> None:
    fill(store)
    before = contents(store)
    assert repair(store) == Counter()
    assert contents(store) == before


def test_everything_that_follows_is_made_from_nothing(store: Store) -> None:
    fill(store)
    before = contents(store)
    with store.environment.begin(write=True) as raw:
        for name in (
            "children",
            "backlinks",
            "unresolved",
            "index",
            "guids",
            "changes",
            "tenant_changes",
            "expiry",
        ):
            raw.drop(getattr(store.databases, name), delete=False)
    repair(store)
    assert contents(store) == before


def test_two_entries_at_one_change_number(store: Store) -> None:
    with store.write() as transaction:
        one, other = (add(transaction, 1, name) for name in (b"cn=one", b"cn=other"))
        usn = transaction.record(1, one).usn_changed
        record = transaction.record(1, other)
        body = record.data[:-4].replace(pack_id(record.usn_changed), pack_id(usn))
        data = body + struct.pack("<I", zlib.crc32(body))
        transaction.raw.put(entry_key(1, other), data, db=store.databases.entries)
    assert findings(store)
    repair(store)
    assert findings(store) == []
    with store.read() as reader:
        assert len({reader.record(1, one).usn_changed, reader.record(1, other).usn_changed}) == 2


def test_caches_forget_wrong_names(store: Store) -> None:
    with store.write() as transaction:
        one = add(transaction, 1, b"cn=one")
    with store.read() as reader:
        assert reader.find(dn(b"cn=one,dc=example,dc=org")) == (1, one)
        child = next(iter(reader.children(1, 1)))[0]
    with store.environment.begin(write=True) as raw:
        raw.delete(entry_key(1, 1), child, db=store.databases.children)
        raw.put(entry_key(1, 1), b"2.5.4.3=two\0" + pack_id(one), db=store.databases.children)
    with store.read() as reader:
        assert reader.find(dn(b"cn=two,dc=example,dc=org")) == (1, one)
    repair(store)
    with store.read() as reader, pytest.raises(Exception, match="no such entry"):
        reader.find(dn(b"cn=two,dc=example,dc=org"))


def test_killed_ten_times_it_goes_on(store: Store, tmp_path: Path) -> None:
    with store.write() as transaction:
        put_index(transaction, "sn", IndexKind.EQUALITY)
        for number in range(120):
            add(transaction, 1, b"cn=e%d" % number, {"sn": [b"s%d" % number]}, links=[("manager", 1)])
    before = contents(store)
    with store.environment.begin(write=True) as raw:
        for name in ("children", "backlinks", "index", "guids", "changes", "tenant_changes"):
            raw.drop(getattr(store.databases, name), delete=False)
    store.close()
    chance = random.Random(3)
    for _ in range(10):
        _in_a_process_that_is_killed(tmp_path, chance.randrange(1, 12))
    with Store.open(tmp_path / "store", None, now=Clock(), map_size=1 << 30) as again:
        with again.read() as reader:
            assert reader.meta(b"repair") is not None, "it was never killed on its way"
        repair(again, most=40)
        assert findings(again) == []
        assert contents(again) == before


def _in_a_process_that_is_killed(folder: Path, slices: int) -> None:
    """Repair in a process that dies, by its own hand, within or after that many slices."""
    child = os.fork()
    if not child:
        try:
            store = Store.open(folder / "store", None, now=Clock(), map_size=1 << 30)
            left = iter(range(slices))

            def die() -> None:
                if next(left, None) is None:
                    with store.write() as transaction:
                        repair_slice(transaction, lambda txn: SCHEMA.describe, most=5)
                        os.kill(os.getpid(), signal.SIGKILL)

            repair(store, most=5, tell=die)
        finally:
            os._exit(1)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_the_keyring_is_not_needed(store: Store, tmp_path: Path) -> None:
    fill(store)
    store.close()
    assert Keyring.open(tmp_path / "keyring")
    with Store.open(tmp_path / "store", None, now=Clock(), map_size=1 << 30) as opened:
        assert repair(opened) == Counter()
