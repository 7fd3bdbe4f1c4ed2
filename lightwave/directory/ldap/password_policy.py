"""Controls that say what policy thinks of a password: draft-behera-ldap-password-policy-10 §6, and Netscape's two.

Netscape's (draft-vchu-ldap-pwd-policy-00) come with bind responses that nobody asked them for; their values are digits.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final, NamedTuple

from lightwave.directory.ldap.controls import MAX_INT, Control
from lightwave.wire.ber import (
    BerError,
    check_elements,
    decode_integer,
    encode_integer,
    encode_sequence,
    encode_tlv,
    read_element,
    read_header,
)

PASSWORD_POLICY: Final = "1.3.6.1.4.1.42.2.27.8.5.1"  # noqa: S105  an OID
PASSWORD_EXPIRED: Final = "2.16.840.1.113730.3.4.4"  # noqa: S105  an OID
PASSWORD_EXPIRING: Final = "2.16.840.1.113730.3.4.5"  # noqa: S105  an OID

_WARNING, _ERROR = 0xA0, 0x81
_EXPIRATION, _GRACE = 0x80, 0x81


@unique
class PasswordFault(IntEnum):
    """Values of PasswordPolicyResponseValue.error."""

    PASSWORD_EXPIRED = 0
    ACCOUNT_LOCKED = 1
    CHANGE_AFTER_RESET = 2
    PASSWORD_MOD_NOT_ALLOWED = 3
    MUST_SUPPLY_OLD_PASSWORD = 4
    INSUFFICIENT_PASSWORD_QUALITY = 5
    PASSWORD_TOO_SHORT = 6
    PASSWORD_TOO_YOUNG = 7
    PASSWORD_IN_HISTORY = 8


# PasswordPolicyResponseValue ::= SEQUENCE {
#     warning [0] CHOICE { timeBeforeExpiration [0] INTEGER (0 .. maxInt),
#                          graceAuthNsRemaining [1] INTEGER (0 .. maxInt) } OPTIONAL,
#     error   [1] ENUMERATED { … } OPTIONAL }
class PasswordPolicyResponse(NamedTuple):
    """What a response says; at most one of the two warnings. expires_in: seconds."""

    expires_in: int | None = None
    grace_left: int | None = None
    fault: PasswordFault | None = None


def encode_password_policy(response: PasswordPolicyResponse) -> Control:
    """The response control."""
    parts = []
    if response.grace_left is not None:
        parts.append(encode_tlv(_WARNING, encode_integer(min(response.grace_left, MAX_INT), _GRACE)))
    elif response.expires_in is not None:
        parts.append(encode_tlv(_WARNING, encode_integer(min(response.expires_in, MAX_INT), _EXPIRATION)))
    if response.fault is not None:
        parts.append(encode_integer(response.fault, _ERROR))
    return Control(PASSWORD_POLICY, False, encode_sequence(*parts))


def decode_password_policy(value: bytes | None) -> PasswordPolicyResponse:
    """The value of a response control; raises BerError."""
    if value is None:
        raise BerError("password policy response without value")
    pos, end = read_element(value, 0, len(value), 0x30)
    if end != len(value):
        raise BerError("octets after the control value")
    expires_in = grace_left = fault = None
    if pos < end:
        tag, start, stop = read_header(value, pos, end)
        if tag == _WARNING:
            kind, first, last = read_header(value, start, stop)
            number = decode_integer(value, first, last)
            if last != stop or kind not in (_EXPIRATION, _GRACE) or not 0 <= number <= MAX_INT:
                raise BerError("malformed warning")
            expires_in, grace_left = (number, None) if kind == _EXPIRATION else (None, number)
            pos = stop
        if pos < end:
            start, stop = read_element(value, pos, end, _ERROR)
            try:
                fault = PasswordFault(decode_integer(value, start, stop))
            except ValueError:
                raise BerError("unknown error") from None
            check_elements(value, stop, end)
    return PasswordPolicyResponse(expires_in, grace_left, fault)


def password_expired() -> Control:
    """Netscape's: the password has expired, or serves only to be changed."""
    return Control(PASSWORD_EXPIRED, False, b"0")


def password_expiring(seconds: int) -> Control:
    """Netscape's: the password expires in so many seconds."""
    return Control(PASSWORD_EXPIRING, False, b"%d" % seconds)
