"""/v1/users: accounts, one by one and in lists; each request is ordinary operations of the directory.

`{name}` is a sAMAccountName, a userPrincipalName, a uid, a GUID, a SID or a distinguished name.
"""

from __future__ import annotations

from typing import NamedTuple

from lightwave.directory.ldap.filters import And, Equality, Filter, Not
from lightwave.rest.account_entries import LISTED, SHOWN, account, accounts_filter
from lightwave.rest.account_models import Account, Accounts, AccountsQuery
from lightwave.rest.calling import Kind, locate
from lightwave.rest.directory_port import DirectoryPort
from lightwave.rest.resources import TenantQuery, answering, path_name
from lightwave.web.messages import Request, Response, json_response
from lightwave.web.routing import Access, Answer, Route

_NAMES = ("sAMAccountName", "userPrincipalName", "uid")
_COMPUTER: Filter = Equality("objectClass", b"computer")


class AccountKind(NamedTuple):
    """One kind of accounts. path: of the list. plural: for names of operations."""

    path: str
    plural: str
    kind: Kind


USERS = AccountKind(
    "/v1/users",
    "Users",
    Kind("user", And((Equality("objectClass", b"inetOrgPerson"), Not(_COMPUTER))), _NAMES),
)


class AccountFace:
    """The routes of one kind of accounts."""

    def __init__(self, port: DirectoryPort, served: AccountKind) -> None:
        self._port = port
        self._served = served

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        path, plural, kind = self._served
        absent = {404: Answer(f"there is no such {kind.word} or tenant for the caller")}
        return (
            Route(
                method="GET",
                path=path,
                access=Access.SIGNED_IN,
                handle=answering(self.list),
                name=f"list{plural}",
                summary=f"List {plural.lower()}",
                query=AccountsQuery,
                answers={
                    200: Answer("a page", Accounts),
                    **absent,
                    410: Answer("no list waits under the cursor"),
                    422: Answer("a limit of the directory stands against it"),
                },
            ),
            Route(
                method="GET",
                path=f"{path}/{{name}}",
                access=Access.SIGNED_IN,
                handle=answering(self.show),
                name=f"get{plural[:-1]}",
                summary=f"Read a {kind.word} with its state and groups",
                query=TenantQuery,
                answers={
                    200: Answer(f"the {kind.word}", Account),
                    **absent,
                    409: Answer("more than one has the name"),
                },
            ),
        )

    async def list(self, request: Request) -> Response:
        """GET"""
        query: AccountsQuery = request.arguments
        domain = self._port.domain(request, query.tenant)
        wanted = accounts_filter(self._served.kind.wanted, query)
        page = await self._port.page(request, domain.dn, wanted, LISTED, query)
        items = [account(one, request.now) for one in page.found]
        return json_response(Accounts(items=items, next=page.next))

    async def show(self, request: Request) -> Response:
        """GET of one"""
        domain = self._port.domain(request, request.arguments.tenant)
        found = await locate(self._port, request, domain, self._served.kind, path_name(request), SHOWN)
        return json_response(account(found, request.now, is_whole=True))
