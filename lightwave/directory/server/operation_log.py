"""The operation log: what a connection was asked, what it answered, and what that cost.

Theory of operation. While a connection is watched, two of its methods are hidden behind others on the instance:
the one that takes decoded requests, which notes the time, and the one that sends, which reads from the octets what
has been answered with which result. Nothing of a connection that is not watched is touched, so the log costs
nothing while it is off; and it tells what was sent, whatever way a request took to get there. The searches' `_advance`
is watched too, for the plan and the number of candidates.

What is logged of values: filters, names and asserted values of attributes that are readable, cut to a length.
Values of secret attributes and of attributes that the schema does not know are `?`; of changes only the attributes
are named; passwords and SASL messages are nowhere.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from lightwave.directory.ldap.filters import And, Filter, Not, Or, Present, format_filter
from lightwave.directory.ldap.messages import LDAPMessage
from lightwave.directory.ldap.requests import (
    AbandonRequest,
    AddRequest,
    BindRequest,
    CompareRequest,
    DeleteRequest,
    ExtendedRequest,
    ModifyDNRequest,
    ModifyRequest,
    SaslCredentials,
    SearchRequest,
    UnbindRequest,
)
from lightwave.directory.ldap.responses import (
    TAG_INTERMEDIATE_RESPONSE,
    TAG_SEARCH_ENTRY,
    TAG_SEARCH_REFERENCE,
)
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.ldap.session import Event
from lightwave.directory.schema.schema import Schema
from lightwave.wire.ber import BerError, decode_integer, read_header

if TYPE_CHECKING:
    from lightwave.directory.access.token import Token
    from lightwave.directory.server.connection import LDAPConnection

log = logging.getLogger("lightwave.operations")

MOST_TEXT = 256
"""characters of a name, a filter's assertion or a message"""
MOST_PARTS = 32
"""parts of a filter, attributes of a change"""
MOST_PENDING = 2_000
"""requests of one connection that wait for an answer; those that a bind has ended never get one"""
_NOT_THE_END = (TAG_SEARCH_REFERENCE, TAG_INTERMEDIATE_RESPONSE)
_SCOPES = ("base", "one", "sub", "children")
_KINDS: dict[type, str] = {
    AbandonRequest: "abandon",
    AddRequest: "add",
    BindRequest: "bind",
    CompareRequest: "compare",
    DeleteRequest: "delete",
    ExtendedRequest: "extended",
    ModifyDNRequest: "modifyDN",
    ModifyRequest: "modify",
    SearchRequest: "search",
    UnbindRequest: "unbind",
}
_HEAD = ("operation", "connection", "messageId", "code", "octets", "estimate")
_TAIL = ("result", "text", "milliseconds", "slow", "identity", "peer")
"""fields whose place in a line is fixed; machines get those too that people don't need"""
_BARE = re.compile(r"[\w.:/+-]+\Z", re.ASCII)
_PLAIN = re.compile(r'[^"\\\x00-\x1f\x7f]*\Z')


class Mode(Enum):
    """What lwOperationLog may say."""

    OFF = "off"
    SLOW = "slow"
    ALL = "all"


class Operation(Mapping[str, Any]):
    """One line of the log: its fields and its text are made where it is written, not where it is noted."""

    def __init__(self, describe: Callable[[], dict[str, Any]]) -> None:
        self._describe = describe
        self._fields: dict[str, Any] | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """By name, in their order."""
        if self._fields is None:
            self._fields = self._describe()
            self._describe = dict  # the request, which may be large, is not needed any more
        return self._fields

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __str__(self) -> str:
        fields = self.fields
        named = f"c{fields['connection']}-{fields['messageId']} {fields['operation']}"
        asked = [name for name in fields if name not in _HEAD and name not in _TAIL]
        shown = (*asked, *(name for name in _TAIL if name in fields))
        return " ".join([named, *(f"{name}={_shown(fields[name])}" for name in shown)])


def _shown(value: object) -> str:
    if isinstance(value, int | float):
        return str(value)
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    if _BARE.match(text):
        return text
    return f'"{text}"' if _PLAIN.match(text) else json.dumps(text, ensure_ascii=False)


def _text(value: bytes | str) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + "…"


class OperationLog:
    """Watches the connections of one process as the settings say."""

    def __init__(self, monotonic: Callable[[], float], schema_of: Callable[[], Schema]) -> None:
        self._monotonic = monotonic
        self._schema_of = schema_of
        self.mode = Mode.OFF
        self.slow = 1.0
        """seconds from which an operation is slow"""

    def configure(self, mode: Mode, slow: float, connections: set[LDAPConnection]) -> None:
        """What the settings say now; takes effect on the connections that are open."""
        self.slow = slow
        if mode is self.mode:
            return
        self.mode = mode
        log.info("the operation log is now: %s", mode.value)
        for connection in tuple(connections):
            unwatch(connection)
            self.watch(connection)

    def watch(self, connection: LDAPConnection) -> None:
        """Log what this connection does from now on, if the log is on."""
        if self.mode is not Mode.OFF:
            _Watched(self, connection)

    def now(self) -> float:
        """Seconds, monotonic."""
        return self._monotonic()

    def filter_text(self, node: Filter) -> str:
        """RFC 4515 text of at most `MOST_PARTS` parts, without values that must not be shown."""
        return _filter_text(self._schema_of(), node, [MOST_PARTS])

    def is_wanted(self, seconds: float) -> bool:
        """Whether an operation that took so long is logged."""
        return seconds >= self.slow or self.mode is Mode.ALL

    def write(self, describe: Callable[[], dict[str, Any]], seconds: float) -> None:
        """Log one operation that took so long; `describe` is called where the line is written."""
        level = logging.WARNING if seconds >= self.slow else logging.INFO
        if log.isEnabledFor(level):
            operation = Operation(describe)
            log.log(level, operation, extra={"fields": operation})


def unwatch(connection: LDAPConnection) -> None:
    """Give the connection its own methods back."""
    for name in _Watched.CONNECTION:
        vars(connection).pop(name, None)
    for name in _Watched.SEARCHES:
        vars(connection.searches).pop(name, None)


class _Pending:
    """A request that is not yet answered."""

    __slots__ = ("began", "entries", "event", "octets", "peer", "search", "token")

    def __init__(self, began: float, event: Event, peer: str, token: Token) -> None:
        self.began = began
        self.event = event
        self.peer = peer
        self.token = token
        self.entries = 0
        self.octets = 0
        self.search: Any = None


class _Watched:
    """What is noted of one connection; put in the place of its methods."""

    CONNECTION = ("_serve", "send", "connectionLost")
    SEARCHES = ("_advance", "_look_up")

    def __init__(self, operations: OperationLog, connection: LDAPConnection) -> None:
        self._log = operations
        self._connection = connection
        self._pending: dict[int, _Pending] = {}
        self._seen: list[Event] = []
        kind = type(connection)
        self._own_serve = kind._serve
        self._own_send = kind.send
        self._own_lost = kind.connectionLost
        self._own_advance = type(connection.searches)._advance
        vars(connection).update(_serve=self.serve, send=self.send, connectionLost=self.lost)
        vars(connection.searches)["_advance"] = self.advance
        if operations.mode is Mode.ALL:
            # What is looked up in one go has no plan: here every search is made, so that there is one to log.
            vars(connection.searches)["_look_up"] = lambda *_: False

    def serve(self, events: list[Event]) -> None:
        """Requests have come."""
        began = self._log.now()
        seen, self._seen = self._seen, events
        for event in events:
            if any(event is one for one in seen):
                continue  # the rest of a chunk, served in a second turn
            self._note(began, event)
        self._own_serve(self._connection, events)

    def _note(self, began: float, event: Event) -> None:
        connection, pending = self._connection, self._pending
        noted = _Pending(began, event, connection.channel.address, connection.token)
        if isinstance(event, LDAPMessage):
            request = event.request
            if isinstance(request, AbandonRequest):
                self._abandon(request.message_id)
            if isinstance(request, AbandonRequest | UnbindRequest):
                self._finish(noted, "", None)
                return
        message_id = event.message_id
        if message_id in pending:
            self._abandon(message_id)
        elif len(pending) >= MOST_PENDING:
            self._abandon(next(iter(pending)))
        pending[message_id] = noted

    def _abandon(self, message_id: int) -> None:
        abandoned = self._pending.pop(message_id, None)
        if abandoned is not None:
            self._finish(abandoned, "abandoned", None)

    def advance(self, txn: Any, search: Any, left: int, out: list[bytes], began: float = 0.0) -> None:
        """A search is looked at."""
        pending = self._pending.get(search.message_id)
        if pending is not None:
            pending.search = search
        self._own_advance(self._connection.searches, txn, search, left, out, began)

    def send(self, data: bytes) -> None:
        """Octets leave: entries, and the ends of operations."""
        self._own_send(self._connection, data)
        try:
            self._read_answers(data)
        except BerError:
            log.exception("connection %d: an answer can't be read", self._connection.number)

    def _read_answers(self, data: bytes) -> None:
        at, end = 0, len(data)
        while at < end:
            _, start, stop = read_header(data, at, end)
            _, first, last = read_header(data, start, stop)
            pending = self._pending.get(decode_integer(data, first, last))
            if pending is not None:
                tag, inside, until = read_header(data, last, stop)
                pending.octets += stop - at
                if tag == TAG_SEARCH_ENTRY:
                    pending.entries += 1
                elif tag not in _NOT_THE_END:
                    self._answered(pending, data, inside, until)
            at = stop

    def _answered(self, pending: _Pending, data: bytes, start: int, stop: int) -> None:
        """LDAPResult: code, matchedDN, diagnosticMessage (RFC 4511 §4.1.9)."""
        del self._pending[pending.event.message_id]
        if not self._log.is_wanted(self._log.now() - pending.began):
            return
        _, first, last = read_header(data, start, stop)
        code = decode_integer(data, first, last)
        _, _, after_name = read_header(data, last, stop)
        _, first, last = read_header(data, after_name, stop)
        try:
            label = ResultCode(code).label
        except ValueError:
            label = str(code)
        self._finish(pending, label, code, data[first:last])

    def _finish(self, pending: _Pending, result: str, code: int | None, text: bytes = b"") -> None:
        operations = self._log
        seconds = operations.now() - pending.began
        if not operations.is_wanted(seconds):
            return
        number, search = self._connection.number, pending.search
        plan = getattr(search, "plan", None)
        examined = getattr(search, "examined", None)

        def describe() -> dict[str, Any]:
            fields = _head(pending, number)
            if isinstance(pending.event, LDAPMessage):
                fields.update(_describe(operations, pending.event))
            if search is not None:
                fields["plan"] = plan.text if plan is not None else "the entry itself"
                if plan is not None:
                    fields["estimate"] = plan.estimate
                fields["candidates"] = examined
            if fields["operation"] == "search":
                fields["entries"] = pending.entries
                fields["octets"] = pending.octets
            if result:
                fields["result"] = result
            if code is not None:
                fields["code"] = code
            if text:
                fields["text"] = _text(text)
            fields["milliseconds"] = round(seconds * 1000, 2)
            if seconds >= operations.slow:
                fields["slow"] = True
            return fields

        operations.write(describe, seconds)

    def lost(self, *reason: Any) -> None:
        """The connection has ended, with some requests open."""
        for pending in self._pending.values():
            self._finish(pending, "connection lost", None)
        self._pending.clear()
        self._own_lost(self._connection, *reason)


def _head(pending: _Pending, connection: int) -> dict[str, Any]:
    event = pending.event
    kind = _KINDS.get(type(event.request), "unknown") if isinstance(event, LDAPMessage) else "refused"
    fields: dict[str, Any] = {
        "operation": kind,
        "connection": connection,
        "messageId": event.message_id,
        "peer": pending.peer,
    }
    if not pending.token.is_anonymous:
        fields["identity"] = _text(pending.token.dn)
    return fields


def _describe(operations: OperationLog, message: LDAPMessage) -> dict[str, Any]:
    request: Any = message.request
    fields: dict[str, Any] = {}
    match request:
        case SearchRequest():
            fields["base"] = _text(request.base)
            fields["scope"] = _SCOPES[request.scope] if 0 <= request.scope < len(_SCOPES) else request.scope
            fields["filter"] = operations.filter_text(request.filter)
        case BindRequest():
            credentials = request.authentication
            fields["name"] = _text(request.name)
            fields["method"] = "simple"
            if isinstance(credentials, SaslCredentials):
                fields["method"] = credentials.mechanism[:32]
        case AddRequest() | ModifyRequest() | ModifyDNRequest() | CompareRequest() | DeleteRequest():
            fields["name"] = _text(request.dn)
            fields.update(_describe_change(request))
        case ExtendedRequest():
            fields["oid"] = _text(request.oid)
        case AbandonRequest():
            fields["abandons"] = request.message_id
    if message.controls:
        fields["controls"] = [one.oid for one in message.controls[:MOST_PARTS]]
    return fields


def _describe_change(request: Any) -> dict[str, Any]:
    match request:
        case AddRequest():
            return {"attributes": [_text(name) for name, _ in request.attributes[:MOST_PARTS]]}
        case ModifyRequest():
            changes = request.changes[:MOST_PARTS]
            return {"changes": [f"{one.kind.name.lower()}:{_text(one.attribute)}" for one in changes]}
        case ModifyDNRequest():
            return {"newRDN": _text(request.new_rdn)}
        case CompareRequest():
            return {"attribute": _text(request.attribute)}
    return {}


def _filter_text(schema: Schema, node: Filter, left: list[int]) -> str:
    left[0] -= 1
    if left[0] < 0:
        return "(…)"
    if isinstance(node, And | Or):
        parts = []
        for child in node.children:
            parts.append(_filter_text(schema, child, left))
            if left[0] < 0:
                break
        return f"({'&' if isinstance(node, And) else '|'}{''.join(parts)})"
    if isinstance(node, Not):
        return f"(!{_filter_text(schema, node.child, left)})"
    if isinstance(node, Present):
        return _text(format_filter(node))
    attribute = node.attribute
    described = schema.describe(attribute) if attribute is not None else None
    if attribute is not None and (described is None or described.type.is_secret):
        return f"({_text(attribute)}=?)"
    return _text(format_filter(node))
