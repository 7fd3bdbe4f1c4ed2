"""Who follows changes and does not read: it costs nothing, until it is too far behind."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fresh_directory import BASE, Directory
from lightwave.directory.ldap.filters import Present
from lightwave.directory.ldap.limits import SessionLimits
from lightwave.directory.ldap.messages import LDAPMessage
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.session import ServerSession
from lightwave.directory.ldap.sync_controls import SYNC_REQUEST, SyncMode, SyncRequest
from lightwave.directory.operations.request_controls import RequestControls
from lightwave.directory.operations.search import Searches
from lightwave.directory.server import persisting
from lightwave.directory.server.connection import LDAPConnection
from lightwave.directory.server.persisting import ConnectionFollowers, Followers


class Service:
    """What followers need of a server; calls are kept until `turn`."""

    def __init__(self, directory: Directory) -> None:
        self.store = directory.store
        self.schemas = directory.schemas
        self.searches = Searches(directory.store, self.monotonic)
        self.followers = Followers()
        self.calls: list[Any] = []

    def monotonic(self) -> float:
        return 0.0

    def call_later(self, seconds: float, call: Any) -> None:
        if not seconds:
            self.calls.append(call)

    def turn(self) -> None:
        while self.calls:
            self.calls.pop(0)()


class Connection:
    """A connection whose client reads or does not."""

    def __init__(self, service: Service, directory: Directory, who: int = 0) -> None:
        self.service = service
        self.directory = directory
        self.token = replace(directory.token, guid=who.to_bytes(16, "big"))
        self.session = ServerSession(SessionLimits())
        self.paused = self.lost = False
        self.sent: list[bytes] = []
        self.dismissed: ResultCode | None = None

    def context(self, controls: Any) -> Any:
        return self.directory.context(controls=controls)

    def is_live(self, txn: Any) -> bool:
        return True

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def dismiss(self, code: ResultCode, message: str) -> None:
        self.dismissed = code


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    made = Directory(tmp_path)
    yield made
    made.close()


def follow(directory: Directory, followers: ConnectionFollowers) -> None:
    request = SearchRequest(BASE, 2, 0, 0, 0, False, Present("objectClass"), ())
    sync = SyncRequest(SyncMode.REFRESH_AND_PERSIST, b"", False)
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        controls = RequestControls(values={SYNC_REQUEST: sync})
        followers.start(txn, schema, LDAPMessage(1, request, ()), controls, [])


def test_one_identity_follows_with_too_many(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persisting, "MOST_OF_IDENTITY", 3)
    service = Service(directory)

    def connected(who: int) -> ConnectionFollowers:
        connection: Any = Connection(service, directory, who)
        return ConnectionFollowers(connection)

    for _ in range(3):
        follow(directory, connected(1))
    with pytest.raises(DirectoryError) as refused:
        follow(directory, connected(1))
    assert refused.value.code is ResultCode.ADMIN_LIMIT_EXCEEDED
    follow(directory, connected(2))
    assert service.followers.count == 4


def test_laggards(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persisting, "MOST_BEHIND", 5)
    service = Service(directory)
    connection: Any = Connection(service, directory)
    followers = ConnectionFollowers(connection)
    follow(directory, followers)
    service.turn()
    assert service.followers.count == 1
    told = len(connection.sent)

    connection.paused = True
    for at in range(4):
        directory.add(b"ou=u%d," % at + BASE, objectClass="organizationalUnit", ou=f"u{at}")
        service.followers.wake()
        service.turn()
    assert (len(connection.sent), connection.dismissed) == (told, None)
    connection.paused = False
    followers.schedule()
    service.turn()
    assert b"ou=u3" in b"".join(connection.sent[told:])

    connection.paused = True
    for at in range(4, 12):
        directory.add(b"ou=u%d," % at + BASE, objectClass="organizationalUnit", ou=f"u{at}")
    service.followers.wake()
    assert connection.dismissed is ResultCode.BUSY


def test_what_followed_is_let_go_at_once(directory: Directory) -> None:
    """Without waiting for the collector: a client may come back with megabytes at any time."""
    service = Service(directory)
    connection: Any = Connection(service, directory)
    followers = ConnectionFollowers(connection)
    gc.collect()
    gc.disable()
    try:
        follow(directory, followers)
        service.turn()
        (follower,) = followers._waiting
        gone = weakref.ref(follower)
        del follower
        followers.clear()
        assert gone() is None
    finally:
        gc.enable()


def test_a_lost_connection_keeps_nothing_that_it_received() -> None:
    service: Any = SimpleNamespace(connections=set(), limits_of=lambda token, settings: None)
    connection = LDAPConnection(service)
    connection._process(b"\x30\x82\xff\x00" + bytes(1_000))
    assert connection.session.has_held
    connection.connectionLost()
    assert not connection.session.has_held
