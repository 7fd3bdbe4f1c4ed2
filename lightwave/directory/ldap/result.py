"""LDAP result codes and the errors that carry one.

Role: the numbers of RFC 4511 and its extensions with the standards' spelling, and `DirectoryError`, the one
error by which schema, store-facing and operation code refuses an operation. The server turns it into an
LDAPResult; what is in `detail` stays in the logs.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import TYPE_CHECKING, Final

from lightwave.wire.ber import BerError

if TYPE_CHECKING:
    from lightwave.directory.ldap.controls import Control


@unique
class ResultCode(IntEnum):
    """Values of LDAPResult.resultCode; `label` is the standard's spelling."""

    # RFC 4511 section 4.1.9 and appendix A
    SUCCESS = 0
    OPERATIONS_ERROR = 1
    PROTOCOL_ERROR = 2
    TIME_LIMIT_EXCEEDED = 3
    SIZE_LIMIT_EXCEEDED = 4
    COMPARE_FALSE = 5
    COMPARE_TRUE = 6
    AUTH_METHOD_NOT_SUPPORTED = 7
    STRONGER_AUTH_REQUIRED = 8
    REFERRAL = 10
    ADMIN_LIMIT_EXCEEDED = 11
    UNAVAILABLE_CRITICAL_EXTENSION = 12
    CONFIDENTIALITY_REQUIRED = 13
    SASL_BIND_IN_PROGRESS = 14
    NO_SUCH_ATTRIBUTE = 16
    UNDEFINED_ATTRIBUTE_TYPE = 17
    INAPPROPRIATE_MATCHING = 18
    CONSTRAINT_VIOLATION = 19
    ATTRIBUTE_OR_VALUE_EXISTS = 20
    INVALID_ATTRIBUTE_SYNTAX = 21
    NO_SUCH_OBJECT = 32
    ALIAS_PROBLEM = 33
    INVALID_DN_SYNTAX = 34
    ALIAS_DEREFERENCING_PROBLEM = 36
    INAPPROPRIATE_AUTHENTICATION = 48
    INVALID_CREDENTIALS = 49
    INSUFFICIENT_ACCESS_RIGHTS = 50
    BUSY = 51
    UNAVAILABLE = 52
    UNWILLING_TO_PERFORM = 53
    LOOP_DETECT = 54
    SORT_CONTROL_MISSING = 60  # draft-ietf-ldapext-ldapv3-vlv
    OFFSET_RANGE_ERROR = 61  # draft-ietf-ldapext-ldapv3-vlv
    NAMING_VIOLATION = 64
    OBJECT_CLASS_VIOLATION = 65
    NOT_ALLOWED_ON_NON_LEAF = 66
    NOT_ALLOWED_ON_RDN = 67
    ENTRY_ALREADY_EXISTS = 68
    OBJECT_CLASS_MODS_PROHIBITED = 69
    AFFECTS_MULTIPLE_DSAS = 71
    VIRTUAL_LIST_VIEW_ERROR = 76  # draft-ietf-ldapext-ldapv3-vlv
    OTHER = 80
    # RFC 3928 section 3.7
    LCUP_RESOURCES_EXHAUSTED = 113
    LCUP_SECURITY_VIOLATION = 114
    LCUP_INVALID_DATA = 115
    LCUP_UNSUPPORTED_SCHEME = 116
    LCUP_RELOAD_REQUIRED = 117
    # RFC 3909 section 2.3
    CANCELED = 118
    NO_SUCH_OPERATION = 119
    TOO_LATE = 120
    CANNOT_CANCEL = 121
    # RFC 4528 section 4, RFC 4370 section 4
    ASSERTION_FAILED = 122
    AUTHORIZATION_DENIED = 123
    # RFC 4533 section 2.6
    SYNC_REFRESH_REQUIRED = 4096

    @property
    def label(self) -> str:
        """The name as the standards write it: `noSuchObject`."""
        return _LABELS[self]


_IRREGULAR: Final = {
    ResultCode.INVALID_DN_SYNTAX: "invalidDNSyntax",
    ResultCode.NOT_ALLOWED_ON_RDN: "notAllowedOnRDN",
    ResultCode.AFFECTS_MULTIPLE_DSAS: "affectsMultipleDSAs",
    ResultCode.SYNC_REFRESH_REQUIRED: "e-syncRefreshRequired",
}


def _spell(code: ResultCode) -> str:
    first, *rest = code.name.lower().split("_")
    return _IRREGULAR.get(code, first + "".join(word.capitalize() for word in rest))


_LABELS: Final = {code: _spell(code) for code in ResultCode}


class DirectoryError(Exception):
    """An operation is refused.

    `message` is public and goes into LDAPResult.diagnosticMessage; `detail` is for logs only; `matched` is
    the DN of the closest existing entry as on the wire (RFC 4511 section 4.1.9); `referrals` are URLs;
    `controls` go with the result. None may hold a secret.
    """

    def __init__(
        self,
        code: ResultCode,
        message: str,
        matched: bytes = b"",
        detail: str = "",
        referrals: tuple[bytes, ...] = (),
        controls: tuple[Control, ...] = (),
    ) -> None:
        super().__init__(message)
        self.controls = controls
        self.code = code
        self.message = message
        self.matched = matched
        self.detail = detail
        self.referrals = referrals

    def __str__(self) -> str:
        return f"{self.code.label}: {self.message}" if self.message else self.code.label


class RequestError(BerError):
    """A PDU whose encoding is sound, but whose request can't be taken: an unknown choice, a bound exceeded.

    Unlike any other BerError it costs the request, not the session (RFC 4511 section 4.1.1): the peer gets
    `code` in a response of tag `response_tag` to `message_id`. Both are 0 until `decode_message` fills them
    in.
    """

    def __init__(self, message: str, code: ResultCode = ResultCode.PROTOCOL_ERROR) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.message_id = 0
        self.response_tag = 0
