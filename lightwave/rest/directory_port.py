"""The directory as the resources see it: searches and writes of whoever asks, and nothing with rights of its own.

Access, policy, uniqueness and audit hold because every read is a search and every change a write of the pipeline, in
the name of the caller.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, urlencode

from twisted.internet.defer import Deferred

from lightwave.directory.access.token import Token
from lightwave.directory.ldap.client_messages import SearchEntry, decode_response
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.filters import Filter
from lightwave.directory.ldap.requests import SCOPE_BASE, SCOPE_SUBTREE, SearchRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context, Limits
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.pipeline import WritePipeline
from lightwave.directory.operations.ports import WriteRequest
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.operations.write_groups import GroupOutcome
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.environment import Store
from lightwave.identity.generated_passwords import generate_password
from lightwave.identity.lockout import locked_at, locked_until, lockout_of
from lightwave.identity.names import find_by_dn
from lightwave.identity.password_owner import owner_of_entry
from lightwave.identity.password_rules import NOBODY, PasswordRefused
from lightwave.identity.policies import DEFAULT, policy_of, tenant_policy
from lightwave.rest.entity_tags import tag_of
from lightwave.rest.pages import Pages
from lightwave.rest.resources import Paged, question
from lightwave.rest.running import SearchRunner
from lightwave.rest.tenancy import Domain, domain_of
from lightwave.web.messages import Request
from lightwave.web.problems import Problem, problem_of_outcome


class Contexts:
    """What operations are told about HTTP requests. limits_of: what the bearer of a token may ask for."""

    def __init__(self, limits_of: Callable[[Token], Limits], now: Callable[[], float]) -> None:
        """now: seconds since the epoch."""
        self._limits_of = limits_of
        self._now = now

    def of(self, request: Request, controls: tuple[Control, ...] = ()) -> Context:
        """The surroundings of a request's operation."""
        return Context(
            token=request.caller,
            limits=self._limits_of(request.caller),
            controls=controls,
            now=self._now,
            peer=request.channel.address,
            protocol="rest",
            secure=request.channel.is_confidential,
            correlation=request.correlation,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """An entry as a search gave it: what the caller may read of it. attributes: by name in lower case."""

    dn: str
    attributes: dict[str, tuple[bytes, ...]]

    def values(self, name: str) -> tuple[bytes, ...]:
        """The values of an attribute; none where it is not there or not readable."""
        return self.attributes.get(name.lower(), ())

    def texts(self, name: str) -> list[str]:
        """The values as text."""
        return [value.decode("utf-8", "replace") for value in self.values(name)]

    def text(self, name: str) -> str | None:
        """The first value as text."""
        return next(iter(self.texts(name)), None)

    def number(self, name: str) -> int | None:
        """The first value as a number; None where it is none."""
        try:
            return int(self.values(name)[0])
        except (IndexError, ValueError):
            return None

    @property
    def tag(self) -> str | None:
        """The entity tag, where entryUUID and uSNChanged were asked for and may be read."""
        guid, usn = self.text("entryUUID"), self.number("uSNChanged")
        return None if guid is None or usn is None else tag_of(guid, usn)


class Page(NamedTuple):
    """Part of what a search found. next: under which the rest waits."""

    found: list[Found]
    next: str | None


class DirectoryPort:
    """Searches and writes for the resources."""

    def __init__(
        self,
        store: Store,
        schemas: SchemaSource,
        runner: SearchRunner,
        pages: Pages,
        pipeline: WritePipeline,
        contexts: Contexts,
    ) -> None:
        self._store = store
        self._schemas = schemas
        self._runner = runner
        self._pages = pages
        self._pipeline = pipeline
        self._contexts = contexts

    def domain(self, request: Request, tenant: str | None) -> Domain:
        """The domain of a tenant, the caller's own for None; raises Problem 404 where there is none for him."""
        with self._store.read() as txn:
            return domain_of(txn, self._schemas.current(txn), self._contexts.of(request), tenant)

    def container(self, domain: Domain, named: str | None, usual: bytes) -> bytes:
        """The DN below which something new stands: named, else `usual` (an RDN) of the domain.

        Raises Problem 404 for one outside of the domain, as for one that is not there.
        """
        if named is None:
            return usual + b"," + domain.dn
        container = named.encode()
        if not domain.contains(self.schema, container):
            raise Problem(404, f"there is no container {named!r} in {domain.dns_name}")
        return container

    @staticmethod
    def location(path: str, name: str, tenant: str | None) -> str:
        """Where something that was made is read."""
        query = "" if tenant is None else "?" + urlencode({"tenant": tenant})
        return f"{path}/{quote(name, safe='')}{query}"

    def made_password(self, random: Callable[[int], bytes], domain: Domain, dn: bytes | None = None) -> bytes:
        """A password that meets the policy of an account, or of the domain for one that is yet to be made.

        Raises Problem where the policy leaves no room for one.
        """
        with self._store.read() as txn:
            schema = self._schemas.current(txn)
            place = find_by_dn(txn, schema, dn or domain.dn)
            policy, owner = DEFAULT, NOBODY
            if place is not None and dn is None:
                policy = tenant_policy(txn, schema, *place)
            elif place is not None:
                policy, owner = policy_of(txn, schema, *place), owner_of_entry(txn, schema, *place)
        try:
            return generate_password(random, policy, owner)
        except PasswordRefused:
            raise Problem(422, "no password can be made that meets the policy: name one") from None

    @property
    def schema(self) -> Schema:
        """The schema that holds now."""
        return self._schemas.latest

    def lock_end(self, domain: Domain, found: Found) -> float | None:
        """Until when an account is locked after failures (seconds since the epoch), None where it never was.

        The lock may be over: policy says how long one holds. For an account whose lockoutTime the caller has read.
        """
        guid = found.text("entryUUID")
        if not found.number("lockoutTime"):
            return None
        if guid is None:
            return math.inf
        with self._store.read() as txn:
            schema = self._schemas.current(txn)
            entry_id = txn.by_guid(domain.tenant, uuid.UUID(guid).bytes)
            since = None if entry_id is None else locked_at(txn, schema, txn.record(domain.tenant, entry_id))
            if entry_id is None or since is None:
                return None  # deleted or unlocked since
            return locked_until(lockout_of(txn, schema, domain.tenant, entry_id), since)

    async def read(
        self, request: Request, dn: bytes, wanted: Filter, attributes: Sequence[str]
    ) -> Found | None:
        """The entry of this name if it fits `wanted`; None where the caller sees none."""
        found = await self._search(request, dn, SCOPE_BASE, wanted, attributes, 1)
        return found[0] if found else None

    async def find(
        self, request: Request, base: bytes, wanted: Filter, attributes: Sequence[str], most: int = 2
    ) -> list[Found]:
        """The first `most` entries at or below `base` that fit."""
        return await self._search(request, base, SCOPE_SUBTREE, wanted, attributes, most)

    async def _search(
        self, request: Request, base: bytes, scope: int, wanted: Filter, attributes: Sequence[str], most: int
    ) -> list[Found]:
        context = self._contexts.of(request)
        asked = SearchRequest(base, scope, 0, 0, 0, False, wanted, tuple(attributes) or ("1.1",))
        try:
            with self._store.read() as txn:
                search = self._runner.begin(txn, context, asked)
                running = self._runner.run(txn, search, context, request.is_gone, most)
            return _entries(await running)
        except DirectoryError as error:
            if error.code in (ResultCode.NO_SUCH_OBJECT, ResultCode.INVALID_DN_SYNTAX):
                return []
            raise

    async def page(
        self, request: Request, base: bytes, wanted: Filter, attributes: Sequence[str], query: Paged
    ) -> Page:
        """A page of the entries at or below `base` that fit, as `query` asks for it."""
        context = self._contexts.of(request)
        asked = f"{request.path} {question(query)}"
        with self._store.read() as txn:
            if query.cursor is not None:
                search = self._pages.take(query.cursor, context.token, asked)
            else:
                search_request = SearchRequest(
                    base, SCOPE_SUBTREE, 0, 0, 0, False, wanted, tuple(attributes) or ("1.1",)
                )
                search = self._runner.begin(txn, context, search_request)
            most = min(query.limit, context.limits.page_size)
            running = self._runner.run(txn, search, context, request.is_gone, most)
        found = _entries(await running)
        return Page(found, None if search.finished else self._pages.keep(search, context.token, asked))

    async def pause(self) -> None:
        """Lets others have their turn."""
        await self._runner.pause()

    async def write(
        self, request: Request, asked: WriteRequest, controls: tuple[Control, ...] = ()
    ) -> Outcome:
        """The outcome of a write that succeeded; raises Problem for any other."""
        answer: Deferred[Outcome] = Deferred()
        self._pipeline.submit(self._contexts.of(request, controls), asked, answer.callback)
        outcome = await answer
        if outcome.code is not ResultCode.SUCCESS:
            raise problem_of_outcome(outcome)
        return outcome

    async def write_together(
        self, request: Request, writes: Iterable[tuple[WriteRequest, tuple[Control, ...]]]
    ) -> tuple[Outcome, ...]:
        """The outcomes of writes that are done all or none; raises Problem."""
        answer: Deferred[GroupOutcome] = Deferred()
        updates = [(self._contexts.of(request, controls), asked) for asked, controls in writes]
        self._pipeline.groups.submit(updates, answer.callback)
        done = await answer
        if done.outcome.code is not ResultCode.SUCCESS:
            raise problem_of_outcome(done.outcome)
        return done.outcomes


def _entries(found: list[bytes]) -> list[Found]:
    entries = []
    for message in found:
        response = decode_response(message).response
        if isinstance(response, SearchEntry):  # references lead to other servers
            attributes = {name.lower(): values for name, values in response.attributes}
            entries.append(Found(response.dn.decode("utf-8", "replace"), attributes))
    return entries
