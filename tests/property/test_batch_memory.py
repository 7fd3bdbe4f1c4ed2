"""Invariant: what a batch remembers is what the store says, whatever its operations did before and which of them
were undone.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lightwave.directory.store.batch_memory import BatchMemory
from lightwave.directory.store.errors import EntryExists, NoSuchEntry, StoreError
from lightwave.directory.store.writing import AttributeChange, WriteTransaction
from store_entries import BASE, Clock, add, describe, dn, make_store, rdn

NAMES = (b"cn=a", b"cn=b", b"ou=d")
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["add", "move", "remove", "update"]),
        st.integers(0, 12),
        st.integers(0, 12),
        st.sampled_from(NAMES),
        st.booleans(),
    ),
    max_size=25,
)


class Undone(Exception):
    """Makes a child abort."""


def operate(txn: WriteTransaction, what: str, one: int, other: int, name: bytes) -> None:
    ids = list(txn.entry_ids(1))
    if not ids:
        raise NoSuchEntry(1)
    entry, above = ids[one % len(ids)], ids[other % len(ids)]
    change = txn.begin_change()
    if what == "add":
        add(txn, above, name, {"description": [b"x"]})
    elif what == "move":
        txn.move_entry(1, entry, above, name, rdn(name), change)
    elif what == "remove":
        txn.remove_entry(1, entry, change, describe=describe)
    else:
        values = (b"%d" % change.usn,)
        txn.update_entry(1, entry, [AttributeChange(describe("description"), values)], change)


def answers(txn: WriteTransaction) -> list[object]:
    """What the batch can be asked; of some entries only, so that it does not know all that stand above them."""
    found: list[object] = []
    for entry_id in list(txn.entry_ids(1))[-2:]:
        name = txn.dn(1, entry_id)
        found += [entry_id, name, txn.place(1, entry_id), txn.record(1, entry_id).data, txn.find(dn(name))]
    for name in NAMES:
        for above in (BASE, b"cn=a," + BASE, b"cn=b,cn=a," + BASE):
            try:
                found.append(txn.find(dn(name + b"," + above)))
            except NoSuchEntry as error:
                found.append((error.matched_tenant, error.matched_entry_id))
    return [*found, txn.last_usn()]


def forgetful_answers(txn: WriteTransaction) -> list[object]:
    """The same, asked of the store alone."""
    memory = txn._memory
    txn._memory = BatchMemory()
    txn._memory.displaced = True  # so that the caches are not asked either
    try:
        return answers(txn)
    finally:
        txn._memory = memory


@settings(max_examples=150, deadline=None)
@given(OPERATIONS, OPERATIONS)
def test_a_batch_remembers_what_the_store_says(
    before: list[tuple[str, int, int, bytes, bool]], batch: list[tuple[str, int, int, bytes, bool]]
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="lw-batch-"))
    store = make_store(folder, Clock())
    try:
        for operations in (before, batch):
            with store.read() as reader:  # fills the caches of the state that the batch begins with
                for entry_id in reader.entry_ids(1):
                    reader.find(dn(reader.dn(1, entry_id)))
            with store.write() as parent:
                for what, one, other, name, undo in operations:
                    try:
                        with parent.child() as txn:
                            operate(txn, what, one, other, name)
                            assert answers(txn) == forgetful_answers(txn)
                            if undo:
                                raise Undone
                    except (Undone, EntryExists, NoSuchEntry, StoreError):
                        pass
                    with parent.child() as txn:
                        assert answers(txn) == forgetful_answers(txn)
    finally:
        store.close()
        shutil.rmtree(folder)
