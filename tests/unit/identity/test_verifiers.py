"""Stored verifiers: vectors from their origins, and what matches nothing."""

from __future__ import annotations

import base64
import ctypes
import ctypes.util
import hashlib
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients import lacks, require_client
from lightwave.identity.hashing import MINIMUM, MOST_MEMORY, MOST_PASSES, HashingCost, hash_password
from lightwave.identity.sha_crypt import sha_crypt
from lightwave.identity.verifiers import (
    KNOWN_SCHEMES,
    MAX_MEMORY,
    Cost,
    clear_text,
    matches,
    scheme_name,
    verifier_cost,
)


def encoded(data: bytes) -> bytes:
    return base64.b64encode(data)


def adapted(data: bytes) -> bytes:
    return encoded(data).rstrip(b"=").replace(b"+", b".")


SALT = b"saltsalt"


def digest(name: str, salt: bytes = b"") -> bytes:
    return encoded(hashlib.new(name, b"secret" + salt).digest() + salt)


def pbkdf2(name: str) -> bytes:
    return b"10$" + adapted(SALT) + b"$" + adapted(hashlib.pbkdf2_hmac(name, b"secret", SALT, 10))


OLD_389 = (10).to_bytes(4, "big") + SALT * 8 + hashlib.pbkdf2_hmac("sha256", b"secret", SALT * 8, 10, 256)
VERIFIERS = {
    b"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=": Cost.LIGHT,  # the one in every manual
    b"{SSHA}" + digest("sha1", SALT): Cost.LIGHT,
    b"{ssha}" + digest("sha1", SALT): Cost.LIGHT,
    b"{SHA256}" + digest("sha256"): Cost.LIGHT,
    b"{SSHA256}" + digest("sha256", SALT): Cost.LIGHT,
    b"{SHA384}" + digest("sha384"): Cost.LIGHT,
    b"{SSHA384}" + digest("sha384", SALT): Cost.LIGHT,
    b"{SHA512}" + digest("sha512"): Cost.LIGHT,
    b"{SSHA512}" + digest("sha512", SALT): Cost.LIGHT,
    b"{MD5}" + digest("md5"): Cost.LIGHT,
    b"{SMD5}" + digest("md5", SALT): Cost.LIGHT,
    b"{PBKDF2}" + pbkdf2("sha1"): Cost.HEAVY,
    b"{PBKDF2-SHA256}" + pbkdf2("sha256"): Cost.HEAVY,
    b"{PBKDF2-SHA512}" + pbkdf2("sha512"): Cost.HEAVY,
    b"{PBKDF2_SHA256}" + encoded(OLD_389): Cost.HEAVY,
    b"{CRYPT}" + (sha_crypt(b"secret", b"$6$saltsalt$") or b""): Cost.HEAVY,
    hash_password(b"secret", bytes(16), MINIMUM): Cost.HEAVY,
}


@pytest.mark.parametrize("verifier", VERIFIERS, ids=lambda value: value[: value.index(b"}") + 1].decode())
def test_a_verifier_matches_its_password_only(verifier: bytes) -> None:
    assert matches(verifier, b"secret")
    assert not matches(verifier, b"Secret")
    assert not matches(verifier, b"")
    assert verifier_cost(verifier) is VERIFIERS[verifier]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        # made with crypt(3) of Debian 12
        (b"$5$saltstring", b"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
        (
            b"$5$rounds=10000$saltstringsaltstring",
            b"$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
        ),
        (
            b"$6$saltstring",
            b"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
        (
            b"$6$rounds=1400$anotherlongsaltstring",
            b"$6$rounds=1400$anotherlongsalts$5FGyu8c4BZDX4wJgs0Un26YOw2XibT5eTkHF1I1aP3QqStoJI9BHD2YPJYsAjEeP"
            b"VGUyBjdZxcNqMWlrrbIOC.",
        ),
    ],
)
def test_sha_crypt_vectors(setting: bytes, expected: bytes) -> None:
    assert sha_crypt(b"Hello world!", setting) == expected


@pytest.mark.parametrize(
    ("verifier", "password"),
    [
        # the test vectors of Openwall's crypt_blowfish 1.3 (wrapper.c)
        (b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", b"U*U"),
        (b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", b"U*U*"),
        (b"$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", b"U*U*U"),
        (b"$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", b"\xff\xff\xa3"),
    ],
)
def test_bcrypt_vectors(verifier: bytes, password: bytes) -> None:
    for scheme in (b"{CRYPT}", b"{BCRYPT}", b"{bcrypt}"):
        assert matches(scheme + verifier, password)
        assert not matches(scheme + verifier, password + b"x")
        assert not matches(scheme + verifier, password + b"\0")
        assert verifier_cost(scheme + verifier) is Cost.HEAVY


def crypt3(password: bytes, setting: bytes) -> bytes:
    """crypt(3) of this machine."""
    name = ctypes.util.find_library("crypt")
    if name is None:
        lacks("libcrypt")
    function = ctypes.CDLL(name).crypt
    function.restype = ctypes.c_char_p
    made: bytes | None = function(password, setting)
    if made is None or made.startswith(b"*"):
        pytest.skip(f"crypt(3) does not know {setting[:4]!r}")
    return made


@pytest.mark.parametrize("kind", [b"$2a$", b"$2b$", b"$2y$"])
@pytest.mark.parametrize("password", [b"a", b"x" * 71, b"x" * 72, b"y" * 100, "pässword".encode()])
def test_bcrypt_agrees_with_crypt(kind: bytes, password: bytes) -> None:
    stored = b"{CRYPT}" + crypt3(password, kind + b"04$" + b"abcdefghijklmnopqrstuu")
    assert matches(stored, password)
    assert not matches(stored, b"b" + password[1:])


@pytest.mark.parametrize(
    "payload",
    [
        b"$2b$04$",
        b"$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",  # would take days
        b"$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        b"$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe\xff",
        b"$y$j9T$salt$hash",
    ],
)
def test_hashes_of_bcrypt_and_its_kin_that_match_nothing(payload: bytes) -> None:
    assert not matches(b"{CRYPT}" + payload, b"U*U")


@pytest.mark.parametrize("scheme", ["{SSHA}", "{SHA}", "{SMD5}", "{MD5}"])
@pytest.mark.parametrize("password", ["secret", "a b", "pässword"])
def test_what_slapd_made_is_taken(scheme: str, password: str) -> None:
    made = subprocess.run(
        [require_client("slappasswd"), "-h", scheme, "-s", password], capture_output=True, check=True
    )
    assert matches(made.stdout.strip(), password.encode())
    assert not matches(made.stdout.strip(), password.encode() + b"x")


@pytest.mark.parametrize("kind", ["5", "6"])
@pytest.mark.parametrize("password", ["a", "sixteen bytes...", "x" * 70, "pässword"])
def test_sha_crypt_agrees_with_openssl(kind: str, password: str) -> None:
    result = subprocess.run(
        [require_client("openssl"), "passwd", f"-{kind}", "-salt", "somesalt", "-stdin"],
        input=password,
        capture_output=True,
        text=True,
        check=True,
    )
    stored = result.stdout.strip().encode()
    assert sha_crypt(password.encode(), stored) == stored


@pytest.mark.parametrize(
    "verifier",
    [
        b"",
        b"secret",
        b"{",
        b"{}",
        b"{SSHA}",
        b"{SSHA}###",
        b"{SSHA}" + base64.b64encode(b"short"),
        b"{SSHA}" + base64.b64encode(hashlib.sha1(b"secret").digest()),  # no salt
        b"{SHA}" + base64.b64encode(hashlib.sha1(b"secret").digest() + b"more"),
        b"{UNKNOWN}secret",
        b"{CRYPT}secret",
        b"{CRYPT}$1$salt$hash",
        b"{CRYPT}$6$rounds=999999999$salt$hash",
        b"{PBKDF2-SHA256}x$y$z",
        b"{PBKDF2-SHA256}99999999999$" + adapted(SALT) + b"$" + adapted(bytes(32)),
        b"{PBKDF2-SHA256}1$" + adapted(SALT) + b"$",
        b"{PBKDF2_SHA256}AAAA",
        b"{ARGON2}",
        b"{ARGON2}$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$AAAA",
        b"{ARGON2}\xff",
        b"{CLEARTEXT}secret",
    ],
)
def test_what_is_damaged_or_unknown_matches_nothing(verifier: bytes) -> None:
    assert not matches(verifier, b"secret")
    assert not matches(verifier, b"")


def test_schemes_are_told_from_clear_texts() -> None:
    assert scheme_name(b"{sSha}x") == b"SSHA"
    assert scheme_name(b"{not a scheme}x") is None
    assert scheme_name(b"secret") is None
    assert clear_text(b"secret") == b"secret"
    assert clear_text(b"{odd") == b"{odd"
    assert clear_text(b"{CLEARTEXT}secret") == b"secret"
    assert clear_text(b"{SASL}user@REALM") is None
    assert "ARGON2" in KNOWN_SCHEMES


@given(st.binary(max_size=100), st.binary(max_size=40))
def test_nothing_but_a_verdict_comes_out(verifier: bytes, password: bytes) -> None:
    for name in ("", "{SSHA}", "{PBKDF2-SHA256}", "{ARGON2}", "{CRYPT}$6$", "{PBKDF2_SHA256}"):
        assert matches(name.encode() + verifier, password) in (True, False)


def test_hashing_is_bounded() -> None:
    for bad in ({"memory": 7}, {"memory": 262_145}, {"passes": 0}, {"passes": 17}, {"lanes": 0}):
        with pytest.raises(ValueError, match=r"KiB|1 to 16"):
            HashingCost(**bad)
    with pytest.raises(ValueError, match="salt"):
        hash_password(b"x", b"", MINIMUM)
    assert hash_password(b"x", bytes(16), HashingCost(memory=16, passes=2)).startswith(
        b"{ARGON2}$argon2id$v=19$m=16,t=2,p=1$"
    )


def test_neg_026_what_costs_too_much_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenant's administrator brings hashes of his own choice; the threads that verify them are everybody's."""

    def computed(*_: object) -> bytes:
        raise AssertionError("it was computed")

    monkeypatch.setattr("lightwave.identity.verifiers.verify_secret", computed)
    monkeypatch.setattr("hashlib.pbkdf2_hmac", computed)
    own = HashingCost(memory=MOST_MEMORY, passes=MOST_PASSES, lanes=16)
    tail = adapted(SALT) + b"$" + adapted(bytes(32))
    for memory, passes, lanes in (
        (MAX_MEMORY + 1, 1, 1),
        (MAX_MEMORY, 9, 1),
        (own.memory, own.passes + 1, 1),
        (65_536, 65, 1),
        (65_536, 1, 17),
        (65_536, 1, 8_192),
    ):
        assert not matches(b"{ARGON2}$argon2id$v=19$m=%d,t=%d,p=%d$" % (memory, passes, lanes) + tail, b"x")
    key = b"$" + adapted(SALT) + b"$"
    assert not matches(b"{PBKDF2}2000001" + key + adapted(bytes(20)), b"x")
    assert not matches(b"{PBKDF2}39216" + key + adapted(bytes(1_020)), b"x")  # 51 blocks
    assert not matches(b"{PBKDF2_SHA256}" + encoded((250_001).to_bytes(4, "big") + bytes(320)), b"x")
    for affordable in (
        b"{ARGON2}$argon2id$v=19$m=%d,t=%d,p=%d$" % (own.memory, own.passes, own.lanes) + tail,
        b"{PBKDF2}2000000" + key + adapted(bytes(20)),
    ):
        with pytest.raises(AssertionError, match="computed"):
            matches(affordable, b"x")
