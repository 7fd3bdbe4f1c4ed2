"""/v1/access: who may do what with an entry, and why; grants and revokes.

A change is an ordinary modify of vmwAclString that names what was read: if somebody else changed it in between it is
refused, and asked again.
"""

from __future__ import annotations

from dataclasses import replace

from lightwave.directory.access.ace import INHERITED, Ace
from lightwave.directory.access.descriptor_errors import DescriptorError
from lightwave.directory.access.evaluation import ALLOWS
from lightwave.directory.access.presets import Grant, aces_of
from lightwave.directory.access.sddl import format_ace, format_sddl, parse_sddl
from lightwave.directory.access.sddl_names import SddlNames
from lightwave.directory.access.security_descriptor import DACL_PART, DACL_PRESENT, SecurityDescriptor
from lightwave.directory.access.sid import Sid, parse_sid
from lightwave.directory.ldap.filters import Equality, Or, Present
from lightwave.directory.ldap.messages import Modification, ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.access_report import WELL_KNOWN, report, verdicts
from lightwave.directory.operations.descriptors import names_of
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.store.environment import Store
from lightwave.rest import access_models as models
from lightwave.rest.calling import Kind, locate
from lightwave.rest.directory_port import Contexts, DirectoryPort, Found
from lightwave.rest.resources import MAX_BODY, TenantQuery, answering, refusals
from lightwave.rest.tenancy import Domain
from lightwave.web.messages import Request, Response, json_response
from lightwave.web.problems import Problem
from lightwave.web.routing import Access, Answer, Route

PATH = "/v1/access"
_ANY = Present("objectClass")
_WHO = Kind(
    "account or group",
    Or((Equality("objectClass", b"person"), Equality("objectClass", b"group"), Present("objectSid"))),
    ("sAMAccountName", "userPrincipalName", "uid", "cn"),
    "$",
)
_ACL = "vmwAclString"
_REFUSED = refusals("there is no such entry, account, group or tenant")
_SIDS = {words: parse_sid(text) for text, words in WELL_KNOWN.items()}
_ATTEMPTS = 3


class AccessFace:
    """The routes of access."""

    def __init__(self, port: DirectoryPort, store: Store, schemas: SchemaSource, contexts: Contexts) -> None:
        self._port = port
        self._store = store
        self._schemas = schemas
        self._contexts = contexts

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="GET",
                path=PATH,
                access=Access.SIGNED_IN,
                handle=answering(self.show),
                name="showAccess",
                summary="Show who may do what with an entry",
                query=models.AccessQuery,
                answers={200: Answer("the entries in force", models.AccessReport), **_REFUSED},
            ),
            Route(
                method="GET",
                path=f"{PATH}/explain",
                access=Access.SIGNED_IN,
                handle=answering(self.explain),
                name="explainAccess",
                summary="Say whether somebody may, and why",
                query=models.ExplainQuery,
                answers={200: Answer("what decided", models.AccessVerdicts), **_REFUSED},
            ),
            self._change("grant", self.grant, "grantAccess", "Grant or deny rights"),
            self._change("revoke", self.revoke, "revokeAccess", "Take rights back"),
        )

    @staticmethod
    def _change(verb: str, handle: object, name: str, summary: str) -> Route:
        return Route(
            method="POST",
            path=f"{PATH}/{verb}",
            access=Access.SIGNED_IN,
            handle=answering(handle),  # type: ignore[arg-type]  # one of the two below
            name=name,
            summary=summary,
            query=TenantQuery,
            body=models.AccessChange,
            max_body=MAX_BODY,
            answers={200: Answer("it is done", models.AccessChanged), **_REFUSED},
        )

    async def show(self, request: Request) -> Response:
        """The entries in force."""
        query: models.AccessQuery = request.arguments
        dn = self._within(self._port.domain(request, query.tenant), query.dn)
        with self._store.read() as txn:
            found = report(txn, self._schemas.current(txn), self._contexts.of(request), dn)
        lines = [models.AccessLine(**{**one._asdict(), "rights": list(one.rights)}) for one in found.lines]
        return json_response(
            models.AccessReport(
                dn=found.dn, owner=found.owner, protected=found.protected, sddl=found.sddl, entries=lines
            )
        )

    async def explain(self, request: Request) -> Response:
        """Why."""
        query: models.ExplainQuery = request.arguments
        domain = self._port.domain(request, query.tenant)
        dn = self._within(domain, query.dn)
        who = await locate(self._port, request, domain, _WHO, query.who, ())
        with self._store.read() as txn:
            context = self._contexts.of(request)
            schema = self._schemas.current(txn)
            try:
                found = verdicts(txn, schema, context, who.dn.encode(), dn, query.right, query.attribute)
            except DescriptorError as wrong:
                raise Problem(422, str(wrong)) from None
        made = [models.AccessVerdict(**one._asdict()) for one in found]
        return json_response(models.AccessVerdicts(who=who.dn, dn=query.dn, verdicts=made))

    async def grant(self, request: Request) -> Response:
        """Adds entries; those that are there already stay as they are."""
        change: models.AccessChange = request.content
        if change.what is None:
            raise Problem(422, "say what to grant: a preset, or rights")
        domain = self._port.domain(request, request.arguments.tenant)
        dn = self._within(domain, change.dn)
        asked = self._aces(change, await self._sid(request, domain, change.who))
        for _ in range(_ATTEMPTS):
            shown, present, names = await self._present(request, dn)
            explicit = _explicit(present)
            added = [ace for ace in asked if ace not in explicit]
            if not added or await self._put(request, dn, shown, present, _placed(explicit, added), names):
                return _changed(change.dn, added, names)
        raise Problem(409, "others change the same entry: try again")

    async def revoke(self, request: Request) -> Response:
        """Takes entries back that are written on this entry."""
        change: models.AccessChange = request.content
        domain = self._port.domain(request, request.arguments.tenant)
        dn = self._within(domain, change.dn)
        sid = await self._sid(request, domain, change.who)
        asked = None if change.what is None else self._aces(change, sid)
        for _ in range(_ATTEMPTS):
            shown, present, names = await self._present(request, dn)
            explicit = _explicit(present)
            gone = [one for one in explicit if one.sid == sid and (asked is None or one in asked)]
            if not gone:
                raise Problem(
                    404,
                    f"nothing of that is granted to {change.who!r} on this entry itself; what it inherits is taken "
                    "back where it is written",
                )
            kept = [one for one in explicit if one not in gone]
            if await self._put(request, dn, shown, present, kept, names):
                return _changed(change.dn, gone, names)
        raise Problem(409, "others change the same entry: try again")

    def _within(self, domain: Domain, dn: str) -> bytes:
        name = dn.encode()
        if not domain.contains(self._port.schema, name):
            raise Problem(404, f"there is no entry {dn!r} in {domain.dns_name}")
        return name

    def _aces(self, change: models.AccessChange, sid: Sid) -> tuple[Ace, ...]:
        grant = Grant(
            sid,
            change.what or "",
            change.attribute,
            change.object_class,
            change.this_entry_only,
            change.deny,
        )
        try:
            return aces_of(self._port.schema, grant)
        except DescriptorError as wrong:
            raise Problem(422, str(wrong)) from None

    async def _sid(self, request: Request, domain: Domain, who: str) -> Sid:
        known = _SIDS.get(who.casefold())
        if known is not None:
            return known
        found = await locate(self._port, request, domain, _WHO, who, ("objectSid",))
        values = found.values("objectSid")
        if not values:
            raise Problem(422, f"{who!r} has no SID that you may read: nothing can be granted to it")
        return Sid(values[0])

    async def _present(self, request: Request, dn: bytes) -> tuple[Found, SecurityDescriptor, SddlNames]:
        found = await self._port.read(request, dn, _ANY, (_ACL,))
        if found is None:
            raise Problem(404, f"there is no entry {dn.decode('utf-8', 'replace')!r}")
        text = found.text(_ACL)
        if text is None:
            raise Problem(403, "you may not read who may do what here")
        with self._store.read() as txn:
            schema = self._schemas.current(txn)
            names = names_of(txn, schema, *txn.find(normalise_dn_text(schema, dn)))
        return found, parse_sddl(text, names), names

    async def _put(
        self,
        request: Request,
        dn: bytes,
        shown: Found,
        present: SecurityDescriptor,
        entries: list[Ace],
        names: SddlNames,
    ) -> bool:
        """Whether it is written; not where it is no longer what was read."""
        made = replace(present, control=present.control | DACL_PRESENT, dacl=tuple(entries))
        text = format_sddl(made, names, DACL_PART).encode()
        changes = (
            Modification(ModifyKind.DELETE, _ACL, shown.values(_ACL)),
            Modification(ModifyKind.ADD, _ACL, (text,)),
        )
        try:
            await self._port.write(request, ModifyRequest(dn, changes))
        except Problem as problem:
            if problem.members.get("ldapCode") == ResultCode.NO_SUCH_ATTRIBUTE:
                return False
            raise
        return True


def _explicit(descriptor: SecurityDescriptor) -> list[Ace]:
    return [ace for ace in descriptor.dacl or () if not ace.flags & INHERITED]


def _placed(explicit: list[Ace], added: list[Ace]) -> list[Ace]:
    """With those that deny before those that allow ([MS-ADTS] 6.1.3.1)."""
    together = [*explicit, *added]
    return [one for one in together if ALLOWS[one.type] is False] + [
        one for one in together if ALLOWS[one.type] is not False
    ]


def _changed(dn: str, entries: list[Ace], names: SddlNames) -> Response:
    return json_response(models.AccessChanged(dn=dn, changed=[format_ace(one, names) for one in entries]))
