"""Refusals as LDAP result codes: the one mapping of the LDAP face (RFC 4511 appendix A, RFC 4513 §5)."""

from __future__ import annotations

from lightwave.directory.ldap.result import ResultCode
from lightwave.identity.refusals import Refusal

_CODES = {
    Refusal.INVALID_CREDENTIALS: ResultCode.INVALID_CREDENTIALS,
    Refusal.INVALID_NAME: ResultCode.INVALID_DN_SYNTAX,
    Refusal.NO_PASSWORD: ResultCode.UNWILLING_TO_PERFORM,  # RFC 4513 §5.1.2
    Refusal.CONFIDENTIALITY_REQUIRED: ResultCode.CONFIDENTIALITY_REQUIRED,
    Refusal.AUTHORIZATION_DENIED: ResultCode.INSUFFICIENT_ACCESS_RIGHTS,
    Refusal.MECHANISM_NOT_AVAILABLE: ResultCode.AUTH_METHOD_NOT_SUPPORTED,
    Refusal.MALFORMED: ResultCode.INVALID_CREDENTIALS,  # RFC 4513 §5.2.1.2: the exchange failed
    Refusal.CONSTRAINT: ResultCode.CONSTRAINT_VIOLATION,
    Refusal.MUST_CHANGE: ResultCode.INSUFFICIENT_ACCESS_RIGHTS,  # draft-behera-ldap-password-policy-10 §8.1.2.2
}


def result_code(refusal: Refusal) -> ResultCode:
    """The code that a client of LDAP is given."""
    return _CODES[refusal]
