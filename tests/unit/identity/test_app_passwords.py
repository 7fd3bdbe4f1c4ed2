"""App passwords: made, not chosen; for some protocols; listed; and dead at once when they are revoked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts import ANN, SECRET, SigningIn, schema_of
from lightwave.identity.app_passwords import (
    MOST,
    USED_EVERY,
    AppPassword,
    AppPasswordRefused,
    add_app_password,
    app_passwords,
    decode_row,
    encode_row,
    new_app_password,
    revoke_app_password,
)
from lightwave.identity.credential_format import DamagedCredentials
from lightwave.identity.credentials import read_credentials
from lightwave.identity.liveness import TokenLiveness
from lightwave.identity.refusals import NotLive


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SigningIn]:
    made = SigningIn(tmp_path)
    yield made
    made.accounts.store.close()


def add(world: SigningIn, name: str, *protocols: str, entry_id: int = 0) -> tuple[AppPassword, str]:
    made, shown = new_app_password(name, protocols, world.accounts.clock.now, os.urandom)
    with world.accounts.store.write() as txn:
        add_app_password(txn, world.accounts.tenant, entry_id or world.accounts.ann, made, txn.begin_change())
    return made, shown


def kept(world: SigningIn) -> list[AppPassword]:
    with world.accounts.store.read() as txn:
        return app_passwords(read_credentials(txn, world.accounts.tenant, world.accounts.ann))


def test_it_signs_in_over_its_protocols_alone(world: SigningIn) -> None:
    _, shown = add(world, "printer", "ldap")
    assert world.token(ANN, shown.encode()).app_password
    assert world.token(ANN, shown.replace("-", "").upper().encode()).app_password
    assert world.hashed == 0
    world.refused(ANN, shown.encode(), "http")
    world.refused(b"uid=bob,dc=lightwave,dc=local", shown.encode())
    assert not world.token(ANN, SECRET).app_password


def test_it_is_enough_where_a_second_factor_is_demanded(world: SigningIn) -> None:
    world.accounts.set_attribute(world.accounts.ann, "lwSecondFactorFor", [b"all"])
    _, shown = add(world, "phone")
    world.refused(ANN, SECRET)
    assert world.token(ANN, shown.encode()).app_password
    assert world.token(ANN, shown.encode(), "http").app_password


def test_revoking_one_ends_what_it_opened_and_nothing_else(world: SigningIn) -> None:
    phone, shown = add(world, "phone")
    _, other = add(world, "laptop")
    opened, others, own = (world.token(ANN, one) for one in (shown.encode(), other.encode(), SECRET))
    liveness = TokenLiveness(schema_of)
    now = world.accounts.clock.now
    with world.accounts.store.read() as txn:
        for token in (opened, others, own):
            liveness.check_token(txn, token, now)
    with world.accounts.store.write() as txn:
        assert revoke_app_password(
            txn, world.accounts.tenant, world.accounts.ann, phone.id, txn.begin_change()
        )
    with world.accounts.store.read() as txn:
        liveness.check_token(txn, others, now)
        liveness.check_token(txn, own, now)
        with pytest.raises(NotLive, match="revoked"):
            liveness.check_token(txn, opened, now)
    world.refused(ANN, shown.encode())
    with world.accounts.store.write() as txn:
        assert not revoke_app_password(
            txn, world.accounts.tenant, world.accounts.ann, phone.id, txn.begin_change()
        )


def test_a_disabled_account_gets_in_with_none(world: SigningIn) -> None:
    _, shown = add(world, "phone")
    world.accounts.set_attribute(world.accounts.ann, "nsAccountLock", [b"TRUE"])
    world.refused(ANN, shown.encode())


def test_they_stay_when_the_password_changes(world: SigningIn) -> None:
    _, shown = add(world, "phone")
    world.accounts.set_password(world.accounts.ann, b"another")
    assert world.token(ANN, shown.encode()).app_password


def test_its_use_is_noted_once_a_day(world: SigningIn) -> None:
    _, shown = add(world, "phone")
    assert kept(world)[0].used == 0
    world.token(ANN, shown.encode())
    first = world.accounts.clock.now
    assert kept(world)[0].used == pytest.approx(first, abs=1)
    world.timers.advance(3_600)
    world.token(ANN, shown.encode())
    assert kept(world)[0].used == pytest.approx(first, abs=1)
    world.timers.advance(USED_EVERY)
    world.token(ANN, shown.encode())
    assert kept(world)[0].used == pytest.approx(world.accounts.clock.now, abs=1)


def test_they_are_bounded_and_named(world: SigningIn) -> None:
    add(world, "phone")
    with pytest.raises(AppPasswordRefused, match="name"):
        add(world, "PHONE")
    for number in range(MOST - 1):
        add(world, f"device {number}")
    with pytest.raises(AppPasswordRefused, match="at most"):
        add(world, "one more")
    with pytest.raises(AppPasswordRefused, match="no password"):
        add(world, "phone", entry_id=world.accounts.bob)
    for name in ("", "  ", "x" * 65, "a\nb"):
        with pytest.raises(AppPasswordRefused):
            new_app_password(name, (), 0.0, os.urandom)
    with pytest.raises(AppPasswordRefused, match="imap"):
        new_app_password("phone", ("imap",), 0.0, os.urandom)


def test_what_is_shown_is_long_and_never_kept(world: SigningIn) -> None:
    made, shown = new_app_password("phone", (), 0.0, os.urandom)
    letters = shown.replace("-", "")
    assert len(letters) == 24
    assert letters.encode() not in encode_row(made)
    assert letters not in repr(made)
    assert made.salt.hex() not in repr(made)


def test_rows() -> None:
    made, _ = new_app_password("Müllers Telefon", ("http",), 1_800_000_000.5, os.urandom)
    row = encode_row(made)
    assert decode_row(row) == made
    for broken in (b"", row[:-1], row + b"x", b"\2" + row[1:], row[:80]):
        with pytest.raises(DamagedCredentials):
            decode_row(broken)
