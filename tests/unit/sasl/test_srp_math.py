"""SRP's arithmetic: the vectors of RFC 5054, appendix B, and two implementations by others."""

from __future__ import annotations

import hashlib
import random

import pytest
import srptools
from srp import _pysrp as pysrp

from lightwave.sasl.srp_groups import GROUPS, LEAST_BITS, known_group
from lightwave.sasl.srp_math import (
    PROFILES,
    SRP,
    SRP_SHA_256,
    Exchange,
    Profile,
    UnsafeNumber,
    client_evidence,
    client_key,
    client_public,
    password_verifier,
    private_key,
    scrambler,
    server_evidence,
    server_key,
    server_public,
)

RFC = Profile("RFC 5054", "SHA-1", "sha1", GROUPS[1024], named=True, padded=True)
SALT = bytes.fromhex("BEB25379D1A8581EB5A727673A2441EE")


def number(text: str) -> int:
    return int("".join(text.split()), 16)


K = number("7556AA04 5AEF2CDD 07ABAF0F 665C3E81 8913186F")
X = number("94B7555A ABE9127C C58CCF49 93DB6CF8 4D16C124")
V = number("""
    7E273DE8 696FFC4F 4E337D05 B4B375BE B0DDE156 9E8FA00A 9886D812 9BADA1F1 822223CA 1A605B53 0E379BA4 729FDC59
    F105B478 7E5186F5 C671085A 1447B52A 48CF1970 B4FB6F84 00BBF4CE BFBB1681 52E08AB5 EA53D15C 1AFF87B2 B9DA6E04
    E058AD51 CC72BFC9 033B564E 26480D78 E955A5E2 9E7AB245 DB2BE315 E2099AFB""")
CLIENT_SECRET = number("60975527 035CF2AD 1989806F 0407210B C81EDC04 E2762A56 AFD529DD DA2D4393")
SERVER_SECRET = number("E487CB59 D31AC550 471E81F0 0F6928E0 1DDA08E9 74A004F4 9E61F5D1 05284D20")
CLIENT = number("""
    61D5E490 F6F1B795 47B0704C 436F523D D0E560F0 C64115BB 72557EC4 4352E890 3211C046 92272D8B 2D1A5358 A2CF1B6E
    0BFCF99F 921530EC 8E393561 79EAE45E 42BA92AE ACED8251 71E1E8B9 AF6D9C03 E1327F44 BE087EF0 6530E69F 66615261
    EEF54073 CA11CF58 58F0EDFD FE15EFEA B349EF5D 76988A36 72FAC47B 0769447B""")
SERVER = number("""
    BD0C6151 2C692C0C B6D041FA 01BB152D 4916A1E7 7AF46AE1 05393011 BAF38964 DC46A067 0DD125B9 5A981652 236F99D9
    B681CBF8 7837EC99 6C6DA044 53728610 D0C6DDB5 8B318885 D7D82C7F 8DEB75CE 7BD4FBAA 37089E6F 9C6059F3 88838E7A
    00030B33 1EB76840 910440B1 B27AAEAE EB4012B7 D7665238 A8E3FB00 4B117B58""")
SCRAMBLER = number("CE38B959 3487DA98 554ED47D 70A7AE5F 462EF019")
PREMASTER = number("""
    B0DC82BA BCF30674 AE450C02 87745E79 90A3381F 63B387AA F271A10D 233861E3 59B48220 F7C4693C 9AE12B0A 6F67809F
    0876E2D0 13800D6C 41BB59B6 D5979B5C 00A172B4 A2A5903A 0BDCAF8A 709585EB 2AFAFA8F 3499B200 210DCC1F 10EB3394
    3CD67FC8 8A2F39A4 BE5BEC4E C0A3212D C346D7E4 74B29EDE 8A469FFE CA686E5A""")


def test_vectors_of_rfc_5054() -> None:
    assert RFC.multiplier == K
    assert private_key(RFC, SALT, "alice", "password123") == X
    assert password_verifier(RFC, SALT, "alice", "password123") == V
    assert client_public(RFC, CLIENT_SECRET) == CLIENT
    assert server_public(RFC, V, SERVER_SECRET) == SERVER
    assert scrambler(RFC, CLIENT, SERVER) == SCRAMBLER
    expected = hashlib.sha1(PREMASTER.to_bytes(128, "big")).digest()
    assert server_key(RFC, V, SERVER_SECRET, CLIENT, SERVER) == expected
    assert client_key(RFC, X, CLIENT_SECRET, CLIENT, SERVER) == expected


def test_groups_are_safe_and_small_ones_unknown() -> None:
    assert sorted(GROUPS) == [1024, 1536, 2048, 3072, 4096, 6144, 8192]
    for bits, group in GROUPS.items():
        assert group.modulus.bit_length() == bits == group.octets * 8
        assert (known_group(group.modulus, group.generator) is group) is (bits >= LEAST_BITS)
        # Fermat for 2^N = 2 and, with q = (N - 1) / 2, for 3^q: enough against a slip of the pen.
        if bits <= 3072:
            assert pow(3, group.modulus - 1, group.modulus) == 1
            assert pow(3, group.modulus // 2 - 1, group.modulus // 2) == 1
    assert known_group(GROUPS[2048].modulus, 5) is None
    assert known_group(GROUPS[2048].modulus + 2, 2) is None


def test_groups_are_those_of_others() -> None:
    theirs = {
        (int("".join(modulus.split()), 16), int(generator, 16)) for modulus, generator in pysrp._ng_const
    }
    assert theirs <= {(group.modulus, group.generator) for group in GROUPS.values()}


@pytest.mark.parametrize("bits", [2048, 3072])
def test_srptools_computes_the_same(bits: int) -> None:
    group, numbers = GROUPS[bits], random.Random(bits)
    profile = Profile("", "SHA-256", "sha256", group, named=True, padded=True)
    context = srptools.SRPContext(
        "bob",
        "s3cret",
        prime=f"{group.modulus:x}",
        generator=f"{group.generator:x}",
        hash_func=hashlib.sha256,
    )
    salt, a, b = (numbers.getrandbits(255) | 1 << 255 for _ in range(3))
    x = context.get_common_password_hash(salt)
    assert private_key(profile, salt.to_bytes(32, "big"), "bob", "s3cret") == x
    verifier = context.get_common_password_verifier(x)
    assert password_verifier(profile, salt.to_bytes(32, "big"), "bob", "s3cret") == verifier
    client = context.get_client_public(client_private=a)
    server = context.get_server_public(password_verifier=verifier, server_private=b)
    assert (client_public(profile, a), server_public(profile, verifier, b)) == (client, server)
    u = context.get_common_secret(server, client)
    assert scrambler(profile, client, server) == u
    premaster = context.get_server_premaster_secret(
        password_verifier=verifier, server_private=b, client_public=client, common_secret=u
    )
    key = hashlib.sha256(premaster.to_bytes(group.octets, "big")).digest()
    assert server_key(profile, verifier, b, client, server) == key
    assert client_key(profile, x, a, client, server) == key


@pytest.mark.parametrize("profile", PROFILES)
def test_numbers_that_give_the_outcome_away_are_unsafe(profile: Profile) -> None:
    modulus = profile.group.modulus
    verifier = password_verifier(profile, SALT, "alice", "password123")
    server = server_public(profile, verifier, SERVER_SECRET)
    for client in (0, modulus, 2 * modulus, modulus + 5, -1):
        with pytest.raises(UnsafeNumber):
            server_key(profile, verifier, SERVER_SECRET, client, server)
        with pytest.raises(UnsafeNumber):
            client_key(profile, X, CLIENT_SECRET, CLIENT, client)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_base_of_one_would_make_the_key_known(profile: Profile) -> None:
    """Av^u = 1 or -1: S is 1 or -1, whatever b is."""
    for client in (1, profile.group.modulus - 1):
        with pytest.raises(UnsafeNumber):
            server_key(profile, 1, SERVER_SECRET, client, 5)


def test_what_cyrus_hashes() -> None:
    """M1 and M2 written out: draft-burdis-cat-srp-sasl-08, section 3.2.3 and 3.2.4, as Cyrus SASL's plugin has them."""

    def sha1(*parts: bytes) -> bytes:
        return hashlib.sha1(b"".join(parts)).digest()

    modulus = GROUPS[2048].modulus.to_bytes(256, "big")
    mixed = bytes(a ^ b for a, b in zip(sha1(modulus), sha1(b"\2"), strict=True))
    exchange = Exchange(b"alice", b"alice", SALT, 0x1234, 0x0ABCDE, b"mda=SHA-1", b"o")
    m1 = sha1(
        mixed, sha1(b"alice"), SALT, b"\x12\x34", b"\x0a\xbc\xde", b"key", sha1(b"alice"), sha1(b"mda=SHA-1")
    )
    assert client_evidence(SRP, exchange, b"key") == m1
    m2 = sha1(b"\x12\x34", m1, b"key", sha1(b"alice"), sha1(b"o"), bytes(4))
    assert server_evidence(SRP, exchange, b"key", m1) == m2
    assert private_key(SRP, SALT, "alice", "p") == int.from_bytes(sha1(SALT, sha1(b"alice:p")), "big")


def test_sha_256_does_not_care_for_the_name_and_prepares_the_password() -> None:
    assert private_key(SRP_SHA_256, SALT, "alice", "I\u00adX") == private_key(SRP_SHA_256, SALT, "", "IX")
    assert private_key(SRP, SALT, "alice", "IX") != private_key(SRP, SALT, "Alice", "IX")
