"""Negative test 19: whatever stands in a name, a search or a tenant over REST is compared as it is, never as a filter.

The invariant: what is found bears the text; with a text that nobody bears, nothing is found and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from http_client import ask, http_connection
from node import Node

CORPUS = (
    "*)(uid=*))(|(uid=*",
    "*",
    "*)(objectClass=*",
    "x)(|(cn=*",
    "\\2a",
    "\\",
    "(",
    "ada)(&",
    "ada\\00",
    "ada,dc=example,dc=com",
    "cn=ada,cn=Users,dc=example,dc=com)(x=*",
    "dc=com",
    "<GUID=*>",
)
# Signs with a meaning in filters, DNs or URLs, and letters of the name that is there.
TEXTS = st.one_of(
    st.sampled_from(CORPUS), st.text(alphabet="*()\\|&!=<>~,+;#\"'/ %adzé", min_size=2, max_size=24)
)
MEANINGLESS = {"ada", "adza"}


@pytest.fixture(scope="module")
def local(shared_node: Node) -> Iterator[HTTPConnection]:
    connection = http_connection(shared_node, "local")
    for path, name in (("users", "ada"), ("groups", "adza")):
        assert ask(connection, "POST", f"/v1/{path}", {"name": name}).status == 201
    yield connection
    connection.close()


def everything(connection: HTTPConnection) -> list[Any]:
    """All accounts and groups, as they are."""
    return [
        sorted(ask(connection, "GET", f"/v1/{kind}", limit=1_000).json["items"], key=str)
        for kind in ("users", "groups", "computers", "services")
    ]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=TEXTS)
def test_neg_019_a_name_in_a_path(local: HTTPConnection, text: str) -> None:
    name = quote(text, safe="")
    if text.strip().casefold() in MEANINGLESS:
        return  # these are there
    for kind in ("users", "groups", "computers", "services"):
        assert ask(local, "GET", f"/v1/{kind}/{name}").status == 404
        assert ask(local, "PATCH", f"/v1/{kind}/{name}", {"description": "x"}).status == 404
        assert ask(local, "DELETE", f"/v1/{kind}/{name}").status == 404
        assert ask(local, "POST", f"/v1/{kind}/{name}/rename", {"name": "x"}).status == 404
    assert ask(local, "GET", f"/v1/groups/{name}/members").status == 404
    assert ask(local, "GET", f"/v1/users/{name}/groups").status == 404
    assert ask(local, "DELETE", f"/v1/groups/adza/members/{name}").status == 404
    assert ask(local, "POST", "/v1/groups/adza/members", {"members": [text]}).status == 404


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=TEXTS)
def test_neg_019_a_search_or_a_tenant(local: HTTPConnection, text: str) -> None:
    words = " ".join(text.split()).casefold()
    for kind in ("users", "groups"):
        answer = ask(local, "GET", f"/v1/{kind}", search=text)
        assert answer.status == 200
        assert all(words in str(list(one.values())).casefold() for one in answer.json["items"])
        tenant = ask(local, "GET", f"/v1/{kind}", tenant=text)
        assert (tenant.status, tenant.json["detail"]) == (404, f"there is no tenant {text!r}")


def test_neg_019_a_name_that_is_given(local: HTTPConnection) -> None:
    """Who is made under such a name has it as it is, and is found by it and nothing else."""
    before = everything(local)
    for position, text in enumerate(CORPUS):
        made = ask(local, "POST", "/v1/groups", {"name": text, "description": text})
        if made.status != 201:
            assert made.status in (409, 422), (text, made)
            continue
        assert made.json["name"] == text
        found = ask(local, "GET", f"/v1/groups/{quote(text, safe='')}")
        assert (found.json["id"], found.json["description"]) == (made.json["id"], text)
        renamed = f"{text}{position}"
        assert ask(local, "POST", f"/v1/groups/{made.json['id']}/rename", {"name": renamed}).status == 204
        assert ask(local, "DELETE", f"/v1/groups/{quote(renamed, safe='')}").status == 204
    assert everything(local) == before
