"""Tokens know the groups of their bearer as they are now."""

from __future__ import annotations

from pathlib import Path

from accounts import Accounts
from lightwave.directory.access.sid import AUTHENTICATED_USERS, BUILTIN_ADMINISTRATORS, EVERYONE
from lightwave.directory.access.token import ANONYMOUS, AuthenticatedBy, Token
from lightwave.identity.tokens import current, with_membership


def test_a_token_is_made_again_when_groups_changed(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path)
    tenant = accounts.tenant
    with accounts.store.read() as txn:
        record = txn.record(tenant, accounts.ann)
        bare = Token(tenant, accounts.ann, record.guid, b"", False, False, AuthenticatedBy.PASSWORD)
        token = with_membership(txn, bare)
        assert token.sids >= {EVERYONE, AUTHENTICATED_USERS}
        assert accounts.ann in token.entry_ids
        assert not token.is_administrator
        assert current(txn, token) is token
        assert current(txn, ANONYMOUS) is ANONYMOUS
    with accounts.store.write() as txn:
        txn.bump_generation(tenant, "groups")
    with accounts.store.read() as txn:
        later = current(txn, token)
    assert later is not token
    assert later.stands_for(token)
    assert later.credential_version == token.credential_version
    accounts.store.close()


def test_what_passes_by_descriptors() -> None:
    user = Token(1, 7, bytes(16), b"", False, False, AuthenticatedBy.PASSWORD)
    root = Token(1, 7, bytes(16), b"", True, False, AuthenticatedBy.LOCAL_SOCKET)
    elsewhere = Token(2, 7, bytes(16), b"", True, False, AuthenticatedBy.LOCAL_SOCKET)
    command = Token(1, 7, bytes(16), b"", True, False, AuthenticatedBy.LOCAL_SOCKET, bypass=True)
    administrator = Token(1, 7, bytes(16), b"", True, False, AuthenticatedBy.PASSWORD)
    assert not user.bypasses(1)
    assert not administrator.bypasses(1)
    assert root.bypasses(1)
    assert not root.bypasses(2)
    assert not elsewhere.bypasses(1)
    assert not elsewhere.bypasses(2)
    assert command.bypasses(2)
    assert administrator.is_system_administrator
    assert not elsewhere.is_system_administrator
    assert BUILTIN_ADMINISTRATORS not in ANONYMOUS.sids
