"""The routes of tenants: what they take and give, for checks and documentation."""

from __future__ import annotations

from lightwave.rest import tenant_models as models
from lightwave.rest.directory_port import DirectoryPort
from lightwave.rest.resources import Paged, answering, refusals
from lightwave.rest.tenant_port import TenantPort
from lightwave.rest.tenants import PATH, TenantHandlers
from lightwave.web.routing import Access, Answer, Handler, Route

_ONE = f"{PATH}/{{name}}"
_OPERATORS = f"{_ONE}/operators"
_NOT_YOURS = {403: Answer("tenants are the system's administrators'")}
_REFUSED = {**refusals("there is no such tenant"), **_NOT_YOURS}
_OF_OPERATORS = refusals("there is no such tenant, group or operator")
_NO_CURSOR = Answer("no list waits under the cursor")
_LOCATION = {"Location": "where it is read"}


class TenantFace:
    """The routes of tenants."""

    def __init__(self, port: DirectoryPort, tenants: TenantPort) -> None:
        self._handlers = TenantHandlers(port, tenants)

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (*self._of_all(), *self._of_one(), *self._of_operators())

    def _of_all(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path=PATH,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.list),
                name="listTenants",
                summary="List tenants",
                query=models.TenantsQuery,
                answers={
                    200: Answer("a page", models.Tenants),
                    **_NOT_YOURS,
                    410: _NO_CURSOR,
                    422: _REFUSED[422],
                },
            ),
            Route(
                method="POST",
                path=PATH,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.create),
                name="createTenant",
                summary="Make a tenant with all that it begins with",
                body=models.NewTenant,
                answers={201: Answer("it was made", models.CreatedTenant, headers=_LOCATION), **_REFUSED},
            ),
        )

    def _of_one(self) -> tuple[Route, ...]:
        done = {204: Answer("done"), **_REFUSED}
        return (
            Route(
                method="GET",
                path=_ONE,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.show),
                name="getTenant",
                summary="Read a tenant",
                answers={200: Answer("the tenant", models.Tenant), 403: _REFUSED[403], 404: _REFUSED[404]},
            ),
            Route(
                method="PATCH",
                path=_ONE,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.modify),
                name="modifyTenant",
                summary="Change by which names the accounts of a tenant sign in",
                body=models.TenantChanges,
                answers=done,
            ),
            Route(
                method="DELETE",
                path=_ONE,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.delete),
                name="deleteTenant",
                summary="Delete a suspended tenant; its secrets are gone first",
                answers={202: Answer("it is being deleted, which GET shows"), **_REFUSED},
            ),
            self._act("suspend", answering(self._handlers.suspend), "Let nobody of a tenant act"),
            self._act(
                "resume", answering(self._handlers.resume), "Let those of a suspended tenant act again"
            ),
            Route(
                method="POST",
                path=f"{_ONE}/recover",
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.recover),
                name="recoverTenant",
                summary="Give a tenant's Administrator a new password; on the node's machine only",
                body=models.Recovery,
                answers={200: Answer("he can sign in", models.Recovered), **_REFUSED},
            ),
        )

    @staticmethod
    def _act(verb: str, handle: Handler, summary: str) -> Route:
        return Route(
            method="POST",
            path=f"{_ONE}/{verb}",
            access=Access.SIGNED_IN,
            handle=handle,
            name=f"{verb}Tenant",
            summary=summary,
            answers={204: Answer("done"), **_REFUSED},
        )

    def _of_operators(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path=_OPERATORS,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.operators),
                name="listOperators",
                summary="List whom a tenant lets in",
                query=Paged,
                answers={
                    200: Answer("a page", models.Operators),
                    404: _OF_OPERATORS[404],
                    410: _NO_CURSOR,
                    422: _OF_OPERATORS[422],
                },
            ),
            Route(
                method="POST",
                path=_OPERATORS,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.invite),
                name="inviteOperator",
                summary="Let an account of the system tenant in, as a member of a group",
                body=models.NewOperator,
                answers={201: Answer("he is in", models.Operator), **_OF_OPERATORS},
            ),
            Route(
                method="DELETE",
                path=f"{_OPERATORS}/{{operator}}",
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.withdraw),
                name="withdrawOperator",
                summary="Take back all that an operator was given",
                answers={204: Answer("done"), **_OF_OPERATORS},
            ),
        )
