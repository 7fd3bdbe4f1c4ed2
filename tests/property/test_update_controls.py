"""Values of controls on updates and of their extended operations: only BerError escapes, what is written is read."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.extended import decode_password_modify
from lightwave.directory.ldap.update_controls import (
    decode_attribute_selection,
    decode_transaction,
    decode_transaction_end,
)
from lightwave.wire.ber import BerError
from reference import wire

DECODERS: tuple[Callable[[bytes | None], object], ...] = (
    lambda value: decode_attribute_selection(Control("1.2", True, value)),
    lambda value: decode_transaction(Control("1.2", True, value)),
    decode_transaction_end,
    decode_password_modify,
)

# Octets that are nearly right: elements of the tags that occur, nested, cut short or with something behind them.
tags = st.sampled_from((0x01, 0x02, 0x04, 0x30, 0x80, 0x81, 0x82, 0x83))
element = st.builds(lambda tag, content: bytes((tag, len(content))) + content, tags, st.binary(max_size=8))
nearly = st.builds(
    lambda parts, tail: wire.sequence(*parts) + tail, st.lists(element, max_size=4), st.binary(max_size=2)
)


@pytest.mark.parametrize("decode", DECODERS)
@given(value=st.none() | st.binary(max_size=40) | nearly)
def test_only_ber_errors_escape(decode: Callable[[bytes | None], object], value: bytes | None) -> None:
    with contextlib.suppress(BerError):
        decode(value)


@given(st.lists(st.text(max_size=20), max_size=5))
def test_selections(names: list[str]) -> None:
    value = wire.sequence(*(wire.text(name) for name in names))
    assert decode_attribute_selection(Control("1.2", True, value)) == tuple(names)


@given(st.none() | st.booleans(), st.binary(max_size=20))
def test_ends(commit: bool | None, identifier: bytes) -> None:
    first = [] if commit is None else [b"\x01\x01" + (b"\xff" if commit else b"\x00")]
    value = wire.sequence(*first, wire.text(identifier))
    assert decode_transaction_end(value) == (commit is not False, identifier)


@given(*[st.none() | st.binary(max_size=20)] * 3)
def test_password_requests(user: bytes | None, old: bytes | None, new: bytes | None) -> None:
    fields = (user, old, new)
    parts = [wire.text(one, 0x80 + at) for at, one in enumerate(fields) if one is not None]
    if parts:
        assert decode_password_modify(wire.sequence(*parts)) == fields
