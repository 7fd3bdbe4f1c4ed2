"""Caches that are validated by the reader.

No authoritative state stands in memory: any number of processes may open the same store. Each read transaction
compares its LMDB transaction id with the id up to which this process has applied `changes`, and applies the rest
first. A cache is used and filled only by a transaction whose id is the applied one; so a value that was computed
from an older snapshot is never stored after a change to its key (an after-commit callback alone loses that race).

Keys of changed entries are dropped. What is derived from many entries hangs on a generation in `meta`:
per tenant `tree` (an entry that has children was renamed or moved); global (tenant 0) `contexts`, `indexes`,
`schema`; any other name that the layers above use.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from lightwave.directory.store import layout
from lightwave.directory.store.indexes import NO_DEFINITIONS, IndexDefinitions, load_definitions

if TYPE_CHECKING:
    import lmdb

    from lightwave.directory.schema.normalisation import NormalisedDN
    from lightwave.directory.store.databases import Databases

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_MOST_APPLIED = 5_000
"""More changes than this since the last look and all caches are cleared instead."""


class Place(NamedTuple):
    """Where an entry stands: its DN as text and normalised, and the ids of itself and all its ancestors."""

    dn: bytes
    normalised_dn: NormalisedDN
    lineage: frozenset[int]


class NamingContext(NamedTuple):
    """A naming context: its tenant, the entry at its root, that entry's DN as text."""

    tenant: int
    entry_id: int
    dn: bytes


class BoundedCache(Generic[K, V]):
    """A mapping of at most twice `size` keys: when the young half is full it becomes the old one.

    Cheaper than an ordered LRU and good enough here. Looking up changes nothing, so that it needs no lock: a value
    that moved from half to half on a look-up could come back after another thread has dropped it.
    """

    __slots__ = ("_old", "_size", "_young")

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The value, None where there is none."""
        value = self._young.get(key)
        return value if value is not None or not self._old else self._old.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep a value."""
        young = self._young
        if len(young) >= self._size:
            self._old = young
            self._young = young = {}
        young[key] = value

    def drop(self, key: K) -> V | None:
        """Forget a key; its value where there was one."""
        value = self._young.pop(key, None)
        old = self._old.pop(key, None) if self._old else None
        return value if value is not None else old

    def clear(self) -> None:
        """Forget everything."""
        self._young = {}
        self._old = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


@dataclass(slots=True)
class DerivedCache(Generic[K, V]):
    """A cache of the layers above, emptied when one of the named generations of its tenant changes.

    Made by `Store.derived_cache`; read and filled through `ReadTransaction.cached` and `.cache`. Keys begin with
    the tenant's number. With `by_entry` a key's second part is an entry id, and its changes drop the key.
    """

    generations: frozenset[str]
    by_entry: bool
    tenants: dict[int, BoundedCache[K, V]]
    size: int

    def of_tenant(self, tenant: int) -> BoundedCache[K, V]:
        """The part of it that holds one tenant's values."""
        part = self.tenants.get(tenant)
        if part is None:
            part = self.tenants[tenant] = BoundedCache(self.size)
        return part


class Caches:
    """All caches of one open store in this process. `lock` is held to apply changes and to fill."""

    __slots__ = (
        "_databases",
        "_ids",
        "applied",
        "attribute_keys",
        "attribute_numbers",
        "burials",
        "contexts",
        "counters",
        "definitions",
        "derived",
        "generations",
        "lock",
        "names",
        "places",
    )

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self.lock = threading.Lock()
        self.applied = -1
        self.counters = layout.Counters(0, 0, 0, 0, 0, 0, 0, 0, 0)
        self.generations: dict[tuple[int, str], int] = {}
        self.contexts: Mapping[NormalisedDN, NamingContext] = {}
        self.definitions: IndexDefinitions = NO_DEFINITIONS
        self.burials: frozenset[int] = frozenset()
        """tombstones of which links are left: nobody is to see them"""
        self.attribute_numbers: dict[str, int] = {}
        self.attribute_keys: dict[int, str] = {}
        self.names: BoundedCache[NormalisedDN, tuple[int, int]] = BoundedCache(32_768)
        self.places: BoundedCache[int, Place] = BoundedCache(8_192)
        self._ids: dict[int, NormalisedDN] = {}
        self.derived: list[DerivedCache[tuple[Hashable, ...], object]] = []

    def sizes(self) -> dict[str, int]:
        """How much is remembered, by kind."""
        derived = sum(len(part) for cache in self.derived for part in tuple(cache.tenants.values()))
        return {"names": len(self.names), "places": len(self.places), "derived": derived}

    def keep_name(self, snapshot: int, dn: NormalisedDN, found: tuple[int, int]) -> None:
        """Remember where a name leads, if `snapshot` is still what has been applied."""
        with self.lock:
            if self.applied != snapshot:
                return
            if len(self._ids) >= 100_000:
                self._ids.clear()
                self.names.clear()
            self.names.put(dn, found)
            self._ids[found[1]] = dn

    def keep_place(self, snapshot: int, entry_id: int, place: Place) -> None:
        """Remember where an entry stands, if `snapshot` is still what has been applied."""
        with self.lock:
            if self.applied == snapshot:
                self.places.put(entry_id, place)

    def keep_derived(self, snapshot: int, cache: DerivedCache[K, V], tenant: int, key: K, value: V) -> None:
        """Remember a derived value, if `snapshot` is still what has been applied."""
        with self.lock:
            if self.applied == snapshot:
                cache.of_tenant(tenant).put(key, value)

    def catch_up(self, raw: lmdb.Transaction[bytes], snapshot: int) -> None:
        """Apply what changed between the applied snapshot and that of `raw`. Older snapshots change nothing."""
        with self.lock:
            if snapshot <= self.applied:
                return
            data = raw.get(layout.META_COUNTERS, db=self._databases.meta)
            if data is None:
                return
            counters = layout.decode_counters(data)
            known = self.counters
            if counters.attribute != known.attribute:
                self._load_attributes(raw, known.attribute, counters.attribute)
            if counters.generations != known.generations or self.applied < 0:
                self._load_generations(raw)
            if counters.usn - known.usn > _MOST_APPLIED or counters.purged_usn > known.usn:
                self.clear()
            elif counters.usn != known.usn:
                self._drop_changed(raw, known.usn)
            self.counters = counters
            self.applied = snapshot

    def clear(self) -> None:
        """Forget all values that hang on entries."""
        self.names.clear()
        self.places.clear()
        self._ids.clear()
        for cache in self.derived:
            cache.tenants.clear()

    def _drop_changed(self, raw: lmdb.Transaction[bytes], usn: int) -> None:
        cursor = raw.cursor(self._databases.changes)
        if not cursor.set_range(layout.pack_id(usn + 1)):
            return
        by_entry = [cache for cache in self.derived if cache.by_entry]
        for value in cursor.iternext(keys=False, values=True):
            tenant, entry_id, _ = layout.decode_change(value)
            self.places.drop(entry_id)
            name = self._ids.pop(entry_id, None)
            if name is not None:
                self.names.drop(name)
            for cache in by_entry:
                cache.of_tenant(tenant).drop((tenant, entry_id))

    def _load_attributes(self, raw: lmdb.Transaction[bytes], known: int, last: int) -> None:
        for number in range(known + 1, last + 1):
            data = raw.get(layout.attribute_key_name(number), db=self._databases.meta)
            if data is not None:
                self.attribute_numbers[data.decode()] = number
                self.attribute_keys[number] = data.decode()

    def _load_generations(self, raw: lmdb.Transaction[bytes]) -> None:
        old, new = self.generations, load_generations(raw, self._databases)
        self.generations = new
        changed = {key for key in new.keys() | old.keys() if new.get(key) != old.get(key)}
        if (0, "contexts") in changed:
            self.contexts = load_contexts(raw, self._databases)
            self.clear()
        if (0, "indexes") in changed:
            self.definitions = load_definitions(raw, self._databases)
        if (0, "burials") in changed:
            self.burials = frozenset(entry_id for _, entry_id in load_burials(raw, self._databases))
        for tenant, name in changed:
            if name == "tree":
                self.names.clear()
                self.places.clear()
                self._ids.clear()
            for cache in self.derived:
                if name in cache.generations:
                    if tenant:
                        cache.tenants.pop(tenant, None)
                    else:
                        cache.tenants.clear()


def load_generations(raw: lmdb.Transaction[bytes], databases: Databases) -> dict[tuple[int, str], int]:
    """All generations in a snapshot: (tenant, name) -> number."""
    prefix = layout.GENERATION_PREFIX
    result: dict[tuple[int, str], int] = {}
    cursor = raw.cursor(databases.meta)
    if cursor.set_range(prefix):
        for key, value in cursor.iternext():
            if not key.startswith(prefix):
                break
            rest = key[len(prefix) :]
            result[layout.number(rest[:4]), rest[4:].decode()] = layout.number(value)
    return result


def load_burials(raw: lmdb.Transaction[bytes], databases: Databases) -> list[tuple[int, int]]:
    """(tenant, entry id) of all tombstones of which links are left, in a snapshot."""
    prefix = layout.BURIAL_PREFIX
    found: list[tuple[int, int]] = []
    cursor = raw.cursor(databases.meta)
    if cursor.set_range(prefix):
        for key in cursor.iternext(keys=True, values=False):
            if not key.startswith(prefix):
                break
            found.append(layout.decode_entry_key(key[len(prefix) :]))
    return found


def load_contexts(raw: lmdb.Transaction[bytes], databases: Databases) -> dict[NormalisedDN, NamingContext]:
    """All naming contexts in a snapshot."""
    prefix = layout.CONTEXT_PREFIX
    result: dict[NormalisedDN, NamingContext] = {}
    cursor = raw.cursor(databases.meta)
    if cursor.set_range(prefix):
        for key, value in cursor.iternext():
            if not key.startswith(prefix):
                break
            tenant, entry_id = layout.decode_entry_key(key[len(prefix) :])
            normalised, text = layout.decode_context(value)
            result[normalised] = NamingContext(tenant, entry_id, text)
    return result
