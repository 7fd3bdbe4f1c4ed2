"""Backups of a node: made while it serves, verified, each in a file of its own that is whole or not there."""

from __future__ import annotations

import importlib.metadata
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lightwave.directory.store.backup import Origin, verify_backup, write_backup
from lightwave.directory.store.backup_file import BackupFile, Manifest, Progress
from lightwave.directory.store.environment import Store
from lightwave.directory.store.files import clear_unfinished, unfinished, unfinished_file
from lightwave.directory.store.recovery import recovery_wraps
from lightwave.server.configuration import ConfigurationError, NodeConfiguration

SUFFIX = ".lwbackup"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made and verified. size: octets of the file."""

    path: Path
    manifest: Manifest
    size: int


def make_backup(
    configuration: NodeConfiguration, target: Path, since: Path | None, progress: Progress
) -> Backup:
    """Write and verify a backup of the node, of what changed since another one where `since` names it.

    `target` is a file that does not exist, or a folder, in which the file is named by domain, time and kind. Needs
    no key: secrets stay sealed. Raises StoreError, ConfigurationError.
    """
    base = None
    if since is not None:
        with BackupFile(since) as other:
            base = other.manifest
    began = datetime.fromtimestamp(time.time(), UTC)
    path = _name(target, configuration.domain, began, full=base is None)
    origin = Origin(
        os.urandom(16), began.isoformat(timespec="seconds"), _node(configuration), _recovery(configuration)
    )
    try:
        with (
            Store.open(configuration.store_path, None, now=time.time, read_only=True) as store,
            unfinished_file(path) as stream,
        ):
            manifest = write_backup(store, stream, origin, base, progress=progress)
            stream.flush()
            os.fsync(stream.fileno())
            with BackupFile(unfinished(path)) as written:
                verify_backup(written, progress)
    except OSError as error:
        raise ConfigurationError(f"{path} can't be written: {error.strerror}") from None
    return Backup(path, manifest, path.stat().st_size)


def verified(path: Path, progress: Progress) -> Backup:
    """A backup that was read from end to end; raises BackupError."""
    with BackupFile(path) as backup:
        verify_backup(backup, progress)
        return Backup(path, backup.manifest, path.stat().st_size)


def _name(target: Path, domain: str, began: datetime, *, full: bool) -> Path:
    if target.is_dir():
        clear_unfinished(target, SUFFIX)
        kind = "full" if full else "increment"
        target = target / f"{domain}-{began:%Y%m%dT%H%M%SZ}-{kind}{SUFFIX}"
    if target.exists():
        raise ConfigurationError(f"{target} exists already; backups are never written over")
    if not target.parent.is_dir():
        raise ConfigurationError(f"there is no folder {target.parent}")
    return target


def _node(configuration: NodeConfiguration) -> dict[str, object]:
    return {
        "program": importlib.metadata.version("lightwave"),
        "domain": configuration.domain,
        "hostname": configuration.hostname,
        "bind": list(configuration.bind),
        "portOffset": configuration.port_offset,
    }


def _recovery(configuration: NodeConfiguration) -> dict[str, object]:
    return recovery_wraps(configuration.keyring)
