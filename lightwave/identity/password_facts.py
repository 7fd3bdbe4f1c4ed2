"""What accounts show of their passwords without showing them, as Active Directory and password policies name it.

Computed from the sealed credentials and the policy when asked for: pwdLastSet, msDS-UserPasswordExpiryTimeComputed,
msDS-User-Account-Control-Computed, msDS-ResultantPSO and msDS-PSOApplied ([MS-ADTS] 3.1.1.4.5), pwdChangedTime,
pwdReset and pwdPolicySubentry (draft-behera-ldap-password-policy-10 §5.3); of a domain the policy as Active
Directory's clients read it there (maxPwdAge …, [MS-ADTS] 6.1.1.4). Former passwords (pwdHistory) are never shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from lightwave.directory.operations.account_control import (
    LOCKED_OUT,
    PASSWORD_EXPIRED,
    USER_ACCOUNT_CONTROL,
)
from lightwave.directory.operations.subject import Subject
from lightwave.directory.store.record import CONTEXT
from lightwave.identity.credential_format import Credentials
from lightwave.identity.credentials import read_credentials
from lightwave.identity.lockout import locked_at, locked_until, lockout_of
from lightwave.identity.password_age import expires_at
from lightwave.identity.policies import APPLIES_TO, policy_of, resultant_settings, tenant_policy
from lightwave.identity.policy_attributes import PasswordPolicy, to_interval

_NEVER: Final = 0x7FFF_FFFF_FFFF_FFFF
_EPOCH_1601: Final = 11_644_473_600
_TICKS: Final = 10_000_000
_STRUCTURAL_CLASS: Final = "2.5.21.9"
_COMPLEX: Final = 1
"""DOMAIN_PASSWORD_COMPLEX of pwdProperties ([MS-SAMR] 2.2.1.6)"""

Compute = Callable[[Subject], list[bytes]]


def to_filetime(seconds: float) -> int:
    """Hundreds of nanoseconds since 1601 of seconds since the epoch."""
    return round((seconds + _EPOCH_1601) * 1_000) * (_TICKS // 1_000)


def from_filetime(ticks: int) -> float:
    """The reverse."""
    return ticks / _TICKS - _EPOCH_1601


def _credentials(subject: Subject) -> Credentials | None:
    """The entry's, where it has a password."""
    found = read_credentials(subject.txn, subject.tenant, subject.entry_id)
    return found if found is not None and found.passwords else None


def _last_set(subject: Subject) -> list[bytes]:
    credentials = _credentials(subject)
    if credentials is None:
        return []
    return [b"0" if credentials.must_change else b"%d" % to_filetime(credentials.set_at)]


def _changed_time(subject: Subject) -> list[bytes]:
    credentials = _credentials(subject)
    if credentials is None:
        return []
    return [datetime.fromtimestamp(credentials.set_at, UTC).strftime("%Y%m%d%H%M%SZ").encode()]


def _reset(subject: Subject) -> list[bytes]:
    credentials = _credentials(subject)
    return [b"TRUE"] if credentials is not None and credentials.must_change else []


def _policy(subject: Subject) -> PasswordPolicy:
    return policy_of(subject.txn, subject.schema, subject.tenant, subject.entry_id)


def _policy_subentry(subject: Subject) -> list[bytes]:
    if _credentials(subject) is None:
        return []
    entry = _policy(subject).entry
    return [] if entry is None else [subject.txn.dn(*entry)]


def _expiry_time(subject: Subject) -> list[bytes]:
    credentials = _credentials(subject)
    if credentials is None:
        return []
    expires = expires_at(subject.txn, subject.record, _policy(subject), credentials)
    if expires == math.inf:
        return [b"%d" % _NEVER]
    return [b"0" if credentials.must_change else b"%d" % to_filetime(expires)]


def _account_control(subject: Subject) -> list[bytes]:
    """The bits of userAccountControl that are never stored ([MS-ADTS] 3.1.1.4.5.17): locked out, password expired."""
    if not subject.stored(USER_ACCOUNT_CONTROL):
        return []
    txn, schema, tenant, entry_id = subject.txn, subject.schema, subject.tenant, subject.entry_id
    control = 0
    since = locked_at(txn, schema, subject.record)
    if since is not None and subject.now < locked_until(lockout_of(txn, schema, tenant, entry_id), since):
        control |= LOCKED_OUT
    credentials = _credentials(subject)
    if credentials is not None and (
        credentials.must_change
        or expires_at(txn, subject.record, _policy(subject), credentials) <= subject.now
    ):
        control |= PASSWORD_EXPIRED
    return [b"%d" % control]


def _resultant(subject: Subject) -> list[bytes]:
    if _credentials(subject) is None:
        return []
    found = resultant_settings(subject.txn, subject.schema, subject.tenant, subject.entry_id)
    return [] if found is None else [subject.txn.dn(subject.tenant, found)]


def _applied(subject: Subject) -> list[bytes]:
    txn, tenant = subject.txn, subject.tenant
    number = txn.attribute_number(APPLIES_TO)
    if number is None:
        return []
    return [txn.dn(tenant, source) for source in txn.link_sources(tenant, subject.entry_id, number)]


def _of_domain(value: Callable[[PasswordPolicy], int]) -> Compute:
    """A fact of the tenant's policy, shown at the root of the domain."""

    def compute(subject: Subject) -> list[bytes]:
        if not subject.record.flags & CONTEXT or subject.stored(_STRUCTURAL_CLASS) != [b"domainDNS"]:
            return []
        policy = tenant_policy(subject.txn, subject.schema, subject.tenant, subject.entry_id)
        return [b"%d" % value(policy)]

    return compute


PASSWORD_FACTS: Final[Mapping[str, Compute]] = {
    "pwdLastSet": _last_set,
    "pwdChangedTime": _changed_time,
    "pwdReset": _reset,
    "pwdPolicySubentry": _policy_subentry,
    "msDS-UserPasswordExpiryTimeComputed": _expiry_time,
    "msDS-User-Account-Control-Computed": _account_control,
    "msDS-ResultantPSO": _resultant,
    "msDS-PSOApplied": _applied,
    "maxPwdAge": _of_domain(lambda policy: to_interval(policy.max_age)),
    "minPwdAge": _of_domain(lambda policy: to_interval(policy.min_age, never=0)),
    "minPwdLength": _of_domain(lambda policy: policy.min_length),
    "pwdHistoryLength": _of_domain(lambda policy: policy.history),
    "pwdProperties": _of_domain(lambda policy: _COMPLEX if policy.min_classes >= 3 else 0),
    "lockoutThreshold": _of_domain(lambda policy: policy.max_failures),
    "lockoutDuration": _of_domain(lambda policy: to_interval(policy.auto_unlock)),
    "lockOutObservationWindow": _of_domain(lambda policy: to_interval(policy.failure_interval, never=0)),
}
"""for `operations.computed.provide`"""
