"""Which entry is the built-in administrator: its GUID stands in the store's meta, so a rename changes
nothing.
"""

from __future__ import annotations

from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction


def record_administrator(txn: WriteTransaction, tenant: int, guid: bytes) -> None:
    """Make an entry the built-in administrator; promote calls it once."""


def administrator(txn: ReadTransaction) -> tuple[int, int] | None:
    """(tenant, entry id) of the built-in administrator; None before promote."""
