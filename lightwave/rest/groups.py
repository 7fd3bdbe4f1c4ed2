"""/v1/groups: groups and their members; each request is ordinary operations of the directory.

`{name}` is a sAMAccountName, a cn, a GUID, a SID or a distinguished name; a member is called as users, services,
computers and groups are. Who is in a group already can be added again.
"""

from __future__ import annotations

from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.filters import Equality, Or
from lightwave.directory.ldap.requests import DeleteRequest, Modification, ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.ldap.update_controls import PERMISSIVE_MODIFY
from lightwave.rest import group_models as models
from lightwave.rest.account_changes import names_of, rename_requests
from lightwave.rest.account_models import NewName
from lightwave.rest.calling import Kind, locate
from lightwave.rest.directory_port import DirectoryPort, Found
from lightwave.rest.entity_tags import matches_none, precondition
from lightwave.rest.group_entries import (
    GROUP,
    LISTED,
    MEMBER,
    SHOWN,
    add_request,
    group,
    groups_filter,
    member,
    modifications,
)
from lightwave.rest.resources import path_name
from lightwave.rest.tenancy import Domain
from lightwave.web.messages import Request, Response, json_response
from lightwave.web.problems import Problem

PATH = "/v1/groups"
CONTAINER = b"cn=Users"
_NAMES = ("sAMAccountName", "cn")
_GROUP = Kind("group", GROUP, _NAMES)
_MEMBER = Kind(
    "account or group",
    Or(
        (
            Equality("objectClass", b"inetOrgPerson"),
            GROUP,
            Equality("objectClass", b"foreignSecurityPrincipal"),
            Equality("objectClass", b"contact"),
        )
    ),
    ("sAMAccountName", "userPrincipalName", "uid", "cn"),
    "$",
)
_LOOKED_UP_AT_ONCE = 16


class GroupHandlers:
    """The operations on groups."""

    def __init__(self, port: DirectoryPort) -> None:
        self._port = port

    async def list(self, request: Request) -> Response:
        """A page of them."""
        query: models.GroupsQuery = request.arguments
        domain = self._port.domain(request, query.tenant)
        page = await self._port.page(request, domain.dn, groups_filter(query.search), LISTED, query)
        return json_response(models.Groups(items=[group(one) for one in page.found], next=page.next))

    async def show(self, request: Request) -> Response:
        """One."""
        _, found = await self._locate(request)
        tag = found.tag
        headers = () if tag is None else (("ETag", tag),)
        unchanged = request.headers.get("if-none-match")
        if tag is not None and unchanged is not None and not matches_none(unchanged, tag):
            return Response(304, headers=headers)
        return json_response(group(found, is_whole=True), headers=headers)

    async def create(self, request: Request) -> Response:
        """Adds one."""
        new: models.NewGroup = request.content
        tenant = request.arguments.tenant
        container = self._port.container(self._port.domain(request, tenant), new.container, CONTAINER)
        asked = add_request(container, new)
        await self._port.write(request, asked)
        found = await self._port.read(request, asked.dn, GROUP, SHOWN)
        made = group(found or Found(asked.dn.decode(), {}), is_whole=found is not None)
        location = self._port.location(PATH, made.id or made.dn, tenant)
        return json_response(made, 201, (("Location", location),))

    async def modify(self, request: Request) -> Response:
        """Changes one; all of what is asked, or nothing."""
        _, found = await self._locate(request)
        changes = modifications(request.content)
        if changes:
            controls = precondition(request.headers.get("if-match"))
            await self._port.write(request, ModifyRequest(found.dn.encode(), tuple(changes)), controls)
        return Response(204)

    async def delete(self, request: Request) -> Response:
        """Deletes one; its members stay."""
        _, found = await self._locate(request)
        controls = precondition(request.headers.get("if-match"))
        await self._port.write(request, DeleteRequest(found.dn.encode()), controls)
        return Response(204)

    async def rename(self, request: Request) -> Response:
        """Gives one another name: in its RDN and sAMAccountName, as far as they say the old one."""
        asked: NewName = request.content
        _, found = await self._locate(request)
        writes = rename_requests(found, asked.name, "", names_of(found, _NAMES))
        await self._port.write_together(request, [(one, ()) for one in writes])
        return Response(204)

    async def members(self, request: Request) -> Response:
        """A page of its members."""
        query: models.MembershipQuery = request.arguments
        domain, found = await self._locate(request)
        within = Equality("memberOf" if query.nested else "lwMemberOfDirect", found.dn.encode())
        page = await self._port.page(request, domain.dn, within, MEMBER, query)
        return json_response(models.Members(items=[member(one) for one in page.found], next=page.next))

    async def add_members(self, request: Request) -> Response:
        """Adds members, all or none."""
        asked: models.NewMembers = request.content
        domain, found = await self._locate(request)
        names: dict[bytes, None] = {}
        for position, name in enumerate(asked.members):
            if position % _LOOKED_UP_AT_ONCE == _LOOKED_UP_AT_ONCE - 1:
                await self._port.pause()
            one = await locate(self._port, request, domain, _MEMBER, name, ())
            names[one.dn.encode()] = None
        added = Modification(ModifyKind.ADD, "member", tuple(names))
        permissive = Control(PERMISSIVE_MODIFY, True, None)
        await self._port.write(request, ModifyRequest(found.dn.encode(), (added,)), (permissive,))
        return Response(204)

    async def remove_member(self, request: Request) -> Response:
        """Takes one member out."""
        domain, found = await self._locate(request)
        name = path_name(request, "member")
        one = await locate(self._port, request, domain, _MEMBER, name, ())
        removed = Modification(ModifyKind.DELETE, "member", (one.dn.encode(),))
        try:
            await self._port.write(request, ModifyRequest(found.dn.encode(), (removed,)))
        except Problem as problem:
            if problem.members.get("ldapCode") == ResultCode.NO_SUCH_ATTRIBUTE:
                raise Problem(404, f"{name!r} is no direct member of the group") from None
            raise
        return Response(204)

    async def _locate(self, request: Request) -> tuple[Domain, Found]:
        domain = self._port.domain(request, request.arguments.tenant)
        return domain, await locate(self._port, request, domain, _GROUP, path_name(request), SHOWN)
