"""The PROXY protocol's header: what it says, and all that it must not be."""

from __future__ import annotations

import contextlib
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightwave.web.proxy_header import MOST, SIGNATURE, Announced, BadHeader, crc32c, read_header

V4 = socket.inet_aton("192.0.2.7") + socket.inet_aton("192.0.2.1") + struct.pack("!HH", 40_000, 389)
V6 = (
    socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    + struct.pack("!HH", 40_000, 636)
)


def header(content: bytes = V4, command: int = 0x21, family: int = 0x11, length: int | None = None) -> bytes:
    size = len(content) if length is None else length
    return SIGNATURE + bytes([command, family]) + size.to_bytes(2, "big") + content


def tlv(kind: int, value: bytes) -> bytes:
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


def with_checksum(content: bytes = V4) -> bytes:
    made = header(content + tlv(3, bytes(4)))
    return made[:-4] + crc32c(made).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("data", "client"),
    [
        (header(), ("192.0.2.7", 40_000)),
        (header(V6, family=0x21), ("2001:db8::7", 40_000)),
        (header(V4 + tlv(4, b"") + tlv(0x20, b"\1" * 50) + tlv(0xE0, b"x")), ("192.0.2.7", 40_000)),
        (with_checksum(), ("192.0.2.7", 40_000)),
        (header(bytes(216), family=0x31), None),
        (header(b"", family=0), None),
        (header(tlv(4, b"abc"), family=0), None),
        (header(b"", command=0x20, family=0), None),
        (header(b"anything", command=0x20, family=0x11), None),
    ],
)
def test_who_is_announced(data: bytes, client: tuple[str, int] | None) -> None:
    assert read_header(data) == Announced(client, len(data))
    assert read_header(data + b"\x30\x0c") == Announced(client, len(data))
    for size in range(len(data)):
        assert read_header(data[:size]) is None


def test_the_checksum_is_that_of_rfc_3720() -> None:
    # RFC 3720 appendix B.4, as octets in the order of the number
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 389\r\n",
        b"\x30\x0c\x02\x01\x01\x60\x07",
        b"\x16\x03\x01",
        b"GET / HTTP/1.1\r\n",
        SIGNATURE[:-1] + b"x",
        header(command=0x11),
        header(command=0x01),
        header(command=0x22),
        header(command=0x31),
        header(family=0x12),
        header(family=0x22),
        header(family=0x32),
        header(family=0x13),
        header(family=0x41),
        header(V4[:-1]),
        header(V6[:-1], family=0x21),
        header(V4, family=0x21),
        header(b""),
        header(bytes(215), family=0x31),
        header(V4 + b"\4"),
        header(V4 + b"\4\0"),
        header(V4 + b"\4\0\1"),
        header(V4 + tlv(4, b"abc")[:-1]),
        header(V4 + tlv(3, bytes(3))),
        header(V4 + tlv(3, bytes(5))),
        header(V4 + tlv(3, b"\1\2\3\4")),
        with_checksum()[:-1] + b"?",
        with_checksum()[:20] + b"\xff" + with_checksum()[21:],
        header(V4, length=MOST),
        header(V4, length=65_535),
        header(tlv(4, b"abc")[:-1], family=0),
    ],
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(BadHeader):
        read_header(data)


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda data: SIGNATURE + data)))
def test_only_bad_headers_come_out_of_garbage(data: bytes) -> None:
    with contextlib.suppress(BadHeader):
        announced = read_header(data)
        assert announced is None or announced.size <= len(data)
