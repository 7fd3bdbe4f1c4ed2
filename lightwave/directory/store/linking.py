"""Links and their mirror, removed links, and the names that wait for an entry, in one write transaction."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from lightwave.directory.store import layout
from lightwave.directory.store.layout import entry_key, link_key, link_value, pack_id

if TYPE_CHECKING:
    import lmdb

    from lightwave.directory.store.databases import Databases
    from lightwave.directory.store.stamps import LocalStamp


class LinkWriter:
    """The databases links, backlinks, unlinked and unresolved.

    `group_attribute` is the number of the attribute whose links make groups; None where it has none yet, and then any
    link may be one of them. `regrouped` collects the tenants in which such links came or went.
    """

    __slots__ = ("_databases", "_group_attribute", "_raw", "regrouped")

    def __init__(
        self, raw: lmdb.Transaction[bytes], databases: Databases, group_attribute: int | None = None
    ) -> None:
        self._raw = raw
        self._databases = databases
        self._group_attribute = group_attribute
        self.regrouped: set[int] = set()

    def _note(self, tenant: int, attribute: int) -> None:
        if attribute == self._group_attribute or self._group_attribute is None:
            self.regrouped.add(tenant)

    def add(self, tenant: int, source: int, attribute: int, target: int, stamp: LocalStamp) -> bool:
        """Put a link and its mirror; False where it is there already, which then keeps its stamp."""
        key = link_key(tenant, source, attribute)
        if self._stand(self._databases.links, key, target) is not None:
            return False
        removed = self._stand(self._databases.unlinked, key, target)
        if removed is not None:
            self._raw.delete(key, removed, db=self._databases.unlinked)
        self._raw.put(key, link_value(target, *stamp), db=self._databases.links)
        self._raw.put(link_key(tenant, target, attribute), pack_id(source), db=self._databases.backlinks)
        self._note(tenant, attribute)
        return True

    def remove(self, tenant: int, source: int, attribute: int, target: int, stamp: LocalStamp | None) -> bool:
        """Delete a link and its mirror; with a stamp the removal is remembered. False where there is none."""
        key = link_key(tenant, source, attribute)
        found = self._stand(self._databases.links, key, target)
        if found is None:
            return False
        self._raw.delete(key, found, db=self._databases.links)
        self._raw.delete(link_key(tenant, target, attribute), pack_id(source), db=self._databases.backlinks)
        if stamp is not None:
            self._raw.put(key, link_value(target, *stamp), db=self._databases.unlinked)
        self._note(tenant, attribute)
        return True

    def _stand(self, database: lmdb._Database, key: bytes, target: int) -> bytes | None:
        cursor = self._raw.cursor(database)
        prefix = pack_id(target)
        if cursor.set_range_dup(key, prefix):
            value = cursor.value()
            if value.startswith(prefix):
                return value
        return None

    def remove_all(self, tenant: int, entry_id: int, most: int | None = None) -> tuple[list[int], bool]:
        """Delete all links from and to an entry, and its removed ones, `most` of each kind.

        (the sources that named it, whether none is left).
        """
        databases = self._databases
        links = list(islice(self._below(databases.links, tenant, entry_id), most))
        for key, value in links:
            attribute, target = layout.number(key[12:]), value[:8]
            mirror = link_key(tenant, layout.number(target), attribute)
            self._raw.delete(key, value, db=databases.links)
            self._raw.delete(mirror, pack_id(entry_id), db=databases.backlinks)
            self._note(tenant, attribute)
        removed = list(islice(self._below(databases.unlinked, tenant, entry_id), most))
        for key, value in removed:
            self._raw.delete(key, value, db=databases.unlinked)
        sources = []
        for key, value in list(islice(self._below(databases.backlinks, tenant, entry_id), most)):
            source = layout.number(value)
            self.remove(tenant, source, layout.number(key[12:]), entry_id, None)
            sources.append(source)
        finished = most is None or max(len(links), len(removed), len(sources)) < most
        if not finished:  # nobody sees those that are left either
            self.regrouped.add(tenant)
        return sources, finished

    def _below(self, database: lmdb._Database, tenant: int, entry_id: int) -> Iterator[tuple[bytes, bytes]]:
        prefix = entry_key(tenant, entry_id)
        cursor = self._raw.cursor(database)
        if cursor.set_range(prefix):
            for key, value in cursor.iternext():
                if not key.startswith(prefix):
                    return
                yield key, value

    def wait(self, tenant: int, joined_dn: bytes, source: int, attribute: int, text: bytes) -> None:
        """Note that a value of `source` names an entry that is not there."""
        digest = layout.name_digest(tenant, joined_dn)
        self._raw.put(layout.unresolved_key(digest, source, attribute), text, db=self._databases.unresolved)

    def stop_waiting(self, tenant: int, joined_dn: bytes, source: int, attribute: int) -> None:
        """The value is gone."""
        digest = layout.name_digest(tenant, joined_dn)
        self._raw.delete(layout.unresolved_key(digest, source, attribute), db=self._databases.unresolved)

    def anything_waits(self, tenant: int) -> bool:
        """Whether any value of the tenant names an entry that is not there."""
        cursor = self._raw.cursor(self._databases.unresolved)
        return cursor.set_range(layout.pack_number(tenant)) and cursor.key()[:4] == layout.pack_number(tenant)
