"""What all resources share: the form of their JSON, their tenant and their pages.

Names in JSON are camelCase; what is not known is refused; what an entry does not have is left out. A list is
`{"items": [...], "next": "..."}`: with `next` there is more, which the same request gives with `cursor=` it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel
from twisted.internet.defer import Deferred

from lightwave.web.messages import Request, Response
from lightwave.web.problems import Problem
from lightwave.web.routing import Answer, Route

MAX_NAME = 1_024
MOST_ITEMS = 1_000
"""items of one page"""
MAX_BODY = 1 << 20
ETAG = {"ETag": "The version of the entry"}
CREATED = {"Location": "Where it is read"}
IF_MATCH = {"If-Match": "Entity tags of the entry: the change is made only if it still has one of them"}
IF_NONE_MATCH = {"If-None-Match": "Entity tags that the client has: 304 when the entry has one of them"}
Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]


class Face(Protocol):
    """Some routes that belong together."""

    def routes(self) -> tuple[Route, ...]:
        """What is served."""


class Resource(BaseModel):
    """The base of all models."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class TenantQuery(Resource):
    """Of which tenant."""

    tenant: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="The tenant, by its domain; without it the caller's own",
        examples=["acme.example"],
    )


class Paged(Resource):
    """Which part of a list."""

    limit: int = Field(default=100, ge=1, le=MOST_ITEMS, description="Most items of the answer")
    cursor: str | None = Field(
        default=None, max_length=64, description="`next` of the page before, with the same query otherwise"
    )


class PageQuery(Paged, TenantQuery):
    """Which part of a list of a tenant's."""


def question(query: Paged) -> str:
    """What has to be asked again, word for word, to go on with a cursor."""
    return type(query).__name__ + query.model_dump_json(exclude={"limit", "cursor"})


def refusals(absent: str) -> dict[int, Answer]:
    """The answers of a change that is not made. absent: what 404 means."""
    return {
        404: Answer(absent),
        409: Answer("more than one has the name, or what is there stands against it"),
        422: Answer("the schema, a rule or a limit of the directory stands against it"),
    }


def path_name(request: Request, parameter: str = "name") -> str:
    """A name out of the path; raises Problem 404 for one that nothing can have."""
    name = request.parameters[parameter]
    if len(name) > MAX_NAME:
        raise Problem(404, "the name is too long for anything that is here")
    return name


def answering(
    handle: Callable[[Request], Coroutine[Any, Any, Response]],
) -> Callable[[Request], Deferred[Response]]:
    """A route's handler out of a coroutine."""
    return lambda request: Deferred.fromCoroutine(handle(request))
