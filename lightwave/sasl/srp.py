"""SRP and SRP-SHA-256, the server's side (draft-burdis-cat-srp-sasl-08; the arithmetic is in `sasl.srp_math`).

Theory of operation. `step` parses who signs in and asks for the keys (`KeysWanted`); `provide` takes a salt and a
verifier, and gives work: g^b, then the challenge. The next `step` checks the form of what the client chose and gives
work again: S, the proof, then the claim with the security layer. Unknown users go the whole way, with a verifier that
belongs to no password: B looks like any other, only the proof fails. Nothing in the exchange lets a listener try
passwords, so it is offered in the clear too; but who signs in there without a layer is not protected afterwards.

Layers are offered on clear connections only: below TLS they would protect what is protected (MS-ADTS 5.1.2.1).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from lightwave.sasl.channel import Channel
from lightwave.sasl.mechanism import (
    Failure,
    KeysWanted,
    ProvenClaim,
    SaslChallenge,
    SaslFailure,
    SaslWork,
)
from lightwave.sasl.srp_layers import Vectors, is_choice, maybe_layer, offer
from lightwave.sasl.srp_math import (
    SECRET_SIZE,
    Exchange,
    Profile,
    UnsafeNumber,
    client_evidence,
    secret_number,
    server_evidence,
    server_key,
    server_public,
)
from lightwave.sasl.srp_messages import (
    IV_SIZE,
    ClientFirst,
    ClientSecond,
    MalformedMessage,
    Options,
    ServerFirst,
    ServerSecond,
    decode_client_first,
    decode_client_second,
    decode_options,
)


class SrpAcceptor:
    """The server's side of one exchange on `channel`."""

    def __init__(self, profile: Profile, channel: Channel, random: Callable[[int], bytes]) -> None:
        self.profile = profile
        self._random = random
        self._options = offer(profile, layers=not channel.is_confidential)
        self._asked = False
        self._over = False
        self._first: ClientFirst | None = None
        self._account: object = None
        self._salt = b""
        self._verifier = 0
        self._secret = 0
        self._public = 0

    @property
    def mechanism(self) -> str:
        """The registered name."""
        return self.profile.mechanism

    @property
    def account(self) -> object:
        """Whose verifier was provided; None before."""
        return self._account

    def step(self, response: bytes | None) -> SaslChallenge | KeysWanted | SaslWork | SaslFailure:
        """The client's next message; see `sasl.mechanism.Acceptor`."""
        if self._over or (self._first is not None and not self._public):
            return SaslFailure(Failure.OUT_OF_STEP)
        if response is None and not self._asked and self._first is None:
            self._asked = True
            return SaslChallenge(b"")
        first = self._first
        try:
            if first is None:
                self._first = first = decode_client_first(response or b"")
                return KeysWanted(first.name)
            self._over = True
            second = decode_client_second(response or b"")
            chosen = decode_options(second.options, strict=True)
            if not is_choice(self.profile, self._options, chosen) or len(second.vector) != IV_SIZE:
                raise MalformedMessage("not what was offered")
        except MalformedMessage:
            self._over = True
            return SaslFailure(Failure.MALFORMED)
        vector = self._random(IV_SIZE)
        account = self._account
        return SaslWork(lambda: self._verify(first, second, chosen, vector, account))

    def provide(self, salt: bytes, verifier: int, account: object) -> SaslWork:
        """Go on with the keys of the user, or of nobody. `account` comes back in the claim."""
        if self._first is None or self._salt or not salt or not verifier:
            raise ValueError("no keys are wanted, or none are given")
        self._salt, self._verifier, self._account = salt, verifier, account
        self._secret = secret_number(self.profile, self._random(SECRET_SIZE))
        return SaslWork(self._challenge)

    def _challenge(self) -> SaslChallenge | SaslFailure:
        group = self.profile.group
        public = server_public(self.profile, self._verifier, self._secret)
        if not public:  # of one in 2^2048 exchanges
            self._over = True
            return SaslFailure(Failure.MALFORMED)
        self._public = public
        options = self._options.encode()
        return SaslChallenge(
            ServerFirst(group.modulus, group.generator, self._salt, public, options).encode()
        )

    def _verify(
        self, first: ClientFirst, second: ClientSecond, chosen: Options, vector: bytes, account: object
    ) -> ProvenClaim | SaslFailure:
        profile = self.profile
        exchange = Exchange(
            name=first.name.encode("utf-8"),
            identity=first.identity.encode("utf-8"),
            salt=self._salt,
            client=second.public,
            server=self._public,
            offered=self._options.encode().encode("utf-8"),
            chosen=second.options.encode("utf-8"),
        )
        try:
            key = server_key(profile, self._verifier, self._secret, second.public, self._public)
        except UnsafeNumber:
            return SaslFailure(Failure.MALFORMED)
        if not hmac.compare_digest(client_evidence(profile, exchange, key), second.proof):
            return SaslFailure(Failure.PROOF)
        return ProvenClaim(
            account,
            first.identity if first.identity != first.name and first.identity else None,
            ServerSecond(server_evidence(profile, exchange, key, second.proof), vector).encode(),
            maybe_layer(profile, chosen, chosen.buffer, key, Vectors(second.vector, vector), is_server=True),
        )
