"""Whether a tenant may act: what its entry in the system tenant says (operations.tenant_entries).

The answer is remembered until the global generation "tenants" moves: with every change of any tenant's state.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, cast
from weakref import WeakKeyDictionary

from lightwave.directory.store.errors import StoreError
from lightwave.directory.store.layout import SYSTEM_TENANT

if TYPE_CHECKING:
    from lightwave.directory.store.caches import DerivedCache
    from lightwave.directory.store.environment import Store
    from lightwave.directory.store.reading import ReadTransaction

GENERATION: Final = "tenants"
STATE: Final = "2.25.162944272392735442620381082799361588636.3.250"  # lwTenantState

_caches: WeakKeyDictionary[Store, DerivedCache[tuple[object, ...], object]] = WeakKeyDictionary()


class TenantState(Enum):
    """What may happen in a tenant; the value is that of lwTenantState."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    """nothing: its data stay"""
    DELETING = "deleting"
    """nothing: its data go, slice by slice"""


def tenant_state(txn: ReadTransaction, tenant: int) -> TenantState:
    """The state of a tenant; DELETING for one that is gone. The system tenant is active always."""
    if tenant == SYSTEM_TENANT:
        return TenantState.ACTIVE
    key = (tenant,)
    cache = _cache_of(txn.store)
    known = cast("TenantState | None", txn.cached(cache, tenant, key))
    if known is None:
        known = _read(txn, tenant)
        txn.cache(cache, tenant, key, known)
    return known


def _read(txn: ReadTransaction, tenant: int) -> TenantState:
    try:
        entry_id = txn.by_guid(SYSTEM_TENANT, txn.tenant_guid(tenant))
    except StoreError:
        return TenantState.DELETING
    number = txn.attribute_number(STATE)
    if entry_id is None or number is None:
        return TenantState.DELETING
    values = txn.record(SYSTEM_TENANT, entry_id).values(number)
    try:
        return TenantState(values[0].decode().lower() if values else "")
    except ValueError:
        return TenantState.SUSPENDED  # whatever it is, it grants nothing


def _cache_of(store: Store) -> DerivedCache[tuple[object, ...], object]:
    cache = _caches.get(store)
    if cache is None:
        cache = _caches[store] = store.derived_cache(frozenset({GENERATION}))
    return cache
