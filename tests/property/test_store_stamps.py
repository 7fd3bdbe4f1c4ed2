"""Invariant: stamps and clock values come back as they were put, and the clock only goes forward."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightwave.directory.store.clock import ClockAhead, advance, clock_seconds, clock_value, receive
from lightwave.directory.store.stamps import (
    LocalStamp,
    LocalStamps,
    decode_stamps,
    encode_stamps,
    global_stamps,
    local_stamps,
    value_identity,
)

TIMES = st.floats(min_value=0, max_value=4e9, allow_nan=False)
CLOCKS = st.integers(0, (1 << 64) - 1)
STAMPS = st.builds(LocalStamp, CLOCKS, st.integers(1, 9))
NUMBERS = st.integers(1, 60_000)
ENTRY_STAMPS = st.builds(
    LocalStamps,
    created=STAMPS,
    name=st.none() | STAMPS,
    deleted=st.none() | STAMPS,
    attributes=st.dictionaries(NUMBERS, STAMPS, max_size=4),
    values=st.dictionaries(
        NUMBERS,
        st.dictionaries(st.binary(max_size=64), st.tuples(STAMPS, st.booleans()), min_size=1, max_size=4),
        max_size=3,
    ),
)


@given(ENTRY_STAMPS)
def test_stamps_come_back(stamps: LocalStamps) -> None:
    assert decode_stamps(encode_stamps(stamps)) == stamps


@given(ENTRY_STAMPS)
def test_stamps_come_back_from_what_every_server_understands(stamps: LocalStamps) -> None:
    everywhere = global_stamps(stamps, lambda number: bytes((number,)) * 16, str)
    again = local_stamps(everywhere, lambda guid: guid[0], int)
    if stamps.name == stamps.created:
        stamps.name = None  # the same, said shorter
    assert again == stamps


@given(st.binary(max_size=200))
def test_neg_any_other_bytes_are_refused(data: bytes) -> None:
    try:
        stamps = decode_stamps(data)
    except ValueError:
        return
    assert decode_stamps(encode_stamps(stamps)) == stamps


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_identities_are_short_and_tell_values_apart(first: bytes, second: bytes) -> None:
    assert len(value_identity(first)) <= 64
    assert (value_identity(first) == value_identity(second)) == (first == second)


@given(CLOCKS.filter(lambda clock: clock < 1 << 63), TIMES)
def test_the_clock_goes_forward(last: int, now: float) -> None:
    following = advance(last, now)
    assert following > last
    assert following >= clock_value(now) or following == last + 1


@given(TIMES, TIMES)
def test_a_remote_clock_is_followed_unless_it_is_too_far_ahead(now: float, other: float) -> None:
    last = clock_value(now)
    remote = clock_value(other, 7)
    if other > now + 301:
        with pytest.raises(ClockAhead):
            receive(last, remote, now)
    elif other < now + 299:
        assert receive(last, remote, now) == max(last, remote)
        assert abs(clock_seconds(remote) - other) <= 0.001
