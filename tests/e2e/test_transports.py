"""How clients get in: IPv4 and IPv6, TLS versions, SASL EXTERNAL by certificate, PLAIN under TLS."""

from __future__ import annotations

import shutil
import socket
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from client_certificates import client_pem, issuing_authority
from clients import run_client
from lightwave.pki.authority import (
    CertifiedKey,
    create_issuing,
    create_root,
)
from node import Node
from reference import wire
from serving import PASSWORD, add_user, connect, connect_tls, root_dse, trust

WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
INVALID_CREDENTIALS, AUTH_METHOD_NOT_SUPPORTED = 49, 7


@dataclass(slots=True)
class Served:
    """A serving node, and the authority that issues certificates for it."""

    node: Node
    issuing: CertifiedKey
    ann: str


@pytest.fixture(scope="module")
def served(promoted_node: Node) -> Iterator[Served]:
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    node = promoted_node.copy(folder / "node")
    settings = node.folder / "lightwave.toml"
    settings.write_text(settings.read_text().replace('"127.0.0.1"', '"127.0.0.1", "::1"'))
    issuing = issuing_authority(node)
    node.start()
    yield Served(node, issuing, add_user(node, "ann"))
    node.stop()
    shutil.rmtree(folder, ignore_errors=True)


def client_context(
    served: Served, subject: str, *, issuing: CertifiedKey | None = None, age: int = 0
) -> ssl.SSLContext:
    """TLS of a client with a certificate for `subject`, issued `age` days ago for 30 days."""
    context = trust(served.node)
    with tempfile.NamedTemporaryFile() as file:
        file.write(client_pem(issuing or served.issuing, subject, age))
        file.flush()
        context.load_cert_chain(file.name)
    return context


def identity(connection: wire.Connection) -> str:
    answer = connection.ask(wire.extended(WHO_AM_I))
    assert answer.code == 0
    return (answer.extended_value or b"").decode().lower()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_addresses(served: Served, address: str) -> None:
    with wire.Connection(address, served.node.port) as connection:
        assert root_dse(connection).code == 0
        assert connection.ask(wire.extended("1.3.6.1.4.1.1466.20037")).code == 0
        connection.wrap(trust(served.node), address)
        assert connection.ask(wire.bind(served.ann, PASSWORD)).code == 0
    with wire.Connection(address, served.node.tls_port) as connection:
        connection.wrap(trust(served.node), address)
        assert connection.ask(wire.bind(served.ann, PASSWORD)).code == 0


@pytest.mark.parametrize(
    ("version", "taken"), [("tls1", False), ("tls1_1", False), ("tls1_2", True), ("tls1_3", True)]
)
def test_tls_versions(served: Served, version: str, taken: bool) -> None:
    place = [
        "-connect",
        f"127.0.0.1:{served.node.tls_port}",
        "-CAfile",
        str(served.node.certificate_authority),
    ]
    # At security level 0 the client itself would agree to the old versions.
    options = ["-verify_return_error", "-brief", f"-{version}", "-cipher", "DEFAULT@SECLEVEL=0"]
    done = run_client(["openssl", "s_client", *place, *options])
    assert (done.code == 0) == taken, done.err
    if taken:
        assert "Verification: OK" in done.err
    else:
        assert "alert" in done.err


def test_weak_ciphers_are_refused(served: Served) -> None:
    place = ["-connect", f"127.0.0.1:{served.node.tls_port}", "-brief", "-tls1_2"]
    for cipher in ("AES128-SHA", "AES256-GCM-SHA384", "NULL-SHA256", "ADH-AES128-SHA256"):
        done = run_client(["openssl", "s_client", *place, "-cipher", f"{cipher}:@SECLEVEL=0"])
        assert done.code != 0, cipher


@pytest.mark.parametrize(
    ("port", "offered", "chosen"),
    [("tls_port", ["ldap", "h2"], None), ("https", ["h2", "http/1.1"], "http/1.1"), ("https", ["h2"], None)],
)
def test_protocols_that_a_client_offers(
    served: Served, port: str, offered: list[str], chosen: str | None
) -> None:
    """ALPN (RFC 7301) names HTTP where that is served, and locks nobody out."""
    context = trust(served.node)
    context.set_alpn_protocols(offered)
    number = served.node.tls_port if port == "tls_port" else int(served.node.https_url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", number), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        assert connection.selected_alpn_protocol() == chosen


def test_external_by_certificate(served: Served) -> None:
    """The certificate's subject is the entry; over LDAPS and after StartTLS."""
    context = client_context(served, served.ann)
    with connect_tls(served.node, context) as connection:
        mechanisms = root_dse(connection, "supportedSASLMechanisms").entries[0][1]["supportedSASLMechanisms"]
        assert b"EXTERNAL" in mechanisms
        assert identity(connection) == ""
        assert connection.ask(wire.sasl_bind("EXTERNAL", b"")).code == 0
        assert identity(connection) == f"dn:{served.ann}".lower()
        assert connection.ask(wire.search(served.ann, wire.BASE)).code == 0
    with connect(served.node) as connection:
        assert connection.ask(wire.extended("1.3.6.1.4.1.1466.20037")).code == 0
        connection.wrap(context)
        assert connection.ask(wire.sasl_bind("EXTERNAL")).code == 14  # a challenge first
        assert connection.ask(wire.sasl_bind("EXTERNAL", b"")).code == 0
        assert identity(connection) == f"dn:{served.ann}".lower()


def test_neg_014_external_does_not_lend_another_identity(served: Served) -> None:
    with connect_tls(served.node, client_context(served, served.ann)) as connection:
        for other in (f"dn:{served.node.administrator}", "u:Administrator", "dn:", "nonsense"):
            assert connection.ask(wire.sasl_bind("EXTERNAL", other.encode())).code != 0
            assert identity(connection) == ""
        assert connection.ask(wire.sasl_bind("EXTERNAL", f"dn:{served.ann}".encode())).code == 0


def test_external_with_a_certificate_for_nobody(served: Served) -> None:
    nobody = f"uid=nobody,{served.node.suffix}"
    with connect_tls(served.node, client_context(served, nobody)) as connection:
        assert connection.ask(wire.sasl_bind("EXTERNAL", b"")).code == INVALID_CREDENTIALS
        assert identity(connection) == ""


def test_a_certificate_of_a_foreign_authority_is_refused(served: Served) -> None:
    """Also when that authority bears the same names as ours."""
    now = datetime.now(UTC) - timedelta(days=1)
    root = create_root(served.node.domain, serial=1, now=now)
    issuing = create_issuing(root, served.node.domain, serial=2, now=now)
    with pytest.raises((ssl.SSLError, wire.ServerClosed, ConnectionError)):
        external(served, client_context(served, served.ann, issuing=issuing))


def test_an_expired_certificate_is_refused(served: Served) -> None:
    with pytest.raises((ssl.SSLError, wire.ServerClosed, ConnectionError)):
        external(served, client_context(served, served.ann, age=40))


def external(served: Served, context: ssl.SSLContext) -> None:
    """Connects with a certificate and signs in by it."""
    with connect_tls(served.node, context) as connection:
        answer = connection.ask(wire.sasl_bind("EXTERNAL", b""))
        assert answer.code != 0
        raise AssertionError("the handshake was to fail")


def test_external_without_a_certificate(served: Served) -> None:
    for connection in (connect(served.node), connect_tls(served.node)):
        with connection:
            assert connection.ask(wire.sasl_bind("EXTERNAL", b"")).code == AUTH_METHOD_NOT_SUPPORTED


def test_plain_under_tls(served: Served) -> None:
    ca = {"LDAPTLS_CACERT": str(served.node.certificate_authority)}
    command = ["ldapwhoami", "-Q", "-Y", "PLAIN", "-U", "ann", "-w"]
    for place in (["-H", served.node.tls_url], ["-H", served.node.url, "-ZZ"]):
        done = run_client([*command, PASSWORD, *place], environment=ca)
        assert done.out.strip().lower() == f"dn:{served.ann}".lower(), done.err
        assert run_client([*command, "wrong", *place], environment=ca).code == INVALID_CREDENTIALS
    done = run_client([*command, PASSWORD, "-H", served.node.url], environment=ca)
    assert done.code != 0
    assert "dn:" not in done.out


def test_plain_in_the_clear_is_refused(served: Served) -> None:
    with connect(served.node) as connection:
        answer = connection.ask(wire.sasl_bind("PLAIN", b"\0ann\0" + PASSWORD.encode()))
        assert answer.code in (AUTH_METHOD_NOT_SUPPORTED, 13)
        assert identity(connection) == ""


def test_neg_014_plain_does_not_lend_another_identity(served: Served) -> None:
    with connect_tls(served.node) as connection:
        for other in (f"dn:{served.node.administrator}", "u:Administrator", "Administrator"):
            message = other.encode() + b"\0ann\0" + PASSWORD.encode()
            assert connection.ask(wire.sasl_bind("PLAIN", message)).code != 0
            assert identity(connection) == ""


def test_a_client_that_does_not_shake_hands_is_no_burden(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.node.tls_port), timeout=5) as peer:
        peer.sendall(b"\x16\x03\x01\xff\xff")
        with connect_tls(served.node) as connection:
            assert root_dse(connection).code == 0
    with socket.create_connection(("127.0.0.1", served.node.tls_port), timeout=5) as peer:
        peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while peer.recv(1000):
            pass
