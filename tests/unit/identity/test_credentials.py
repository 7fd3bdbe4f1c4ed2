"""Everything of one password is one sealed value, with a version that every change renews."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import SECRET, Accounts
from lightwave.identity.credentials import (
    KIND,
    Credentials,
    DamagedCredentials,
    credential_version,
    decode_credentials,
    encode_credentials,
    import_verifiers,
    prepare_password,
    read_credentials,
)
from lightwave.identity.hashing import MINIMUM
from lightwave.identity.passwords import UnusablePassword
from lightwave.identity.verifiers import matches


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    made = Accounts(tmp_path)
    yield made
    made.store.close()


@given(
    st.integers(0, 2**64 - 1), st.integers(0, 2**40), st.lists(st.binary(max_size=300), max_size=5).map(tuple)
)
def test_decode_is_the_reverse_of_encode(
    version: int, milliseconds: int, verifiers: tuple[bytes, ...]
) -> None:
    credentials = Credentials(version, milliseconds / 1000, verifiers)
    decoded = decode_credentials(encode_credentials(credentials))
    assert (decoded.version, decoded.verifiers) == (version, verifiers)
    assert abs(decoded.set_at - credentials.set_at) < 0.002


@given(st.binary(max_size=80))
def test_only_damaged_credentials_come_out_of_garbage(data: bytes) -> None:
    with suppress(DamagedCredentials):
        decode_credentials(data)


def test_damage_is_seen() -> None:
    good = encode_credentials(Credentials(1, 2.0, (b"abc",)))
    for bad in (b"", good[:-1], good + b"x", b"\3" + good[1:]):
        with pytest.raises(DamagedCredentials):
            decode_credentials(bad)


def test_a_password_is_sealed_and_not_in_its_representation(accounts: Accounts) -> None:
    with accounts.store.read() as txn:
        credentials = read_credentials(txn, accounts.tenant, accounts.ann)
        assert credentials is not None
        (verifier,) = credentials.verifiers
        assert matches(verifier, SECRET)
        assert verifier.decode() not in repr(credentials)
        assert txn.secret_kinds(accounts.tenant, accounts.ann) == [KIND]
        record = txn.record(accounts.tenant, accounts.ann)
        assert b"ARGON2" not in record.data
    assert "ARGON2" not in repr(prepare_password(SECRET, MINIMUM))


def test_each_change_gives_a_new_version(accounts: Accounts) -> None:
    versions = []
    for values in ((b"one",), (b"two",), (), (b"three",)):
        accounts.set_password(accounts.ann, *values)
        with accounts.store.read() as txn:
            versions.append(credential_version(txn, accounts.tenant, accounts.ann))
    assert versions == sorted(set(versions))
    with accounts.store.read() as txn:
        assert credential_version(txn, accounts.tenant, accounts.bob) == 0
        assert read_credentials(txn, accounts.tenant, accounts.bob) is None


def test_the_version_grows_though_the_clock_goes_back(accounts: Accounts) -> None:
    with accounts.store.read() as txn:
        before = credential_version(txn, accounts.tenant, accounts.ann)
    accounts.clock.now -= 10_000
    accounts.set_password(accounts.ann, b"new")
    with accounts.store.read() as txn:
        assert credential_version(txn, accounts.tenant, accounts.ann) > before


def test_import_keeps_hashes_and_hashes_clear_texts() -> None:
    blob = import_verifiers([b"{SSHA}abc", b"clear", b"{CLEARTEXT}other", b"{SASL}a@B", b"clear"], MINIMUM)
    assert blob.verifiers[0] == b"{SSHA}abc"
    assert blob.verifiers[3] == b"{SASL}a@B"
    assert matches(blob.verifiers[1], b"clear")
    assert matches(blob.verifiers[2], b"other")
    assert len(blob.verifiers) == 4


def test_import_is_bounded() -> None:
    for values in (
        [b"{SSHA}" + b"x" * 5_000],
        [b"x" * 2_000],
        [b"%d" % number for number in range(17)],
        [b""],
    ):
        with pytest.raises(UnusablePassword):
            import_verifiers(values, MINIMUM)
