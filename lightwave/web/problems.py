"""Errors of the HTTP faces as problem details (RFC 9457), and the one mapping from domain codes to statuses.

A problem tells the client what it can act upon. What is our failure is answered with its reference alone.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.outcome import Outcome, log_failure, outcome_of
from lightwave.identity.refusals import AuthenticationFailed, NotLive, Refusal
from lightwave.web.messages import Response, json_response

PROBLEM_JSON = "application/problem+json"

_log = logging.getLogger("lightwave.web")

_STATUSES = {
    ResultCode.SUCCESS: 200,
    ResultCode.TIME_LIMIT_EXCEEDED: 503,
    ResultCode.SIZE_LIMIT_EXCEEDED: 422,
    ResultCode.STRONGER_AUTH_REQUIRED: 401,
    ResultCode.REFERRAL: 409,
    ResultCode.ADMIN_LIMIT_EXCEEDED: 422,
    ResultCode.CONFIDENTIALITY_REQUIRED: 403,
    ResultCode.NO_SUCH_ATTRIBUTE: 409,
    ResultCode.ATTRIBUTE_OR_VALUE_EXISTS: 409,
    ResultCode.NO_SUCH_OBJECT: 404,
    ResultCode.INAPPROPRIATE_AUTHENTICATION: 401,
    ResultCode.INVALID_CREDENTIALS: 401,
    ResultCode.INSUFFICIENT_ACCESS_RIGHTS: 403,
    ResultCode.BUSY: 503,
    ResultCode.UNAVAILABLE: 503,
    ResultCode.UNWILLING_TO_PERFORM: 422,
    ResultCode.NOT_ALLOWED_ON_NON_LEAF: 409,
    ResultCode.ENTRY_ALREADY_EXISTS: 409,
    ResultCode.AUTHORIZATION_DENIED: 403,
    ResultCode.ASSERTION_FAILED: 412,
    ResultCode.OTHER: 500,
}
"""all others are the content's fault: 422 (RFC 9110 §15.5.21)"""

_AUTHENTICATION = {
    Refusal.MUST_CHANGE: 403,
    Refusal.CONFIDENTIALITY_REQUIRED: 403,
    Refusal.AUTHORIZATION_DENIED: 403,
}


class Problem(Exception):
    """A request is refused. status: of HTTP. detail: public. members: extension members (RFC 9457 §3.2)."""

    def __init__(
        self,
        status: int,
        detail: str,
        headers: tuple[tuple[str, str], ...] = (),
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.members = members

    def response(self) -> Response:
        """The problem as an answer."""
        content = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        made = json_response(content, self.status, self.headers)
        return Response(self.status, made.body, PROBLEM_JSON, self.headers)


def problem_of(error: BaseException, correlation: str) -> Problem:
    """What a client is told of `error`; what is our failure goes to the log."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, AuthenticationFailed):
        return Problem(_AUTHENTICATION.get(error.refusal, 401), str(error))
    if isinstance(error, NotLive):
        return Problem(401, Refusal.INVALID_CREDENTIALS.value)
    outcome = outcome_of(error, correlation)
    if outcome.error is not None:
        log_failure(_log, f"the request {correlation}", outcome.error)
    return problem_of_outcome(outcome)


def problem_of_outcome(outcome: Outcome) -> Problem:
    """A directory result that is not success; its code is told as `ldapCode` and `ldapName`."""
    status = _STATUSES.get(outcome.code, 422)
    members: dict[str, Any] = {"ldapCode": int(outcome.code), "ldapName": outcome.code.label}
    if outcome.matched:
        members["matchedDN"] = outcome.matched.decode("utf-8", "replace")
    if outcome.referrals:
        members["referrals"] = [one.decode("utf-8", "replace") for one in outcome.referrals]
    headers = (("Retry-After", "1"),) if status == 503 else ()
    return Problem(status, outcome.message or _words(outcome.code), headers, **members)


def directory_problem(code: ResultCode, message: str) -> Problem:
    """The problem for a DirectoryError that was not raised."""
    return problem_of_outcome(outcome_of(DirectoryError(code, message)))


def _words(code: ResultCode) -> str:
    return code.name.lower().replace("_", " ")
