"""The BER codec on octets written out by hand (X.690)."""

import pytest

from lightwave.wire import ber


def test_header_of_short_and_long_lengths() -> None:
    assert ber.read_header(b"\x04\x02hi", 0, 4) == (0x04, 2, 4)
    assert ber.read_header(b"xx\x04\x81\x02hi", 2, 7) == (0x04, 5, 7)
    assert ber.read_header(b"\x30\x84\x00\x00\x00\x00", 0, 6) == (0x30, 6, 6)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x04", b"\x04\x01", b"\x04\x80", b"\x04\x81", b"\x04\x85\0\0\0\0\0", b"\x1f\x00", b"\x04\xff"],
)
def test_bad_headers(data: bytes) -> None:
    with pytest.raises(ber.BerError):
        ber.read_header(data, 0, len(data))


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x00\x80"),
        (-1, b"\xff"),
        (-128, b"\x80"),
        (-129, b"\xff\x7f"),
        (2147483647, b"\x7f\xff\xff\xff"),
    ],
)
def test_integers(value: int, content: bytes) -> None:
    assert ber.encode_integer(value) == b"\x02" + bytes((len(content),)) + content
    assert ber.decode_integer(content, 0, len(content)) == value


@pytest.mark.parametrize("content", [b"", b"\x00\x7f", b"\xff\x80", b"\x00\x00", b"\xff\xff"])
def test_integers_not_in_shortest_form(content: bytes) -> None:
    with pytest.raises(ber.BerError):
        ber.decode_integer(content, 0, len(content))


def test_lengths() -> None:
    assert ber.encode_length(127) == b"\x7f"
    assert ber.encode_length(128) == b"\x81\x80"
    assert ber.encode_length(1023) == b"\x82\x03\xff"
    assert ber.encode_length(1024) == b"\x82\x04\x00"
    assert ber.encode_length(0x1000000) == b"\x84\x01\x00\x00\x00"


def test_booleans() -> None:
    assert ber.encode_boolean(True) == b"\x01\x01\xff"
    assert ber.encode_boolean(False) == b"\x01\x01\x00"
    with pytest.raises(ber.BerError):
        ber.decode_boolean(b"\xff\xff", 0, 2)


def test_object_identifiers() -> None:
    assert ber.encode_oid("1.2.840.113549") == b"\x06\x06\x2a\x86\x48\x86\xf7\x0d"
    assert ber.decode_oid(b"\x88\x37\x03", 0, 3) == "2.999.3"
    for text in ("", "1", "3.1", "1.40", "1.-1", "1.2.", "1.a", "1.٣"):
        with pytest.raises(ber.BerError):
            ber.encode_oid(text)
    for content in (b"", b"\x80\x01", b"\x2a\x80", b"\x2a\x80\x01"):
        with pytest.raises(ber.BerError):
            ber.decode_oid(content, 0, len(content))


def test_expected_tag() -> None:
    with pytest.raises(ber.BerError):
        ber.read_element(b"\x02\x01\x00", 0, 3, 0x04)
