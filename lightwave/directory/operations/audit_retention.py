"""Forgets events of the audit when their time is over: tenant by tenant, in slices, in the background.

`lwAuditRetentionDays` of a domain's `cn=Audit` says for how long events are kept. Only what a checkpoint covers goes:
all up to the last checkpoint whose events are all too old. That checkpoint stays and is where verification begins.
How far a round has come stands in `meta`, so a killed one goes on where it was.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable

from lightwave.directory.operations.audit_entries import RDN
from lightwave.directory.operations.indexing import FlatCommits
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.audit_rows import next_chain, purge_chain
from lightwave.directory.store.environment import Store
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction

DAYS = 180
"""where cn=Audit says nothing"""
LEAST_DAYS = 30
"""of tenants beside the system's: their administrators can't erase their traces overnight"""
INTERVAL = 3_600.0
"""seconds between the beginnings of two rounds"""
MOST = 2_000
"""rows that go in one slice"""
_META = b"audit.retention"
_PLACE = struct.Struct(
    ">dIIB"
)  # when the round began; tenant and node of the chain before the next; whether it goes on
_DAY = 86_400.0
_MOST_DAYS = 100_000

_log = logging.getLogger("lightwave.audit")


class AuditRetention:
    """Runs a round each hour in slices between the commits of a serving node."""

    def __init__(
        self, store: Store, schemas: SchemaSource, committer: FlatCommits, now: Callable[[], float]
    ) -> None:
        self._store = store
        self._schemas = schemas
        self._committer = committer
        self._now = now
        self._running = False

    def run_slice(self) -> bool:
        """Begin or go on with a round when one is due; whether there is work. Called now and then."""
        if self._running:
            return True
        now = self._now()
        with self._store.read() as txn:
            began, _, _, goes_on = _place(txn)
        if not goes_on and began <= now < began + INTERVAL:
            return False
        self._running = True
        schemas = self._schemas.apart()
        self._committer.submit_flat(
            lambda txn: retention_slice(txn, schemas.current(txn), now), self._finished
        )
        return True

    def _finished(self, error: BaseException | None) -> None:
        self._running = False
        if error is not None:
            _log.error("old events of the audit can't be purged; it goes on later", exc_info=error)


def _place(txn: ReadTransaction) -> tuple[float, int, int, bool]:
    data = txn.meta(_META)
    if data is None:
        return 0.0, 0, 0, False
    began, tenant, node, goes_on = _PLACE.unpack(data)
    return began, tenant, node, bool(goes_on)


def retention_slice(txn: WriteTransaction, schema: Schema, now: float) -> bool:
    """One slice of a round; whether it goes on."""
    began, tenant, node, goes_on = _place(txn)
    if not goes_on:
        began, tenant, node = now, 0, 0
    found = next_chain(txn, tenant, node)
    if found is not None:
        days = retention_days(txn, schema, found[0])
        if days and purge_chain(txn, *found, int((now - days * _DAY) * 1000), MOST):
            return True  # more of the same chain
        tenant, node = found
    txn.put_meta(_META, _PLACE.pack(began, tenant, node, found is not None))
    return found is not None


def retention_days(txn: ReadTransaction, schema: Schema, tenant: int) -> int:
    """For how many days a tenant's events are kept; 0 for ever.

    The system's administrators say it freely for the system tenant; of others events stay for `LEAST_DAYS`.
    """
    days = _days_written(txn, schema, tenant)
    return days if tenant == SYSTEM_TENANT or not days else max(days, LEAST_DAYS)


def _days_written(txn: ReadTransaction, schema: Schema, tenant: int) -> int:
    attribute = schema.attribute("lwAuditRetentionDays")
    assert attribute is not None  # it comes with the server
    number = txn.attribute_number(attribute.oid)
    if number is None:
        return DAYS
    leaf = normalise_dn_text(schema, RDN)[0]
    for _, context in txn.contexts(tenant):
        entry_id = txn.find_child(tenant, context.entry_id, leaf)
        values = [] if entry_id is None else txn.record(tenant, entry_id).values(number)
        if values:
            try:
                days = int(values[0])
            except ValueError:
                continue
            return days if 0 <= days <= _MOST_DAYS else 0
    return DAYS
