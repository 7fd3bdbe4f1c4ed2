"""Persistent search (draft-ietf-ldapext-psearch-03): each change of the content is sent as it comes.

Nothing is promised across connections: a client that comes back searches again. Changes of one entry that were
committed together, or while the client did not read, come as one. A deleted entry is named with its last DN and has
no attributes, for its tombstone keeps none that a filter could judge by: a deletion is sent to whoever follows the
place where the entry stood, and could see it there, whatever the filter. The previous DN of a
renamed entry is not sent. When the base is renamed or deleted, the search ends (noSuchObject) after all is told.
"""

from __future__ import annotations

from collections.abc import Iterator

from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.ldap.responses import encode_entry
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.ldap.sync_controls import ChangeType, PersistentSearchRequest, entry_change
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.following import ChangeFeed, Follower
from lightwave.directory.operations.last_seen import last_name, was_seen
from lightwave.directory.operations.search import BASE, ONE_LEVEL, SUBORDINATES, Search, Searches
from lightwave.directory.operations.sync_cookie import Position, current_position
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import NormalisedDN, normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.change_rows import PendingChange
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction


class PersistentSearch(Follower):
    """One persistent search."""

    without_base = ResultCode.NO_SUCH_OBJECT

    def __init__(
        self,
        searches: Searches,
        feed: ChangeFeed,
        txn: ReadTransaction,
        schema: Schema,
        context: Context,
        message_id: int,
        request: SearchRequest,
        asked: PersistentSearchRequest,
    ) -> None:
        self._asked = asked
        self._here: Position = current_position(txn)
        self._notice: tuple[Control, ...] = ()
        super().__init__(searches, feed, txn, schema, context, message_id, request)

    @property
    def persists(self) -> bool:
        """Always: it ends by abandon, cancel, or the end of the connection."""
        return True

    @property
    def usn(self) -> int:
        """The USN up to which the client has been told."""
        return self._here.usn

    def _run(self) -> Iterator[bytes]:
        if not self._asked.changes_only:
            yield from self._scan(self._search)
        while True:
            rows = self._feed.rows(self._txn, self.tenant, self._here.usn)
            if not rows:
                self._check_base()  # not before all is told: the base may have gone last, with all below it
                self._here = current_position(self._txn)
                self.waiting = True
                yield b""
                continue
            before = self._here
            for row in rows:
                yield self._tell(row, before)
            latest = max(before.clock, *(row.latest_clock for row in rows))
            self._here = Position(rows[-1].usn, latest >> 16, clock=latest)

    def _tell(self, row: PendingChange, before: Position) -> bytes:
        """The notification of one change; empty where there is none for this client."""
        if not row.is_live:
            return self._deletion(row, before)
        if row.created_usn > before.usn:
            kind = ChangeType.ADD
        else:
            kind = ChangeType.MODIFY_DN if before.may_be_before(row.name_clock) else ChangeType.MODIFY
        if not kind & self._asked.change_types:
            return b""
        self._notice = self._control(kind, row)
        return self._encode(row.entry_id)

    def _control(self, kind: ChangeType, row: PendingChange) -> tuple[Control, ...]:
        return (entry_change(kind, row.usn),) if self._asked.return_controls else ()

    def _shape(self, search: Search, candidate: Candidate) -> bytes:
        dn = candidate.txn.dn(candidate.tenant, candidate.entry_id, candidate.record)
        return encode_entry(self.message_id, dn, search.attributes_of(candidate), self._notice)

    def _deletion(self, row: PendingChange, before: Position) -> bytes:
        if not ChangeType.DELETE & self._asked.change_types or row.created_usn > before.usn:
            return b""
        parent, dn = last_name(self._txn, self._schema, self.tenant, row.entry_id)
        if not dn:
            return b""
        try:
            above = normalise_dn_text(self._schema, parent)
            if not self._stood_in_scope(above, normalise_dn_text(self._schema, dn)):
                return b""
            if not was_seen(self._txn, self._schema, self._context, self.tenant, row.entry_id):
                return b""
        except (InvalidValue, NoSuchEntry):
            return b""
        return encode_entry(self.message_id, dn, b"", self._control(ChangeType.DELETE, row))

    def _stood_in_scope(self, parent: NormalisedDN, name: NormalisedDN) -> bool:
        base, scope = self._base_name, self._request.scope
        if scope == BASE:
            return name == base
        if scope == ONE_LEVEL:
            return parent == base
        if name == base:
            return scope != SUBORDINATES
        return name[-len(base) :] == base
