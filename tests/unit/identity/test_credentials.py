"""Everything of one password is one sealed value, with a version that every change renews."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import SECRET, Accounts
from lightwave.identity.credential_format import decode_credentials, encode_credentials
from lightwave.identity.credentials import (
    KIND,
    MAX_HISTORY,
    SCRAM_SHA_256,
    CredentialBlob,
    Credentials,
    DamagedCredentials,
    FormerPassword,
    StoredPassword,
    credential_version,
    import_verifiers,
    prepare_password,
    read_credentials,
    set_must_change,
    set_password,
    store_credentials,
)
from lightwave.identity.hashing import MINIMUM
from lightwave.identity.passwords import UnusablePassword
from lightwave.identity.verifiers import matches


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    made = Accounts(tmp_path)
    yield made
    made.store.close()


_times = st.integers(0, 2**40).map(lambda milliseconds: milliseconds / 1000)
_texts = st.binary(max_size=300)
_passwords = st.builds(
    StoredPassword,
    _texts,
    st.dictionaries(st.binary(min_size=1, max_size=32), _texts, max_size=4).map(
        lambda keys: tuple(keys.items())
    ),
)
_credentials = st.builds(
    Credentials,
    st.integers(0, 2**64 - 1),
    _times,
    st.lists(_passwords, max_size=5).map(tuple),
    st.lists(st.builds(FormerPassword, _times, _texts), max_size=5).map(tuple),
    st.integers(0, 2**32 - 1),
    st.lists(_texts, max_size=3).map(tuple),
    st.dictionaries(st.integers(5, 255), st.binary(min_size=1, max_size=50), max_size=3).map(
        lambda sections: tuple(sections.items())
    ),
)


@given(_credentials)
def test_decode_is_the_reverse_of_encode(credentials: Credentials) -> None:
    """Sections and flags of a later version included."""
    assert decode_credentials(encode_credentials(credentials)) == credentials


@given(_credentials, st.data())
def test_what_is_cut_or_changed_is_read_or_refused(credentials: Credentials, data: st.DataObject) -> None:
    good = encode_credentials(credentials)
    cut = data.draw(st.integers(0, len(good) - 1))
    with suppress(DamagedCredentials):
        decode_credentials(good[:cut])
    with suppress(DamagedCredentials):
        decode_credentials(
            good[:cut] + bytes((good[cut] ^ data.draw(st.integers(1, 255)),)) + good[cut + 1 :]
        )


def test_formats_of_before_are_read() -> None:
    head = (7).to_bytes(8, "big") + (1000).to_bytes(8, "big") + b"\0\x02"
    first = decode_credentials(b"\x01" + head + b"\0\x03abc" + b"\0\x01d")
    assert (first.version, first.set_at, first.verifiers) == (7, 1.0, (b"abc", b"d"))
    second = decode_credentials(b"\x02" + head + b"\0\x03abc\0\x04keys" + b"\0\x01d\0\0")
    assert second.passwords == (
        StoredPassword(b"abc", ((SCRAM_SHA_256, b"keys"),)),
        StoredPassword(b"d"),
    )
    assert not second.must_change
    with pytest.raises(DamagedCredentials):
        decode_credentials(b"\x02" + head + b"\0\x03abc\0\x04keys" + b"\0\x01d\0")


def test_what_is_kept_is_bounded() -> None:
    for credentials in (
        Credentials(1, 0.0, history=(FormerPassword(0.0, b"x"),) * (MAX_HISTORY + 1)),
        Credentials(1, 0.0, app_passwords=(b"x",) * 65),
        Credentials(1, 0.0, (StoredPassword(b"x" * 70_000),)),
        Credentials(1, 0.0, others=((9, bytes(1 << 20)),)),
    ):
        with pytest.raises(ValueError, match="too"):
            encode_credentials(credentials)


def test_former_passwords_are_remembered_as_many_as_wanted(accounts: Accounts) -> None:
    with accounts.store.write() as txn:
        for number in range(5):
            blob = CredentialBlob((StoredPassword(b"{X}%d" % number),), remember=2)
            set_password(txn, accounts.tenant, accounts.bob, blob, txn.begin_change())
    with accounts.store.write() as txn:
        found = read_credentials(txn, accounts.tenant, accounts.bob)
        assert found is not None
        assert [one.verifier for one in found.history] == [b"{X}3", b"{X}2"]
        again = CredentialBlob((*found.passwords, StoredPassword(b"{X}new")), remember=1, must_change=True)
        rows = replace(found, app_passwords=(b"row",), others=((77, b"later"),))
        store_credentials(txn, accounts.tenant, accounts.bob, rows, txn.begin_change())
        assert credential_version(txn, accounts.tenant, accounts.bob) == found.version
        set_password(txn, accounts.tenant, accounts.bob, again, txn.begin_change())
        after = read_credentials(txn, accounts.tenant, accounts.bob)
    assert after is not None
    assert [one.verifier for one in after.history] == [b"{X}3"]  # the one that stays is no former one
    assert (after.must_change, after.app_passwords, after.others) == (True, (b"row",), ((77, b"later"),))


def test_must_change_leaves_the_version(accounts: Accounts) -> None:
    with accounts.store.write() as txn:
        before = read_credentials(txn, accounts.tenant, accounts.ann)
        set_must_change(txn, accounts.tenant, accounts.ann, txn.begin_change(), must_change=True)
        marked = read_credentials(txn, accounts.tenant, accounts.ann)
        accounts.clock.now += 1_000
        set_must_change(txn, accounts.tenant, accounts.ann, txn.begin_change(), must_change=False, renew=True)
        after = read_credentials(txn, accounts.tenant, accounts.ann)
    assert before is not None
    assert marked is not None
    assert after is not None
    assert (marked.must_change, marked.set_at, marked.version) == (True, before.set_at, before.version)
    assert (after.must_change, after.passwords) == (False, before.passwords)
    assert after.set_at >= before.set_at + 1_000


@given(st.binary(max_size=80))
def test_only_damaged_credentials_come_out_of_garbage(data: bytes) -> None:
    with suppress(DamagedCredentials):
        decode_credentials(data)


def test_damage_is_seen() -> None:
    good = encode_credentials(Credentials(1, 2.0, (StoredPassword(b"abc"),)))
    twice = good + good[17:]
    for bad in (b"", good[:-1], good + b"x", b"\4" + good[1:], b"\2" + good[1:], twice):
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
