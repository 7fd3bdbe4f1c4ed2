"""One snapshot: its end, the numbers and generations in it, and what may be cached of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import lmdb

from lightwave.directory.store import layout
from lightwave.directory.store.caches import Caches, DerivedCache
from lightwave.directory.store.errors import StoreError

if TYPE_CHECKING:
    from lightwave.directory.store.databases import Databases
    from lightwave.directory.store.environment import Store

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Snapshot:
    """What read and write transactions have in common; a context manager."""

    __slots__ = ("_caches", "_databases", "id", "raw", "store")

    def __init__(self, store: Store, raw: lmdb.Transaction[bytes], snapshot: int) -> None:
        self.store = store
        self.raw = raw
        self.id = snapshot
        """The snapshot's LMDB transaction id; -1 in a write transaction, whose state no cache may hold."""
        self._databases: Databases = store.databases
        self._caches: Caches = store.caches

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.raw.abort()

    def close(self) -> None:
        """End the transaction."""
        self.raw.abort()

    def attribute_number(self, key: str) -> int | None:
        """The local number of an attribute's key, None where no entry ever had it."""
        number = self._caches.attribute_numbers.get(key)
        if number is None:
            if self._caches.applied == self.id:
                return None  # the cache holds every number that this snapshot has
            data = self.raw.get(layout.attribute_number_name(key), db=self._databases.meta)
            return int.from_bytes(data, "big") if data is not None else None
        return number

    def attribute_key(self, number: int) -> str:
        """The key ("oid" or "oid;option;…") of a local number; raises `StoreError` where it was never given."""
        key = self._caches.attribute_keys.get(number)
        if key is None:
            data = self.raw.get(layout.attribute_key_name(number), db=self._databases.meta)
            if data is None:
                raise StoreError(f"attribute number {number} was never given")
            return data.decode()
        return key

    def attribute_key_mapping(self) -> Mapping[int, str]:
        """Number -> key of all attributes that any entry ever had, not to be changed; hot."""
        keys = self._caches.attribute_keys
        if self._caches.applied == self.id or len(keys) == self.counters().attribute:
            return keys
        return dict(self.attribute_keys())

    def effective_memory(self) -> dict[tuple[int, int], object] | None:
        """Where a write transaction remembers descriptors in force; None for readers, who have caches."""
        return None

    def attribute_keys(self) -> Iterator[tuple[int, str]]:
        """(number, key) of all attributes that any entry ever had."""
        for number in range(1, self.counters().attribute + 1):
            yield number, self.attribute_key(number)

    def server_guid(self, number: int) -> bytes:
        """The GUID of an originating server by its local number."""
        data = self.raw.get(layout.server_guid_name(number), db=self._databases.meta)
        if data is None:
            raise StoreError(f"server number {number} was never given")
        return data

    def tenant_guid(self, tenant: int) -> bytes:
        """The GUID of a tenant by its local number."""
        data = self.raw.get(layout.tenant_guid_name(tenant), db=self._databases.meta)
        if data is None:
            raise StoreError(f"there is no tenant {tenant}")
        return data

    def tenant_number(self, guid: bytes) -> int | None:
        """The local number of a tenant's GUID, None where there is no such tenant."""
        data = self.raw.get(layout.tenant_number_name(guid), db=self._databases.meta)
        return int.from_bytes(data, "big") if data is not None else None

    def tenants(self, after: int = 0) -> Iterator[int]:
        """The numbers of all tenants, ascending; `after` resumes behind one in a later transaction. There may be
        very many: nothing that somebody waits for may walk them.
        """
        prefix = layout.TENANT_GUID_PREFIX
        cursor = self.raw.cursor(self._databases.meta)
        if cursor.set_range(layout.tenant_guid_name(after + 1)):
            for key in cursor.iternext(keys=True, values=False):
                if not key.startswith(prefix):
                    break
                yield layout.number(key[len(prefix) :])

    def counters(self) -> layout.Counters:
        """The last numbers given out, the last clock value, the count of generations."""
        if self._caches.applied == self.id:
            return self._caches.counters
        data = self.raw.get(layout.META_COUNTERS, db=self._databases.meta)
        if data is None:
            raise StoreError("the store has no counters")
        return layout.decode_counters(data)

    def last_usn(self) -> int:
        """The last update sequence number."""
        return self.counters().usn

    def generation(self, tenant: int, name: str) -> int:
        """A generation: it grows with each change that it stands for. Tenant 0 for what is global."""
        caches = self._caches
        cached = caches.applied == self.id
        if cached:
            if not tenant:
                return caches.generations.get(name, 0)
            known = caches.tenant_generations.get((tenant, name))
            if known is not None:
                return known
        data = self.raw.get(layout.generation_name(tenant, name), db=self._databases.meta)
        number = 0 if data is None else layout.number(data)
        if cached:
            caches.keep_generation(self.id, tenant, name, number)
        return number

    def meta(self, name: bytes) -> bytes | None:
        """A value of `meta` that `WriteTransaction.put_meta` wrote."""
        return self.raw.get(b"other\0" + name, db=self._databases.meta)

    def metas(self, prefix: bytes, most: int | None = None) -> list[bytes]:
        """The values of all names that begin so, in their order; of the first `most`."""
        start = b"other\0" + prefix
        cursor = self.raw.cursor(self._databases.meta)
        found: list[bytes] = []
        if cursor.set_range(start):
            for key, value in cursor.iternext():
                if not key.startswith(start):
                    break
                found.append(value)
                if len(found) == most:
                    break
        return found

    def descriptor(self, tenant: int, descriptor: int) -> bytes:
        """The bytes of an interned descriptor; empty for number 0."""
        if not descriptor:
            return b""
        data = self.raw.get(layout.descriptor_key(tenant, descriptor), db=self._databases.descriptors)
        if data is None:
            raise StoreError(f"there is no descriptor {descriptor}")
        return data

    def cached(self, cache: DerivedCache[K, V], tenant: int, key: K) -> V | None:
        """A value that an earlier transaction of the same state kept, None where there is none."""
        if self._caches.applied == self.id:
            return cache.get(tenant, key)
        return None

    def cache(self, cache: DerivedCache[K, V], tenant: int, key: K, value: V) -> None:
        """Keep a value computed from this snapshot, where the snapshot is still the latest applied."""
        self._caches.keep_derived(self.id, cache, tenant, key, value)
