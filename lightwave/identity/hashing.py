"""The cost of our own password hashes, Argon2id (RFC 9106), and the hash itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HashingCost:
    """Parameters of Argon2id. memory: KiB. passes: iterations. lanes: parallelism.

    The default is RFC 9106 §4's second recommendation (64 MiB, 3 passes) with one lane, because one
    computation gets one thread here. `MINIMUM` is for tests.
    """

    memory: int = 65_536
    passes: int = 3
    lanes: int = 1


MINIMUM = HashingCost(memory=8, passes=1, lanes=1)
