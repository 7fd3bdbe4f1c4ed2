"""userAccountControl ([MS-ADTS] 2.2.16): which bits an account may have, and which it has by its class.

One bit says what kind of account it is. Bits that say how an account is now (locked out, password expired) are never
stored: they are computed as msDS-User-Account-Control-Computed.
"""

from __future__ import annotations

from typing import Final

from lightwave.directory.ldap.result import DirectoryError, ResultCode

USER_ACCOUNT_CONTROL: Final = "1.2.840.113556.1.4.8"

DISABLED: Final = 0x2
LOCKED_OUT: Final = 0x10
NORMAL: Final = 0x200
WORKSTATION: Final = 0x1000
SERVER: Final = 0x2000
NEVER_EXPIRES: Final = 0x10000
SMART_CARD_REQUIRED: Final = 0x40000
TRUSTED_FOR_DELEGATION: Final = 0x80000
NOT_DELEGATED: Final = 0x100000
NO_PREAUTHENTICATION: Final = 0x400000
PASSWORD_EXPIRED: Final = 0x800000
TRUSTED_TO_AUTHENTICATE: Final = 0x1000000

PRIVILEGED: Final = SERVER | TRUSTED_FOR_DELEGATION | TRUSTED_TO_AUTHENTICATE
"""what makes others trust the account: only an administrator of its tenant gives it"""
_COMPUTED = LOCKED_OUT | 0x40 | PASSWORD_EXPIRED
"""Active Directory passes over them too when they are written"""
_KINDS = NORMAL | WORKSTATION | SERVER
_OTHER_KINDS = 0x100 | 0x800
_NO_EFFECT = 0x1 | 0x8 | 0x20 | 0x20000 | 0x200000 | 0x2000000
"""script, home directory required, no password required (nobody signs in without one), MNS logon, DES only, no PAC"""
_KNOWN = (
    _KINDS
    | _NO_EFFECT
    | DISABLED
    | NEVER_EXPIRES
    | SMART_CARD_REQUIRED
    | NOT_DELEGATED
    | NO_PREAUTHENTICATION
    | PRIVILEGED
)


def default_control(*, is_computer: bool) -> int:
    """What an account has when nobody says anything."""
    return WORKSTATION if is_computer else NORMAL


def imported_control(value: bytes, *, is_computer: bool) -> int:
    """What is kept of a value that another server had: bits that mean nothing here go.

    An account of another kind (a trust's, a temporary one) is disabled.
    """
    control = int(value) & 0xFFFFFFFF
    kinds = control & (_KINDS if is_computer else NORMAL)
    if control & _OTHER_KINDS:
        control |= DISABLED
    if not kinds or kinds & (kinds - 1):
        kinds = default_control(is_computer=is_computer)
    return (control & _KNOWN & ~_KINDS) | kinds


def checked_control(value: bytes, *, is_computer: bool) -> int:
    """What is kept of a value that is written; raises DirectoryError."""
    control = int(value)
    if not 0 <= control < 1 << 32:
        raise _refused("has 32 bits")
    control &= ~_COMPUTED
    if control & ~_KNOWN:
        raise _refused(f"bits 0x{control & ~_KNOWN:x} are not supported")
    kinds = control & _KINDS
    if not kinds:
        return control | default_control(is_computer=is_computer)
    if kinds & (kinds - 1):
        raise _refused("an account is of one kind: 0x200, 0x1000 or 0x2000")
    if kinds != NORMAL and not is_computer:
        raise _refused("0x1000 and 0x2000 are for computers")
    return control


def _refused(reason: str) -> DirectoryError:
    return DirectoryError(ResultCode.UNWILLING_TO_PERFORM, f"userAccountControl: {reason}")
