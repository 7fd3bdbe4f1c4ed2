"""Deletes tenants in the background: their data keys first, then their rows in slices, then their entries.

What has to be done stands in the store (`tenant_removal.removals`), so a server that was killed goes on wherever it
was. From the commit on that began it nobody reaches anything of the tenant. When its keys are destroyed, what was
sealed is noise, in pages of the store that are free as in those that are not; what was never sealed (names and other
attributes) stays in free pages until they are written again or the store is compacted.

Also clears data keys away that were made for tenants that never came to be.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from lightwave.directory.access.tenant_state import GENERATION
from lightwave.directory.operations.indexing import FlatCommits
from lightwave.directory.operations.ports import Threads
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.store.environment import Store
from lightwave.directory.store.keyring import Keyring
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.tenant_removal import removal_slice, removals
from lightwave.directory.store.writing import WriteTransaction

UNKEPT_SECONDS = 3_600.0
"""after which a tenant whose key was made has come to be, or never will"""

_log = logging.getLogger(__name__)


class TenantDeletion:
    """Looks for tenants that are to go, and works on them one by one."""

    def __init__(
        self,
        store: Store,
        schemas: SchemaSource,
        committer: FlatCommits,
        threads: Threads,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._schemas = schemas
        self._committer = committer
        self._threads = threads
        self._now = now
        self._running = False
        self._cleared = -UNKEPT_SECONDS

    def run_slice(self) -> bool:
        """Sees to it that the work goes on; whether there is any. Called now and then on the reactor thread."""
        if self._running:
            return True
        with self._store.read() as txn:
            waiting = removals(txn)
            guid = txn.tenant_guid(waiting[0].tenant) if waiting else b""
        if not waiting:
            self._clear_unkept()
            return False
        self._running = True
        self._threads.run(partial(self._destroy, guid), partial(self._destroyed, waiting[0].tenant))
        return True

    def _destroy(self, guid: bytes) -> None:
        if self._store.keyring is not None:
            self._store.keyring.destroy_tenant(guid)

    def _destroyed(self, tenant: int, result: object) -> None:
        if isinstance(result, BaseException):
            self._finished(result)
            return
        told = False

        def run_slice(txn: WriteTransaction) -> bool:
            nonlocal told
            if not told:  # all processes forget what they had of the keys, and what they opened with them
                txn.bump_generation(0, GENERATION)
                txn.bump_generation(0, "contexts")
                told = True
            guid = txn.tenant_guid(tenant)
            if removal_slice(txn, tenant):
                return True
            entry_id = txn.by_guid(SYSTEM_TENANT, guid)
            if entry_id is not None:
                describe = self._schemas.apart().current(txn).describe
                txn.remove_entry(SYSTEM_TENANT, entry_id, txn.begin_change(), describe=describe)
                txn.bump_generation(0, GENERATION)
            return False

        self._committer.submit_flat(run_slice, self._finished)

    def _finished(self, error: BaseException | None) -> None:
        self._running = False
        if error is not None:
            _log.error("deleting a tenant failed; it goes on later", exc_info=error)

    def _clear_unkept(self) -> None:
        now = self._now()
        if self._store.keyring is None or now - self._cleared < UNKEPT_SECONDS:
            return
        self._cleared = now
        self._threads.run(partial(self._clear, self._store.keyring, now - UNKEPT_SECONDS), self._was_cleared)

    def _clear(self, keyring: Keyring, before: float) -> None:
        for guid in keyring.unkept(before):
            with self._store.read() as txn:
                is_there = txn.tenant_number(guid) is not None
            if is_there:
                keyring.keep_tenant(guid)
            else:
                keyring.destroy_tenant(guid)
                _log.info("cleared the key of a tenant away that was never made")

    @staticmethod
    def _was_cleared(result: object) -> None:
        if isinstance(result, BaseException):
            _log.error("looking for keys of tenants that were never made failed", exc_info=result)
