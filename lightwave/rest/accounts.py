"""/v1/users, /v1/services, /v1/computers: accounts; each request is ordinary operations of the directory.

`{name}` is a sAMAccountName (of machines with or without its dollar), a userPrincipalName, a uid, a GUID, a SID or a
distinguished name. A change is made to the entry that was found when it was asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lightwave.directory.ldap.filters import And, Equality, Extensible, Filter, Not
from lightwave.directory.ldap.requests import DeleteRequest, ModifyRequest
from lightwave.directory.operations.drafts import PasswordModifyRequest
from lightwave.rest.account_changes import (
    NORMAL_ACCOUNT,
    WORKSTATION_TRUST_ACCOUNT,
    Making,
    add_request,
    modifications,
    names_of,
    rename_requests,
    reset_request,
)
from lightwave.rest.account_entries import LISTED, SHOWN, account, accounts_filter
from lightwave.rest.account_models import (
    Account,
    AccountChanges,
    Accounts,
    AccountsQuery,
    CreatedAccount,
    GeneratedPassword,
    NewAccount,
    NewName,
    PasswordChange,
)
from lightwave.rest.calling import Kind, locate
from lightwave.rest.directory_port import DirectoryPort, Found
from lightwave.rest.entity_tags import matches_none, precondition
from lightwave.rest.group_entries import GROUP, group
from lightwave.rest.group_entries import LISTED as GROUP_LISTED
from lightwave.rest.group_models import Groups, MembershipQuery
from lightwave.rest.resources import path_name
from lightwave.rest.tenancy import Domain
from lightwave.web.messages import Request, Response, json_response

IN_CHAIN = "1.2.840.113556.1.4.1941"  # MS-ADTS §3.1.1.3.4.4.3
_NAMES = ("sAMAccountName", "userPrincipalName", "uid")
_USER: Filter = Equality("objectClass", b"inetOrgPerson")
_SERVICE: Filter = Equality("objectClass", b"msDS-ManagedServiceAccount")
_COMPUTER: Filter = Equality("objectClass", b"computer")
_PERSON = ("top", "person", "organizationalPerson", "inetOrgPerson", "user")


class AccountKind(NamedTuple):
    """One kind of accounts. path: of the list. plural: for names of operations."""

    path: str
    plural: str
    kind: Kind
    making: Making


USERS = AccountKind(
    "/v1/users",
    "Users",
    Kind("user", And((_USER, Not(_COMPUTER))), _NAMES),
    Making(b"cn=Users", _PERSON, "", NORMAL_ACCOUNT),
)
COMPUTERS = AccountKind(
    "/v1/computers",
    "Computers",
    Kind("computer", And((_COMPUTER, Not(_SERVICE))), (*_NAMES, "servicePrincipalName"), "$"),
    Making(b"ou=Computers", (*_PERSON, "computer"), "$", WORKSTATION_TRUST_ACCOUNT),
)
SERVICES = AccountKind(
    "/v1/services",
    "Services",
    Kind("service", _SERVICE, (*_NAMES, "servicePrincipalName"), "$"),
    Making(
        b"cn=Managed Service Accounts",
        (*_PERSON, "computer", "msDS-ManagedServiceAccount"),
        "$",
        WORKSTATION_TRUST_ACCOUNT,
    ),
)


class AccountHandlers:
    """The operations on one kind of accounts. random_bytes: for passwords that are made here."""

    def __init__(
        self, port: DirectoryPort, served: AccountKind, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._port = port
        self._served = served
        self._random_bytes = random_bytes

    async def list(self, request: Request) -> Response:
        """A page of them."""
        query: AccountsQuery = request.arguments
        domain = self._port.domain(request, query.tenant)
        wanted = accounts_filter(self._served.kind.wanted, query)
        page = await self._port.page(request, domain.dn, wanted, LISTED, query)
        found = [self._account(request, domain, one) for one in page.found]
        items = [one for one in found if query.locked is None or one.locked is query.locked]
        return json_response(Accounts(items=items, next=page.next))

    async def show(self, request: Request) -> Response:
        """One with its groups."""
        domain, found = await self._locate(request)
        tag = found.tag
        headers = () if tag is None else (("ETag", tag),)
        unchanged = request.headers.get("if-none-match")
        if tag is not None and unchanged is not None and not matches_none(unchanged, tag):
            return Response(304, headers=headers)
        return json_response(self._account(request, domain, found, is_whole=True), headers=headers)

    async def create(self, request: Request) -> Response:
        """Adds one."""
        new: NewAccount = request.content
        domain = self._port.domain(request, request.arguments.tenant)
        making = self._served.making
        container = self._port.container(domain, new.container, making.container)
        password = new.password.get_secret_value() if new.password is not None else None
        if new.generate_password:
            password = self._port.made_password(self._random_bytes, domain).decode()
        asked = add_request(making, domain, container, new, password)
        await self._port.write(request, asked)
        found = await self._port.read(request, asked.dn, self._served.kind.wanted, SHOWN)
        made = account(found or Found(asked.dn.decode(), {}), request.now, is_whole=found is not None)
        told = {"password": password} if new.generate_password else {}
        answer = CreatedAccount.model_validate(made.model_dump() | told)
        location = self._port.location(self._served.path, made.id or made.dn, request.arguments.tenant)
        return json_response(answer, 201, (("Location", location),))

    async def modify(self, request: Request) -> Response:
        """Changes one; all of what is asked, or nothing."""
        asked: AccountChanges = request.content
        _, found = await self._locate(request)
        changes = modifications(found, asked)
        if changes:
            controls = precondition(request.headers.get("if-match"))
            await self._port.write(request, ModifyRequest(found.dn.encode(), tuple(changes)), controls)
        return Response(204)

    async def delete(self, request: Request) -> Response:
        """Deletes one."""
        _, found = await self._locate(request)
        controls = precondition(request.headers.get("if-match"))
        await self._port.write(request, DeleteRequest(found.dn.encode()), controls)
        return Response(204)

    async def rename(self, request: Request) -> Response:
        """Gives one another name: wherever RDN, sAMAccountName, uid and userPrincipalName say the old one."""
        asked: NewName = request.content
        _, found = await self._locate(request)
        suffix = self._served.making.suffix
        name = asked.name.rstrip("$") if suffix else asked.name
        writes = rename_requests(found, name, suffix, names_of(found, _NAMES))
        await self._port.write_together(request, [(one, ()) for one in writes])
        return Response(204)

    async def set_password(self, request: Request) -> Response:
        """Sets a password, the given one or one that is made here."""
        asked: PasswordChange = request.content
        domain, found = await self._locate(request)
        dn = found.dn.encode()
        old = asked.old.get_secret_value().encode() if asked.old is not None else None
        made = self._port.made_password(self._random_bytes, domain, dn) if asked.new is None else b""
        new = made if asked.new is None else asked.new.get_secret_value().encode()
        write = reset_request(dn, old, new) if asked.must_change else PasswordModifyRequest(dn, old, new)
        await self._port.write(request, write)
        if made:
            return json_response(GeneratedPassword(password=made.decode()))
        return Response(204)

    async def groups(self, request: Request) -> Response:
        """A page of the groups that have it as a member."""
        query: MembershipQuery = request.arguments
        domain, found = await self._locate(request)
        value = found.dn.encode()
        member = Extensible(IN_CHAIN, "member", value, False) if query.nested else Equality("member", value)
        page = await self._port.page(request, domain.dn, And((member, GROUP)), GROUP_LISTED, query)
        return json_response(Groups(items=[group(one) for one in page.found], next=page.next))

    def _account(self, request: Request, domain: Domain, found: Found, *, is_whole: bool = False) -> Account:
        return account(found, request.now, lock_end=self._port.lock_end(domain, found), is_whole=is_whole)

    async def _locate(self, request: Request) -> tuple[Domain, Found]:
        domain = self._port.domain(request, request.arguments.tenant)
        return domain, await locate(self._port, request, domain, self._served.kind, path_name(request), SHOWN)
