"""What the transactions of one batch have read and may read again without asking the store.

A write transaction and its children see a state that is nobody else's, so the shared caches must not hold it. But
the operations of a batch ask for the same things again and again: the requester's account, the entry that is
changed, the places above it. All of a batch share one memory, which is told of what they write:

- a record that is put or deleted is forgotten;
- where an entry is moved or removed, names and places that it may stand in are forgotten, and from then on those
  that the caches hold of the state before the batch are not asked any more;
- descriptors in force are forgotten where one of them may have changed;
- an undone child takes everything with it that it may have read of its own writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightwave.directory.schema.normalisation import NormalisedDN
    from lightwave.directory.store.caches import Place
    from lightwave.directory.store.record import Record

_MOST_RECORDS = 1_024
_MOST_NAMES = 4_096


class BatchMemory:
    """Shared by a write transaction and all its children."""

    __slots__ = ("_above", "displaced", "effective", "parents", "places", "records")

    def __init__(self) -> None:
        self.records: dict[tuple[int, int], Record] = {}
        """(tenant, entry id) -> record as it stands now"""
        self.places: dict[int, Place] = {}
        self.parents: dict[NormalisedDN, tuple[int, int]] = {}
        """names of entries that have been found above others -> (tenant, entry id)"""
        self.effective: dict[tuple[int, int], object] = {}
        """(tenant, entry id) -> what access control makes of the entry's descriptor and those above it"""
        self._above: set[int] = set()
        self.displaced = False
        """An entry was moved or removed in this batch: names and places from before it may be wrong."""

    def keep_record(self, tenant: int, entry_id: int, record: Record) -> None:
        """Remember what was read."""
        if len(self.records) >= _MOST_RECORDS:
            self.records.clear()
        self.records[tenant, entry_id] = record

    def keep_place(self, entry_id: int, place: Place) -> None:
        """Remember where an entry stands."""
        if len(self.places) >= _MOST_NAMES:
            self.places.clear()
        self.places[entry_id] = place

    def keep_parent(self, name: NormalisedDN, tenant: int, entry_id: int) -> None:
        """Remember the name of an entry that stands above another."""
        if len(self.parents) >= _MOST_NAMES:
            self.parents.clear()
            self._above.clear()
        self.parents[name] = (tenant, entry_id)
        self._above.add(entry_id)

    def displace(self, entry_id: int, *, leaf: bool) -> None:
        """An entry is moved, or removed; with `leaf` nothing stands below it."""
        self.displaced = True
        self.effective.clear()
        if not leaf or entry_id in self.places:
            self.places.clear()
        if not leaf or entry_id in self._above:
            self.parents.clear()
            self._above.clear()

    def clear(self) -> None:
        """Forget everything: a child was undone."""
        self.effective.clear()
        self.records.clear()
        self.places.clear()
        self.parents.clear()
        self._above.clear()
