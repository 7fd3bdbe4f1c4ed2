"""What a sign-in by password has to be told of the password's age: expired, expiring, a grace login, to be changed.

Asked after the password was verified and only then: who can't prove it learns nothing. Order and meaning are those of
draft-behera-ldap-password-policy-10 §5.3 and §7.1: what must be changed serves to be changed, expired or not. Accounts
may be exempt from expiry by vmwPasswordNeverExpires, or by ADS_UF_DONT_EXPIRE_PASSWD of userAccountControl
([MS-ADTS] 2.2.16). Grace logins are values of pwdGraceUseTime; those from before the present password was set count for
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from lightwave.directory.ldap.password_policy import PasswordFault
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.times import generalized_time_key
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record
from lightwave.identity.credential_format import Credentials
from lightwave.identity.policy_attributes import PasswordPolicy

DONT_EXPIRE_PASSWORD: Final = 0x10000
GRACE_USE_TIME: Final = "1.3.6.1.4.1.42.2.27.8.1.21"
NEVER_EXPIRES: Final = "2.25.162944272392735442620381082799361588636.3.214"
USER_ACCOUNT_CONTROL: Final = "1.2.840.113556.1.4.8"


@dataclass(frozen=True, slots=True)
class PasswordAge:
    """The verdict on a password that was right.

    fault: PASSWORD_EXPIRED refuses the sign-in; CHANGE_AFTER_RESET lets in, but only to change the password.
    expires_in: seconds, where a warning is due. grace_left: set when the sign-in uses up a grace login, which the
    caller has to record (`grace_use`); so many are left after it.
    """

    fault: PasswordFault | None = None
    expires_in: int | None = None
    grace_left: int | None = None

    @property
    def is_refused(self) -> bool:
        """Whether nobody signs in with this password any more."""
        return self.fault is PasswordFault.PASSWORD_EXPIRED

    @property
    def must_change(self) -> bool:
        """Whether the password serves only to be changed."""
        return self.fault is PasswordFault.CHANGE_AFTER_RESET


FINE: Final = PasswordAge()


def assess(
    txn: ReadTransaction, record: Record, policy: PasswordPolicy, credentials: Credentials, now: float
) -> PasswordAge:
    """The verdict on an account's present password at `now` (seconds since the epoch)."""
    if credentials.must_change:
        return PasswordAge(PasswordFault.CHANGE_AFTER_RESET)
    expires = expires_at(txn, record, policy, credentials)
    if now < expires - policy.expiry_warning:
        return FINE
    if now < expires:
        return PasswordAge(expires_in=math.ceil(expires - now))
    used = len(grace_uses(txn, record, credentials.set_at))
    if used >= policy.grace_logins:
        return PasswordAge(PasswordFault.PASSWORD_EXPIRED)
    return PasswordAge(grace_left=policy.grace_logins - used - 1)


def expires_at(
    txn: ReadTransaction, record: Record, policy: PasswordPolicy, credentials: Credentials
) -> float:
    """When the password expires (seconds since the epoch), infinity for never."""
    if not policy.enabled or not policy.max_age or never_expires(txn, record):
        return math.inf
    return credentials.set_at + policy.max_age


def never_expires(txn: ReadTransaction, record: Record) -> bool:
    """Whether the account is exempt from expiry."""
    if _values(txn, record, NEVER_EXPIRES) == [b"TRUE"]:
        return True
    try:
        return any(int(value) & DONT_EXPIRE_PASSWORD for value in _values(txn, record, USER_ACCOUNT_CONTROL))
    except ValueError:
        return False


def grace_uses(txn: ReadTransaction, record: Record, since: float) -> list[bytes]:
    """The grace logins of the present password, as values of pwdGraceUseTime."""
    first = generalized_time_key(_time(since))
    found = []
    for value in _values(txn, record, GRACE_USE_TIME):
        try:
            if generalized_time_key(value) >= first:
                found.append(value)
        except InvalidValue:
            found.append(value)  # what can't be told to be of before counts
    return found


def grace_use(now: float, present: Sequence[bytes]) -> bytes:
    """The value of pwdGraceUseTime that records a grace login at `now`, different from those that are there."""
    moment = now
    while (value := _time(moment)) in present:
        moment += 0.001
    return value


def _time(seconds: float) -> bytes:
    """GeneralizedTime with milliseconds (RFC 4517 §3.3.13)."""
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d%H%M%S.%f")[:-3]
    return text.encode() + b"Z"


def _values(txn: ReadTransaction, record: Record, oid: str) -> list[bytes]:
    number = txn.attribute_number(oid)
    return [] if number is None else record.values(number)
