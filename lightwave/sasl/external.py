"""EXTERNAL (RFC 4422 appendix A).

    external-initial-resp = authz-id-string
    authz-id-string       = *( UTF8-char-no-nul )

An empty message asks to act as the identity that the channel has authenticated.
"""

from __future__ import annotations

from lightwave.sasl.mechanism import ExternalClaim, Failure, SaslChallenge, SaslFailure, SaslStep

NAME = "EXTERNAL"
MAX_IDENTITY = 1_024


class ExternalAcceptor:
    """The server's side of one EXTERNAL exchange."""

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


def decode_message(message: bytes) -> ExternalClaim | SaslFailure:
    """Parse the client's one message."""
    if len(message) > MAX_IDENTITY:
        return SaslFailure(Failure.TOO_LONG)
    if b"\0" in message:
        return SaslFailure(Failure.MALFORMED)
    try:
        return ExternalClaim(message.decode("utf-8") or None)
    except UnicodeDecodeError:
        return SaslFailure(Failure.MALFORMED)
