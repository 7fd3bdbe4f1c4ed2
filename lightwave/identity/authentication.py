"""Authentication in two phases, so that no hashing holds the reactor or a transaction.

    lookup (read transaction) -> verify_inline | verify (any thread) -> complete (read transaction) -> Token

`lookup` never says whether it found anything. `verify_inline` tries what costs microseconds (imported
{SSHA} and its kind); where that does not decide, `verify` does the rest in a thread: the slow verifiers,
or, when there is none (unknown name, no password, wrong password of a fast kind), one dummy computation
of the same cost. So an unknown name, a wrong password and a disabled account take one time and give one
answer (RFC 4513 §6.3.1). `complete` asks again whether the account is live and whether the credentials
are still those that were verified.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lightwave.directory.access.token import Token
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.credentials import Credentials
from lightwave.identity.hashing import HashingCost
from lightwave.identity.trust import ClientTrust
from lightwave.sasl.channel import Channel
from lightwave.sasl.mechanism import ExternalClaim, PasswordClaim


@dataclass(frozen=True, slots=True)
class BindCandidate:
    """The entry that a client says it is, or nothing; which of the two shows neither in type nor in cost."""

    name: str
    tenant: int
    entry_id: int | None
    credentials: Credentials | None = field(repr=False)
    authorization_id: str | None = None


@dataclass(frozen=True, slots=True)
class VerifiedBind:
    """A candidate whose password has been verified against `credential_version`."""

    tenant: int
    entry_id: int
    credential_version: int
    authorization_id: str | None = None


class Authenticator:
    """Authenticates clients of every protocol.

    schema_of: the schema that holds in a transaction. hashing: cost of our own hashes and of the dummy one.
    trust: issuers of client certificates, None where there are none.
    """

    def __init__(
        self,
        schema_of: Callable[[ReadTransaction], Schema],
        hashing: HashingCost,
        trust: ClientTrust | None = None,
        owner_uid: int | None = None,
    ) -> None: ...

    def lookup(self, txn: ReadTransaction, name: bytes) -> BindCandidate:
        """The candidate of a simple bind; raises AuthenticationFailed (INVALID_NAME) when it is no DN."""

    def lookup_identity(self, txn: ReadTransaction, claim: PasswordClaim) -> BindCandidate:
        """The candidate of a SASL claim: `dn:…`, `u:…`, a DN, or a user's name, with `@domain` or without."""

    def verify_inline(self, candidate: BindCandidate, password: bytes) -> VerifiedBind | None:
        """Try what is cheap enough for the reactor; None means: `verify` has to decide, in a thread."""

    def verify(self, candidate: BindCandidate, password: bytes) -> VerifiedBind:
        """Decide, at the cost of one slow hash at least; any thread. Raises AuthenticationFailed."""

    def complete(self, txn: ReadTransaction, verified: VerifiedBind, now: float) -> Token:
        """The token, if account and credentials still stand; raises AuthenticationFailed."""

    def authenticate_external(
        self, txn: ReadTransaction, claim: ExternalClaim, channel: Channel, now: float
    ) -> Token:
        """EXTERNAL: certificate or local user id; raises AuthenticationFailed."""

    def authenticate(
        self,
        txn: ReadTransaction,
        claim: PasswordClaim | ExternalClaim | SimpleClaim,
        channel: Channel,
        now: float,
    ) -> Token:
        """All phases in one go, for callers that may block (command line, tests)."""


@dataclass(frozen=True, slots=True)
class SimpleClaim:
    """A simple bind (RFC 4513 §5.1)."""

    name: bytes
    password: bytes = field(repr=False)


def is_anonymous_bind(name: bytes, password: bytes) -> bool:
    """Whether a simple bind asks for anonymity (RFC 4513 §5.1.1).

    Raises AuthenticationFailed: NO_PASSWORD for a name without a password (§5.1.2), INVALID_CREDENTIALS for a
    password without a name.
    """
