"""What of a keyring may stand in a backup: the tenants' data keys, wrapped for the recovery key alone.

Without the recovery key, whose private half was printed once and is stored nowhere, these wraps open nothing. Master
keys, and the wraps for them, stay in the keyring folder (keyring.py names its files).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightwave.directory.store.backup_file import BackupError
from lightwave.directory.store.errors import KeyringError
from lightwave.directory.store.files import write_file
from lightwave.directory.store.keyring import Keyring

_TENANT = re.compile(r"[0-9a-f]{32}\Z")
_PUBLIC = "recovery.pub"
_RECOVERY = "recovery"


def recovery_wraps(folder: Path) -> dict[str, Any]:
    """The public half of the recovery key and, by tenant, its current data key's id and all keys' recovery wraps.

    Raises `KeyringError` where a file of the keyring can't be read.
    """
    try:
        public = (folder / _PUBLIC).read_text().strip()
        tenants = {}
        for path in sorted((*folder.glob("*.new"), *folder.glob("*.keys"))):
            with suppress(FileNotFoundError):  # destroyed meanwhile; one that was kept meanwhile comes second
                tenants[path.stem] = json.loads(path.read_bytes())
        return {
            "public": public,
            "tenants": {
                tenant: {
                    "current": content["current"],
                    "keys": {key: wraps[_RECOVERY] for key, wraps in content["keys"].items()},
                }
                for tenant, content in tenants.items()
            },
        }
    except OSError as error:
        raise KeyringError(f"{error.filename} can't be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyringError(f"a file of {folder} is malformed") from error


def recovered_keyring(
    folder: Path, wraps: dict[str, Any], recovery_key: Callable[[], str | None]
) -> tuple[Keyring, bool]:
    """The keyring that opens a backup's secrets, and whether it was made now.

    A folder with a master key is used as it is, where it opens the data keys. Of a tenant of which it has none, the
    keys were destroyed after the backup was made: they stay so, and that tenant's secrets are not readable.
    Else one is made there with a new master key, by the recovery key; a master key is written last, so an attempt that
    was killed is made again. Raises `KeyringError`.
    """
    tenants = _checked(wraps)
    if (folder / "master.key").exists():
        keyring = Keyring.open(folder)
        known = {tenant for tenant in tenants if keyring.has_tenant(bytes.fromhex(tenant))}
        if tenants and not known:
            raise KeyringError(
                f"{folder} holds no key of the tenants in the backup: it is of another directory"
            )
        for tenant in known:
            for key in tenants[tenant]["keys"]:
                keyring.key(bytes.fromhex(tenant), bytes.fromhex(key))
        return keyring, False
    text = recovery_key()
    if text is None:
        raise KeyringError(
            f"there is no master key in {folder}, so nobody could sign in: give the recovery key that promote "
            "printed (--recovery-key-file), or name the keyring folder that was kept (--keyring)"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(folder / _PUBLIC, wraps["public"].encode() + b"\n")
    for tenant, content in tenants.items():
        if _holds(folder / f"{tenant}.keys", content["keys"]):
            continue  # the folder lost its master key only: what it has may be newer than the backup
        keys = {key: {_RECOVERY: wrap} for key, wrap in content["keys"].items()}
        data = {"current": content["current"], "keys": keys}
        write_file(folder / f"{tenant}.keys", json.dumps(data, indent=1).encode())
    return Keyring.recover(folder, text), True


def _holds(path: Path, keys: dict[str, str]) -> bool:
    """Whether a file of the keyring has the recovery wraps of all these keys."""
    try:
        present = json.loads(path.read_bytes())["keys"]
        return all(_RECOVERY in present[key] for key in keys)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _checked(wraps: dict[str, Any]) -> dict[str, Any]:
    """The tenants of a manifest, which may have been written by anybody."""
    try:
        base64.b64decode(wraps["public"], validate=True)
        tenants: dict[str, Any] = dict(wraps["tenants"])
        for tenant, content in tenants.items():
            if not _TENANT.match(tenant) or content["current"] not in content["keys"]:
                raise ValueError
            for key, wrap in content["keys"].items():
                bytes.fromhex(key)
                base64.b64decode(wrap, validate=True)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BackupError("the backup's wrapped keys are malformed") from None
    return tenants
