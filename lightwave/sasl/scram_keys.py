"""The keys of SCRAM-SHA-256 (RFC 5802 §3, RFC 7677): what a server keeps of a password, and how it is derived.

    SaltedPassword := Hi(SASLprep(password), salt, i)            Hi is PBKDF2 with HMAC-SHA-256
    ClientKey      := HMAC(SaltedPassword, "Client Key")         StoredKey := H(ClientKey)
    ServerKey      := HMAC(SaltedPassword, "Server Key")

Stored, integers big-endian:

    iterations 4, length of the salt 1, salt, StoredKey 32, ServerKey 32
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from lightwave.sasl.saslprep import saslprep

SALT_SIZE = 16
KEY_SIZE = 32
LEAST_ITERATIONS = 4_096
"""RFC 7677 §4"""
MOST_ITERATIONS = 1_000_000
_HEAD = 5


class DamagedKeys(Exception):
    """Stored keys are not of the form that this version reads."""


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What a server needs to know of a password. It does not let its holder act as the client."""

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


def derive_keys(password: str, salt: bytes, iterations: int) -> ScramKeys:
    """Keys for a new password; takes the time that `iterations` ask for.

    Raises Unpreparable for a password that SASLprep refuses, ValueError for iterations out of bounds.
    """
    if not LEAST_ITERATIONS <= iterations <= MOST_ITERATIONS:
        raise ValueError(f"iterations are {LEAST_ITERATIONS} to {MOST_ITERATIONS}")
    prepared = saslprep(password, stored=True).encode("utf-8")
    salted = hashlib.pbkdf2_hmac("sha256", prepared, salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return ScramKeys(
        salt,
        iterations,
        hashlib.sha256(client_key).digest(),
        hmac.digest(salted, b"Server Key", "sha256"),
    )


def encode_keys(keys: ScramKeys) -> bytes:
    """The bytes that are kept."""
    head = keys.iterations.to_bytes(4, "big") + bytes([len(keys.salt)])
    return head + keys.salt + keys.stored_key + keys.server_key


def decode_keys(data: bytes) -> ScramKeys:
    """The reverse of `encode_keys`; raises DamagedKeys."""
    if len(data) < _HEAD or len(data) != _HEAD + data[4] + 2 * KEY_SIZE:
        raise DamagedKeys("of a wrong length")
    iterations = int.from_bytes(data[:4], "big")
    if not LEAST_ITERATIONS <= iterations <= MOST_ITERATIONS or not data[4]:
        raise DamagedKeys("out of bounds")
    stored = _HEAD + data[4]
    return ScramKeys(
        data[_HEAD:stored], iterations, data[stored : stored + KEY_SIZE], data[stored + KEY_SIZE :]
    )
