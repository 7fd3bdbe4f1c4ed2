"""/health and /ready, for whoever restarts the process and whoever sends it clients; and /openapi.json."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, RootModel

from lightwave.directory.server.service import DirectoryService
from lightwave.web.messages import Request, Response, json_response
from lightwave.web.openapi import openapi_document
from lightwave.web.problems import Problem
from lightwave.web.routing import Access, Answer, Route
from lightwave.web.service import WebService


class State(BaseModel):
    """Whether the node does what was asked of it."""

    status: str = Field(examples=["ok"])


class Document(RootModel[dict[str, Any]]):
    """An OpenAPI 3.1 document."""


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


def openapi_route(web: WebService, version: str) -> Route:
    """The document of all routes; made when it is first asked for."""
    made: list[Response] = []

    def document(request: Request) -> Response:
        if not made:
            made.append(json_response(openapi_document(web.router, version)))
        return made[0]

    return Route(
        method="GET",
        path="/openapi.json",
        access=Access.ANYBODY,
        handle=document,
        name="openapi",
        summary="This document",
        answers={200: Answer("the document", Document)},
    )
