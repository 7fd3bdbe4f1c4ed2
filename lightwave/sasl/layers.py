"""Security layers (RFC 4422 §3.7): what protects the octets of a connection once a mechanism has agreed on keys.

    packet   length 4 (big-endian, of what follows), protected content

Sans-IO: `wrap` gives the octets to send for any octets, in packets that the other end's buffer holds; `receive`
takes octets in any pieces and gives what was in them. The mechanism brings a `Sealer` and an `Opener`. A packet
that was changed, left out, repeated or moved, or that is longer than this end's buffer, breaks the layer for good:
whoever carries it closes the connection. At most one packet is kept.
"""

from __future__ import annotations

from typing import Final, Protocol

_LENGTH: Final = 4


class LayerBroken(Exception):
    """The other end's octets are not protected as was agreed; nothing after them can be believed."""


class Sealer(Protocol):
    """Protects what is sent. overhead: octets that it adds to a packet."""

    overhead: int

    def seal(self, content: bytes) -> bytes:
        """The protected content of the next packet."""


class Opener(Protocol):
    """The reverse of the other end's `Sealer`."""

    def open(self, protected: bytes) -> bytes:
        """The content of the next packet; raises LayerBroken."""


class SecurityLayer:
    """Both directions of one connection.

    name: for people, as "AES-256-GCM". their_buffer, our_buffer: octets of the largest packet that each end takes,
    the length before it included. most: the same of ours, to be changed by whoever carries the layer.
    """

    def __init__(
        self,
        name: str,
        sealer: Sealer,
        opener: Opener,
        *,
        is_confidential: bool,
        their_buffer: int,
        our_buffer: int,
    ) -> None:
        self.name = name
        self.is_confidential = is_confidential
        self._sealer = sealer
        self._opener = opener
        self._piece = their_buffer - _LENGTH - sealer.overhead
        if self._piece <= 0:
            raise ValueError("the other end's buffer holds no packet")
        self.most = our_buffer
        self._received = bytearray()
        self._broken = False

    @property
    def is_within_packet(self) -> bool:
        """The beginning of a packet has come, and its end has not."""
        return bool(self._received)

    def wrap(self, data: bytes) -> bytes:
        """The octets to send for `data`."""
        packets: list[bytes] = []
        for start in range(0, len(data), self._piece):
            protected = self._sealer.seal(data[start : start + self._piece])
            packets += (len(protected).to_bytes(_LENGTH, "big"), protected)
        return b"".join(packets)

    def receive(self, data: bytes) -> bytes:
        """What the packets that `data` completes hold; raises LayerBroken, from then on always."""
        if self._broken:
            raise LayerBroken("the layer is broken")
        received = self._received
        received += data
        contents = []
        position = 0
        try:
            while len(received) - position >= _LENGTH:
                start = position + _LENGTH
                size = int.from_bytes(received[position:start], "big")
                if size > self.most - _LENGTH:
                    raise LayerBroken(f"a packet of {size} octets is too long")
                if len(received) - start < size:
                    break
                position = start + size
                contents.append(self._opener.open(bytes(received[start:position])))
        except LayerBroken:
            self._broken = True
            received.clear()
            raise
        del received[:position]
        return b"".join(contents)
