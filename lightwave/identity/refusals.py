"""Why identity refuses: domain codes, a public text each, and a private detail for the log.

A refusal never tells an unknown name from a wrong password or from an account that may not act.
"""

from __future__ import annotations

from enum import Enum

from lightwave.directory.ldap.password_policy import PasswordFault


class Refusal(Enum):
    """Domain codes; the value is the public text. Each face maps them to its own numbers."""

    INVALID_CREDENTIALS = "the name or the password is wrong, or the account may not sign in"
    INVALID_NAME = "the name is not a distinguished name"
    NO_PASSWORD = "a name without a password proves nothing"  # noqa: S105  a text
    CONFIDENTIALITY_REQUIRED = "a password is taken over TLS or the local socket only"
    AUTHORIZATION_DENIED = "the authenticated identity may not act as another"
    MECHANISM_NOT_AVAILABLE = "the mechanism is not offered on this connection"
    MALFORMED = "the client's message does not follow the mechanism"
    CONSTRAINT = "the password does not meet the rules"
    MUST_CHANGE = "the password must be changed before it serves for anything else"


class AuthenticationFailed(Exception):
    """The client is not who it says, or may not act.

    `detail` is for the log and never for the client; it holds no secret. `fault` is what clients of password policies
    may be told, and stands only where the password was right.
    """

    def __init__(self, refusal: Refusal, detail: str = "", fault: PasswordFault | None = None) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
        self.detail = detail
        self.fault = fault

    def without_frames(self) -> AuthenticationFailed:
        """The same, to be kept for a while: the frames of one that was raised hold a reader's slot of the store."""
        return AuthenticationFailed(self.refusal, self.detail, self.fault)


class NotLive(Exception):
    """An identity that was authenticated may no longer act; `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Locked(NotLive):
    """It has failed too often."""
