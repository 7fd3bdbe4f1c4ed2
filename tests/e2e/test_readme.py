"""The README's tour: its commands, pasted in order into a shell beside a node, print what the README shows."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from clients import require_client
from node import LIGHTWAVE, Node

README = Path(__file__).resolve().parents[2] / "README.md"
_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_END = "--- end of step"


class Step(NamedTuple):
    """Commands, and what the README says that they print; lines with … stand for what is left out."""

    commands: str
    shown: str


def tour() -> list[Step]:
    """The steps of the section."""
    section = README.read_text().split("## A five-minute tour", 1)[1].split("\n## ", 1)[0]
    steps: list[Step] = []
    for kind, text in _BLOCK.findall(section):
        if kind == "sh":
            steps.append(Step(text, ""))
        else:
            steps[-1] = steps[-1]._replace(shown=text)
    return steps


def plain(line: str) -> str:
    """A line without what differs from run to run: identifiers, durations, rates, padding."""
    line = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", line.strip())
    line = re.sub(r"[\d,.]+ m?s\b|[\d,]+/s|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", line)
    return re.sub(r"\s+", " ", line)


@pytest.fixture
def house(short_folder: Path) -> Iterator[Node]:
    """What `make run` makes, on other ports."""
    require_client("ldapsearch")
    require_client("curl")
    node = Node.promote(short_folder / "data", domain="lightwave.local")
    node.start()
    yield node
    node.stop()


def run_tour(house: Node, steps: list[Step]) -> list[str]:
    """What each step printed."""
    script = "".join(f"{step.commands}echo '{_END}'\n" for step in steps)
    script = script.replace("10389", str(house.port)).replace("10636", str(house.tls_port))
    script = script.replace("10443", str(443 + house.port_offset))
    script = script.replace("'the one that make run printed'", f"'{house.password}'")
    script = script.replace("$PWD/.venv/bin", str(LIGHTWAVE.parent))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=house.folder.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    return done.stdout.split(_END)[: len(steps)]


def test_tour_prints_what_the_readme_shows(house: Node) -> None:
    steps = tour()
    assert len(steps) > 10
    for step, printed in zip(steps, run_tour(house, steps), strict=True):
        lines = [plain(line) for line in printed.splitlines()]
        wanted = [plain(line) for line in step.shown.splitlines()]
        missing = [line for line in wanted if line and line != "…" and line not in lines]
        assert not missing, f"{step.commands}\nprinted\n{printed}"
        if not step.shown:
            assert not printed.strip()
        fails = [line for line in lines if re.match(r"ldap\w*[:(]|Error", line)]
        assert set(fails) <= set(wanted), f"{step.commands}\nprinted\n{printed}"
