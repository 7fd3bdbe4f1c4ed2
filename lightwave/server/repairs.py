"""Check and repair of a node's store, while it serves or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import islice

from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.check import Finding, Progress, check
from lightwave.directory.store.environment import Store
from lightwave.directory.store.index_keys import Describe
from lightwave.directory.store.repair import STEPS, progress_of, repair_slice
from lightwave.directory.store.writing import WriteTransaction

_ROUNDS = 2
"""A round that goes on where a killed one was does not see what was harmed behind it."""


def findings(store: Store, most: int, progress: Progress) -> tuple[list[Finding], int]:
    """What is wrong with the store, up to `most`, and how many entries it has."""
    builtin = Schema.load_builtin()
    with store.read() as txn:
        describe = SchemaSource(builtin).current(txn).describe
        return list(islice(check(txn, describe, progress), most)), txn.entry_count()


def repair(
    store: Store, sound: Callable[[], bool], progress: Callable[[int, int], None] = lambda step, steps: None
) -> Counter[str]:
    """Make again what can be computed, in slices between other writes; the rows put or deleted, by database.

    `sound` says after a round whether anything is still wrong.
    """
    builtin = Schema.load_builtin()

    def describe(txn: WriteTransaction) -> Describe:
        # Not one source for all: where names were wrong, the schema was not found, though nobody has changed it.
        return SchemaSource(builtin).current(txn).describe

    found: Counter[str] = Counter()
    for _ in range(_ROUNDS):
        more = True
        while more:
            with store.write() as txn:
                more = repair_slice(txn, describe, found=found)
                step = progress_of(txn) if more else STEPS
            progress(step, STEPS)
        if sound():
            break
    return found
