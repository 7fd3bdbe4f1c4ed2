"""Responses in any pieces; what is no LDAP, or too long, is refused at its header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightwave.directory.ldap.client_messages import Result
from lightwave.directory.ldap.response_reader import ResponseReader
from lightwave.directory.ldap.responses import TAG_BIND_RESPONSE, encode_bind_result, encode_result
from lightwave.directory.ldap.result import ResultCode
from lightwave.wire.ber import BerError

SHORT = encode_bind_result(1, ResultCode.SUCCESS, message="", server_credentials=b"x")
LONG = encode_result(2, TAG_BIND_RESPONSE, ResultCode.OTHER, message="m" * 70_000)


@given(st.lists(st.integers(1, 40_000), max_size=30))
def test_any_pieces_give_the_same(sizes: list[int]) -> None:
    data = SHORT + LONG + SHORT
    reader, found = ResponseReader(), []
    for size in [*sizes, len(data)]:
        found += reader.receive(data[:size])
        data = data[size:]
    assert [message.message_id for message in found] == [1, 2, 1]
    assert isinstance(found[1].response, Result)
    assert len(found[1].response.message) == 70_000


@pytest.mark.parametrize(
    "data", [b"\x31\x00", b"\x30\x80", b"\x30\x85", b"\x30\x84\x7f\xff\xff\xff", b"HTTP/1.1"]
)
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(BerError):
        ResponseReader().receive(data)


def test_a_limit_of_ones_own() -> None:
    assert ResponseReader(len(SHORT)).receive(SHORT)
    with pytest.raises(BerError):
        ResponseReader(len(SHORT) - 1).receive(SHORT[:2])


@given(st.binary(max_size=200))
def test_any_octets(data: bytes) -> None:
    try:
        ResponseReader().receive(data)
    except BerError:
        return
