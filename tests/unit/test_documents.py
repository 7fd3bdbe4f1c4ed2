"""What documents say that code can confirm: links lead somewhere, settings and their defaults are those of the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightwave.directory.schema.schema import Schema
from lightwave.directory.server.settings import ANONYMOUS_LIMITS, DEFAULTS, SIGNED_IN_LIMITS
from lightwave.identity.hashing import HashingCost

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def headings(path: Path) -> Iterator[str]:
    """The anchors of a document, as they are made of its headings."""
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            text = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            yield text.replace(" ", "-")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    dead = []
    for link in _LINK.findall(path.read_text()):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and anchor not in headings(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(path: Path) -> None:
    named = re.findall(r"`((?:tests|lightwave|bench|docs)/[\w./-]+)`", path.read_text())
    assert [name for name in named if not (ROOT / name).exists() and name != "bench/results"] == []


def test_each_setting_of_a_node_stands_in_the_operations_with_its_default() -> None:
    text = (ROOT / "docs" / "operations.md").read_text().partition("\n## Settings\n")[2].partition("\n## ")[0]
    documented = dict(re.findall(r"^\| `(lw\w+)` \| (\S+) \|", text, re.MULTILINE))
    node = Schema.load_builtin().object_class("lwNode")
    assert node is not None
    assert set(documented) == {one.name for one in node.all_may if one.name.startswith("lw")}
    expected: dict[str, object] = {
        "lwAllowInsecureAuthentication": str(DEFAULTS.allow_insecure_authentication).upper(),
        "lwMaxPDU": DEFAULTS.max_pdu,
        "lwMaxConnections": DEFAULTS.max_connections,
        "lwHashingMemory": HashingCost().memory,
        "lwHashingPasses": HashingCost().passes,
        "lwOperationLog": DEFAULTS.operation_log.value,
        "lwSlowOperationMilliseconds": DEFAULTS.slow_operation,
        "lwTrustedProxy": "none",
        "lwFailureDelayMilliseconds": int(DEFAULTS.failure_delay * 1000),
        "lwScramIterations": HashingCost().iterations,
        "lwBreachedPasswordsFile": "none",
        "lwAuditSyslog": "none",
        "lwAuditFile": "none",
    }
    for prefix, limits in (("", SIGNED_IN_LIMITS), ("Anonymous", ANONYMOUS_LIMITS)):
        expected |= {
            f"lw{prefix}SizeLimit": limits.size,
            f"lw{prefix}TimeLimit": int(limits.time),
            f"lw{prefix}LookThroughLimit": limits.look_through,
            f"lw{prefix}IdleTimeout": int(limits.idle),
            f"lw{prefix}MaxOutstanding": limits.outstanding,
        }
    assert documented == {name: str(value) for name, value in expected.items()}
