"""The target of the interop tests, shared by all tests of a module."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop.targets import TRANSPORTS, Target, Tools, make_tools, slapd_target, target_of_node
from node import Node


@pytest.fixture(scope="module")
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """A serving target that takes passwords over every transport, clear LDAP included."""
    if not request.config.getoption("--reference"):
        node: Node = request.getfixturevalue("shared_node")
        node.allow_passwords_in_the_clear()
        yield target_of_node(node)
        return
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    with slapd_target(folder) as slapd:
        yield slapd
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tools(target: Target, transport: str, short_folder: Path) -> Tools:
    return make_tools(target, transport, short_folder)


@pytest.fixture
def corner(target: Target, short_folder: Path) -> Iterator[str]:
    """An organisational unit of this test's own with three people and a group; it goes away afterwards."""
    name = f"ou={short_folder.name},{target.suffix}"
    tools = make_tools(target, "ldapi", short_folder)
    tools.ok("ldapadd", stdin=corner_ldif(name))
    yield name
    tools("ldapdelete", "-r", name)


def corner_ldif(name: str) -> str:
    unit = name.partition(",")[0].partition("=")[2]
    people = [("ada", "Ada", "Lovelace"), ("alan", "Alan", "Turing"), ("grace", "Grace", "Hopper")]
    records = [f"dn: {name}\nobjectClass: organizationalUnit\nou: {unit}\n"]
    for at, (uid, given, family) in enumerate(people):
        records.append(
            f"dn: uid={uid},{name}\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\nuid: {uid}\n"
            f"cn: {given} {family}\nsn: {family}\ngivenName: {given}\nmail: {uid}@example.com\n"
            f"uidNumber: {1000 + at}\ngidNumber: 100\nhomeDirectory: /home/{uid}\n"
        )
    members = "".join(f"member: uid={uid},{name}\n" for uid, _, _ in people[:2])
    records.append(f"dn: cn=pioneers,{name}\nobjectClass: groupOfNames\ncn: pioneers\n{members}")
    return "\n".join(records)
