"""The client's side of mechanisms, by one face: what to send first, what to answer, and what the end of it gives.

    client = make_client("SRP-SHA-256", Login("alice", password), os.urandom, layer="confidentiality")
    bind(client.mechanism, client.first()); then for each challenge: bind(client.answer(challenge))
    layer = client.finish(server's last, b"" without any)

An exchange is not over when the server says so, but when `finish` has returned: SCRAM and SRP prove the server too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from lightwave.sasl import external, plain, scram
from lightwave.sasl.layers import SecurityLayer
from lightwave.sasl.saslprep import Unpreparable, saslprep
from lightwave.sasl.scram_keys import LEAST_ITERATIONS, MOST_ITERATIONS
from lightwave.sasl.srp_client import ServerRefused, SrpClient
from lightwave.sasl.srp_layers import Wanted
from lightwave.sasl.srp_math import PROFILES

Random = Callable[[int], bytes]


class ClientMechanism(Protocol):
    """One exchange. Every method raises ServerRefused for what a server may not say."""

    @property
    def mechanism(self) -> str:
        """The registered name."""

    def first(self) -> bytes:
        """The initial response."""

    def answer(self, challenge: bytes) -> bytes:
        """The response to a challenge."""

    def finish(self, final: bytes) -> SecurityLayer | None:
        """The server reports success: whether it is right, and the layer that is in force from here on."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who signs in. identity: whom to act as, "" for oneself."""

    name: str
    password: str = field(repr=False)
    identity: str = ""


class NoSuchMechanism(Exception):
    """There is no such mechanism here, or it brings no security layer."""


MECHANISMS: Final = (*(profile.mechanism for profile in PROFILES), scram.NAME, plain.NAME, external.NAME)


def make_client(name: str, login: Login, random: Random, layer: Wanted = "none") -> ClientMechanism:
    """A client of a mechanism; raises NoSuchMechanism, and ValueError for a login that it can't send."""
    for profile in PROFILES:
        if profile.mechanism == name:
            return _Srp(
                name,
                SrpClient(profile, login.name, login.password, random, wanted=layer, identity=login.identity),
            )
    if layer != "none":
        raise NoSuchMechanism(f"{name} brings no security layer")
    if name == scram.NAME:
        return ScramClient(login, random)
    if name == plain.NAME:
        return _OneMessage(name, plain.encode_message(login.name, login.password, login.identity))
    if name == external.NAME:
        return _OneMessage(name, login.identity.encode("utf-8"))
    raise NoSuchMechanism(f"{name} is not known")


class _OneMessage:
    """PLAIN, EXTERNAL."""

    def __init__(self, mechanism: str, message: bytes) -> None:
        self.mechanism = mechanism
        self._message = message

    def first(self) -> bytes:
        return self._message

    def answer(self, challenge: bytes) -> bytes:
        raise ServerRefused("the server asks for more than the mechanism has")

    def finish(self, final: bytes) -> None:
        return None


class _Srp:
    """`sasl.srp_client` with this face."""

    def __init__(self, mechanism: str, client: SrpClient) -> None:
        self.mechanism = mechanism
        self._client = client

    def first(self) -> bytes:
        return self._client.first()

    def answer(self, challenge: bytes) -> bytes:
        try:
            return self._client.answer(challenge)
        except Unpreparable:
            raise ServerRefused("the password holds what the mechanism can't say") from None

    def finish(self, final: bytes) -> SecurityLayer | None:
        return self._client.finish(final)


class ScramClient:
    """SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding."""

    mechanism: Final = scram.NAME

    def __init__(self, login: Login, random: Random) -> None:
        self._login = login
        self._nonce = base64.b64encode(random(24)).decode("ascii")
        identity = f"a={_saslname(login.identity)}" if login.identity else ""
        self._header = f"n,{identity},"
        self._bare = f"n={_saslname(login.name)},r={self._nonce}"
        self._signature = b""

    def first(self) -> bytes:
        """client-first-message"""
        return (self._header + self._bare).encode("utf-8")

    def answer(self, challenge: bytes) -> bytes:
        """client-final-message"""
        if self._signature:
            raise ServerRefused("the server asks twice for the proof")
        nonce, salt, iterations = _server_first(challenge, self._nonce)
        try:
            prepared = saslprep(self._login.password, stored=False).encode("utf-8")
        except Unpreparable:
            raise ServerRefused("the password holds what the mechanism can't say") from None
        salted = hashlib.pbkdf2_hmac("sha256", prepared, salt, iterations)
        binding = base64.b64encode(self._header.encode("utf-8")).decode("ascii")
        without_proof = f"c={binding},r={nonce}"
        message = f"{self._bare},{challenge.decode('ascii')},{without_proof}".encode()
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
        proof = bytes(left ^ right for left, right in zip(client_key, signature, strict=True))
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        self._signature = hmac.digest(server_key, message, "sha256")
        return f"{without_proof},p={base64.b64encode(proof).decode('ascii')}".encode()

    def finish(self, final: bytes) -> None:
        """Whether the server knows the keys."""
        expected = b"v=" + base64.b64encode(self._signature)
        if not self._signature or not hmac.compare_digest(expected, final):
            raise ServerRefused("the server does not know the password's keys")


def _server_first(challenge: bytes, own_nonce: str) -> tuple[str, bytes, int]:
    """Nonce, salt and iterations."""
    try:
        parts = challenge.decode("ascii").split(",")
        names = [part[:2] for part in parts[:3]]
        nonce, salt, iterations = (part[2:] for part in parts[:3])
        decoded, count = base64.b64decode(salt, validate=True), int(iterations)
    except (ValueError, binascii.Error):
        raise ServerRefused("the server's challenge is malformed") from None
    if names != ["r=", "s=", "i="] or not nonce.startswith(own_nonce) or nonce == own_nonce or not decoded:
        raise ServerRefused("the server's challenge is malformed")
    if not LEAST_ITERATIONS <= count <= MOST_ITERATIONS:
        raise ServerRefused(f"the server asks for {count} iterations")
    return nonce, decoded, count


def _saslname(name: str) -> str:
    try:
        return saslprep(name, stored=False).replace("=", "=3D").replace(",", "=2C")
    except Unpreparable:
        raise ValueError("the name holds what the mechanism can't say") from None
