"""Sends the audit to where the node's entry says, in the background: lwAuditSyslog, lwAuditFile.

How far each chain has been sent stands in `meta`, and is put when the destination has taken it: every event is sent at
least once, also after a restart. While the destination is away events wait in the store, for as long as the retention
lets them. A destination that is set anew begins with what happens from then on.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from lightwave.directory.operations.ports import Commits
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.schema.normalisation import NormalisedDN
from lightwave.directory.store.audit_rows import before_time, events, next_chain
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction
from lightwave.rest.audit import event_of_row
from lightwave.rest.tenancy import Domain
from lightwave.server.audit_destinations import Destination, LineFile, Syslog
from lightwave.server.audit_formats import json_line, syslog_message

MOST = 200
"""events that are sent at once"""
CHAINS = 200
"""chains that one slice looks at"""
RETRY = 10.0
"""seconds after which a destination is tried again"""
_SENT = struct.Struct(">IIQ")  # tenant, node, sequence
_SINCE = struct.Struct(">d")
_CHAIN = b"chain"

_log = logging.getLogger("lightwave.audit")

RunInThread = Callable[[Callable[[], None], Callable[[BaseException | None], None]], None]
"""(work, done): `done` hears on the reactor thread"""


class Kind(NamedTuple):
    """One way out. attribute: of the node's entry, which says where to."""

    name: bytes
    attribute: str
    make: Callable[[str], Destination]


KINDS = (Kind(b"syslog", "lwAuditSyslog", Syslog), Kind(b"file", "lwAuditFile", LineFile))


class AuditOutput:
    """One way out; work for the upkeep. node: the name of the node's entry. now: seconds since the epoch."""

    def __init__(
        self,
        kind: Kind,
        store: Store,
        committer: Commits,
        schemas: SchemaSource,
        node: NormalisedDN,
        hostname: str,
        now: Callable[[], float],
        run_in_thread: RunInThread,
    ) -> None:
        self._kind = kind
        self._store = store
        self._committer = committer
        self._schemas = schemas
        self._node = node
        self._hostname = hostname
        self._now = now
        self._run_in_thread = run_in_thread
        self._running = False
        self._address = ""
        self._destination: Destination | None = None
        self._chain = (0, 0)
        self._not_before = 0.0
        self._is_away = False

    def run_slice(self) -> bool:
        """Send some events; whether there is more to send now."""
        if self._running or self._now() < self._not_before:
            return False
        with self._store.read() as txn:
            address = self._setting(txn)
            if address != self._address:
                self._set(address)
            since = txn.meta(self._meta(b"since"))
            if self._destination is None:
                if since is not None and not address:
                    self._submit(partial(_forget, self._meta(b"")))
                return False
            if since is None:
                at = _SINCE.pack(self._now())
                self._submit(lambda txn: txn.put_meta(self._meta(b"since"), at))
                return True
            batch = self._next(txn, _SINCE.unpack(since)[0])
        if batch is None:
            return False
        messages, position, last = batch
        if not messages:
            return True  # the next chains
        self._running = True
        destination = self._destination
        self._run_in_thread(partial(destination.send, messages), partial(self._sent, position, last))
        return True

    def close(self) -> None:
        """The process ends."""
        if self._destination is not None:
            self._destination.close()

    def _setting(self, txn: ReadTransaction) -> str:
        attribute = self._schemas.current(txn).attribute(self._kind.attribute)
        number = None if attribute is None else txn.attribute_number(attribute.oid)
        if number is None:
            return ""
        try:
            values = txn.record(*txn.find(self._node)).values(number)
        except NoSuchEntry:
            return ""
        return values[0].decode("utf-8", "replace") if values else ""

    def _set(self, address: str) -> None:
        self.close()
        self._address, self._destination, self._is_away = address, None, False
        if address:
            try:
                self._destination = self._kind.make(address)
            except ValueError as error:
                _log.error("%s: %s", self._kind.attribute, error)

    def _meta(self, rest: bytes) -> bytes:
        return b"audit.sent." + self._kind.name + b"\0" + rest

    def _next(
        self, txn: ReadTransaction, since: float
    ) -> tuple[Sequence[bytes], tuple[int, int], int] | None:
        """(messages, their chain, the last sequence) of the next chain that has some; no messages where more chains
        are to be looked at; None at the end of a round without any.
        """
        for _ in range(CHAINS):
            found = next_chain(txn, *self._chain)
            if found is None:
                self._chain = (0, 0)
                return None
            tenant, node = found
            known = txn.meta(self._meta(_chain_name(*found)))
            sent = before_time(txn, tenant, node, since) if known is None else _SENT.unpack(known)[2]
            waiting = list(islice(events(txn, tenant, node, sent), MOST))
            if waiting:
                if len(waiting) < MOST:
                    self._chain = found
                name = _tenant_name(txn, tenant)
                messages = [self._format(event_of_row(txn, one), name) for one in waiting]
                return messages, found, waiting[-1].sequence
            self._chain = found
        return (), (0, 0), 0

    def _format(self, event: Any, tenant: str) -> bytes:
        if self._kind.name == b"file":
            return json_line(event, tenant)
        return syslog_message(event, tenant, self._hostname)

    def _sent(self, chain: tuple[int, int], last: int, error: BaseException | None) -> None:
        self._running = False
        if error is not None:
            self._not_before = self._now() + RETRY
            self._chain = (0, 0)
            if not self._is_away:
                _log.error("the audit can't be sent to %s: %s; it waits", self._address, error)
            self._is_away = True
            return
        if self._is_away:
            _log.info("the audit is sent to %s again", self._address)
            self._is_away = False
        value = _SENT.pack(*chain, last)
        self._submit(lambda txn: txn.put_meta(self._meta(_chain_name(*chain)), value))

    def _submit(self, apply: Callable[[WriteTransaction], None]) -> None:
        self._running = True
        self._committer.submit(apply, self._done)

    def _done(self, result: BaseException | None) -> None:
        self._running = False
        if isinstance(result, BaseException):
            self._chain = (0, 0)
            _log.error("how far the audit was sent can't be noted; some of it is sent again: %s", result)


def _chain_name(tenant: int, node: int) -> bytes:
    return _CHAIN + struct.pack(">II", tenant, node)


def _tenant_name(txn: ReadTransaction, tenant: int) -> str:
    for name, context in txn.contexts(tenant):
        domain = Domain(tenant, context.dn, name)
        if domain.dn[:3].upper() == b"DC=":
            return domain.dns_name
    return ""


def _forget(prefix: bytes, txn: WriteTransaction) -> None:
    """A destination that is no more: what is set later begins anew."""
    for value in txn.metas(prefix + _CHAIN):
        tenant, node, _ = _SENT.unpack(value)
        txn.put_meta(prefix + _chain_name(tenant, node), None)
    txn.put_meta(prefix + b"since", None)
