"""PLAIN (RFC 4616).

    message   = [authzid] UTF8NUL authcid UTF8NUL passwd
    authcid   = 1*SAFE ; MUST accept up to 255 octets
    authzid   = 1*SAFE ; MUST accept up to 255 octets
    passwd    = 1*SAFE ; MUST accept up to 255 octets

The password leaves here as the client sent it: identity prepares it, once and the same way for every protocol
(RFC 4616 §2 leaves preparation to the verifier).
"""

from __future__ import annotations

from lightwave.sasl.mechanism import Failure, PasswordClaim, SaslChallenge, SaslFailure, SaslStep

NAME = "PLAIN"
MAX_IDENTITY = 1_024
"""bytes of an authcid or authzid; a DN fits"""
MAX_PASSWORD = 1_024
_MAX_MESSAGE = 2 * MAX_IDENTITY + MAX_PASSWORD + 2


class PlainAcceptor:
    """The server's side of one PLAIN exchange."""

    mechanism = NAME

    def __init__(self) -> None:
        self._asked = False
        self._over = False

    def step(self, response: bytes | None) -> SaslStep:
        """One message, then it is over."""
        if self._over:
            return SaslFailure(Failure.OUT_OF_STEP)
        if response is None and not self._asked:
            self._asked = True
            return SaslChallenge(b"")
        self._over = True
        return decode_message(response or b"")


def decode_message(message: bytes) -> PasswordClaim | SaslFailure:
    """Parse the client's one message."""
    if len(message) > _MAX_MESSAGE:
        return SaslFailure(Failure.TOO_LONG)
    parts = message.split(b"\0")
    if len(parts) != 3:  # a NUL can't be part of any of the three (RFC 4616 §2)
        return SaslFailure(Failure.MALFORMED)
    authzid, authcid, password = parts
    if not authcid or not password:
        return SaslFailure(Failure.MALFORMED)
    if len(authzid) > MAX_IDENTITY or len(authcid) > MAX_IDENTITY or len(password) > MAX_PASSWORD:
        return SaslFailure(Failure.TOO_LONG)
    try:
        password.decode("utf-8")
        return PasswordClaim(authcid.decode("utf-8"), authzid.decode("utf-8") or None, password)
    except UnicodeDecodeError:
        return SaslFailure(Failure.MALFORMED)


def encode_message(authentication_id: str, password: str, authorization_id: str = "") -> bytes:
    """The client's message."""
    parts = (authorization_id, authentication_id, password)
    if any("\0" in part for part in parts) or not authentication_id or not password:
        raise ValueError("a NUL or an empty part can't be sent with PLAIN")
    return b"\0".join(part.encode("utf-8") for part in parts)
