"""SRP and SRP-SHA-256, the client's side; see `sasl.srp`.

    client = SrpClient(SRP_SHA_256, "alice", password, os.urandom, wanted="confidentiality")
    first = client.first()
    second = client.answer(challenge)       # takes milliseconds
    layer = client.finish(server's last)    # None when none was wanted

The server proves that it knows the verifier: whoever does not is found out before anything is sent to it. It cannot
choose a group, a hash or a salt that would give the password away: groups that are not known, numbers out of bounds
and another hash are refused.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from lightwave.sasl.layers import SecurityLayer
from lightwave.sasl.srp_groups import known_group
from lightwave.sasl.srp_layers import Vectors, Wanted, choose, maybe_layer
from lightwave.sasl.srp_math import (
    SECRET_SIZE,
    Exchange,
    Profile,
    UnsafeNumber,
    client_evidence,
    client_key,
    client_public,
    private_key,
    secret_number,
    server_evidence,
)
from lightwave.sasl.srp_messages import (
    IV_SIZE,
    MAX_NAME,
    ClientFirst,
    ClientSecond,
    MalformedMessage,
    Options,
    decode_options,
    decode_server_first,
    decode_server_second,
)


class ServerRefused(Exception):
    """The server's answer is malformed, unsafe, or that of somebody who does not know the verifier."""


class SrpClient:
    """One exchange. wanted: the security layer; identity: whom to act as, by default oneself.

    Raises ValueError for names that can't be sent.
    """

    def __init__(
        self,
        profile: Profile,
        name: str,
        password: str,
        random: Callable[[int], bytes],
        *,
        wanted: Wanted = "none",
        identity: str = "",
    ) -> None:
        for one in (name, identity):
            if "\0" in one or len(one.encode("utf-8")) > MAX_NAME:
                raise ValueError("the name holds what the mechanism can't say")
        if not name:
            raise ValueError("a name is missing")
        self._profile = profile
        self._name = name
        self._password = password
        self._identity = identity or name
        self._random = random
        self._wanted = wanted
        self._vector = random(IV_SIZE)
        self._exchange: Exchange | None = None
        self._chosen: Options | None = None
        self._their_buffer: int | None = None
        self._key = b""
        self._proof = b""

    def first(self) -> bytes:
        """The initial response."""
        return ClientFirst(self._name, self._identity).encode()

    def answer(self, challenge: bytes) -> bytes:
        """The proof; raises ServerRefused, and Unpreparable for a password that SASLprep refuses."""
        profile = self._profile
        try:
            first = decode_server_first(challenge)
            offered = decode_options(first.options)
        except MalformedMessage as error:
            raise ServerRefused(str(error)) from None
        group = known_group(first.modulus, first.generator)
        if group is None or group != profile.group:
            raise ServerRefused("the server's group is not that of the mechanism")
        chosen = choose(profile, offered, self._wanted)
        if chosen is None:
            raise ServerRefused(
                "the server does not offer the security layer that is wanted, or demands another"
            )
        x = private_key(profile, first.salt, self._name, self._password)
        secret = secret_number(profile, self._random(SECRET_SIZE))
        public = client_public(profile, secret)
        try:
            self._key = client_key(profile, x, secret, public, first.public)
        except UnsafeNumber:
            raise ServerRefused("the server's number is unsafe") from None
        self._chosen, self._their_buffer = chosen, offered.buffer
        self._exchange = exchange = Exchange(
            name=self._name.encode("utf-8"),
            identity=self._identity.encode("utf-8"),
            salt=first.salt,
            client=public,
            server=first.public,
            offered=first.options.encode("utf-8"),
            chosen=chosen.encode().encode("utf-8"),
        )
        self._proof = client_evidence(profile, exchange, self._key)
        return ClientSecond(public, self._proof, chosen.encode(), self._vector).encode()

    def finish(self, final: bytes) -> SecurityLayer | None:
        """The security layer that is in force from here on; raises ServerRefused."""
        if self._exchange is None or self._chosen is None:
            raise ServerRefused("the server ended the exchange before its proof")
        try:
            second = decode_server_second(final)
        except MalformedMessage as error:
            raise ServerRefused(str(error)) from None
        expected = server_evidence(self._profile, self._exchange, self._key, self._proof)
        if not hmac.compare_digest(expected, second.proof):
            raise ServerRefused("the server does not know the password's verifier")
        if self._chosen.confidentiality and len(second.vector) != IV_SIZE:
            raise ServerRefused("the server's initialisation vector is too short")
        vectors = Vectors(self._vector, second.vector)
        return maybe_layer(
            self._profile, self._chosen, self._their_buffer, self._key, vectors, is_server=False
        )
