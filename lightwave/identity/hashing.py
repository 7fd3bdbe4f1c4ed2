"""The cost of our own password hashes, Argon2id (RFC 9106), and the hash itself; the cost of keys for SCRAM."""

from __future__ import annotations

from dataclasses import dataclass

from argon2.low_level import Type, hash_secret

from lightwave.sasl import scram_keys

SALT_SIZE = 16
_HASH = 32
SCHEME = b"{ARGON2}"
LEAST_MEMORY, MOST_MEMORY = 8, 262_144
"""KiB; the least is for each lane"""
MOST_PASSES = 16
LEAST_ITERATIONS, MOST_ITERATIONS = scram_keys.LEAST_ITERATIONS, scram_keys.MOST_ITERATIONS


@dataclass(frozen=True, slots=True)
class HashingCost:
    """Parameters of Argon2id. memory: KiB. passes: iterations. lanes: parallelism.

    iterations: of PBKDF2 for the keys of SCRAM (RFC 7677 §4); 0 means that none are made. The client pays them at
    each login, so they are fewer than one would give a hash of one's own.

    The default is RFC 9106 §4's second recommendation (64 MiB, 3 passes) with one lane, because one
    computation gets one thread here. `MINIMUM` is for tests.
    """

    memory: int = 65_536
    passes: int = 3
    lanes: int = 1
    iterations: int = 32_768

    def __post_init__(self) -> None:
        if not (1 <= self.passes <= MOST_PASSES and 1 <= self.lanes <= 16):
            raise ValueError("passes and lanes are 1 to 16")
        if not LEAST_MEMORY * self.lanes <= self.memory <= MOST_MEMORY:
            raise ValueError("memory is 8 KiB for each lane to 256 MiB")
        if self.iterations and not LEAST_ITERATIONS <= self.iterations <= MOST_ITERATIONS:
            raise ValueError(f"iterations are 0, or {LEAST_ITERATIONS} to {MOST_ITERATIONS}")


MINIMUM = HashingCost(memory=8, passes=1, lanes=1, iterations=LEAST_ITERATIONS)


def hash_password(prepared: bytes, salt: bytes, cost: HashingCost) -> bytes:
    """`{ARGON2}$argon2id$…`, as OpenLDAP's module writes it; takes the time that `cost` asks for."""
    if len(salt) != SALT_SIZE:
        raise ValueError(f"the salt has {SALT_SIZE} bytes")
    encoded = hash_secret(
        prepared,
        salt,
        time_cost=cost.passes,
        memory_cost=cost.memory,
        parallelism=cost.lanes,
        hash_len=_HASH,
        type=Type.ID,
    )
    return SCHEME + encoded
