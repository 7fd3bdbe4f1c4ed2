"""The client's side of mechanisms against the server's, and against servers that lie."""

from __future__ import annotations

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightwave.sasl.channel import Channel
from lightwave.sasl.clients import MECHANISMS, Login, NoSuchMechanism, ScramClient, make_client
from lightwave.sasl.mechanism import KeysWanted, PasswordClaim, ProvenClaim, SaslChallenge, SaslFailure
from lightwave.sasl.plain import decode_message
from lightwave.sasl.scram import ScramAcceptor
from lightwave.sasl.scram_keys import derive_keys
from lightwave.sasl.srp_client import ServerRefused

LOGIN = Login("ann, lee=x", "Sölt & pepper", "")
KEYS = derive_keys(LOGIN.password, bytes(range(16)), 4_096)


def scram(client: ScramClient) -> tuple[ScramAcceptor, bytes]:
    acceptor = ScramAcceptor(Channel(True), os.urandom, bound=False)
    wanted = acceptor.step(client.first())
    assert wanted == KeysWanted("ann, lee=x")
    challenge = acceptor.provide([KEYS], "account")
    assert isinstance(challenge, SaslChallenge)
    return acceptor, challenge.data


def test_scram_and_our_acceptor_agree() -> None:
    client = ScramClient(LOGIN, os.urandom)
    acceptor, challenge = scram(client)
    claim = acceptor.step(client.answer(challenge))
    assert isinstance(claim, ProvenClaim)
    assert (claim.account, claim.authorization_id) == ("account", None)
    with pytest.raises(ServerRefused):
        client.finish(claim.final[:-1] + b"x")
    client.finish(claim.final)
    wrong = ScramClient(Login(LOGIN.name, "wrong"), os.urandom)
    acceptor, challenge = scram(wrong)
    assert isinstance(acceptor.step(wrong.answer(challenge)), SaslFailure)


def test_scram_believes_no_server_that_skips_the_proof() -> None:
    client = ScramClient(LOGIN, os.urandom)
    for final in (b"", b"v="):
        with pytest.raises(ServerRefused):
            client.finish(final)
    _, challenge = scram(client)
    client.answer(challenge)
    with pytest.raises(ServerRefused):
        client.answer(challenge)


def test_scram_bounds_what_a_server_asks_for() -> None:
    client = ScramClient(LOGIN, os.urandom)
    _, challenge = scram(client)
    nonce = challenge.split(b",")[0]
    salt = base64.b64encode(bytes(16))
    for bad in (
        b"",
        challenge[:-4],
        nonce + b",s=" + salt + b",i=1",
        nonce + b",s=" + salt + b",i=99999999",
        nonce + b",s=,i=4096",
        nonce + b",s=!!!!,i=4096",
        b"r=other,s=" + salt + b",i=4096",
        nonce[:34] + b",s=" + salt + b",i=4096",
        b"m=x," + challenge,
        b"\xff" + challenge,
    ):
        with pytest.raises(ServerRefused):
            client.answer(bad)


@given(st.binary(max_size=120), st.sampled_from([name for name in MECHANISMS if name != "EXTERNAL"]))
def test_any_challenge_is_refused_or_answered(data: bytes, name: str) -> None:
    client = make_client(name, Login("ann", "pw"), os.urandom)
    client.first()
    with pytest.raises(ServerRefused):
        client.answer(data)


def test_what_is_made() -> None:
    for name in MECHANISMS:
        assert make_client(name, Login("ann", "pw"), os.urandom).mechanism == name
    message = make_client("PLAIN", Login("ann", "pw", "bob"), os.urandom).first()
    assert decode_message(message) == PasswordClaim("ann", "bob", b"pw")
    for name, layer in (("PLAIN", "integrity"), ("SCRAM-SHA-256", "confidentiality"), ("GSSAPI", "none")):
        with pytest.raises(NoSuchMechanism):
            make_client(name, Login("ann", "pw"), os.urandom, layer)  # type: ignore[arg-type]
    for name in ("SRP", "SRP-SHA-256", "PLAIN", "SCRAM-SHA-256"):
        with pytest.raises(ValueError, match="NUL" if name == "PLAIN" else "say"):
            make_client(name, Login("a\0b", "pw"), os.urandom)
    assert "pw" not in repr(Login("ann", "pw"))
