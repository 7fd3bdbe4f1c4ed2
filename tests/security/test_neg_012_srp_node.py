"""Number 12 with SRP, on a serving node: layers, who tampers with them, and what is told of who exists."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lightwave.sasl.srp_client import SrpClient
from lightwave.sasl.srp_math import PROFILES, SRP, SRP_SHA_256, Profile
from lightwave.sasl.srp_messages import ClientFirst, decode_server_first
from node import Node
from reference import wire
from reference.layered import LayeredSocket, srp_sign_in
from serving import PASSWORD, add_user, connect, connect_tls, is_serving, root_dse

INVALID_CREDENTIALS, OPERATIONS_ERROR, IN_PROGRESS = 49, 1, 14
WHO_AM_I, START_TLS = "1.3.6.1.4.1.4203.1.11.3", "1.3.6.1.4.1.1466.20037"


@pytest.fixture(scope="module")
def user(shared_node: Node) -> str:
    return add_user(shared_node, "srp")


@pytest.fixture
def layered(shared_node: Node, user: str) -> Iterator[wire.Connection]:
    with connect(shared_node) as connection:
        assert srp_sign_in(connection, "srp", PASSWORD, "confidentiality").code == 0
        yield connection


def who_am_i(connection: wire.Connection) -> bytes:
    answer = connection.ask(wire.extended(WHO_AM_I))
    assert answer.code == 0
    return answer.extended_value or b""


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.mechanism)
@pytest.mark.parametrize("layer", ["none", "integrity", "confidentiality"])
def test_neg_012_every_mechanism_with_every_layer(
    shared_node: Node, user: str, profile: Profile, layer: str
) -> None:
    with connect(shared_node) as connection:
        answer = srp_sign_in(connection, "srp", "wrong", layer, profile)  # type: ignore[arg-type]
        assert answer.code == INVALID_CREDENTIALS
        assert srp_sign_in(connection, "srp", PASSWORD, layer, profile).code == 0  # type: ignore[arg-type]
        assert who_am_i(connection) == b"dn:" + user.encode()
        ((_, found),) = root_dse(connection, "supportedSASLMechanisms").entries
        assert (b"PLAIN" in found["supportedSASLMechanisms"]) is (layer == "confidentiality")
    with connect_tls(shared_node) as connection:
        assert srp_sign_in(connection, "srp", PASSWORD, "none", profile).code == 0
        assert who_am_i(connection) == b"dn:" + user.encode()


def test_neg_012_the_name_in_any_spelling(shared_node: Node, user: str) -> None:
    for name in ("SRP", f"srp@{shared_node.domain}", user, f"dn:{user}", "u:srp"):
        with connect(shared_node) as connection:
            assert srp_sign_in(connection, name, PASSWORD).code == 0
            assert who_am_i(connection) == b"dn:" + user.encode()


def closed(connection: wire.Connection) -> bool:
    """Whether the server says goodbye, or hangs up, instead of answering."""
    try:
        connection.ask(wire.extended(WHO_AM_I))
    except (wire.ServerClosed, OSError):
        return True
    return False


def plain(connection: wire.Connection) -> LayeredSocket:
    found = connection.socket
    assert isinstance(found, LayeredSocket)
    return found


def test_neg_012_octets_in_the_clear_after_the_layer(layered: wire.Connection) -> None:
    plain(layered).plain.sendall(wire.message(77, wire.extended(WHO_AM_I)))
    assert closed(layered)


def test_neg_012_a_changed_packet_ends_the_connection(shared_node: Node, layered: wire.Connection) -> None:
    packet = bytearray(plain(layered).layer.wrap(wire.message(77, wire.extended(WHO_AM_I))))
    packet[-1] ^= 1
    plain(layered).plain.sendall(bytes(packet))
    assert closed(layered)
    assert is_serving(shared_node)


def test_neg_012_a_repeated_packet_ends_the_connection(layered: wire.Connection) -> None:
    packet = plain(layered).layer.wrap(wire.message(77, wire.extended(WHO_AM_I)))
    plain(layered).plain.sendall(packet + packet)
    assert closed(layered)


def test_neg_012_a_request_octet_by_octet(layered: wire.Connection, user: str) -> None:
    packet = plain(layered).layer.wrap(wire.message(77, wire.extended(WHO_AM_I)))
    for position in range(len(packet)):
        plain(layered).plain.sendall(packet[position : position + 1])
    assert layered.receive()[0] == 77


def test_neg_012_a_packet_that_says_it_is_endless(shared_node: Node, layered: wire.Connection) -> None:
    plain(layered).plain.sendall(b"\xff\xff\xff\xff" + bytes(1_000))
    assert closed(layered)
    assert is_serving(shared_node)


@pytest.mark.parametrize("layer", ["integrity", "confidentiality"])
def test_neg_012_what_was_slipped_in_behind_the_proof(shared_node: Node, user: str, layer: str) -> None:
    """A request in the clear behind the last step would run as the user who has just signed in."""
    with connect(shared_node) as connection:
        client = SrpClient(SRP_SHA_256, "srp", PASSWORD, os.urandom, wanted=layer)  # type: ignore[arg-type]
        answer = connection.ask(wire.sasl_bind("SRP-SHA-256", client.first()))
        last = wire.sasl_bind("SRP-SHA-256", client.answer(answer.server_credentials or b""))
        slipped = wire.message(78, wire.extended(WHO_AM_I))
        connection.socket.sendall(wire.message(77, last) + slipped)
        message_id, _, content, _ = connection.receive()
        assert message_id == 77
        made = client.finish(wire.decode_result(0x61, content).server_credentials or b"")
        assert made is not None
        rest = b""
        while data := connection.socket.recv(65_536):
            rest += data
        connection.socket.close()
        # All that follows is the notice, under the layer.
        assert user.encode() not in made.receive(rest)


def test_neg_012_a_second_bind_under_a_layer(shared_node: Node, user: str) -> None:
    """The layer stays until another replaces it ([MS-ADTS] 5.1.2.1)."""
    other = add_user(shared_node, "srp-other")
    with connect(shared_node) as connection:
        assert srp_sign_in(connection, "srp", PASSWORD, "integrity").code == 0
        first = plain(connection).layer
        assert srp_sign_in(connection, "srp-other", PASSWORD, "none").code == 0
        assert plain(connection).layer is first
        assert who_am_i(connection) == b"dn:" + other.encode()
        assert srp_sign_in(connection, "srp", PASSWORD, "confidentiality").code == 0
        assert plain(connection).layer is not first
        assert who_am_i(connection) == b"dn:" + user.encode()
        assert srp_sign_in(connection, "srp", "wrong").code == INVALID_CREDENTIALS
        assert who_am_i(connection) == b""
        assert connection.ask(wire.bind(user, PASSWORD)).code == 0
        assert who_am_i(connection) == b"dn:" + user.encode()


def test_neg_012_no_tls_over_a_layer(layered: wire.Connection, user: str) -> None:
    assert layered.ask(wire.extended(START_TLS)).code == OPERATIONS_ERROR
    assert who_am_i(layered) == b"dn:" + user.encode()


def challenge(node: Node, profile: Profile, name: str) -> tuple[int, bytes, int]:
    """Length, salt and the number of options of what a name is answered."""
    with connect(node) as connection:
        answer = connection.ask(wire.sasl_bind(profile.mechanism, ClientFirst(name, "").encode()))
    assert answer.code == IN_PROGRESS
    first = decode_server_first(answer.server_credentials or b"")
    return first.modulus, first.salt, len(first.options)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.mechanism)
def test_neg_012_nobody_is_answered_like_somebody(shared_node: Node, user: str, profile: Profile) -> None:
    add_user(shared_node, f"hashed-{profile.digest}", "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=")
    with connect(shared_node) as connection:
        salts = []
        for name in ("srp", "nobody-4711", f"hashed-{profile.digest}", f"nobody@{shared_node.domain}"):
            modulus, salt, options = challenge(shared_node, profile, name)
            assert challenge(shared_node, profile, name.upper()) == (modulus, salt, options)
            assert (modulus, len(salt)) == (profile.group.modulus, 16)
            salts.append(salt)
            assert srp_sign_in(connection, name, "wrong", "none", profile).code == INVALID_CREDENTIALS
        assert len(set(salts)) == len(salts)
        ours, theirs = (
            srp_sign_in(connection, name, "wrong", "none", profile) for name in ("srp", "nobody-4711")
        )
        assert (ours.code, ours.diagnostic) == (theirs.code, theirs.diagnostic)


def test_neg_012_a_disabled_account_and_a_policy_that_keeps_no_keys(shared_node: Node, user: str) -> None:
    name = add_user(shared_node, "srp-gone")
    policy = f"cn=password and lockout policy,{shared_node.suffix}"

    def set_value(entry: str, attribute: str, *values: bytes) -> None:
        with shared_node.local_administrator() as connection:
            assert connection.ask(wire.modify(entry, [(wire.REPLACE, attribute, list(values))])).code == 0

    def sign_in(profile: Profile = SRP) -> int:
        with connect(shared_node) as connection:
            return srp_sign_in(connection, "srp-gone", PASSWORD, "none", profile).code

    assert sign_in() == 0
    set_value(name, "nsAccountLock", b"TRUE")
    assert sign_in() == INVALID_CREDENTIALS
    set_value(name, "nsAccountLock")
    assert sign_in() == 0
    set_value(policy, "lwKeepSRP", b"FALSE")
    try:
        assert sign_in() == sign_in(SRP_SHA_256) == INVALID_CREDENTIALS
        set_value(name, "userPassword", PASSWORD.encode())
    finally:
        set_value(policy, "lwKeepSRP", b"TRUE")
    assert sign_in() == sign_in(SRP_SHA_256) == INVALID_CREDENTIALS  # none were made meanwhile
    set_value(name, "userPassword", PASSWORD.encode())
    assert sign_in() == sign_in(SRP_SHA_256) == 0


def test_neg_012_many_who_only_begin(shared_node: Node, user: str) -> None:
    """Each beginning costs a power; they queue in threads, and others are served meanwhile."""
    connections = [connect(shared_node) for _ in range(40)]
    try:
        for connection in connections:
            connection.send(wire.sasl_bind("SRP-SHA-256", ClientFirst("nobody-4711", "").encode()))
        assert is_serving(shared_node)
        for connection in connections:
            assert wire.decode_result(0x61, connection.receive()[2]).code == IN_PROGRESS
    finally:
        for connection in connections:
            connection.close()
