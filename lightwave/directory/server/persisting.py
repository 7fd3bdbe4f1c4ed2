"""The searches that follow changes (content synchronisation, DirSync, persistent search), and when they go on.

Each connection's followers take turns, a slice each. One that has told its client everything waits; `Followers.wake`,
called after each commit, makes all of them look again, and so does a timer, because another process may have
committed. A client that does not read is paused, and its followers with it: they hold a position and nothing else, so
they can lag behind without costing anything. One that is too far behind is ended; it goes on with its cookie.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from lightwave.directory.ldap.controls import MANAGE_DSA_IT, SHOW_DELETED, Control
from lightwave.directory.ldap.messages import LDAPMessage
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.ldap.responses import TAG_SEARCH_DONE, encode_result
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.search_controls import DOMAIN_SCOPE, DONT_USE_COPY, SUBENTRIES
from lightwave.directory.ldap.sync_controls import (
    FOLLOWING,
    DirSyncRequest,
    PersistentSearchRequest,
    SyncRequest,
)
from lightwave.directory.operations.content_sync import ContentSync
from lightwave.directory.operations.dirsync import DirSync
from lightwave.directory.operations.following import ChangeFeed, Follower
from lightwave.directory.operations.persistent_search import PersistentSearch
from lightwave.directory.operations.request_controls import RequestControls
from lightwave.directory.operations.search import SLICE

if TYPE_CHECKING:
    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.server.connection import LDAPConnection
    from lightwave.directory.server.service import DirectoryService
    from lightwave.directory.store.reading import ReadTransaction

_WITH_FOLLOWING = FOLLOWING | {MANAGE_DSA_IT, SHOW_DELETED, SUBENTRIES, DONT_USE_COPY, DOMAIN_SCOPE}
MOST_OF_CONNECTION = 16
MOST_OF_IDENTITY = 200
"""of all connections of one identity: each is looked at after each commit, and nobody takes all of them"""
MOST_OF_SERVER = 2_000
LONGEST = 256 * 1024
"""octets of a request that follows changes: it is kept as long as its connection"""
MOST_BEHIND = 200_000
"""changes that a client which does not read may lag behind"""
OCTETS = 256 * 1024
"""bytes that are gathered before they are written: what a slice gives"""
LOOK_EVERY = 0.25
"""seconds between two looks for what other processes committed"""
LOOKS = 4
"""looks after which followers are woken anyway: a cookie may be due"""


class Followers:
    """All followers of a server."""

    def __init__(self) -> None:
        self.feed = ChangeFeed()
        self._connections: set[ConnectionFollowers] = set()
        self._usn = -1
        self._looks = 0
        self._timer_runs = False

    @property
    def count(self) -> int:
        """How many searches follow changes now."""
        return sum(len(one) for one in self._connections)

    def count_of(self, owner: bytes) -> int:
        """How many of them belong to the identity with this GUID."""
        return sum(len(one) for one in self._connections if one.owner == owner)

    def add(self, one: ConnectionFollowers) -> None:
        """From now on a connection is woken."""
        self._connections.add(one)
        self._look_again(one.service)

    def remove(self, one: ConnectionFollowers) -> None:
        """A connection follows nothing any more."""
        self._connections.discard(one)

    def wake(self) -> None:
        """There was a commit: whoever waits looks for changes."""
        for one in tuple(self._connections):
            one.wake()

    def _look_again(self, service: DirectoryService) -> None:
        if not self._timer_runs:
            self._timer_runs = True
            service.call_later(LOOK_EVERY, lambda: self._look(service))

    def _look(self, service: DirectoryService) -> None:
        self._timer_runs = False
        if not self._connections:
            return
        with service.store.read() as txn:
            usn = txn.last_usn()
        self._looks += 1
        if usn != self._usn or not self._looks % LOOKS:
            self._usn = usn
            self.wake()
        self._look_again(service)


class ConnectionFollowers:
    """What one connection follows."""

    def __init__(self, connection: LDAPConnection) -> None:
        self._connection = connection
        self.service = connection.service
        self._active: deque[Follower] = deque()
        self._waiting: list[Follower] = []
        self._scheduled = False

    def __len__(self) -> int:
        return len(self._active) + len(self._waiting)

    @property
    def owner(self) -> bytes:
        """The GUID of who is signed in; a bind forgets what was followed before."""
        return self._connection.token.guid

    def start(
        self,
        txn: ReadTransaction,
        schema: Schema,
        message: LDAPMessage,
        controls: RequestControls,
        out: list[bytes],
    ) -> None:
        """Begin to follow; appends what there is at once to `out`. Raises DirectoryError."""
        service = self.service
        followers = service.followers
        if (
            len(self) >= MOST_OF_CONNECTION
            or followers.count >= MOST_OF_SERVER
            or followers.count_of(self.owner) >= MOST_OF_IDENTITY
        ):
            raise DirectoryError(ResultCode.ADMIN_LIMIT_EXCEEDED, "too many searches follow changes already")
        if self._connection.session.octets_of(message.message_id) > LONGEST:
            raise DirectoryError(
                ResultCode.ADMIN_LIMIT_EXCEEDED,
                f"a search that follows changes has up to {LONGEST // 1024} KiB: shorten its filter",
            )
        follower = self._make(txn, schema, message, controls)
        followers.add(self)
        self._advance(txn, schema, follower, out)

    def _make(
        self, txn: ReadTransaction, schema: Schema, message: LDAPMessage, controls: RequestControls
    ) -> Follower:
        request = message.request
        assert isinstance(request, SearchRequest)
        values = controls.values
        kinds = [oid for oid in values if oid in FOLLOWING]
        if len(kinds) > 1 or controls.paging is not None:
            raise DirectoryError(
                ResultCode.UNWILLING_TO_PERFORM, "a search follows changes in one way, and not in pages"
            )
        for one in message.controls:
            if one.critical and one.oid not in _WITH_FOLLOWING:
                raise DirectoryError(
                    ResultCode.UNAVAILABLE_CRITICAL_EXTENSION,
                    f"the control {one.oid} does not go with a search that follows changes",
                )
        searches, feed, number = self.service.searches, self.service.followers.feed, message.message_id
        # Referral objects are followed like other entries.
        known = (one for one in message.controls if one.oid in _WITH_FOLLOWING)  # the others are not kept
        context = self._connection.context((*known, Control(MANAGE_DSA_IT)))
        asked = values[kinds[0]]
        if isinstance(asked, SyncRequest):
            return ContentSync(searches, feed, txn, schema, context, number, request, asked)
        if isinstance(asked, DirSyncRequest):
            return DirSync(searches, feed, txn, schema, context, number, request, asked)
        assert isinstance(asked, PersistentSearchRequest)
        return PersistentSearch(searches, feed, txn, schema, context, number, request, asked)

    def _advance(self, txn: ReadTransaction, schema: Schema, follower: Follower, out: list[bytes]) -> None:
        connection = self._connection
        try:
            until = self.service.monotonic() + SLICE
            follower.advance(txn, schema, out, octets=OCTETS, until=until)
        except Exception as error:  # noqa: BLE001  the client gets a result, the log the rest
            out.append(connection.refusal(follower.message_id, TAG_SEARCH_DONE, error))
            follower.close()
        else:
            if follower.waiting:
                self._waiting.append(follower)
                return
            if not follower.finished:
                self._active.append(follower)
                self.schedule()
                return
            connection.session.finish(follower.message_id)
            self.service.counts.searches += 1
            out.append(
                encode_result(
                    follower.message_id, TAG_SEARCH_DONE, ResultCode.SUCCESS, controls=follower.controls
                )
            )
            follower.close()
        self._forget_if_idle()

    def schedule(self) -> None:
        """Go on in a later reactor turn, unless the client does not read."""
        if self._active and not self._scheduled and not self._connection.paused:
            self._scheduled = True
            self.service.call_later(0, self._continue)

    def wake(self) -> None:
        """Look for changes, unless the client does not read; whoever is too far behind is ended."""
        self._active.extend(self._waiting)
        self._waiting.clear()
        if self._connection.paused:
            self._end_laggards()
        self.schedule()

    def _end_laggards(self) -> None:
        with self.service.store.read() as txn:
            last = txn.last_usn()
        if any(last - one.usn > MOST_BEHIND and one.persists for one in self._active):
            self._connection.dismiss(
                ResultCode.BUSY, "you do not read what changes: come back with your cookie"
            )

    def _continue(self) -> None:
        self._scheduled = False
        if not self._active or self._connection.paused or self._connection.lost:
            return
        follower = self._active.popleft()
        out: list[bytes] = []
        with self.service.store.read() as txn:
            if not self._connection.is_live(txn):
                return  # the account was disabled meanwhile: the connection ends
            schema = self.service.schemas.current(txn)
            follower.act_for(self._connection.token)
            self._advance(txn, schema, follower, out)
        if out:
            self._connection.send(b"".join(out))
        self.schedule()

    def abandon(self, message_id: int) -> bool:
        """Forget a search that is under way (RFC 4511 §4.11); whether there was one."""
        for kept in (self._active, self._waiting):
            for one in kept:
                if one.message_id == message_id:
                    kept.remove(one)
                    one.close()
                    self._connection.session.finish(message_id)
                    self._forget_if_idle()
                    return True
        return False

    def clear(self) -> None:
        """Forget everything: a bind begins, or the connection is gone."""
        for one in (*self._active, *self._waiting):
            self._connection.session.finish(one.message_id)
            one.close()
        self._active.clear()
        self._waiting.clear()
        self._forget_if_idle()

    def _forget_if_idle(self) -> None:
        if not len(self):
            self.service.followers.remove(self)
