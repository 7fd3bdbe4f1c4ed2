"""Routes: methods, who may call, what is accepted, and mounted applications."""

from __future__ import annotations

import json

import flask
import pytest

from lightwave.sasl.channel import Channel
from lightwave.web.messages import Request
from lightwave.web.routing import Access, Answer, Router
from lightwave.web.service import is_on_this_machine
from web_memory import Memory, echo, route


def test_methods() -> None:
    client = Memory(route(echo, "/x"), route(echo, "/x", "DELETE")).connect()
    refused = client.get("/x", method="POST")
    assert (refused.status, refused.headers["allow"]) == (405, "DELETE, GET, HEAD, OPTIONS")
    asked = client.get("/x", method="OPTIONS")
    assert (asked.status, asked.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS")
    head = client.get("/x", method="HEAD")
    assert (head.status, head.headers["content-length"], head.body) == (200, "2", b"")
    assert client.get("*", method="OPTIONS").status == 204
    assert client.get("/y").status == 404
    assert client.get("http://elsewhere.example/x").status == 200


def test_paths() -> None:
    def name(request: Request) -> object:
        return echo(request.with_(body=request.parameters["name"].encode()))

    client = Memory(route(name, "/people/{name}"), route(echo, "/people/all")).connect()
    assert client.get("/people/ada").body == b"ada"
    assert client.get("/people/a%2Fb%c3%a9").body == "a/bé".encode()
    assert client.get("/people/all").body == b"/people/all"
    for path in ("/people", "/people/", "/people/a/b", "/people/../people/all", "/People/all"):
        assert client.get(path).status == 404, path


def test_a_path_is_served_once() -> None:
    router = Router()
    router.add(route(echo, "/x"))
    with pytest.raises(ValueError, match="served already"):
        router.add(route(echo, "/x"))


@pytest.mark.parametrize(
    ("access", "anonymous", "person", "administrator"),
    [
        (Access.ANYBODY, 200, 200, 200),
        (Access.SIGNED_IN, 401, 200, 200),
        (Access.ADMINISTRATOR, 401, 403, 200),
    ],
)
def test_who_may_call(access: Access, anonymous: int, person: int, administrator: int) -> None:
    client = Memory(route(echo, access=access)).connect(tls=True)
    assert client.get("/").status == anonymous
    assert client.get("/", "Authorization: person").status == person
    assert client.get("/", "Authorization: administrator").status == administrator


def test_a_clear_connection_is_not_asked_for_credentials() -> None:
    memory = Memory(route(echo, access=Access.SIGNED_IN))
    clear = memory.connect().get("/")
    assert clear.status == 403
    assert "www-authenticate" not in clear.headers
    assert memory.connect(tls=True).get("/").headers["www-authenticate"] == "Named"


def test_neg_080_what_a_client_says_of_its_address_counts_nothing() -> None:
    memory = Memory(route(echo, access=Access.LOCAL))
    client = memory.connect(tls=True)  # from 192.168.1.1
    claims = ("X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "X-Real-IP: ::1")
    assert client.get("/", *claims).status == 401
    assert client.get("http://127.0.0.1/", *claims).status == 401


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        (Channel(address="127.0.0.1:4711"), True),
        (Channel(address="::1:4711"), True),
        (Channel(local_uid=1000, address="local"), True),
        (Channel(address="192.0.2.1:4711"), False),
        (Channel(address="2001:db8::1:4711"), False),
        (Channel(), False),
    ],
)
def test_who_is_on_this_machine(channel: Channel, expected: bool) -> None:
    assert is_on_this_machine(Request("GET", ("",), channel)) is expected


def test_what_is_not_accepted() -> None:
    text = {200: Answer("done", media_type="text/plain; charset=utf-8")}
    client = Memory(route(echo), route(echo, "/text", answers=text)).connect()
    assert client.get("/", "Accept: text/html, application/*;q=0.1").status == 200
    assert client.get("/", "Accept: text/html").status == 406
    assert client.get("/", "Accept: application/json;q=0, */*").status == 406
    assert client.get("/text", "Accept: text/plain").status == 200
    problem = client.get("/", "Accept: image/png")
    assert json.loads(problem.body)["status"] == 406


def test_content_where_none_is_taken() -> None:
    client = Memory(route(echo)).connect()
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
    assert client.answer().status == 400
    assert client.get("/").status == 200


def pages() -> flask.Flask:
    application = flask.Flask("pages")

    @application.route("/hello/<name>", methods=["GET", "POST"])
    def hello(name: str) -> str:
        caller = flask.request.environ["lightwave.caller"]
        given = flask.request.get_data(as_text=True)
        return f"{name} {given} {caller.dn.decode()} {flask.request.script_root} {flask.request.remote_addr}"

    return application


def test_a_flask_is_mounted() -> None:
    memory = Memory(route(echo, "/pages-not"))
    memory.router.mount_flask("/pages", pages(), Access.SIGNED_IN)
    client = memory.connect(tls=True)
    assert client.get("/pages/hello/x").status == 401
    client.send(
        b"POST /pages/hello/%C3%A9?q=1 HTTP/1.1\r\nHost: x\r\nAuthorization: person\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    )
    assert client.answer().body.decode() == "é abc uid=ann /pages 192.168.1.1"
    assert client.get("/pages/none", "Authorization: person").status == 404
    assert client.get("/pages-not").status == 200
    assert client.get("/pages-neither").status == 404
