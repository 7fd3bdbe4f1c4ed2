"""Every path that grants anything over LDAP asks whether the account may act; open connections are no exception.

The table has each kind of request that the server serves and each extended operation that it lists; a new one fails
here until it has a row.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
from serving import PASSWORD, add_user, change_settings, connect_tls, person, root_dse, signed_in

DISABLED = b"514"  # NORMAL_ACCOUNT and ACCOUNTDISABLE
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


@pytest.fixture(scope="module")
def disabled(promoted_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with eve, who is enabled again before each test."""
    node = promoted_node.copy(tmp_path_factory.mktemp("grants") / "n")
    node.start()
    change_settings(node, lwFailureDelayMilliseconds=0)  # her refused binds would delay those that follow
    add_user(node, "eve")
    yield node
    node.stop()


def control(node: Node, value: bytes) -> None:
    with node.local_administrator() as administrator:
        change = [(wire.REPLACE, "userAccountControl", [value] if value else [])]
        classes = [(wire.REPLACE, "objectClass", [b"inetOrgPerson", b"extensibleObject"])]
        answer = administrator.ask(wire.modify(f"uid=eve,{node.suffix}", [*classes, *change]))
        assert answer.code == 0, answer


def test_the_table_is_whole(disabled: Node) -> None:
    served = {*requests._SERVED, SearchRequest}
    assert {kind for kind, _ in GRANTS.values()} | RIGHTLESS == served
    with connect_tls(disabled) as connection:
        ((_, attributes),) = root_dse(connection, "supportedExtension").entries
    listed = {one.decode() for one in attributes["supportedExtension"]}
    assert listed - {START_TLS} <= GRANTS.keys()


@pytest.mark.parametrize("asked", GRANTS)
def test_a_disabled_account_gets_nothing(disabled: Node, asked: str) -> None:
    control(disabled, b"")
    with signed_in(disabled, f"uid=eve,{disabled.suffix}") as eve:
        control(disabled, DISABLED)
        with pytest.raises(wire.ServerClosed):
            eve.ask(GRANTS[asked][1])
    with connect_tls(disabled) as connection:
        assert connection.ask(wire.bind(f"uid=eve,{disabled.suffix}", PASSWORD)).code == 49
