"""npm's ldapts and ldapjs, two more BER stacks. ldapjs takes all four transports."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clients import require_npm_client, run_client
from interop.targets import TRANSPORTS, Target


def run_script(package: str, script: str, target: Target, transport: str, corner: str) -> dict[str, Any]:
    folder = require_npm_client(package)
    task = {
        "url": target.url_of(transport),
        "socket": target.local_url.removeprefix("ldapi://").replace("%2F", "/"),
        "transport": transport,
        "ca": str(target.certificate_authority),
        "name": target.administrator,
        "password": target.password,
        "corner": corner,
    }
    done = run_client(["node", str(folder / script), json.dumps(task)])
    if done.code:
        pytest.fail(f"{script}: {done.err}{done.out}")
    found: dict[str, Any] = json.loads(done.out)
    return found


@pytest.mark.parametrize("transport", [t for t in TRANSPORTS if t != "ldapi"])  # which ldapts does not know
def test_ldapts(target: Target, transport: str, corner: str) -> None:
    result = run_script("ldapts", "ldapts.mjs", target, transport, corner)
    assert result["found"] == [{"cn": "Vinton Gray Cerf", "mail": "vint@example.com"}]
    assert result["compared"] == [True, False]
    assert result["paged"] == 6
    assert result["gone"] is True
    assert result["whoami"].lower() == f"dn:{target.administrator}".lower()


def test_ldapjs(target: Target, transport: str, corner: str) -> None:
    result = run_script("ldapjs", "ldapjs.cjs", target, transport, corner)
    assert result["found"] == ["Ada Lovelace", "pioneers"]
    assert result["paged"] == 5
    assert result["compared"] is True
