"""What a server keeps of a password for SRP: a salt, and v for each name that x is made with.

    length of the salt 1, salt, count 1; each: length 2, name as UTF-8, length 2, v      integers big-endian

The x of SRP-SHA-256 does not depend on a name: it has one v, under the empty name. That of SRP does, with the name
as the client's user types it: there is a v for each of the names that the account has when its password is set.
A verifier does not let its holder act as the client, but whoever has it can try passwords against it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from lightwave.sasl.srp_math import Profile, password_verifier

SALT_SIZE: Final = 16
MAX_NAMES: Final = 8


class DamagedVerifiers(Exception):
    """Stored verifiers are not of the form that this version reads."""


@dataclass(frozen=True, slots=True)
class SrpKeys:
    """The salt and the verifiers of one password, by name."""

    salt: bytes
    verifiers: tuple[tuple[bytes, int], ...] = field(repr=False)

    def verifier(self, profile: Profile, name: str) -> int | None:
        """v for the name that a client has sent, letter for letter."""
        wanted = name.encode("utf-8") if profile.named else b""
        return next((verifier for found, verifier in self.verifiers if found == wanted), None)


def derive_keys(
    profile: Profile, password: str, names: Sequence[str], random: Callable[[int], bytes]
) -> SrpKeys:
    """The keys of a new password: 2 ms for each name with SRP, 5 with SRP-SHA-256. Raises Unpreparable."""
    salt = random(SALT_SIZE)
    wanted = tuple(dict.fromkeys(names))[:MAX_NAMES] if profile.named else ("",)
    return SrpKeys(
        salt,
        tuple((name.encode("utf-8"), password_verifier(profile, salt, name, password)) for name in wanted),
    )


def encode_keys(keys: SrpKeys) -> bytes:
    """The bytes that are kept."""
    parts = [bytes([len(keys.salt)]), keys.salt, bytes([len(keys.verifiers)])]
    for name, verifier in keys.verifiers:
        number = verifier.to_bytes((verifier.bit_length() + 7) // 8, "big")
        parts += (len(name).to_bytes(2, "big"), name, len(number).to_bytes(2, "big"), number)
    return b"".join(parts)


def decode_keys(data: bytes) -> SrpKeys:
    """The reverse of `encode_keys`; raises DamagedVerifiers."""
    position = 0

    def take(size: int) -> bytes:
        nonlocal position
        start, position = position, position + size
        if position > len(data):
            raise DamagedVerifiers("cut short")
        return data[start:position]

    def number(size: int) -> int:
        return int.from_bytes(take(size), "big")

    salt = take(number(1))
    verifiers = tuple((take(number(2)), number(number(2))) for _ in range(number(1)))
    if position != len(data) or not salt:
        raise DamagedVerifiers("of a wrong length")
    return SrpKeys(salt, verifiers)
