"""The cost of password hashes, and the list of breached passwords, as settings of the node's entry.

lwHashingMemory (KiB), lwHashingPasses, lwScramIterations (0: no keys for SCRAM are made). A number out of bounds
counts as the nearest that is in bounds: a node has to start to be corrected.
"""

from __future__ import annotations

from collections.abc import Callable

from lightwave.directory.schema.normalisation import NormalisedDN
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.hashing import (
    LEAST_ITERATIONS,
    LEAST_MEMORY,
    MOST_ITERATIONS,
    MOST_MEMORY,
    MOST_PASSES,
    HashingCost,
)

MEMORY = "lwHashingMemory"
PASSES = "lwHashingPasses"
ITERATIONS = "lwScramIterations"
BREACHED = "lwBreachedPasswordsFile"


def hashing_attributes(cost: HashingCost) -> dict[str, list[bytes]]:
    """The attributes of a node's entry that say `cost`; none for the default."""
    if cost == HashingCost():
        return {}
    return {
        MEMORY: [b"%d" % cost.memory],
        PASSES: [b"%d" % cost.passes],
        ITERATIONS: [b"%d" % cost.iterations],
    }


def breach_list_of(node: NormalisedDN) -> Callable[[ReadTransaction, Schema], str | None]:
    """Reads from the node's entry, whenever it is asked, where the list of breached passwords is; None for nowhere."""

    def read(txn: ReadTransaction, schema: Schema) -> str | None:
        attribute = schema.attribute(BREACHED)
        number = txn.attribute_number(attribute.oid) if attribute is not None else None
        try:
            values = txn.record(*txn.find(node)).values(number) if number is not None else []
        except NoSuchEntry:
            return None
        return values[0].decode("utf-8", "surrogateescape") if values else None

    return read


def read_hashing_cost(txn: ReadTransaction, schema: Schema, node: NormalisedDN) -> HashingCost:
    """What the node's entry says; the default where it says nothing."""
    default = HashingCost()
    try:
        record = txn.record(*txn.find(node))
    except NoSuchEntry:
        return default

    def number(name: str, otherwise: int) -> int:
        attribute = schema.attribute(name)
        found = txn.attribute_number(attribute.oid) if attribute is not None else None
        values = record.values(found) if found is not None else []
        return int(values[0]) if values else otherwise

    iterations = number(ITERATIONS, default.iterations)
    return HashingCost(
        memory=min(max(number(MEMORY, default.memory), LEAST_MEMORY), MOST_MEMORY),
        passes=min(max(number(PASSES, default.passes), 1), MOST_PASSES),
        iterations=min(max(iterations, LEAST_ITERATIONS), MOST_ITERATIONS) if iterations > 0 else 0,
    )
