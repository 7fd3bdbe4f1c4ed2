"""The real clients that tests run, and the rule about a missing one.

``require_client("ldapsearch")`` gives the program's path. On a developer's machine a test whose client is
missing is skipped; with ``CI=true`` it fails, so that no run is green because nothing was tried.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

NODE_CLIENTS = Path(__file__).parent / "interop" / "node"

# Debian keeps slapd and its tools where only root's PATH looks.
_SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def find_client(name: str) -> str | None:
    """The path of the program `name`, or None where this machine lacks it."""
    return shutil.which(name, path=_SEARCH_PATH)


def lacks(what: str) -> None:
    """Ends the running test because `what` is not there: a failure with CI=true, else a skip."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and with CI=true nothing is skipped", pytrace=False)
    pytest.skip(f"{what} is missing here: `make test` says how to get it")


def require_client(name: str) -> str:
    """The path of the program `name`; where it is missing the running test ends (see `lacks`)."""
    path = find_client(name)
    if path is None:
        lacks(name)
        raise AssertionError("unreachable")
    return path


def require_npm_client(package: str) -> Path:
    """The folder in which `node` can load the npm package `package`."""
    if not (NODE_CLIENTS / "node_modules" / package / "package.json").exists():
        lacks(f"the npm package {package}")
    return NODE_CLIENTS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a client program left behind."""

    code: int
    out: str
    err: str


def run_client(
    arguments: Sequence[str],
    *,
    stdin: str | bytes = b"",
    environment: Mapping[str, str] | None = None,
    timeout: float = 30,
) -> Outcome:
    """Runs a client to its end. `environment` is all it sees beside PATH and HOME."""
    program = require_client(arguments[0])
    done = subprocess.run(
        [program, *arguments[1:]],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        timeout=timeout,
        env={"PATH": _SEARCH_PATH, "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", **(environment or {})},
        check=False,
    )
    return Outcome(
        done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )
