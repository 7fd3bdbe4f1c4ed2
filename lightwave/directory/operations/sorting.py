"""Server-side sorting (RFC 2891) and virtual list views (draft-ietf-ldapext-ldapv3-vlv-09).

A search is run twice over: first its candidates give their sort keys, a slice at a time, and nothing is sent; then
the entries are sent in their order, each asked once more, because it may have changed since. What is held meanwhile
is the keys, bounded in number by the requester's limits and in octets, and nothing else. The result of a view that
is scrolled is kept (list_view.py) while no commit comes between.

An order that can't be made fails a request that marks the control critical, and is passed over otherwise: the
entries come as they are found, and the response control says why.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable
from typing import final

from lightwave.directory.access.token import Token
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.search_controls import ListView, encode_list_view_result, encode_sort_result
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.list_view import (
    ROW_OVERHEAD,
    ListViews,
    RequestedView,
    position_of,
    view_refused,
)
from lightwave.directory.operations.planner import Plan
from lightwave.directory.operations.search import Search, Shape
from lightwave.directory.operations.sort_keys import SortKeys, SortRefused, entry_id_of
from lightwave.directory.operations.sort_memory import Reservation, SortMemory
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.store.reading import ReadTransaction

MOST_OCTETS = 64 * 1024 * 1024
"""octets of the keys of one search; a value of many megabytes is one key too"""
_NO_LIMIT = 1 << 62


@final
class _Rows:
    """The keys that were gathered. Sorted runs are merged as they grow, so that no step takes long."""

    def __init__(self, keys: SortKeys, most: int, reservation: Reservation) -> None:
        self._keys = keys
        self._most = most
        self._reservation = reservation
        self._new: list[bytes] = []
        self._runs: list[list[bytes]] = []
        self._count = self._octets = 0

    def __call__(self, search: Search, candidate: Candidate) -> bytes:
        """The shape of the first pass: notes the entry, sends nothing."""
        row = self._keys.of(candidate)
        self._count += 1
        self._octets += len(row)
        if self._count > self._most or self._octets > MOST_OCTETS:
            raise SortRefused(ResultCode.ADMIN_LIMIT_EXCEEDED, "too many entries to sort: narrow the search")
        self._new.append(row)
        return b""

    def settle(self) -> None:
        """Takes what the last slice found into the order: runs of like size become one. Raises SortRefused."""
        self._reservation.resize(self._octets + ROW_OVERHEAD * self._count)
        run, self._new = self._new, []
        run.sort()
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = self._runs.pop() + run
            run.sort()  # two runs: as many comparisons as rows
        if run:
            self._runs.append(run)

    def ordered(self) -> list[bytes]:
        """All rows in their order."""
        rows: list[bytes] = []
        for run in reversed(self._runs):
            rows += run
        rows.sort()
        return rows


@final
class SortedSearch:
    """A search whose entries come in an order; to the server it is a search like any other."""

    def __init__(
        self,
        search: Search,
        keys: SortKeys,
        *,
        critical: bool,
        most: int,
        memory: SortMemory,
        again: Callable[[ReadTransaction], Search],
        view: RequestedView | None = None,
    ) -> None:
        """search: not begun. most: entries that may be sorted. again: makes the search anew, to go on unsorted."""
        self._search = search
        self._keys = keys
        self._critical = critical
        self._again = again
        self._view = view
        self._shape: Shape | None = search.shape
        self._reservation = Reservation(memory)
        self._rows: _Rows | None = _Rows(keys, most, self._reservation)
        self._unsorted: Search | None = None
        self._ids = array("Q")
        self._position = 0
        self._size_limit = search.size_limit
        self._sent = 0
        self.message_id = search.message_id
        self.finished = False
        self.page_full = False
        self.response_controls: tuple[Control, ...] = ()
        search.size_limit = _NO_LIMIT

    @property
    def request(self) -> SearchRequest:
        """The request that began the search."""
        return self._search.request

    @property
    def returned(self) -> int:
        """Entries of all pages."""
        return self._sent if self._unsorted is None else self._unsorted.returned

    @property
    def plan(self) -> Plan | None:
        """How the candidates were found."""
        return self._search.plan

    @property
    def examined(self) -> int:
        """Candidates that were looked at."""
        return self._search.examined

    @property
    def damaged(self) -> int:
        """Records that were passed over because they are damaged."""
        return self._search.damaged

    def act_for(self, token: Token) -> None:
        """As `Search.act_for`; what is in its order already stays there, and is read with the present rights."""
        for search in (self._search, self._unsorted):
            if search is not None:
                search.act_for(token)

    def advance(
        self, txn: ReadTransaction, out: list[bytes], *, entries: int, octets: int, until: float
    ) -> None:
        """As `Search.advance`."""
        if self._rows is not None:
            try:
                self._gather(txn, self._rows, out, until)
            except SortRefused as refused:
                self._go_on_unsorted(txn, refused)
            else:
                if self._rows is not None:
                    return
        if self._unsorted is not None:
            plain = self._unsorted
            plain.message_id = self.message_id
            plain.advance(txn, out, entries=entries, octets=octets, until=until)
            self.finished, self.page_full = plain.finished, plain.page_full
            return
        self._send(txn, out, entries, octets, until)

    def _gather(self, txn: ReadTransaction, rows: _Rows, out: list[bytes], until: float) -> None:
        view = self._view
        known = None if view is None else view.known(txn)
        if known is None:
            scratch: list[bytes] = []
            self._search.shape = rows
            try:
                self._search.advance(txn, scratch, entries=_NO_LIMIT, octets=_NO_LIMIT, until=until)
            finally:
                self._search.shape = self._shape
            out.extend(reference for reference in scratch if reference)
            rows.settle()
            if not self._search.finished:
                return
            known = rows.ordered()
        self._rows = None
        chosen = known if view is None else self._choose(txn, view, known)
        self._ids = array("Q", map(entry_id_of, chosen))
        self._reservation.resize(len(self._ids) * self._ids.itemsize)

    def _choose(self, txn: ReadTransaction, view: RequestedView, rows: list[bytes]) -> list[bytes]:
        """The rows of a virtual list view around its target."""
        context = view.keep(txn, rows)
        asked: ListView = view.asked
        if asked.assertion is None:
            target = position_of(asked, len(rows))
        else:
            try:
                target = bisect_left(rows, self._keys.of_assertion(asked.assertion)) + 1
            except InvalidValue:
                raise view_refused(
                    ResultCode.INAPPROPRIATE_MATCHING, "the value is not of the sort key's syntax"
                ) from None
        self.response_controls = (
            encode_sort_result(ResultCode.SUCCESS),
            encode_list_view_result(target, len(rows), ResultCode.SUCCESS, context),
        )
        return rows[max(0, target - 1 - asked.before) : target + asked.after]

    def _go_on_unsorted(self, txn: ReadTransaction, refused: SortRefused) -> None:
        self._rows = None
        self._reservation.resize(0)
        if self._view is not None:
            raise view_refused(refused.code, refused.message, refused.control)
        if self._critical:
            raise refused.as_critical()
        self._unsorted = self._again(txn)
        self._unsorted.omit_references()  # they were sent with the first slice
        self.response_controls = (refused.control,)

    def _send(self, txn: ReadTransaction, out: list[bytes], entries: int, octets: int, until: float) -> None:
        search, ids = self._search, self._ids
        search.message_id = self.message_id
        if not self.response_controls:
            self.response_controls = (encode_sort_result(ResultCode.SUCCESS),)
        given = written = 0
        self.page_full = False
        while self._position < len(ids):
            if not self._position & 15 and given and search.is_late(until):
                return
            encoded = search.encode(txn, ids[self._position])
            if encoded is not None:
                if self._sent >= self._size_limit:
                    raise DirectoryError(ResultCode.SIZE_LIMIT_EXCEEDED, "", controls=self.response_controls)
                if given >= entries:
                    self.page_full = True
                    return
                self._sent += 1
                given += 1
                written += len(encoded)
                out.append(encoded)
            self._position += 1
            if written > octets:
                return
        self.finished = True


def sorted_search(
    txn: ReadTransaction,
    search: Search,
    keys: SortKeys,
    *,
    critical: bool,
    most: int,
    memory: SortMemory,
    again: Callable[[ReadTransaction], Search],
    views: ListViews,
    asked: ListView | None,
) -> SortedSearch:
    """A search that has not begun, in an order; with `asked` the part of it that a virtual list view shows."""
    view = None if asked is None else views.request(txn, search.context, search.request, asked)
    return SortedSearch(search, keys, critical=critical, most=most, memory=memory, again=again, view=view)
