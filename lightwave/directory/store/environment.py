"""An open store: the LMDB environment, its databases, the keyring, and the caches of this process.

LMDB is used synchronous. The map is reserved once at 1 TiB, which costs nothing on Linux, because growing it under
another process's reader crashes that reader. Reader slots of processes that died are cleared at opening.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

import lmdb

from lightwave.directory.store import layout
from lightwave.directory.store.caches import Caches, DerivedCache, load_contexts
from lightwave.directory.store.databases import Databases, open_databases
from lightwave.directory.store.errors import StoreError, StoreVersionError, store_error
from lightwave.directory.store.keyring import Keyring
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MAP_SIZE = 1 << 40
MAX_READERS = 1024


class Store:
    """One process's open store. Made by `Store.open` or `Store.create`."""

    def __init__(
        self,
        environment: lmdb.Environment,
        databases: Databases,
        keyring: Keyring | None,
        now: Callable[[], float],
        read_only: bool,
        *,
        listed: bool = True,
    ) -> None:
        self.environment = environment
        self.databases = databases
        self.keyring = keyring
        self.now = now
        self.read_only = read_only
        self.caches = Caches(databases)
        if keyring is not None:
            self.caches.when_tenants_change = keyring.forget
        if not listed:
            with environment.begin() as raw:
                self.caches.unnamed = load_contexts(raw, databases)
        self._begin = environment.begin
        self.server_number = 0
        self.server_guid = b""
        with self.read() as transaction:
            self._load_server(transaction)

    @classmethod
    def open(
        cls,
        path: Path,
        keyring: Keyring | None,
        *,
        now: Callable[[], float],
        map_size: int = MAP_SIZE,
        max_readers: int = MAX_READERS,
        read_only: bool = False,
    ) -> Self:
        """Open the store in a folder. `now` gives seconds since 1970.

        Raises `StoreVersionError` where its layout is of another version and `StoreError` where there is none.
        """
        if not (path / "data.mdb").is_file():
            raise StoreError(f"there is no store in {path}")
        environment = _open_environment(path, map_size, max_readers, read_only)
        try:
            environment.reader_check()
            version = _check_format(environment)
            upgrades = version < layout.FORMAT and not read_only
            databases = open_databases(environment, create=upgrades)
            if upgrades:
                _raise_format(environment, databases)
            listed = upgrades or version >= layout.FORMAT
            return cls(environment, databases, keyring, now, read_only, listed=listed)
        except lmdb.Error as error:
            environment.close()
            raise store_error(error) from error
        except StoreError:
            environment.close()
            raise

    @classmethod
    def create(
        cls,
        path: Path,
        keyring: Keyring | None,
        *,
        server: bytes,
        now: Callable[[], float],
        map_size: int = MAP_SIZE,
        max_readers: int = MAX_READERS,
    ) -> Self:
        """Make an empty store in a folder and open it. `server` is the new originating server's GUID (16 bytes)."""
        if (path / "data.mdb").exists():
            raise StoreError(f"there is a store in {path} already")
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        environment = _open_environment(path, map_size, max_readers, False)
        try:
            databases = open_databases(environment, create=True)
            with environment.begin(write=True) as raw:
                counters = layout.Counters(0, 0, 0, 0, 0, 1, 0, 0, 0)
                raw.put(layout.META_FORMAT, layout.pack_number(layout.FORMAT), db=databases.meta)
                raw.put(layout.META_COUNTERS, layout.encode_counters(counters), db=databases.meta)
                raw.put(layout.META_LOCAL_SERVER, layout.pack_number(1), db=databases.meta)
                raw.put(layout.server_guid_name(1), server, db=databases.meta)
                raw.put(layout.server_number_name(server), layout.pack_number(1), db=databases.meta)
        except lmdb.Error as error:
            environment.close()
            raise store_error(error) from error
        return cls(environment, databases, keyring, now, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the environment; all transactions must have ended."""
        self.environment.close()

    def read(self) -> ReadTransaction:
        """Begin a read transaction with the caches brought up to it. Hot. End it before the turn ends."""
        try:
            raw = self._begin()
        except lmdb.Error as error:
            raise store_error(error) from error
        snapshot = raw.id()
        if snapshot != self.caches.applied:
            self.caches.catch_up(raw, snapshot)
        return ReadTransaction(self, raw, snapshot)

    @contextmanager
    def write(self) -> Iterator[WriteTransaction]:
        """A write transaction in this thread, committed at the end, aborted where an exception passes.

        For the command line and tests: the server writes through its `Committer`. Raises `StoreFull` and
        `StoreError`.
        """
        transaction = self.begin_write()
        try:
            yield transaction
        except BaseException as error:
            transaction.abort()
            if isinstance(error, lmdb.Error):
                raise store_error(error) from error
            raise
        transaction.commit()

    def begin_write(self) -> WriteTransaction:
        """Begin a write transaction; waits for other writers. It must be committed or aborted in this thread."""
        try:
            raw = self._begin(write=True)
        except lmdb.Error as error:
            raise store_error(error) from error
        self.caches.catch_up(raw, raw.id() - 1)
        return WriteTransaction(self, raw, None)

    def derived_cache(
        self, generations: frozenset[str] = frozenset(), *, by_entry: bool = False, size: int = 4096
    ) -> DerivedCache[tuple[Hashable, ...], object]:
        """A new cache of values that layers above derive; see `DerivedCache`. Made once, at start."""
        cache: DerivedCache[tuple[Hashable, ...], object] = DerivedCache(generations, by_entry, size)
        self.caches.derived.append(cache)
        return cache

    def renew_server(self, server: bytes) -> None:
        """Give a restored or copied store a new originating GUID; clock and USN go on above all that was seen."""
        with self.write() as transaction:
            transaction.put_local_server(server)
        with self.read() as reader:
            self._load_server(reader)

    def _load_server(self, transaction: ReadTransaction) -> None:
        data = transaction.raw.get(layout.META_LOCAL_SERVER, db=self.databases.meta)
        if data is None:
            raise StoreError("the store has no originating server")
        self.server_number = layout.number(data)
        self.server_guid = transaction.server_guid(self.server_number)


def _open_environment(path: Path, map_size: int, max_readers: int, read_only: bool) -> lmdb.Environment:
    try:
        return lmdb.open(
            str(path),
            map_size=map_size,
            max_dbs=len(layout.DATABASES) + 8,
            max_readers=max_readers,
            readonly=read_only,
            create=not read_only,
            mode=0o600,
            readahead=False,
        )
    except lmdb.Error as error:
        raise store_error(error) from error


def _check_format(environment: lmdb.Environment) -> int:
    """Refuse a format that is not known; the one that the store has."""
    meta = environment.open_db(b"meta", create=False)
    with environment.begin() as raw:
        data = raw.get(layout.META_FORMAT, db=meta)
    version = layout.number(data) if data is not None else 0
    if version > layout.FORMAT:
        raise StoreVersionError(
            f"the store has format {version}, and this program reads up to {layout.FORMAT}: use the version of "
            "Lightwave that wrote it, or a later one"
        )
    if version < layout.OLDEST_FORMAT:
        raise StoreVersionError(f"the store has format {version}, which this program does not know")
    return version


def _raise_format(environment: lmdb.Environment, databases: Databases) -> None:
    """Raise an older format's number when its databases are there, so that older programs refuse what we write."""
    with environment.begin(write=True) as raw:
        _list_names(raw, databases.meta)
        raw.put(layout.META_FORMAT, layout.pack_number(layout.FORMAT), db=databases.meta)


def _list_names(raw: lmdb.Transaction[bytes], meta: lmdb._Database) -> None:
    """The rows that format 3 has besides: naming contexts by their names, generations by their numbers."""
    rows: list[tuple[bytes, bytes]] = []
    for prefix in (layout.CONTEXT_PREFIX, layout.GENERATION_PREFIX):
        cursor = raw.cursor(meta)
        if not cursor.set_range(prefix):
            continue
        for key, value in cursor.iternext():
            if not key.startswith(prefix):
                break
            rest = key[len(prefix) :]
            if prefix == layout.CONTEXT_PREFIX:
                rows.append((layout.named_context_key(layout.decode_context(value)[0]), rest))
            else:
                rows.append((layout.generation_at_name(layout.number(value)), rest))
    for key, value in rows:
        raw.put(key, value, db=meta)
