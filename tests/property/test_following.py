"""What clients that follow changes send: only refusals escape the decoders, and cookies come back as they were."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from lightwave.directory.ldap.sync_controls import (
    decode_dirsync,
    decode_persistent_search,
    decode_sync_request,
)
from lightwave.directory.operations.sync_cookie import (
    InvalidCookie,
    Position,
    format_cookie,
    format_number,
    parse_cookie,
)
from lightwave.wire.ber import BerError

GOOD = (
    bytes.fromhex("300f0a010304077269643d303031 0101ff".replace(" ", "")),
    bytes.fromhex("30090201000201000401 78".replace(" ", "")),
    bytes.fromhex("300902010f0101ff0101ff"),
)
NUMBER = b"20261123201500.123000Z#00002a#29c#000003"
positions = st.builds(
    Position,
    st.integers(0, (1 << 24) - 1),
    st.integers(0, 4_000_000_000_000),
    st.integers(0, (1 << 24) - 1),
)


@st.composite
def mutated(draw: st.DrawFn, good: bytes) -> bytes:
    """Some octets of something good changed, taken out or put in."""
    data = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(data)


@given(st.one_of(st.none(), st.binary(max_size=64), *map(mutated, GOOD)))
def test_only_ber_errors_escape(value: bytes | None) -> None:
    for decode in (decode_sync_request, decode_persistent_search, decode_dirsync):
        with suppress(BerError):
            decode(value)


@given(st.one_of(st.binary(max_size=200), mutated(b"rid=001,csn=" + NUMBER)))
def test_only_invalid_cookies_escape(cookie: bytes) -> None:
    with suppress(InvalidCookie):
        parse_cookie(cookie)


@given(st.integers(0, 999), positions)
def test_cookies_come_back(rid: int, position: Position) -> None:
    cookie = parse_cookie(format_cookie(rid, format_number(position, "0af")))
    ((time, low, server, sent),) = cookie.numbers
    assert (cookie.rid, time, low, server, sent) == (rid, position.time, position.usn, "0af", position.sent)


@given(positions, st.integers(0, 1_000_000), st.integers(0, 1_000_000), st.integers(1, 1000))
def test_numbers_grow(start: Position, first: int, second: int, more: int) -> None:
    """Whatever snapshots messages come from, each number is larger than the one before, octet by octet."""
    start = Position(start.usn // 2, start.time)
    message = start.with_message(start.time + first)
    end = message.followed_by(Position(start.usn + more, start.time + second))
    numbers = [format_number(one, "0af") for one in (start, message, end)]
    assert numbers == sorted(set(numbers))
