"""The routes of groups: what they take and give, for checks and documentation."""

from __future__ import annotations

from lightwave.rest import group_models as models
from lightwave.rest.account_models import NewName
from lightwave.rest.directory_port import DirectoryPort
from lightwave.rest.groups import PATH, GroupHandlers
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

_ONE = f"{PATH}/{{name}}"
_MEMBERS = f"{_ONE}/members"
_REFUSED = refusals("there is no such group, member, container or tenant")
_CHANGED = {204: Answer("done"), **_REFUSED}
_NO_CURSOR = Answer("no list waits under the cursor")


class GroupFace:
    """The routes of groups."""

    def __init__(self, port: DirectoryPort) -> None:
        self._handlers = GroupHandlers(port)

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (*self._of_all(), *self._of_one(), *self._of_members())

    def _of_all(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path=PATH,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.list),
                name="listGroups",
                summary="List groups",
                query=models.GroupsQuery,
                answers={
                    200: Answer("a page", models.Groups),
                    404: _REFUSED[404],
                    410: _NO_CURSOR,
                    422: _REFUSED[422],
                },
            ),
            Route(
                method="POST",
                path=PATH,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.create),
                name="createGroup",
                summary="Make a group",
                query=TenantQuery,
                body=models.NewGroup,
                max_body=MAX_BODY,
                answers={201: Answer("it was made", models.Group, headers=CREATED), **_REFUSED},
            ),
        )

    def _of_one(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path=_ONE,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.show),
                name="getGroup",
                summary="Read a group",
                query=TenantQuery,
                headers=IF_NONE_MATCH,
                answers={
                    200: Answer("the group", models.Group, headers=ETAG),
                    304: Answer("it has not changed"),
                    404: _REFUSED[404],
                    409: _REFUSED[409],
                },
            ),
            Route(
                method="PATCH",
                path=_ONE,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.modify),
                name="modifyGroup",
                summary="Change a group: what is not named stays, null takes away",
                query=TenantQuery,
                body=models.GroupChanges,
                headers=IF_MATCH,
                max_body=MAX_BODY,
                answers={**_CHANGED, 412: Answer("it is not the one of If-Match")},
            ),
            Route(
                method="DELETE",
                path=_ONE,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.delete),
                name="deleteGroup",
                summary="Delete a group; its members stay",
                query=TenantQuery,
                headers=IF_MATCH,
                answers={**_CHANGED, 412: Answer("it is not the one of If-Match")},
            ),
            Route(
                method="POST",
                path=f"{_ONE}/rename",
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.rename),
                name="renameGroup",
                summary="Give a group another name",
                query=TenantQuery,
                body=NewName,
                answers=_CHANGED,
            ),
        )

    def _of_members(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path=_MEMBERS,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.members),
                name="listGroupMembers",
                summary="List the members of a group",
                query=models.MembershipQuery,
                answers={
                    200: Answer("a page", models.Members),
                    404: _REFUSED[404],
                    409: _REFUSED[409],
                    410: _NO_CURSOR,
                    422: _REFUSED[422],
                },
            ),
            Route(
                method="POST",
                path=_MEMBERS,
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.add_members),
                name="addGroupMembers",
                summary="Add members to a group, all or none",
                query=TenantQuery,
                body=models.NewMembers,
                max_body=MAX_BODY,
                answers=_CHANGED,
            ),
            Route(
                method="DELETE",
                path=f"{_MEMBERS}/{{member}}",
                access=Access.SIGNED_IN,
                handle=answering(self._handlers.remove_member),
                name="removeGroupMember",
                summary="Take a member out of a group",
                query=TenantQuery,
                answers=_CHANGED,
            ),
        )
