"""What an operation ends in, whatever happened: the one place where errors become LDAP results.

Three kinds of failure are told apart: the operation is refused (`DirectoryError`, its public text goes to the
client), the store cannot serve (full, damaged), and everything else, which is a bug here and is answered with
`other` and the request's correlation id only.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from lightwave.directory.access.token import Token
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.store.errors import DamagedRecord, StoreError, StoreFull, TooManyDescriptions


@dataclass(frozen=True, slots=True)
class Outcome:
    """An LDAPResult (RFC 4511 §4.1.9) before it is encoded, with the value of an extended response."""

    code: ResultCode
    matched: bytes = b""
    message: str = ""
    controls: tuple[Control, ...] = ()
    referrals: tuple[bytes, ...] = ()
    value: bytes | None = None
    """responseValue of an ExtendedResponse"""
    token: Token | None = field(default=None, repr=False, compare=False)
    """the requester's token from now on, where the operation changed the credentials that he signed in with"""
    detail: str = field(default="", repr=False)
    """private: for the log, never for the client"""
    error: BaseException | None = field(default=None, repr=False, compare=False)
    """set when the failure is ours, not the client's: for `log_failure`"""


SUCCESS = Outcome(ResultCode.SUCCESS)


class PreconditionBroken(Exception):
    """What was prepared no longer fits what the entry has become; prepare again."""


class WrongOldPassword(DirectoryError):
    """The old password that was to be proved is another: a guess at it, to be counted.

    account: tenant and entry id of whose it is. was_checked: False where it came too early to be looked at.
    """

    def __init__(
        self, code: ResultCode, account: tuple[int, int] | None, *, was_checked: bool = True
    ) -> None:
        super().__init__(code, "the old password is wrong")
        self.account = account
        self.was_checked = was_checked


def log_failure(log: logging.Logger, where: str, error: BaseException) -> None:
    """Log what is our failure and not the client's: with its traceback, unless it is the disk that failed.

    A full disk refuses each write, and says all there is to say in a line; tracebacks would fill it further.
    """
    if isinstance(error, StoreFull | DamagedRecord):
        log.error("%s: %s", where, error)
    else:
        log.error("%s: internal error", where, exc_info=error)


def outcome_of(error: BaseException, correlation: str = "") -> Outcome:
    """The result that a client is given for `error`."""
    if isinstance(error, DirectoryError):
        return Outcome(
            error.code,
            error.matched,
            error.message,
            error.controls,
            tuple(error.referrals),
            detail=error.detail,
        )
    if isinstance(error, PreconditionBroken):
        return Outcome(ResultCode.BUSY, message="the entry is being changed by others; try again")
    if isinstance(error, StoreFull):
        return Outcome(ResultCode.UNAVAILABLE, message="the store is full: nothing was changed", error=error)
    if isinstance(
        error, TooManyDescriptions
    ):  # anybody can bring it about, so it is not logged as our failure
        return Outcome(
            ResultCode.UNWILLING_TO_PERFORM,
            message="no further attribute options are taken: use those there are",
        )
    if isinstance(error, DamagedRecord):
        return Outcome(ResultCode.OTHER, message="a stored record is damaged: run a check", error=error)
    if isinstance(error, StoreError):
        return Outcome(ResultCode.UNAVAILABLE, message="the store cannot serve this now", error=error)
    suffix = f" (reference {correlation})" if correlation else ""
    return Outcome(ResultCode.OTHER, message="internal error" + suffix, error=error)
