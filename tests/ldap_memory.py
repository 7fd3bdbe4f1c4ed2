"""LDAP in memory: real connections of a whole service, without sockets, threads or a clock of its own.

Everything random is counted instead, so that two services over copies of one store give the same octets for the same
requests, unless what differs between the copies shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pytest
from twisted.internet.task import Clock

from fresh_directory import BUILTIN, ImmediateCommits, ImmediateThreads
from lightwave.directory.access.token import Token
from lightwave.directory.operations.computed import provide
from lightwave.directory.operations.root_dse import ServerFacts
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.operations.search import Searches
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.server import extended
from lightwave.directory.server.connection import LDAPConnection
from lightwave.directory.server.service import DirectoryService
from lightwave.directory.server.settings import SettingsSource
from lightwave.directory.store.environment import Store
from lightwave.directory.store.writing import WriteTransaction
from lightwave.identity.audit_notices import AuditNotices
from lightwave.identity.authentication import Authenticator
from lightwave.identity.hashing import MINIMUM
from lightwave.identity.liveness import TokenLiveness
from lightwave.identity.password_attributes import PasswordPrepare
from lightwave.identity.password_facts import PASSWORD_FACTS
from lightwave.identity.sign_in import SignIns
from lightwave.server import node as composition
from reference import wire
from web_memory import MemoryTransport

PATIENCE = 60
"""seconds of the service's own clock that an answer may take"""


class Counted:
    """Octets that look random, and are the same each time."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._numbers = count()

    def __call__(self, size: int = 16) -> bytes:
        number = next(self._numbers).to_bytes(8, "big")
        return hashlib.shake_256(self._seed + number).digest(size)


class WakingCommits(ImmediateCommits):
    """Tells those who follow changes of each commit."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.when_committed: list[Any] = []

    def submit(self, apply: Any, done: Any) -> None:
        super().submit(apply, done)
        for call in self.when_committed:
            call()


class Memory:
    """A service over a store."""

    def __init__(self, store: Store, now: float, seed: bytes = b"") -> None:
        """now: seconds since the epoch. seed: another for each service that writes to one store."""
        self.store = store
        self.clock = Clock()
        self.schemas = SchemaSource(BUILTIN)
        self.committer = WakingCommits(store)
        provide(PASSWORD_FACTS)
        node = normalise_dn_text(BUILTIN, b"cn=here,cn=nodes,cn=config")
        threads = ImmediateThreads()
        liveness = TokenLiveness(self.schemas.current)
        authenticator = Authenticator(self.schemas.current, MINIMUM)

        def tell_time() -> float:
            return now + self.clock.seconds()

        def later(seconds: float, call: Any) -> Any:
            return self.clock.callLater(seconds, call)

        sign_ins = SignIns(
            store,
            self.schemas.current,
            authenticator,
            threads,
            self.committer,
            later,
            tell_time,
            self.clock.seconds,
            lambda _: 1.0,
        )
        audit = AuditNotices(store, self.committer, self.schemas, tell_time, later)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(composition, "new_guid", Counted(b"guid" + seed))
            pipeline = composition.write_pipeline(
                store,
                self.schemas,
                self.committer,
                threads,
                PasswordPrepare(MINIMUM, guesses=sign_ins),
                liveness,
                audit,
                sign_ins,
            )
        self.service = DirectoryService(
            store=store,
            schemas=self.schemas,
            searches=Searches(store, self.clock.seconds),
            pipeline=pipeline,
            authenticator=authenticator,
            sign_ins=sign_ins,
            liveness=liveness,
            threads=threads,
            settings=SettingsSource(node),
            facts=ServerFacts("0", "here", b"dc=lightwave,dc=local", b"cn=here", tuple(extended.SERVED)),
            now=tell_time,
            monotonic=self.clock.seconds,
            call_later=later,
            random_bytes=Counted(b"random"),
            audit=audit,
        )
        self.committer.when_committed.append(self.service.followers.wake)

    def connect(self, token: Token | None = None) -> Client:
        """A connection under TLS, of somebody or of nobody."""
        return Client(self, token)

    def write(self) -> Any:
        """A write transaction of the store's."""
        return self.store.write()


class Client:
    """The other end of a connection."""

    def __init__(self, memory: Memory, token: Token | None) -> None:
        self.memory = memory
        transport: Any = MemoryTransport
        self.transport = transport()
        connection: Any = LDAPConnection(memory.service, tls=True)
        self.connection = connection
        self.connection.makeConnection(self.transport)
        if token is not None:
            self.connection.set_token(token)
        self._numbers = count(1)

    def send(self, operation: bytes, controls: Sequence[bytes] = ()) -> bytes:
        """Sends a request; all octets that came until nothing is left to do."""
        self.connection.dataReceived(wire.message(next(self._numbers), operation, controls))
        return self.receive()

    def receive(self) -> bytes:
        """What comes when the service has its time, without waiting for an answer that is late on purpose."""
        for _ in range(8):
            self.memory.clock.advance(0)
        said = bytes(self.transport.value())
        self.transport.clear()
        return said

    def ask(self, operation: bytes, controls: Sequence[bytes] = ()) -> bytes:
        """The same, with the patience that a delayed answer needs."""
        said = self.send(operation, controls)
        for _ in range(0 if said else PATIENCE):
            self.memory.clock.advance(1)
            said = self.receive()
            if said:
                break
        return said

    def answer(self, operation: bytes, controls: Sequence[bytes] = ()) -> wire.Answer:
        """What is said, read; entries and references with it. Raises AssertionError when there is no answer."""
        return read(self.ask(operation, controls))

    def close(self) -> None:
        self.connection.connectionLost()


def read(said: bytes) -> wire.Answer:
    """The answer to one request."""
    entries = []
    for tag, content, controls in messages(said):
        if tag == wire.ENTRY:
            entries.append(wire.decode_entry(content))
        elif tag not in (wire.REFERENCE, wire.INTERMEDIATE):
            answer = wire.decode_result(tag, content)
            answer.entries = entries
            answer.controls = wire.decode_controls(controls)
            return answer
    raise AssertionError(f"no answer in {said!r}")


def messages(said: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(tag, content, controls) of all messages in what was said."""
    for _, content in wire.elements(said):
        parts = list(wire.elements(content))
        controls = parts[2][1] if len(parts) > 2 and parts[2][0] == 0xA0 else b""
        yield parts[1][0], parts[1][1], controls


def burn(txn: WriteTransaction, usn: int) -> None:
    """Uses up change numbers up to this one: there was as much to do elsewhere."""
    while txn.last_usn() < usn:
        txn.begin_change()
