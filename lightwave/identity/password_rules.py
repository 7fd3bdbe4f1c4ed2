"""The rules for passwords, one small function each, in the order in which their failures are told. No IO.

Messages name the rule that failed and never the password. Lengths count characters of the prepared password (NFC).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from lightwave.directory.ldap.password_policy import PasswordFault
from lightwave.identity.policy_attributes import PasswordPolicy
from lightwave.identity.strength import strength

_LEAST_NAME: Final = 3
"""characters: shorter names are in too many passwords by chance ([MS-SAMR] 3.1.1.7.2)"""
_MAX_NAMES: Final = 64
_DELIMITERS: Final = re.compile(r"[,.\-_ #\t]+")
"""between the tokens of a display name ([MS-SAMR] 3.1.1.7.2)"""


class PasswordRefused(Exception):
    """A password does not meet a rule; the text names the rule, fit for the client."""

    def __init__(
        self, message: str, fault: PasswordFault = PasswordFault.INSUFFICIENT_PASSWORD_QUALITY
    ) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class PasswordOwner:
    """What of an account its password may not show. accounts: names that it signs in by, whole; names: its own."""

    accounts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def guessable(self) -> list[str]:
        """All of it, in pieces, for those who guess."""
        return list(dict.fromkeys((*self.accounts, *self.names, *tokens(self.names))))[:_MAX_NAMES]


NOBODY: Final = PasswordOwner()


def tokens(names: Iterable[str]) -> list[str]:
    """The parts of names that are long enough to tell."""
    return [part for name in names for part in _DELIMITERS.split(name) if len(part) >= _LEAST_NAME]


def check_quality(prepared: bytes, policy: PasswordPolicy, owner: PasswordOwner = NOBODY) -> None:
    """Raises PasswordRefused unless the prepared password meets the policy. Heavy: any thread but the reactor's."""
    if not policy.enabled:
        return
    text = prepared.decode("utf-8", "surrogateescape")
    for check in _CHECKS:
        check(text, policy, owner)


def check_age(age: float, policy: PasswordPolicy) -> None:
    """Raises PasswordRefused while a password is too young for its owner to change it. age: seconds."""
    if policy.enabled and age < policy.min_age:
        raise PasswordRefused(
            f"the password is too young to be changed: it must stand for {_period(policy.min_age)}",
            PasswordFault.PASSWORD_TOO_YOUNG,
        )


def _period(seconds: float) -> str:
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= unit:
            count = round(seconds / unit)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "a moment"


def _check_length(text: str, policy: PasswordPolicy, owner: PasswordOwner) -> None:
    if len(text) < policy.min_length:
        raise PasswordRefused(
            f"the password is too short: at least {policy.min_length} characters",
            PasswordFault.PASSWORD_TOO_SHORT,
        )
    if len(text) > policy.max_length:
        raise PasswordRefused(f"the password is too long: at most {policy.max_length} characters")


def _check_counts(text: str, policy: PasswordPolicy, owner: PasswordOwner) -> None:
    special = frozenset(policy.special_characters)
    for least, count, name in (
        (policy.min_alphabetic, sum(map(str.isalpha, text)), "letters"),
        (policy.min_upper, sum(map(str.isupper, text)), "capital letters"),
        (policy.min_lower, sum(map(str.islower, text)), "small letters"),
        (policy.min_numeric, sum(map(str.isdecimal, text)), "digits"),
        (policy.min_special, sum(char in special for char in text), "special characters"),
    ):
        if count < least:
            raise PasswordRefused(f"the password has too few {name}: at least {least}")


def _check_classes(text: str, policy: PasswordPolicy, owner: PasswordOwner) -> None:
    if policy.min_classes and len({_class_of(char) for char in text}) < policy.min_classes:
        raise PasswordRefused(
            f"the password needs {policy.min_classes} of: small letters, capital letters, digits, other characters"
        )


def _class_of(char: str) -> int:
    return 0 if char.islower() else 1 if char.isupper() else 2 if char.isdecimal() else 3


def _check_repetition(text: str, policy: PasswordPolicy, owner: PasswordOwner) -> None:
    most = policy.max_identical_adjacent
    if most and any(sum(1 for _ in run) > most for _, run in groupby(text)):
        raise PasswordRefused(f"the password repeats a character: at most {most} times in a row")


def _check_names(text: str, policy: PasswordPolicy, owner: PasswordOwner) -> None:
    if not policy.forbid_names:
        return
    folded = text.casefold()
    for name in (*(one for one in owner.accounts if len(one) >= _LEAST_NAME), *tokens(owner.names)):
        if name.casefold() in folded:
            raise PasswordRefused("the password contains a name of its account")


def _check_strength(text: str, policy: PasswordPolicy, owner: PasswordOwner) -> None:
    if policy.min_strength and strength(text, owner.guessable()) < policy.min_strength:
        raise PasswordRefused("the password is easy to guess: a few unrelated words are harder")


_CHECKS: Final[tuple[Callable[[str, PasswordPolicy, PasswordOwner], None], ...]] = (
    _check_length,
    _check_counts,
    _check_classes,
    _check_repetition,
    _check_names,
    _check_strength,  # last: it alone is costly
)
