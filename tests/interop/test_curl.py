"""curl as a client of the web listener: the three listeners, certificates, uploads, connections that stay open."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from client_certificates import client_pem, issuing_authority
from clients import Outcome, require_client, run_client
from lightwave.pki.authority import CertifiedKey, create_issuing, create_root
from node import Node
from serving import PASSWORD, add_user

LDAP = "/v1/vmdir/ldap"


@dataclass(slots=True)
class Served:
    """A serving node, its authority, and somebody who may sign in."""

    node: Node
    issuing: CertifiedKey
    folder: Path
    ann: str

    def curl(self, *arguments: str | Path, stdin: str | bytes = b"") -> Outcome:
        """curl that believes the node's authority."""
        trusted = ["--cacert", str(self.node.certificate_authority)]
        return run_client(["curl", "-sS", *trusted, *map(str, arguments)], stdin=stdin)

    def json(self, *arguments: str | Path, stdin: str | bytes = b"") -> dict[str, object]:
        """What it printed."""
        done = self.curl(*arguments, stdin=stdin)
        assert done.code == 0, done.err
        found: dict[str, object] = json.loads(done.out)
        return found

    def entry_url(self, dn: str) -> str:
        return f"{self.node.https_url}{LDAP}?dn={dn.replace('=', '%3D')}"


@pytest.fixture(scope="module")
def served(promoted_node: Node) -> Iterator[Served]:
    require_client("curl")
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    node = promoted_node.copy(folder / "node")
    issuing = issuing_authority(node)
    node.start()
    yield Served(node, issuing, folder, add_user(node, "ann"))
    node.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_health_on_each_listener(served: Served) -> None:
    node = served.node
    for place in (
        [node.http_url],
        [node.https_url],
        ["--unix-socket", str(node.http_socket), "http://localhost"],
    ):
        for path in ("/health", "/ready"):
            *options, url = place
            assert served.json(*options, url + path) == {"status": "ok"}


def test_one_connection_serves_several_requests(served: Served) -> None:
    url = served.node.https_url
    done = served.curl(
        f"{url}/health", f"{url}/ready", f"{url}/nothing", "-w", "%{http_code} %{num_connects}\n"
    )
    counts = [line for line in done.out.splitlines() if line[:3].isdigit()]
    assert counts == ["200 1", "200 0", "404 0"]


def test_a_stranger_does_not_trust_the_node(served: Served) -> None:
    done = run_client(["curl", "-sS", f"{served.node.https_url}/health"])
    assert done.code == 60


def test_basic(served: Served) -> None:
    url = served.entry_url(served.ann)
    found = served.json("-u", f"ann:{PASSWORD}", url)
    assert found["result_count"] == 1
    refused = served.curl("-u", "ann:wrong", "-o", "-", "-w", "%{http_code} %header{www-authenticate}", url)
    assert refused.out.endswith('401 Basic realm="lightwave", charset="UTF-8"')


def test_a_password_in_the_clear_is_refused(served: Served) -> None:
    url = served.entry_url(served.ann).replace(served.node.https_url, served.node.http_url)
    problem = served.json("-u", f"ann:{PASSWORD}", url)
    assert problem["status"] == 403


def certificate(served: Served, name: str, pem: bytes) -> Path:
    path = served.folder / name
    path.write_bytes(pem)
    return path


def test_a_client_certificate(served: Served) -> None:
    own = certificate(served, "ann.pem", client_pem(served.issuing, served.ann))
    assert served.json("--cert", own, served.entry_url(served.ann))["result_count"] == 1
    assert served.json("--cert", own, f"{served.node.https_url}/v1/node")["status"] == 403
    nobody = certificate(served, "nobody.pem", client_pem(served.issuing, f"uid=none,{served.node.suffix}"))
    assert served.json("--cert", nobody, served.entry_url(served.ann))["status"] == 401


def test_certificates_of_others_end_the_handshake(served: Served) -> None:
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    stranger = create_issuing(create_root("example.com", serial=1, now=now), "example.com", serial=2, now=now)
    for name, pem in (
        ("stranger.pem", client_pem(stranger, served.ann)),
        ("expired.pem", client_pem(served.issuing, served.ann, age=31)),
    ):
        done = served.curl("--cert", certificate(served, name, pem), f"{served.node.https_url}/health")
        assert done.code != 0, name
        assert "alert" in done.err


@pytest.mark.parametrize(
    "options", [["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"], []]
)
def test_uploads(served: Served, options: list[str]) -> None:
    node = served.node
    dn = f"cn=upload,{node.suffix}"
    entry = {
        "dn": dn,
        "attributes": [
            {"type": "objectClass", "value": ["device"]},
            {"type": "description", "value": ["x" * 200_000]},
        ],
    }
    local = ["--unix-socket", str(node.http_socket), "-w", "%{http_code}"]
    json_type = ["-H", "Content-Type: application/json"]
    url = f"http://localhost{LDAP}"
    put = [*local, *json_type, *options, "-X", "PUT", "--data-binary", "@-", url]
    assert served.curl(*put, stdin=json.dumps(entry)).out == "201"
    assert served.curl(*local, "-X", "DELETE", f"{url}?dn={dn}").out == "204"


@pytest.mark.parametrize("options", [["-H", "Transfer-Encoding: chunked"], ["-H", "Expect:"], []])
def test_an_upload_that_is_too_long_is_told_so(served: Served, options: list[str]) -> None:
    """The client gets to read the refusal, though it is still sending."""
    for place in (served.node.https_url, served.node.http_url):
        put = ["-X", "PUT", "-H", "Content-Type: application/json", *options, "--data-binary", "@-"]
        done = served.curl(*put, "-w", "%{http_code}", f"{place}{LDAP}", stdin=b"[" + b" " * (8 << 20))
        assert done.out.endswith("413"), (place, done)


def test_pages_through_a_cookie(served: Served) -> None:
    node = served.node
    url = f"{served.entry_url(node.suffix)}&scope=sub&attrs=1.1&page_size=3"
    found: list[object] = []
    cookie = ""
    while True:
        page = served.json("-u", f"ann:{PASSWORD}", url + cookie)
        result = page["result"]
        assert isinstance(result, list)
        found += result
        if "paged_results_cookie" not in page:
            break
        cookie = f"&paged_results_cookie={page['paged_results_cookie']}"
    assert len(found) > 10
    assert len({json.dumps(one) for one in found}) == len(found)


def test_metrics(served: Served) -> None:
    for _ in range(2):  # the second tells of the first
        done = served.curl(f"{served.node.http_url}/metrics")
        assert done.code == 0
    lines = done.out.splitlines()
    for name in (
        "lightwave_ldap_connections ",
        'lightwave_ldap_operations_total{operation="add",result="success"} ',
        'lightwave_ldap_operation_seconds_bucket{le="+Inf",operation="add"} ',
        'lightwave_http_requests_total{status="200"} ',
        "lightwave_commits_total ",
        "lightwave_committed_operations_total ",
        "lightwave_store_bytes ",
        "lightwave_store_readers ",
        "lightwave_computations_waiting ",
        "process_resident_memory_bytes ",
    ):
        assert any(line.startswith(name) for line in lines), name
