"""/health and /ready: for whoever restarts the process, and for whoever sends it clients."""

from __future__ import annotations

from pydantic import BaseModel, Field

from lightwave.directory.server.service import DirectoryService
from lightwave.web.messages import Request, Response, json_response
from lightwave.web.problems import Problem
from lightwave.web.routing import Access, Answer, Route
from lightwave.web.service import WebService


class State(BaseModel):
    """Whether the node does what was asked of it."""

    status: str = Field(examples=["ok"])


OK = State(status="ok")


def health_routes(directory: DirectoryService, web: WebService) -> tuple[Route, ...]:
    """The two routes; they tell strangers nothing else."""

    def health(request: Request) -> Response:
        with directory.store.read() as txn:
            txn.last_usn()
        return json_response(OK)

    def ready(request: Request) -> Response:
        if web.draining:
            raise Problem(503, "the server is shutting down")
        return health(request)

    def route(path: str, handle: object, summary: str, bad: str) -> Route:
        return Route(
            method="GET",
            path=path,
            access=Access.ANYBODY,
            handle=handle,  # type: ignore[arg-type]  # one of the two above
            name=path[1:],
            summary=summary,
            answers={200: Answer("yes", State), 503: Answer(bad)},
        )

    return (
        route(
            "/health", health, "Is the process alive, and does its store answer?", "the store does not answer"
        ),
        route("/ready", ready, "Does the node take clients?", "it is shutting down"),
    )
