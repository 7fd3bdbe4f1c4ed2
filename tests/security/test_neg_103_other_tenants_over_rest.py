"""Negative test 103 over REST: what is another tenant's is answered as what is nowhere.

The requests are made out of the router's own table (the OpenAPI document is made from it): each operation that takes a
name is asked for something of another tenant, by a tenant's administrator and by the system's, and for the same kind of
thing that is not there. Both answers have to be the same 404. A route with a name in it that this test can't fill in
fails it, so that a new one does not escape.
"""

from __future__ import annotations

import http.client
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pytest

from http_client import Answer, ask, http_connection
from node import Node

PASSWORD = "Made-up 4 tenants"
MINE, OTHERS, ABSENT = "acme.example", "beta.example", "none.example"
METHODS = ("get", "put", "post", "patch", "delete")

# Collection -> name of the thing that OTHERS makes in it.
THINGS = {"users": "eve", "groups": "Eves", "computers": "evespc", "services": "evesweb"}
# Collection -> where its names come from. What a new noun has its path parameters from goes here or above.
SAME_AS = {"members": "users", "operators": "users"}
POLICY = "Eves rules"
# Collection -> name of the thing that the asker has in it, for paths with two names.
OWN = {"groups": "Anns"}
# Collections in which the system's administrator sees what there is: he is not asked about those.
SYSTEMS = frozenset({"tenants"})
# Query parameters of type string that name nothing; `user` and those after it choose among events of one tenant.
NEUTRAL = frozenset(
    {"attrs", "cursor", "filter", "paged_results_cookie", "scope", "search", "state"}
    | {"user", "since", "until", "action", "outcome", "correlation"}
    | {"right", "attribute"}
)
OWN_ENTRY = "cn=Users," + ",".join(f"dc={label}" for label in MINE.split("."))
# Operations whose query has to name more than one thing -> what else it names.
BESIDES = {
    "showAccess": {"dn": OWN_ENTRY},
    "explainAccess": {"dn": OWN_ENTRY, "who": "Administrator"},
}
# Operations with a content -> one that fits.
CONTENTS: dict[str, Any] = {
    "addEntry": {"dn": "{dn}", "attributes": [{"type": "objectClass", "value": ["device"]}]},
    "modifyEntry": [{"operation": "replace", "attribute": {"type": "description", "value": ["x"]}}],
    "modifyTenant": {"description": "x"},
    "createPolicy": {"name": "Made", "precedence": 5, "appliesTo": ["{name}"]},
    "modifyPolicy": {"description": "x"},
    "checkPassword": {"password": "Made-up 4 others"},
    "createAppPassword": {"name": "phone"},
    "recoverTenant": {},
    "inviteOperator": {"operator": "Administrator@example.com"},
    "grantAccess": {"dn": "{dn}", "who": "everyone", "what": "read"},
    "revokeAccess": {"dn": OWN_ENTRY, "who": "{name}"},
    "createGroup": {"name": "Made", "container": "{dn}"},
    "modifyGroup": {"description": "x"},
    "renameGroup": {"name": "Renamed"},
    "addGroupMembers": {"members": ["{name}"]},
    **{f"create{noun}": {"name": "made", "container": "{dn}"} for noun in ("User", "Computer", "Service")},
    **{f"modify{noun}": {"description": "x"} for noun in ("User", "Computer", "Service")},
    **{f"rename{noun}": {"name": "renamed"} for noun in ("User", "Computer", "Service")},
    **{f"set{noun}Password": {"new": "Made-up 4 others"} for noun in ("User", "Computer", "Service")},
}


class Operation(NamedTuple):
    """One operation of the document."""

    method: str
    path: str
    details: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.details["operationId"])

    @property
    def places(self) -> list[str]:
        """Collections out of which its path takes names, in their order."""
        return re.findall(r"/([^/{]+)/\{", self.path)

    def parameters(self, where: str) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.details.get("parameters", []) if one["in"] == where}


class Case(NamedTuple):
    """One request, once for the other tenant's thing and once for one that is nowhere."""

    operation: Operation
    what: str
    foreign: tuple[str, Any]
    """address and content"""
    absent: tuple[str, Any]
    names: tuple[str, str]
    """what the two differ in"""


@pytest.fixture(scope="module")
def provider(promoted_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with two tenants beside its own; each has an account and a group of its own."""
    node = promoted_node.copy(tmp_path_factory.mktemp("n103") / "n")
    node.start()
    with closing(http_connection(node, "local")) as local:
        for domain in (MINE, OTHERS):
            made = ask(local, "POST", "/v1/tenants", {"name": domain, "password": PASSWORD})
            assert made.status == 201, made
    with closing(http_connection(node)) as connection:
        login = (f"Administrator@{MINE}", PASSWORD)
        for collection, name in OWN.items():
            assert ask(connection, "POST", f"/v1/{collection}", {"name": name}, login).status == 201
        login = (f"Administrator@{OTHERS}", PASSWORD)
        for collection, name in THINGS.items():
            made = ask(connection, "POST", f"/v1/{collection}", {"name": name}, login)
            assert made.status == 201, made
        made = ask(connection, "POST", "/v1/policies", {"name": POLICY, "precedence": 5}, login)
        assert made.status == 201, made
    yield node
    node.stop()


@pytest.fixture(scope="module")
def connection(provider: Node) -> Iterator[http.client.HTTPConnection]:
    with closing(http_connection(provider)) as made:
        yield made


@pytest.fixture(scope="module")
def operations(connection: http.client.HTTPConnection) -> list[Operation]:
    document = ask(connection, "GET", "/openapi.json").json
    return [
        Operation(method.upper(), path, methods[method])
        for path, methods in document["paths"].items()
        for method in METHODS
        if method in methods
    ]


@pytest.fixture(scope="module")
def identities(connection: http.client.HTTPConnection) -> dict[str, list[tuple[str, str]]]:
    """Collection -> (what names the other tenant's thing, the same form of what is nowhere)."""
    login = (f"Administrator@{OTHERS}", PASSWORD)
    found = {
        "tenants": [(OTHERS, ABSENT)],
        "policies": [(POLICY, "mallory")],
        "app-passwords": [("00" * 16, "ff" * 16)],  # random: nobody's can be named
    }
    for collection, name in THINGS.items():
        answer = ask(connection, "GET", f"/v1/{collection}/{name}", None, login)
        assert answer.status == 200, answer
        thing = answer.json
        suffix = ",".join(f"dc={label}" for label in OTHERS.split("."))
        nowhere = ",".join(f"dc={label}" for label in ABSENT.split("."))
        found[collection] = [
            (name, "mallory"),
            (f"{name}@{OTHERS}", f"{name}@{ABSENT}"),
            (thing["id"], str(uuid.UUID(int=uuid.UUID(thing["id"]).int ^ 1))),
            (thing["sid"], thing["sid"][:-1] + "8888"),
            (thing["dn"], thing["dn"].replace(suffix, nowhere)),
        ]
    return found | {collection: found[other] for collection, other in SAME_AS.items()}


def filled(operation: Operation, names: list[str]) -> str:
    """The path with names in its places."""
    left = iter(names)
    return re.sub(r"\{[^}]*\}", lambda _: quote(next(left), safe=""), operation.path)


def content(operation: Operation, name: str) -> Any:
    """A content that fits; what it names is `name`."""
    if "requestBody" not in operation.details:
        return None
    assert operation.name in CONTENTS, f"say in CONTENTS what {operation.name} takes"
    text = json.dumps(CONTENTS[operation.name])
    return json.loads(re.sub(r"\{(dn|name)\}", lambda _: json.dumps(name)[1:-1], text))


def addressed(operation: Operation, names: list[str], **query: str) -> str:
    """The path and query of a request; of required parameters that name nothing the first that fits."""
    path = filled(operation, names)
    return f"{path}?{urlencode(query)}" if query else path


def cases(operation: Operation, identities: dict[str, list[tuple[str, str]]], domain: str) -> Iterator[Case]:
    """All requests of an operation that name something, by the administrator of a domain."""
    places = operation.places
    for place in places:
        assert place in identities, f"say in THINGS what another tenant has in /{place}, for {operation.path}"
    if domain not in (MINE, OTHERS) and SYSTEMS.intersection(places):
        return
    own = [(OWN | {"tenants": domain}).get(place, "Administrator") for place in places]
    for position, place in enumerate(places):
        for pair in identities[place]:
            filled_in = [[*own[:position], one, *own[position + 1 :]] for one in pair]
            first, second = (addressed(operation, names) for names in filled_in)
            sent = content(operation, "Administrator")
            yield Case(operation, place, (first, sent), (second, sent), pair)
    for name, parameter in operation.parameters("query").items():
        if parameter["schema"].get("type") != "string" or name in NEUTRAL or "enum" in parameter["schema"]:
            continue
        assert name in ("tenant", "dn", "account", "who"), (
            f"is {name} of {operation.path} a name? Say how it is filled, else NEUTRAL"
        )
        pair = (OTHERS, ABSENT) if name == "tenant" else identities["users"][-1]
        besides = BESIDES.get(operation.name, {})
        first, second = (addressed(operation, own, **(besides | {name: one})) for one in pair)
        sent = content(operation, "Administrator")
        yield Case(operation, name, (first, sent), (second, sent), pair)
    text = json.dumps(CONTENTS.get(operation.name))
    named = (
        identities["users"][-1:] if '"{dn}"' in text else identities["users"] if '"{name}"' in text else []
    )
    for pair in named:
        address = addressed(operation, own)
        first_sent, second_sent = (content(operation, one) for one in pair)
        yield Case(operation, "content", (address, first_sent), (address, second_sent), pair)


def told(answer: Answer, name: str) -> tuple[int, dict[str, str], bytes]:
    """What an answer tells, without the name that was asked for."""
    body = answer.body.replace(json.dumps(name)[1:-1].encode(), b"NAME").replace(name.encode(), b"NAME")
    headers = {key: value for key, value in answer.headers.items() if key not in ("date", "content-length")}
    return answer.status, headers, body


@pytest.mark.parametrize("domain", [MINE, "example.com"])
def test_neg_103_what_is_anothers_is_nowhere(
    provider: Node,
    connection: http.client.HTTPConnection,
    operations: list[Operation],
    identities: dict[str, list[tuple[str, str]]],
    domain: str,
) -> None:
    """By the administrator of another tenant, and by the system's."""
    password = provider.password if domain == "example.com" else PASSWORD
    login = (f"Administrator@{domain}", password)
    if domain == "example.com":
        for collection, name in OWN.items():
            made = ask(connection, "POST", f"/v1/{collection}", {"name": name}, login)
            assert made.status == 201, made
    asked = 0
    wrong = []
    for operation in operations:
        for case in cases(operation, identities, domain):
            answers = [
                told(ask(connection, operation.method, address, sent, login), name)
                for (address, sent), name in zip((case.foreign, case.absent), case.names, strict=True)
            ]
            asked += 1
            # What is the system's alone is refused to others whatever the name is.
            statuses = (403, 404) if SYSTEMS.intersection(operation.places) else (404,)
            if answers[0] != answers[1] or answers[0][0] not in statuses:
                wrong.append((operation.name, case.what, case.names[0], *answers))
    assert not wrong, "\n".join(map(str, wrong))
    assert asked > 150


def test_neg_103_nothing_of_it_was_changed(
    provider: Node, connection: http.client.HTTPConnection, identities: dict[str, list[tuple[str, str]]]
) -> None:
    """All that the other tenant has is there, and as it was."""
    login = (f"Administrator@{OTHERS}", PASSWORD)
    for collection, name in THINGS.items():
        answer = ask(connection, "GET", f"/v1/{collection}/{name}", None, login)
        assert answer.status == 200, answer
        assert answer.json["id"] == identities[collection][2][0]
        assert "description" not in answer.json
