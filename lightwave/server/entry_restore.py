"""Restoring deleted entries from a backup into the node's store, while it serves or not.

The backup is loaded into a store of its own in a temporary folder, in which entries can be found by name; nothing of
it but the restored entries reaches the node. Their writes are ordinary ones of another process: LMDB puts them in
one order with the server's, and the server learns of them from `changes`.
"""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.plugins import default_plugins
from lightwave.directory.operations.restore_entry import RestoreCounts, Source, restore_entry, tenant_of
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.backup import order_chain, verify_backup
from lightwave.directory.store.backup_file import BackupFile, Progress
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import EntryExists, NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import TOMBSTONE
from lightwave.directory.store.restoring import derive, load
from lightwave.identity.audit_trail import AuditTrail
from lightwave.server.offline import administrator_context

SLICE = 200
"""entries of one write transaction"""


@dataclass(frozen=True, slots=True)
class RestoredEntries:
    """What came back. name: of the entry that was asked for. still_absent: partners of links that are not there."""

    name: str
    counts: RestoreCounts
    still_absent: int


def restore_entries(
    store: Store, paths: Sequence[Path], wanted: str, below: str | None, progress: Progress
) -> RestoredEntries:
    """Bring back the entry `wanted` (a DN or a GUID) and all below it from a full backup and its increments.

    In slices: what was restored stays when a later entry is refused, and the same command goes on. Raises
    DirectoryError and StoreError.
    """
    builtin = Schema.load_builtin()
    schemas = SchemaSource(builtin)
    with _source_store(store, paths, builtin, progress) as backup, backup.read() as snapshot:
        with store.read() as txn:
            schema = schemas.current(txn)
            source, base = _find(snapshot, schema, wanted)
            place = None if below is None else _parent(txn, schema, source, below)
        total = 1 + sum(1 for _ in snapshot.descendants(source.tenant, base))
        counts = RestoreCounts()
        entries = _entries(snapshot, source.tenant, base)
        while chunk := list(islice(entries, SLICE)):
            _restore_slice(store, schemas, source, chunk, {base: place}, counts)
            progress("restoring", counts.restored + counts.present + counts.expired, total)
        with store.read() as txn:
            tenant = tenant_of(txn, source)
            absent = sum(1 for guid in counts.absent if not _lives(txn, tenant, guid))
        return RestoredEntries(source.name(base), counts, absent)


@contextmanager
def _source_store(
    store: Store, paths: Sequence[Path], builtin: Schema, progress: Progress
) -> Iterator[Store]:
    """The backup as a store, opened with the node's keyring; gone afterwards."""
    with ExitStack() as stack:
        chain = order_chain([stack.enter_context(BackupFile(path)) for path in paths])
        for one in chain:
            verify_backup(one, progress)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lightwave-")))
        load(folder / "store", chain, now=time.time, progress=progress)
        opened = stack.enter_context(Store.open(folder / "store", store.keyring, now=time.time))
        derive(opened, lambda txn: builtin.describe, names_only=True, progress=progress)
        yield opened


def _find(snapshot: ReadTransaction, schema: Schema, wanted: str) -> tuple[Source, int]:
    """The entry in the backup; raises DirectoryError where it is not there."""
    missing = DirectoryError(ResultCode.NO_SUCH_OBJECT, f"the backup has no entry '{wanted}'")
    try:
        guid = uuid.UUID(wanted).bytes
    except ValueError:
        try:
            tenant, entry_id = snapshot.find(normalise_dn_text(schema, wanted.encode()))
        except (NoSuchEntry, InvalidValue):
            raise missing from None
    else:
        found = [(tenant, one) for tenant in snapshot.tenants() if (one := snapshot.by_guid(tenant, guid))]
        if not found:
            raise missing
        tenant, entry_id = found[0]
    if snapshot.record(tenant, entry_id).flags & TOMBSTONE:
        raise DirectoryError(
            ResultCode.NO_SUCH_OBJECT, f"'{wanted}' was deleted when the backup was made: take an older one"
        )
    return Source(snapshot, tenant), entry_id


def _parent(txn: ReadTransaction, schema: Schema, source: Source, below: str) -> int:
    try:
        tenant, entry_id = txn.find(normalise_dn_text(schema, below.encode()))
    except (NoSuchEntry, InvalidValue):
        raise DirectoryError(ResultCode.NO_SUCH_OBJECT, f"there is no entry '{below}'") from None
    if tenant != tenant_of(txn, source):
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, f"'{below}' belongs to another tenant")
    return entry_id


def _entries(snapshot: ReadTransaction, tenant: int, base: int) -> Iterator[int]:
    """An entry and all below it, parents first; tombstones are of no interest."""
    yield base
    for entry_id in snapshot.descendants(tenant, base):
        if not snapshot.record(tenant, entry_id).flags & TOMBSTONE:
            yield entry_id


def _restore_slice(
    store: Store,
    schemas: SchemaSource,
    source: Source,
    chunk: Sequence[int],
    places: dict[int, int | None],
    counts: RestoreCounts,
) -> None:
    """Restore some entries in one transaction; where one is refused, those before it stay."""
    refusal: DirectoryError | None = None
    with store.write() as txn:
        context = administrator_context(txn)
        for source_id in chunk:
            child = txn.child()
            try:
                schema = schemas.current(child)
                done = restore_entry(
                    child,
                    schema,
                    context,
                    (*default_plugins(), AuditTrail()),
                    source,
                    source_id,
                    places.get(source_id),
                )
            except (DirectoryError, EntryExists) as error:
                child.abort()
                refusal = error if isinstance(error, DirectoryError) else _exists(source, source_id, error)
                break
            except BaseException:
                child.abort()
                raise
            child.commit()
            counts.add(done)
    if refusal is not None:
        raise refusal


def _exists(source: Source, source_id: int, error: EntryExists) -> DirectoryError:
    return DirectoryError(ResultCode.ENTRY_ALREADY_EXISTS, f"'{source.name(source_id)}': {error}")


def _lives(txn: ReadTransaction, tenant: int, guid: bytes) -> bool:
    found = txn.by_guid(tenant, guid)
    return found is not None and not txn.record(tenant, found).flags & TOMBSTONE
