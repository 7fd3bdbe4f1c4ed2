"""Virtual list views (draft-ietf-ldapext-ldapv3-vlv-09): which part of a sorted list is shown, and lists that are kept.

A list is what one identity finds by one search in one order. Its contextID is a keyed digest of just that, so it
can be checked without being stored, by every process and after a restart; one that was forged, or given to
somebody else or for another search, is refused. The sorted keys of the lists last used are kept, bounded in octets
for the whole process, and used again only while no commit came between; a list that is absent or older is made
anew. Nothing is lost with it.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from typing import NamedTuple

from lightwave.directory.access.token import Token
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.filters import encode_filter
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.search_controls import (
    VIRTUAL_LIST_REQUEST,
    ListView,
    encode_list_view_result,
)
from lightwave.directory.operations.context import Context
from lightwave.directory.store.reading import ReadTransaction

MOST_OCTETS = 32 * 1024 * 1024
"""octets of all lists that are kept"""
ROW_OVERHEAD = 56
"""what Python spends on each row beside its octets"""
LIST_OVERHEAD = 512
"""the same for each list: one of no rows takes room too"""

_LABEL = b"virtual list views"


def view_refused(code: ResultCode, message: str, *controls: Control) -> DirectoryError:
    """virtualListViewError, with the reason in the response control (§3.2)."""
    return DirectoryError(
        ResultCode.VIRTUAL_LIST_VIEW_ERROR,
        message,
        controls=(*controls, encode_list_view_result(0, 0, code)),
    )


def position_of(asked: ListView, count: int) -> int:
    """The place in a list of `count` entries that an offset means, from 1 (§4.1); 0 in a list of none.

    The client's offset is of the list as it believes it to be, and is scaled to the list as it is.
    """
    offset, believed = asked.offset, asked.content_count
    if not offset:
        raise view_refused(ResultCode.OFFSET_RANGE_ERROR, "offsets begin with 1")
    if not count or offset == 1:
        return min(1, count)
    if offset == believed:
        return count
    if offset > (believed or count):
        raise view_refused(ResultCode.OFFSET_RANGE_ERROR, "the offset is beyond the end of the list")
    return max(1, count * offset // believed) if believed else offset


class _List(NamedTuple):
    transaction: int
    rows: list[bytes]
    octets: int


class ListViews:
    """The lists that a process keeps."""

    def __init__(self) -> None:
        self._secret = b""
        self._lists: dict[bytes, _List] = {}
        self._octets = 0

    def request(
        self, txn: ReadTransaction, context: Context, request: SearchRequest, asked: ListView
    ) -> RequestedView:
        """The view that a search asks for; raises DirectoryError for a contextID that is not its own."""
        if not self._secret:  # a store without a keyring serves nobody else
            self._secret = txn.derived_secret(_LABEL) or secrets.token_bytes(32)
        name = self._name(context, request)
        if asked.context and not hmac.compare_digest(asked.context, name):
            raise view_refused(ResultCode.UNWILLING_TO_PERFORM, "the contextID belongs to another list")
        return RequestedView(self, name, asked)

    def _name(self, context: Context, request: SearchRequest) -> bytes:
        """The contextID of the list: a keyed digest of who finds what in which order."""
        controls = sorted(
            (one.oid.encode(), one.value or b"")
            for one in context.controls
            if one.oid != VIRTUAL_LIST_REQUEST
        )
        parts = (
            *_identity(context.token),
            *_search_parts(request),
            *(part for pair in controls for part in pair),
        )
        text = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.new(self._secret, text, sha256).digest()[:16]

    def find(self, context: bytes, txn: ReadTransaction) -> list[bytes] | None:
        """The rows of a list, where they are kept and still hold."""
        found = self._lists.get(context)
        if found is None or found.transaction != txn.id:
            return None
        self._lists[context] = self._lists.pop(context)  # used last
        return found.rows

    def keep(self, context: bytes, txn: ReadTransaction, rows: list[bytes]) -> None:
        """Keeps the rows of a list; the ones used longest ago make room."""
        self._forget(context)
        octets = sum(map(len, rows)) + ROW_OVERHEAD * len(rows) + LIST_OVERHEAD
        if octets > MOST_OCTETS:
            return
        while self._lists and self._octets + octets > MOST_OCTETS:
            self._forget(next(iter(self._lists)))
        self._lists[context] = _List(txn.id, rows, octets)
        self._octets += octets

    def _forget(self, context: bytes) -> None:
        old = self._lists.pop(context, None)
        if old is not None:
            self._octets -= old.octets


class RequestedView(NamedTuple):
    """One request's view of a list."""

    views: ListViews
    context: bytes
    asked: ListView

    def known(self, txn: ReadTransaction) -> list[bytes] | None:
        """The rows of the list, where they are kept and still hold."""
        return self.views.find(self.context, txn)

    def keep(self, txn: ReadTransaction, rows: list[bytes]) -> bytes:
        """Keeps the rows for the next request; the contextID to send."""
        if self.views.find(self.context, txn) is not rows:
            self.views.keep(self.context, txn, rows)
        return self.context


def _identity(token: Token) -> tuple[bytes, ...]:
    return (
        b"%d" % token.tenant,
        b"%d" % (token.entry_id or 0),
        token.guid,
        *sorted(token.sids),
        token.authenticated_by.value.encode(),
    )


def _search_parts(request: SearchRequest) -> tuple[bytes, ...]:
    return (
        request.base,
        b"%d" % request.scope,
        b"%d" % request.deref,
        encode_filter(request.filter),
    )
