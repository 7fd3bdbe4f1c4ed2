"""What a password policy says, and the attributes of entries that say it.

The numbers of the original (`vmwPassword…`), Active Directory's password settings ([MS-ADTS] 3.1.1.4.5.36, intervals as
negative counts of 100 ns) and our own (`lw…`) are one `PasswordPolicy`. The defaults follow NIST SP 800-63B-4 §3.1.1:
length instead of composition, no expiry for its own sake, what is guessable or breached refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from lightwave.identity.credential_format import MAX_HISTORY
from lightwave.identity.passwords import MAX_PASSWORD

DAY: Final = 86_400
FOREVER: Final = -(1 << 63)
"""the interval of [MS-ADTS] that does not end"""
_TICKS: Final = 10_000_000
"""intervals of Active Directory in one second"""
PUNCTUATION: Final = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ "


class PolicyError(Exception):
    """What can't be a policy; the text says why, fit for who wrote it."""


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """Lengths in characters, times in seconds; 0 means "no such rule" wherever that makes sense.

    max_age 0: passwords don't expire. max_failures 0: accounts are not locked. auto_unlock 0: until somebody unlocks.
    min_classes: of lower case, upper case, digits and others. min_strength: zxcvbn's score.
    entry: the policy's (tenant, entry id); None for the built-in one.
    """

    enabled: bool = True
    # Fifteen where a password stands alone (NIST): twelve, with the strength estimate, is what people bear.
    min_length: int = 12
    max_length: int = 256
    min_alphabetic: int = 0
    min_upper: int = 0
    min_lower: int = 0
    min_numeric: int = 0
    min_special: int = 0
    min_classes: int = 0
    max_identical_adjacent: int = 0
    special_characters: str = PUNCTUATION
    min_strength: int = 2
    forbid_names: bool = True
    check_breached: bool = True
    history: int = 5
    min_age: float = 0
    max_age: float = 0
    expiry_warning: float = 14 * DAY
    grace_logins: int = 0
    must_change: bool = False
    user_may_change: bool = True
    exempt_administrators: bool = False
    max_failures: int = 10
    failure_interval: float = 900
    auto_unlock: float = 900
    lock_administrator: bool = False
    second_factor_for: tuple[str, ...] = ()
    upgrade_hashes: bool = True
    keep_scram: bool = True
    keep_srp: bool = True
    entry: tuple[int, int] | None = None


DEFAULT: Final = PasswordPolicy()


class Setting(NamedTuple):
    """One attribute of a policy's entry. read, write: between its value and the field's; read raises ValueError."""

    attribute: str
    field: str
    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]


def _number(least: int, most: int, unit: int = 1) -> tuple[Callable[[bytes], int], Callable[[float], bytes]]:
    def read(value: bytes) -> int:
        number = int(value)
        if not least <= number <= most:
            raise ValueError(f"must be from {least} to {most}")
        return number * unit

    return read, lambda number: b"%d" % math.ceil(number / unit)


def _read_flag(value: bytes) -> bool:
    if value not in (b"TRUE", b"FALSE"):
        raise ValueError("must be TRUE or FALSE")
    return value == b"TRUE"


def _read_text(value: bytes) -> str:
    text = value.decode("utf-8")
    if len(text) > 64:
        raise ValueError("must have at most 64 characters")
    return text


def _read_interval(value: bytes) -> float:
    number = int(value)
    if not FOREVER <= number <= 0:
        raise ValueError("must be an interval: a negative count of 100 ns")
    return 0.0 if number == FOREVER else -number / _TICKS


def to_interval(seconds: float, never: int = FOREVER) -> int:
    """An interval of Active Directory: so many 100 ns below 0; `never` for 0 seconds, which is no interval here."""
    return -int(seconds * _TICKS) if seconds else never


def _read_complexity(value: bytes) -> int:
    return 3 if _read_flag(value) else 0


_FLAG = (_read_flag, lambda flag: b"TRUE" if flag else b"FALSE")
_TEXT = (_read_text, lambda text: text.encode())
_WORDS = (lambda value: tuple(_read_text(value).lower().split()), lambda words: " ".join(words).encode())
_INTERVAL = (_read_interval, lambda seconds: b"%d" % to_interval(seconds))
_COUNT = _number(0, MAX_PASSWORD)
_SECONDS = _number(0, 10 * 366 * DAY)
_DAYS = _number(0, 36_600, DAY)

ORIGINAL: Final = (
    Setting("Enabled", "enabled", *_FLAG),
    Setting("vmwPasswordProhibitedPreviousCount", "history", *_number(0, MAX_HISTORY)),
    Setting("vmwPasswordLifetimeDays", "max_age", *_DAYS),
    Setting("vmwPasswordMaxLength", "max_length", *_number(1, MAX_PASSWORD)),
    Setting("vmwPasswordMinLength", "min_length", *_COUNT),
    Setting("vmwPasswordMinAlphabeticCount", "min_alphabetic", *_COUNT),
    Setting("vmwPasswordMinUpperCaseCount", "min_upper", *_COUNT),
    Setting("vmwPasswordMinLowerCaseCount", "min_lower", *_COUNT),
    Setting("vmwPasswordMinNumericCount", "min_numeric", *_COUNT),
    Setting("vmwPasswordMinSpecialCharCount", "min_special", *_COUNT),
    Setting("vmwPasswordMaxIdenticalAdjacentChars", "max_identical_adjacent", *_COUNT),
    Setting("vmwPasswordSpecialChars", "special_characters", *_TEXT),
    Setting("vmwPasswordChangeMaxFailedAttempts", "max_failures", *_number(0, 65_535)),
    Setting("vmwPasswordChangeFailedAttemptIntervalSec", "failure_interval", *_SECONDS),
    Setting("vmwPasswordChangeAutoUnlockIntervalSec", "auto_unlock", *_SECONDS),
)
OURS: Final = (
    Setting("lwPasswordMinClasses", "min_classes", *_number(0, 4)),
    Setting("lwPasswordMinStrength", "min_strength", *_number(0, 4)),
    Setting("lwPasswordForbidNames", "forbid_names", *_FLAG),
    Setting("lwPasswordCheckBreached", "check_breached", *_FLAG),
    Setting("lwPasswordMinAgeSeconds", "min_age", *_SECONDS),
    Setting("lwPasswordGraceLogins", "grace_logins", *_number(0, 1_000)),
    Setting("lwPasswordExpiryWarningDays", "expiry_warning", *_DAYS),
    Setting("lwPasswordMustChange", "must_change", *_FLAG),
    Setting("lwPasswordUserMayChange", "user_may_change", *_FLAG),
    Setting("lwPasswordExemptAdministrators", "exempt_administrators", *_FLAG),
    Setting("lwSecondFactorFor", "second_factor_for", *_WORDS),
    Setting("lwLockAdministrator", "lock_administrator", *_FLAG),
    Setting("lwPasswordUpgradeHashes", "upgrade_hashes", *_FLAG),
    Setting("lwKeepScram", "keep_scram", *_FLAG),
    Setting("lwKeepSRP", "keep_srp", *_FLAG),
)
PASSWORD_SETTINGS: Final = (
    Setting("msDS-MaximumPasswordAge", "max_age", *_INTERVAL),
    Setting("msDS-MinimumPasswordAge", "min_age", *_INTERVAL),
    Setting("msDS-MinimumPasswordLength", "min_length", *_number(0, 255)),
    # Active Directory takes 1,024; each is verified against at every change, so here it is as many as are kept.
    Setting("msDS-PasswordHistoryLength", "history", *_number(0, MAX_HISTORY)),
    Setting("msDS-PasswordComplexityEnabled", "min_classes", _read_complexity, _FLAG[1]),
    Setting("msDS-LockoutObservationWindow", "failure_interval", *_INTERVAL),
    Setting("msDS-LockoutDuration", "auto_unlock", *_INTERVAL),
    Setting("msDS-LockoutThreshold", "max_failures", *_number(0, 65_535)),
)
SETTINGS: Final = (*ORIGINAL, *OURS)
"""of a tenant's policy: each field once"""
BY_ATTRIBUTE: Final[Mapping[str, Setting]] = {one.attribute: one for one in (*SETTINGS, *PASSWORD_SETTINGS)}


def policy_from(
    base: PasswordPolicy, values: Mapping[str, bytes], entry: tuple[int, int] | None = None
) -> PasswordPolicy:
    """`base` with what an entry's attributes say, by their names; raises PolicyError for a value that says nothing."""
    fields: dict[str, Any] = {}
    for name, value in values.items():
        setting = BY_ATTRIBUTE[name]
        try:
            fields[setting.field] = setting.read(value)
        except ValueError as error:
            reason = str(error) if not isinstance(error, UnicodeDecodeError) else "must be UTF-8"
            raise PolicyError(f"{name}: {reason}") from None
    if fields.get("min_classes") and "msDS-PasswordComplexityEnabled" in values:
        fields["forbid_names"] = True  # [MS-SAMR] 3.1.1.7.2: complexity is both
    return replace(base, **fields, entry=entry)


def policy_values(policy: PasswordPolicy) -> dict[str, bytes]:
    """All that a tenant's policy says, by attribute."""
    return {one.attribute: one.write(getattr(policy, one.field)) for one in SETTINGS}


def check_policy(policy: PasswordPolicy) -> None:
    """Raises PolicyError for a policy that no password could meet, or that contradicts itself."""
    letters = max(policy.min_alphabetic, policy.min_upper + policy.min_lower)
    if policy.min_length > policy.max_length:
        raise PolicyError("the minimum length is above the maximum length")
    if letters + policy.min_numeric + policy.min_special > policy.max_length:
        raise PolicyError("the counts of characters add up to more than the maximum length")
    if policy.min_special and not policy.special_characters:
        raise PolicyError("special characters are asked for, and there are none")
    if policy.max_age and policy.min_age >= policy.max_age:
        raise PolicyError("a password would expire before it may be changed")
    if policy.max_failures and not policy.failure_interval:
        raise PolicyError("failures are counted within an interval: set it, or no maximum of failures")
