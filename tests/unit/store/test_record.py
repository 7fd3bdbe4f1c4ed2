"""A record gives back what was put into it, copies runs of attributes whole, and never believes damaged bytes."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightwave.directory.store.errors import DamagedRecord
from lightwave.directory.store.record import (
    TOMBSTONE,
    attribute_name,
    attribute_values,
    decode_record,
    encode_attribute,
    encode_record,
)

VALUES = st.lists(st.one_of(st.binary(max_size=300), st.just(bytes(70_000))), min_size=1, max_size=4)
BLOCK = st.lists(
    st.tuples(st.integers(1, 60_000), st.binary(min_size=1, max_size=200), VALUES),
    max_size=6,
    unique_by=lambda one: one[0],
)


def build(user: list[tuple[int, bytes]], operational: list[tuple[int, bytes]], rdn: bytes = b"cn=a") -> bytes:
    return encode_record(
        flags=TOMBSTONE,
        descriptor=7,
        parent=5,
        guid=bytes(range(16)),
        usn_created=8,
        usn_changed=9,
        expires=10,
        rdn=rdn,
        normalised_rdn=rdn.lower(),
        user=user,
        operational=operational,
    )


@given(BLOCK, BLOCK, st.binary(max_size=80))
def test_decoding_gives_back_what_was_encoded(
    first: list[tuple[int, bytes, list[bytes]]], second: list[tuple[int, bytes, list[bytes]]], rdn: bytes
) -> None:
    second = [one for one in second if one[0] not in {number for number, _, _ in first}]
    user = [(number, encode_attribute(name, values)) for number, name, values in first]
    operational = [(number, encode_attribute(name, values)) for number, name, values in second]
    record = decode_record(build(user, operational, rdn))
    assert list(record.attributes()) == user + operational
    assert record.numbers() == tuple(number for number, _ in user + operational)
    assert record.user_numbers == tuple(number for number, _ in user)
    assert record.user_block == b"".join(encoded for _, encoded in user)
    assert record.operational_block == b"".join(encoded for _, encoded in operational)
    for number, name, values in first + second:
        assert record.values(number) == values
        encoded = record.encoded(number)
        assert encoded is not None
        assert attribute_name(encoded) == name
    assert (record.rdn, record.normalised_rdn) == (rdn, rdn.lower())
    assert (record.parent, record.descriptor, record.guid) == (5, 7, bytes(range(16)))
    assert (record.usn_created, record.usn_changed, record.expires) == (8, 9, 10)
    assert record.has(TOMBSTONE)


def test_an_attribute_that_is_not_there_has_no_values() -> None:
    record = decode_record(build([(1, encode_attribute(b"cn", [b"a"]))], []))
    assert record.encoded(2) is None
    assert record.values(2) == []


def test_the_encoding_is_that_of_ldap() -> None:
    # PartialAttribute of RFC 4511 section 4.1.7, written by hand
    assert encode_attribute(b"cn", [b"ab", b"c"]) == bytes.fromhex("300d0402636e310704026162040163")
    long = encode_attribute(b"cn", [bytes(200)])
    assert long[:8] == bytes.fromhex("3081d20402636e31")
    assert attribute_values(long) == [bytes(200)]


@given(st.integers(0, 200), st.integers(1, 255))
def test_neg_a_flipped_byte_is_damage(at: int, flip: int) -> None:
    good = build([(1, encode_attribute(b"description", [b"x" * 100]))], [])
    at %= len(good)
    bad = good[:at] + bytes((good[at] ^ flip,)) + good[at + 1 :]
    with pytest.raises(DamagedRecord) as caught:
        decode_record(bad, 1, 77)
    assert caught.value.entry_id == 77


@given(st.binary(max_size=100))
def test_neg_any_bytes_are_damage_and_nothing_else(data: bytes) -> None:
    with pytest.raises(DamagedRecord):
        decode_record(data)


def test_neg_a_short_record_with_a_good_checksum_is_damage() -> None:
    body = b"short"
    with pytest.raises(DamagedRecord):
        decode_record(body + zlib.crc32(body).to_bytes(4, "little"))


def test_one_short_value_is_encoded_as_any_others_are() -> None:
    """A tuple of one short value takes a shorter way to the same bytes."""
    for length in (1, 2, 60, 118, 119, 127, 128):
        for size in range(140):
            name, value = b"n" * length, b"v" * size
            assert encode_attribute(name, (value,)) == encode_attribute(name, [value])
