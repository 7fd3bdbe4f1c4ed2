"""The arithmetic of SRP: SRP-6 as Cyrus SASL speaks it, SRP-6a as RFC 5054 has it.

                      SRP                             SRP-SHA-256
    H                 SHA-1                           SHA-256
    group             2048 bits                       3072 bits
    x                 H(s | H(U | ":" | p))           H(s | H(":" | p)), p prepared with SASLprep
    v                 g^x                             g^x
    k                 3                               H(N | PAD(g))
    B                 kv + g^b                        kv + g^b
    u                 H(A | B)                        H(PAD(A) | PAD(B))
    S of the client   (B - kg^x)^(a + ux)             the same
    S of the server   (Av^u)^b                        the same
    K                 H(S)                            H(PAD(S))
    M1                H(H(N) xor H(g) | H(U) | s | A | B | K | H(I) | H(L)), in the right column with H(o) at the end
    M2                H(A | M1 | K | H(I) | H(o) | sid | ttl)

All modulo N; | joins octets, PAD fills up to the length of N. Where no PAD stands a number has as many octets as it
needs. The left column is draft-burdis-cat-srp-sasl-08 over RFC 2945, without that RFC's interleaved hash, as
Cyrus SASL's plugin has it. The right column is this project's: its x does not depend on the spelling of a name, its u
and k are RFC 5054's. M1 and M2 are the draft's in both, over padded numbers in the right one. Its M1 covers what the
client has chosen as well: with the draft's, whoever sits between can take the layer out of o, and while the client
notices it by M2 and goes, he has a connection that is signed in.

Python's `pow` holds the interpreter for as long as it computes: 2 to 3 ms with 2048 bits, 5 to 6 with 3072. One of
them makes a server's challenge, two more verify a proof; they run in threads, one at a time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from lightwave.sasl.saslprep import saslprep
from lightwave.sasl.srp_groups import GROUPS, Group

SECRET_SIZE: Final = 32
"""octets of a and b: RFC 5054 §2.5.3 and §2.5.4 want 256 bits at least"""


class UnsafeNumber(Exception):
    """The other end sent a number that would make the outcome known (RFC 5054 §2.5.3, §2.5.4)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is fixed for one mechanism.

    mechanism: its name. mda: the hash as options name it; digest: as hashlib does. named: x depends on the user's
    name. padded: k, u and the rest are those of RFC 5054.
    """

    mechanism: str
    mda: str
    digest: str
    group: Group
    named: bool
    padded: bool

    def hash(self, *parts: bytes) -> bytes:
        """H of the parts together."""
        return hashlib.new(self.digest, b"".join(parts), usedforsecurity=True).digest()

    def octets(self, number: int) -> bytes:
        """A number as it is hashed."""
        size = self.group.octets if self.padded else max(1, (number.bit_length() + 7) // 8)
        return number.to_bytes(size, "big")

    @property
    def multiplier(self) -> int:
        """k"""
        if not self.padded:
            return 3
        return int.from_bytes(
            self.hash(self.octets(self.group.modulus), self.octets(self.group.generator)), "big"
        )


SRP: Final = Profile("SRP", "SHA-1", "sha1", GROUPS[2048], named=True, padded=False)
SRP_SHA_256: Final = Profile("SRP-SHA-256", "SHA-256", "sha256", GROUPS[3072], named=False, padded=True)
PROFILES: Final = (SRP_SHA_256, SRP)
"""strongest first"""


def private_key(profile: Profile, salt: bytes, name: str, password: str, *, stored: bool = False) -> int:
    """x, from a name and a password as they are typed. stored: v will be kept. Raises Unpreparable."""
    if not profile.named:
        name, password = "", saslprep(password, stored=stored)
    identity = f"{name}:{password}".encode()
    return int.from_bytes(profile.hash(salt, profile.hash(identity)), "big")


def password_verifier(profile: Profile, salt: bytes, name: str, password: str) -> int:
    """v; raises Unpreparable."""
    x = private_key(profile, salt, name, password, stored=True)
    return pow(profile.group.generator, x, profile.group.modulus)


def secret_number(profile: Profile, octets: bytes) -> int:
    """a or b from random octets: more than log_g N, so that the power goes around (RFC 2945 §3)."""
    return int.from_bytes(octets, "big") + profile.group.bits


def client_public(profile: Profile, secret: int) -> int:
    """A = g^a"""
    return pow(profile.group.generator, secret, profile.group.modulus)


def server_public(profile: Profile, verifier: int, secret: int) -> int:
    """B = kv + g^b"""
    modulus = profile.group.modulus
    return (profile.multiplier * verifier + pow(profile.group.generator, secret, modulus)) % modulus


def scrambler(profile: Profile, client: int, server: int) -> int:
    """u; raises UnsafeNumber for 0."""
    u = int.from_bytes(profile.hash(profile.octets(client), profile.octets(server)), "big")
    if not u:
        raise UnsafeNumber
    return u


def server_key(profile: Profile, verifier: int, secret: int, client: int, server: int) -> bytes:
    """K as the server computes it from v, b, A and B; raises UnsafeNumber."""
    modulus = profile.group.modulus
    if not 0 < client < modulus:
        raise UnsafeNumber
    u = scrambler(profile, client, server)
    base = client * pow(verifier, u, modulus) % modulus
    if base in (1, modulus - 1):
        raise UnsafeNumber
    return profile.hash(profile.octets(pow(base, secret, modulus)))


def client_key(profile: Profile, x: int, secret: int, client: int, server: int) -> bytes:
    """K as the client computes it from x, a, A and B; raises UnsafeNumber."""
    modulus = profile.group.modulus
    if not 0 < server < modulus:
        raise UnsafeNumber
    u = scrambler(profile, client, server)
    base = (server - profile.multiplier * pow(profile.group.generator, x, modulus)) % modulus
    return profile.hash(profile.octets(pow(base, secret + u * x, modulus)))


@dataclass(frozen=True, slots=True)
class Exchange:
    """What both ends have seen of one exchange, as octets: the name U, the identity I, the options L and o."""

    name: bytes
    identity: bytes
    salt: bytes
    client: int
    server: int
    offered: bytes
    chosen: bytes


def client_evidence(profile: Profile, exchange: Exchange, key: bytes) -> bytes:
    """M1"""
    group = profile.group
    modulus, generator = (
        profile.hash(number.to_bytes((number.bit_length() + 7) // 8, "big"))
        for number in (group.modulus, group.generator)
    )
    return profile.hash(
        bytes(left ^ right for left, right in zip(modulus, generator, strict=True)),
        profile.hash(exchange.name),
        exchange.salt,
        profile.octets(exchange.client),
        profile.octets(exchange.server),
        key,
        profile.hash(exchange.identity),
        profile.hash(exchange.offered),
        profile.hash(exchange.chosen) if profile.padded else b"",
    )


def server_evidence(profile: Profile, exchange: Exchange, key: bytes, proof: bytes) -> bytes:
    """M2, for a session that can't be resumed: sid is empty, ttl 0."""
    return profile.hash(
        profile.octets(exchange.client),
        proof,
        key,
        profile.hash(exchange.identity),
        profile.hash(exchange.chosen),
        bytes(4),
    )
