"""One turn of the reactor: what the connections that are ready in it share.

They read from one snapshot, and their answers leave together at its end. Measured with eight connections of one
outstanding request each: a write to a socket wakes the client's processor, which costs 4 µs less when the client
is awake already from the answer before; a snapshot of its own costs each connection 3 µs.

Invariants
- The snapshot begins after the reactor has learnt which sockets are ready and ends before an answer of the turn
  leaves. So whoever has seen an answer finds what it says in his next request. Commits are answered between
  turns.
- No answer waits longer than `LONGEST` for the requests of others, nor more than `MOST` connections for each other.
- Outside the reactor's turn (a timer, a thread's result) a turn is as long as one call.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, final

from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.store.environment import Store

if TYPE_CHECKING:
    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.server.connection import LDAPConnection
    from lightwave.directory.store.reading import ReadTransaction

_log = logging.getLogger("lightwave.ldap")

LONGEST = 0.001
"""seconds"""
MOST = 32
"""connections with answers that wait; each holds what one chunk of its requests gave"""


@final
class Turn:
    """The turn under way. `running` is set by the reactor while it serves what is ready."""

    __slots__ = ("_began", "_schemas", "_store", "_unsent", "running", "schema", "txn")

    def __init__(self, store: Store, schemas: SchemaSource) -> None:
        self._store = store
        self._schemas = schemas
        self.txn: ReadTransaction | None = None
        """the snapshot; while there is one, answers are gathered"""
        self._unsent: list[LDAPConnection] = []
        self._began = 0.0
        self.running = False
        self.schema: Schema = schemas.latest
        """the schema of the snapshot"""

    def snapshot(self, now: float) -> ReadTransaction:
        """The turn's read transaction, begun by the first who asks. Call `settle` afterwards. now: monotonic."""
        txn = self.txn
        if txn is not None:
            if now - self._began < LONGEST and len(self._unsent) < MOST:
                return txn
            self.end()
        txn = self.txn = self._store.read()
        self.schema = self._schemas.current(txn)
        self._began = now
        return txn

    def gather(self, connection: LDAPConnection) -> None:
        """Have `flush` of this connection called at the end."""
        self._unsent.append(connection)

    def settle(self) -> None:
        """The call that asked for the snapshot is over; outside the reactor's turn all is."""
        if not self.running:
            self.end()

    def end(self) -> None:
        """End the snapshot, then let the answers go."""
        txn = self.txn
        if txn is None:
            return
        self.txn = None
        txn.close()
        unsent = self._unsent
        if unsent:
            self._unsent = []
            for connection in unsent:
                try:
                    connection.flush()
                except Exception:  # noqa: BLE001  one client's trouble must not keep the others' answers
                    _log.exception("connection %d: its answers could not be sent", connection.number)
                    connection.transport.abortConnection()
