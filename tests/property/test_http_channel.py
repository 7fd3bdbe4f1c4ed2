"""HTTP connections under whatever a client sends.

How it is cut into pieces changes no answer; nothing raises; what comes back is a run of well-formed answers, and
after a refusal there is none.
"""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import RootModel

from lightwave.web.messages import json_response
from web_memory import Answered, Memory, echo, route

Anything = RootModel[Any]
ROUTES = (
    route(echo),
    route(lambda request: json_response(request.content), "/up", "PUT", body=Anything, max_body=64),
)

lines = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n",
        b"HEAD / HTTP/1.1\r\n",
        b"PUT /up HTTP/1.1\r\n",
        b"OPTIONS * HTTP/1.1\r\n",
        b"GET /?a=b HTTP/1.0\r\n",
        b"GET / HTTP/1.1\n",
        b"Host: x\r\n",
        b"Host:\r\n",
        b" folded\r\n",
        b"Content-Type: application/json\r\n",
        b"Content-Length: 4\r\n",
        b"Content-Length: 0\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"Connection: close\r\n",
        b"Authorization: x\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"null",
        b"4\r\nnull\r\n0\r\n\r\n",
        b"4;x\r\nnul",
        b"FFFFFFFFFFFFFFFFFFFF\r\n",
    ]
)
whole = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PUT /up HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nnull",
        b"PUT /up HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\n[1\r\n3\r\n,2]\r\n0\r\n\r\n",
    ]
)
sent = st.lists(st.one_of(whole, whole, lines, st.binary(max_size=8)), max_size=12).map(b"".join)


def answers(pieces: list[bytes]) -> list[Answered]:
    """All answers to what is sent in pieces."""
    memory = Memory(*ROUTES)
    client = memory.connect()
    for piece in pieces:
        if not client.transport.disconnecting:  # a real transport gives no more then
            client.send(piece)
    memory.reactor.advance(0.001)
    return client.answers("GET")


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = [*sorted(place % (len(data) + 1) for place in places), len(data)]
    starts = [0, *ends[:-1]]
    return [data[start:end] for start, end in zip(starts, ends, strict=True)]


@given(sent.filter(lambda data: b"HEAD" not in data), st.lists(st.integers(0, 1_000), max_size=6))
@example(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3, [1, 40])
@example(b"\r\n", [1])
def test_pieces_change_no_answer(data: bytes, places: list[int]) -> None:
    expected = answers([data])
    assert answers(cut(data, places)) == expected
    assert answers([data[at : at + 1] for at in range(len(data))]) == expected
    final = [one.status for one in expected if one.status != 100]
    assert set(final) <= {200, 204, 400, 401, 404, 405, 413, 414, 415, 417, 431}
    closing = [one.headers.get("connection") == "close" for one in expected]
    assert not any(closing[:-1])


@given(st.binary(max_size=400))
def test_octets_raise_nothing(data: bytes) -> None:
    answers([data])
