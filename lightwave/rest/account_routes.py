"""The routes of accounts: what they take and give, for checks and documentation."""

from __future__ import annotations

from collections.abc import Callable

from lightwave.rest import account_models as models
from lightwave.rest.accounts import AccountHandlers, AccountKind
from lightwave.rest.directory_port import DirectoryPort
from lightwave.rest.group_models import Groups, MembershipQuery
from lightwave.rest.resources import (
    CREATED,
    ETAG,
    IF_MATCH,
    IF_NONE_MATCH,
    MAX_BODY,
    TenantQuery,
    answering,
    refusals,
)
from lightwave.web.routing import Access, Answer, Route


class AccountFace:
    """The routes of one kind of accounts."""

    def __init__(
        self, port: DirectoryPort, served: AccountKind, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._served = served
        self._handlers = AccountHandlers(port, served, random_bytes)

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (*self._of_all(), *self._of_one(), *self._of_changes())

    def _of_all(self) -> tuple[Route, ...]:
        path, plural, kind, _ = self._served
        refused = refusals(f"there is no such tenant or container, or no {kind.word} by this name")
        return (
            Route(
                method="GET",
                path=path,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.list),
                name=f"list{plural}",
                summary=f"List {plural.lower()}",
                query=models.AccountsQuery,
                answers={
                    200: Answer("a page", models.Accounts),
                    404: refused[404],
                    410: Answer("no list waits under the cursor"),
                    422: refused[422],
                },
            ),
            Route(
                method="POST",
                path=path,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.create),
                name=f"create{plural[:-1]}",
                summary=f"Make a {kind.word}",
                query=TenantQuery,
                body=models.NewAccount,
                max_body=MAX_BODY,
                answers={201: Answer("it was made", models.CreatedAccount, headers=CREATED), **refused},
            ),
        )

    def _of_one(self) -> tuple[Route, ...]:
        path, plural, kind, _ = self._served
        one = plural[:-1]
        refused = refusals(f"there is no such {kind.word} or tenant")
        return (
            Route(
                method="GET",
                path=f"{path}/{{name}}",
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.show),
                name=f"get{one}",
                summary=f"Read a {kind.word} with its state and groups",
                query=TenantQuery,
                headers=IF_NONE_MATCH,
                answers={
                    200: Answer(f"the {kind.word}", models.Account, headers=ETAG),
                    304: Answer("it has not changed"),
                    404: refused[404],
                    409: refused[409],
                },
            ),
            Route(
                method="PATCH",
                path=f"{path}/{{name}}",
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.modify),
                name=f"modify{one}",
                summary=f"Change a {kind.word}: what is not named stays, null takes away",
                query=TenantQuery,
                body=models.AccountChanges,
                headers=IF_MATCH,
                max_body=MAX_BODY,
                answers={204: Answer("done"), **refused, 412: Answer("it is not the one of If-Match")},
            ),
            Route(
                method="DELETE",
                path=f"{path}/{{name}}",
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.delete),
                name=f"delete{one}",
                summary=f"Delete a {kind.word}",
                query=TenantQuery,
                headers=IF_MATCH,
                answers={204: Answer("done"), **refused, 412: Answer("it is not the one of If-Match")},
            ),
        )

    def _of_changes(self) -> tuple[Route, ...]:
        path, plural, kind, _ = self._served
        one = plural[:-1]
        refused = refusals(f"there is no such {kind.word} or tenant")
        return (
            Route(
                method="POST",
                path=f"{path}/{{name}}/rename",
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.rename),
                name=f"rename{one}",
                summary=f"Give a {kind.word} another name",
                query=TenantQuery,
                body=models.NewName,
                answers={204: Answer("done"), **refused},
            ),
            Route(
                method="PUT",
                path=f"{path}/{{name}}/password",
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.set_password),
                name=f"set{one}Password",
                summary=f"Set a {kind.word}'s password, or have one made",
                query=TenantQuery,
                body=models.PasswordChange,
                answers={
                    200: Answer("the password that was made", models.GeneratedPassword),
                    204: Answer("done"),
                    **refused,
                },
            ),
            Route(
                method="GET",
                path=f"{path}/{{name}}/groups",
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.groups),
                name=f"list{one}Groups",
                summary=f"List the groups that a {kind.word} is in",
                query=MembershipQuery,
                answers={
                    200: Answer("a page", Groups),
                    404: refused[404],
                    409: refused[409],
                    410: Answer("no list waits under the cursor"),
                    422: refused[422],
                },
            ),
        )
