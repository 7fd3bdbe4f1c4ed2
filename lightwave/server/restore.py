"""Restore: a full backup and its increments become a node in an empty folder, on this machine or another one.

In order: every backup is read and verified; the keyring is found or made with the recovery key; the rows are loaded
and what follows from them is computed; the store takes a new originating server id, so that what it writes from now
on is never taken for what the lost node wrote after the backup; the node's certificate is issued anew, for its private
key is in no backup; `check` must find nothing. `lightwave.toml` gets its name last: until then the folder holds
no node, and a restore that was killed begins again there by itself.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.backup import order_chain, verify_backup
from lightwave.directory.store.backup_file import BackupError, BackupFile, Manifest, Progress
from lightwave.directory.store.check import check
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import StoreError
from lightwave.directory.store.files import UNFINISHED, sync_folder, write_file
from lightwave.directory.store.keyring import Keyring
from lightwave.directory.store.recovery import recovered_keyring
from lightwave.directory.store.restoring import derive, load
from lightwave.server.configuration import (
    FILE_NAME,
    ConfigurationError,
    NodeConfiguration,
    check_local_path,
    check_port_offset,
    format_configuration,
)
from lightwave.server.locks import ServingLock
from lightwave.server.node_certificate import NoAuthority, issue_node_certificate
from lightwave.server.node_entry import rename_node
from lightwave.server.promote import check_domain, check_hostname
from lightwave.server.whereabouts import note_whereabouts

_MARK = FILE_NAME + ".restoring"
"""Stands in a folder while it is being restored."""
_LOCK = "serving.lock"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the administrator asked for; None stands for what the backup says."""

    keyring: Path | None = None
    hostname: str | None = None
    bind: tuple[str, ...] | None = None
    port_offset: int | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of the backups. made_keyring: with a new master key. certified: with a certificate for the node."""

    configuration: NodeConfiguration
    manifest: Manifest
    entries: int
    server: bytes
    made_keyring: bool
    certified: bool
    seconds: float


def restore(
    data: Path,
    paths: Sequence[Path],
    wishes: Wishes,
    recovery_key: Callable[[], str | None],
    progress: Progress,
) -> Restored:
    """Restore a node to the folder `data`, from one full backup and any increments in `paths`.

    Raises ConfigurationError and StoreError, and then the folder holds no node.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        chain = order_chain([stack.enter_context(BackupFile(path)) for path in paths])
        last = chain[-1].manifest
        configuration = _configuration(data, last, wishes)
        _check_folder(data)
        for backup in chain:
            verify_backup(backup, progress)
        keyring, made_keyring = recovered_keyring(configuration.keyring, last.recovery, recovery_key)
        made = not data.exists()
        lock = _begin(configuration)
        try:
            load(configuration.store_path, chain, now=time.time, progress=progress)
            server = os.urandom(16)
            entries = _complete(configuration, keyring, str(last.node["hostname"]), server, progress)
            sync_folder(configuration.store_path)
            (data / _MARK).rename(data / FILE_NAME)
            sync_folder(data)
        except BaseException:
            _clear(data)
            if made:
                data.rmdir()
            raise
        finally:
            lock.release()
    seconds = time.monotonic() - began
    certified = configuration.key_path.exists()
    return Restored(configuration, last, entries, server, made_keyring, certified, seconds)


def _configuration(data: Path, manifest: Manifest, wishes: Wishes) -> NodeConfiguration:
    node = manifest.node
    try:
        domain, hostname = check_domain(str(node["domain"])), check_hostname(str(node["hostname"]))
        bind = tuple(str(address) for address in node["bind"])
        offset = int(node["portOffset"])
    except (KeyError, TypeError, ValueError):
        raise BackupError("the backup does not say which node it is of") from None
    configuration = NodeConfiguration(
        data=data,
        keyring=wishes.keyring or data.with_name(data.name + ".keyring"),
        domain=domain,
        hostname=check_hostname(wishes.hostname or hostname),
        bind=wishes.bind or bind,
        port_offset=offset if wishes.port_offset is None else wishes.port_offset,
    )
    check_port_offset(configuration.port_offset)
    check_local_path(configuration)
    if configuration.keyring.resolve().is_relative_to(data.resolve()):
        raise ConfigurationError(
            "the keyring must stand outside the data folder: a backup of one must not hold the other"
        )
    return configuration


def _check_folder(data: Path) -> None:
    """Empty, or left by a restore that did not come to its end."""
    if not data.exists():
        return
    if data.is_dir():
        present = {path.name for path in data.iterdir()}
        if _MARK in present or not present - {_LOCK, _MARK + UNFINISHED}:
            return
    raise ConfigurationError(
        f"{data} is not an empty folder: name another one with --data, or move away what is in it"
    )


def _begin(configuration: NodeConfiguration) -> ServingLock:
    """Mark the folder, and clear it of what an earlier attempt left."""
    data = configuration.data
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = ServingLock(data)  # two restores to one folder would clear each other's work
    write_file(data / _MARK, format_configuration(configuration).encode())
    for path in data.iterdir():
        if path.name not in (_MARK, _LOCK):
            _remove(path)
    return lock


def _clear(data: Path) -> None:
    """Take back what a failed restore made; the mark goes last."""
    for path in sorted(data.iterdir(), key=lambda one: one.name == _MARK):
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _complete(
    configuration: NodeConfiguration, keyring: Keyring, hostname: str, server: bytes, progress: Progress
) -> int:
    """Make a node of the rows that were loaded; how many entries there are. `hostname` is the backup's."""
    with Store.open(configuration.store_path, keyring, now=time.time) as store:
        schemas = SchemaSource(Schema.load_builtin())
        derive(store, lambda txn: schemas.current(txn).describe, progress=progress)
        store.renew_server(server)
        note_whereabouts(store, configuration.store_path)
        if configuration.hostname != hostname:
            rename_node(store, schemas, hostname, configuration.hostname)
        with store.read() as txn:
            now = datetime.fromtimestamp(time.time(), UTC)
            try:
                files = issue_node_certificate(txn, schemas.current(txn), configuration, now, os.urandom)
            except NoAuthority:
                files = None  # the domain has its certificates from elsewhere
            found = list(islice(check(txn, schemas.current(txn).describe, progress), _SHOWN))
            entries = txn.entry_count()
    if found:
        shown = "; ".join(map(str, found))
        raise StoreError(f"the backups do not make a sound store: {shown}")
    if files is not None:
        write_file(configuration.ca_path, files.root, 0o644)
        write_file(configuration.certificate_path, files.chain, 0o644)
        write_file(configuration.key_path, files.key)
    return entries
