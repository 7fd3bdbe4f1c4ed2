"""Rights on open connections: who joins or leaves a group has others at the next request, with real clients."""

from __future__ import annotations

import ldap
import pytest

from node import Node
from reference import wire
from serving import PASSWORD, add_user


def test_membership_counts_from_the_next_request_on(shared_node: Node) -> None:
    node = shared_node
    name = add_user(node, "climber")
    group = f"cn=Administrators,cn=Builtin,{node.suffix}"
    change = [(ldap.MOD_REPLACE, "description", [b"x"])]
    client = ldap.initialize(node.local_url)
    client.simple_bind_s(name, PASSWORD)
    with node.local_administrator() as administrator:
        for joins in (wire.ADD, wire.DELETE):
            try:
                client.modify_s(node.suffix, change)
                may = True
            except ldap.INSUFFICIENT_ACCESS:
                may = False
            assert may is (joins == wire.DELETE)
            assert client.search_s(name, ldap.SCOPE_BASE, attrlist=["cn"])
            assert administrator.ask(wire.modify(group, [(joins, "member", [name.encode()])])).code == 0
        with pytest.raises(ldap.INSUFFICIENT_ACCESS):
            client.modify_s(node.suffix, change)
        assert administrator.ask(wire.delete(name)).code == 0
    client.unbind_s()
