"""What all followers of changes have in common: they go on slice by slice and wait for the next commit.

A follower answers one search request. It holds a position in `changes` and no authoritative state, and reads that
database again after each commit; how many changes there were in between does not matter to it. `ChangeFeed` lets
followers at one position share what they read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace

from lightwave.directory.access.attribute_set import ALL
from lightwave.directory.access.token import Token
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.filters import And, Filter, Not, Or, Present
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.attribute_table import AttributeTable
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.search import (
    BASE,
    IN_SEARCHING,
    ONE_LEVEL,
    SUBORDINATES,
    Encoding,
    Search,
    Searches,
    Shape,
)
from lightwave.directory.schema.normalisation import NormalisedDN, normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.change_rows import PendingChange, pending_changes
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import HAS_LINKS, Record, encode_attribute

ROWS = 100
"""changes that are read at once: a millisecond or two"""
_REMEMBERED = 16
_CLOCK_EVERY = 8
_ENTRY_UUID = encode_attribute(b"entryUUID", (bytes(36),))[:-36]


class ChangeFeed:
    """Reads changes for all followers of a process: those at the same position are served from one reading."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, int], tuple[int, list[PendingChange]]] = {}

    def rows(self, txn: ReadTransaction, tenant: int, after: int) -> list[PendingChange]:
        """The next `ROWS` changes of a tenant later than the USN `after`, fewer at the end."""
        key = (tenant, after)
        found = self._rows.get(key)
        if found is None or found[0] != txn.id:
            if len(self._rows) >= _REMEMBERED:
                self._rows.clear()
            found = self._rows[key] = (txn.id, pending_changes(txn, tenant, after, ROWS))
        return found[1]


class Follower(ABC):
    """A search under way that follows changes. `advance` until `finished`; at `waiting` the next commit is awaited.

    `controls` go with the SearchResultDone. Raises DirectoryError where the request is refused.
    """

    def __init__(
        self,
        searches: Searches,
        feed: ChangeFeed,
        txn: ReadTransaction,
        schema: Schema,
        context: Context,
        message_id: int,
        request: SearchRequest,
    ) -> None:
        if context.token.is_anonymous:
            raise DirectoryError(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "sign in to follow changes")
        if request.deref & IN_SEARCHING:  # RFC 4533 §3.5.2
            raise DirectoryError(ResultCode.PROTOCOL_ERROR, "aliases can't be followed while changes are")
        self.message_id = message_id
        self.controls: tuple[Control, ...] = ()
        self.finished = False
        self.waiting = False
        self._searches = searches
        self._feed = feed
        self._schema = schema
        self._context = context
        self._request = request
        self._txn = txn
        self._until = 0.0
        self._snapshot = txn.id
        self._names_entries = names_entries(schema, request.filter)
        """the filter has names of entries, which it looks up when a search is made"""
        self._search = self._new_search(request, self._shape)
        self.tenant, self._base = self._search.place
        self._base_name: NormalisedDN = normalise_dn_text(schema, request.base)
        self._steps = self._run()

    @property
    @abstractmethod
    def persists(self) -> bool:
        """Whether it goes on until the client or the server ends it."""

    @property
    @abstractmethod
    def usn(self) -> int:
        """The USN up to which the client has been told."""

    @abstractmethod
    def _run(self) -> Iterator[bytes]:
        """What is sent, step by step; empty for a step without a message."""

    @abstractmethod
    def _shape(self, search: Search, candidate: Candidate) -> bytes:
        """A candidate that passed, as it is sent."""

    def act_for(self, token: Token) -> None:
        """Goes on with what the requester is now: his groups may have changed since it began."""
        if token is not self._context.token:
            self._context = replace(self._context, token=token)
            self._search.act_for(token)

    def advance(
        self, txn: ReadTransaction, schema: Schema, out: list[bytes], *, octets: int, until: float
    ) -> None:
        """Appends messages to `out` until so many octets are written, a monotonic time is past, or there is
        nothing left; raises DirectoryError when it ends otherwise."""
        self._begin_slice(txn, schema, until)
        self.waiting = False
        written = 0
        for count, step in enumerate(self._steps, 1):
            if self.waiting:
                return
            if step:
                out.append(step)
                written += len(step)
            if written > octets or (count % _CLOCK_EVERY == 0 and self._searches.monotonic() > until):
                return
        self.finished = True

    def close(self) -> None:
        """Lets go of all that it holds: it is in a circle with its steps, which the collector seldom looks for."""
        self._steps = iter(())
        self._search.shape = None

    def _begin_slice(self, txn: ReadTransaction, schema: Schema, until: float) -> None:
        is_other = txn.id != self._snapshot
        self._txn, self._until, self._snapshot = txn, until, txn.id
        if not is_other:
            return
        table = self._searches.table(txn, schema)
        if schema is not self._schema or table is not self._search.table or self._names_entries:
            self._schema = schema
            self._check_base()
            self._search = self._new_search(self._request, self._shape)

    def _new_search(self, request: SearchRequest, shape: Shape) -> Search:
        search = Search(
            self._searches,
            self._txn,
            self._schema,
            self._context,
            self.message_id,
            request,
            show_deleted=self.shows_deleted,
            subentries=True,
        )
        search.check_visible(self._txn)
        search.shape = shape
        return search

    shows_deleted = False
    without_base = ResultCode.SYNC_REFRESH_REQUIRED
    """the result when its base is no longer the entry that it was"""

    def _check_base(self) -> None:
        """RFC 4533 §3.5.1: the search ends when its base is no longer the entry that it was."""
        try:
            found = self._txn.find(self._base_name)
        except NoSuchEntry:
            found = (0, 0)
        if found != (self.tenant, self._base):
            raise DirectoryError(self.without_base, "the base was renamed or deleted")

    def _scan(self, search: Search) -> Iterator[bytes]:
        """All content, once."""
        while not search.finished:
            out: list[bytes] = []
            search.advance(self._txn, out, entries=1 << 60, octets=1 << 16, until=self._until)
            yield b"".join(out)

    def _encode(self, entry_id: int) -> bytes:
        """The entry as it is sent now; empty where it is not in the content."""
        if self._request.scope == BASE and entry_id != self._base:
            return b""
        return self._search.encode(self._txn, entry_id) or b""

    def _is_in_scope(self, entry_id: int, record: Record) -> bool:
        scope, base = self._request.scope, self._base
        if scope == BASE or entry_id == base:
            return entry_id == base and scope not in (ONE_LEVEL, SUBORDINATES)
        if scope == ONE_LEVEL:
            return record.parent == base
        return self._txn.is_below(self.tenant, entry_id, base, record)


def names_entries(schema: Schema, parsed: Filter) -> bool:
    """Whether a filter may ask for values that are names of entries: links, and what is computed from them."""
    waiting = [parsed]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Not):
            waiting.append(one.child)
        elif isinstance(one, And | Or):
            waiting.extend(one.children)
        elif not isinstance(one, Present):
            described = schema.describe(getattr(one, "attribute", None) or "")
            if described is None or described.type.is_link or described.type.is_operational:
                return True
    return False


class WholeEntries:
    """`*` and `+`: an entry without links is a copy of what its record holds, and its entryUUID."""

    def __init__(self, usual: Encoding) -> None:
        self._usual = usual

    def encode(self, candidate: Candidate) -> bytes:
        """The entry's attributes as a run of PartialAttribute encodings."""
        record = candidate.record
        if candidate.readable is not ALL or record.flags & HAS_LINKS:
            return self._usual.encode(candidate)
        digits = record.guid.hex()
        text = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        return b"%b%b%b" % (record.all_blocks, _ENTRY_UUID, text.encode())


def asks_for_all(request: SearchRequest) -> bool:
    """Whether a request asks for all that a record holds, and for nothing else."""
    return set(request.attributes) == {"*", "+"} and not request.types_only


def only_stored(schema: Schema, table: AttributeTable, request: SearchRequest) -> SearchRequest:
    """The request with `+` meaning the operational attributes that entries hold, and entryUUID.

    RFC 4533 §4.2: what is computed from other entries is not synchronised, for a change of it is no change of the
    entry. Who wants such an attribute asks for it by name.
    """
    if "+" not in request.attributes:
        return request
    stored = [
        one.name
        for one in schema.attribute_types()
        if one.is_operational and one.oid not in table.computed and one.oid not in table.subschema
    ]
    names = (*(name for name in request.attributes if name != "+"), "entryUUID", *stored)
    return replace(request, attributes=names)
