"""Only BerError escapes a decoder of a control's value; what another encoder wrote is read as it was meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightwave.directory.ldap.controls import MAX_INT, Control
from lightwave.directory.ldap.search_controls import (
    MOST_SORT_KEYS,
    ListView,
    SortKey,
    decode_assertion,
    decode_extended_dn,
    decode_list_view,
    decode_matched_values,
    decode_search_options,
    decode_sorting,
    decode_subentries,
    encode_list_view_result,
    encode_sort_result,
)
from lightwave.wire.ber import BerError
from reference import wire

DECODERS: list[Callable[[Control], object]] = [
    decode_assertion,
    decode_extended_dn,
    decode_list_view,
    decode_matched_values,
    decode_search_options,
    decode_sorting,
    decode_subentries,
]

COUNTS = st.integers(0, MAX_INT)
NAMES = st.text("abcXYZ0-;.", min_size=1, max_size=12)
KEYS = st.lists(
    st.builds(SortKey, NAMES, st.none() | NAMES, st.booleans()), min_size=1, max_size=MOST_SORT_KEYS
)


def sorting(keys: list[SortKey]) -> bytes:
    def key(one: SortKey) -> bytes:
        rule = b"" if one.rule is None else wire.text(one.rule, 0x80)
        return wire.sequence(wire.text(one.attribute), rule, b"\x81\x01\xff" if one.reverse else b"")

    return wire.sequence(*map(key, keys))


def list_view(view: ListView) -> bytes:
    if view.assertion is None:
        target = wire.sequence(wire.integer(view.offset), wire.integer(view.content_count), tag=0xA0)
    else:
        target = wire.text(view.assertion, 0x81)
    context = b"" if view.context is None else wire.text(view.context)
    return wire.sequence(wire.integer(view.before), wire.integer(view.after), target, context)


VIEWS = st.one_of(
    st.builds(
        ListView, COUNTS, COUNTS, COUNTS, COUNTS, st.none(), st.none() | st.binary(max_size=64), st.just(True)
    ),
    st.builds(
        ListView, COUNTS, COUNTS, st.just(0), st.just(0), st.binary(max_size=64), st.none(), st.just(True)
    ),
)
GOOD = st.one_of(KEYS.map(sorting), VIEWS.map(list_view), st.just(wire.filter_bytes(("equal", "cn", b"x"))))


@given(st.binary(max_size=64))
def test_octets_of_any_kind(value: bytes) -> None:
    for decode in DECODERS:
        try:
            decode(Control("1.2.3", True, value))
        except BerError:
            continue


@given(GOOD, st.data())
def test_values_that_were_changed(value: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(value) - 1))
    octet = data.draw(st.integers(0, 255))
    for changed in (value[:at] + bytes((octet,)) + value[at + 1 :], value[:at], value + value[at:]):
        for decode in DECODERS:
            try:
                decode(Control("1.2.3", True, changed))
            except BerError:
                continue


@given(KEYS)
def test_sort_keys(keys: list[SortKey]) -> None:
    assert decode_sorting(Control("1.2.3", True, sorting(keys))).keys == tuple(keys)


@given(VIEWS)
def test_list_views(view: ListView) -> None:
    assert decode_list_view(Control("1.2.3", True, list_view(view))) == view


@pytest.mark.parametrize("decode", DECODERS)
def test_no_value(decode: Callable[[Control], object]) -> None:
    if decode is decode_extended_dn:
        assert decode(Control("1.2.3", True, None))
        return
    for value in (None, b""):
        with pytest.raises(BerError):
            decode(Control("1.2.3", True, value))


def test_responses() -> None:
    """By hand: RFC 2891 section 1.2 and draft-ietf-ldapext-ldapv3-vlv-09 section 3.2."""
    assert encode_sort_result(0).value == bytes.fromhex("30030a0100")
    assert encode_sort_result(16, "cn").value == bytes.fromhex("30070a01108002636e")
    assert encode_list_view_result(3, 200, 0, b"x").value == bytes.fromhex(
        "300d0201030202 00c80a0100040178".replace(" ", "")
    )
