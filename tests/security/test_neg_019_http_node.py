"""What HTTP clients of a whole node try: 17, 19, 21, 80 and 112 of the negative tests, as far as they are HTTP's."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from http_client import LDAP, ask, basic, entry, http_connection, person, replace
from node import Node
from reference import wire
from serving import PASSWORD, add_user, connect_tls, log_text

INJECTIONS = (
    "*",
    "*)(uid=*",
    "*))(|(uid=*",
    "x)(|(objectClass=*)",
    "\\2a",
    "x,dc=example,dc=com",
    'x"+cn=y',
    "#04024869",
    "x\u0000y",
    "${jndi:ldap://x}",
    "<script>",
    "../../etc/passwd",
)


@pytest.fixture
def local(shared_node: Node) -> Iterator[http.client.HTTPConnection]:
    connection = http_connection(shared_node, "local")
    yield connection
    connection.close()


def names(answer: Any) -> list[str]:
    return [one["dn"] for one in answer.json.get("result", [])]


@pytest.mark.parametrize("text", INJECTIONS)
def test_neg_019_values_are_literal(shared_node: Node, local: http.client.HTTPConnection, text: str) -> None:
    """In a name, a value, a list of attributes and a login, filter and DN syntax is text."""
    queries: tuple[dict[str, Any], ...] = (
        {"dn": f"uid={text}"},
        {"dn": text},
        {"dn": shared_node.suffix, "attrs": text},
    )
    for query in queries:
        answer = ask(local, "GET", LDAP, scope="sub", **query)
        assert answer.status in (200, 400, 404, 422)
        if "attrs" not in query:
            assert names(answer) in ([], [query["dn"]])
        elif answer.status == 200 and text != "*":
            assert all(not one["attributes"] for one in answer.json["result"])
    added = ask(local, "PUT", LDAP, person(shared_node, "literal", description=text))
    if "\0" not in text:
        assert added.status == 201
    dn = f"uid=literal,{shared_node.suffix}"
    if added.status == 201:
        found = ask(local, "GET", LDAP, dn=dn, attrs="description").json["result"][0]["attributes"]
        assert found[0]["value"] in ([text], ["eAB5"])
        assert ask(local, "DELETE", LDAP, dn=dn).status == 204
    secure = http_connection(shared_node)
    assert ask(secure, "GET", LDAP, login=(text, "x"), dn=dn).status in (400, 401)
    secure.close()


def test_neg_017_a_cookie_is_one_identitys(shared_node: Node) -> None:
    ann, bob = add_user(shared_node, "page-ann"), add_user(shared_node, "page-bob")
    connection = http_connection(shared_node)
    asked: dict[str, Any] = {"dn": shared_node.suffix, "scope": "sub", "attrs": "1.1", "page_size": 2}
    first = ask(connection, "GET", LDAP, login=(ann, PASSWORD), **asked)
    cookie = first.json["paged_results_cookie"]
    for login in ((bob, PASSWORD), (shared_node.administrator, shared_node.password)):
        foreign = ask(connection, "GET", LDAP, login=login, paged_results_cookie=cookie, **asked)
        assert foreign.status == 410
    for forged in (cookie[:-1], cookie + "A", "", "*", "A" * 64, "\u00e9"):
        answer = ask(connection, "GET", LDAP, login=(ann, PASSWORD), paged_results_cookie=forged, **asked)
        assert answer.status == 410, forged
    other = {**asked, "filter": "(uid=*)"}
    assert (
        ask(connection, "GET", LDAP, login=(ann, PASSWORD), paged_results_cookie=cookie, **other).status
        == 400
    )
    again = ask(connection, "GET", LDAP, login=(ann, PASSWORD), paged_results_cookie=cookie, **asked)
    assert again.status == 200
    assert not set(names(again)) & set(names(first))
    once = ask(connection, "GET", LDAP, login=(ann, PASSWORD), paged_results_cookie=cookie, **asked)
    assert once.status == 410
    connection.close()


def test_neg_021_a_disabled_account_reads_no_further(
    shared_node: Node, local: http.client.HTTPConnection
) -> None:
    """Neither the next page nor anything else, on the connection on which it has signed in."""
    name = add_user(shared_node, "leaver")
    connection = http_connection(shared_node)
    asked: dict[str, Any] = {"dn": shared_node.suffix, "scope": "sub", "attrs": "1.1", "page_size": 2}
    cookie = ask(connection, "GET", LDAP, login=(name, PASSWORD), **asked).json["paged_results_cookie"]
    assert ask(local, "PATCH", LDAP, replace("nsAccountLock", "TRUE"), dn=name).status == 204
    refused = ask(connection, "GET", LDAP, login=(name, PASSWORD), paged_results_cookie=cookie, **asked)
    assert refused.status == 401
    assert ask(connection, "GET", LDAP, login=(name, PASSWORD), **asked).status == 401
    connection.close()


def test_neg_080_nothing_depends_on_what_we_are_called(shared_node: Node) -> None:
    spoofed = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "Forwarded": "host=evil.example;proto=gopher",
        "X-Original-URL": "/v1/node",
    }
    connection = http_connection(shared_node, "local")
    for path in ("/health", "/openapi.json", LDAP):
        plain = ask(connection, "GET", path)
        assert ask(connection, "GET", path, headers=spoofed).body == plain.body
    added = ask(connection, "PUT", LDAP, person(shared_node, "spoofed"), headers=spoofed)
    assert added.headers["location"].startswith("/v1/")
    assert ask(connection, "DELETE", LDAP, dn=f"uid=spoofed,{shared_node.suffix}").status == 204
    connection.close()


def test_neg_112_secrets_are_nowhere_to_be_read(shared_node: Node, local: http.client.HTTPConnection) -> None:
    """Passwords sent in each place where HTTP takes one stand in no answer, no metric and no log."""
    canaries = [f"Yellow bird {number} sings" for number in range(4)]
    secure, clear = http_connection(shared_node), http_connection(shared_node, "clear")
    dn = f"uid=canary,{shared_node.suffix}"
    answers = [
        ask(local, "PUT", LDAP, person(shared_node, "canary", userPassword=canaries[0])),
        ask(secure, "GET", LDAP, login=("canary", canaries[0]), dn=dn, attrs="*,+,userPassword"),
        ask(secure, "GET", LDAP, login=("canary", canaries[1]), dn=dn),
        ask(clear, "GET", LDAP, login=("canary", canaries[2]), dn=dn),
        ask(
            local, "PATCH", LDAP, replace("userPassword", canaries[3], "x"), dn=dn, headers={"If-Match": "x"}
        ),
        ask(local, "PUT", LDAP, {"dn": dn, "attributes": [{"type": "userPassword", "value": canaries[3]}]}),
        ask(local, "PUT", LDAP, entry(dn, objectClass="none", userPassword=canaries[3])),
        ask(local, "GET", "/metrics"),
    ]
    secure.close()
    clear.close()
    assert [one.status for one in answers[:4]] == [201, 200, 401, 403]
    seen = (
        b"".join(one.body + json.dumps(one.headers).encode() for one in answers)
        + log_text(shared_node).encode()
    )
    for canary in canaries:
        for shape in (canary, basic("canary", canary)[6:]):
            assert shape.encode() not in seen


def test_neg_014_a_login_lends_no_other_identity(shared_node: Node) -> None:
    """Neither by an authorization identity nor by a header; PLAIN's and EXTERNAL's are tested over LDAP."""
    name = add_user(shared_node, "lender")
    connection = http_connection(shared_node)
    for claimed in (
        {"Proxy-Authorization": basic(shared_node.administrator, shared_node.password)},
        {"X-Remote-User": shared_node.administrator},
        {"X-Forwarded-User": shared_node.administrator},
    ):
        assert ask(connection, "GET", "/v1/node", login=(name, PASSWORD), headers=claimed).status == 403
        assert ask(connection, "GET", "/v1/node", headers=claimed).status == 401
    connection.close()


def test_http_on_the_port_of_ldap(shared_node: Node) -> None:
    """It ends, and LDAP clients are served on."""
    connection = http.client.HTTPConnection("127.0.0.1", shared_node.port, timeout=20)
    connection.request("GET", "/health")
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.getresponse()
    with connect_tls(shared_node) as own:
        assert own.ask(wire.search("", wire.BASE)).code == 0
