"""Looking at every entry before a rule is tightened, without holding up writers.

A survey runs in a thread, in short read transactions, and remembers the change number at which it began. Inside the
write transaction only what has changed since then is looked at again. So a rule (a schema change, a uniqueness
constraint) holds for what exists from the commit that brings it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from lightwave.directory.operations.ports import Target
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record
from lightwave.directory.store.writing import Change, WriteTransaction

SLICE = 500
"""Entries looked at in one read transaction."""


class Rule(Protocol):
    """What every entry has to satisfy."""

    def check(self, txn: ReadTransaction, tenant: int, entry_id: int, record: Record) -> None:
        """Raises DirectoryError naming the entry when it does not satisfy the rule."""


@dataclass(frozen=True, slots=True)
class Survey:
    """A `Preparation` that checks a rule on every entry of every tenant."""

    store: Store
    rule: Rule

    @property
    def heavy(self) -> bool:
        """It reads the whole store."""
        return True

    def run(self) -> SurveyEffect:
        """Raises DirectoryError for the first entry that does not satisfy the rule."""
        with self.store.read() as txn:
            usn = txn.last_usn()
            tenant = next(txn.tenants(), None)
        while tenant is not None:
            after = 0
            while True:
                with self.store.read() as txn:
                    ids = check_slice(txn, self.rule, tenant, after)
                    if not ids:
                        tenant = next(txn.tenants(tenant), None)
                        break
                after = ids[-1]
        return SurveyEffect(self.rule, usn)


@dataclass(frozen=True, slots=True)
class SurveyEffect:
    """A survey that found nothing against the rule up to change number `usn`."""

    rule: Rule
    usn: int

    def verify(self, txn: WriteTransaction, target: Target) -> None:
        """Looks at what has changed since; raises DirectoryError."""
        for change in txn.changes_since(self.usn):
            if not change.removed:
                _check(txn, self.rule, change.tenant, change.entry_id)

    def apply(self, txn: WriteTransaction, target: Target, change: Change) -> None:
        """Nothing: the operation itself writes what was surveyed."""


def check_slice(txn: ReadTransaction, rule: Rule, tenant: int, after: int) -> list[int]:
    """Checks the next entries of a tenant; their ids, [] at the end."""
    ids: list[int] = []
    for entry_id in txn.entry_ids(tenant, after):
        _check(txn, rule, tenant, entry_id)
        ids.append(entry_id)
        if len(ids) == SLICE:
            break
    return ids


def check_all(txn: ReadTransaction, rule: Rule) -> None:
    """The survey in one transaction: for a store that nobody else uses."""
    for tenant in txn.tenants():
        for entry_id in txn.entry_ids(tenant):
            _check(txn, rule, tenant, entry_id)


def _check(txn: ReadTransaction, rule: Rule, tenant: int, entry_id: int) -> None:
    try:
        record = txn.record(tenant, entry_id)
    except NoSuchEntry:
        return
    rule.check(txn, tenant, entry_id, record)
