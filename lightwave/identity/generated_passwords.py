"""Passwords that the server makes when a client names none (RFC 3062 §3)."""

from __future__ import annotations

from collections.abc import Callable

_ALPHABET = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""letters and digits that are not taken for one another when they are read out or typed"""
LENGTH = 20
"""characters: 116 bits of chance"""


def generate_password(random: Callable[[int], bytes]) -> bytes:
    """A new password; `random` gives that many random bytes. Every character is equally likely."""
    size = len(_ALPHABET)
    even = 256 - 256 % size
    found = bytearray()
    while len(found) < LENGTH:
        found += bytes(_ALPHABET[octet % size] for octet in random(LENGTH) if octet < even)
    return bytes(found[:LENGTH])
