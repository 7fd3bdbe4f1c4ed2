"""Certificates by server name: shown to who asks for them, on every TLS port, without a restart."""

from __future__ import annotations

import datetime
import http.client
import shutil
import socket
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from client_certificates import client_pem, issuing_authority
from lightwave.pki.authority import CertifiedKey, create_issuing, create_root
from node import Node
from reference import wire
from reference.scram import ScramClient
from serving import PASSWORD, add_user, log_text, root_dse, signed_in, until

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
START_TLS = "1.3.6.1.4.1.1466.20037"
CONSTRAINT_VIOLATION, UNWILLING, INSUFFICIENT, IN_PROGRESS = 19, 53, 50, 14


class Made:
    """A certificate that signed itself, for some names."""

    def __init__(self, *names: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        self.certificate = (
            x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(NOW)
            .not_valid_after(NOW + datetime.timedelta(days=3_650))
            .add_extension(alternatives, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.der = self.certificate.public_bytes(serialization.Encoding.DER)
        self.chain = self.certificate.public_bytes(serialization.Encoding.PEM)
        self.key = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


ACME, WILD = Made("ldap.acme.example", "acme.example"), Made("*.wild.example")


@dataclass(slots=True)
class Served:
    """A serving node with two more certificates, and the authority that issues its clients'."""

    node: Node
    issuing: CertifiedKey


@pytest.fixture(scope="module")
def served(promoted_node: Node) -> Iterator[Served]:
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    made = promoted_node.copy(folder / "node")
    issuing = issuing_authority(made)
    made.start()
    with made.local_administrator() as administrator:
        for name, shown_one in (("acme", ACME), ("wild", WILD)):
            assert administrator.ask(certificate(made, name, shown_one.chain, shown_one.key)).code == 0
    yield Served(made, issuing)
    made.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def node(served: Served) -> Node:
    return served.node


def dn(node: Node, name: str) -> str:
    with node.local_administrator() as administrator:
        is_node = ("equal", "objectClass", b"lwNode")
        ((found, _),) = administrator.ask(wire.search("cn=config", filter=is_node)).entries
    return f"cn={name},{found.decode()}"


def certificate(node: Node, name: str, chain: bytes, *keys: bytes) -> bytes:
    values: list[tuple[str, list[bytes]]] = [
        ("objectClass", [b"lwServerCertificate"]),
        ("cn", [name.encode()]),
        ("lwCertificateChain", [chain]),
    ]
    return wire.add(dn(node, name), [*values, *([("lwPrivateKey", list(keys))] if keys else [])])


def shown(node: Node, name: str | None, *, start_tls: bool = False) -> bytes:
    """The certificate that a client sees who asks for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with wire.Connection("127.0.0.1", node.port if start_tls else node.tls_port) as connection:
        if start_tls:
            assert connection.ask(wire.extended(START_TLS)).code == 0
        connection.socket = context.wrap_socket(connection.socket, server_hostname=name)
        assert root_dse(connection).code == 0
        return connection.socket.getpeercert(binary_form=True) or b""


def test_each_name_has_its_certificate(node: Node) -> None:
    own = shown(node, None)
    assert own not in (ACME.der, WILD.der)
    for start_tls in (False, True):
        assert shown(node, "ldap.acme.example", start_tls=start_tls) == ACME.der
        assert shown(node, "LDAP.Acme.Example", start_tls=start_tls) == ACME.der
        assert shown(node, "one.wild.example", start_tls=start_tls) == WILD.der
        for other in ("localhost", "wild.example", "two.one.wild.example", "x.acme.example", "example"):
            assert shown(node, other, start_tls=start_tls) == own, other


def test_https_shows_it_too_and_it_verifies(node: Node) -> None:
    trusting = ssl.create_default_context(cadata=ACME.chain.decode())
    asking = http.client.HTTPSConnection("127.0.0.1", 443 + node.port_offset, timeout=10)
    plain = socket.create_connection(("127.0.0.1", 443 + node.port_offset), timeout=10)
    asking.sock = trusting.wrap_socket(plain, server_hostname="acme.example")
    asking.request("GET", "/health")
    assert asking.getresponse().status == 200
    asking.close()


def test_scram_binds_to_the_certificate_that_was_shown(node: Node) -> None:
    name = add_user(node, "sni")
    context = ssl.create_default_context(cadata=ACME.chain.decode())
    with wire.Connection("127.0.0.1", node.tls_port) as connection:
        connection.wrap(context, "acme.example")
        fingerprint = ACME.certificate.fingerprint(hashes.SHA256())
        client = ScramClient("sni", PASSWORD, flag="p=tls-server-end-point", binding=fingerprint)
        first = connection.ask(wire.sasl_bind("SCRAM-SHA-256-PLUS", client.first()))
        assert first.code == IN_PROGRESS
        answer = connection.ask(
            wire.sasl_bind("SCRAM-SHA-256-PLUS", client.final(first.server_credentials or b""))
        )
        assert answer.code == 0, answer
    with node.local_administrator() as administrator:
        assert administrator.ask(wire.delete(name)).code == 0


def test_a_change_holds_for_the_next_handshake(node: Node) -> None:
    new = Made("later.example")
    own = shown(node, "later.example")
    with node.local_administrator() as administrator:
        name = dn(node, "later")
        assert administrator.ask(certificate(node, "later", new.chain)).code == 0
        assert shown(node, "later.example") == own
        assert until(lambda: "it has no lwPrivateKey" in log_text(node))
        changes = [(wire.REPLACE, "lwPrivateKey", [ACME.key])]
        assert administrator.ask(wire.modify(name, changes)).code == 0
        assert shown(node, "later.example") == own
        assert until(lambda: "its key is another's" in log_text(node))
        changes = [(wire.REPLACE, "lwPrivateKey", [new.key])]
        assert administrator.ask(wire.modify(name, changes)).code == 0
        assert shown(node, "later.example") == new.der
        changes = [(wire.REPLACE, "lwCertificateChain", [b"no certificate"])]
        assert administrator.ask(wire.modify(name, changes)).code == 0
        assert shown(node, "later.example") == own
        assert administrator.ask(wire.delete(name)).code == 0
        assert shown(node, "later.example") == own


def test_the_key_is_read_by_nobody(node: Node) -> None:
    name = dn(node, "acme")
    with node.local_administrator() as administrator:
        ((_, values),) = administrator.ask(wire.search(name, wire.BASE, attributes=["*", "+"])).entries
        assert "lwCertificateChain" in values
        assert "lwPrivateKey" not in values
        ((_, values),) = administrator.ask(wire.search(name, wire.BASE, attributes=["lwPrivateKey"])).entries
        assert values == {}
        assert administrator.ask(wire.compare(name, "lwPrivateKey", ACME.key)).code != 6
        present = ("present", "lwPrivateKey")
        assert administrator.ask(wire.search("cn=config", filter=present)).entries == []
    assert ACME.key.decode().splitlines()[1] not in log_text(node)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ([b""], None),
        ([b"no key"], CONSTRAINT_VIOLATION),
        ([ACME.key, WILD.key], CONSTRAINT_VIOLATION),
        ([b"x" * 20_000], CONSTRAINT_VIOLATION),
        ([ACME.chain], CONSTRAINT_VIOLATION),
    ],
)
def test_what_is_no_key_is_refused(node: Node, keys: list[bytes], code: int | None) -> None:
    with node.local_administrator() as administrator:
        answer = administrator.ask(certificate(node, "bad", ACME.chain, *keys))
        assert answer.code == code if code is not None else answer.code != 0
        change = [(wire.ADD, "lwPrivateKey", [ACME.key])]
        assert administrator.ask(wire.modify(dn(node, "acme"), change)).code == UNWILLING


def test_only_administrators_set_keys(node: Node) -> None:
    name = add_user(node, "nosy")
    with signed_in(node, name) as connection:
        change = [(wire.REPLACE, "lwPrivateKey", [ACME.key])]
        assert connection.ask(wire.modify(dn(node, "acme"), change)).code == INSUFFICIENT
    with node.local_administrator() as administrator:
        assert administrator.ask(wire.delete(name)).code == 0
    assert until(lambda: shown(node, "acme.example") == ACME.der)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_clients_certificates_count_under_each_name(served: Served, version: ssl.TLSVersion) -> None:
    node = served.node
    name = f"uid=bearer{version.value},{node.suffix}"
    add_user(node, f"bearer{version.value}")
    foreign = create_issuing(create_root(node.domain, serial=1, now=NOW), node.domain, serial=2, now=NOW)
    for issuer, code in ((served.issuing, 0), (foreign, None)):
        context = ssl.create_default_context(cadata=ACME.chain.decode())
        context.maximum_version = version
        with tempfile.NamedTemporaryFile() as file:
            file.write(client_pem(issuer, name))
            file.flush()
            context.load_cert_chain(file.name)
        with wire.Connection("127.0.0.1", node.tls_port) as connection:
            if code is None:
                with pytest.raises((ssl.SSLError, wire.ServerClosed, ConnectionError)):
                    _ask_under(connection, context)
                continue
            connection.wrap(context, "acme.example")
            assert connection.ask(wire.sasl_bind("EXTERNAL", b"")).code == code


def test_a_session_is_resumed_under_its_name(node: Node) -> None:
    context = ssl.create_default_context(cadata=ACME.chain.decode())
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    session = None
    for resumed in (False, True):
        with wire.Connection("127.0.0.1", node.tls_port) as connection:
            secure = context.wrap_socket(connection.socket, server_hostname="acme.example", session=session)
            connection.socket = secure
            assert root_dse(connection).code == 0
            assert secure.getpeercert(binary_form=True) == ACME.der
            assert secure.session_reused is resumed
            session = secure.session
            secure.sendall(wire.message(9, wire.tlv(0x42, b"")))  # unbind: both ends close TLS in order
            assert secure.recv(1) == b""
            connection.socket = secure.unwrap()


def _ask_under(connection: wire.Connection, context: ssl.SSLContext) -> None:
    """Under TLS 1.3 the refusal of a certificate comes after the client's handshake."""
    connection.wrap(context, "acme.example")
    root_dse(connection)
