"""What a transport knows about the other end, independent of what the other end says about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Bindings(Protocol):
    """The channel bindings of a TLS connection (RFC 5056)."""

    def data(self, name: str) -> tuple[bytes, ...]:
        """The data of a binding type by its registered name; () when this connection does not have it, several
        where a name has more than one meaning.
        """


@dataclass(frozen=True, slots=True)
class Channel:
    """The security of one connection at one moment; a new value replaces it when TLS starts.

    is_confidential: TLS is on, or the connection is a local socket.
    certificate: the client's certificate as DER, when TLS verified its chain. chain: its issuers as sent,
    DER. local_uid: user id of the peer of a local socket (SO_PEERCRED), None elsewhere. address: of the
    peer, for logs and for counting failures. bindings: of TLS once its handshake is over.
    """

    is_confidential: bool = False
    certificate: bytes | None = field(default=None, repr=False)
    chain: tuple[bytes, ...] = field(default=(), repr=False)
    local_uid: int | None = None
    address: str = ""
    bindings: Bindings | None = field(default=None, repr=False, compare=False)

    @property
    def has_external_identity(self) -> bool:
        """Whether something below SASL has authenticated the client (RFC 4422 appendix A)."""
        return self.certificate is not None or self.local_uid is not None
