"""schemathesis makes requests out of the OpenAPI document, valid and not, and finds nothing wrong with the answers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from client_certificates import client_pem, issuing_authority
from node import Node
from serving import log_text

PROGRAM = Path(sys.executable).parent / "schemathesis"
SETTINGS = Path(__file__).with_name("schemathesis.toml")


def test_every_operation(promoted_node: Node, short_folder: Path) -> None:
    """As the administrator over TLS: a bounded run with a fixed seed.

    It signs in by certificate: of the passwords it finds out how to change them, its own among them.
    """
    node = promoted_node.copy(short_folder / "node")
    certificate = short_folder / "administrator.pem"
    certificate.write_bytes(client_pem(issuing_authority(node), node.administrator))
    node.start()
    try:
        run(node, certificate)
    finally:
        node.stop()


def run(node: Node, certificate: Path) -> None:
    """The run, and what counts as passed."""
    command = [str(PROGRAM), "--config-file", str(SETTINGS), "run", f"{node.https_url}/openapi.json"]
    login = ["--request-cert", str(certificate), "--tls-verify", str(node.certificate_authority)]
    options = [*login, "--no-color"]
    done = subprocess.run(
        [*command, *options], cwd=node.folder.parent, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, "\n".join(line[:500] for line in done.stdout.splitlines())
    counts = re.findall(r"(?m)^\s*(?:Selected|Tested): ([\d/]+)$", done.stdout)
    numbers = {number for one in counts for number in one.split("/")}
    assert len(numbers) == 1, counts  # all of them were tried
    assert int(numbers.pop()) >= 8
    assert "Traceback" not in log_text(node)
