"""Runs a search to the end of a page, a slice in each turn of the reactor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred

from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.ports import Liveness
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.operations.search import SLICE, Search, Searches
from lightwave.directory.store.environment import Store
from lightwave.directory.store.reading import ReadTransaction
from lightwave.web.problems import Problem

PAGE_OCTETS = 1 << 20
"""bytes of encoded entries after which a page ends"""
SLICE_OCTETS = 32 * 1024


@dataclass(slots=True)
class _Page:
    """A page in the making. left: entries that it may still take."""

    search: Search
    context: Context
    is_gone: Callable[[], bool]
    left: int
    found: list[bytes] = field(default_factory=list)
    octets: int = 0
    answer: Deferred[list[bytes]] = field(default_factory=Deferred)

    @property
    def is_full(self) -> bool:
        search = self.search
        return search.finished or self.left <= 0 or self.octets >= PAGE_OCTETS or search.page_full


class SearchRunner:
    """Searches of the REST faces."""

    def __init__(
        self,
        store: Store,
        schemas: SchemaSource,
        searches: Searches,
        liveness: Liveness,
        call_later: Callable[..., Any],
    ) -> None:
        self._store = store
        self._schemas = schemas
        self._searches = searches
        self._liveness = liveness
        self._call_later = call_later

    def begin(self, txn: ReadTransaction, context: Context, request: SearchRequest) -> Search:
        """A search that is read in pages; raises DirectoryError."""
        return Search(self._searches, txn, self._schemas.current(txn), context, 1, request, paged=True)

    def run(
        self, txn: ReadTransaction, search: Search, context: Context, is_gone: Callable[[], bool], most: int
    ) -> Deferred[list[bytes]]:
        """The next page of a search: at most `most` encoded entries and references.

        Raises DirectoryError, or fails with it after the first slice. `search.finished` says whether it was the last.
        """
        page = _Page(search, context, is_gone, most)
        self._advance(txn, page)
        if page.is_full:
            page.answer.callback(page.found)
        else:
            self._call_later(0, self._continue, page)
        return page.answer

    def pause(self) -> Deferred[None]:
        """Fires in the next turn of the reactor: between parts of work that is long together."""
        turn: Deferred[None] = Deferred()
        self._call_later(0, turn.callback, None)
        return turn

    def _advance(self, txn: ReadTransaction, page: _Page) -> None:
        out: list[bytes] = []
        before = page.search.returned
        until = self._searches.monotonic() + SLICE
        page.search.advance(txn, out, entries=page.left, octets=SLICE_OCTETS, until=until)
        page.left -= page.search.returned - before
        page.octets += sum(map(len, out))
        page.found.extend(out)

    def _continue(self, page: _Page) -> None:
        if page.is_gone():  # or clients that come and go could have any number of searches under way
            page.answer.errback(Problem(503, "the client has gone"))
            return
        try:
            with self._store.read() as txn:
                self._liveness.check_live(txn, page.context)
                page.search.act_for(self._liveness.current(txn, page.context.token))
                self._advance(txn, page)
        except Exception as error:  # noqa: BLE001  the one who waits makes an answer of it
            page.answer.errback(error)
            return
        if page.is_full:
            page.answer.callback(page.found)
        else:
            self._call_later(0, self._continue, page)
