"""Passwords that the server makes when a client names none (RFC 3062 §3), such that they meet the policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from lightwave.identity.password_rules import NOBODY, PasswordOwner, PasswordRefused, check_quality
from lightwave.identity.policy_attributes import DEFAULT, PUNCTUATION, PasswordPolicy

_LOWER: Final = "abcdefghijkmnpqrstuvwxyz"
_UPPER: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_DIGITS: Final = "23456789"
"""letters and digits that are not taken for one another when they are read out or typed"""
LENGTH: Final = 20
"""characters, where policy allows: 116 bits of chance"""
_ATTEMPTS: Final = 100


def generate_password(
    random: Callable[[int], bytes], policy: PasswordPolicy = DEFAULT, owner: PasswordOwner = NOBODY
) -> bytes:
    """A new password; `random` gives that many random bytes. What policy doesn't ask for is equally likely everywhere.

    Raises PasswordRefused where the policy leaves too little room.
    """
    cheap = replace(policy, min_strength=0)  # it is strong by how it is made
    for _ in range(_ATTEMPTS):
        made = _made(random, policy)
        try:
            check_quality(made, cheap, owner)
        except PasswordRefused as error:  # one character too often in a row, perhaps
            refused = error
            continue
        return made
    raise refused


def _made(random: Callable[[int], bytes], policy: PasswordPolicy) -> bytes:
    everything = _LOWER + _UPPER + _DIGITS
    special = "".join(char for char in policy.special_characters if char != " " and not char.isalnum())
    other = special or PUNCTUATION.strip()
    chosen: list[str] = []
    for count, alphabet in (
        (policy.min_lower, _LOWER),
        (policy.min_upper, _UPPER),
        (policy.min_numeric, _DIGITS),
        (policy.min_special, special or everything),
        (policy.min_alphabetic - policy.min_lower - policy.min_upper, _LOWER + _UPPER),
    ):
        chosen += _pick(random, alphabet, max(0, count))
    for alphabet in (_LOWER, _UPPER, _DIGITS, other)[: policy.min_classes]:
        if not any(char in alphabet for char in chosen):
            chosen += _pick(random, alphabet, 1)
    length = min(max(LENGTH, policy.min_length), policy.max_length)
    chosen += _pick(random, everything, length - len(chosen))
    return "".join(_shuffled(random, chosen)).encode()


def _pick(random: Callable[[int], bytes], alphabet: Sequence[str], count: int) -> list[str]:
    return [alphabet[_below(random, len(alphabet))] for _ in range(count)]


def _shuffled(random: Callable[[int], bytes], chosen: list[str]) -> list[str]:
    for last in range(len(chosen) - 1, 0, -1):
        other = _below(random, last + 1)
        chosen[last], chosen[other] = chosen[other], chosen[last]
    return chosen


def _below(random: Callable[[int], bytes], bound: int) -> int:
    """A number from 0 to `bound` - 1, each as likely; bound: up to 65,536."""
    even = 65_536 - 65_536 % bound
    while True:
        number = int.from_bytes(random(2), "big")
        if number < even:
            return number % bound
