"""SHA-crypt, the `$5$` and `$6$` hashes of Unix (U. Drepper, "Unix crypt using SHA-256 and SHA-512", 2008).

For verification of imported `{CRYPT}` values only. The standard library's `crypt` is gone from Python 3.13.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

_ALPHABET = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SETTING = re.compile(rb"\$([56])\$(?:rounds=([0-9]{1,9})\$)?([^$]{0,16})(?:[^$]*)(?:\$|\Z)")
_DEFAULT_ROUNDS = 5_000
_FEWEST_ROUNDS = 1_000
MAX_ROUNDS = 1_000_000
"""more of them are not computed: a stored value must not be able to occupy a thread for minutes"""

# Order of the digest's bytes in the output, in groups of three (most significant first).
_ORDER_256 = (
    (0, 10, 20), (21, 1, 11), (12, 22, 2), (3, 13, 23), (24, 4, 14), (15, 25, 5),
    (6, 16, 26), (27, 7, 17), (18, 28, 8), (9, 19, 29), (31, 30),
)  # fmt: skip
_ORDER_512 = (
    (0, 21, 42), (22, 43, 1), (44, 2, 23), (3, 24, 45), (25, 46, 4), (47, 5, 26), (6, 27, 48),
    (28, 49, 7), (50, 8, 29), (9, 30, 51), (31, 52, 10), (53, 11, 32), (12, 33, 54), (34, 55, 13),
    (56, 14, 35), (15, 36, 57), (37, 58, 16), (59, 17, 38), (18, 39, 60), (40, 61, 19), (62, 20, 41), (63,),
)  # fmt: skip


def sha_crypt(password: bytes, setting: bytes) -> bytes | None:
    """The whole crypt string for `setting` (`$6$salt`, or a stored string); None when it is not of
    this kind.
    """
    match = _SETTING.match(setting)
    if match is None:
        return None
    kind, wanted, salt = match.groups()
    rounds = max(_FEWEST_ROUNDS, int(wanted)) if wanted is not None else _DEFAULT_ROUNDS
    if rounds > MAX_ROUNDS:
        return None
    new = hashlib.sha256 if kind == b"5" else hashlib.sha512
    digest = _digest(new, password, salt, rounds)
    head = b"$" + kind + b"$" + (b"rounds=%d$" % rounds if wanted is not None else b"") + salt + b"$"
    return head + _encode(digest, _ORDER_256 if kind == b"5" else _ORDER_512)


def _digest(new: Any, password: bytes, salt: bytes, rounds: int) -> bytes:
    alternate = new(password + salt + password).digest()
    first = new(password + salt + _repeat(alternate, len(password)))
    length = len(password)
    while length:
        first.update(alternate if length & 1 else password)
        length >>= 1
    digest: bytes = first.digest()
    p = _repeat(new(password * len(password)).digest(), len(password))
    s = _repeat(new(salt * (16 + digest[0])).digest(), len(salt))
    for number in range(rounds):
        parts = [p if number & 1 else digest]
        if number % 3:
            parts.append(s)
        if number % 7:
            parts.append(p)
        parts.append(digest if number & 1 else p)
        digest = new(b"".join(parts)).digest()
    return digest


def _repeat(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _encode(digest: bytes, order: tuple[tuple[int, ...], ...]) -> bytes:
    output = bytearray()
    for group in order:
        number = int.from_bytes(bytes(digest[index] for index in group), "big")
        for _ in range(len(group) + 1):
            output.append(_ALPHABET[number & 63])
            number >>= 6
    return bytes(output)
