"""Secrets open only with the right key, for the right tenant, entry and kind; and never stand in the clear."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lightwave.directory.store import layout
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import KeyringError, StoreError
from lightwave.directory.store.keyring import Keyring, format_recovery_key, parse_recovery_key
from lightwave.directory.store.recovery import recovered_keyring, recovery_wraps
from lightwave.directory.store.sealing import seal, unseal
from store_entries import START, TENANT_GUID, add

GUID = b"g" * 16
PLAIN = b"a verifier that nobody may read"


@pytest.fixture
def made(tmp_path: Path) -> tuple[Keyring, str]:
    keyring, recovery = Keyring.create(tmp_path / "ring")
    keyring.add_tenant(TENANT_GUID)
    return keyring, recovery


def test_a_sealed_secret_opens_with_the_keyring_read_again(made: tuple[Keyring, str], tmp_path: Path) -> None:
    sealed = seal(made[0], TENANT_GUID, GUID, b"credentials", PLAIN)
    assert PLAIN not in sealed
    again = Keyring.open(tmp_path / "ring")
    assert unseal(again, TENANT_GUID, GUID, b"credentials", sealed) == PLAIN
    assert seal(again, TENANT_GUID, GUID, b"credentials", PLAIN) != sealed


def test_neg_a_sealed_secret_is_bound_to_its_place(made: tuple[Keyring, str]) -> None:
    keyring, _ = made
    other = b"o" * 16
    keyring.add_tenant(other)
    sealed = seal(keyring, TENANT_GUID, GUID, b"credentials", PLAIN)
    for tenant, guid, kind in (
        (other, GUID, b"credentials"),
        (TENANT_GUID, b"h" * 16, b"credentials"),
        (TENANT_GUID, GUID, b"other"),
    ):
        with pytest.raises(KeyringError):
            unseal(keyring, tenant, guid, kind, sealed)
    for at in (0, 3, 12, len(sealed) - 1):
        changed = sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :]
        with pytest.raises(KeyringError):
            unseal(keyring, TENANT_GUID, GUID, b"credentials", changed)
    with pytest.raises(KeyringError):
        unseal(keyring, TENANT_GUID, GUID, b"credentials", b"")


def test_the_recovery_key_gives_a_lost_master_key_back(made: tuple[Keyring, str], tmp_path: Path) -> None:
    keyring, recovery = made
    sealed = seal(keyring, TENANT_GUID, GUID, b"credentials", PLAIN)
    (tmp_path / "ring" / "master.key").unlink()
    with pytest.raises(KeyringError):
        Keyring.open(tmp_path / "ring")
    Keyring.recover(tmp_path / "ring", recovery.lower())
    again = Keyring.open(tmp_path / "ring")
    assert unseal(again, TENANT_GUID, GUID, b"credentials", sealed) == PLAIN


def test_neg_another_recovery_key_opens_nothing(made: tuple[Keyring, str], tmp_path: Path) -> None:
    with pytest.raises(KeyringError):
        Keyring.recover(tmp_path / "ring", format_recovery_key(b"k" * 32))
    for wrong in ("", "ABC", made[1][:-1] + ("A" if made[1][-1] != "A" else "B"), "é"):
        with pytest.raises(KeyringError):
            parse_recovery_key(wrong)


def test_the_folder_is_the_owners_alone(made: tuple[Keyring, str], tmp_path: Path) -> None:
    folder = tmp_path / "ring"
    for path in [folder, *folder.iterdir()]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    with pytest.raises(KeyringError):
        Keyring.create(folder)
    (folder / "master.key").chmod(0o640)
    with pytest.raises(KeyringError, match="0600"):
        Keyring.open(folder)


def test_neg_a_malformed_keyring_is_named(made: tuple[Keyring, str], tmp_path: Path) -> None:
    folder = tmp_path / "ring"
    path = folder / f"{TENANT_GUID.hex()}.keys"
    for content in (
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}, "current": "00"}',
        b'{"keys": {"zz": 1}, "current": 1}',
    ):
        path.write_bytes(content)
        with pytest.raises(KeyringError):
            Keyring.open(folder).current(TENANT_GUID)
    (folder / "master.key").write_bytes(b"short")
    with pytest.raises(KeyringError):
        Keyring.open(folder)


def test_no_key_shows_in_the_representation(made: tuple[Keyring, str], tmp_path: Path) -> None:
    assert repr(made[0]) == f"<Keyring {tmp_path / 'ring'}>"


def test_secrets_stand_apart_from_the_record(store: Store) -> None:
    with store.write() as transaction:
        person = add(transaction, 1, b"cn=p")
        change = transaction.begin_change()
        transaction.put_secret(1, person, b"credentials", PLAIN, change)
        assert transaction.secret(1, person, b"credentials") == PLAIN
    with store.read() as reader:
        assert reader.secret(1, person, b"credentials") == PLAIN
        assert reader.secret(1, person, b"other") is None
        assert reader.secret_kinds(1, person) == [b"credentials"]
        assert PLAIN not in reader.record(1, person).data
        assert reader.stamps(1, person).attributes["secret:credentials"] == change.stamp
        assert reader.record(1, person).usn_changed == change.usn
        for _, value in reader.raw.cursor(store.databases.secrets).iternext():
            assert PLAIN not in value
    with store.write() as transaction:
        assert transaction.delete_secret(1, person, b"credentials", transaction.begin_change())
        assert not transaction.delete_secret(1, person, b"credentials", transaction.begin_change())


def test_without_a_keyring_secrets_stay_closed(store: Store) -> None:
    with store.write() as transaction:
        person = add(transaction, 1, b"cn=p")
        transaction.put_secret(1, person, b"credentials", PLAIN, transaction.begin_change())
    path = Path(store.environment.path())
    store.close()
    with Store.open(path, None, now=lambda: START, map_size=1 << 30) as opened:
        with opened.read() as reader, pytest.raises(KeyringError):
            reader.secret(1, person, b"credentials")
        with pytest.raises(StoreError), opened.write() as transaction:
            transaction.put_secret(1, person, b"credentials", PLAIN, transaction.begin_change())
    assert layout.secret_key(1, person, b"x")[:12] == layout.entry_key(1, person)


OTHER = b"o" * 16


def test_a_key_that_is_prepared_counts_until_it_is_kept(made: tuple[Keyring, str], tmp_path: Path) -> None:
    keyring, recovery = made
    keyring.prepare_tenant(OTHER)
    sealed = seal(keyring, OTHER, GUID, b"credentials", PLAIN)
    assert unseal(Keyring.open(tmp_path / "ring"), OTHER, GUID, b"credentials", sealed) == PLAIN
    written = (tmp_path / "ring" / f"{OTHER.hex()}.new").stat().st_mtime
    assert keyring.unkept(written) == []
    assert keyring.unkept(written + 1) == [OTHER]
    (tmp_path / "ring" / "master.key").unlink()
    recovered = Keyring.recover(tmp_path / "ring", recovery)
    assert unseal(recovered, OTHER, GUID, b"credentials", sealed) == PLAIN
    for _ in range(2):
        recovered.keep_tenant(OTHER)
        assert recovered.unkept(written + 1e9) == []
        recovered.forget()
        assert unseal(recovered, OTHER, GUID, b"credentials", sealed) == PLAIN


@pytest.mark.parametrize("kept", [True, False])
def test_neg_105_destroyed_keys_are_nowhere(made: tuple[Keyring, str], tmp_path: Path, kept: bool) -> None:
    keyring, recovery = made
    keyring.prepare_tenant(OTHER)
    if kept:
        keyring.keep_tenant(OTHER)
    path = tmp_path / "ring" / (OTHER.hex() + (".keys" if kept else ".new"))
    sealed = seal(keyring, OTHER, GUID, b"credentials", PLAIN)
    mine = seal(keyring, TENANT_GUID, GUID, b"credentials", PLAIN)
    with path.open("rb") as same_blocks:
        before = same_blocks.read()
        keyring.destroy_tenant(OTHER)
        same_blocks.seek(0)
        assert same_blocks.read() == bytes(len(before))  # they were written over before the name went
    keyring.destroy_tenant(OTHER)
    assert not keyring.has_tenant(OTHER)
    for one in (keyring, Keyring.open(tmp_path / "ring")):
        with pytest.raises(KeyringError):
            unseal(one, OTHER, GUID, b"credentials", sealed)
        assert unseal(one, TENANT_GUID, GUID, b"credentials", mine) == PLAIN
    (tmp_path / "ring" / "master.key").unlink()
    with pytest.raises(KeyringError):
        unseal(Keyring.recover(tmp_path / "ring", recovery), OTHER, GUID, b"credentials", sealed)


def test_a_backup_is_restored_beside_a_keyring_that_destroyed_a_tenants_keys(
    made: tuple[Keyring, str], tmp_path: Path
) -> None:
    keyring, recovery = made
    keyring.prepare_tenant(OTHER)
    sealed = seal(keyring, OTHER, GUID, b"credentials", PLAIN)
    wraps = recovery_wraps(tmp_path / "ring")
    assert set(wraps["tenants"]) == {TENANT_GUID.hex(), OTHER.hex()}
    keyring.destroy_tenant(OTHER)
    again, is_new = recovered_keyring(tmp_path / "ring", wraps, lambda: None)
    assert not is_new
    with pytest.raises(KeyringError):
        unseal(again, OTHER, GUID, b"credentials", sealed)
    fresh, is_new = recovered_keyring(tmp_path / "fresh", wraps, lambda: recovery)
    assert is_new
    assert unseal(fresh, OTHER, GUID, b"credentials", sealed) == PLAIN
    stranger, _ = Keyring.create(tmp_path / "stranger")
    stranger.add_tenant(GUID)
    with pytest.raises(KeyringError):
        recovered_keyring(tmp_path / "stranger", wraps, lambda: None)
