"""A slapd follows ours, through everything, and ends equal; also when either of the two is killed."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from clients import require_client
from node import Node
from reference import wire
from serving import person, unit, until
from syncing import SlapdConsumer
from upheaval import Upheaval

MODES = ("refreshAndPersist", "refreshOnly")


@pytest.fixture
def base(node: Node) -> str:
    """The subtree that is followed."""
    require_client("slapd")
    node.allow_passwords_in_the_clear()
    name = f"ou=folk,{node.suffix}"
    change(node, wire.add(name, unit("folk")))
    return name


def change(node: Node, *operations: bytes) -> None:
    with node.local_administrator() as writer:
        for operation in operations:
            answer = writer.ask(operation)
            assert answer.code == 0, answer


def context_csn(node: Node) -> bytes:
    with node.local_administrator() as reader:
        found = reader.ask(wire.search(node.suffix, wire.BASE, attributes=["contextCSN"]))
    ((_, attributes),) = found.entries
    (number,) = attributes["contextCSN"]
    return number


def assert_equal(node: Node, slapd: SlapdConsumer) -> None:
    """Once it has come as far as the node, it holds the same."""
    assert until(lambda: slapd.context_csn() == context_csn(node), 20)
    assert slapd.differences(node) == []


@pytest.mark.parametrize("mode", MODES)
def test_it_follows_each_kind_of_change(node: Node, base: str, short_folder: Path, mode: str) -> None:
    member = f"uid=ada,ou=a,{base}"
    group = [("objectClass", [b"groupOfNames"]), ("cn", [b"g"]), ("member", [member.encode()])]
    change(
        node,
        wire.add(f"ou=a,{base}", unit("a")),
        wire.add(member, [*person("ada"), ("telephoneNumber", [b"+1 555 0100"])]),
        wire.add(f"cn=g,{base}", group),
    )
    with SlapdConsumer(short_folder / "slapd", node, base, mode) as slapd:
        assert_equal(node, slapd)
        change(
            node,
            wire.modify(member, [(wire.REPLACE, "sn", [b"Lovelace"]), (wire.DELETE, "telephoneNumber", [])]),
            wire.modify(member, [(wire.ADD, "objectClass", [b"posixAccount"]), *_posix()]),
            wire.add(f"uid=alan,{base}", person("alan")),
            wire.modify_dn(f"uid=alan,{base}", "uid=turing", True),
        )
        assert_equal(node, slapd)
        change(
            node,
            wire.add(f"ou=b,{base}", unit("b")),
            wire.modify_dn(f"ou=a,{base}", "ou=z", True, f"ou=b,{base}"),
        )
        assert_equal(node, slapd)
        change(node, wire.delete(f"uid=ada,ou=z,ou=b,{base}"), wire.delete(f"ou=z,ou=b,{base}"))
        assert_equal(node, slapd)


def _posix() -> list[tuple[int, str, list[bytes]]]:
    values = {"uidNumber": b"1000", "gidNumber": b"100", "homeDirectory": b"/home/ada"}
    return [(wire.ADD, name, [value]) for name, value in values.items()]


def test_exchanged_names(node: Node, base: str, short_folder: Path) -> None:
    """While it is away two subtrees exchange their names, and what one of them left is deleted."""
    change(
        node,
        *(wire.add(f"ou={name},{base}", unit(name)) for name in "ab"),
        *(wire.add(f"uid=p{at},ou={name},{base}", person(f"p{at}")) for name in "ab" for at in range(3)),
    )
    with SlapdConsumer(short_folder / "slapd", node, base) as slapd:
        assert_equal(node, slapd)
        slapd.kill()
        change(
            node,
            wire.modify_dn(f"ou=a,{base}", "ou=c", True),
            wire.modify_dn(f"ou=b,{base}", "ou=a", True),
            wire.modify_dn(f"ou=c,{base}", "ou=b", True),
            wire.modify_dn(f"uid=p0,ou=a,{base}", "uid=p0", True, base),
            wire.delete(f"uid=p1,ou=a,{base}"),
            wire.delete(f"uid=p2,ou=a,{base}"),
            wire.delete(f"ou=a,{base}"),
            wire.modify_dn(f"uid=p0,{base}", "uid=q0", True, f"ou=b,{base}"),
        )
        slapd.restart()
        assert_equal(node, slapd)


@pytest.mark.soak
@pytest.mark.parametrize("mode", MODES)
def test_random_changes_and_kills(
    node: Node, base: str, short_folder: Path, mode: str, soaking: bool
) -> None:
    """Node and consumer are killed at random points; the consumer is away for a while."""
    for seed in range(20 if soaking else 1):
        random = Random(f"{mode} {seed}")
        upheave(node, base, short_folder / f"slapd{seed}", mode, random)


def upheave(node: Node, base: str, folder: Path, mode: str, random: Random) -> None:
    steps = 160
    deaths = set(random.sample(range(steps), 3))
    node_deaths = set(random.sample(range(steps), 2))
    with SlapdConsumer(folder, node, base, mode) as slapd:
        writer = node.local_administrator()
        upheaval = Upheaval(writer, base, random)
        back = 0
        for step in range(steps):
            if step in node_deaths:
                writer.close()
                node.kill()
                node.start()
                writer = node.local_administrator()
                upheaval.go_on(writer)
            if step in deaths and not back:
                slapd.kill()
                back = step + random.randrange(1, 80)
            if back and step >= back:
                slapd.restart()
                back = 0
            upheaval.step()
        writer.close()
        if back:
            slapd.restart()
        assert upheaval.done > steps // 2
        assert_equal(node, slapd)
