"""Password policies as JSON, and what their names are in the directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field, SecretStr, StrictBool

from lightwave.identity.policy_attributes import BY_ATTRIBUTE, PasswordPolicy
from lightwave.rest.resources import Name, Resource, TenantQuery

MOST_APPLIED = 1_000

ATTRIBUTES: Final[Mapping[str, str]] = {
    "enabled": "Enabled",
    "min_length": "vmwPasswordMinLength",
    "max_length": "vmwPasswordMaxLength",
    "min_strength": "lwPasswordMinStrength",
    "forbid_names": "lwPasswordForbidNames",
    "check_breached": "lwPasswordCheckBreached",
    "min_alphabetic": "vmwPasswordMinAlphabeticCount",
    "min_upper": "vmwPasswordMinUpperCaseCount",
    "min_lower": "vmwPasswordMinLowerCaseCount",
    "min_numeric": "vmwPasswordMinNumericCount",
    "min_special": "vmwPasswordMinSpecialCharCount",
    "special_characters": "vmwPasswordSpecialChars",
    "min_classes": "lwPasswordMinClasses",
    "max_identical_adjacent": "vmwPasswordMaxIdenticalAdjacentChars",
    "history": "vmwPasswordProhibitedPreviousCount",
    "lifetime_days": "vmwPasswordLifetimeDays",
    "expiry_warning_days": "lwPasswordExpiryWarningDays",
    "grace_logins": "lwPasswordGraceLogins",
    "min_age_seconds": "lwPasswordMinAgeSeconds",
    "must_change": "lwPasswordMustChange",
    "user_may_change": "lwPasswordUserMayChange",
    "exempt_administrators": "lwPasswordExemptAdministrators",
    "upgrade_hashes": "lwPasswordUpgradeHashes",
    "keep_scram": "lwKeepScram",
    "keep_srp": "lwKeepSRP",
    "max_failures": "vmwPasswordChangeMaxFailedAttempts",
    "failure_interval_seconds": "vmwPasswordChangeFailedAttemptIntervalSec",
    "auto_unlock_seconds": "vmwPasswordChangeAutoUnlockIntervalSec",
}
"""field of `PolicySettings` -> attribute of the policy's entry"""


class PolicySettings(Resource):
    """What a policy says. 0 stands for "no such rule"; `null` in a change takes back what was set."""

    enabled: StrictBool | None = Field(default=None, description="False: any password will do")
    min_length: int | None = Field(default=None, description="Characters")
    max_length: int | None = None
    min_strength: int | None = Field(default=None, description="zxcvbn's score, 0 to 4")
    forbid_names: StrictBool | None = Field(
        default=None, description="No names of the account in its password"
    )
    check_breached: StrictBool | None = Field(
        default=None, description="Ask the node's list of breached passwords"
    )
    min_alphabetic: int | None = None
    min_upper: int | None = None
    min_lower: int | None = None
    min_numeric: int | None = None
    min_special: int | None = None
    special_characters: str | None = Field(default=None, max_length=64)
    min_classes: int | None = Field(default=None, description="Of small, capital, digits, others: so many")
    max_identical_adjacent: int | None = None
    history: int | None = Field(default=None, description="Former passwords that may not come back")
    lifetime_days: int | None = None
    expiry_warning_days: int | None = None
    grace_logins: int | None = None
    min_age_seconds: int | None = None
    must_change: StrictBool | None = Field(default=None, description="What somebody else set must be changed")
    user_may_change: StrictBool | None = None
    exempt_administrators: StrictBool | None = None
    upgrade_hashes: StrictBool | None = None
    keep_scram: StrictBool | None = None
    keep_srp: StrictBool | None = None
    max_failures: int | None = Field(default=None, description="Wrong passwords that lock the account")
    failure_interval_seconds: int | None = None
    auto_unlock_seconds: int | None = None


class Policy(Resource):
    """A password policy: the tenant's, whose name is `default`, or one for accounts and groups."""

    name: str = Field(examples=["default"])
    dn: str
    description: str | None = None
    precedence: int | None = Field(default=None, description="The lowest wins; of the tenant's policy none")
    applies_to: list[str] | None = Field(default=None, description="DNs of accounts and groups")
    settings: PolicySettings = Field(description="What holds, whether it is said here or comes so")
    said: list[str] = Field(description="Those settings that the entry itself says", examples=[["minLength"]])


class Policies(Resource):
    """The policies of a tenant: its own first, then the others in the order in which they win."""

    items: list[Policy]


class NewPolicy(Resource):
    """A policy for accounts and groups."""

    name: str = Field(min_length=1, max_length=64, examples=["administrators"])
    precedence: int = Field(ge=1, lt=1 << 31)
    applies_to: list[Name] = Field(default_factory=list, max_length=MOST_APPLIED, description="Names or DNs")
    description: str | None = Field(default=None, min_length=1, max_length=1_024)
    settings: PolicySettings = Field(default_factory=PolicySettings)


class PolicyChanges(Resource):
    """What becomes of a policy; what isn't named stays."""

    precedence: int | None = Field(default=None, ge=1, lt=1 << 31)
    applies_to: list[Name] | None = Field(default=None, max_length=MOST_APPLIED)
    description: str | None = Field(default=None, max_length=1_024)
    settings: PolicySettings = Field(default_factory=PolicySettings)


class PolicyQuery(TenantQuery):
    """Which policies."""

    account: Name | None = Field(default=None, description="The one that governs this account alone")


class Candidate(Resource):
    """A password that somebody thinks of."""

    password: SecretStr = Field(min_length=1, max_length=1_024)


class Judgement(Resource):
    """What the policy thinks of it."""

    accepted: bool
    reason: str | None = Field(default=None, description="The rule that it breaks")
    strength: int = Field(description="zxcvbn's score, 0 to 4")
    policy: str = Field(description="By which policy: its DN, or `built in`")


def settings_of(policy: PasswordPolicy) -> PolicySettings:
    """What holds under a policy."""
    return PolicySettings(**{name: _typed(name, policy) for name in ATTRIBUTES})


def _typed(name: str, policy: PasswordPolicy) -> Any:
    setting = BY_ATTRIBUTE[ATTRIBUTES[name]]
    value = getattr(policy, setting.field)
    if isinstance(value, bool | str):
        return value
    return int(setting.write(value))


def changes_of(settings: PolicySettings) -> dict[str, tuple[bytes, ...]]:
    """The values of attributes that a change names; () takes one back."""
    found: dict[str, tuple[bytes, ...]] = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if value is None:
            found[ATTRIBUTES[name]] = ()
        elif isinstance(value, bool):
            found[ATTRIBUTES[name]] = (b"TRUE" if value else b"FALSE",)
        else:
            found[ATTRIBUTES[name]] = (str(value).encode(),)
    return found
