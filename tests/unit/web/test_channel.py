"""One HTTP connection: framing, limits, the order of answers, and clients that are slow on purpose."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pydantic import BaseModel, RootModel
from twisted.internet.defer import Deferred

from lightwave.web.limits import DEFAULT_LIMITS
from lightwave.web.messages import Request, Response, json_response
from web_memory import Memory, echo, route


class Anything(RootModel[Any]):
    """Any JSON."""


def said(request: Request) -> Response:
    return json_response(request.content)


UPLOAD = route(said, "/up", "PUT", body=Anything, max_body=100)
JSON = "Content-Type: application/json"


def upload(*headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join(["PUT /up HTTP/1.1", "Host: x", JSON, *headers, "", ""]).encode() + body


def test_an_answer() -> None:
    answer = Memory(route(echo)).connect().get("/")
    assert answer.status == 200
    assert answer.body == b"/"
    assert answer.headers["content-length"] == "1"
    assert answer.headers["date"] == "Fri, 15 Jan 2027 08:00:00 GMT"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "connection" not in answer.headers


def test_byte_by_byte() -> None:
    client = Memory(UPLOAD).connect()
    for byte in upload("Content-Length: 5", body=b'"abc"'):
        client.send(bytes([byte]))
    assert client.answer().body == b'"abc"\n'


def test_requests_of_one_connection() -> None:
    client = Memory(route(echo)).connect()
    for _ in range(3):
        assert client.get("/").status == 200
    assert not client.transport.disconnecting


def test_a_connection_is_closed_when_asked() -> None:
    client = Memory(route(echo)).connect()
    assert client.get("/", "Connection: Keep-Alive, close").headers["connection"] == "close"
    assert client.transport.disconnecting


def test_http_1_0_gets_one_answer() -> None:
    client = Memory(route(echo)).connect()
    answer = client.send(b"GET / HTTP/1.0\r\n\r\n").answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert client.transport.disconnecting


def test_pipelined_requests_are_answered_in_their_order() -> None:
    waiting: list[Deferred[Response]] = []

    def later(request: Request) -> Deferred[Response]:
        waiting.append(Deferred())
        return waiting[-1]

    client = Memory(route(later, "/later"), route(echo, "/now")).connect()
    client.send(b"GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /now HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.answers() == []
    waiting[0].callback(Response(200, b"first"))
    assert [one.body for one in client.answers()] == [b"first", b"/now"]


def test_no_more_than_a_bound_is_read_ahead() -> None:
    waiting: Deferred[Response] = Deferred()
    client = Memory(route(lambda request: waiting, "/later"), route(echo)).connect()
    client.send(b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000)
    assert client.transport.producerState == "paused"
    waiting.callback(Response(200, b"first"))
    assert len(client.answers()) == 1 + 16  # then others have their turn
    client.memory.reactor.pump([0.001] * 62)
    assert len(client.answers()) == 1_000 - 16
    assert client.transport.producerState == "producing"


def test_the_client_goes_before_its_answer() -> None:
    waiting: Deferred[Response] = Deferred()
    memory = Memory(route(lambda request: waiting))
    client = memory.connect()
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    client.channel.connectionLost()
    waiting.callback(Response(200, b"too late"))
    assert client.transport.value() == b""
    assert memory.service.connections == set()


def test_continue_is_sent_when_the_content_will_be_taken() -> None:
    client = Memory(UPLOAD).connect()
    client.send(upload("Content-Length: 4", "Expect: 100-continue"))
    assert [one.status for one in client.answers()] == [100]
    assert client.send(b"null").answer().status == 200


def test_chunked_content() -> None:
    client = Memory(UPLOAD).connect()
    client.send(
        upload("Transfer-Encoding: chunked", body=b"3;x=y\r\n[1,\r\n2\r\n2]\r\n0\r\nTrailer: x\r\n\r\n")
    )
    assert client.answer().body == b"[1,2]\n"
    assert client.get("/up").status == 405


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 400),
        (b"G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /\x80 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /#x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /?%ff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /?" + b"a&" * 101 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHeader : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHeader\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\nC: d\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", 400),
        (upload("Content-Length: 4", "Content-Length: 4", body=b"null"), 400),
        (upload("Content-Length: 4", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
        (upload("Content-Length: +4", body=b"null"), 400),
        (upload("Content-Length: -4", body=b"null"), 400),
        (upload("Content-Length: 4, 4", body=b"null"), 400),
        (upload("Content-Length: " + "9" * 6_000), 413),
        (upload("Content-Length: 101"), 413),
        (upload("Transfer-Encoding: chunked", body=b"65\r\n" + b"x" * 0x65), 413),
        (upload("Transfer-Encoding: chunked", body=b"zz\r\n"), 400),
        (upload("Transfer-Encoding: chunked", body=b"-1\r\n"), 400),
        (upload("Transfer-Encoding: chunked", body=b"1\r\nabc"), 400),
        (upload("Transfer-Encoding: gzip, chunked"), 400),
        (upload("Transfer-Encoding: identity"), 400),
        (b"PUT /up HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (upload("Content-Encoding: gzip", "Content-Length: 4", body=b"null"), 415),
        (upload("Expect: the-unexpected", "Content-Length: 4"), 417),
        (b"GET /" + b"x" * 33_000 + b" HTTP/1.1\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 33_000, 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + (b"A: " + b"x" * 8_000 + b"\r\n") * 9, 431),
    ],
)
def test_what_is_refused_ends_the_connection(request_: bytes, status: int) -> None:
    memory = Memory(route(echo), UPLOAD)
    client = memory.connect()
    client.send(request_)
    answer = client.answer()
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    assert client.transport.half_closed
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.answers() == []
    client.wait(DEFAULT_LIMITS.closing_seconds)
    assert client.transport.disconnecting


def test_a_refused_head_has_no_content() -> None:
    client = Memory(route(echo)).connect()
    client.send(b"HEAD / HTTP/1.1\r\n\r\n")
    assert client.transport.value().endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("began", "status"),
    [
        (b"G", 408),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", 408),
        (upload("Content-Length: 50", body=b"[1,"), 408),
        (upload("Transfer-Encoding: chunked", body=b"3\r\n[1,"), 408),
    ],
)
def test_neg_008_a_request_that_never_ends(began: bytes, status: int) -> None:
    client = Memory(UPLOAD).connect()
    client.send(began)
    client.wait(9.9)
    assert client.answers() == []
    client.wait(0.2)
    assert client.answer().status == status


def test_neg_008_a_byte_now_and_then_gains_no_time() -> None:
    client = Memory(route(echo)).connect()
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\nA: ")
    for _ in range(20):
        client.wait(0.6)
        client.send(b"x")
    assert client.answer().status == 408
    content = Memory(UPLOAD).connect()
    content.send(upload("Content-Length: 100"))
    for _ in range(20):
        content.wait(0.6)
        content.send(b" ")
    assert content.answer().status == 408


def test_content_that_keeps_coming_is_waited_for() -> None:
    big = route(lambda request: Response(204), "/big", "PUT", body=Anything, max_body=1 << 20)
    client = Memory(big).connect()
    size = 16 * 1024 * 20
    head = f"PUT /big HTTP/1.1\r\nHost: x\r\n{JSON}\r\nContent-Length: {size}\r\n\r\n".encode()
    client.send(head)
    for _ in range(20):
        client.wait(1.0)
        client.send(b" " * (16 * 1024 - 1) + b"1")
    assert client.answer().status == 400  # nineteen numbers too many, but all of it was read


def test_content_of_all_clients_is_bounded() -> None:
    limits = dataclasses.replace(DEFAULT_LIMITS, held=100)
    memory = Memory(UPLOAD, limits=limits)
    first, second, third = memory.connect(), memory.connect(), memory.connect()
    first.send(upload("Content-Length: 60", body=b"1" * 59))
    second.send(upload("Content-Length: 42", body=b"1" * 41))
    refused = third.send(upload("Content-Length: 3", body=b"12")).answer()
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    second.channel.connectionLost()
    assert first.send(b"1").answer().status == 200
    assert memory.service.content_held == 0
    assert memory.connect().send(upload("Content-Length: 99", body=b"1" * 99)).answer().status == 200
    refused_late = memory.connect().send(upload("Transfer-Encoding: chunked", body=b"5\r\n12345\r\nx\r\n"))
    assert refused_late.answer().status == 400
    assert memory.service.content_held == 0


def test_an_idle_connection_ends() -> None:
    client = Memory(route(echo)).connect()
    assert client.get("/").status == 200
    client.wait(59.9)
    assert not client.transport.disconnecting
    client.wait(0.2)
    assert client.transport.disconnecting
    assert client.answers() == []


def test_a_client_that_does_not_read_is_left() -> None:
    client = Memory(route(echo)).connect()
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    client.channel.pauseProducing()
    assert client.transport.producerState == "paused"
    client.wait(31)
    assert client.transport.aborted


def test_when_all_places_are_taken_the_longest_idle_connection_goes() -> None:
    memory = Memory(route(echo), limits=dataclasses.replace(DEFAULT_LIMITS, connections=2))
    first, second = memory.connect(), memory.connect()
    memory.reactor.advance(1)
    assert first.get("/").status == 200
    third = memory.connect()
    assert (first.transport.aborted, second.transport.aborted) == (False, True)
    assert third.get("/").status == 200


def test_a_newcomer_goes_when_all_are_busy() -> None:
    memory = Memory(
        route(lambda request: Deferred()), limits=dataclasses.replace(DEFAULT_LIMITS, connections=1)
    )
    memory.connect().send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert memory.connect().transport.aborted


def test_a_connection_serves_so_many_requests() -> None:
    memory = Memory(route(echo), limits=dataclasses.replace(DEFAULT_LIMITS, requests=2))
    client = memory.connect()
    assert "connection" not in client.get("/").headers
    assert client.get("/").headers["connection"] == "close"


def test_draining_answers_what_was_asked() -> None:
    waiting: Deferred[Response] = Deferred()
    memory = Memory(route(lambda request: waiting))
    idle, asking, busy = memory.connect(), memory.connect(), memory.connect()
    asking.send(b"GET / HT")
    busy.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    memory.service.drain()
    assert idle.transport.disconnecting
    assert asking.transport.disconnecting
    assert not busy.transport.disconnecting
    waiting.callback(Response(200, b"done"))
    answer = busy.answer()
    assert (answer.body, answer.headers["connection"]) == (b"done", "close")
    assert busy.transport.disconnecting


def test_a_handler_that_fails_tells_a_reference_alone(caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: Request) -> Response:
        raise RuntimeError("a detail that is nobody's business")

    client = Memory(route(broken)).connect()
    answer = client.get("/")
    assert answer.status == 500
    assert b"nobody" not in answer.body
    assert b"reference 0-h1-1" in answer.body
    assert "nobody's business" in caplog.text
    assert client.get("/").status == 500


def test_a_header_of_an_answer_can_hold_no_line() -> None:
    split = Response(200, b"x", headers=(("Location", "/a\r\nSet-Cookie: x=y"),))
    answer = Memory(route(lambda request: split)).connect().get("/")
    assert "set-cookie" not in answer.headers


def test_models_are_checked() -> None:
    class Query(BaseModel, extra="forbid"):
        number: int

    client = Memory(route(echo, query=Query)).connect()
    assert client.get("/?number=1").status == 200
    for query in ("", "?number=x", "?number=1&number=2", "?number=1&other=2"):
        assert client.get(f"/{query}").status == 400
