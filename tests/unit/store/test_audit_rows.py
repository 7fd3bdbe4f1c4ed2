"""Events of the audit in the store: chains per tenant and node, written in the transaction of what they tell of."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from lightwave.directory.store import audit_rows, layout
from lightwave.directory.store.audit_rows import Event, Stored, Subject, append, encode_body, events
from lightwave.directory.store.backup import Origin, verify_backup, write_backup
from lightwave.directory.store.backup_file import BackupFile
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import DamagedEvent
from lightwave.directory.store.files import unfinished_file
from lightwave.directory.store.restoring import load
from store_entries import START, Clock

FULL = Event(
    START + 0.25,
    1,
    "password-reset",
    "insufficientAccessRights",
    Subject(bytes(range(16)), b"cn=Ann,dc=example,dc=org"),
    Subject(bytes(range(16, 32)), "cn=Zoë,dc=example,dc=org".encode()),
    "ldap",
    "192.0.2.1:4711",
    "userAccountControl=514",
    "1f-c12",
    7,
)


def stored(store: Store, tenant: int = 1) -> list[Stored]:
    with store.read() as reader:
        return list(events(reader, tenant, store.server_number))


def assert_chained(found: list[Stored]) -> None:
    for before, after in pairwise(found):
        assert after.hash == audit_rows.chain_hash(before.hash, after.sequence, encode_body(after.event))


def test_what_is_appended_is_read(store: Store) -> None:
    with store.write() as txn:
        append(txn, FULL)
        append(txn, Event(START, 1, "add"))
    first, second = stored(store)
    assert first.event == FULL
    assert second.event == Event(START, 1, "add")
    assert (first.sequence, second.sequence, first.node) == (1, 2, store.server_number)
    with store.read() as reader:
        beginning = audit_rows.first_hash(reader, 1, store.server_number)
    assert first.hash == audit_rows.chain_hash(beginning, 1, encode_body(FULL))
    assert second.hash == audit_rows.chain_hash(first.hash, 2, encode_body(second.event))


def test_an_undone_operation_leaves_no_event_and_no_gap(store: Store) -> None:
    with store.write() as txn:
        append(txn, FULL._replace(action="first"))
        child = txn.child()
        append(child, FULL._replace(action="undone"))
        child.abort()
        child = txn.child()
        append(child, FULL._replace(action="second"))
        child.commit()
    whole = store.begin_write()
    append(whole, FULL._replace(action="undone"))
    whole.abort()
    with store.write() as txn:
        append(txn, FULL._replace(action="third"))
    found = stored(store)
    assert [(one.sequence, one.event.action) for one in found] == [(1, "first"), (2, "second"), (3, "third")]
    assert_chained(found)


_OTHER = """
import sys
from pathlib import Path
from lightwave.directory.store.audit_rows import Event, append
from lightwave.directory.store.environment import Store
with Store.open(Path(sys.argv[1]), None, now=lambda: 1.0, map_size=1 << 30) as store:
    for line in sys.stdin:
        with store.write() as txn:
            append(txn, Event(1.0, 1, line.strip()))
        print("done", flush=True)
"""


def test_two_processes_continue_one_chain(store: Store, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _OTHER, str(tmp_path / "store")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        for turn in range(6):
            if turn % 2:
                print(f"n{turn}", file=other.stdin, flush=True)
                assert other.stdout.readline() == "done\n"
            else:
                with store.write() as txn:
                    append(txn, FULL._replace(action=f"n{turn}"))
        other.stdin.close()
    found = stored(store)
    assert [(one.sequence, one.event.action) for one in found] == [
        (turn + 1, f"n{turn}") for turn in range(6)
    ]
    assert_chained(found)


def test_tenants_have_chains_of_their_own(store: Store) -> None:
    with store.write() as txn:
        second = txn.create_tenant(bytes(16))
        append(txn, FULL._replace(tenant=second))
        append(txn, FULL)
        append(txn, FULL._replace(tenant=second))
    assert [one.sequence for one in stored(store)] == [1]
    assert [(one.sequence, one.event.tenant) for one in stored(store, second)] == [(1, second), (2, second)]
    with store.read() as reader:
        node = store.server_number
        assert list(audit_rows.chains(reader)) == [(1, node, 1), (second, node, 2)]
        assert audit_rows.nodes_of(reader, second) == [node]
        assert audit_rows.nodes_of(reader, second + 1) == []


def test_long_texts_are_cut(store: Store) -> None:
    long = FULL._replace(detail="ä" * 5_000, target=Subject(b"", b"x" * 70_000), peer="p" * 1_000)
    with store.write() as txn:
        append(txn, long)
    (one,) = stored(store)
    assert len(one.event.detail.encode()) <= 4_096
    assert one.event.detail.endswith("ä...")
    assert (len(one.event.target.dn), len(one.event.peer)) == (1_024, 64)


def test_reading_begins_at_a_time(store: Store) -> None:
    with store.write() as txn:
        for second in range(50):
            append(txn, FULL._replace(time=START + second))
    with store.read() as reader:
        node = store.server_number
        for at, before in ((-5, 0), (0, 0), (0.5, 1), (30, 30), (49, 49), (99, 50)):
            assert audit_rows.before_time(reader, 1, node, START + at) == before
        assert audit_rows.before_time(reader, 2, node, START) == 0
        assert [one.sequence for one in events(reader, 1, node, 47)] == [48, 49, 50]


@pytest.mark.parametrize("damage", [b"", b"\2" + bytes(80), bytes(20)])
def test_neg_damaged_rows_are_named(store: Store, damage: bytes) -> None:
    with store.write() as txn:
        append(txn, FULL)
    with store.write() as txn:
        assert store.databases.audit is not None
        txn.raw.put(layout.audit_key(1, store.server_number, 1), damage, db=store.databases.audit)
    with pytest.raises(DamagedEvent, match="event 1"):
        stored(store)


def test_backups_hold_it(store: Store, tmp_path: Path) -> None:
    with store.write() as txn:
        append(txn, FULL)
    with unfinished_file(tmp_path / "full") as stream:
        base = write_backup(store, stream, Origin(bytes(16), "", {}, {}))
    assert base.audit == ((1, store.server_number, 1),)
    with store.write() as txn:
        append(txn, FULL._replace(action="later"))
    with unfinished_file(tmp_path / "increment") as stream:
        write_backup(store, stream, Origin(bytes([1] * 16), "", {}, {}), base)
    with BackupFile(tmp_path / "full") as full, BackupFile(tmp_path / "increment") as increment:
        assert full.manifest.audit == base.audit
        assert sum(len(rows) for rows in increment.parts("audit")) == 1
        verify_backup(full)
        verify_backup(increment)
        load(tmp_path / "copy", [full, increment], now=Clock(), map_size=1 << 30)
    with Store.open(tmp_path / "copy", None, now=Clock(), map_size=1 << 30) as copy, copy.read() as reader:
        assert list(events(reader, 1, store.server_number)) == stored(store)
