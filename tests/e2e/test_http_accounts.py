"""Users, computers and groups over REST: what works, what is malformed, what is not there."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest

from http_client import Answer, ask, http_connection
from node import Node
from serving import add_user, change_settings, until

PASSWORD = "Made-up 4 users"
INJECTION = "*)(uid=*))(|(uid=*"


class Api:
    """The interface, as the owner of the data folder."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.connection: http.client.HTTPConnection = http_connection(node, "local")

    def __call__(self, method: str, path: str, content: Any = None, **query: str | int) -> Answer:
        return ask(self.connection, method, path, content, None, None, **query)

    def done(self, method: str, path: str, content: Any = None, **query: str | int) -> Any:
        answer = self(method, path, content, **query)
        assert answer.status in (200, 201, 204), answer
        return answer.json if answer.body else None


@pytest.fixture(scope="module")
def api(shared_node: Node) -> Iterator[Api]:
    made = Api(shared_node)
    yield made
    made.connection.close()


def test_a_user_from_beginning_to_end(api: Api) -> None:
    created = api(
        "POST",
        "/v1/users",
        {
            "name": "ada",
            "password": PASSWORD,
            "displayName": "Ada L.",
            "surname": "Lovelace",
            "mail": "ada@example.com",
            "attributes": {"title": ["Countess"]},
        },
    )
    assert created.status == 201, created
    ada = created.json
    assert ada["dn"] == f"cn=ada,cn=Users,{api.node.suffix}"
    assert (ada["name"], ada["upn"], ada["enabled"], ada["hindrances"]) == (
        "ada",
        "ada@example.com",
        True,
        [],
    )
    assert "password" not in ada
    assert api.done("GET", created.headers["location"])["id"] == ada["id"]
    for name in ("ada", "ADA", "ada@example.com", ada["id"], ada["dn"]):
        assert api.done("GET", f"/v1/users/{quote(name, safe='')}")["id"] == ada["id"]

    login = ("ada@example.com", PASSWORD)
    with closing(http_connection(api.node)) as connection:
        assert ask(connection, "GET", "/v1/users/ada", login=login).json["displayName"] == "Ada L."

    api.done("PATCH", "/v1/users/ada", {"displayName": None, "mail": "l@example.com", "enabled": False})
    changed = api.done("GET", "/v1/users/ada")
    assert "displayName" not in changed
    assert (changed["mail"], changed["enabled"], changed["hindrances"]) == (
        "l@example.com",
        False,
        ["disabled"],
    )
    disabled = api.done("GET", "/v1/users", enabled="false", search="ada")["items"]
    assert [one["name"] for one in disabled] == ["ada"]
    with closing(http_connection(api.node)) as connection:
        assert ask(connection, "GET", "/v1/users/ada", login=login).status == 401
    api.done("PATCH", "/v1/users/ada", {"enabled": True, "attributes": {"add": {"title": ["Dr"]}}})
    assert api.done("GET", "/v1/users/ada")["enabled"] is True

    api.done("POST", "/v1/users/ada/rename", {"name": "augusta"})
    renamed = api.done("GET", "/v1/users/augusta")
    assert renamed["dn"] == f"cn=augusta,cn=Users,{api.node.suffix}"
    assert (renamed["upn"], renamed["id"]) == ("augusta@example.com", ada["id"])
    assert api("GET", "/v1/users/ada").status == 404
    api.done("DELETE", "/v1/users/augusta")
    assert api("DELETE", "/v1/users/augusta").status == 404


def test_passwords(api: Api) -> None:
    made = api.done("POST", "/v1/users", {"name": "pat", "generatePassword": True})
    first = made["password"]
    second = api.done("PUT", "/v1/users/pat/password", {})["password"]
    assert first != second

    content: Any

    def status(password: str) -> int:
        with closing(http_connection(api.node)) as connection:
            return ask(connection, "GET", "/v1/users/pat", login=("pat@example.com", password)).status

    assert (status(first), status(second)) == (401, 200)
    api.done("PUT", "/v1/users/pat/password", {"new": "Another 4 tests"})
    assert (status(second), status("Another 4 tests")) == (401, 200)
    for content in ({"new": ""}, {"new": 5}, {"now": "x"}, []):
        assert api("PUT", "/v1/users/pat/password", content).status == 400
    assert api("PUT", "/v1/users/nobody/password", {"new": "Another 4 tests"}).status == 404
    api.done("DELETE", "/v1/users/pat")


def test_locks(api: Api) -> None:
    change_settings(api.node, lwFailureDelayMilliseconds=0)
    api.done("POST", "/v1/users", {"name": "lou", "password": "Made-up 4 locks"})

    def status(password: str) -> int:
        with closing(http_connection(api.node)) as connection:
            return ask(connection, "GET", "/v1/users/lou", login=("lou@example.com", password)).status

    def locked() -> bool:
        """A failure is counted after it is answered."""
        status("wrong")
        return bool(api.done("GET", "/v1/users/lou")["locked"])

    assert until(locked)
    assert status("Made-up 4 locks") == 401
    lou = api.done("GET", "/v1/users/lou")
    assert (lou["enabled"], lou["hindrances"]) == (True, ["locked"])
    assert [one["name"] for one in api.done("GET", "/v1/users", locked="true")["items"]] == ["lou"]
    assert "lou" not in [one["name"] for one in api.done("GET", "/v1/users", locked="false")["items"]]
    api.done("PATCH", "/v1/users/lou", {"locked": False})
    assert api.done("GET", "/v1/users/lou")["hindrances"] == []
    assert status("Made-up 4 locks") == 200
    api.done("DELETE", "/v1/users/lou")


def test_what_is_refused(api: Api) -> None:
    content: Any
    for content in (
        {},
        {"name": ""},
        {"name": "x", "nonsense": 1},
        {"name": "x", "password": "Made-up 4 x", "generatePassword": True},
        {"name": ["x"]},
        {"name": "x" * 2_000},
    ):
        assert api("POST", "/v1/users", content).status == 400, content
    api.done("POST", "/v1/users", {"name": "bea"})
    again = api("POST", "/v1/users", {"name": "bea"})
    assert again.status == 409
    assert api("POST", "/v1/users", {"name": "bea", "container": "dc=elsewhere"}).status == 404
    assert api("POST", "/v1/users", {"name": "y", "attributes": {"noSuch": ["x"]}}).status == 422
    assert api("POST", "/v1/users", {"name": "y", "attributes": {"CN": ["x"]}}).status == 422
    for content in ({}, {"enabled": None}, {"locked": True}, {"enabled": "maybe"}, {"nonsense": 1}):
        assert api("PATCH", "/v1/users/bea", content).status == 400, content
    assert api("PATCH", "/v1/users/nobody", {"mail": "x"}).status == 404
    assert api("POST", "/v1/users/bea/rename", {"name": ""}).status == 400
    assert api("GET", "/v1/users", limit=0).status == 400
    assert api("GET", "/v1/users", cursor="none").status == 410
    api.done("DELETE", "/v1/users/bea")


@pytest.mark.parametrize(
    "name", [INJECTION, "*", "(uid=*)", "\\2a", "a/b", "dc=com", ",", "S-1-5-32-99999", "é" * 2_000]
)
def test_neg_019_names_are_literal(api: Api, name: str) -> None:
    encoded = quote(name, safe="")
    for path in (f"/v1/users/{encoded}", f"/v1/groups/{encoded}", f"/v1/groups/{encoded}/members"):
        assert api("GET", path).status == 404, path
    assert api("DELETE", f"/v1/users/{encoded}").status == 404
    if len(name) < 256:
        for path in ("/v1/users", "/v1/groups"):
            found = api.done("GET", path, search=name)["items"]
            assert all(name.casefold() in str(one).casefold() for one in found)


def test_pages(api: Api) -> None:
    for number in range(5):
        api.done("POST", "/v1/users", {"name": f"page{number}"})
    seen: list[str] = []
    query: dict[str, str | int] = {"limit": 2, "search": "page"}
    cursors = 0
    while True:
        page = api.done("GET", "/v1/users", **query)
        seen += [one["name"] for one in page["items"]]
        if "next" not in page:
            break
        query["cursor"] = page["next"]
        cursors += 1
    assert sorted(seen) == [f"page{number}" for number in range(5)]
    assert cursors == 2
    first = api.done("GET", "/v1/users", limit=2, search="page")
    other = api("GET", "/v1/users", limit=2, search="pag", cursor=first["next"])
    assert other.status == 400
    assert api("GET", "/v1/groups", limit=2, cursor=first["next"]).status == 400
    for number in range(5):
        api.done("DELETE", f"/v1/users/page{number}")


def test_groups(api: Api) -> None:
    content: Any
    for name in ("ann", "ben"):
        api.done("POST", "/v1/users", {"name": name})
    created = api("POST", "/v1/groups", {"name": "Engineers", "description": "who build"})
    assert created.status == 201, created
    assert created.json["kind"] == "security"
    api.done("POST", "/v1/groups", {"name": "Everybody", "kind": "distribution"})
    api.done("POST", "/v1/groups/Engineers/members", {"members": ["ann", "ben@example.com"]})
    api.done("POST", "/v1/groups/Engineers/members", {"members": ["ann"]})
    api.done("POST", "/v1/groups/Everybody/members", {"members": ["Engineers"]})

    def members(group: str, **query: str) -> list[tuple[str, str]]:
        items = api.done("GET", f"/v1/groups/{group}/members", **query)["items"]
        return sorted((one["name"], one["kind"]) for one in items)

    assert members("Engineers") == [("ann", "user"), ("ben", "user")]
    assert members("Everybody") == [("Engineers", "group")]
    assert members("Everybody", nested="true") == [
        ("Engineers", "group"),
        ("ann", "user"),
        ("ben", "user"),
    ]
    ann = api.done("GET", "/v1/users/ann")
    assert [one.split(",")[0] for one in ann["groups"]] == ["cn=Engineers"]
    assert [one.split(",")[0] for one in ann["nestedGroups"]] == ["cn=Everybody"]
    names = [one["name"] for one in api.done("GET", "/v1/users/ann/groups")["items"]]
    assert names == ["Engineers"]
    nested = api.done("GET", "/v1/users/ann/groups", nested="true")["items"]
    assert sorted((one["name"], one["kind"]) for one in nested) == [
        ("Engineers", "security"),
        ("Everybody", "distribution"),
    ]
    nobody = api("POST", "/v1/groups/Engineers/members", {"members": ["ann", "nobody"]})
    assert (nobody.status, "'nobody'" in nobody.json["detail"]) == (404, True)
    api.done("DELETE", "/v1/groups/Engineers/members/ben")
    assert api("DELETE", "/v1/groups/Engineers/members/ben").status == 404
    assert members("Engineers") == [("ann", "user")]
    for content in ({}, {"members": []}, {"members": [""]}, {"members": "ann"}):
        assert api("POST", "/v1/groups/Engineers/members", content).status == 400

    api.done("PATCH", "/v1/groups/Engineers", {"description": None, "mail": "e@example.com"})
    changed = api.done("GET", "/v1/groups/Engineers")
    assert "description" not in changed
    assert changed["mail"] == "e@example.com"
    api.done("POST", "/v1/groups/Engineers/rename", {"name": "Builders"})
    assert members("Builders") == [("ann", "user")]
    for content in ({}, {"attributes": None}, {"name": "x"}):
        assert api("PATCH", "/v1/groups/Builders", content).status == 400
    for path in ("groups/Builders", "groups/Everybody", "users/ann", "users/ben"):
        api.done("DELETE", f"/v1/{path}")


def test_versions(api: Api) -> None:
    api.done("POST", "/v1/users", {"name": "vera"})
    tag = api("GET", "/v1/users/vera").headers["etag"]

    def conditional(method: str, header: str, content: Any = None) -> int:
        return ask(api.connection, method, "/v1/users/vera", content, headers={header: tag}).status

    assert conditional("GET", "If-None-Match") == 304
    assert conditional("PATCH", "If-Match", {"mail": "v@example.com"}) == 204
    assert conditional("PATCH", "If-Match", {"mail": "w@example.com"}) == 412
    assert conditional("DELETE", "If-Match") == 412
    assert conditional("GET", "If-None-Match") == 200
    api.done("DELETE", "/v1/users/vera")


def test_one_who_may_not(api: Api) -> None:
    name = add_user(api.node, "mia")
    api.done("POST", "/v1/users", {"name": "kim"})
    login = (name, "Made-up 4 people")
    with closing(http_connection(api.node)) as connection:
        assert ask(connection, "GET", "/v1/users").status == 401
        for method, path, content in (
            ("POST", "/v1/users", {"name": "eve"}),
            ("PATCH", "/v1/users/kim", {"mail": "x"}),
            ("PUT", "/v1/users/kim/password", {"new": "Made-up 4 others"}),
            ("DELETE", "/v1/users/kim", None),
            ("POST", "/v1/groups", {"name": "Eves"}),
        ):
            assert ask(connection, method, path, content, login).status == 403, (method, path)
    api.done("DELETE", "/v1/users/kim")


def test_absent_tenants(api: Api) -> None:
    for method, path, content in (
        ("GET", "/v1/users", None),
        ("POST", "/v1/users", {"name": "x"}),
        ("GET", "/v1/users/Administrator", None),
        ("DELETE", "/v1/groups/x", None),
        ("GET", "/v1/groups/x/members", None),
    ):
        for tenant in ("acme.example", "config", "com", "..", INJECTION, "schemacontext"):
            answer = api(method, path + f"?tenant={quote(tenant, safe='')}", content)
            assert answer.status == 404, (path, tenant)
            assert answer.json["detail"] == f"there is no tenant {tenant!r}"
        assert api(method, path + "?tenant=", content).status == 400
