"""Search over REST: a page as one answer.

A page ends at its number of entries or of octets, whichever comes first; the search then waits under a cookie.
"""

from __future__ import annotations

import json

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
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.store.environment import Store
from lightwave.directory.store.reading import ReadTransaction
from lightwave.rest.entity_tags import entity_tag, matches_none
from lightwave.rest.entries import decoded
from lightwave.rest.models import SearchQuery
from lightwave.rest.pages import Pages
from lightwave.rest.running import SearchRunner
from lightwave.web.messages import Request, Response
from lightwave.web.problems import Problem

_SCOPES = {
    "base": SCOPE_BASE,
    "one": SCOPE_ONE,
    "sub": SCOPE_SUBTREE,
    "children": SCOPE_SUBORDINATE,
}


class SearchFace:
    """Runs searches for REST."""

    def __init__(self, store: Store, schemas: SchemaSource, runner: SearchRunner, pages: Pages) -> None:
        self._store = store
        self._schemas = schemas
        self._runner = runner
        self._pages = pages

    def search(self, request: Request, context: Context) -> Deferred[Response]:
        """One page; raises Problem or DirectoryError."""
        query: SearchQuery = request.arguments
        asked = query.model_dump_json(exclude={"page_size", "paged_results_cookie"})
        with self._store.read() as txn:
            if query.paged_results_cookie is not None:
                search = self._pages.take(query.paged_results_cookie, context.token, asked)
                search.act_for(context.token)
            else:
                search = self._runner.begin(txn, context, _search_request(query))
            etag = self._tag(txn, context, query.dn) if query.scope == "base" else None
            most = min(query.page_size, context.limits.page_size)
            running = self._runner.run(txn, search, context, request.is_gone, most)

        def finish(found: list[bytes]) -> Response:
            tag = etag if len(found) == 1 else None
            unchanged = request.headers.get("if-none-match")
            if tag is not None and unchanged is not None and not matches_none(unchanged, tag):
                return Response(304, headers=(("ETag", tag),))
            cookie = None if search.finished else self._pages.keep(search, context.token, asked)
            return _answer(found, tag, cookie)

        return running.addCallback(finish)

    def _tag(self, txn: ReadTransaction, context: Context, dn: str) -> str:
        place = find(txn, self._schemas.current(txn), context, dn.encode())
        return entity_tag(txn.record(place.tenant, place.entry_id))


def _search_request(query: SearchQuery) -> SearchRequest:
    try:
        parsed = parse_filter(query.filter)
    except FilterSyntaxError as error:
        raise Problem(422, f"the filter: {error}") from None
    attributes = tuple(one for one in (part.strip() for part in query.attrs.split(",")) if one)
    return SearchRequest(
        query.dn.encode(), _SCOPES[query.scope], 0, 0, 0, False, parsed, attributes or ("1.1",)
    )


def _answer(found: list[bytes], etag: str | None, cookie: str | None) -> Response:
    entries: list[str] = []
    referrals: list[str] = []
    for encoded in found:
        value = decoded(encoded)
        if isinstance(value, list):
            referrals.extend(value)
        else:
            entries.append(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    members = [f'"result_count":{len(entries)}', f'"result":[{",".join(entries)}]']
    if referrals:
        members.append(f'"referrals":{json.dumps(referrals)}')
    if cookie is not None:
        members.append(f'"paged_results_cookie":"{cookie}"')
    headers = () if etag is None else (("ETag", etag),)
    return Response(200, ("{" + ",".join(members) + "}\n").encode(), headers=headers)
