"""Sign-ins and refusals become events: what grants or refuses without writing an entry tells it here.

A notice is appended by the committer in a transaction of its own, together with all that came within `DELAY`; nobody
waits for it (docs/decisions/021-audit.md). A refusal is stored when it happens first; further ones of the same
account, peer and outcome are counted, and one event tells their number when `INTERVAL` is over. So whoever guesses
passwords can't fill the store, neither with many names: of one peer and of all peers only so many are told apart.

Of a name that nobody bears only what looks like one is stored: people type passwords into the wrong field.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from lightwave.directory.access.decision import who
from lightwave.directory.access.token import Token
from lightwave.directory.ldap.dn import DNSyntaxError
from lightwave.directory.ldap.messages import AddRequest, DeleteRequest, ModifyDNRequest, ModifyRequest
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import PasswordModifyRequest, RefreshRequest
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.ports import Commits
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.audit_rows import NOBODY, SUCCESS, Event, Subject, append
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import NoSuchEntry, StoreClosed
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction
from lightwave.identity.audit import Action, event_of

DELAY = 0.05
"""seconds that a notice waits for others"""
INTERVAL = 60.0
"""seconds for which repeats are counted"""
RETRY = 1.0
"""seconds until notices are tried again that could not be stored"""
MOST_AT_ONCE = 500
"""notices of one transaction"""
MOST_WAITING = 20_000
MOST_COUNTED = 10_000
MOST_OF_A_PEER = 100
"""accounts whose refusals are told apart, of all peers and of one"""
_MOST_NAMES = 30

_log = logging.getLogger("lightwave.audit")


class Way(NamedTuple):
    """Over which protocol, from where, under which correlation id."""

    protocol: str
    peer: str
    correlation: str


class Claimed(NamedTuple):
    """Whom a client says it is: the account that was found, entry_id None for nobody; and the name that it gave."""

    tenant: int
    entry_id: int | None
    name: str


@dataclass(slots=True)
class _Repeats:
    """Refusals that were counted after the first of their kind."""

    last: Event
    times: int = 0


class AuditNotices:
    """The notices of one process; `operations.ports.Recorder`. All methods run on the reactor thread.

    now: seconds since the epoch. call_later: of the reactor.
    """

    def __init__(
        self,
        store: Store,
        committer: Commits,
        schemas: SchemaSource,
        now: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], Any],
    ) -> None:
        self._store = store
        self._committer = committer
        self._schemas = schemas
        self._now = now
        self._call_later = call_later
        self._waiting: list[Event] = []
        self._scheduled = False
        self._under_way = 0
        self._counted: dict[tuple[object, ...], _Repeats] = {}
        self._of_peer: dict[str, int] = {}
        self.lost = 0
        """notices that were given up because the store took none for too long"""

    def signed_in(self, token: Token, way: Way, method: str) -> None:
        """An account signed in; anonymous ones did not."""
        if not token.is_anonymous:
            self._note(_sign_in(self._now(), token.tenant, Subject(token.guid, token.dn), way, method))

    def sign_in_refused(self, claimed: Claimed | None, way: Way, outcome: str, detail: str) -> None:
        """Somebody was not let in. detail: why, for administrators; never a secret."""
        known = claimed is not None and claimed.entry_id is not None
        tenant = claimed.tenant if claimed is not None and known else SYSTEM_TENANT
        called: object = None
        if claimed is not None:
            called = claimed.entry_id if known else claimed.name[:256]
        event = _sign_in(self._now(), tenant, NOBODY, way, detail)._replace(outcome=outcome)
        if self._is_repeated((tenant, called, Action.SIGN_IN, outcome, way.protocol), way.peer, event):
            return
        self._note(event._replace(actor=self._claimed(claimed)))

    def refused(self, context: Context, request: object, outcome: Outcome) -> None:
        """A write was refused."""
        kind = type(request)
        action = _ACTIONS.get(kind)
        if action is None or outcome.error is not None or outcome.code in _NO_REFUSALS:
            return
        if kind is PasswordModifyRequest and request.old is not None:  # type: ignore[attr-defined]  # just asked
            action = Action.PASSWORD_CHANGE
        token, label = context.token, outcome.code.label
        tenant = SYSTEM_TENANT if token.is_anonymous else token.tenant
        event = event_of(context, tenant, action, outcome=label)
        if self._is_repeated((tenant, token.guid, action, label, context.protocol), context.peer, event):
            return
        with self._store.read() as txn:
            schema = self._schemas.current(txn)
            dn: bytes = request.dn  # type: ignore[attr-defined]  # all of these have one
            place = _tenant_of(txn, schema, dn)
            if place is None:
                dn = b""
            elif outcome.code is not ResultCode.NO_SUCH_OBJECT and _is_known_in(txn, token, place, outcome):
                # Of what one may not see, another tenant's audit tells nothing: it is the matter of who asked.
                event = event._replace(tenant=place)
        self._note(event._replace(target=Subject(b"", dn), detail=_names(schema, request)))

    def changed(self, txn: WriteTransaction, context: Context, request: object) -> None:
        """A write that no plug-in heard of, in its transaction: of the schema, or a refresh."""
        schema = self._schemas.current(txn)
        dn: bytes = request.dn  # type: ignore[attr-defined]  # both have one
        tenant = _tenant_of(txn, schema, dn) or SYSTEM_TENANT
        action = Action.REFRESH if isinstance(request, RefreshRequest) else Action.SCHEMA_CHANGE
        append(txn, event_of(context, tenant, action, Subject(b"", dn), _names(schema, request)))

    # --- repeats

    def _is_repeated(self, kind: tuple[object, ...], peer: str, event: Event) -> bool:
        """Whether such a refusal was stored in this interval: then it is counted."""
        host = peer.rpartition(":")[0] or peer
        key: tuple[object, ...] = (host, *kind)
        repeats = self._counted.get(key)
        if repeats is None:
            if self._of_peer.get(host, 0) >= MOST_OF_A_PEER:
                key = (host, event.tenant, event.action, event.outcome)
            if len(self._counted) >= MOST_COUNTED:
                key = (event.tenant, event.action, event.outcome)
            repeats = self._counted.get(key)
        if repeats is not None:
            repeats.last = event
            repeats.times += 1
            return True
        if not self._counted:
            self._call_later(INTERVAL, self.tell_repeats)
        self._counted[key] = _Repeats(event)
        self._of_peer[host] = self._of_peer.get(host, 0) + 1
        return False

    def tell_repeats(self) -> None:
        """Store how often refusals were repeated, and begin to count anew."""
        counted, self._counted = self._counted, {}
        self._of_peer = {}
        for repeats in counted.values():
            if repeats.times:
                self._note(repeats.last._replace(times=repeats.times))

    # --- storing

    def _note(self, event: Event) -> None:
        waiting = self._waiting
        if len(waiting) >= MOST_WAITING:
            if not self.lost:
                _log.error("events of the audit are lost: the store takes none")
            self.lost += 1
            return
        waiting.append(event)
        if not self._scheduled:
            self._scheduled = True
            self._call_later(DELAY, self.store_waiting)

    def store_waiting(self) -> None:
        """Give what waits to the committer."""
        events, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
        self._scheduled = bool(self._waiting)
        if not events:
            return

        def apply(txn: WriteTransaction) -> None:
            for event in events:
                append(txn, event)

        def done(result: BaseException | None) -> None:
            self._under_way -= 1
            if isinstance(result, StoreClosed):
                _log.error("%d events of the audit were not stored: the store is closed", len(events))
            elif isinstance(result, BaseException):
                _log.error("events of the audit can't be stored; they are tried again: %s", result)
                self._waiting = events + self._waiting
                if not self._scheduled:
                    self._scheduled = True
                    self._call_later(RETRY, self.store_waiting)

        self._under_way += 1
        if self._waiting:
            self._call_later(0, self.store_waiting)
        self._committer.submit(apply, done)

    @property
    def is_idle(self) -> bool:
        """Whether all notices are stored."""
        return not self._waiting and not self._under_way

    def finish(self) -> None:
        """Hand everything over: the process ends when it `is_idle`."""
        self.tell_repeats()
        while self._waiting:
            self.store_waiting()

    # --- who, and what

    def _claimed(self, claimed: Claimed | None) -> Subject:
        if claimed is None:
            return NOBODY
        if claimed.entry_id is not None:
            try:
                with self._store.read() as txn:
                    record = txn.record(claimed.tenant, claimed.entry_id)
                    return Subject(record.guid, txn.dn(claimed.tenant, claimed.entry_id, record))
            except NoSuchEntry:
                pass
        return Subject(b"", shown_name(claimed.name).encode())


def _sign_in(now: float, tenant: int, actor: Subject, way: Way, detail: str) -> Event:
    return Event(
        now, tenant, Action.SIGN_IN, SUCCESS, actor, NOBODY, way.protocol, way.peer, detail, way.correlation
    )


def shown_name(name: str) -> str:
    """A name that nobody bears as far as it may be stored: a DN below a domain, or a name with one; else nothing."""
    if "=" in name:
        return name if ",dc=" in name.lower().replace(" ", "") else ""
    return name if _NAME_OF_DOMAIN.match(name) else ""


_NAME_OF_DOMAIN = re.compile(r"[^@\\]+@([A-Za-z0-9-]+\.)+[A-Za-z-]{2,}\Z|[A-Z0-9.-]+\\[^@\\]+\Z")
_ACTIONS: dict[type, Action] = {
    AddRequest: Action.ADD,
    ModifyRequest: Action.MODIFY,
    DeleteRequest: Action.DELETE,
    ModifyDNRequest: Action.RENAME,
    PasswordModifyRequest: Action.PASSWORD_RESET,
    RefreshRequest: Action.REFRESH,
}
_NO_REFUSALS = frozenset({ResultCode.SUCCESS, ResultCode.REFERRAL, ResultCode.BUSY, ResultCode.UNAVAILABLE})


def _tenant_of(txn: ReadTransaction, schema: Schema, dn: bytes) -> int | None:
    """The tenant in whose names a DN stands; 0 for nobody's, None for what is no DN."""
    try:
        return txn.find(normalise_dn_text(schema, dn))[0]
    except NoSuchEntry as error:
        return error.matched_tenant
    except (InvalidValue, DNSyntaxError):
        return None


def _is_known_in(txn: ReadTransaction, token: Token, place: int, outcome: Outcome) -> bool:
    """Whether a tenant may be told who asked: it is his own, or has let him in.

    A request can be refused before anybody looks whether its entry is there: that names no stranger to another tenant,
    nor may it be missing from the audit of his own, by which he would know what there is.
    """
    if token.is_anonymous or not place:
        return False
    if token.tenant == place or token.bypass:
        return True
    if place == SYSTEM_TENANT:
        return outcome.code is ResultCode.INSUFFICIENT_ACCESS_RIGHTS
    return bool(who(txn, token, place).sids)


def _names(schema: Schema, request: object) -> str:
    """The attributes that a request names, as far as the schema knows them."""
    if isinstance(request, AddRequest):
        names = [name for name, _ in request.attributes]
    elif isinstance(request, ModifyRequest):
        names = [change.attribute for change in request.changes]
    else:
        return ""
    described = (schema.describe(name) for name in names[:_MOST_NAMES])
    return " ".join(dict.fromkeys(one.text if one is not None else "?" for one in described))
