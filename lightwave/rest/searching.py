"""Search over REST: slices in turns of the reactor, a page as one answer.

A page ends at its number of entries or of octets, whichever comes first; the search then waits under a cookie.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred

from lightwave.directory.ldap.filters import FilterSyntaxError, parse_filter
from lightwave.directory.ldap.requests import (
    SCOPE_BASE,
    SCOPE_ONE,
    SCOPE_SUBORDINATE,
    SCOPE_SUBTREE,
    SearchRequest,
)
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.gather import find
from lightwave.directory.operations.ports import Liveness
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.operations.search import SLICE, Search, Searches
from lightwave.directory.store.environment import Store
from lightwave.directory.store.reading import ReadTransaction
from lightwave.rest.entity_tags import entity_tag, matches_none
from lightwave.rest.entries import decoded
from lightwave.rest.models import SearchQuery
from lightwave.rest.pages import Pages
from lightwave.web.messages import Request, Response
from lightwave.web.problems import Problem

PAGE_OCTETS = 1 << 20
"""bytes of encoded entries after which an answer ends"""
SLICE_OCTETS = 32 * 1024
_SCOPES = {
    "base": SCOPE_BASE,
    "one": SCOPE_ONE,
    "sub": SCOPE_SUBTREE,
    "children": SCOPE_SUBORDINATE,
}


@dataclass(slots=True)
class _Page:
    """An answer in the making."""

    search: Search
    context: Context
    is_gone: Callable[[], bool]
    query: str
    left: int
    answer: Deferred[Response]
    entries: list[str]
    referrals: list[str]
    octets: int = 0
    etag: str | None = None
    before: int = 0


class SearchFace:
    """Runs searches for REST."""

    def __init__(
        self,
        store: Store,
        schemas: SchemaSource,
        searches: Searches,
        liveness: Liveness,
        pages: Pages,
        call_later: Callable[..., Any],
    ) -> None:
        self._store = store
        self._schemas = schemas
        self._searches = searches
        self._liveness = liveness
        self._pages = pages
        self._call_later = call_later

    def search(self, request: Request, context: Context) -> Deferred[Response] | Response:
        """One page; raises Problem or DirectoryError."""
        query: SearchQuery = request.arguments
        asked = query.model_dump_json(exclude={"page_size", "paged_results_cookie"})
        with self._store.read() as txn:
            if query.paged_results_cookie is not None:
                search = self._pages.take(query.paged_results_cookie, context.token, asked)
            else:
                search = self._begin(txn, query, context)
            page = _Page(
                search,
                context,
                request.is_gone,
                asked,
                min(query.page_size, context.limits.page_size),
                Deferred(),
                [],
                [],
                before=search.returned,
            )
            self._advance(txn, page)
            if query.scope == "base" and len(page.entries) == 1:
                page.etag = self._tag(txn, context, query.dn)
        unchanged = request.headers.get("if-none-match")
        if page.etag is not None and unchanged is not None and not matches_none(unchanged, page.etag):
            return Response(304, headers=(("ETag", page.etag),))
        if self._is_full(page):
            return self._finish(page)
        self._call_later(0, self._continue, page)
        return page.answer

    def _begin(self, txn: ReadTransaction, query: SearchQuery, context: Context) -> Search:
        try:
            parsed = parse_filter(query.filter)
        except FilterSyntaxError as error:
            raise Problem(422, f"the filter: {error}") from None
        attributes = tuple(one for one in (part.strip() for part in query.attrs.split(",")) if one)
        request = SearchRequest(
            query.dn.encode(), _SCOPES[query.scope], 0, 0, 0, False, parsed, attributes or ("1.1",)
        )
        return Search(self._searches, txn, self._schemas.current(txn), context, 1, request, paged=True)

    def _tag(self, txn: ReadTransaction, context: Context, dn: str) -> str:
        place = find(txn, self._schemas.current(txn), context, dn.encode())
        return entity_tag(txn.record(place.tenant, place.entry_id))

    def _advance(self, txn: ReadTransaction, page: _Page) -> None:
        out: list[bytes] = []
        before = page.search.returned
        until = self._searches.monotonic() + SLICE
        page.search.advance(txn, out, entries=page.left, octets=SLICE_OCTETS, until=until)
        page.left -= page.search.returned - before
        for encoded in out:
            page.octets += len(encoded)
            value = decoded(encoded)
            if isinstance(value, list):
                page.referrals.extend(value)
            else:
                page.entries.append(json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    @staticmethod
    def _is_full(page: _Page) -> bool:
        return page.search.finished or page.left <= 0 or page.octets >= PAGE_OCTETS or page.search.page_full

    def _continue(self, page: _Page) -> None:
        if page.is_gone():  # or clients that come and go could have any number of searches under way
            page.answer.errback(Problem(503, "the client has gone"))
            return
        try:
            with self._store.read() as txn:
                self._liveness.check_live(txn, page.context)
                self._advance(txn, page)
        except Exception as error:  # noqa: BLE001  the one who waits makes an answer of it
            page.answer.errback(error)
            return
        if self._is_full(page):
            page.answer.callback(self._finish(page))
        else:
            self._call_later(0, self._continue, page)

    def _finish(self, page: _Page) -> Response:
        cookie = None
        if not page.search.finished:
            cookie = self._pages.keep(page.search, page.context.token, page.query)
        members = [f'"result_count":{len(page.entries)}', f'"result":[{",".join(page.entries)}]']
        if page.referrals:
            members.append(f'"referrals":{json.dumps(page.referrals)}')
        if cookie is not None:
            members.append(f'"paged_results_cookie":"{cookie}"')
        headers = () if page.etag is None else (("ETag", page.etag),)
        return Response(200, ("{" + ",".join(members) + "}\n").encode(), headers=headers)
