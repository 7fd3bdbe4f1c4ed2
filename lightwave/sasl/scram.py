"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677).

    client-first    gs2-cbind-flag "," [ "a=" authzid ] ","  "n=" user "," "r=" c-nonce [ "," extensions ]
    server-first    "r=" c-nonce s-nonce "," "s=" salt "," "i=" iterations
    client-final    "c=" base64(gs2-header cbind-data) "," "r=" nonce [ "," extensions ] "," "p=" proof
    server-final    "v=" signature of the server

Theory of operation. `step` parses the client's first message and asks for the user's keys (`KeysWanted`);
`provide` takes them, or those of nobody, and gives the challenge; the next `step` verifies the proof. Unknown
users go the whole way: only the proof fails. The client's nonce comes back in its last message with ours behind
it, so nothing of an earlier exchange can be used again. With channel binding the proof covers the binding of
this very TLS connection. A client that could bind and was told that we can't ("y", while -PLUS is offered) has
been lied to: it is refused (RFC 5802 §6).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lightwave.sasl.channel import Channel
from lightwave.sasl.mechanism import Failure, KeysWanted, ProvenClaim, SaslChallenge, SaslFailure
from lightwave.sasl.saslprep import Unpreparable, saslprep
from lightwave.sasl.scram_keys import KEY_SIZE, ScramKeys

NAME = "SCRAM-SHA-256"
NAME_PLUS = "SCRAM-SHA-256-PLUS"
MAX_MESSAGE = 4_096
MAX_NONCE = 512
MAX_IDENTITY = 1_024
_NONCE_SIZE = 24

_FLAG = re.compile(r"(?:n|y|p=([A-Za-z0-9.-]{1,64}))\Z")
_NONCE = re.compile(r"[\x21-\x2b\x2d-\x7e]+\Z")
_EXTENSION = re.compile(r"[A-Za-z]=.+\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _First:
    """The client's first message, parsed. header: the gs2-header as sent. bare: what stands behind it."""

    header: str
    binding: str | None
    bare: str
    user: str
    authorization_id: str | None
    nonce: str


class ScramAcceptor:
    """The server's side of one exchange on `channel`. bound: the mechanism is -PLUS."""

    def __init__(self, channel: Channel, random: Callable[[int], bytes], *, bound: bool) -> None:
        self._channel = channel
        self._random = random
        self._bound = bound
        self._asked = False
        self._over = False
        self._first: _First | None = None
        self._server_first = ""
        self._keys: Sequence[ScramKeys] = ()
        self._account: object = None

    @property
    def mechanism(self) -> str:
        """The registered name."""
        return NAME_PLUS if self._bound else NAME

    @property
    def account(self) -> object:
        """Whose keys were provided; None before."""
        return self._account

    def step(self, response: bytes | None) -> SaslChallenge | KeysWanted | ProvenClaim | SaslFailure:
        """The client's next message; see `sasl.mechanism.Acceptor`."""
        if self._over or (self._first is not None and not self._server_first):
            return SaslFailure(Failure.OUT_OF_STEP)
        if response is None and not self._asked and self._first is None:
            self._asked = True
            return SaslChallenge(b"")
        try:
            text = _text(response or b"")
            if self._first is None:
                self._first = self._read_first(text)
                return KeysWanted(self._first.user)
            self._over = True
            return self._read_final(self._first, text)
        except _Refused as refused:
            self._over = True
            return SaslFailure(refused.reason)

    def provide(self, keys: Sequence[ScramKeys], account: object) -> SaslChallenge:
        """Go on with the keys of the user: of each of his passwords that has the first one's salt and iterations.

        `account` comes back in the claim.
        """
        first = self._first
        if first is None or self._server_first or not keys:
            raise ValueError("no keys are wanted, or none are given")
        salt, iterations = keys[0].salt, keys[0].iterations
        self._keys = [one for one in keys if one.salt == salt and one.iterations == iterations]
        self._account = account
        nonce = first.nonce + base64.b64encode(self._random(_NONCE_SIZE)).decode()
        self._server_first = f"r={nonce},s={base64.b64encode(salt).decode()},i={iterations}"
        return SaslChallenge(self._server_first.encode())

    def _read_first(self, text: str) -> _First:
        flag, _, rest = text.partition(",")
        identity, _, bare = rest.partition(",")
        matched = _FLAG.match(flag)
        if matched is None:
            raise _Refused(Failure.MALFORMED)
        binding = matched.group(1)
        # A binding under the name without -PLUS is as good: Cyrus SASL's clients name the mechanism so.
        if self._bound and binding is None:
            raise _Refused(Failure.BINDING)
        if flag == "y" and self._channel.bindings is not None:
            raise _Refused(Failure.BINDING)
        authorization_id = None
        if identity:
            if not identity.startswith("a="):
                raise _Refused(Failure.MALFORMED)
            authorization_id = _saslname(identity[2:])
        parts = bare.split(",")
        # An "m=" in the first place is an extension that must be understood, and none is (RFC 5802 §5.1).
        if len(parts) < 2 or not parts[0].startswith("n=") or not parts[1].startswith("r="):
            raise _Refused(Failure.MALFORMED)
        nonce = parts[1][2:]
        if len(nonce) > MAX_NONCE or not _NONCE.match(nonce):
            raise _Refused(Failure.MALFORMED)
        _check_extensions(parts[2:])
        header = text[: len(text) - len(bare)]
        return _First(header, binding, bare, _saslname(parts[0][2:]), authorization_id, nonce)

    def _read_final(self, first: _First, text: str) -> ProvenClaim:
        without_proof, mark, proof_text = text.rpartition(",p=")
        parts = without_proof.split(",")
        if not mark or len(parts) < 2 or not parts[0].startswith("c=") or not parts[1].startswith("r="):
            raise _Refused(Failure.MALFORMED)
        _check_extensions(parts[2:])
        proof = _base64(proof_text)
        if len(proof) != KEY_SIZE:
            raise _Refused(Failure.MALFORMED)
        self._check_binding(first, _base64(parts[0][2:]))
        nonce = self._server_first.partition(",")[0][2:]
        if not hmac.compare_digest(parts[1][2:].encode(), nonce.encode()):
            raise _Refused(Failure.PROOF)
        message = f"{first.bare},{self._server_first},{without_proof}".encode()
        signature = _verify_proof(self._keys, message, proof)
        return ProvenClaim(self._account, first.authorization_id, b"v=" + base64.b64encode(signature))

    def _check_binding(self, first: _First, sent: bytes) -> None:
        header, bindings = first.header.encode(), self._channel.bindings
        expected: tuple[bytes, ...] = (b"",)
        if first.binding is not None:  # () for a type that this connection does not have
            expected = bindings.data(first.binding) if bindings is not None else ()
        if not any(hmac.compare_digest(sent, header + data) for data in expected):
            raise _Refused(Failure.BINDING)


class _Refused(Exception):
    """The exchange ends here."""

    def __init__(self, reason: Failure) -> None:
        super().__init__(reason.value)
        self.reason = reason


def _verify_proof(keys: Sequence[ScramKeys], message: bytes, proof: bytes) -> bytes:
    """The server's signature; raises _Refused unless the proof is that of one of the passwords."""
    proven = None
    for one in keys:
        signature = hmac.digest(one.stored_key, message, "sha256")
        client_key = bytes(left ^ right for left, right in zip(proof, signature, strict=True))
        if hmac.compare_digest(hashlib.sha256(client_key).digest(), one.stored_key):
            proven = one
    if proven is None:
        raise _Refused(Failure.PROOF)
    return hmac.digest(proven.server_key, message, "sha256")


def _text(message: bytes) -> str:
    if len(message) > MAX_MESSAGE:
        raise _Refused(Failure.TOO_LONG)
    try:
        text = message.decode("utf-8")
    except UnicodeDecodeError:
        raise _Refused(Failure.MALFORMED) from None
    if "\0" in text:
        raise _Refused(Failure.MALFORMED)
    return text


def _saslname(value: str) -> str:
    """`=2C` is a comma, `=3D` an equals sign, and no other `=` may stand there (RFC 5802 §5.1)."""
    if re.search("=(?!2C|3D)", value):
        raise _Refused(Failure.MALFORMED)
    try:
        name = saslprep(value.replace("=2C", ",").replace("=3D", "="), stored=False)
    except Unpreparable:
        raise _Refused(Failure.MALFORMED) from None
    if len(name.encode()) > MAX_IDENTITY:
        raise _Refused(Failure.TOO_LONG)
    return name


def _check_extensions(parts: Sequence[str]) -> None:
    """Optional extensions are passed over (RFC 5802 §5.1), if they are any."""
    if not all(map(_EXTENSION.match, parts)):
        raise _Refused(Failure.MALFORMED)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _Refused(Failure.MALFORMED) from None
