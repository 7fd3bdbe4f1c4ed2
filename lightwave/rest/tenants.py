"""/v1/tenants: tenants as a whole, for administrators of the system; and whom a tenant lets in, for its own.

`{name}` is a tenant's domain or GUID.
"""

from __future__ import annotations

import uuid
from urllib.parse import quote

from lightwave.directory.access.descriptor_errors import DescriptorError
from lightwave.directory.access.sid import Sid, decode_sid, format_sid
from lightwave.directory.access.tenant_state import TenantState
from lightwave.directory.ldap.dn import AVA, format_rdn
from lightwave.directory.ldap.filters import And, Equality, Filter
from lightwave.directory.ldap.requests import (
    AddRequest,
    DeleteRequest,
    Modification,
    ModifyKind,
    ModifyRequest,
)
from lightwave.directory.operations.tenant_entries import (
    SIGN_IN_BY_MAIL,
    SUFFIXES,
    TENANTS_DN,
    tenant_entry_dn,
)
from lightwave.identity.domain_names import is_dns_name
from lightwave.identity.generated_passwords import generate_password
from lightwave.identity.password_rules import PasswordRefused
from lightwave.identity.passwords import UnusablePassword
from lightwave.rest import tenant_models as models
from lightwave.rest.account_entries import generalized_time
from lightwave.rest.account_models import Password
from lightwave.rest.calling import Kind, locate
from lightwave.rest.directory_port import DirectoryPort, Found
from lightwave.rest.resources import Paged, path_name
from lightwave.rest.tenant_port import TenantPort
from lightwave.web.messages import Request, Response, json_response
from lightwave.web.problems import Problem

PATH = "/v1/tenants"
_TENANT: Filter = Equality("objectClass", b"lwTenant")
_SHOWN = (
    "cn",
    "entryUUID",
    "lwTenantState",
    "lwRealm",
    "lwTenantContext",
    SUFFIXES,
    SIGN_IN_BY_MAIL,
    "description",
    "createTimestamp",
)
_FOREIGNER: Filter = Equality("objectClass", b"foreignSecurityPrincipal")
_OPERATOR = ("objectSid", "lwMemberOfDirect", "createTimestamp")
_GROUP = Kind("group", Equality("objectClass", b"group"), ("sAMAccountName", "cn"))
_PRINCIPALS = b"cn=ForeignSecurityPrincipals,"


class TenantHandlers:
    """The operations on tenants."""

    def __init__(self, port: DirectoryPort, tenants: TenantPort) -> None:
        self._port = port
        self._tenants = tenants

    async def list(self, request: Request) -> Response:
        """A page of them."""
        self._tenants.check_manager(request)
        query: models.TenantsQuery = request.arguments
        wanted = (
            _TENANT
            if query.state is None
            else And((_TENANT, Equality("lwTenantState", query.state.encode())))
        )
        page = await self._port.page(request, TENANTS_DN, wanted, _SHOWN, query)
        items = [self._tenant(one) for one in page.found]
        return json_response(models.Tenants(items=items, next=page.next))

    async def show(self, request: Request) -> Response:
        """One."""
        return json_response(self._tenant(await self._find(request)))

    async def create(self, request: Request) -> Response:
        """Makes one."""
        new: models.NewTenant = request.content
        password, generated = self._password(new.password)
        try:
            domain = await self._tenants.create(request, new.name, password)
        except (UnusablePassword, PasswordRefused) as error:
            raise Problem(422, f"the password can't be used: {error}") from None
        found = await self._port.read(request, tenant_entry_dn(domain), _TENANT, _SHOWN)
        if found is None:
            raise Problem(404, "the tenant was made, and deleted since")
        made = models.CreatedTenant(
            **self._tenant(found).model_dump(),
            administrator=f"Administrator@{domain}",
            password=generated,
        )
        return json_response(made, 201, (("Location", f"{PATH}/{quote(domain)}"),))

    async def modify(self, request: Request) -> Response:
        """Changes what its entry says of names."""
        found = await self._find(request)
        changes = _modifications(request.content)
        if changes:
            await self._port.write(request, ModifyRequest(found.dn.encode(), changes))
        return Response(204)

    async def suspend(self, request: Request) -> Response:
        """Lets nobody of it act any more."""
        await self._tenants.set_state(request, await self._name(request), TenantState.SUSPENDED)
        return Response(204)

    async def resume(self, request: Request) -> Response:
        """Lets them act again."""
        await self._tenants.set_state(request, await self._name(request), TenantState.ACTIVE)
        return Response(204)

    async def delete(self, request: Request) -> Response:
        """Begins to delete it: GET shows how far that is."""
        await self._tenants.delete(request, await self._name(request))
        return Response(202)

    async def recover(self, request: Request) -> Response:
        """Gives its Administrator a new password."""
        asked: models.Recovery = request.content
        password, generated = self._password(asked.password)
        try:
            dn = await self._tenants.recover(request, await self._name(request), password)
        except (UnusablePassword, PasswordRefused) as error:
            raise Problem(422, f"the password can't be used: {error}") from None
        return json_response(models.Recovered(administrator=dn, password=generated))

    # --- whom a tenant lets in

    async def operators(self, request: Request) -> Response:
        """A page of them."""
        query: Paged = request.arguments
        domain = self._port.domain(request, path_name(request))
        page = await self._port.page(request, _PRINCIPALS + domain.dn, _FOREIGNER, _OPERATOR, query)
        return json_response(models.Operators(items=[_operator(one) for one in page.found], next=page.next))

    async def invite(self, request: Request) -> Response:
        """Lets one in: the entry that stands for him, and his membership in a group."""
        asked: models.NewOperator = request.content
        domain = self._port.domain(request, path_name(request))
        group = await locate(self._port, request, domain, _GROUP, asked.group, ())
        dn = _principal(self._tenants.operator(asked.operator), domain.dn)
        member = ModifyRequest(group.dn.encode(), (Modification(ModifyKind.ADD, "member", (dn,)),))
        if await self._port.read(request, dn, _FOREIGNER, ("cn",)) is None:
            classes = (b"top", b"foreignSecurityPrincipal")
            added = AddRequest(dn, (("objectClass", classes),))
            await self._port.write_together(request, ((added, ()), (member, ())))
        else:
            await self._port.write(request, member)
        found = await self._port.read(request, dn, _FOREIGNER, _OPERATOR)
        return json_response(_operator(found or Found(dn.decode(), {})), 201)

    async def withdraw(self, request: Request) -> Response:
        """Takes back what one was given, all of it."""
        domain = self._port.domain(request, path_name(request))
        dn = _principal(self._tenants.operator(path_name(request, "operator")), domain.dn)
        if await self._port.read(request, dn, _FOREIGNER, ("cn",)) is None:
            raise Problem(404, "the tenant has let no such operator in")
        await self._port.write(request, DeleteRequest(dn))
        return Response(204)

    # --- what they share

    def _password(self, given: Password | None) -> tuple[str, str | None]:
        """(the password, the same where it was made here)."""
        if given is not None:
            return given.get_secret_value(), None
        made = generate_password(self._tenants.making.random_bytes).decode("ascii")
        return made, made

    async def _name(self, request: Request) -> str:
        return (await self._find(request)).text("cn") or ""

    async def _find(self, request: Request) -> Found:
        self._tenants.check_manager(request)
        name = path_name(request)
        domain = name.rstrip(".").lower()
        if is_dns_name(domain):
            found = await self._port.read(request, tenant_entry_dn(domain), _TENANT, _SHOWN)
            if found is not None:
                return found
        try:
            wanted = And((_TENANT, Equality("entryUUID", str(uuid.UUID(name)).encode())))
        except ValueError:
            wanted = None
        by_id = await self._port.find(request, TENANTS_DN, wanted, _SHOWN) if wanted is not None else []
        if not by_id:
            raise Problem(404, f"there is no tenant {name!r}")
        return by_id[0]

    def _tenant(self, found: Found) -> models.Tenant:
        guid = uuid.UUID(found.text("entryUUID") or str(uuid.UUID(int=0)))
        state = (found.text("lwTenantState") or "suspended").lower()
        deleting = state == "deleting"
        return models.Tenant.model_validate(
            {
                "name": found.text("cn") or "",
                "id": str(guid),
                "state": state,
                "realm": found.text("lwRealm"),
                "context": found.text("lwTenantContext"),
                "suffixes": found.texts(SUFFIXES),
                "sign_in_by_mail": found.text(SIGN_IN_BY_MAIL) == "TRUE",
                "description": found.text("description"),
                "created": generalized_time(found.text("createTimestamp")),
                "system": self._tenants.is_system(guid.bytes),
                "removed": self._tenants.removed_rows(guid.bytes) if deleting else None,
            }
        )


def _modifications(asked: models.TenantChanges) -> tuple[Modification, ...]:
    changes = []
    given = asked.model_fields_set
    if "suffixes" in given:
        values = tuple(one.encode() for one in asked.suffixes or ())
        changes.append(Modification(ModifyKind.REPLACE, SUFFIXES, values))
    if "sign_in_by_mail" in given:
        on = (b"TRUE",) if asked.sign_in_by_mail else ()
        changes.append(Modification(ModifyKind.REPLACE, SIGN_IN_BY_MAIL, on))
    if "description" in given:
        words = (asked.description.encode(),) if asked.description else ()
        changes.append(Modification(ModifyKind.REPLACE, "description", words))
    return tuple(changes)


def _principal(sid: Sid, domain: bytes) -> bytes:
    name = format_rdn((AVA("cn", format_sid(sid).encode()),))
    return name + b"," + _PRINCIPALS + domain


def _operator(found: Found) -> models.Operator:
    sids = []
    for value in found.values("objectSid"):
        try:
            sids.append(format_sid(decode_sid(value)))
        except DescriptorError:
            continue
    return models.Operator(
        sid=next(iter(sids), ""),
        dn=found.dn,
        groups=sorted(found.texts("lwMemberOfDirect")),
        created=generalized_time(found.text("createTimestamp")),
    )
