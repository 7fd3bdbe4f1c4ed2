"""Content synchronisation (RFC 4533): the refresh stage, and the persist stage behind it.

Where a client goes on is in its cookie alone (sync_cookie.py). Without a usable one it gets all content, then a
present phase ends the refresh. With one it gets what `changes` says since then, and a delete phase; where removals
since then are forgotten already, a present phase with the GUIDs of all that is there.

Changes are sent in batches. Within one, whoever leaves a name goes first (parked_names.py), then what was deleted,
then the others in the order in which they got their names and places, each behind its superiors; so a consumer that
keeps a tree never needs a parent that it lacks or a name that is taken. A message's cookie is the batch's beginning
and the number of messages since; whoever is cut off gets the batch again, from that number on. As OpenLDAP's
syncprov does, and unlike RFC 4533 §3.3.2, cookies come in the refresh stage too.

A slapd takes an entry only when its entryCSN is new to it. Of an entry that changed because another one was renamed
(the names in `member` follow), entryCSN is therefore sent with the clock of the snapshot.

Below a renamed entry everything is sent again, or deleted: the names of all of it are new, and it may have come into
the scope or left it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence

from lightwave.directory.ldap.controls import encode_controls
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.ldap.responses import encode_entry
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.sync_controls import (
    SyncMode,
    SyncRequest,
    SyncState,
    encode_id_set,
    encode_new_cookie,
    encode_refresh_done,
    sync_done,
    sync_state,
)
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.following import (
    ROWS,
    ChangeFeed,
    Follower,
    WholeEntries,
    asks_for_all,
    only_stored,
)
from lightwave.directory.operations.last_seen import was_seen
from lightwave.directory.operations.parked_names import park
from lightwave.directory.operations.plugins.operational import entry_csn, operational_types
from lightwave.directory.operations.search import Search, Searches, Shape
from lightwave.directory.operations.sync_cookie import (
    Cookie,
    InvalidCookie,
    Position,
    current_position,
    format_cookie,
    format_number,
    parse_cookie,
    position_of,
    server_id,
)
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.change_rows import PendingChange
from lightwave.directory.store.errors import DamagedRecord, NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import TOMBSTONE, Record, attribute_values, encode_attribute
from lightwave.directory.store.stamps import Stamp
from lightwave.directory.store.walk import TreeWalk

MOST_BATCH = 10_000
"""changes that are put into order together"""
MOST_RESTARTS = 3
"""of a batch because a subtree was moved meanwhile; then it is sent as it is, and the next one puts it right"""
ID_SET = 500
"""GUIDs of one Sync Info message"""
QUIET = 1.0
"""seconds between cookies that tell of changes outside the content"""
_NO_COOKIE = Cookie(None, ())
_SOME_GUID = b"\xff" * 16  # stands in no cookie, which is ASCII


class ContentSync(Follower):
    """One Sync operation."""

    def __init__(
        self,
        searches: Searches,
        feed: ChangeFeed,
        txn: ReadTransaction,
        schema: Schema,
        context: Context,
        message_id: int,
        request: SearchRequest,
        sync: SyncRequest,
    ) -> None:
        self._sync = sync
        try:
            self._cookie = parse_cookie(sync.cookie) if sync.cookie else _NO_COOKIE
        except InvalidCookie as error:
            raise DirectoryError(ResultCode.PROTOCOL_ERROR, str(error)) from None
        table = searches.table(txn, schema)
        self._all = asks_for_all(request)
        request = only_stored(schema, table, request)
        self._server = server_id(txn.store.server_guid)
        self._before_guid = self._behind_guid = b""
        self._is_second = False
        self._number = b""
        """entryCSN to send instead of the entry's own; empty for its own"""
        self._here = self._told = current_position(txn)
        """how far the client has been told, and the position of the last cookie"""
        self._told_at = searches.monotonic()
        self._refreshing = True
        self._presenting = False
        """in a present phase nothing is deleted: it ends with what is there"""
        self._examined = self._given = 0
        super().__init__(searches, feed, txn, schema, context, message_id, request)
        self._deadline = searches.monotonic() + min(context.limits.time, request.time_limit or 1 << 40)
        self._batch: Mapping[int, PendingChange] = {}
        self._seen: set[int] = set()
        self._shown: set[int] = set()
        self._taken: set[int] = set()
        """what was shown with an entryCSN that is new to the client"""
        self._linked: set[int] = set()
        self._gone: list[bytes] = []
        self._known_above: set[int] = set()
        self._parked: set[int] = set()
        self._parking = False
        self._tree = self._restarts = 0

    def _new_search(self, request: SearchRequest, shape: Shape) -> Search:
        search = super()._new_search(request, shape)
        if self._all:
            search.select(WholeEntries)
        return search

    @property
    def persists(self) -> bool:
        """Whether it goes on until the client or the server ends it."""
        return self._sync.mode is SyncMode.REFRESH_AND_PERSIST

    @property
    def usn(self) -> int:
        """The USN up to which the client has been told."""
        return self._here.usn

    # --- stages --------------------------------------------------------------------------------------------------

    def _run(self) -> Iterator[bytes]:
        start = position_of(self._txn, self._cookie)
        if start is None:
            if self._cookie.numbers and not self._sync.reload_hint:
                raise DirectoryError(  # RFC 4533 §3.3.2: the client prefers this to all content
                    ResultCode.SYNC_REFRESH_REQUIRED, "the cookie is not of this directory, or too old"
                )
            yield from self._all_content()
            deletes = False
        elif self._is_forgotten(start):
            yield from self._present_phase(start)
            deletes = False
        else:
            yield from self._delete_phase(start)
            deletes = True
        self._refreshing = False
        if not self.persists:
            self.controls = (sync_done(self._cookie_at(self._told), deletes),)
            return
        yield encode_refresh_done(self.message_id, self._cookie_at(self._told), deletes=deletes)
        yield from self._persist()

    def _all_content(self) -> Iterator[bytes]:
        """Every entry, without a cookie; what changes meanwhile is behind the position at which it began."""
        self._here = self._told = current_position(self._txn)
        self._mark(SyncState.ADD, b"")
        yield from self._scan(self._search)

    def _delete_phase(self, start: Position) -> Iterator[bytes]:
        self._here = self._told = start
        goal = self._txn.last_usn()
        while self._here.usn < goal:
            yield from self._changes()
        self._note_told()

    def _present_phase(self, start: Position) -> Iterator[bytes]:
        """What changed, then the GUIDs of all that is there. The cookie stays, for it all has to be sent again."""
        self._here = self._told = start
        goal = self._txn.last_usn()
        self._presenting = True
        while self._here.usn < goal:
            yield from self._changes()
        self._presenting = False
        guids: list[bytes] = []

        def collect(search: Search, candidate: Candidate) -> bytes:
            guids.append(candidate.record.guid)
            return b""

        names = SearchRequest(
            self._request.base,
            self._request.scope,
            self._request.deref,
            self._request.size_limit,
            self._request.time_limit,
            True,
            self._request.filter,
            ("1.1",),
        )
        for _ in self._scan(self._new_search(names, collect)):
            while len(guids) >= ID_SET:
                some, guids[:ID_SET] = guids[:ID_SET], []
                yield encode_id_set(self.message_id, some, deletes=False)
            yield b""
        if guids:
            yield encode_id_set(self.message_id, guids, deletes=False)
        self._note_told()

    def _persist(self) -> Iterator[bytes]:
        while True:
            if self._txn.last_usn() > self._here.usn:
                if self._is_forgotten(self._here):
                    raise DirectoryError(
                        ResultCode.SYNC_REFRESH_REQUIRED, "removals were forgotten meanwhile"
                    )
                yield from self._changes()
                continue
            if self._told.usn != self._here.usn and self._searches.monotonic() - self._told_at >= QUIET:
                yield self._new_cookie()
                continue
            self.waiting = True
            yield b""

    # --- batches -------------------------------------------------------------------------------------------------

    def _is_forgotten(self, position: Position) -> bool:
        """Whether the store has forgotten which entries were removed since."""
        return self._txn.counters().purged_usn > position.usn

    def _changes(self) -> Iterator[bytes]:
        """One batch of changes, and where the client is after it."""
        self._check_base()
        self._tree = self._txn.generation(self.tenant, "tree")
        batch: dict[int, PendingChange] = {}
        last, latest = self._here.usn, max(self._here.clock, self._here.time << 16)
        while True:
            rows = self._feed.rows(self._txn, self.tenant, last)
            for row in rows:
                batch[row.entry_id] = row
                latest = max(latest, row.latest_clock)
            last = rows[-1].usn if rows else last
            if len(rows) < ROWS:
                end = current_position(self._txn)
                break
            if len(batch) >= MOST_BATCH:
                end = Position(last, latest >> 16, clock=latest)
                break
            yield b""
        self._look_through(len(batch))
        before = self._told
        if batch:
            yield from self._send_batch(batch)
            if self._is_outdated():
                self._restarts += 1
                return  # from the beginning of the batch, with what changed since
        self._restarts = 0
        self._here = end
        if self._told != before and not self._presenting:
            yield self._new_cookie()

    def _is_outdated(self) -> bool:
        """Whether a subtree got another name or place since the batch was read: then its order is not right."""
        is_other = self._txn.generation(self.tenant, "tree") != self._tree
        return is_other and self._restarts < MOST_RESTARTS

    def _send_batch(self, batch: Mapping[int, PendingChange]) -> Iterator[bytes]:
        """First whoever leaves a name or the content, then whoever comes, as they came."""
        self._batch = batch
        for kept in (self._seen, self._shown, self._taken, self._linked, self._known_above, self._parked):
            kept.clear()
        here = self._here
        named = sorted(
            (row for row in batch.values() if here.may_be_before(row.name_clock)),
            key=lambda row: row.name_clock,
        )
        leaving = [row for row in named if row.is_live and row.renamed]
        if leaving and len(named) > 1:
            yield from self._send_leaving(leaving)
        gone = [row for row in batch.values() if not row.is_live]
        rest = [row for row in batch.values() if row.is_live and not here.may_be_before(row.name_clock)]
        for row in (*gone, *named, *rest):
            if self._is_outdated():
                break
            yield from self._send_change(row)
            if len(self._gone) >= ID_SET:
                yield self._deletions()
        if self._gone:
            yield self._deletions()
        for entry_id in () if self._is_outdated() else self._linked - self._taken:
            yield self._entry(entry_id, self._state(), stale=True)

    def _state(self, row: PendingChange | None = None) -> SyncState:
        """RFC 4533: add in the refresh stage, and later for what is new."""
        is_new = row is not None and row.created_usn > self._here.usn
        return SyncState.ADD if self._refreshing or is_new else SyncState.MODIFY

    def _send_leaving(self, rows: Sequence[PendingChange]) -> Iterator[bytes]:
        """Entries with other names: each under one of its own meanwhile, or out of the content with all below."""
        out: list[PendingChange] = []
        for row in rows:
            if self._is_current(row) is None:
                continue
            self._parking = True
            parked = self._entry(row.entry_id, self._state(row))
            self._parking = False
            if parked:
                self._parked.add(row.entry_id)
            else:
                out.append(row)
            yield parked
        for row in out:
            yield from self._send_change(row)

    def _is_current(self, row: PendingChange) -> Record | None:
        """The entry's record, None when it was renamed or deleted since: then another batch tells of it."""
        try:
            record = self._txn.record(self.tenant, row.entry_id)
            stamps = self._txn.local_stamps(self.tenant, row.entry_id)
        except (NoSuchEntry, DamagedRecord):
            return None
        if record.flags & TOMBSTONE or (stamps.name or stamps.created).clock != row.name_clock:
            return None
        return record

    def _send_change(self, row: PendingChange) -> Iterator[bytes]:
        entry_id = row.entry_id
        if entry_id in self._seen:
            return
        self._seen.add(entry_id)
        if not row.is_live:
            if self._was_seen(entry_id):
                self._drop(
                    row.guid
                )  # also of what came and went since: a client that was cut off may have it
            return
        record = self._is_current(row)
        if record is None:
            return
        yield from self._send_superiors(record.parent)
        in_scope = self._is_in_scope(entry_id, record)
        renamed = row.renamed and self._here.may_be_before(row.name_clock)
        if self._gone:  # its name may be free only now
            yield self._deletions()
        encoded = self._entry(entry_id, self._state(row), stale=not self._here.is_before(row.latest_clock))
        if encoded:
            self._taken.add(entry_id)
            yield encoded
        if renamed and (in_scope or row.moved):
            yield from self._send_below(entry_id)
        if not encoded and (renamed or (in_scope and self._search.shows(self._txn, self.tenant, entry_id))):
            self._drop(row.guid)

    def _was_seen(self, entry_id: int) -> bool:
        """Whether the client may hear that this entry has gone."""
        try:
            return was_seen(self._txn, self._schema, self._context, self.tenant, entry_id)
        except (
            NoSuchEntry
        ):  # expired, without a tombstone: nothing is left to ask, and nothing shows but a GUID
            return True

    def _send_superiors(self, parent: int) -> Iterator[bytes]:
        """What is above an entry and changed too, highest first."""
        above: list[int] = []
        while parent and parent not in self._known_above:
            above.append(parent)
            parent = self._txn.record(self.tenant, parent).parent
        for one in reversed(above):
            self._known_above.add(one)
            row = self._batch.get(one)
            if row is not None:
                yield from self._send_change(row)

    def _send_below(self, entry_id: int) -> Iterator[bytes]:
        """All below an entry that has another name or place, and notes whoever names any of it."""
        self._note_links(entry_id)
        walk = TreeWalk(self.tenant, entry_id)
        left: list[bytes] = []
        while not walk.finished:
            for below in walk.take(self._txn, 16):
                self._look_through(1)
                self._note_links(below)
                if below in self._batch:
                    continue  # it has its own turn
                encoded = self._entry(below, self._state())
                if encoded:
                    yield encoded
                else:
                    left.append(self._txn.record(self.tenant, below).guid)
            yield b""
        for guid in reversed(left):  # what stands lower goes first
            self._drop(guid)

    def _drop(self, guid: bytes) -> None:
        if not self._presenting:
            self._gone.append(guid)

    def _note_links(self, entry_id: int) -> None:
        txn, tenant = self._txn, self.tenant
        for number in txn.backlink_attributes(tenant, entry_id):
            self._linked.update(txn.link_sources(tenant, entry_id, number))

    # --- messages ------------------------------------------------------------------------------------------------

    def _entry(self, entry_id: int, state: SyncState, *, stale: bool = False) -> bytes:
        """The entry as it is now, empty where it is not in the content."""
        told = self._next()
        self._mark(state, self._cookie_at(told))
        self._number = self._number_now() if stale else b""
        self._is_second = entry_id in self._parked
        encoded = self._encode(entry_id)
        if not encoded:
            return b""
        self._told = told
        self._shown.add(entry_id)
        self._given += 1
        if self._refreshing and self._given > self._search.size_limit:
            raise DirectoryError(ResultCode.SIZE_LIMIT_EXCEEDED, "")
        return encoded

    def _deletions(self) -> bytes:
        guids, self._gone = self._gone, []
        self._told = self._next()
        # slapd deletes the last one first.
        return encode_id_set(self.message_id, guids[::-1], deletes=True, cookie=self._cookie_at(self._told))

    def _new_cookie(self) -> bytes:
        self._note_told()
        return encode_new_cookie(self.message_id, self._cookie_at(self._told))

    def _next(self) -> Position:
        """The position that the next message carries."""
        return self._told.with_message(self._txn.counters().clock >> 16)

    def _note_told(self) -> None:
        self._told = self._told.followed_by(self._here)
        self._told_at = self._searches.monotonic()

    def _mark(self, state: SyncState, cookie: bytes) -> None:
        """What the entries that follow carry."""
        encoded = encode_controls((sync_state(state, _SOME_GUID, cookie),))
        self._before_guid, _, self._behind_guid = encoded.partition(_SOME_GUID)

    def _shape(self, search: Search, candidate: Candidate) -> bytes:
        attributes = search.attributes_of(candidate)
        if self._number or self._is_second:
            attributes = self._with_number(candidate, attributes)
        txn, tenant, record = candidate.txn, candidate.tenant, candidate.record
        if self._parking:
            rdn, attributes = park(self._schema, record, attributes, str(uuid.UUID(bytes=record.guid)))
            dn = rdn + b"," + txn.dn(tenant, self._base)
        else:
            dn = txn.dn(tenant, candidate.entry_id, record)
        tail = b"%b%b%b" % (self._before_guid, record.guid, self._behind_guid)
        return encode_entry(self.message_id, dn, attributes, (), tail)

    def _with_number(self, candidate: Candidate, attributes: bytes) -> bytes:
        description = operational_types(self._schema).csn
        number = candidate.txn.attribute_number(description.key)
        own = None if number is None else candidate.record.encoded(number)
        if own is None:
            return attributes
        # It stands among the operational attributes, so behind whatever else may look like it.
        before, found, behind = attributes.rpartition(own)
        if not found:
            return attributes
        # slapd passes over what has the number that it has: an entry that is sent twice has a later one then.
        changed = self._number or attribute_values(own)[0][:-1] + b"1"
        return before + encode_attribute(description.text.encode(), (changed,)) + behind

    def _number_now(self) -> bytes:
        """A change sequence number later than all in this snapshot, and earlier than any other."""
        stamp = Stamp(self._txn.counters().clock, self._txn.store.server_guid)
        return entry_csn(stamp)[:-1] + b"1"

    def _cookie_at(self, position: Position) -> bytes:
        return format_cookie(self._cookie.rid, format_number(position, self._server))

    def _look_through(self, count: int) -> None:
        """The limits of a search hold for the refresh stage (RFC 4533 §3.5.4)."""
        if not self._refreshing:
            return
        self._examined += count
        if self._examined > self._context.limits.look_through:
            raise DirectoryError(ResultCode.ADMIN_LIMIT_EXCEEDED, "too much has changed to look through it")
        if self._searches.monotonic() > self._deadline:
            raise DirectoryError(ResultCode.TIME_LIMIT_EXCEEDED, "")
