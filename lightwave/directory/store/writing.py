"""A write transaction: entries in, and with each entry all that hangs on it.

Every method keeps all databases in agreement (check.py names the invariants) and takes only what the layers above
have checked. One operation is one `begin_change` and runs in one child transaction, so that an exception undoes it
alone. Two entries touched by the same change get USNs of their own; an entry touched twice keeps its USN.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

import lmdb

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import join_dn
from lightwave.directory.store import clock, layout
from lightwave.directory.store.errors import (
    EntryExists,
    KeyringError,
    NoSuchEntry,
    StoreError,
    store_error,
)
from lightwave.directory.store.index_keys import Describe, IndexWriter
from lightwave.directory.store.indexes import IndexDefinition, IndexDefinitions, IndexKind, load_definitions
from lightwave.directory.store.layout import (
    Counters,
    child_prefix,
    child_value,
    entry_key,
    guid_key,
    pack_id,
)
from lightwave.directory.store.linking import LinkWriter
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import (
    CONTEXT,
    DYNAMIC,
    HAS_LINKS,
    TOMBSTONE,
    Record,
    encode_attribute,
    encode_record,
)
from lightwave.directory.store.sealing import seal
from lightwave.directory.store.stamps import (
    EntryStamps,
    LocalStamp,
    LocalStamps,
    Stamp,
    encode_stamps,
    local_stamps,
    value_identity,
)

if TYPE_CHECKING:
    from lightwave.directory.schema.attribute import AttributeDescription
    from lightwave.directory.schema.normalisation import NormalisedDN, NormalisedRDN
    from lightwave.directory.store.environment import Store

MAX_ATTRIBUTES = 60_000
_DAY_MS = 86_400_000


@dataclass(slots=True)
class Change:
    """One operation's stamp and first USN; made by `begin_change`, used by all that the operation writes."""

    stamp: Stamp
    local: LocalStamp
    usn: int
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A checked entry that is about to be inserted.

    `attributes` hold what stands in the record: for link attributes only the DNs that name no entry yet, while
    `links` hold (attribute, entry id) of those that do. `rdn` is the RDN as text; the whole DN for the root of a
    naming context. `guid` has 16 bytes. `expires` is in seconds since 1970. `flags` are of `RecordFlag`.
    """

    rdn: bytes
    normalised_rdn: NormalisedRDN
    guid: bytes
    attributes: Sequence[tuple[AttributeDescription, tuple[bytes, ...]]]
    links: Sequence[tuple[AttributeDescription, int]] = ()
    flags: int = 0
    expires: float | None = None
    descriptor: int = 0


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """What an update makes of one attribute.

    `values` is the whole new set, empty where the attribute goes. `added` and `removed` are the values that came
    and went, each stamped for itself; with `whole` the attribute gets one stamp and the two may be left empty.
    Of a link attribute, only the DNs that name no entry are values here.
    """

    description: AttributeDescription
    values: tuple[bytes, ...]
    added: tuple[bytes, ...] = ()
    removed: tuple[bytes, ...] = ()
    whole: bool = True


class WriteTransaction(ReadTransaction):
    """Reads its own writes; bypasses all caches that hold committed state."""

    __slots__ = ("_counters", "_definitions", "_dirty", "_indexes", "_links", "_parent", "_unresolved")

    def __init__(self, store: Store, raw: lmdb.Transaction[bytes], parent: WriteTransaction | None) -> None:
        super().__init__(store, raw, -1)
        self._parent = parent
        self._counters: Counters | None = None
        self._dirty = False
        self._definitions: IndexDefinitions | None = None
        self._indexes = IndexWriter(raw, self._databases.index)
        self._links = LinkWriter(raw, self._databases)

    # --- the transaction itself ------------------------------------------------------------------------------------

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.abort()

    def close(self) -> None:
        """Abort the transaction."""
        self.abort()

    def child(self) -> WriteTransaction:
        """Begin a child transaction; a context manager that commits into this one, or undoes itself alone."""
        self.flush()
        raw = self.store.environment.begin(parent=self.raw, write=True)
        return WriteTransaction(self.store, raw, self)

    def flush(self) -> None:
        """Put the counters where a child or the commit expects them."""
        if self._dirty and self._counters is not None:
            data = layout.encode_counters(self._counters)
            self.raw.put(layout.META_COUNTERS, data, db=self._databases.meta)
            self._dirty = False

    def commit(self) -> None:
        """Commit; raises `StoreFull` or `StoreError`, after which nothing of the transaction happened."""
        try:
            self.flush()
            self.raw.commit()
        except lmdb.Error as error:
            self.raw.abort()
            raise store_error(error) from error
        if self._parent is not None:
            self._parent.forget()

    def abort(self) -> None:
        """Undo everything of this transaction."""
        self.raw.abort()

    def forget(self) -> None:
        """Drop what was remembered of meta: a child has changed it."""
        self._counters = None
        self._definitions = None
        self._dirty = False

    def counters(self) -> Counters:
        """The counters as this transaction advances them."""
        if self._counters is None:
            self._counters = self._load_counters()
        return self._counters

    def _load_counters(self) -> Counters:
        data = self.raw.get(layout.META_COUNTERS, db=self._databases.meta)
        if data is None:
            raise StoreError("the store has no counters")
        return layout.decode_counters(data)

    def _advance(self) -> Counters:
        self._dirty = True
        return self.counters()

    def begin_change(self) -> Change:
        """Begin one operation: the clock goes on inside the transaction, the originating server is this one."""
        counters = self._advance()
        counters.clock = clock.advance(counters.clock, self.store.now())
        counters.usn += 1
        store = self.store
        return Change(
            Stamp(counters.clock, store.server_guid),
            LocalStamp(counters.clock, store.server_number),
            counters.usn,
        )

    def see_clock(self, remote: int) -> None:
        """Note a clock value of another server; raises `clock.ClockAhead` where it is too far in the future."""
        counters = self._advance()
        counters.clock = clock.receive(counters.clock, remote, self.store.now())
