"""`lightwave whoami` on a serving node: every mechanism, every way to get there, and what goes wrong."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from commands import answer, invoke
from node import Node
from serving import PASSWORD, add_user


@pytest.fixture(scope="module")
def user(shared_node: Node) -> str:
    return add_user(shared_node, "whoami")


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    return path


def servers(node: Node) -> dict[str, list[str | Path]]:
    return {
        "clear": ["--server", f"ldap://127.0.0.1:{node.port}"],
        "starttls": [
            "--server",
            f"ldap://localhost:{node.port}",
            "--start-tls",
            "--ca",
            node.certificate_authority,
        ],
        "ldaps": ["--server", f"ldaps://localhost:{node.tls_port}", "--ca", node.certificate_authority],
        "ldapi": ["--server", "ldapi://" + quote(str(node.folder / "ldapi"), safe="")],
    }


@pytest.mark.parametrize("where", ["clear", "starttls", "ldaps", "ldapi"])
@pytest.mark.parametrize("mechanism", ["SRP-SHA-256", "SRP", "SCRAM-SHA-256", "PLAIN"])
def test_who_signs_in(shared_node: Node, user: str, password_file: Path, where: str, mechanism: str) -> None:
    arguments = [*servers(shared_node)[where], "--mechanism", mechanism, "--user", "whoami"]
    if where == "clear" and not mechanism.startswith("SRP"):
        code = 2 if mechanism == "PLAIN" else 1
        result = invoke("whoami", *arguments, "--password-file", password_file)
        assert (result.exit_code, result.stdout) == (code, "")
        return
    found = answer("whoami", *arguments, "--password-file", password_file)
    assert found["identity"] == f"dn:{user}"
    protections = {
        "clear": "AES-256-GCM" if mechanism == "SRP-SHA-256" else "AES-128-OFB with HMAC-SHA-1",
        "ldapi": "the local socket",
    }
    assert found["protection"] == protections.get(where, "TLSv1.3")


@pytest.mark.parametrize("layer", ["none", "integrity", "confidentiality"])
def test_layers(shared_node: Node, user: str, password_file: Path, layer: str) -> None:
    arguments = [*servers(shared_node)["clear"], "--user", "whoami", "--password-file", password_file]
    result = invoke("whoami", *arguments, "--layer", layer)
    assert (result.exit_code, result.stdout) == (0, f"dn:{user}\n")
    names = {"none": "none", "integrity": "HMAC-SHA-256", "confidentiality": "AES-256-GCM"}
    assert f"protection: {names[layer]}\n" in result.stderr


def test_the_owner_of_the_machine(shared_node: Node) -> None:
    found = answer("whoami", *servers(shared_node)["ldapi"], "--mechanism", "EXTERNAL")
    assert found["identity"].startswith("dn:cn=Administrator,")


def test_what_goes_wrong(shared_node: Node, user: str, tmp_path: Path, password_file: Path) -> None:
    clear, secure = servers(shared_node)["clear"], servers(shared_node)["ldaps"]
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong\n")
    for mechanism in ("SRP-SHA-256", "SRP", "SCRAM-SHA-256", "PLAIN"):
        refused = invoke(
            "whoami", *secure, "--user", "whoami", "--mechanism", mechanism, "--password-file", wrong
        )
        assert refused.exit_code == 1
        assert "the name or the password is wrong" in refused.stderr
        assert "wrong\n" not in refused.stdout
    for arguments, code in (
        (["--server", "ldap://127.0.0.1:1", "--user", "a"], 3),
        (["--server", "http://127.0.0.1:1", "--user", "a"], 2),
        (["--server", "ldap://", "--user", "a"], 2),
        ([*clear], 2),
        ([*clear, "--user", "a", "--mechanism", "SCRAM-SHA-256", "--layer", "integrity"], 2),
        ([*clear, "--user", "a", "--mechanism", "GSSAPI"], 2),
        ([*secure[:2], "--user", "a"], 3),
        ([*secure, "--user", "a", "--layer", "integrity"], 1),
        ([*clear, "--user", "a\0b", "--mechanism", "SRP"], 2),
        (["--user", "a"], 2),
    ):
        result = invoke("whoami", *arguments, "--password-file", password_file)
        assert result.exit_code == code, (arguments, result.output, result.exception)
        assert "Traceback" not in result.output
