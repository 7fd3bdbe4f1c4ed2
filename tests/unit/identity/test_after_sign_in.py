"""What makes signing in cheaper or stronger: binds that were verified, upgrades of hashes, what policy demands."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts import ANN, BOB, SCHEMA, SECRET, SigningIn, schema_of
from lightwave.directory.access.token import AuthenticatedBy
from lightwave.identity import policies
from lightwave.identity.credentials import SCRAM_SHA_256, Credentials, read_credentials, set_must_change
from lightwave.identity.liveness import TokenLiveness
from lightwave.identity.policy_attributes import PasswordPolicy
from lightwave.identity.sign_in import Source
from lightwave.identity.verified_binds import LASTS, VerifiedBinds
from lightwave.sasl.channel import Channel
from lightwave.sasl.mechanism import ExternalClaim

SSHA = b"{SSHA}" + base64.b64encode(hashlib.sha1(b"imported" + b"salt").digest() + b"salt")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SigningIn]:
    made = SigningIn(tmp_path)
    yield made
    made.accounts.store.close()


def credentials(world: SigningIn, entry_id: int) -> Credentials:
    with world.accounts.store.read() as txn:
        found = read_credentials(txn, world.accounts.tenant, entry_id)
    assert found is not None
    return found


# --- binds that were verified a moment ago


def test_the_same_password_is_hashed_once(world: SigningIn) -> None:
    for _ in range(3):
        world.token(ANN, SECRET)
    assert world.hashed == 1
    world.refused(ANN, b"wrong")
    assert world.hashed == 2
    world.timers.advance(LASTS)
    world.token(ANN, SECRET)
    assert world.hashed == 3


def test_what_was_verified_ends_with_the_credentials(world: SigningIn) -> None:
    world.token(ANN, SECRET)
    world.accounts.set_password(world.accounts.ann, b"another")
    world.refused(ANN, SECRET)
    world.token(ANN, b"another")
    world.accounts.set_password(world.accounts.ann, SECRET)
    hashed = world.hashed
    world.token(ANN, SECRET)
    assert world.hashed == hashed + 1


@pytest.mark.parametrize(("attribute", "value"), [("userAccountControl", b"514"), ("nsAccountLock", b"TRUE")])
def test_what_was_verified_lets_nobody_in_who_may_not_act(
    world: SigningIn, attribute: str, value: bytes
) -> None:
    world.token(ANN, SECRET)
    world.accounts.set_attribute(world.accounts.ann, attribute, [value])
    spent: list[bool] = []
    spend = world.using.spend
    world.using.spend = lambda: (spent.append(True), spend())[1]  # type: ignore[method-assign, func-returns-value]
    world.refused(ANN, SECRET)
    assert spent  # as long as a wrong password takes


def test_what_was_verified_is_nobody_elses_and_not_in_clear() -> None:
    known = VerifiedBinds(bytes(32), lambda: 0.0)
    known.keep(1, 2, 3, SECRET)
    assert known.has(1, 2, 3, SECRET)
    for other in ((2, 2, 3, SECRET), (1, 3, 3, SECRET), (1, 2, 4, SECRET), (1, 2, 3, SECRET + b"x")):
        assert not known.has(*other)
    assert SECRET not in repr(vars(known)).encode()
    off = VerifiedBinds(bytes(32), lambda: 0.0, lasts=0)
    off.keep(1, 2, 3, SECRET)
    assert not off.has(1, 2, 3, SECRET)


# --- upgrades


def test_an_imported_hash_is_upgraded_by_the_first_success(world: SigningIn) -> None:
    world.accounts.set_password(world.accounts.bob, SSHA)
    before = credentials(world, world.accounts.bob)
    world.refused(BOB, b"wrong")
    assert credentials(world, world.accounts.bob).verifiers == (SSHA,)
    token = world.token(BOB, b"imported")
    after = credentials(world, world.accounts.bob)
    assert after.verifiers[0].startswith(b"{ARGON2}$argon2id$")
    assert after.passwords[0].key(SCRAM_SHA_256) is not None
    assert (after.version, after.set_at) == (before.version, before.set_at)
    with world.accounts.store.read() as txn:  # what is open stays open
        TokenLiveness(schema_of).check_token(txn, token, world.accounts.clock.now)
    world.token(BOB, b"imported")


def test_an_upgrade_that_comes_too_late_changes_nothing(world: SigningIn) -> None:
    world.accounts.set_password(world.accounts.bob, SSHA)
    with world.accounts.store.read() as txn:
        candidate = world.using.lookup(txn, BOB)
        verified = world.using.verify_inline(candidate, b"imported")
        assert verified is not None
    world.accounts.set_password(world.accounts.bob, b"chosen meanwhile")
    with world.accounts.store.read() as txn:
        world.signing._afterwards.signed_in(txn, verified, b"imported")
    world.token(BOB, b"chosen meanwhile")
    world.refused(BOB, b"imported")


def policy(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    made = PasswordPolicy(**changes)  # type: ignore[arg-type]
    for module in ("authentication", "after_sign_in", "lockout"):
        monkeypatch.setattr(f"lightwave.identity.{module}.policy_of", lambda *_: made)


def test_policy_may_keep_hashes_as_they_are(world: SigningIn, monkeypatch: pytest.MonkeyPatch) -> None:
    policy(monkeypatch, upgrade_hashes=False)
    world.accounts.set_password(world.accounts.bob, SSHA)
    world.token(BOB, b"imported")
    assert credentials(world, world.accounts.bob).verifiers == (SSHA,)


# --- the age of passwords


def test_an_expired_password_signs_nobody_in(world: SigningIn, monkeypatch: pytest.MonkeyPatch) -> None:
    policy(monkeypatch, max_age=60.0, expiry_warning=10.0)
    world.token(ANN, SECRET)
    world.timers.advance(55)
    warned = world.ask(ANN, SECRET)
    assert not isinstance(warned, BaseException)
    assert warned.age.expires_in == pytest.approx(5, abs=1)
    world.timers.advance(10)
    assert world.refused(ANN, SECRET).fault is not None
    assert world.refused(ANN, b"wrong").fault is None


def test_who_must_change_is_told_so(world: SigningIn) -> None:
    with world.accounts.store.write() as txn:
        set_must_change(txn, world.accounts.tenant, world.accounts.ann, txn.begin_change(), must_change=True)
    found = world.ask(ANN, SECRET)
    assert not isinstance(found, BaseException)
    assert found.age.must_change


# --- what policy demands


@pytest.mark.parametrize(
    ("demanded", "ldap", "http"), [("all", 0, 0), ("ldap", 0, 1), ("http", 1, 0), ("x", 1, 1)]
)
def test_a_password_alone_where_more_is_demanded(
    world: SigningIn, monkeypatch: pytest.MonkeyPatch, demanded: str, ldap: int, http: int
) -> None:
    for whose in ("account", "policy"):
        if whose == "account":
            world.accounts.set_attribute(world.accounts.ann, "lwSecondFactorFor", [demanded.encode()])
        else:
            world.accounts.set_attribute(world.accounts.ann, "lwSecondFactorFor", [])
            policy(monkeypatch, second_factor_for=(demanded,))
        for protocol, allowed in (("ldap", ldap), ("http", http)):
            world.timers.advance(1_000)
            right = world.ask(ANN, SECRET, protocol)
            assert isinstance(right, BaseException) is not bool(allowed)
            if not allowed:
                assert str(right) == str(world.refused(ANN, b"wrong", protocol))


def test_a_smart_card_may_be_demanded(world: SigningIn) -> None:
    world.accounts.set_attribute(world.accounts.ann, "userAccountControl", [b"%d" % (0x40000 | 512)])
    world.refused(ANN, SECRET)


def test_the_local_socket_is_asked_for_nothing_more(world: SigningIn) -> None:
    world.accounts.set_attribute(world.accounts.administrator, "lwSecondFactorFor", [b"all"])
    with world.accounts.store.read() as txn:
        channel = Channel(is_confidential=True, local_uid=1000, address="local")
        token = world.using.authenticate_external(txn, ExternalClaim(None), channel, 0.0)
    assert token.authenticated_by is AuthenticatedBy.LOCAL_SOCKET


def test_scram_is_a_password_too(world: SigningIn) -> None:
    world.accounts.set_attribute(world.accounts.ann, "lwSecondFactorFor", [b"all"])
    heard: list[object] = []
    with world.accounts.store.read() as txn:
        _, candidate = world.using.lookup_keys(txn, "ann")
        world.signing.proof(txn, candidate, None, Source("192.0.2.1:1", "ldap"), heard.append)
    assert isinstance(heard[0], BaseException)
    assert SCHEMA.attribute("lwSecondFactorFor") is not None
    assert policies.DEFAULT.second_factor_for == ()
