"""The security layers of SASL SRP: those of Cyrus SASL's plugin, and those of SRP-SHA-256.

    SRP          integrity=HMAC-SHA-1       content | HMAC(K, content | number 4), see `sasl.chained_hmac`
                 confidentiality=AES        as content: AES-128-OFB under the first 16 octets of K, one stream for the
                                            connection, from the vector that the receiver has chosen
    SRP-SHA-256  integrity=HMAC-SHA-256     content | HMAC(key, number 8 | content)
                 confidentiality=AES-256-GCM  the nonce is 4 zeros and the number 8, the tag stands behind

`number` counts packets from 0 in each direction: what is repeated, moved or left out breaks the layer. SRP's layers
use one key for everything, as Cyrus SASL does; those of SRP-SHA-256 have one for each direction, HMAC(K, label).
Confidentiality comes with integrity only, integrity with replay detection only: the draft would let each be
left out, but nobody is helped by that.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lightwave.sasl.chained_hmac import DIGEST_SIZE, ChainedHmac
from lightwave.sasl.layers import LayerBroken, Opener, Sealer, SecurityLayer
from lightwave.sasl.srp_math import SRP, SRP_SHA_256, Profile
from lightwave.sasl.srp_messages import IV_SIZE, MAX_BUFFER, Options

_AES_KEY: Final = 16
_LAST_SHORT: Final = (1 << 32) - 1
_TAG: Final = 16
_SHA_256: Final = 32


@dataclass(frozen=True, slots=True)
class Kinds:
    """The names by which a profile's options call its layers. together: confidentiality is chosen beside integrity."""

    integrity: str
    confidentiality: str
    together: bool


KINDS: Final = {
    SRP: Kinds("HMAC-SHA-1", "AES", together=True),
    SRP_SHA_256: Kinds("HMAC-SHA-256", "AES-256-GCM", together=False),
}

Wanted = Literal["none", "integrity", "confidentiality"]


@dataclass(frozen=True, slots=True)
class Vectors:
    """Initialisation vectors, each chosen by who will receive under it."""

    client: bytes
    server: bytes


def offer(profile: Profile, *, layers: bool) -> Options:
    """What a server offers."""
    if not layers:
        return Options((profile.mda,))
    kinds = KINDS[profile]
    return Options((profile.mda,), True, (kinds.integrity,), (kinds.confidentiality,), buffer=MAX_BUFFER)


def choose(profile: Profile, offered: Options, wanted: Wanted) -> Options | None:
    """What a client takes of an offer; None when what it wants, or what the server demands, is not there."""
    kinds = KINDS[profile]
    integrity = wanted == "integrity" or (wanted == "confidentiality" and kinds.together)
    confidentiality = wanted == "confidentiality"
    chosen = Options(
        (profile.mda,),
        wanted != "none",
        (kinds.integrity,) if integrity else (),
        (kinds.confidentiality,) if confidentiality else (),
        buffer=MAX_BUFFER if wanted != "none" else None,
    )
    present = {"replay_detection": chosen.replay_detection, "integrity": integrity}
    present["confidentiality"] = confidentiality
    if not _is_part(chosen, offered) or not all(present.get(name, False) for name in offered.mandatory):
        return None
    return chosen


def is_choice(profile: Profile, offered: Options, chosen: Options) -> bool:
    """Whether a client's options are one that this server serves: no layer, integrity, or both."""
    if not _is_part(chosen, offered) or len(chosen.mdas) != 1 or chosen.mandatory:
        return False
    kinds = KINDS[profile]
    served: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
        ((), ()),
        ((kinds.integrity,), ()),
        ((kinds.integrity,) if kinds.together else (), (kinds.confidentiality,)),
    )
    protected = (chosen.integrity, chosen.confidentiality)
    return protected in served and chosen.replay_detection is (protected != ((), ()))


def _is_part(chosen: Options, offered: Options) -> bool:
    return (
        set(chosen.mdas) <= set(offered.mdas)
        and set(chosen.integrity) <= set(offered.integrity)
        and set(chosen.confidentiality) <= set(offered.confidentiality)
        and (offered.replay_detection or not chosen.replay_detection)
    )


def maybe_layer(
    profile: Profile,
    chosen: Options,
    their_buffer: int | None,
    key: bytes,
    vectors: Vectors,
    *,
    is_server: bool,
) -> SecurityLayer | None:
    """The layer that was chosen, for one end; None when none was."""
    if not chosen.replay_detection:
        return None
    is_confidential = bool(chosen.confidentiality)
    name, sealer, opener = _MAKERS[profile](key, vectors, is_server, is_confidential)
    return SecurityLayer(
        name,
        sealer,
        opener,
        is_confidential=is_confidential,
        their_buffer=min(their_buffer or MAX_BUFFER, MAX_BUFFER),
        our_buffer=MAX_BUFFER,
    )


class _Stream:
    """AES-128-OFB: the keystream is what CBC makes of zeros."""

    def __init__(self, key: bytes, vector: bytes) -> None:
        self._encryptor = Cipher(algorithms.AES(key[:_AES_KEY]), modes.CBC(vector)).encryptor()
        self._left = b""

    def apply(self, data: bytes) -> bytes:
        """Encrypts, or decrypts."""
        missing = len(data) - len(self._left)
        if missing > 0:
            self._left += self._encryptor.update(bytes(-(-missing // IV_SIZE) * IV_SIZE))
        keystream, self._left = self._left[: len(data)], self._left[len(data) :]
        mixed = int.from_bytes(data, "big") ^ int.from_bytes(keystream, "big")
        return mixed.to_bytes(len(data), "big")


class _Cyrus:
    """One direction of a layer as Cyrus SASL has it."""

    overhead = DIGEST_SIZE

    def __init__(self, key: bytes, vector: bytes | None) -> None:
        self._hmac = ChainedHmac(key)
        self._stream = _Stream(key, vector) if vector is not None else None
        self._number = 0

    def seal(self, content: bytes) -> bytes:
        """See `Sealer`."""
        if self._stream is not None:
            content = self._stream.apply(content)
        return content + self._sign(content)

    def open(self, protected: bytes) -> bytes:
        """See `Opener`."""
        content, code = protected[:-DIGEST_SIZE], protected[-DIGEST_SIZE:]
        if not hmac.compare_digest(self._sign(content), code):
            raise LayerBroken("a packet was changed, or is out of its place")
        return content if self._stream is None else self._stream.apply(content)

    def _sign(self, content: bytes) -> bytes:
        if self._number > _LAST_SHORT:
            raise LayerBroken("no number is left")
        number, self._number = self._number, self._number + 1
        return self._hmac.sign(content + number.to_bytes(4, "big"))


class _Numbered:
    """HMAC-SHA-256 over a number and the content, one direction."""

    overhead = _SHA_256

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._number = 0

    def seal(self, content: bytes) -> bytes:
        """See `Sealer`."""
        return content + self._sign(content)

    def open(self, protected: bytes) -> bytes:
        """See `Opener`."""
        content, code = protected[:-_SHA_256], protected[-_SHA_256:]
        if not hmac.compare_digest(self._sign(content), code):
            raise LayerBroken("a packet was changed, or is out of its place")
        return content

    def _sign(self, content: bytes) -> bytes:
        number, self._number = self._number, self._number + 1
        return hmac.digest(self._key, number.to_bytes(8, "big") + content, "sha256")


class _Sealed:
    """AES-256-GCM under a counted nonce, one direction."""

    overhead = _TAG

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._number = 0

    def seal(self, content: bytes) -> bytes:
        """See `Sealer`."""
        return self._cipher.encrypt(self._nonce(), content, None)

    def open(self, protected: bytes) -> bytes:
        """See `Opener`."""
        try:
            return self._cipher.decrypt(self._nonce(), protected, None)
        except InvalidTag:
            raise LayerBroken("a packet was changed, or is out of its place") from None

    def _nonce(self) -> bytes:
        number, self._number = self._number, self._number + 1
        return number.to_bytes(12, "big")


def _cyrus(
    key: bytes, vectors: Vectors, is_server: bool, is_confidential: bool
) -> tuple[str, Sealer, Opener]:
    to_client = _Cyrus(key, vectors.client if is_confidential else None)
    to_server = _Cyrus(key, vectors.server if is_confidential else None)
    name = "AES-128-OFB with HMAC-SHA-1" if is_confidential else "HMAC-SHA-1"
    return (name, to_client, to_server) if is_server else (name, to_server, to_client)


def _numbered(
    key: bytes, vectors: Vectors, is_server: bool, is_confidential: bool
) -> tuple[str, Sealer, Opener]:
    kind = _Sealed if is_confidential else _Numbered
    to_client, to_server = (
        kind(
            hmac.digest(
                key, label + b" of " + (b"confidentiality" if is_confidential else b"integrity"), "sha256"
            )
        )
        for label in (b"SRP-SHA-256 server to client key", b"SRP-SHA-256 client to server key")
    )
    name = "AES-256-GCM" if is_confidential else "HMAC-SHA-256"
    return (name, to_client, to_server) if is_server else (name, to_server, to_client)


_Maker = Callable[[bytes, Vectors, bool, bool], tuple[str, Sealer, Opener]]
_MAKERS: Final[dict[Profile, _Maker]] = {SRP: _cyrus, SRP_SHA_256: _numbered}
