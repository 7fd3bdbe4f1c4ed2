"""The searches of one connection: started at once, continued slice by slice, kept between pages.

A search that ends within its first slice never enters the queue. The others take turns. Between two pages
(RFC 2696) a search waits under its cookie, which is random, belongs to this connection and identity, and
works once.

What is kept beyond its own turn is bounded by the octets of its request, for a filter may be as long as a message:
so much may run on, so much may wait for its next page. A search that ends within its first slice is not counted.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from lightwave.directory.access.token import Token
from lightwave.directory.ldap.controls import PAGED_RESULTS, Control, encode_paged
from lightwave.directory.ldap.messages import LDAPMessage
from lightwave.directory.ldap.requests import SCOPE_BASE, SearchRequest
from lightwave.directory.ldap.responses import TAG_SEARCH_DONE, encode_entry, encode_result, encode_success
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.sync_controls import FOLLOWING
from lightwave.directory.operations.lookup import look_up
from lightwave.directory.operations.request_controls import (
    NO_CONTROLS,
    Paging,
    RequestControls,
    check_controls,
)
from lightwave.directory.operations.root_dse import encode_root_dse, root_dse_values
from lightwave.directory.operations.search import SLICE, Search
from lightwave.directory.operations.shaping import shape_search
from lightwave.directory.operations.sorting import SortedSearch
from lightwave.directory.server.counting import SAMPLE
from lightwave.directory.server.persisting import ConnectionFollowers
from lightwave.directory.server.root_filter import matches_root_dse, root_controls
from lightwave.directory.server.service import log
from lightwave.sasl.registry import offered_mechanisms

if TYPE_CHECKING:
    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.server.connection import LDAPConnection
    from lightwave.directory.store.reading import ReadTransaction

OCTETS = 64 * 1024
"""bytes of entries that are gathered before they are written"""
NO_PAGE = 1 << 60
MOST_PAGED = 8
"""searches of one connection that wait for their next page; the oldest is forgotten"""
MOST_OCTETS_PAGED = 1024 * 1024
"""octets of their requests; the oldest is forgotten, and one that is longer alone does not wait"""
MOST_OCTETS_RUNNING = 4 * 1024 * 1024
"""octets of the requests of one connection's searches that go on beyond their first slice"""
COOKIE_SIZE = 16


_LONG_PAGED = "a request of more than 1 MiB can't wait for its next page: shorten its filter"
_LONG_RUNNING = (
    "searches under way here have requests of 4 MiB together: wait for them, or shorten the filter"
)


class _Running(NamedTuple):
    search: Search | SortedSearch
    left: int
    """entries of the page that may still be sent; NO_PAGE without paging"""
    began: float


class _Waiting(NamedTuple):
    search: Search | SortedSearch
    token: Token
    request: SearchRequest
    octets: int
    """of the first page's request with its controls, which the search keeps"""


class RunningSearches:
    """What a connection has under way."""

    def __init__(self, connection: LDAPConnection) -> None:
        self._connection = connection
        self._running: deque[_Running] = deque()
        self._pages: dict[bytes, _Waiting] = {}
        self._scheduled = False
        self._followers: ConnectionFollowers | None = None

    def start(self, txn: ReadTransaction, schema: Schema, message: LDAPMessage, out: list[bytes]) -> None:
        """Begin a search; appends what it gives at once to `out`."""
        connection = self._connection
        request = message.request
        assert isinstance(request, SearchRequest)
        message_id = message.message_id
        try:
            controls = check_controls(SearchRequest, message.controls) if message.controls else NO_CONTROLS
            if not request.base and request.scope == SCOPE_BASE:
                self._root_dse(txn, schema, message, request, controls, out)
                return
            paging = controls.paging
            if paging is not None and (paging.cookie or not paging.size):
                search = self._next_page(message_id, request, paging, out)
                if search is None:
                    return
            elif message.controls:
                if not FOLLOWING.isdisjoint(controls.values):
                    self._follow(txn, schema, message, controls, out)
                    return
                search = self._shaped(txn, schema, message, request, controls)
            else:
                if self._look_up(txn, schema, message_id, request, out):
                    return
                search = Search(
                    connection.service.searches,
                    txn,
                    schema,
                    connection.context(),
                    message_id,
                    request,
                )
        except Exception as error:  # noqa: BLE001  the client gets a result, the log the rest
            out.append(connection.refusal(message_id, TAG_SEARCH_DONE, error))
            return
        page = NO_PAGE if paging is None else min(paging.size, connection.limits.page_size)
        self._advance(txn, search, page, out)

    def _look_up(
        self,
        txn: ReadTransaction,
        schema: Schema,
        message_id: int,
        request: SearchRequest,
        out: list[bytes],
    ) -> bool:
        """Whether the search was plain enough to be answered at once."""
        connection = self._connection
        service = connection.service
        counts = service.counts
        began = 0.0 if (counts.searches + 1) & SAMPLE else service.monotonic()
        answer = look_up(service.searches, txn, schema, connection.context(), message_id, request)
        if answer is None:
            return False
        counts.searches += 1
        if began:
            counts.latencies[TAG_SEARCH_DONE].observe(service.monotonic() - began, SAMPLE + 1)
        connection.session.finish(message_id)
        out.append(answer)
        return True

    def _follow(
        self,
        txn: ReadTransaction,
        schema: Schema,
        message: LDAPMessage,
        controls: RequestControls,
        out: list[bytes],
    ) -> None:
        if self._followers is None:
            self._followers = ConnectionFollowers(self._connection)
        self._followers.start(txn, schema, message, controls, out)

    def _shaped(
        self,
        txn: ReadTransaction,
        schema: Schema,
        message: LDAPMessage,
        request: SearchRequest,
        controls: RequestControls,
    ) -> Search | SortedSearch:
        """The search that a request with controls asks for."""
        connection = self._connection
        searches = connection.service.searches
        context = connection.context(message.controls)

        def make(current: ReadTransaction) -> Search:
            return Search(
                searches,
                current,
                schema,
                context,
                message.message_id,
                request,
                show_deleted=controls.show_deleted,
                paged=controls.paging is not None,
                subentries=controls.subentries,
            )

        return shape_search(searches, txn, schema, context, controls, make)

    def _root_dse(
        self,
        txn: ReadTransaction,
        schema: Schema,
        message: LDAPMessage,
        request: SearchRequest,
        controls: RequestControls,
        out: list[bytes],
    ) -> None:
        connection = self._connection
        message_id = message.message_id
        service = connection.service
        connection.refresh_channel()
        mechanisms = offered_mechanisms(connection.channel)
        values = root_dse_values(txn, service.facts, mechanisms, service.now(), connection.token.tenant)
        done = root_controls(schema, message.controls, controls, values) if controls.values else ()
        if matches_root_dse(schema, request.filter, values):
            table = service.searches.table(txn, schema)
            out.append(encode_entry(message_id, b"", encode_root_dse(schema, table, request, values)))
        connection.session.finish(message_id)
        service.counts.searches += 1
        out.append(encode_result(message_id, TAG_SEARCH_DONE, ResultCode.SUCCESS, controls=done))

    def _next_page(
        self, message_id: int, request: SearchRequest, paging: Paging, out: list[bytes]
    ) -> Search | SortedSearch | None:
        """The search that waits under the cookie, to be continued; None when it was asked to end."""
        connection = self._connection
        waiting = self._pages.pop(paging.cookie, None)
        if waiting is None:
            if not paging.cookie:
                raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "ask for a page of at least one entry")
            raise DirectoryError(
                ResultCode.UNWILLING_TO_PERFORM, "the cookie is not of a search under way here"
            )
        if not waiting.token.stands_for(connection.token) or not _same_search(waiting.request, request):
            raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "the cookie belongs to another search")
        if not paging.size:  # RFC 2696 §3: the client gives the search up
            control = Control(PAGED_RESULTS, False, encode_paged(0, b""))
            connection.session.finish(message_id)
            out.append(encode_result(message_id, TAG_SEARCH_DONE, ResultCode.SUCCESS, controls=(control,)))
            return None
        connection.session.stands_for(message_id, waiting.octets)
        waiting.search.message_id = message_id
        waiting.search.act_for(connection.token)
        return waiting.search

    def _advance(
        self,
        txn: ReadTransaction,
        search: Search | SortedSearch,
        left: int,
        out: list[bytes],
        began: float = 0.0,
    ) -> None:
        """One slice of a search; it ends, waits for its next page, or joins the queue."""
        connection = self._connection
        before = search.returned
        service = connection.service
        now = service.monotonic()
        try:
            search.advance(txn, out, entries=left, octets=OCTETS, until=now + SLICE)
        except Exception as error:  # noqa: BLE001  the client gets a result, the log the rest
            out.append(connection.refusal(search.message_id, TAG_SEARCH_DONE, error))
            return
        if search.finished:
            counts = service.counts
            counts.searches += 1
            if began or not counts.searches & SAMPLE:
                elapsed = service.monotonic() - (began or now)
                counts.latencies[TAG_SEARCH_DONE].observe(elapsed, 1 if began else SAMPLE + 1)
            self._finish(search, left is not NO_PAGE, b"", out)
            return
        if left is not NO_PAGE:
            left -= search.returned - before
            if not left or search.page_full:
                service.counts.searches += 1
                service.counts.latencies[TAG_SEARCH_DONE].observe(service.monotonic() - (began or now))
                cookie = self._keep(search)
                if cookie:
                    self._finish(search, True, cookie, out)
                else:
                    self._refuse(search, _LONG_PAGED, out)
                return
        if not began and not self._may_run_on(search):
            self._refuse(search, _LONG_RUNNING, out)
            return
        self._running.append(_Running(search, left, began or now))
        self.schedule()

    def _finish(self, search: Search | SortedSearch, paged: bool, cookie: bytes, out: list[bytes]) -> None:
        connection = self._connection
        if not (paged or search.damaged or search.response_controls):  # the usual end
            connection.session.finish(search.message_id)
            out.append(encode_success(search.message_id, TAG_SEARCH_DONE))
            return
        controls = search.response_controls
        if paged:
            controls = (*controls, Control(PAGED_RESULTS, False, encode_paged(0, cookie)))
        if search.damaged and not cookie:
            log.error(
                "connection %d: a search passed over %d damaged records", connection.number, search.damaged
            )
        connection.session.finish(search.message_id)
        out.append(encode_result(search.message_id, TAG_SEARCH_DONE, ResultCode.SUCCESS, controls=controls))

    def _may_run_on(self, search: Search | SortedSearch) -> bool:
        octets_of = self._connection.session.octets_of
        octets = sum(octets_of(one.search.message_id) for one in self._running)
        return octets + octets_of(search.message_id) <= MOST_OCTETS_RUNNING

    def _refuse(self, search: Search | SortedSearch, message: str, out: list[bytes]) -> None:
        """End a search that would have to be kept; what it found so far has been sent."""
        error = DirectoryError(ResultCode.ADMIN_LIMIT_EXCEEDED, message)
        out.append(self._connection.refusal(search.message_id, TAG_SEARCH_DONE, error))

    def _keep(self, search: Search | SortedSearch) -> bytes:
        """The cookie of a search that waits from now on; empty when its request is too long for that."""
        connection = self._connection
        octets = connection.session.octets_of(search.message_id)
        left = MOST_OCTETS_PAGED - octets
        if left < 0:
            return b""
        pages = self._pages
        while pages and (len(pages) >= MOST_PAGED or sum(one.octets for one in pages.values()) > left):
            del pages[next(iter(pages))]
        cookie = connection.service.random_bytes(COOKIE_SIZE)
        pages[cookie] = _Waiting(search, connection.token, search.request, octets)
        return cookie

    def schedule(self) -> None:
        """Go on in a later reactor turn, unless the client does not read."""
        if self._followers is not None:
            self._followers.schedule()
        if self._running and not self._scheduled and not self._connection.paused:
            self._scheduled = True
            self._connection.service.call_later(0, self._continue)

    def _continue(self) -> None:
        self._scheduled = False
        if not self._running or self._connection.paused:
            return
        search, left, began = self._running.popleft()
        out: list[bytes] = []
        with self._connection.service.store.read() as txn:
            if not self._connection.is_live(txn):
                return  # the account was disabled meanwhile: the connection ends
            search.act_for(self._connection.token)
            self._advance(txn, search, left, out, began)
        if out:
            self._connection.send(b"".join(out))
        self.schedule()

    def abandon(self, message_id: int) -> bool:
        """Forget a search that is under way (RFC 4511 §4.11); whether there was one."""
        for one in self._running:
            if one.search.message_id == message_id:
                self._running.remove(one)
                self._connection.session.finish(message_id)
                return True
        return self._followers is not None and self._followers.abandon(message_id)

    def clear(self) -> None:
        """Forget everything: a bind begins, or the connection is gone."""
        for one in self._running:
            self._connection.session.finish(one.search.message_id)
        self._running.clear()
        self._pages.clear()
        if self._followers is not None:
            self._followers.clear()


def _same_search(first: SearchRequest, second: SearchRequest) -> bool:
    """RFC 2696 §3: all but the control's value and the message id are to be the same."""
    return (
        first.base == second.base
        and first.scope == second.scope
        and first.filter == second.filter
        and first.attributes == second.attributes
        and first.deref == second.deref
    )
