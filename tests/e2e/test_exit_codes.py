"""What the commands tell a script: exit codes, and refusals that say what to do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from node import LIGHTWAVE, Node


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    command = [str(LIGHTWAVE), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_status_tells_a_node_that_serves_from_one_that_does_not(
    promoted_node: Node, shared_node: Node
) -> None:
    assert run("status", "--data", shared_node.folder).returncode == 0
    idle = run("status", "--data", promoted_node.folder)
    assert (idle.returncode, idle.stderr) == (3, "")


def test_import_that_stops_is_no_success(shared_node: Node, short_folder: Path) -> None:
    file = short_folder / "bad.ldif"
    file.write_text(f"dn: ou=x,ou=nowhere,{shared_node.suffix}\nobjectClass: organizationalUnit\nou: x\n")
    done = run("import", file, "--data", shared_node.folder)
    assert done.returncode == 1
    assert f"{file}:1: ou=x,ou=nowhere" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], 0), (["status"], 2), (["no-such-verb"], 2), (["status", "--data", "/nonexistent"], 1)],
    ids=["help", "missing option", "unknown verb", "no node"],
)
def test_wrong_use_is_told_from_failure(arguments: list[str], code: int) -> None:
    done = run(*arguments)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--domain", "not a domain"],
        ["--domain", "example.com", "--hostname", "a,cn=b"],
        ["--domain", "example.com", "--hostname", 'quo"te'],
        ["--domain", "example.com", "--port-offset", "65000"],
        ["--domain", "example.com", "--bind", "300.1.1.1"],
    ],
    ids=["domain", "host name that is a DN", "host name with a quote", "port offset", "address"],
)
def test_promote_refuses_what_makes_no_node(arguments: list[str], short_folder: Path) -> None:
    done = run("promote", "--data", short_folder / "node", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert list(short_folder.iterdir()) == []


def test_promote_refuses_a_folder_whose_socket_nobody_could_open(short_folder: Path) -> None:
    deep = short_folder / ("d" * 60) / ("e" * 60)
    done = run("promote", "--data", deep, "--domain", "example.com")
    assert done.returncode == 1
    assert "too long" in done.stderr
    assert list(short_folder.iterdir()) == []


def test_what_promote_prints_names_the_program_so_that_a_shell_finds_it(short_folder: Path) -> None:
    done = subprocess.run(
        [
            str(LIGHTWAVE),
            "promote",
            "--data",
            "a node",
            "--domain",
            "example.com",
            "--hashing-cost",
            "minimum",
        ],
        capture_output=True,
        text=True,
        cwd=short_folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONSAFEPATH": "1"},
        timeout=60,
        check=True,
    )
    (line,) = (line for line in done.stdout.splitlines() if "status --data" in line)
    shown = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, cwd=short_folder, check=False
    )
    assert shown.returncode == 3, shown.stderr  # it is not served, but the command is found


def test_an_export_of_nothing_writes_nothing(promoted_node: Node) -> None:
    done = run("export", "--data", promoted_node.folder, "--base", "dc=nowhere")
    assert (done.returncode, done.stdout) == (1, "")
