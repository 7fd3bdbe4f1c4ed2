"""Negative test 105 and its kin: every path that grants anything asks whether the account may act, each time.

Accounts die in every way that there is, while they have connections open. LDAP's table has each kind of request that
the server serves and each extended operation that it lists; a new one fails here until it has a row. HTTP's are the
routes that the node documents, so a new one is asked without being told of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from commands import answer
from http_client import ask, http_connection
from lightwave.directory.ldap.messages import AbandonRequest, BindRequest, ExtendedRequest, SearchRequest
from lightwave.directory.ldap.requests import (
    AddRequest,
    CompareRequest,
    DeleteRequest,
    ModifyDNRequest,
    ModifyRequest,
    UnbindRequest,
)
from lightwave.directory.server import requests
from node import Node
from reference import wire
from serving import PASSWORD, change_settings, connect_tls, person, root_dse, signed_in, until

PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"
START_TLS = "1.3.6.1.4.1.1466.20037"
GRANTS: dict[str, tuple[type, bytes]] = {
    "search": (SearchRequest, wire.search("dc=example,dc=com")),
    "root DSE": (SearchRequest, wire.search("", wire.BASE)),
    "compare": (CompareRequest, wire.compare("uid=eve,dc=example,dc=com", "sn", b"eve")),
    "add": (AddRequest, wire.add("uid=new,dc=example,dc=com", person("new"))),
    "modify": (
        ModifyRequest,
        wire.modify("uid=eve,dc=example,dc=com", [(wire.REPLACE, "description", [b"x"])]),
    ),
    "rename": (ModifyDNRequest, wire.modify_dn("uid=eve,dc=example,dc=com", "uid=mallory", True)),
    "delete": (DeleteRequest, wire.delete("uid=eve,dc=example,dc=com")),
    **{
        oid: (ExtendedRequest, wire.extended(oid))
        for oid in (
            "1.3.6.1.4.1.4203.1.11.3",  # Who am I
            PASSWORD_MODIFY,
            "1.3.6.1.1.8",  # Cancel
            "1.3.6.1.4.1.1466.101.119.1",  # Refresh
            "1.3.6.1.1.21.1",  # Start Transaction
            "1.3.6.1.1.21.3",  # End Transaction
        )
    },
}
"""what is asked -> the kind of request, and a request"""
RIGHTLESS = {BindRequest, UnbindRequest, AbandonRequest}
"""what uses no right of who has signed in: a bind is decided anew, the others give nothing"""


class Mortal(NamedTuple):
    """Somebody who is about to lose what he may do. name: his DN. login: for HTTP."""

    name: str
    login: str
    password: str


def modified(node: Node, mortal: Mortal, attribute: str, value: bytes) -> None:
    with node.local_administrator() as administrator:
        answer = administrator.ask(wire.modify(mortal.name, [(wire.REPLACE, attribute, [value])]))
        assert answer.code == 0, answer


def disable(node: Node, mortal: Mortal) -> None:
    modified(node, mortal, "userAccountControl", b"514")  # NORMAL_ACCOUNT and ACCOUNTDISABLE


def expire(node: Node, mortal: Mortal) -> None:
    modified(node, mortal, "accountExpires", b"133000000000000000")


def reset(node: Node, mortal: Mortal) -> None:
    modified(node, mortal, "userPassword", b"Another one, and quite long")


def lock(node: Node, mortal: Mortal) -> None:
    with connect_tls(node) as connection:
        for _ in range(10):
            assert connection.ask(wire.bind(mortal.name, "wrong")).code == 49
    assert until(lambda: is_locked(node, mortal))


def is_locked(node: Node, mortal: Mortal) -> bool:
    with node.local_administrator() as administrator:
        asked = wire.search(mortal.name, wire.BASE, attributes=["lockoutTime"])
        ((_, attributes),) = administrator.ask(asked).entries
    return bool(attributes)


def remove(node: Node, mortal: Mortal) -> None:
    with node.local_administrator() as administrator:
        assert administrator.ask(wire.delete(mortal.name)).code == 0


def revoke(node: Node, mortal: Mortal) -> None:
    answer("app-password", "revoke", "phone", "--user", mortal.name, "--data", node.folder)


def suspend(node: Node, mortal: Mortal) -> None:
    answer("tenant", "suspend", mortal.login.partition("@")[2], "--yes", "--data", node.folder)


DEATHS: dict[str, Callable[[Node, Mortal], None]] = {
    "disabled": disable,
    "expired": expire,
    "password reset": reset,
    "locked": lock,
    "deleted": remove,
    "app password revoked": revoke,
    "tenant suspended": suspend,
}


@pytest.fixture(scope="module")
def serving(promoted_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = promoted_node.copy(tmp_path_factory.mktemp("grants") / "n")
    node.start()
    change_settings(node, lwFailureDelayMilliseconds=0)  # refused attempts would delay those that follow
    yield node
    node.stop()


def born(node: Node, death: str, over: str) -> Mortal:
    """Somebody who lives, and can die so."""
    uid = f"{over}-{death.replace(' ', '-')}"
    if death == "tenant suspended":
        domain = f"{over}.example"
        made = answer("tenant", "create", domain, "--data", node.folder)
        name = f"cn=Administrator,cn=Users,dc={over},dc=example"
        return Mortal(name, f"Administrator@{domain}", made["password"])
    answer("user", "create", uid, "--new-password-file", "-", "--data", node.folder, stdin=PASSWORD.encode())
    mortal = Mortal(f"cn={uid},cn=Users,{node.suffix}", uid, PASSWORD)
    if death == "app password revoked":
        made = answer("app-password", "create", "phone", "--user", uid, "--data", node.folder)
        return mortal._replace(password=made["password"])
    return mortal


def test_the_table_is_whole(serving: Node) -> None:
    served = {*requests._SERVED, SearchRequest}
    assert {kind for kind, _ in GRANTS.values()} | RIGHTLESS == served
    with connect_tls(serving) as connection:
        ((_, attributes),) = root_dse(connection, "supportedExtension").entries
    listed = {one.decode() for one in attributes["supportedExtension"]}
    assert listed - {START_TLS} <= GRANTS.keys()


@pytest.mark.parametrize("death", DEATHS)
def test_neg_105_the_dead_get_nothing_over_ldap(serving: Node, death: str) -> None:
    mortal = born(serving, death, "ldap")
    with ExitStack() as stack:
        open_ = {
            asked: stack.enter_context(signed_in(serving, mortal.name, mortal.password)) for asked in GRANTS
        }
        DEATHS[death](serving, mortal)
        for asked, connection in open_.items():
            with pytest.raises(wire.ServerClosed):
                connection.ask(GRANTS[asked][1])
    with connect_tls(serving) as connection:
        assert connection.ask(wire.bind(mortal.name, mortal.password)).code == 49


@pytest.mark.parametrize("death", DEATHS)
def test_neg_105_the_dead_get_nothing_over_http(serving: Node, death: str) -> None:
    """On one connection whose header was verified: each route answers him first, and then says 401."""
    mortal = born(serving, death, "http")
    login = (mortal.login, mortal.password)
    connection = http_connection(serving)
    try:
        routes = [
            (method.upper(), re.sub(r"\{\w+\}", "x", path))
            for path, methods in ask(connection, "GET", "/openapi.json").json["paths"].items()
            for method in methods
        ]
        assert len(routes) > 20
        for method, path in routes:
            assert ask(connection, method, path, login=login).status != 401, (method, path)
        DEATHS[death](serving, mortal)
        for method, path in routes:
            assert ask(connection, method, path, login=login).status == 401, (method, path)
    finally:
        connection.close()
