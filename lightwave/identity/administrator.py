"""Which entry is the built-in administrator: its GUID stands in the store's meta, so a rename changes
nothing.
"""

from __future__ import annotations

from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction

# meta "identity.administrator" -> tenant's GUID 16, entry's GUID 16
_NAME = b"identity.administrator"


def record_administrator(txn: WriteTransaction, tenant: int, guid: bytes) -> None:
    """Make an entry the built-in administrator; promote calls it once."""
    if len(guid) != 16:
        raise ValueError("a GUID has 16 bytes")
    txn.put_meta(_NAME, txn.tenant_guid(tenant) + guid)


def is_administrator(txn: ReadTransaction, tenant: int, guid: bytes) -> bool:
    """Whether the entry of this GUID is the built-in administrator."""
    value = txn.meta(_NAME)
    return value is not None and value[16:] == guid and value[:16] == txn.tenant_guid(tenant)


def administrator(txn: ReadTransaction) -> tuple[int, int] | None:
    """(tenant, entry id) of the built-in administrator; None before promote."""
    value = txn.meta(_NAME)
    if value is None:
        return None
    tenant = txn.tenant_number(value[:16])
    entry_id = None if tenant is None else txn.by_guid(tenant, value[16:])
    return None if tenant is None or entry_id is None else (tenant, entry_id)
