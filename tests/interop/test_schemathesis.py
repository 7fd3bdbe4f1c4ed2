"""schemathesis makes requests out of the OpenAPI document, valid and not, and finds nothing wrong with the answers."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from http_client import ask, http_connection
from node import Node
from serving import change_settings, log_text

PROGRAM = Path(sys.executable).parent / "schemathesis"
SETTINGS = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.timeout(300)
def test_every_operation(node: Node) -> None:
    """As the administrator over TLS: a bounded run with a fixed seed."""
    # It signs in wrongly on purpose, from its own address.
    change_settings(node, lwFailureDelayMilliseconds=0)
    with closing(http_connection(node, "local")) as connection:
        assert ask(connection, "POST", "/v1/users", {"name": "ada"}).status == 201
    login = f"{node.administrator}:{node.password}"
    command = [str(PROGRAM), "--config-file", str(SETTINGS), "run", f"{node.https_url}/openapi.json"]
    options = ["--tls-verify", str(node.certificate_authority), "-a", login, "--no-color"]
    done = subprocess.run(
        [*command, *options], cwd=node.folder.parent, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, "\n".join(line[:500] for line in done.stdout.splitlines())
    counts = re.findall(r"(?m)^\s*(?:Selected|Tested): ([\d/]+)$", done.stdout)
    numbers = {number for one in counts for number in one.split("/")}
    assert len(numbers) == 1, counts  # all of them were tried
    assert int(numbers.pop()) >= 8
    assert "Traceback" not in log_text(node)
