"""An import that is killed at any moment leaves complete slices, a sound store, and can go on."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from commands import answer
from node import LIGHTWAVE, Node

PEOPLE = 6_000
SUFFIX = "ou=crowd,dc=example,dc=com"


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """People below one unit; each is the manager of the one before, so that names have to wait for entries."""
    file = tmp_path / "crowd.ldif"
    with file.open("w") as stream:
        stream.write(f"dn: {SUFFIX}\nobjectClass: organizationalUnit\nou: crowd\n\n")
        for number in range(PEOPLE):
            stream.write(
                f"dn: uid=p{number},{SUFFIX}\nobjectClass: inetOrgPerson\nuid: p{number}\ncn: Person {number}\n"
                f"sn: Person\nmail: p{number}@example.com\nmanager: uid=p{min(number + 1, PEOPLE - 1)},{SUFFIX}\n"
                "userPassword: {SSHA}qmcKwWjjTlKLwVZTDXzQqk5OFXWrlNV3XSzJFw==\n\n"
            )
    return file


@pytest.mark.soak
def test_killed_at_random_moments(
    promoted_node: Node, short_folder: Path, crowd: Path, soaking: bool
) -> None:
    node = promoted_node.copy(short_folder / "node")
    chance = random.Random(7)
    for _ in range(60 if soaking else 4):
        before = _count(node)
        _import_and_kill(node, crowd, chance.uniform(0.3, 1.6))
        assert not answer("check", "--data", node.folder)["findings"]
        assert _count(node) >= before
        if _count(node) == PEOPLE + 1:
            node = promoted_node.copy(short_folder / f"node{chance.randrange(1 << 30)}")
    result = answer("import", crowd, "--data", node.folder, "--continue")
    assert result["added"] + result["skipped"] == PEOPLE + 1
    assert not answer("check", "--data", node.folder)["findings"]
    assert _count(node) == PEOPLE + 1
    manager = f"(manager=uid=p7,{SUFFIX})"
    found = answer("explain", "--data", node.folder, "--base", SUFFIX, manager)
    assert found["found"] == 1


def _import_and_kill(node: Node, file: Path, seconds: float) -> None:
    arguments = [str(LIGHTWAVE), "import", str(file), "--data", str(node.folder), "--continue", "--json"]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL) as process:
        time.sleep(seconds)
        process.kill()


def _count(node: Node) -> int:
    """Entries of the crowd that are there; it is told apart by its unit."""
    found = answer("explain", "--data", node.folder, "--base", "dc=example,dc=com", "(mail=p*@example.com)")
    unit = answer("explain", "--data", node.folder, "--base", "dc=example,dc=com", "(ou=crowd)")
    return int(found["found"]) + int(unit["found"])
