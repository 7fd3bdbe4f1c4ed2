"""The client's side of framing: octets from a server to responses, sans-IO (RFC 4511 section 5.1)."""

from __future__ import annotations

from typing import Final

from lightwave.directory.ldap.client_messages import ResponseMessage, decode_response
from lightwave.wire.ber import BerError

MAX_RESPONSE: Final = 64 * 1024 * 1024
"""octets of one message that are kept"""


class ResponseReader:
    """Octets in any pieces to whole messages; keeps the beginning of one at most."""

    def __init__(self, largest: int = MAX_RESPONSE) -> None:
        self._largest = largest
        self._received = bytearray()

    def receive(self, data: bytes) -> list[ResponseMessage]:
        """The messages that `data` completes; raises BerError for what is no LDAP."""
        received = self._received
        received += data
        messages = []
        while (size := self._size()) is not None and len(received) >= size:
            messages.append(decode_response(bytes(received[:size])))
            del received[:size]
        return messages

    def _size(self) -> int | None:
        """Octets of the first message, None while that can't be told."""
        received = self._received
        if not received:
            return None
        if received[0] != 0x30:
            raise BerError("not an LDAP message")
        if len(received) < 2:
            return None
        length, header = received[1], 2
        if length > 0x7F:
            count = length & 0x7F
            if not 0 < count <= 4:
                raise BerError("a length that LDAP does not have")
            header += count
            if len(received) < header:
                return None
            length = int.from_bytes(received[2:header], "big")
        if header + length > self._largest:
            raise BerError("a message is too long")
        return header + length
