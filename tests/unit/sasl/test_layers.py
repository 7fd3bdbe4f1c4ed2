"""Security layers: any pieces, every changed octet; packets repeated, left out, moved, reflected or too long."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightwave.sasl import chained_hmac
from lightwave.sasl.chained_hmac import ChainedHmac, continued_in_python, continued_sha1
from lightwave.sasl.layers import LayerBroken, SecurityLayer
from lightwave.sasl.srp_layers import KINDS, Vectors, maybe_layer
from lightwave.sasl.srp_math import PROFILES, Profile
from lightwave.sasl.srp_messages import Options

Pair = tuple[SecurityLayer, SecurityLayer]
KINDS_OF_LAYERS = [(profile, secret) for profile in PROFILES for secret in (False, True)]


def pair(profile: Profile, secret: bool, buffer: int = 65_536) -> Pair:
    kinds = KINDS[profile]
    integrity = (kinds.integrity,) if kinds.together or not secret else ()
    chosen = Options((profile.mda,), True, integrity, (kinds.confidentiality,) if secret else ())
    vectors, key = Vectors(os.urandom(16), os.urandom(16)), os.urandom(20)
    ends = [maybe_layer(profile, chosen, buffer, key, vectors, is_server=end) for end in (False, True)]
    assert ends[0] is not None
    assert ends[1] is not None
    return ends[0], ends[1]


@pytest.fixture(params=KINDS_OF_LAYERS, ids=lambda kind: f"{kind[0].mechanism}-{kind[1]}")
def make(request: pytest.FixtureRequest) -> Callable[[], Pair]:
    return lambda: pair(*request.param)


def test_octet_by_octet(make: Callable[[], Pair]) -> None:
    client, server = make()
    sent = b"".join(map(client.wrap, (b"first", b"", b"second" * 50)))
    received = b"".join(server.receive(bytes([octet])) for octet in sent)
    assert received == b"first" + b"second" * 50
    assert not server.is_within_packet
    server.receive(client.wrap(b"x")[:3])
    assert server.is_within_packet


def test_every_changed_octet_breaks_it_for_good(make: Callable[[], Pair]) -> None:
    length = len(make()[0].wrap(b"twenty octets of text"))
    for position in range(length):
        client, server = make()
        packet = bytearray(client.wrap(b"twenty octets of text"))
        packet[position] ^= 1
        # A length that grew is noticed when more has come.
        more = bytes(packet) + client.wrap(b"more")
        with pytest.raises(LayerBroken):
            server.receive(more + bytes(70_000))
        with pytest.raises(LayerBroken):
            server.receive(client.wrap(b"later"))


def test_repeated_left_out_moved_and_reflected_packets(make: Callable[[], Pair]) -> None:
    def packets() -> tuple[SecurityLayer, list[bytes]]:
        client, server = make()
        return server, [client.wrap(text) for text in (b"one", b"two", b"three")]

    for order in ((0, 0), (1,), (0, 2), (0, 1, 1), (0, 1, 0)):
        server, sent = packets()
        with pytest.raises(LayerBroken):
            server.receive(b"".join(sent[number] for number in order))
    server, sent = packets()
    assert server.receive(b"".join(sent)) == b"onetwothree"


def test_a_reflected_packet_is_none_of_the_servers() -> None:
    for secret in (False, True):
        client, _ = pair(PROFILES[0], secret)
        with pytest.raises(LayerBroken):
            client.receive(client.wrap(b"a request"))


def test_what_is_encrypted_cannot_be_read(make: Callable[[], Pair]) -> None:
    client, _ = make()
    assert (b"plain text" in client.wrap(b"some plain text")) is not client.is_confidential


def test_packets_fit_the_other_ends_buffer() -> None:
    for profile, secret in KINDS_OF_LAYERS:
        client, server = pair(profile, secret, 600)
        sent = client.wrap(bytes(5_000))
        position = count = 0
        while position < len(sent):
            size = 4 + int.from_bytes(sent[position : position + 4], "big")
            assert size <= 600
            position, count = position + size, count + 1
        assert count > 8
        assert server.receive(sent) == bytes(5_000)


def test_a_packet_that_is_too_long_is_refused_at_its_length(make: Callable[[], Pair]) -> None:
    _, server = make()
    server.receive((65_532).to_bytes(4, "big"))
    _, server = make()
    with pytest.raises(LayerBroken):
        server.receive((65_533).to_bytes(4, "big"))


@given(st.binary(max_size=200))
def test_any_octets_are_packets_or_break_it(data: bytes) -> None:
    for profile, secret in KINDS_OF_LAYERS:
        _, server = pair(profile, secret)
        try:
            assert server.receive(data) == b""
        except LayerBroken:
            continue


def test_the_codes_of_packets_are_chained_as_openssl_does_it() -> None:
    """Three times HMAC_Update and HMAC_Final of OpenSSL 3.0.19 on one context, without HMAC_Init in between."""
    code = ChainedHmac(bytes([7]) * 20)
    assert [code.sign(b"hello").hex() for _ in range(3)] == [
        "c9ea56434c767bfae81ac58bf2507f38bf7c0180",
        "c1eece6bd9d91cef1586b604d3a773635fc4785b",
        "a09925900d77275567ce65b2b909fa5dd3f18cf4",
    ]


@given(st.binary(min_size=20, max_size=20), st.binary(max_size=300))
def test_both_ways_to_go_on_hashing_give_the_same(state: bytes, data: bytes) -> None:
    assert continued_sha1(state, data) == continued_in_python(state, data)


def test_it_goes_on_without_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    expected = continued_sha1(bytes(20), b"data")
    monkeypatch.setattr("ctypes.CDLL", missing)
    chained_hmac._library.cache_clear()
    try:
        assert chained_hmac._library() is None
        assert continued_sha1(bytes(20), b"data") == expected
    finally:
        chained_hmac._library.cache_clear()
