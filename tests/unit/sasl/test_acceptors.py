"""PLAIN and EXTERNAL as acceptors: what a client may send, and what comes out for all else."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightwave.sasl import external, plain
from lightwave.sasl.channel import Channel
from lightwave.sasl.mechanism import (
    Acceptor,
    ExternalClaim,
    Failure,
    PasswordClaim,
    SaslChallenge,
    SaslFailure,
)
from lightwave.sasl.registry import MECHANISMS, maybe_acceptor, offered_mechanisms


class NoBindings:
    """Bindings of a connection that has none of any type."""

    def data(self, name: str) -> tuple[bytes, ...]:
        return ()


CLEAR = Channel()
TLS = Channel(is_confidential=True)
TLS_WITH_CERTIFICATE = Channel(is_confidential=True, certificate=b"DER")
TLS_BOUND = Channel(is_confidential=True, bindings=NoBindings())
LOCAL = Channel(is_confidential=True, local_uid=1000)


def test_mechanisms_depend_on_the_channel() -> None:
    anywhere, behind = ("SRP-SHA-256", "SRP"), ("SCRAM-SHA-256", "PLAIN")
    assert offered_mechanisms(CLEAR) == anywhere
    assert offered_mechanisms(TLS) == (*anywhere, *behind)
    assert offered_mechanisms(TLS_WITH_CERTIFICATE) == ("EXTERNAL", *anywhere, *behind)
    assert offered_mechanisms(TLS_BOUND) == ("SCRAM-SHA-256-PLUS", *anywhere, *behind)
    assert offered_mechanisms(LOCAL) == ("EXTERNAL", *anywhere, *behind)


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("PLAIN", CLEAR),
        ("EXTERNAL", CLEAR),
        ("EXTERNAL", TLS),
        ("plain", TLS),
        ("", TLS),
        ("GSSAPI", TLS),
        ("SCRAM-SHA-256", CLEAR),
        ("SCRAM-SHA-256-PLUS", LOCAL),
    ],
)
def test_what_is_not_offered_is_not_accepted(name: str, channel: Channel) -> None:
    assert maybe_acceptor(name, channel, os.urandom) is None


def test_an_acceptor_has_its_mechanism_name() -> None:
    for name in ("PLAIN", "EXTERNAL", "SCRAM-SHA-256", "SRP", "SRP-SHA-256"):
        acceptor = maybe_acceptor(name, LOCAL, os.urandom)
        assert acceptor is not None
        assert acceptor.mechanism == name
    assert len({mechanism.name for mechanism in MECHANISMS}) == len(MECHANISMS)


@pytest.mark.parametrize("acceptor", [plain.PlainAcceptor(), external.ExternalAcceptor()])
def test_a_missing_initial_response_is_asked_for_once(acceptor: Acceptor) -> None:
    # RFC 4422 §3.3: an empty challenge
    assert acceptor.step(None) == SaslChallenge(b"")
    second = acceptor.step(None)
    assert not isinstance(second, SaslChallenge)
    assert acceptor.step(b"more") == SaslFailure(Failure.OUT_OF_STEP)


def test_the_examples_of_the_rfc() -> None:
    # RFC 4616 §4
    assert plain.decode_message(b"\0tim\0tanstaaftanstaaf") == PasswordClaim("tim", None, b"tanstaaftanstaaf")
    assert plain.decode_message(b"Ursel\0Kurt\0xipj3plmq") == PasswordClaim("Kurt", "Ursel", b"xipj3plmq")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0",
        b"\0\0",
        b"tim",
        b"tim\0secret",
        b"\0tim\0",
        b"\0\0secret",
        b"a\0b\0c\0d",
        b"\0tim\0sec\0ret",
        b"\0\xff\0secret",
        b"\xc0\x80\0tim\0secret",
        b"\0tim\0\xed\xa0\x80",
    ],
)
def test_malformed_plain(message: bytes) -> None:
    assert plain.decode_message(message) == SaslFailure(Failure.MALFORMED)


@pytest.mark.parametrize(
    "message",
    [
        b"\0" + b"a" * 1_025 + b"\0p",
        b"a" * 1_025 + b"\0b\0p",
        b"\0b\0" + b"p" * 1_025,
        b"\0" * 100_000,
    ],
)
def test_plain_is_bounded(message: bytes) -> None:
    assert plain.decode_message(message) == SaslFailure(Failure.TOO_LONG)


def test_external_messages() -> None:
    assert external.decode_message(b"") == ExternalClaim(None)
    assert external.decode_message("dn:cn=Zoë".encode()) == ExternalClaim("dn:cn=Zoë")
    assert external.decode_message(b"a\0b") == SaslFailure(Failure.MALFORMED)
    assert external.decode_message(b"\xff") == SaslFailure(Failure.MALFORMED)
    assert external.decode_message(b"a" * 1_025) == SaslFailure(Failure.TOO_LONG)


def test_a_password_is_not_in_the_representation() -> None:
    assert "tanstaaf" not in repr(plain.decode_message(b"\0tim\0tanstaaf"))


def test_the_client_refuses_what_it_cannot_say() -> None:
    for arguments in (("", "p"), ("a", ""), ("a\0", "p"), ("a", "p", "\0")):
        with pytest.raises(ValueError, match="PLAIN"):
            plain.encode_message(*arguments)


_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(_TEXT, _TEXT, st.none() | _TEXT)
def test_decode_is_the_reverse_of_encode(authcid: str, password: str, authzid: str | None) -> None:
    message = plain.encode_message(authcid, password, authzid or "")
    assert plain.decode_message(message) == PasswordClaim(authcid, authzid, password.encode())


@given(st.binary(max_size=5_000))
def test_only_claims_and_failures_come_out(message: bytes) -> None:
    for name in ("PLAIN", "EXTERNAL", "SCRAM-SHA-256"):
        acceptor = maybe_acceptor(name, LOCAL, os.urandom)
        assert acceptor is not None
        assert isinstance(acceptor.step(message), PasswordClaim | ExternalClaim | SaslFailure)
