"""Rules of the house that no linter states: links, docstrings of packages, what tracked files may hold."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import tomllib
from pathlib import Path

import dns
import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("directory", "kdc", "sts", "ca", "certstore", "dns", "replication")
PACKAGES = sorted(path.parent for path in (ROOT / "lightwave").rglob("__init__.py"))


@pytest.mark.parametrize("service", SERVICES)
def test_a_link_at_the_top_leads_to_the_service(service: str) -> None:
    link = ROOT / service
    assert link.is_symlink()
    assert os.readlink(link) == f"lightwave/{service}"
    assert link.resolve() == ROOT / "lightwave" / service


def test_dns_is_dnspython() -> None:
    """ldap3 and others import it; our own name server must never stand in its place."""
    assert Path(dns.__file__).parent.parent.name == "site-packages"
    assert importlib.util.find_spec("dns.resolver") is not None


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_says_its_role(package: Path) -> None:
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text()))
    assert docstring
    assert len(docstring) > 30


def test_no_module_is_named_after_nothing() -> None:
    vague = {"util.py", "utils.py", "helper.py", "helpers.py", "common.py", "misc.py"}
    found = [path for folder in ("lightwave", "tests", "bench") for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in found if path.name in vague and "node_modules" not in path.parts] == []


def test_nothing_imports_through_the_links() -> None:
    pattern = re.compile(rf"^\s*(?:from|import) (?:{'|'.join(SERVICES)})(?:\.|\s)", re.MULTILINE)
    found = [
        path
        for folder in ("lightwave", "bench")
        for path in (ROOT / folder).rglob("*.py")
        if pattern.search(path.read_text())
    ]
    assert found == []


def tracked_files() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: git does not know which files are tracked")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name]


def test_no_tracked_file_names_a_machine() -> None:
    """Paths of the machine something was written on, in code, documents or figures, help nobody."""
    folders = ["/" + name for name in ("work/", "root/", "Users/", "tmp/lw/")]
    pattern = re.compile("(?<![\\w.$})-])(?:" + "|".join(folders) + ")")
    found = []
    for path in tracked_files():
        if path.is_symlink() or not path.is_file() or path.name == "LICENSE":
            continue
        text = path.read_bytes().decode(errors="replace")
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in pattern.finditer(text)]
    assert found == []


def test_the_two_commands_exist() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"run", "test", "lint", "bench", "soak"} <= set(targets)
    assert "export PYTHONSAFEPATH = 1" in (ROOT / "Makefile").read_text()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_only_our_packages_are_found() -> None:
    """A wheel that carried the links would install a package `dns` over dnspython."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["packages"]["find"]["include"] == ["lightwave*"]
