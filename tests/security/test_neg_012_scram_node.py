"""SCRAM against a serving node: the channel bindings of real TLS connections, and what must not succeed."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator

import pytest
from OpenSSL import SSL

from node import Node
from reference import wire
from reference.scram import ScramClient
from serving import PASSWORD, add_user, connect, connect_tls, log_text, root_dse

IN_PROGRESS, NOT_SUPPORTED, INVALID_CREDENTIALS = 14, 7, 49
PLUS, NAME = "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"
SRP = [b"SRP-SHA-256", b"SRP"]


@pytest.fixture(scope="module")
def user(shared_node: Node) -> Iterator[str]:
    name = add_user(shared_node, "scram")
    yield name
    with shared_node.local_administrator() as connection:
        assert connection.ask(wire.delete(name)).code == 0


class BoundConnection(wire.Connection):
    """A TLS connection that knows its channel bindings, of which Python's own ssl module tells one."""

    def __init__(self, node: Node, version: int) -> None:
        super().__init__("127.0.0.1", node.tls_port)
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.load_verify_locations(str(node.certificate_authority))
        context.set_verify(SSL.VERIFY_PEER)
        context.set_max_proto_version(version)
        self._plain = self.socket
        self._plain.settimeout(None)
        self.tls = SSL.Connection(context, self._plain)
        self.tls.set_connect_state()
        self.tls.do_handshake()
        self.socket = self.tls  # type: ignore[assignment]

    def __enter__(self) -> BoundConnection:
        return self

    def close(self) -> None:
        self._plain.shutdown(socket.SHUT_RDWR)
        self._plain.close()

    def binding(self, name: str) -> bytes:
        if name == "tls-exporter":
            return self.tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
        if name == "tls-unique":
            return self.tls.get_finished() or b""
        certificate = self.tls.get_peer_certificate()
        assert certificate is not None
        return bytes.fromhex(certificate.digest("sha256").decode().replace(":", ""))


def exchange(connection: wire.Connection, mechanism: str, client: ScramClient) -> wire.Answer:
    first = connection.ask(wire.sasl_bind(mechanism, client.first()))
    if first.code != IN_PROGRESS:
        return first
    assert first.server_credentials is not None
    return connection.ask(wire.sasl_bind(mechanism, client.final(first.server_credentials)))


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (SSL.TLS1_3_VERSION, "tls-exporter"),
        (SSL.TLS1_3_VERSION, "tls-server-end-point"),
        (SSL.TLS1_2_VERSION, "tls-exporter"),
        (SSL.TLS1_2_VERSION, "tls-unique"),
        (SSL.TLS1_2_VERSION, "tls-server-end-point"),
    ],
)
def test_channel_bindings_of_real_connections(shared_node: Node, user: str, version: int, name: str) -> None:
    with BoundConnection(shared_node, version) as connection:
        data = connection.binding(name)
        client = ScramClient("scram", PASSWORD, flag=f"p={name}", binding=data)
        answer = exchange(connection, PLUS, client)
        assert answer.code == 0, answer
        assert answer.server_credentials == b"v=" + base64.b64encode(client.server_signature)
        assert connection.ask(wire.search(user, wire.BASE)).code == 0
        wrong = ScramClient("scram", PASSWORD, flag=f"p={name}", binding=data[:-1] + b"?")
        assert exchange(connection, PLUS, wrong).code == INVALID_CREDENTIALS


def test_neg_012_tls_unique_means_nothing_under_tls_1_3(shared_node: Node, user: str) -> None:
    with BoundConnection(shared_node, SSL.TLS1_3_VERSION) as connection:
        for data in (connection.binding("tls-unique"), connection.tls.get_peer_finished() or b"", b""):
            client = ScramClient("scram", PASSWORD, flag="p=tls-unique", binding=data)
            assert exchange(connection, PLUS, client).code == INVALID_CREDENTIALS


def test_neg_012_a_relayed_exchange_does_not_fit_the_other_connection(shared_node: Node, user: str) -> None:
    with (
        BoundConnection(shared_node, SSL.TLS1_3_VERSION) as victim,
        BoundConnection(shared_node, SSL.TLS1_3_VERSION) as thief,
    ):
        client = ScramClient("scram", PASSWORD, flag="p=tls-exporter", binding=victim.binding("tls-exporter"))
        assert exchange(thief, PLUS, client).code == INVALID_CREDENTIALS


def test_neg_012_what_is_offered_where(shared_node: Node, user: str) -> None:
    attribute = "supportedSASLMechanisms"

    def offered(connection: wire.Connection) -> list[bytes]:
        ((_, values),) = root_dse(connection, attribute).entries
        return values.get(attribute, [])

    with connect(shared_node) as clear:
        assert offered(clear) == SRP
        client = ScramClient("scram", PASSWORD)
        assert clear.ask(wire.sasl_bind(NAME, client.first())).code == NOT_SUPPORTED
    with connect_tls(shared_node) as tls:
        assert offered(tls) == [PLUS.encode(), *SRP, NAME.encode(), b"PLAIN"]
        assert exchange(tls, NAME, ScramClient("scram", PASSWORD, flag="y")).code == INVALID_CREDENTIALS
        assert exchange(tls, PLUS, ScramClient("scram", PASSWORD, flag="n")).code == INVALID_CREDENTIALS
        assert exchange(tls, NAME, ScramClient("scram", PASSWORD)).code == 0
    with wire.Connection.local(shared_node.folder / "ldapi") as local:
        assert offered(local) == [b"EXTERNAL", *SRP, NAME.encode(), b"PLAIN"]
        assert local.ask(wire.sasl_bind(PLUS, b"p=tls-exporter,,n=a,r=b")).code == NOT_SUPPORTED
        assert exchange(local, NAME, ScramClient("scram", PASSWORD, flag="y")).code == 0


def test_neg_012_nobody_and_a_wrong_password_are_told_alike(shared_node: Node, user: str) -> None:
    answers = []
    with connect_tls(shared_node) as connection:
        for name in ("scram", "nobody-4711"):
            for _ in range(2):
                client = ScramClient(name, "wrong-4711")
                first = connection.ask(wire.sasl_bind(NAME, client.first()))
                assert first.code == IN_PROGRESS
                assert first.server_credentials is not None
                salt = dict(part.split(b"=", 1) for part in first.server_credentials.split(b","))[b"s"]
                last = connection.ask(wire.sasl_bind(NAME, client.final(first.server_credentials)))
                answers.append((name, len(salt), salt, last.code, last.diagnostic))
    assert answers[0] == answers[1]
    assert answers[2] == answers[3]
    assert answers[0][3:] == answers[2][3:] == (INVALID_CREDENTIALS, answers[0][4])
    assert answers[0][1] == answers[2][1]
    assert "wrong-4711" not in log_text(shared_node)


def test_neg_012_the_last_message_of_an_earlier_exchange(shared_node: Node, user: str) -> None:
    client = ScramClient("scram", PASSWORD)
    with connect_tls(shared_node) as connection:
        first = connection.ask(wire.sasl_bind(NAME, client.first()))
        assert first.server_credentials is not None
        recorded = client.final(first.server_credentials)
        assert connection.ask(wire.sasl_bind(NAME, recorded)).code == 0
        assert connection.ask(wire.sasl_bind(NAME, client.first())).code == IN_PROGRESS
        assert connection.ask(wire.sasl_bind(NAME, recorded)).code == INVALID_CREDENTIALS
        assert connection.ask(wire.search(user, wire.BASE)).code != 0


def test_a_changed_password_is_the_new_one(shared_node: Node, user: str) -> None:
    with shared_node.local_administrator() as administrator:
        change = (wire.REPLACE, "userPassword", [b"another 4711"])
        assert administrator.ask(wire.modify(user, [change])).code == 0
    with connect_tls(shared_node) as connection:
        assert exchange(connection, NAME, ScramClient("scram", PASSWORD)).code == INVALID_CREDENTIALS
        assert exchange(connection, NAME, ScramClient("scram", "another 4711")).code == 0
    with shared_node.local_administrator() as administrator:
        change = (wire.REPLACE, "userPassword", [PASSWORD.encode()])
        assert administrator.ask(wire.modify(user, [change])).code == 0
