"""Between entries of accounts and their JSON.

userAccountControl, lockoutTime, pwdLastSet and accountExpires are Active Directory's (MS-ADTS §2.2.16, MS-ADA1 §2.4,
MS-ADA3): times count 100 ns from 1601.
"""

from __future__ import annotations

from datetime import UTC, datetime

from lightwave.directory.access.descriptor_errors import DescriptorError
from lightwave.directory.access.sid import decode_sid, format_sid
from lightwave.directory.ldap.filters import (
    And,
    Equality,
    Extensible,
    Filter,
    GreaterOrEqual,
    Not,
    Or,
    Present,
    Substrings,
)
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.times import generalized_time_key
from lightwave.identity.liveness import ACCOUNT_DISABLED, NEVER
from lightwave.rest.account_models import Account, AccountsQuery
from lightwave.rest.directory_port import Found

BIT_AND = "1.2.840.113556.1.4.803"  # MS-ADTS §3.1.1.3.4.4.1
_EPOCH_1601 = 11_644_473_600
_LAST = 253_402_300_799
"""seconds from 1970 to the end of the year 9999"""

LISTED = (
    "sAMAccountName",
    "uid",
    "cn",
    "entryUUID",
    "objectSid",
    "userPrincipalName",
    "displayName",
    "givenName",
    "sn",
    "mail",
    "description",
    "userAccountControl",
    "lockoutTime",
    "nsAccountLock",
    "pwdAccountLockedTime",
    "accountExpires",
    "pwdLastSet",
    "msDS-UserPasswordExpiryTimeComputed",
    "lastLogonTimestamp",
    "uidNumber",
    "gidNumber",
    "homeDirectory",
    "loginShell",
    "sshPublicKey",
    "servicePrincipalName",
    "dNSHostName",
    "operatingSystem",
    "createTimestamp",
    "modifyTimestamp",
)
"""attributes of which an account's JSON is made"""
SHOWN = (*LISTED, "lwMemberOfDirect", "memberOf", "uSNChanged")
"""those of one account that is looked at for itself"""


def account_name(found: Found) -> str:
    """What an account is called: its sAMAccountName without the dollar of machines, else its uid or cn."""
    name = found.text("sAMAccountName")
    return name.rstrip("$") or name if name else found.text("uid") or found.text("cn") or found.dn


def account(found: Found, now: float, *, lock_end: float | None = None, is_whole: bool = False) -> Account:
    """The JSON of an entry. is_whole: SHOWN was asked for, else LISTED.

    now: seconds since the epoch. lock_end: likewise, until when it is locked after failures; None for not.
    """
    # nsAccountLock is 389 Directory Server's word for it; both are kept in step.
    is_switched_off = (found.text("nsAccountLock") or "").strip().upper() == "TRUE"
    enabled = not is_switched_off and not (found.number("userAccountControl") or 0) & ACCOUNT_DISABLED
    is_locked_now = lock_end is not None and now < lock_end
    password_ends = _file_time(found.number("msDS-UserPasswordExpiryTimeComputed"))
    expires = _file_time(found.number("accountExpires"))
    must_change = found.number("pwdLastSet") == 0
    hindrances = {
        "disabled": not enabled,
        "locked": is_locked_now or bool(found.values("pwdAccountLockedTime")),
        "expired": expires is not None and expires.timestamp() <= now,
        "must change password": must_change,
        "password expired": not must_change
        and password_ends is not None
        and password_ends.timestamp() <= now,
    }
    made = Account(
        name=account_name(found),
        id=found.text("entryUUID"),
        dn=found.dn,
        sid=sid_text(found),
        upn=found.text("userPrincipalName"),
        display_name=found.text("displayName"),
        given_name=found.text("givenName"),
        surname=found.text("sn"),
        mail=found.text("mail"),
        description=found.text("description"),
        enabled=enabled,
        locked=hindrances["locked"],
        locked_until=_moment(lock_end) if is_locked_now else None,
        expires=expires,
        must_change_password=must_change,
        password_last_set=_file_time(found.number("pwdLastSet")),
        password_expires=password_ends,
        last_sign_in=_file_time(found.number("lastLogonTimestamp")),
        hindrances=[name for name, holds in hindrances.items() if holds],
        uid_number=found.number("uidNumber"),
        gid_number=found.number("gidNumber"),
        home_directory=found.text("homeDirectory"),
        login_shell=found.text("loginShell"),
        ssh_keys=found.texts("sshPublicKey") or None,
        service_principal_names=found.texts("servicePrincipalName") or None,
        host_name=found.text("dNSHostName"),
        operating_system=found.text("operatingSystem"),
        created=generalized_time(found.text("createTimestamp")),
        changed=generalized_time(found.text("modifyTimestamp")),
    )
    if is_whole:
        direct = found.texts("lwMemberOfDirect")
        made.groups = sorted(direct)
        made.nested_groups = sorted(set(found.texts("memberOf")) - set(direct))
    return made


def accounts_filter(kind: Filter, query: AccountsQuery) -> Filter:
    """What a list of accounts asks for; texts are values of assertions, never filters.

    Of what it finds not all are locked, or not locked, if that is asked: policy says how long a lock holds.
    """
    parts = [kind]
    if query.search is not None:
        part = query.search.encode()
        names = ("sAMAccountName", "uid", "cn", "displayName", "mail", "userPrincipalName")
        parts.append(Or(tuple(Substrings(name, None, (part,), None) for name in names)))
    if query.enabled is not None:
        bit = Extensible(BIT_AND, "userAccountControl", str(ACCOUNT_DISABLED).encode(), False)
        disabled = Or((bit, Equality("nsAccountLock", b"TRUE")))
        parts.append(Not(disabled) if query.enabled else disabled)
    if query.locked:
        parts.append(Or((GreaterOrEqual("lockoutTime", b"1"), Present("pwdAccountLockedTime"))))
    return And(tuple(parts))


def sid_text(found: Found) -> str | None:
    """The entry's SID as S-1-…; None without one."""
    for value in found.values("objectSid"):
        try:
            return format_sid(decode_sid(value))
        except DescriptorError:
            return None
    return None


def generalized_time(text: str | None) -> datetime | None:
    """A Generalized Time (RFC 4517 §3.3.13) as a moment; None for none."""
    if text is None:
        return None
    try:
        key = generalized_time_key(text.encode()).decode()
        return datetime.strptime(key[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except (InvalidValue, ValueError):
        return None


def to_file_time(moment: datetime) -> int:
    """A moment as Active Directory counts it; one without a zone is UTC."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (int(aware.timestamp()) + _EPOCH_1601) * 10_000_000


def _file_time(value: int | None) -> datetime | None:
    if value is None or value <= 0 or value >= NEVER:
        return None
    return _moment(value // 10_000_000 - _EPOCH_1601)


def _moment(seconds: float | None) -> datetime | None:
    return (
        datetime.fromtimestamp(int(seconds), UTC) if seconds is not None and abs(seconds) <= _LAST else None
    )
