"""Entries over HTTP: the same operations, rules and rights as over LDAP."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Any

import pytest

from http_client import LDAP, ask, entry, http_connection, person, replace
from node import Node
from serving import PASSWORD, add_user


@pytest.fixture
def local(shared_node: Node) -> Iterator[http.client.HTTPConnection]:
    """The owner's connection."""
    connection = http_connection(shared_node, "local")
    yield connection
    connection.close()


def test_an_entry_and_its_versions(shared_node: Node, local: http.client.HTTPConnection) -> None:
    dn = f"uid=ada,{shared_node.suffix}"
    added = ask(local, "PUT", LDAP, person(shared_node, "ada", description="a\nb", mail="ada@example.com"))
    assert added.status == 201
    found = ask(local, "GET", added.headers["location"])
    assert found.json["result"][0]["dn"] == dn
    values = {one["type"]: one["value"] for one in found.json["result"][0]["attributes"]}
    assert values["description"] == ["a\nb"]
    first = found.headers["etag"]
    assert added.headers["etag"] == first
    unchanged = ask(local, "GET", LDAP, dn=dn, headers={"If-None-Match": first})
    assert (unchanged.status, unchanged.body) == (304, b"")
    changed = ask(local, "PATCH", LDAP, replace("description", "c"), dn=dn, headers={"If-Match": first})
    assert changed.status == 204
    second = ask(local, "GET", LDAP, dn=dn, headers={"If-None-Match": first})
    assert second.status == 200
    assert second.headers["etag"] == changed.headers["etag"] != first
    assert ask(local, "DELETE", LDAP, dn=dn).status == 204
    gone = ask(local, "GET", LDAP, dn=dn)
    assert (gone.status, gone.json["ldapName"], gone.json["matchedDN"]) == (
        404,
        "noSuchObject",
        shared_node.suffix,
    )


def test_a_change_of_another_version_is_refused(shared_node: Node, local: http.client.HTTPConnection) -> None:
    dn = f"uid=bob,{shared_node.suffix}"
    ask(local, "PUT", LDAP, person(shared_node, "bob"))
    old = ask(local, "GET", LDAP, dn=dn).headers["etag"]
    assert ask(local, "PATCH", LDAP, replace("description", "1"), dn=dn).status == 204
    for tag in (old, f'"x", {old}', f"W/{old}", '"x"'):
        stale = ask(local, "PATCH", LDAP, replace("description", "2"), dn=dn, headers={"If-Match": tag})
        assert stale.status == 412, tag
        assert ask(local, "DELETE", LDAP, dn=dn, headers={"If-Match": tag}).status == 412
    new = ask(local, "GET", LDAP, dn=dn).headers["etag"]
    both = f'{old}, "other", {new}'
    assert (
        ask(local, "PATCH", LDAP, replace("description", "3"), dn=dn, headers={"If-Match": both}).status
        == 204
    )
    assert (
        ask(local, "PATCH", LDAP, replace("description", "4"), dn=dn, headers={"If-Match": "x"}).status == 400
    )
    assert ask(local, "DELETE", LDAP, dn=dn, headers={"If-Match": "*"}).status == 204


def test_an_add_under_a_condition(shared_node: Node, local: http.client.HTTPConnection) -> None:
    """PUT only adds (RFC 9110 §13.1.1, §13.1.2): no If-Match holds for what was not there."""
    fay = person(shared_node, "fay")
    dn = fay["dn"]
    for tag in ("*", '"x"', f'"{"0" * 32}-1", W/"y"'):
        assert ask(local, "PUT", LDAP, fay, headers={"If-Match": tag}).status == 412, tag
    for header in ("If-Match", "If-None-Match"):
        for malformed in ("x", ""):
            assert ask(local, "PUT", LDAP, fay, headers={header: malformed}).status == 400, (
                header,
                malformed,
            )
    both = {"If-None-Match": "*", "If-Match": "*"}
    assert ask(local, "PUT", LDAP, fay, headers=both).status == 412
    assert ask(local, "GET", LDAP, dn=dn).status == 404
    added = ask(local, "PUT", LDAP, fay, headers={"If-None-Match": "*"})
    assert added.status == 201
    taken = ask(local, "PUT", LDAP, fay, headers={"If-None-Match": "*"})
    assert (taken.status, taken.json["status"], taken.json["ldapName"]) == (412, 412, "entryAlreadyExists")
    assert ask(local, "PUT", LDAP, fay).status == 409
    assert ask(local, "PUT", LDAP, fay, headers={"If-Match": added.headers["etag"]}).status == 409
    assert ask(local, "GET", LDAP, dn=dn).headers["etag"] == added.headers["etag"]
    assert ask(local, "DELETE", LDAP, dn=dn).status == 204
    assert ask(local, "PUT", LDAP, fay, headers={"If-None-Match": '"x"'}).status == 201
    assert ask(local, "DELETE", LDAP, dn=dn).status == 204


def test_octets(shared_node: Node, local: http.client.HTTPConnection) -> None:
    given = person(shared_node, "eve")
    given["attributes"].append({"type": "jpegPhoto", "value": ["/9j/4AAA"], "encoding": "base64"})
    assert ask(local, "PUT", LDAP, given).status == 201
    dn = given["dn"]
    (found,) = ask(local, "GET", LDAP, dn=dn, attrs="jpegPhoto,cn").json["result"]
    assert {"type": "jpegPhoto", "value": ["/9j/4AAA"], "encoding": "base64"} in found["attributes"]
    given["attributes"][-1]["value"] = ["no base64"]
    assert ask(local, "PUT", LDAP, given).status == 422
    assert ask(local, "DELETE", LDAP, dn=dn).status == 204


def test_pages(shared_node: Node, local: http.client.HTTPConnection) -> None:
    base = f"ou=pages,{shared_node.suffix}"
    assert ask(local, "PUT", LDAP, entry(base, objectClass="organizationalUnit", ou="pages")).status == 201
    names = {f"ou=u{number},{base}" for number in range(25)}
    for name in names:
        assert ask(local, "PUT", LDAP, entry(name, objectClass="organizationalUnit")).status == 201
    found: list[str] = []
    asked: dict[str, Any] = {"dn": base, "scope": "one", "attrs": "1.1", "page_size": 10}
    page = ask(local, "GET", LDAP, **asked).json
    while True:
        assert page["result_count"] == len(page["result"]) <= 10
        found += [one["dn"] for one in page["result"]]
        cookie = page.get("paged_results_cookie")
        if cookie is None:
            break
        page = ask(local, "GET", LDAP, paged_results_cookie=cookie, **asked).json
    assert sorted(found) == sorted(names)


@pytest.mark.parametrize(
    ("method", "query", "content", "status"),
    [
        ("GET", {}, None, 400),
        ("GET", {"dn": ""}, None, 400),
        ("GET", {"dn": "no name"}, None, 422),
        ("GET", {"dn": "{}", "scope": "all"}, None, 400),
        ("GET", {"dn": "{}", "page_size": 0}, None, 400),
        ("GET", {"dn": "{}", "page_size": "x"}, None, 400),
        ("GET", {"dn": "{}", "filter": "(uid=x"}, None, 422),
        ("GET", {"dn": "{}", "filter": "(" * 500}, None, 422),
        ("GET", {"dn": "{}", "other": "x"}, None, 400),
        ("GET", {"dn": "{}", "paged_results_cookie": "forged"}, None, 410),
        ("PUT", {}, None, 415),
        ("PUT", {}, [], 400),
        ("PUT", {}, {"dn": "cn=x,{}"}, 400),
        ("PUT", {}, {"dn": "cn=x,{}", "attributes": []}, 422),
        ("PUT", {}, {"dn": "cn=x,{}", "attributes": [{"type": "cn", "value": ["\ud800"]}]}, 400),
        ("PUT", {}, {"dn": "{}", "attributes": [{"type": "objectClass", "value": ["domain"]}]}, 409),
        ("PUT", {"dn": "x"}, {"dn": "{}", "attributes": []}, 400),
        ("PATCH", {"dn": "{}"}, [], 400),
        ("PATCH", {"dn": "{}"}, [{"operation": "drop", "attribute": {"type": "cn", "value": []}}], 400),
        ("PATCH", {"dn": "{}"}, replace("noSuchAttribute", "x"), 422),
        ("PATCH", {"dn": "cn=none,{}"}, replace("description", "x"), 404),
        ("DELETE", {"dn": "{}"}, None, 409),
        ("DELETE", {"dn": "cn=none,{}"}, None, 404),
        ("DELETE", {"dn": "{}"}, {}, 400),
        ("POST", {"dn": "{}"}, {}, 405),
    ],
)
def test_refusals(
    shared_node: Node,
    local: http.client.HTTPConnection,
    method: str,
    query: dict[str, Any],
    content: object,
    status: int,
) -> None:
    filled: dict[str, Any] = {
        k: v.replace("{}", shared_node.suffix) if isinstance(v, str) else v for k, v in query.items()
    }
    if isinstance(content, dict) and "dn" in content:
        content = {**content, "dn": content["dn"].replace("{}", shared_node.suffix)}
    answer = ask(local, method, LDAP, content, **filled)
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status


def test_json_that_is_none(shared_node: Node, local: http.client.HTTPConnection) -> None:
    for body in (b"", b"{", b"\xff", b"[" * 50_000, b'{"dn": 1e999}', b"9" * 5_000):
        local.request("PUT", LDAP, body, {"Content-Type": "application/json"})
        answer = local.getresponse()
        answer.read()
        assert answer.status == 400, body[:20]


def test_rights_are_those_of_ldap(shared_node: Node) -> None:
    name = add_user(shared_node, "ann")
    connection = http_connection(shared_node)
    assert ask(connection, "GET", LDAP, dn=shared_node.suffix).status == 401
    for login in ((name, PASSWORD), ("ann", PASSWORD), ("ann@example.com", PASSWORD)):
        assert ask(connection, "GET", LDAP, login=login, dn=shared_node.suffix).status == 200
    refused = ask(connection, "PATCH", LDAP, replace("description", "x"), (name, PASSWORD), dn=name)
    assert (refused.status, refused.json["ldapName"]) == (403, "insufficientAccessRights")
    assert ask(connection, "GET", "/v1/node", login=(name, PASSWORD)).status == 403
    connection.close()
