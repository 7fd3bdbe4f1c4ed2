"""The keyring: a folder beside the data folder that holds what unseals the secrets, and is in no backup.

    master.key            mode 0600: "lwmk1" and the node's master key, 32 bytes
    recovery.pub          the public half (X25519) of the recovery key, whose private half is printed once
    <tenant GUID>.keys    JSON: the id of the current data key and, for each data key, its wraps
    <tenant GUID>.new     the same of a tenant that is being made: the store may have it already, or never

A tenant's data key (AES-256) is wrapped for each node's master key with AES-GCM, and for the recovery key by an
ephemeral X25519 agreement, HKDF-SHA256 (RFC 5869) and AES-GCM: so new tenants are recoverable without the private
half at hand. Every wrap is bound to the tenant's GUID and the data key's id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lightwave.directory.store.errors import KeyringError
from lightwave.directory.store.files import sync_folder, write_file

_MAGIC = b"lwmk1"
_KEPT, _NEW = ".keys", ".new"
KEY_ID_SIZE = 8
_NONCE = 12
_ROOT = b"lightwave derived secrets 1"

Random = Callable[[int], bytes]


class Keyring:
    """The keys of one node. `repr` shows no key."""

    def __init__(self, folder: Path, master: bytes, random: Random) -> None:
        self._folder = folder
        self._master = AESGCM(master)
        self._master_id = hashlib.sha256(b"lightwave master key\0" + master).hexdigest()[:16]
        self._keys: dict[tuple[bytes, bytes], AESGCM] = {}
        self._current: dict[bytes, bytes] = {}
        self._roots: dict[bytes, bytes] = {}
        self.random = random

    def __repr__(self) -> str:
        return f"<Keyring {self._folder}>"

    @classmethod
    def create(cls, folder: Path, random: Random = os.urandom) -> tuple[Self, str]:
        """Make the folder with a new master key; the second value is the recovery key, to be shown once.

        Raises `KeyringError` where a master key stands there already.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        master, recovery = random(32), random(32)
        try:
            _write_new(folder / "master.key", _MAGIC + master)
        except FileExistsError:
            raise KeyringError(f"{folder} holds a master key already") from None
        public = X25519PrivateKey.from_private_bytes(recovery).public_key().public_bytes_raw()
        _write_new(folder / "recovery.pub", base64.b64encode(public) + b"\n")
        return cls(folder, master, random), format_recovery_key(recovery)

    @classmethod
    def open(cls, folder: Path, random: Random = os.urandom) -> Self:
        """Read the master key; raises `KeyringError` where it is missing, malformed or readable by others."""
        path = folder / "master.key"
        try:
            data = path.read_bytes()
            mode = path.stat().st_mode
        except OSError as error:
            raise KeyringError(f"{path} can't be read: {error.strerror}") from error
        if mode & 0o077:
            raise KeyringError(f"{path} may be read by others: its mode must be 0600")
        if not data.startswith(_MAGIC) or len(data) != len(_MAGIC) + 32:
            raise KeyringError(f"{path} is no master key")
        return cls(folder, data[len(_MAGIC) :], random)

    @classmethod
    def recover(cls, folder: Path, recovery_key: str, random: Random = os.urandom) -> Self:
        """Give a folder whose master key is lost a new one, with the tenants' keys from their recovery wraps."""
        private = X25519PrivateKey.from_private_bytes(parse_recovery_key(recovery_key))
        files = {path: _load(path) for path in (*folder.glob("*.keys"), *folder.glob(f"*{_NEW}"))}
        master = random(32)
        keyring = cls(folder, master, random)
        for path, content in files.items():
            tenant = bytes.fromhex(path.stem)
            for key_id, wraps in content["keys"].items():
                context = _context(tenant, bytes.fromhex(key_id))
                plain = _unwrap_recovery(private, base64.b64decode(wraps["recovery"]), context)
                wraps[keyring._master_id] = base64.b64encode(keyring._wrap(plain, context)).decode()
        for path, content in files.items():
            write_file(path, json.dumps(content, indent=1).encode())
        write_file(folder / "master.key", _MAGIC + master)
        return keyring

    def add_tenant(self, tenant: bytes) -> None:
        """Make a tenant's first data key; where it has one, nothing is done. `tenant` is its GUID (16 bytes)."""
        path = self._path(tenant)
        if not path.exists():
            write_file(path, self._first_key(tenant))

    def prepare_tenant(self, tenant: bytes) -> None:
        """Make the first data key of a tenant that the store does not have yet. It counts at once; `keep_tenant` says
        that the store has the tenant, and what nobody says so of is cleared away (`unkept`).
        """
        write_file(self._path(tenant, _NEW), self._first_key(tenant))

    def keep_tenant(self, tenant: bytes) -> None:
        """The store has the tenant. Where this was said before, nothing is done."""
        with suppress(FileNotFoundError):
            self._path(tenant, _NEW).rename(self._path(tenant))
            sync_folder(self._folder)

    def unkept(self, before: float) -> list[bytes]:
        """The tenants that were prepared before a time (seconds since 1970) and of which nothing was heard since."""
        found = []
        for path in self._folder.glob(f"*{_NEW}"):
            with suppress(FileNotFoundError, ValueError):
                if path.stat().st_mtime < before:
                    found.append(bytes.fromhex(path.stem))
        return found

    def destroy_tenant(self, tenant: bytes) -> None:
        """Destroy all data keys of a tenant: its wraps are written over, then removed, and forgotten here.

        Other processes forget theirs when the store tells them (`Caches`). A file system that writes elsewhere than
        it read (copy on write, flash) may keep the old blocks for a while; what they hold opens with the node's
        master key or the recovery key only. Where there is none, nothing is done.
        """
        for ending in (_KEPT, _NEW):
            path = self._path(tenant, ending)
            with suppress(FileNotFoundError):
                _write_over(path)
                path.unlink()
        sync_folder(self._folder)
        self.forget()

    def has_tenant(self, tenant: bytes) -> bool:
        """Whether there are data keys of a tenant."""
        return any(self._path(tenant, ending).exists() for ending in (_KEPT, _NEW))

    def forget(self) -> None:
        """Forget the keys in memory: what is needed is read again, where it is still there."""
        self._current.clear()
        self._keys.clear()
        self._roots.clear()

    def _first_key(self, tenant: bytes) -> bytes:
        key_id, plain = self.random(KEY_ID_SIZE), self.random(32)
        context = _context(tenant, key_id)
        public = X25519PublicKey.from_public_bytes(
            base64.b64decode((self._folder / "recovery.pub").read_bytes())
        )
        wraps = {
            self._master_id: base64.b64encode(self._wrap(plain, context)).decode(),
            "recovery": base64.b64encode(_wrap_recovery(public, plain, context, self.random)).decode(),
        }
        content = {"current": key_id.hex(), "keys": {key_id.hex(): wraps}}
        return json.dumps(content, indent=1).encode()

    def current(self, tenant: bytes) -> tuple[bytes, AESGCM]:
        """(id, key) of the data key that new secrets of a tenant are sealed with."""
        key_id = self._current.get(tenant)
        key = None if key_id is None else self._keys.get((tenant, key_id))
        while key_id is None or key is None:  # another thread may have forgotten one of them
            key_id = self._load(tenant)
            key = self._keys.get((tenant, key_id))
        return key_id, key

    def key(self, tenant: bytes, key_id: bytes) -> AESGCM:
        """A tenant's data key by its id; raises `KeyringError` where the keyring does not have it."""
        key = self._keys.get((tenant, key_id))
        if key is None:
            self._load(tenant)
            key = self._keys.get((tenant, key_id))
            if key is None:
                raise KeyringError(f"the keyring has no key {key_id.hex()} of tenant {tenant.hex()}")
        return key

    def derived_secret(self, tenant: bytes, label: bytes) -> bytes:
        """32 bytes that all nodes of a tenant derive alike, from its first data key; for what is never stored."""
        root = self._roots.get(tenant)
        while root is None:
            self._load(tenant)
            root = self._roots.get(tenant)
        return hmac.digest(root, label, "sha256")

    def _path(self, tenant: bytes, ending: str = _KEPT) -> Path:
        return self._folder / (tenant.hex() + ending)

    def _load(self, tenant: bytes) -> bytes:
        """Read a tenant's keys; the id of the current one."""
        path = self._path(tenant)
        content = _load(path if path.exists() else self._path(tenant, _NEW))
        try:
            for key_id, wraps in content["keys"].items():
                if self._master_id in wraps:
                    identity = bytes.fromhex(key_id)
                    wrapped = base64.b64decode(wraps[self._master_id])
                    plain = self._unwrap(wrapped, _context(tenant, identity))
                    self._keys[tenant, identity] = AESGCM(plain)
                    if tenant not in self._roots:
                        self._roots[tenant] = HKDF(hashes.SHA256(), 32, salt=tenant, info=_ROOT).derive(plain)
            current = bytes.fromhex(content["current"])
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise KeyringError(f"{self._path(tenant)} is malformed") from error
        if (tenant, current) not in self._keys:
            raise KeyringError(f"the master key of this node opens no current key of tenant {tenant.hex()}")
        self._current[tenant] = current
        return current

    def _wrap(self, plain: bytes, context: bytes) -> bytes:
        nonce = self.random(_NONCE)
        return nonce + self._master.encrypt(nonce, plain, context)

    def _unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        try:
            return self._master.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], context)
        except InvalidTag:
            raise KeyringError("a wrapped key was changed, or belongs to another master key") from None


def format_recovery_key(key: bytes) -> str:
    """The recovery key as it is shown: groups of base32 with a checksum of 3 bytes."""
    text = base64.b32encode(key + hashlib.sha256(key).digest()[:3]).decode()
    return "-".join(text[at : at + 7] for at in range(0, len(text), 7))


def parse_recovery_key(text: str) -> bytes:
    """Read back what `format_recovery_key` showed; raises `KeyringError` where it was mistyped."""
    try:
        data = base64.b32decode("".join(text.split()).replace("-", "").upper())
    except (binascii.Error, ValueError) as error:
        raise KeyringError("the recovery key has a wrong form") from error
    key = data[:-3]
    if len(key) != 32 or hashlib.sha256(key).digest()[:3] != data[-3:]:
        raise KeyringError("the recovery key is mistyped")
    return key


def _context(tenant: bytes, key_id: bytes) -> bytes:
    return b"lightwave data key 1\0" + tenant + key_id


def _agreed(shared: bytes, ephemeral: bytes, context: bytes) -> AESGCM:
    derived = HKDF(hashes.SHA256(), 32, salt=ephemeral, info=context).derive(shared)
    return AESGCM(derived)


def _wrap_recovery(public: X25519PublicKey, plain: bytes, context: bytes, random: Random) -> bytes:
    private = X25519PrivateKey.from_private_bytes(random(32))
    ephemeral = private.public_key().public_bytes_raw()
    nonce = random(_NONCE)
    key = _agreed(private.exchange(public), ephemeral, context)
    return ephemeral + nonce + key.encrypt(nonce, plain, context)


def _unwrap_recovery(private: X25519PrivateKey, wrapped: bytes, context: bytes) -> bytes:
    ephemeral, nonce, sealed = wrapped[:32], wrapped[32 : 32 + _NONCE], wrapped[32 + _NONCE :]
    shared = private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    try:
        return _agreed(shared, ephemeral, context).decrypt(nonce, sealed, context)
    except InvalidTag:
        raise KeyringError("this recovery key does not open the keyring") from None


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise KeyringError(f"{path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise KeyringError(f"{path} is malformed") from error
    if not isinstance(content, dict):
        raise KeyringError(f"{path} is malformed")
    return content


def _write_over(path: Path) -> None:
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        for fill in (os.urandom(size), bytes(size)):
            file.seek(0)
            file.write(fill)
            file.flush()
            os.fsync(file.fileno())


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
