"""DirSync ([MS-ADTS] 3.1.1.3.4.1.3): what changed in a naming context since a cookie, attribute by attribute.

Entries come in the order of their changes, new ones with all attributes that were asked for, others with those that
changed: the stamps say which. An attribute that is gone comes without values. A deleted entry comes as its
tombstone, with `isDeleted`. `objectGUID` always comes. The attribute list filters, too: an entry of which nothing in
the list changed, and not its name either, does not come.

A run of several answers compares with the position where it began. Its cookie holds that position and the USN to go
on from; the cookie at the end of a run holds the position of the end. With a cookie of another store, or one from
before the tombstones' lifetime, everything comes again.

Flags: ancestors first and incremental values are served. With object security a client needs no right to replicate
and gets what he may read anyway; public data only never did anything.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lightwave.directory.access.attribute_set import ALL
from lightwave.directory.access.control_rights import GET_CHANGES, GET_CHANGES_ALL
from lightwave.directory.access.decision import decide
from lightwave.directory.access.schema_types import schema_types
from lightwave.directory.ldap.requests import SCOPE_SUBTREE, SearchRequest
from lightwave.directory.ldap.responses import encode_entry
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.sync_controls import (
    ANCESTORS_FIRST,
    INCREMENTAL_VALUES,
    OBJECT_SECURITY,
    DirSyncRequest,
    dirsync_answer,
)
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.following import ChangeFeed, Follower
from lightwave.directory.operations.plugins.tombstones import LIFETIME
from lightwave.directory.operations.search import Search, Searches, Shape
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.change_rows import PendingChange, latest_clock
from lightwave.directory.store.clock import clock_seconds
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import CONTEXT, TOMBSTONE, encode_attribute
from lightwave.directory.store.stamps import LocalStamps

MOST_ENTRIES = 1_000
"""entries of one answer"""
MOST_OCTETS = 8 * 1024 * 1024
_COOKIE = struct.Struct(">4sB16sQQQ")
_MAGIC = b"LWDS"
_VERSION = 1
_NAME_ONLY = "1.1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client is: the USN and the hybrid clock that it compares with, and the USN that it goes on from."""

    base_usn: int
    clock: int
    next_usn: int

    def encode(self, server: bytes) -> bytes:
        """The cookie."""
        return _COOKIE.pack(_MAGIC, _VERSION, server, self.base_usn, self.clock, self.next_usn)


def decode_place(txn: ReadTransaction, cookie: bytes) -> Place:
    """Where a cookie goes on: at the beginning where it is empty, or not of this store. Raises DirectoryError."""
    beginning = Place(0, 0, 0)
    if not cookie:
        return beginning
    if len(cookie) != _COOKIE.size:
        raise DirectoryError(ResultCode.PROTOCOL_ERROR, "the cookie is not one of DirSync")
    magic, version, server, base_usn, clock, next_usn = _COOKIE.unpack(cookie)
    if magic != _MAGIC or version != _VERSION:
        raise DirectoryError(ResultCode.PROTOCOL_ERROR, "the cookie is not one of DirSync")
    counters = txn.counters()
    if server != txn.store.server_guid or not base_usn <= next_usn <= counters.usn or clock > counters.clock:
        return beginning
    if base_usn and clock_seconds(clock) < clock_seconds(counters.clock) - LIFETIME:
        return beginning
    return Place(base_usn, clock, next_usn)


class DirSync(Follower):
    """One DirSync search: one answer of a run."""

    shows_deleted = True

    def __init__(
        self,
        searches: Searches,
        feed: ChangeFeed,
        txn: ReadTransaction,
        schema: Schema,
        context: Context,
        message_id: int,
        request: SearchRequest,
        asked: DirSyncRequest,
    ) -> None:
        if request.scope != SCOPE_SUBTREE:
            raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "DirSync takes the whole subtree")
        self._asked = asked
        self._place = decode_place(txn, asked.cookie)
        self._usn = self._place.next_usn
        self._server = txn.store.server_guid
        self._most_octets = min(asked.max_bytes or MOST_OCTETS, MOST_OCTETS)
        self._sent: set[int] = set()
        self._octets = 0
        described = schema.describe("isDeleted")
        assert described is not None  # it comes with the server
        self._is_deleted = described
        super().__init__(searches, feed, txn, schema, context, message_id, request)
        if not txn.record(self.tenant, self._base).flags & CONTEXT:
            raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "DirSync begins at a naming context")

    def _new_search(self, request: SearchRequest, shape: Shape) -> Search:
        """[MS-ADTS] 3.1.1.3.4.1.3: reading all takes a control access right, and what is confidential another one."""
        search = super()._new_search(request, shape)
        tenant, base = search.place
        txn, schema = self._txn, self._schema
        rights = decide(txn, schema, self._context.token, tenant, base).control_rights
        if GET_CHANGES in rights:
            keys = txn.attribute_key_mapping()
            search.grant(
                ALL if GET_CHANGES_ALL in rights else schema_types(schema).without_confidential(keys)
            )
        elif not self._asked.flags & OBJECT_SECURITY:
            raise DirectoryError(
                ResultCode.INSUFFICIENT_ACCESS_RIGHTS,
                "replicating takes the right DS-Replication-Get-Changes, or the object security flag",
            )
        return search

    @property
    def persists(self) -> bool:
        """Never: the client asks again."""
        return False

    @property
    def usn(self) -> int:
        """The USN up to which the client has been told."""
        return self._usn

    def _run(self) -> Iterator[bytes]:
        while True:
            rows = self._feed.rows(self._txn, self.tenant, self._usn)
            if not rows:
                counters = self._txn.counters()
                cookie = Place(counters.usn, counters.clock, counters.usn).encode(self._server)
                self.controls = (dirsync_answer(False, cookie),)
                return
            for row in rows:
                for encoded in self._send(row):
                    self._octets += len(encoded)
                    yield encoded
                self._usn = row.usn
                if len(self._sent) >= MOST_ENTRIES or self._octets >= self._most_octets:
                    cookie = replace(self._place, next_usn=self._usn).encode(self._server)
                    self.controls = (dirsync_answer(True, cookie),)
                    return

    def _send(self, row: PendingChange) -> Iterator[bytes]:
        """The entry, and with ancestors first what is above it and comes later."""
        if row.entry_id in self._sent or not (row.is_live or self._place.base_usn):
            return  # whoever has nothing yet has nothing to delete
        if self._asked.flags & ANCESTORS_FIRST and row.is_live:
            for above in self._superiors(row.entry_id):
                yield self._entry(above)
        yield self._entry(row.entry_id)

    def _superiors(self, entry_id: int) -> list[int]:
        """What is above an entry, later in the order of changes and not sent yet; highest first."""
        found: list[int] = []
        try:
            parent = self._txn.record(self.tenant, entry_id).parent
            while parent and parent not in self._sent:
                record = self._txn.record(self.tenant, parent)
                if record.usn_changed > self._usn:
                    found.append(parent)
                parent = record.parent
        except NoSuchEntry:
            return []
        return found[::-1]

    def _entry(self, entry_id: int) -> bytes:
        encoded = self._encode(entry_id)
        if encoded:
            self._sent.add(entry_id)
        return encoded

    # --- attributes ----------------------------------------------------------------------------------------------

    def _shape(self, search: Search, candidate: Candidate) -> bytes:
        """The entry with what changed of it, empty where nothing that was asked for did."""
        txn, tenant, record = candidate.txn, candidate.tenant, candidate.record
        stamps = txn.local_stamps(tenant, candidate.entry_id)
        is_new = record.usn_created > self._place.base_usn or bool(record.flags & TOMBSTONE)
        renamed = (stamps.name or stamps.created).clock > self._place.clock
        parts = self._changed(candidate, stamps, is_new)
        if not parts and not is_new and not renamed:
            return b""
        parts.append(encode_attribute(b"objectGUID", (record.guid,)))
        dn = txn.dn(tenant, candidate.entry_id, record)
        return encode_entry(self.message_id, dn, b"".join(parts))

    def _changed(self, candidate: Candidate, stamps: LocalStamps, is_new: bool) -> list[bytes]:
        clock = self._place.clock
        record, table = candidate.record, self._search.table
        wanted = self._wanted()
        parts: list[bytes] = []
        for number, encoded in record.attributes():
            if number in table.links or (wanted is not None and number not in wanted):
                continue
            if not candidate.may_read(number):
                continue
            if is_new or _changed_at(stamps, number) > clock:
                parts.append(encoded)
        if not is_new:
            held = record.numbers()
            for number, stamp in stamps.attributes.items():
                gone = number not in held and number not in table.links
                if not candidate.may_read(number):
                    continue
                if gone and stamp.clock > clock and (wanted is None or number in wanted):
                    description = table.description(number)
                    if description is not None:
                        parts.append(encode_attribute(description.text.encode(), ()))
        # A link that went because its target was deleted left no stamp: what own stamps don't explain is a link.
        touched = latest_clock(stamps) <= clock
        for number in sorted(table.links if wanted is None else table.links & wanted):
            parts += self._links(candidate, number, is_new, touched)
        return parts

    def _links(self, candidate: Candidate, number: int, is_new: bool, touched: bool) -> list[bytes]:
        """A link attribute: whole, or with incremental values what came and what went (`;range=1-1`, `0-0`)."""
        txn, tenant, entry_id = candidate.txn, candidate.tenant, candidate.entry_id
        description = self._search.table.description(number)
        if description is None or not candidate.may_read(number):
            return []
        clock, name = self._place.clock, description.text.encode()
        present: list[int] = []
        changed: dict[bool, list[int]] = {True: [], False: []}
        for target, stamp, is_present in txn.link_stamps(tenant, entry_id, number):
            if is_present:
                present.append(target)
            if stamp.clock > clock:
                changed[is_present].append(target)
        came, went = changed[True], changed[False]
        if not (is_new or came or went or touched):
            return []
        if is_new or touched or not self._asked.flags & INCREMENTAL_VALUES:
            names = [txn.dn(tenant, target) for target in present] + candidate.record.values(number)
            return [encode_attribute(name, names)] if names or (went and not is_new) else []
        parts = []
        for targets, option in ((came, b";range=1-1"), (went, b";range=0-0")):
            if targets:
                names = [txn.dn(tenant, target) for target in targets if txn.exists(tenant, target)]
                parts.append(encode_attribute(name + option, names))
        return parts

    def _wanted(self) -> frozenset[int] | None:
        """The numbers of the attributes that were asked for; None for all."""
        requested = self._request.attributes
        if not requested or "*" in requested:
            return None
        numbers = set(self._search.table.covered(self._is_deleted))
        for text in requested:
            description = None if text in ("+", _NAME_ONLY) else self._schema.describe(text)
            if description is not None:
                numbers.update(self._search.table.covered(description))
        return frozenset(numbers)


def _changed_at(stamps: LocalStamps, number: int) -> int:
    """The clock of the last change of an attribute."""
    whole = stamps.attributes.get(number, stamps.created).clock
    return max((stamp.clock for stamp, _ in stamps.values.get(number, {}).values()), default=whole)
