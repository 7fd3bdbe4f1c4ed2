"""Invariant: our BER codec and pyasn1 agree, and whatever the octets are, only BerError comes out."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pyasn1.type import univ

from lightwave.wire import ber


def content(encoded: bytes, tag: int) -> tuple[bytes, int, int]:
    start, stop = ber.read_element(encoded, 0, len(encoded), tag)
    assert stop == len(encoded)
    return encoded, start, stop


@example(-128)
@example(-32768)
@given(st.integers() | st.integers(-(2**64), 2**64))
def test_integers_agree(value: int) -> None:
    encoded = ber.encode_integer(value)
    theirs = encoder.encode(univ.Integer(value))
    if theirs[2:4] == b"\xff\x80":
        # pyasn1 writes -128, -32768 and so on in an octet more than X.690 8.3.2 allows
        assert encoded[2:] == theirs[3:]
    else:
        assert encoded == theirs
    assert int(decoder.decode(encoded)[0]) == value
    assert ber.decode_integer(*content(encoded, 0x02)) == value


@settings(max_examples=50)
@given(st.binary(max_size=300) | st.integers(0, 70_000).map(bytes))
def test_octet_strings_agree(value: bytes) -> None:
    encoded = ber.encode_octet_string(value)
    assert encoded == encoder.encode(univ.OctetString(value))
    data, start, stop = content(encoded, 0x04)
    assert data[start:stop] == value


@given(st.booleans())
def test_booleans_agree(value: bool) -> None:
    encoded = ber.encode_boolean(value)
    assert bool(decoder.decode(encoded)[0]) is value
    assert ber.decode_boolean(*content(encoded, 0x01)) is value
    assert ber.decode_boolean(*content(encoder.encode(univ.Boolean(value)), 0x01)) is value


@given(st.lists(st.integers(-(2**40), 2**40), max_size=60))
def test_sequences_agree(values: list[int]) -> None:
    ours = ber.encode_sequence(*map(ber.encode_integer, values))
    theirs = univ.SequenceOf(componentType=univ.Integer())
    theirs.extend(values)
    assert ours == encoder.encode(theirs)
    data, pos, end = content(ours, 0x30)
    read = []
    while pos < end:
        start, pos = ber.read_element(data, pos, end, 0x02)
        read.append(ber.decode_integer(data, start, pos))
    assert read == values


ARCS = st.lists(st.integers(0, 2**128), min_size=0, max_size=5)
OIDS = st.tuples(st.integers(0, 1), st.integers(0, 39), ARCS) | st.tuples(
    st.just(2), st.integers(0, 999), ARCS
)


@given(OIDS)
def test_object_identifiers_agree(parts: tuple[int, int, list[int]]) -> None:
    first, second, rest = parts
    text = ".".join(map(str, (first, second, *rest)))
    encoded = ber.encode_oid(text)
    assert encoded == encoder.encode(univ.ObjectIdentifier(text))
    assert ber.decode_oid(*content(encoded, 0x06)) == text


DECODERS: list[Callable[[bytes, int, int], object]] = [
    ber.read_header,
    ber.check_elements,
    ber.decode_integer,
    ber.decode_boolean,
    ber.decode_oid,
    lambda data, pos, end: ber.read_element(data, pos, end, 0x04),
]


@pytest.mark.parametrize("decode", DECODERS)
@given(data=st.binary(max_size=40))
def test_only_ber_errors_come_out(decode: Callable[[bytes, int, int], object], data: bytes) -> None:
    with suppress(ber.BerError):
        decode(data, 0, len(data))


@given(st.binary(max_size=12), st.binary(max_size=12))
def test_an_element_never_passes_its_end(data: bytes, beyond: bytes) -> None:
    with suppress(ber.BerError):
        _, start, stop = ber.read_header(data + beyond, 0, len(data))
        assert 2 <= start <= stop <= len(data)
