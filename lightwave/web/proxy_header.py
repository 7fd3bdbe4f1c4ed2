"""The PROXY protocol, version 2 (HAProxy's proxy-protocol.txt, 2020): what a proxy says of the client behind it.

    signature 12, version 4 bits (= 2), command 4 bits, family 4 bits, transport 4 bits, length 2, addresses, TLVs

Strict: what the text leaves open is refused, and so is version 1, whose text could begin anything. Of the TLVs the
checksum is verified, the rest is passed over; none of them says who a client is here. Sans-IO.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
HEAD = 16
MOST = 4_096
"""octets of a header; addresses and all registered TLVs fit in a quarter of it"""

_LOCAL, _PROXY = 0x20, 0x21
_STREAM = 1
_ADDRESSES = {1: struct.Struct("!4s4sHH"), 2: struct.Struct("!16s16sHH"), 3: struct.Struct("!108s108s")}
"""by family: IPv4, IPv6, Unix"""
_CRC32C = 3
_POLYNOMIAL = 0x82F63B78


class BadHeader(Exception):
    """The octets are no header; the text says why and holds none of them."""


@dataclass(frozen=True, slots=True)
class Announced:
    """Who is behind the proxy: host as text and port; None for the proxy itself. size: octets of the header."""

    client: tuple[str, int] | None
    size: int


def read_header(data: bytes) -> Announced | None:
    """The header that `data` begins with; None when more is needed. Raises BadHeader."""
    if data[: len(SIGNATURE)] != SIGNATURE[: len(data)]:
        raise BadHeader("no signature of version 2")
    if len(data) < HEAD:
        return None
    command, family_and_transport = data[12], data[13]
    size = HEAD + int.from_bytes(data[14:HEAD], "big")
    if command not in (_LOCAL, _PROXY):
        raise BadHeader("an unknown version or command")
    if size > MOST:
        raise BadHeader("too long")
    if len(data) < size:
        return None
    family, transport = divmod(family_and_transport, 16)
    if family > 3 or transport > 2:
        raise BadHeader("an unknown family or transport")
    header = data[:size]
    if command == _LOCAL:  # the proxy's own: all else in it is to be ignored
        return Announced(None, size)
    if not family or not transport:
        _check_rest(header, HEAD)
        return Announced(None, size)
    if transport != _STREAM:
        raise BadHeader("not of a stream")
    addresses = _ADDRESSES[family]
    if size < HEAD + addresses.size:
        raise BadHeader("shorter than its addresses")
    _check_rest(header, HEAD + addresses.size)
    if family == 3:
        return Announced(None, size)
    source, _, port, _ = addresses.unpack_from(header, HEAD)
    return Announced((str(ipaddress.ip_address(source)), port), size)


def _check_rest(header: bytes, at: int) -> None:
    """TLVs fill the rest exactly, and a checksum is right."""
    checksums = 0
    while at < len(header):
        if at + 3 > len(header):
            raise BadHeader("a TLV is cut short")
        stop = at + 3 + int.from_bytes(header[at + 1 : at + 3], "big")
        if stop > len(header):
            raise BadHeader("a TLV is longer than the header")
        if header[at] == _CRC32C:
            checksums += 1
            if stop - at != 7 or checksums > 1:
                raise BadHeader("a checksum of a wrong form")
            without = header[: at + 3] + bytes(4) + header[stop:]
            if crc32c(without) != int.from_bytes(header[at + 3 : stop], "big"):
                raise BadHeader("the checksum is wrong")
        at = stop


def crc32c(data: bytes) -> int:
    """RFC 9260 appendix A."""
    value = 0xFFFFFFFF
    for octet in data:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
    return value ^ 0xFFFFFFFF
