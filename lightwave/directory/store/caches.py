"""Caches that are validated by the reader.

No authoritative state stands in memory: any number of processes may open the same store. Each read transaction
compares its LMDB transaction id with the id up to which this process has applied `changes`, and applies the rest
first. A cache is used and filled only by a transaction whose id is the applied one; so a value that was computed
from an older snapshot is never stored after a change to its key (an after-commit callback alone loses that race).

Keys of changed entries are dropped. What is derived from many entries hangs on a generation in `meta`:
per tenant `tree` (an entry that has children was renamed or moved), `contexts` (it got one); global (tenant 0)
`contexts` (some went, or anything about names was repaired), `indexes`, `schema`, `tenants` (the state of one
changed, or its keys were destroyed); any other name that the layers above use. Of tenants' generations only those are
read that changed, so no reader ever loads those of all tenants.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
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
    """Where an entry stands: its DN as text and normalised, the ids of itself and all its ancestors, and which of
    them is the root of its naming context.
    """

    dn: bytes
    normalised_dn: NormalisedDN
    lineage: frozenset[int]
    root: int


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


class DerivedCache(Generic[K, V]):
    """A cache of the layers above, emptied of a tenant's values when one of the named generations of it changes.

    Made by `Store.derived_cache`; read and filled through `ReadTransaction.cached` and `.cache`. Keys begin with
    the tenant's number. With `by_entry` a key's second part is an entry id, and its changes drop the key.

    It holds at most twice `size` values of all tenants together, in halves as `BoundedCache` does.
    """

    __slots__ = ("_count", "_old", "_young", "by_entry", "generations", "size")

    def __init__(self, generations: frozenset[str], by_entry: bool, size: int) -> None:
        self.generations = generations
        self.by_entry = by_entry
        self.size = size
        self._young: dict[int, dict[K, V]] = {}
        self._old: dict[int, dict[K, V]] = {}
        self._count = 0
        """values in the young half"""

    def get(self, tenant: int, key: K) -> V | None:
        """The value, None where there is none. Hot, and without a lock."""
        part = self._young.get(tenant)
        value = part.get(key) if part is not None else None
        if value is None and self._old:
            part = self._old.get(tenant)
            value = part.get(key) if part is not None else None
        return value

    def put(self, tenant: int, key: K, value: V) -> None:
        """Keep a value."""
        if self._count >= self.size:
            self._old, self._young, self._count = self._young, {}, 0
        self._young.setdefault(tenant, {})[key] = value
        self._count += 1

    def drop(self, tenant: int, key: K) -> None:
        """Forget a key."""
        for half in (self._young, self._old):
            part = half.get(tenant)
            if part is not None:
                part.pop(key, None)

    def drop_tenant(self, tenant: int) -> None:
        """Forget what there is of a tenant."""
        self._count -= len(self._young.pop(tenant, ()))
        self._old.pop(tenant, None)

    def clear(self) -> None:
        """Forget everything."""
        self._young, self._old, self._count = {}, {}, 0

    def __len__(self) -> int:
        return sum(len(part) for half in (self._young, self._old) for part in tuple(half.values()))


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
        "tenant_generations",
        "unnamed",
        "when_tenants_change",
    )

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self.lock = threading.Lock()
        self.when_tenants_change: Callable[[], None] = lambda: None
        """called when any tenant's state has changed: the keys of one may have been destroyed"""
        self.applied = -1
        self.unnamed: dict[NormalisedDN, NamingContext] | None = None
        """all naming contexts of a store of format 1 or 2 that is only read, where they are not listed by name; such
        a store has one tenant"""
        self.counters = layout.Counters(0, 0, 0, 0, 0, 0, 0, 0, 0)
        self.generations: dict[str, int] = {}
        """the global ones (tenant 0)"""
        self.tenant_generations: BoundedCache[tuple[int, str], int] = BoundedCache(4_096)
        self.contexts: BoundedCache[NormalisedDN, NamingContext] = BoundedCache(1_024)
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
        derived = sum(map(len, self.derived))
        return {
            "names": len(self.names),
            "places": len(self.places),
            "contexts": len(self.contexts),
            "generations": len(self.generations) + len(self.tenant_generations),
            "derived": derived,
        }

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

    def keep_context(self, snapshot: int, dn: NormalisedDN, context: NamingContext) -> None:
        """Remember a naming context, if `snapshot` is still what has been applied."""
        with self.lock:
            if self.applied == snapshot:
                self.contexts.put(dn, context)

    def keep_generation(self, snapshot: int, tenant: int, name: str, number: int) -> None:
        """Remember a generation of a tenant, if `snapshot` is still what has been applied."""
        with self.lock:
            if self.applied == snapshot:
                self.tenant_generations.put((tenant, name), number)

    def keep_derived(self, snapshot: int, cache: DerivedCache[K, V], tenant: int, key: K, value: V) -> None:
        """Remember a derived value, if `snapshot` is still what has been applied."""
        with self.lock:
            if self.applied == snapshot:
                cache.put(tenant, key, value)

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
            if self.applied < 0:
                self._load_global(raw)
            elif self.unnamed is not None and counters.generations != known.generations:
                self._forget_all(raw)
            elif counters.generations != known.generations:
                self._apply_generations(raw, known.generations)
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
        self.contexts.clear()
        for cache in self.derived:
            cache.clear()

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
                cache.drop(tenant, (tenant, entry_id))

    def _load_attributes(self, raw: lmdb.Transaction[bytes], known: int, last: int) -> None:
        for number in range(known + 1, last + 1):
            data = raw.get(layout.attribute_key_name(number), db=self._databases.meta)
            if data is not None:
                self.attribute_numbers[data.decode()] = number
                self.attribute_keys[number] = data.decode()

    def _load_global(self, raw: lmdb.Transaction[bytes]) -> None:
        """What a process that has seen nothing yet needs, whatever the number of tenants."""
        prefix = layout.generation_name(0, "")
        cursor = raw.cursor(self._databases.meta)
        if cursor.set_range(prefix):
            for key, value in cursor.iternext():
                if not key.startswith(prefix):
                    break
                self.generations[key[len(prefix) :].decode()] = layout.number(value)
        self.definitions = load_definitions(raw, self._databases)
        self._load_burials(raw)

    def _forget_all(self, raw: lmdb.Transaction[bytes]) -> None:
        """An older program writes beside this reader, and does not list what it changed."""
        self.clear()
        self.tenant_generations.clear()
        self._load_global(raw)
        self.unnamed = load_contexts(raw, self._databases)

    def _load_burials(self, raw: lmdb.Transaction[bytes]) -> None:
        self.burials = frozenset(entry_id for _, entry_id in load_burials(raw, self._databases))

    def _apply_generations(self, raw: lmdb.Transaction[bytes], known: int) -> None:
        for number, tenant, name in load_generations(raw, self._databases, known):
            if tenant == 0:
                self.generations[name] = number
                if name == "contexts":
                    self.clear()
                elif name == "tenants":
                    self.when_tenants_change()
                elif name == "indexes":
                    self.definitions = load_definitions(raw, self._databases)
                elif name == "burials":
                    self._load_burials(raw)
            else:
                self.tenant_generations.drop((tenant, name))
                if name == "tree":
                    self.names.clear()
                    self.places.clear()
                    self._ids.clear()
            for cache in self.derived:
                if name in cache.generations:
                    if tenant:
                        cache.drop_tenant(tenant)
                    else:
                        cache.clear()


def load_generations(
    raw: lmdb.Transaction[bytes], databases: Databases, known: int
) -> Iterator[tuple[int, int, str]]:
    """(number, tenant, name) of the generations whose last bump came after a number, ascending."""
    prefix = layout.GENERATION_AT_PREFIX
    cursor = raw.cursor(databases.meta)
    if cursor.set_range(layout.generation_at_name(known + 1)):
        for key, value in cursor.iternext():
            if not key.startswith(prefix):
                break
            yield layout.number(key[len(prefix) :]), *layout.decode_generation_at(value)


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
    """All naming contexts in a snapshot of a store that does not list them by name."""
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
