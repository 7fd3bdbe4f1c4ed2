"""A client of SCRAM-SHA-256 (RFC 5802, RFC 7677) that can be told to err; shares no code with the server."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field


@dataclass
class ScramClient:
    """One exchange. flag: the gs2-cbind-flag. binding: data of the channel binding."""

    user: str
    password: str
    flag: str = "n"
    binding: bytes = b""
    authorization_id: str = ""
    nonce: str = "rOprNGfwEbeRWgbNEkqO"
    server_signature: bytes = field(default=b"", init=False)

    @property
    def header(self) -> str:
        authorization = f"a={self.authorization_id}" if self.authorization_id else ""
        return f"{self.flag},{authorization},"

    @property
    def bare(self) -> str:
        return f"n={self.user},r={self.nonce}"

    def first(self) -> bytes:
        return (self.header + self.bare).encode()

    def final(self, challenge: bytes, *, nonce: str | None = None, binding: bytes | None = None) -> bytes:
        """The answer to the server's challenge; with another nonce or binding than the right one on request."""
        fields = dict(part.split("=", 1) for part in challenge.decode().split(","))
        data = self.header.encode() + (self.binding if binding is None else binding)
        without = f"c={base64.b64encode(data).decode()},r={nonce or fields['r']}"
        salted = hashlib.pbkdf2_hmac(
            "sha256", self.password.encode(), base64.b64decode(fields["s"]), int(fields["i"])
        )
        client_key = hmac.new(salted, b"Client Key", "sha256").digest()
        message = f"{self.bare},{challenge.decode()},{without}".encode()
        signature = hmac.new(hashlib.sha256(client_key).digest(), message, "sha256").digest()
        server_key = hmac.new(salted, b"Server Key", "sha256").digest()
        self.server_signature = hmac.new(server_key, message, "sha256").digest()
        proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
        return f"{without},p={base64.b64encode(proof).decode()}".encode()
