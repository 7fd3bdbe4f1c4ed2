"""A full disk refuses and loses nothing; what was acknowledged before a kill is there after it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lightwave.directory.store.check import check
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import NoSuchEntry
from store_entries import BASE, SCHEMA, Clock, dn, make_store

ROOT = Path(__file__).parents[3]

FULL_DISK = """
import resource, sys, signal
from pathlib import Path
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import StoreFull
from store_entries import BASE, Clock, add, dn
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
store = Store.open(path, None, now=Clock(), map_size=1 << 30, max_readers=32)
limit = (path / "data.mdb").stat().st_size + 200_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
kept = refused = 0
for number in range(200):
    try:
        with store.write() as transaction:
            add(transaction, 1, b"cn=e%d" % number, {"description": [bytes([65 + number % 26]) * 5000]})
        kept += 1
        assert not refused
    except StoreFull:
        refused += 1
    if number % 20 == 0:
        with store.read() as reader:
            assert reader.entry_count() == kept + 1
            reader.find(dn(b"cn=e0," + BASE))
assert refused, kept
print(kept, flush=True)
"""

KILLED = """
import queue, sys, time
from pathlib import Path
from lightwave.directory.store.commit import Committer
from lightwave.directory.store.environment import Store
from lightwave.directory.store.writing import AttributeChange
from store_entries import SCHEMA, Clock, add, describe
store = Store.open(Path(sys.argv[1]), None, now=Clock(), map_size=1 << 30, max_readers=32)
calls = queue.SimpleQueue()
committer = Committer(store, calls.put, time.monotonic)
base = sys.argv[2].encode()
def submit(number):
    def apply(transaction):
        entry = add(transaction, 1, b"cn=%b-%d" % (base, number), {"sn": [b"%d" % number]}, links=[("member", 1)])
        one = AttributeChange(describe("description"), (b"second change of the operation",))
        transaction.update_entry(1, entry, [one], transaction.begin_change())
        return number
    def done(answer):
        print(answer, flush=True)
        submit(number + 16)
    committer.submit(apply, done)
for number in range(16):
    submit(number)
while True:
    calls.get()()
"""


def run(script: str, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PATH": os.environ["PATH"]}
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, env=environment
    )


def test_neg_a_full_disk_refuses_and_reading_goes_on(tmp_path: Path) -> None:
    make_store(tmp_path).close()
    process = run(FULL_DISK, str(tmp_path / "store"))
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    kept = int(output)
    assert kept > 5
    with Store.open(tmp_path / "store", None, now=Clock(), map_size=1 << 30) as store:
        with store.read() as reader:
            assert reader.entry_count() == kept + 1
            assert list(check(reader, SCHEMA.describe)) == []
        with store.write() as transaction:  # room again
            transaction.put_meta(b"x", bytes(1_000_000))


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, soaking: bool) -> None:
    make_store(tmp_path).close()
    chance = random.Random(4511)
    for life in range(50 if soaking else 5):
        process = run(KILLED, str(tmp_path / "store"), str(life))
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(chance.randrange(20, 300))]
        process.send_signal(signal.SIGKILL)
        acknowledged += [
            int(line) for line in process.stdout.read().splitlines(keepends=True) if line[-1:] == b"\n"
        ]
        process.wait()
        with (
            Store.open(tmp_path / "store", None, now=Clock(), map_size=1 << 30) as store,
            store.read() as reader,
        ):
            for number in acknowledged:
                reader.find(dn(b"cn=%d-%d,%b" % (life, number, BASE)))
            with pytest.raises(NoSuchEntry):
                reader.find(dn(b"cn=%d-1000000,%b" % (life, BASE)))
            assert list(check(reader, SCHEMA.describe)) == []
