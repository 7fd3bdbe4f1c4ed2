"""SCRAM-SHA-256 and -PLUS: the RFC's vector, and everything that a client may do wrong."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightwave.sasl.channel import Channel
from lightwave.sasl.mechanism import Failure, KeysWanted, ProvenClaim, SaslChallenge, SaslFailure
from lightwave.sasl.saslprep import Unpreparable, saslprep
from lightwave.sasl.scram import MAX_MESSAGE, ScramAcceptor
from lightwave.sasl.scram_keys import (
    LEAST_ITERATIONS,
    MOST_ITERATIONS,
    DamagedKeys,
    ScramKeys,
    decode_keys,
    derive_keys,
    encode_keys,
)
from reference.scram import ScramClient

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
KEYS = derive_keys("pencil", SALT, LEAST_ITERATIONS)
PLAIN = Channel(is_confidential=True)


class FixedBindings:
    """A connection with two types of binding."""

    def data(self, name: str) -> tuple[bytes, ...]:
        return {"tls-exporter": (b"exported",), "ldap": (b"one", b"two")}.get(name, ())


TLS = Channel(is_confidential=True, bindings=FixedBindings())


def acceptor(channel: Channel = PLAIN, *, bound: bool = False) -> ScramAcceptor:
    return ScramAcceptor(channel, lambda size: bytes(size), bound=bound)


def run(server: ScramAcceptor, client: ScramClient, keys: tuple[ScramKeys, ...] = (KEYS,)) -> object:
    """The whole exchange; what the server said last."""
    step: object = server.step(client.first())
    if not isinstance(step, KeysWanted):
        return step
    assert step == KeysWanted(client.user)
    return server.step(client.final(server.provide(keys, "account").data))


def test_the_example_of_rfc_7677() -> None:
    server_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    client_nonce = "rOprNGfwEbeRWgbNEkqO"

    server = acceptor()
    assert server.step(f"n,,n=user,r={client_nonce}".encode()) == KeysWanted("user")
    server.provide([KEYS], "account")
    first = f"r={client_nonce}{server_nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    server._server_first = first  # the RFC's nonce is no base64, as ours are
    final = f"c=biws,r={client_nonce}{server_nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    claim = server.step(final.encode())
    assert claim == ProvenClaim("account", None, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


def test_the_other_client_computes_as_rfc_7677_does() -> None:
    challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    final = ScramClient("user", "pencil").final(challenge)
    assert final.endswith(b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")


def test_an_exchange_ends_in_a_claim_and_both_know_each_other() -> None:
    client = ScramClient("ann", "pencil", authorization_id="u:ann")
    claim = run(acceptor(), client)
    assert claim == ProvenClaim("account", "u:ann", b"v=" + base64.b64encode(client.server_signature))


def test_each_of_several_passwords_serves_but_not_one_of_another_salt() -> None:
    other, strange = derive_keys("pen", SALT, 4096), derive_keys("ink", bytes(16), 4096)
    for password in ("pencil", "pen"):
        assert isinstance(run(acceptor(), ScramClient("a", password), (KEYS, other, strange)), ProvenClaim)
    assert run(acceptor(), ScramClient("a", "ink"), (KEYS, other, strange)) == SaslFailure(Failure.PROOF)


def test_names_with_commas_and_equals_signs() -> None:
    server = acceptor()
    assert server.step(b"n,,n=uid=3Dann=2Cdc=3Dx,r=abc") == KeysWanted("uid=ann,dc=x")


def test_a_missing_initial_response_is_asked_for_once() -> None:
    server = acceptor()
    assert server.step(None) == SaslChallenge(b"")
    assert server.step(b"n,,n=a,r=b") == KeysWanted("a")
    assert server.step(b"n,,n=a,r=b") == SaslFailure(Failure.OUT_OF_STEP)
    refused = acceptor()
    refused.step(None)
    assert refused.step(None) == SaslFailure(Failure.MALFORMED)


def test_channel_binding_holds_the_exchange_to_the_connection() -> None:
    for flag, data in (("p=tls-exporter", b"exported"), ("p=ldap", b"one"), ("p=ldap", b"two")):
        for bound in (True, False):
            client = ScramClient("a", "pencil", flag=flag, binding=data)
            assert isinstance(run(acceptor(TLS, bound=bound), client), ProvenClaim)


@pytest.mark.parametrize(
    ("flag", "data"),
    [
        ("p=tls-exporter", b"of another connection"),
        ("p=tls-exporter", b""),
        ("p=tls-exporter", b"one"),
        ("p=tls-unique", b"exported"),
        ("p=tls-unique", b""),
        ("n", b""),
        ("n", b"exported"),
        ("y", b""),
    ],
)
def test_neg_012_a_binding_that_is_not_of_the_connection_is_refused(flag: str, data: bytes) -> None:
    client = ScramClient("a", "pencil", flag=flag, binding=data)
    assert run(acceptor(TLS, bound=True), client) == SaslFailure(Failure.BINDING)


def test_neg_012_a_client_that_was_told_there_is_no_binding_is_refused() -> None:
    # RFC 5802 §6: "y" where -PLUS is offered is a downgrade
    assert run(acceptor(TLS), ScramClient("a", "pencil", flag="y")) == SaslFailure(Failure.BINDING)
    assert isinstance(run(acceptor(), ScramClient("a", "pencil", flag="y")), ProvenClaim)
    assert isinstance(run(acceptor(TLS), ScramClient("a", "pencil", flag="n")), ProvenClaim)
    assert run(acceptor(), ScramClient("a", "pencil", flag="p=tls-exporter")) == SaslFailure(Failure.BINDING)


def test_neg_012_a_header_that_was_changed_on_the_way_is_seen() -> None:
    client = ScramClient("a", "pencil", authorization_id="u:a")
    server = acceptor()
    server.step(b"n,a=u:admin,n=a,r=" + client.nonce.encode())
    challenge = server.provide([KEYS], "account").data
    assert server.step(client.final(challenge)) == SaslFailure(Failure.BINDING)


def test_neg_012_a_wrong_password_proves_nothing_and_the_exchange_is_over() -> None:
    server, client = acceptor(), ScramClient("a", "pencil ")
    assert run(server, client) == SaslFailure(Failure.PROOF)
    assert server.step(b"n,,n=a,r=b") == SaslFailure(Failure.OUT_OF_STEP)


def test_neg_012_an_earlier_exchange_can_not_be_said_again() -> None:
    client = ScramClient("a", "pencil")
    first = acceptor()
    first.step(client.first())
    recorded = client.final(first.provide([KEYS], "account").data)
    assert isinstance(first.step(recorded), ProvenClaim)
    second = ScramAcceptor(PLAIN, lambda size: b"x" * size, bound=False)
    second.step(client.first())
    second.provide([KEYS], "account")
    assert second.step(recorded) == SaslFailure(Failure.PROOF)
    third = acceptor()
    third.step(client.first())
    challenge = third.provide([KEYS], "account").data
    assert third.step(client.final(challenge, nonce=client.nonce)) == SaslFailure(Failure.PROOF)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n",
        b"n,,",
        b"n,,n=a",
        b"n,,r=b,n=a",
        b"n,,n=,r=b",
        b"n,,n=a,r=",
        b"n,,n=a,r=b\x7f",
        b"n,,n=a,r=b b",
        b"n,,n=a,r=" + b"r" * 513,
        b"n,,m=x,n=a,r=b",
        b"n,,n=a,r=b,m",
        b"n,,n=a,r=b,1=x",
        b"n,x=y,n=a,r=b",
        b"n,a=,n=a,r=b",
        b"z,,n=a,r=b",
        b"p=,,n=a,r=b",
        b"p=tls unique,,n=a,r=b",
        b"n,,n=a=2c,r=b",
        b"n,,n=a=,r=b",
        b"n,,n=\xff,r=b",
        b"n,,n=a\0,r=b",
        b"n,,n=\xe2\x80\xae,r=b",
        b"\n,,n=a,r=b",
        b"n\n,,n=a,r=b",
        b"n,,n=a,r=b\n",
    ],
)
def test_neg_012_malformed_first_messages(message: bytes) -> None:
    assert acceptor().step(message) == SaslFailure(Failure.MALFORMED)


def test_neg_012_long_messages_are_not_looked_at() -> None:
    assert acceptor().step(b"n,,n=a,r=b,x=" + b"x" * MAX_MESSAGE) == SaslFailure(Failure.TOO_LONG)
    assert acceptor().step(b"n,,n=" + b"a" * 1_025 + b",r=b") == SaslFailure(Failure.TOO_LONG)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda final: b"",
        lambda final: final.partition(b",p=")[0],
        lambda final: final[:-4],
        lambda final: final + b"=",
        lambda final: final + b",x=y",
        lambda final: final.replace(b"c=", b"d="),
        lambda final: final.replace(b",r=", b",s="),
        lambda final: final.replace(b"c=biws", b"c=bi*s"),
        lambda final: final.replace(b",p=", b",,p="),
        lambda final: b"\xff" + final,
        lambda final: final[:-4] + "é".encode(),
    ],
)
def test_neg_012_malformed_last_messages(spoil: Callable[[bytes], bytes]) -> None:
    server, client = acceptor(), ScramClient("a", "pencil")
    server.step(client.first())
    step = server.step(spoil(client.final(server.provide([KEYS], "account").data)))
    assert step == SaslFailure(Failure.MALFORMED)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_nothing_but_failures_comes_out_of_garbage(first: bytes, last: bytes) -> None:
    server = acceptor(TLS)
    step = server.step(first)
    if isinstance(step, KeysWanted):
        server.provide([KEYS], "account")
        step = server.step(last)
    assert isinstance(step, SaslFailure | SaslChallenge)


def test_keys_are_kept_and_read_again_and_never_shown() -> None:
    assert decode_keys(encode_keys(KEYS)) == KEYS
    assert KEYS.stored_key.hex() not in repr(KEYS)
    assert repr(KEYS.stored_key) not in repr(KEYS)
    good = encode_keys(KEYS)
    for bad in (b"", good[:-1], good + b"x", (MOST_ITERATIONS + 1).to_bytes(4, "big") + good[4:]):
        with pytest.raises(DamagedKeys):
            decode_keys(bad)


@pytest.mark.parametrize("iterations", [0, LEAST_ITERATIONS - 1, MOST_ITERATIONS + 1, 2**31])
def test_neg_012_iterations_are_bounded(iterations: int) -> None:
    with pytest.raises(ValueError, match="iterations"):
        derive_keys("pencil", SALT, iterations)
    with pytest.raises(DamagedKeys):
        decode_keys(encode_keys(dataclasses.replace(KEYS, iterations=iterations)))


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        # RFC 4013 §3
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\u0627\u0628", "\u0627\u0628"),
    ],
)
def test_saslprep(text: str, prepared: str) -> None:
    assert saslprep(text, stored=True) == prepared


@pytest.mark.parametrize(
    "text", ["", "\u00ad", "\x07", "\u06271", "a\u0627", "\ue000", "\ufffd", "\u202e", "\U000e0001"]
)
def test_what_saslprep_prohibits(text: str) -> None:
    with pytest.raises(Unpreparable):
        saslprep(text, stored=False)


def test_a_character_that_unicode_3_2_did_not_know_is_a_query_only() -> None:
    assert saslprep("\u1e9e", stored=False) == "\u1e9e"
    with pytest.raises(Unpreparable):
        saslprep("\u1e9e", stored=True)
