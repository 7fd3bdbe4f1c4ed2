"""The keys of SCRAM belong to their password's verifier, and nobody's keys look like somebody's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from accounts import ANN, BASE, NOW, SECRET, SSHA, Accounts, authenticator
from lightwave.directory.access.token import AuthenticatedBy
from lightwave.directory.ldap.messages import ModifyKind
from lightwave.identity.credential_format import decode_credentials
from lightwave.identity.credentials import (
    KIND,
    SCRAM_SHA_256,
    KeysKept,
    StoredPassword,
    import_verifiers,
    prepare_password,
    read_credentials,
    scram_keys,
    stored_passwords,
)
from lightwave.identity.hashing import MINIMUM, HashingCost
from lightwave.identity.password_preparation import USER_PASSWORD as OID
from lightwave.identity.password_preparation import PasswordChange, PasswordEffect, PasswordPreparation
from lightwave.identity.password_setting import Situation
from lightwave.identity.refusals import AuthenticationFailed
from lightwave.sasl.channel import Channel
from lightwave.sasl.mechanism import ProvenClaim, SaslFailure
from lightwave.sasl.scram import ScramAcceptor
from lightwave.sasl.scram_keys import ScramKeys, decode_keys, derive_keys
from reference.scram import ScramClient


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    made = Accounts(tmp_path)
    yield made
    made.store.close()


def keys_of(accounts: Accounts, name: str) -> list[ScramKeys]:
    with accounts.store.read() as txn:
        return authenticator().lookup_keys(txn, name)[0]


def sign_in(accounts: Accounts, client: ScramClient) -> object:
    """The whole exchange: a token, or what went wrong."""
    known = authenticator()
    acceptor = ScramAcceptor(Channel(True), lambda size: bytes(size), bound=False)
    acceptor.step(client.first())
    with accounts.store.read() as txn:
        challenge = acceptor.provide(*known.lookup_keys(txn, client.user))
    step = acceptor.step(client.final(challenge.data))
    if isinstance(step, SaslFailure):
        return step
    assert isinstance(step, ProvenClaim)
    with accounts.store.read() as txn:
        verified = known.proven(step.account, step.authorization_id)  # type: ignore[arg-type]
        return known.complete(txn, verified, NOW).token


def test_who_knows_the_password_is_signed_in(accounts: Accounts) -> None:
    token = sign_in(accounts, ScramClient("ann", SECRET.decode()))
    assert getattr(token, "dn") == ANN  # noqa: B009
    assert getattr(token, "authenticated_by") is AuthenticatedBy.PASSWORD  # noqa: B009
    assert isinstance(sign_in(accounts, ScramClient("ann", "wrong")), SaslFailure)
    assert isinstance(sign_in(accounts, ScramClient("zed", SECRET.decode())), SaslFailure)
    with pytest.raises(AuthenticationFailed, match="act as another"):
        sign_in(accounts, ScramClient("ann", SECRET.decode(), authorization_id="u:bob"))


def test_an_account_that_may_not_act_fails_after_its_proof(accounts: Accounts) -> None:
    accounts.set_attribute(accounts.ann, "userAccountControl", [b"514"])
    with pytest.raises(AuthenticationFailed, match="may not sign in"):
        sign_in(accounts, ScramClient("ann", SECRET.decode()))


def test_a_change_of_the_password_ends_the_exchange_under_way(accounts: Accounts) -> None:
    known = authenticator()
    with accounts.store.read() as txn:
        _, candidate = known.lookup_keys(txn, "ann")
    accounts.set_password(accounts.ann, b"another one")
    with accounts.store.read() as txn, pytest.raises(AuthenticationFailed):
        known.complete(txn, known.proven(candidate, None), NOW)


def test_several_passwords_share_salt_and_iterations(accounts: Accounts) -> None:
    accounts.set_password(accounts.ann, b"one", SSHA + b"AAAA", b"two")
    found = keys_of(accounts, "ann")
    assert len(found) == 2
    assert len({(one.salt, one.iterations) for one in found}) == 1
    for password in ("one", "two"):
        assert not isinstance(sign_in(accounts, ScramClient("ann", password)), SaslFailure)


def changed(present: Sequence[StoredPassword], *changes: PasswordChange) -> tuple[StoredPassword, ...]:
    effect = PasswordPreparation(
        changes, tuple(present), 1, MINIMUM, lambda size: bytes(size), KeysKept(), Situation(None)
    ).run()
    assert isinstance(effect, PasswordEffect)
    return effect.blob.passwords


def scram(password: StoredPassword) -> ScramKeys:
    keys = password.key(SCRAM_SHA_256)
    assert keys is not None
    return decode_keys(keys)


def test_keys_come_and_go_with_their_password() -> None:
    present = prepare_password(b"one", MINIMUM).passwords
    both = changed(present, PasswordChange(ModifyKind.ADD, OID, (b"two", b"{SSHA}AAAA")))
    assert [bool(one.keys) for one in both] == [True, True, False]
    assert scram(both[1]) == derive_keys("two", scram(both[0]).salt, MINIMUM.iterations)
    left = changed(both, PasswordChange(ModifyKind.DELETE, OID, (b"one",)))
    assert left == both[1:]
    (new,) = changed(both, PasswordChange(ModifyKind.REPLACE, OID, (b"three",)))
    assert scram(new).salt == bytes(16)  # a new one: nothing of the old passwords stays


def test_what_has_no_keys() -> None:
    assert [one.keys for one in import_verifiers([b"{SSHA}AAAA"], MINIMUM).passwords] == [()]
    for clear in (b"\xff\xfe", b"\x07bell", "\ue000".encode()):
        assert [one.keys for one in prepare_password(clear, MINIMUM).passwords] == [()]
    without = HashingCost(memory=8, passes=1, iterations=0)
    assert [one.keys for one in prepare_password(b"one", without).passwords] == [()]


def test_the_password_is_prepared_as_clients_do() -> None:
    (kept,) = prepare_password("I\u00adX\u00aa".encode(), MINIMUM).passwords
    keys = scram(kept)
    assert keys == derive_keys("IXa", keys.salt, keys.iterations)


def test_credentials_without_keys_are_read(accounts: Accounts) -> None:
    old = b"\x01" + (7).to_bytes(8, "big") + (1000).to_bytes(8, "big") + b"\0\x01" + b"\0\x03abc"
    credentials = decode_credentials(old)
    assert stored_passwords(credentials) == (StoredPassword(b"abc"),)
    assert scram_keys(credentials) == []
    with accounts.store.read() as txn:
        assert b"StoredKey" not in (txn.secret(accounts.tenant, accounts.ann, KIND) or b"")
        found = read_credentials(txn, accounts.tenant, accounts.ann)
    assert found is not None
    key = found.passwords[0].key(SCRAM_SHA_256)
    assert key is not None
    assert key.hex() not in repr(found)
    assert repr(key) not in repr(found.passwords)


def test_neg_012_nobody_has_one_salt_in_each_spelling(accounts: Accounts) -> None:
    base = BASE.decode()
    names = ["zed", "ZED", " zed", "u:zed", "zed@lightwave.local", f"dn:uid=zed,{base}", f"UID=Zed,{base}"]
    salts = {keys_of(accounts, name)[0].salt for name in names}
    assert len(salts) == 1
    # What would not lead to one account does not look as if it did: of an account that is there these differ too.
    for name in ("zed", "ann"):
        spellings = (name, f"{name}@elsewhere.example", f"uid={name},dc=elsewhere,dc=example")
        assert len({keys_of(accounts, spelling)[0].salt for spelling in spellings}) == 2
    (nobody,) = keys_of(accounts, "zed")
    (ann,) = keys_of(accounts, "ann")
    assert keys_of(accounts, "zoe")[0].salt != nobody.salt
    assert (len(nobody.salt), nobody.iterations) == (len(ann.salt), ann.iterations)
    accounts.set_password(accounts.bob, SSHA + b"AAAA")
    assert keys_of(accounts, "bob")[0].iterations == ann.iterations


def test_neg_012_odd_names_are_nobody(accounts: Accounts) -> None:
    for name in ("", "@", "u:", "dn:", "dn:=", "=", "a=b", "dn:" + "x" * 2000, "\ud800", ":", "u:@x"):
        assert len(keys_of(accounts, name)) == 1
