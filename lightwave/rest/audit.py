"""/v1/audit: what was done, by whom, and what came of it; as pages, as lines, and as news that are waited for.

Only administrators of a tenant read its audit. To all others, and of tenants that they may not see, it is not there.
A position (`next`, `position`) holds for ever: it names events, not a search that waits.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import Field
from twisted.internet.defer import Deferred

from lightwave.directory.access.token import Token
from lightwave.directory.operations.audit_entries import may_read_audit
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.store.audit_chain import Verification
from lightwave.directory.store.audit_rows import Stored, nodes_of
from lightwave.directory.store.environment import Store
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.audit_query import (
    Found,
    Query,
    beginning,
    format_position,
    parse_position,
    read_slice,
)
from lightwave.identity.names import find_identity
from lightwave.rest.directory_port import DirectoryPort
from lightwave.rest.resources import MAX_NAME, Resource, TenantQuery, answering
from lightwave.rest.tenancy import Domain
from lightwave.web.messages import Request, Response, json_response
from lightwave.web.problems import Problem
from lightwave.web.routing import Access, Answer, Route

PATH = "/v1/audit"
MOST = 1_000
MOST_WAIT = 30
"""seconds that a request waits for news"""
LOOK_SECONDS = 0.5
"""between two looks for news"""
MOST_SLICES = 300
"""of 1,000 events that one request looks at: then it answers with what it has"""
LINES = "application/x-ndjson"


class AuditEvent(Resource):
    """One event."""

    time: datetime
    action: str = Field(examples=["sign-in", "modify", "password-reset"])
    outcome: str = Field(description="`success`, or why it was refused", examples=["success"])
    actor: str | None = Field(default=None, description="Who did it, by the name at that time")
    actor_id: str | None = None
    target: str | None = Field(default=None, description="To what it was done")
    target_id: str | None = None
    protocol: str | None = None
    peer: str | None = None
    detail: str | None = Field(
        default=None, description="Names of what was changed, the mechanism, the reason"
    )
    correlation: str | None = Field(default=None, description="Names the login and its request")
    times: int = Field(default=1, description="How often: repeated refusals are counted, not stored")
    node: str = Field(description="GUID of the node where it happened")
    sequence: int = Field(description="Its number in the tenant's chain of that node")
    hash: str = Field(description="SHA-256 over it and the hash before it")


class AuditPage(Resource):
    """Some events, the oldest first."""

    items: list[AuditEvent]
    next: str | None = Field(default=None, description="With it there are more: ask with `cursor=` it")
    position: str = Field(description="Behind the last event that was looked at: to wait for later ones")


class AuditQuery(TenantQuery):
    """Which events."""

    user: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_NAME,
        description="Who acted or was acted on: a name to sign in by, a DN, a GUID, or part of a DN",
    )
    since: str | None = Field(
        default=None, max_length=40, description="Not before: RFC 3339, or so long ago", examples=["2h", "3d"]
    )
    until: str | None = Field(default=None, max_length=40, description="Before")
    action: str | None = Field(default=None, max_length=64)
    outcome: str | None = Field(
        default=None, max_length=64, description="`refused` stands for all but success"
    )
    correlation: str | None = Field(default=None, min_length=1, max_length=96)
    cursor: str | None = Field(
        default=None, max_length=2_048, description="`next` or `position` of an answer"
    )
    limit: int = Field(default=100, ge=1, le=MOST)
    wait: int = Field(default=0, ge=0, le=MOST_WAIT, description="Seconds to wait for the first event")
    lines: bool = Field(default=False, description="One event a line (application/x-ndjson)")


class ChainVerification(Resource):
    """What verification found in the chain of one node."""

    node: str
    events: int
    first: int
    last: int
    checkpoints: int
    signed: int = Field(description="Sequence up to which a signature covers the chain")
    problem: str | None = None
    at: int | None = Field(default=None, description="Sequence of the first damaged event")


class AuditVerification(Resource):
    """What verification found."""

    sound: bool
    chains: list[ChainVerification]


class AuditFace:
    """The audit over HTTP.

    later: fires after so many seconds. keys: public halves of the keys that sign. current: the caller's token as his
    groups are now; raises where he may no longer act.
    """

    def __init__(
        self,
        port: DirectoryPort,
        store: Store,
        schemas: SchemaSource,
        later: Callable[[float], Deferred[None]],
        keys: Callable[[ReadTransaction], frozenset[bytes]],
        current: Callable[[ReadTransaction, Token], Token],
    ) -> None:
        self._port = port
        self._store = store
        self._schemas = schemas
        self._later = later
        self._keys = keys
        self._current = current

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        absent = Answer("there is no such tenant for the caller, or its audit is not for him")
        return (
            Route(
                method="GET",
                path=PATH,
                access=Access.SIGNED_IN,
                handle=answering(self.read),
                name="readAudit",
                summary="Read the audit of a tenant",
                query=AuditQuery,
                answers={200: Answer("events, the oldest first", AuditPage, also=(LINES,)), 404: absent},
            ),
            Route(
                method="GET",
                path=PATH + "/verification",
                access=Access.SIGNED_IN,
                handle=answering(self.verify),
                name="verifyAudit",
                summary="Verify the chains of a tenant's audit",
                query=TenantQuery,
                answers={200: Answer("what was found", AuditVerification), 404: absent},
            ),
        )

    def _domain(self, request: Request, tenant: str | None) -> Domain:
        domain = self._port.domain(request, tenant)
        with self._store.read() as txn:
            self._check(txn, request, domain)
        return domain

    async def read(self, request: Request) -> Response:
        """Events."""
        asked: AuditQuery = request.arguments
        domain = self._domain(request, asked.tenant)
        query = self._query(domain, asked, request.now)
        with self._store.read() as txn:
            try:
                position = (
                    beginning(txn, domain.tenant, query)
                    if asked.cursor is None
                    else parse_position(asked.cursor)
                )
            except ValueError:
                raise Problem(400, "the cursor is none of this audit") from None
        found: list[Stored] = []
        waited, slices = 0.0, 0
        while True:
            with self._store.read() as txn:
                self._check(txn, request, domain)
                part = read_slice(txn, domain.tenant, query, position, asked.limit - len(found))
                found += part.events
                position = part.position
                slices += 1
                done = len(found) >= asked.limit or not part.more
                if (done and (found or waited >= asked.wait)) or slices >= MOST_SLICES or request.is_gone():
                    return self._answer(txn, asked, Found(found, position, part.more))
            if done:
                await self._later(LOOK_SECONDS)
                waited += LOOK_SECONDS
            else:
                await self._port.pause()

    def _check(self, txn: ReadTransaction, request: Request, domain: Domain) -> None:
        """Whoever waits may lose his rights meanwhile."""
        schema = self._schemas.current(txn)
        if not may_read_audit(txn, schema, self._current(txn, request.caller), domain.tenant):
            raise Problem(404, f"there is no audit of {domain.dns_name} for you")

    def _query(self, domain: Domain, asked: AuditQuery, now: float) -> Query:
        user = None
        if asked.user is not None:
            user = self._guid(domain, asked.user)
        return Query(
            since=_seconds(asked.since, now),
            until=_seconds(asked.until, now),
            user=user,
            name=asked.user if user is None else None,
            action=asked.action,
            outcome=asked.outcome,
            correlation=asked.correlation,
        )

    def _guid(self, domain: Domain, name: str) -> bytes | None:
        """Of the account of this tenant that a name calls; a GUID may also be that of one that is gone."""
        try:
            return uuid.UUID(name).bytes
        except ValueError:
            pass
        with self._store.read() as txn:
            schema = self._schemas.current(txn)
            for called in (name, f"{name}@{domain.dns_name}"):
                found = find_identity(txn, schema, called)
                if found is not None and found[0] == domain.tenant:
                    return txn.record(*found).guid
        return None

    def _answer(self, txn: ReadTransaction, asked: AuditQuery, found: Found) -> Response:
        items = [event_of_row(txn, one) for one in found.events]
        position = format_position(found.position)
        if asked.lines:
            text = "".join(one.model_dump_json(by_alias=True, exclude_none=True) + "\n" for one in items)
            return Response(200, text.encode(), LINES, (("Audit-Position", position),))
        return json_response(AuditPage(items=items, next=position if found.more else None, position=position))

    async def verify(self, request: Request) -> Response:
        """Walks all chains of the tenant."""
        domain = self._domain(request, request.arguments.tenant)
        chains: list[ChainVerification] = []
        with self._store.read() as txn:
            keys = self._keys(txn)
            nodes = nodes_of(txn, domain.tenant) or [self._store.server_number]
        for node in nodes:
            verification = Verification(domain.tenant, node, keys)
            while True:
                with self._store.read() as txn:
                    if not verification.run_slice(txn, 300):
                        chains.append(_verified(txn, verification))
                        break
                await self._port.pause()
                if request.is_gone():
                    raise Problem(503, "the client has gone")
        return json_response(
            AuditVerification(sound=all(one.problem is None for one in chains), chains=chains)
        )


def _verified(txn: ReadTransaction, found: Verification) -> ChainVerification:
    return ChainVerification(
        node=str(uuid.UUID(bytes=txn.server_guid(found.node))),
        events=found.events,
        first=found.first,
        last=found.last,
        checkpoints=found.checkpoints,
        signed=found.signed,
        problem=found.problem,
        at=found.at if found.problem is not None else None,
    )


def event_of_row(txn: ReadTransaction, stored: Stored) -> AuditEvent:
    """An event of the store as it is told."""
    event = stored.event
    return AuditEvent(
        time=datetime.fromtimestamp(event.time, UTC),
        action=event.action,
        outcome=event.outcome,
        actor=event.actor.dn.decode("utf-8", "replace") or None,
        actor_id=_guid_text(event.actor.guid),
        target=event.target.dn.decode("utf-8", "replace") or None,
        target_id=_guid_text(event.target.guid),
        protocol=event.protocol or None,
        peer=event.peer or None,
        detail=event.detail or None,
        correlation=event.correlation or None,
        times=event.times,
        node=str(uuid.UUID(bytes=txn.server_guid(stored.node))),
        sequence=stored.sequence,
        hash=stored.hash.hex(),
    )


def _guid_text(guid: bytes) -> str | None:
    return str(uuid.UUID(bytes=guid)) if len(guid) == 16 else None


def _seconds(text: str | None, now: float) -> float | None:
    """A time as seconds since 1970, without a zone UTC; raises Problem 400."""
    if text is None:
        return None
    past = _PAST.match(text)
    try:
        if past:
            return now - int(past[1]) * _UNITS[past[2]]
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Problem(400, f"{text!r} is no time: say 90m, 2h, 3d, or 2026-11-24T09:30:00Z") from None


_PAST = re.compile(r"([0-9]{1,9})([smhdw])\Z")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
