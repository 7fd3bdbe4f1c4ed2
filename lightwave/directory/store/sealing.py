"""Sealing: a secret's bytes as they stand in the store.

    version 1 (= 1), id of the data key 8, nonce 12, AES-256-GCM ciphertext and tag

Bound as additional data to the tenant's GUID, the entry's GUID and the kind, so that a sealed value moved to another
entry, tenant or kind does not open. Local numbers are not part of it: a restored tenant keeps its secrets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag

from lightwave.directory.store.errors import KeyringError

if TYPE_CHECKING:
    from lightwave.directory.store.keyring import Keyring

_VERSION = b"\x01"
_KEY_END = 9
_NONCE_END = 21


def _bound_to(tenant: bytes, guid: bytes, kind: bytes) -> bytes:
    return b"lightwave secret 1\0" + tenant + guid + kind


def seal(keyring: Keyring, tenant: bytes, guid: bytes, kind: bytes, plaintext: bytes) -> bytes:
    """Seal a secret of an entry; `tenant` and `guid` are the GUIDs (16 bytes) of both."""
    key_id, key = keyring.current(tenant)
    nonce = keyring.random(_NONCE_END - _KEY_END)
    return _VERSION + key_id + nonce + key.encrypt(nonce, plaintext, _bound_to(tenant, guid, kind))


def unseal(keyring: Keyring, tenant: bytes, guid: bytes, kind: bytes, sealed: bytes) -> bytes:
    """Open a sealed secret; raises `KeyringError` where it was changed, moved, or its key is not at hand."""
    if sealed[:1] != _VERSION or len(sealed) < _NONCE_END + 16:
        raise KeyringError("a sealed value has an unknown form")
    key = keyring.key(tenant, sealed[1:_KEY_END])
    try:
        return key.decrypt(sealed[_KEY_END:_NONCE_END], sealed[_NONCE_END:], _bound_to(tenant, guid, kind))
    except InvalidTag:
        raise KeyringError("a sealed value was changed or does not belong to this entry") from None
