"""What a SASL acceptor is: bytes of the client in, a challenge, a claim or a failure out.

An acceptor does no look-up: PLAIN and EXTERNAL end in a *claim*, which `identity` verifies against the
directory; SCRAM and SRP ask for keys in between and end in a claim that is proven. The outcome of the exchange is
known only after identity has answered. Messages are bounded before they are looked at.

A mechanism of one client message takes its initial response; when the client sent none, the acceptor asks
for it with an empty challenge (RFC 4422 §3.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from lightwave.sasl.layers import SecurityLayer

MAX_MESSAGE = 65_536
"""bytes of one client message; mechanisms lower it"""


class Failure(Enum):
    """Why an exchange can't go on."""

    MALFORMED = "the client's message does not follow the mechanism"
    TOO_LONG = "the client's message is too long"
    NOT_AVAILABLE = "the mechanism is not offered on this connection"
    OUT_OF_STEP = "the exchange is over"
    BINDING = "the channel binding is not that of this connection"
    PROOF = "the proof is wrong"


@dataclass(frozen=True, slots=True)
class SaslFailure:
    """The exchange failed."""

    reason: Failure


@dataclass(frozen=True, slots=True)
class SaslChallenge:
    """The client has to answer `data`."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PasswordClaim:
    """The client says that it is `authentication_id` and proves it with a password.

    authorization_id: whom it wants to act as, None when it wants to act as itself.
    """

    authentication_id: str
    authorization_id: str | None
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ExternalClaim:
    """The client refers to what the channel knows about it (TLS certificate, local user id)."""

    authorization_id: str | None


@dataclass(frozen=True, slots=True)
class KeysWanted:
    """The acceptor goes on when it is provided with the keys of who says it is `authentication_id`."""

    authentication_id: str


@dataclass(frozen=True, slots=True)
class ProvenClaim:
    """The client has proven that it knows the password of `account`, which came with the keys.

    final: the server's proof, to be sent with the success. layer: what protects every octet after it, in both
    directions.
    """

    account: object
    authorization_id: str | None
    final: bytes
    layer: SecurityLayer | None = field(default=None, repr=False)


SaslClaim = PasswordClaim | ExternalClaim | ProvenClaim


@dataclass(frozen=True, slots=True)
class SaslWork:
    """The next step takes milliseconds of computation: `run` gives it, in any thread, once."""

    run: Callable[[], SaslChallenge | ProvenClaim | SaslFailure] = field(repr=False)


SaslStep = SaslChallenge | KeysWanted | SaslWork | SaslClaim | SaslFailure


class Acceptor(Protocol):
    """The server's side of one exchange."""

    @property
    def mechanism(self) -> str:
        """The registered name."""

    def step(self, response: bytes | None) -> SaslStep:
        """Take the client's message (None: it sent no initial response); never raises for what a
        client sends.
        """
