"""Routes and the router: a method and a path lead to one plain function, and each route says who may call it.

A path is a template: `{name}` stands for one segment, everything else for itself. No segment is resolved
(`..` names nothing), so what was checked is what is served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from pydantic import BaseModel
from twisted.internet.defer import Deferred

from lightwave.web.limits import MAX_BODY
from lightwave.web.messages import JSON, Request, Response

Segments = tuple[str, ...]
"""of a path, percent-decoded one by one: a slash in one is no separator"""
Handler = Callable[[Request], "Response | Deferred[Response]"]
"""raises Problem, DirectoryError or AuthenticationFailed to refuse"""


class Access(Enum):
    """Who may call a route; the value is the word of the documentation."""

    ANYBODY = "anybody"
    SIGNED_IN = "whoever has signed in"
    ADMINISTRATOR = "administrators"
    LOCAL = "administrators, and anybody on this machine"


@dataclass(frozen=True, slots=True)
class Answer:
    """One response of a route for its documentation. model: of its content, None for other media types.

    also: further media types that it may have, as text.
    """

    description: str
    model: type[BaseModel] | None = None
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    """name -> what it says"""
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the interface.

    name: unique, for documentation. query, body: models that the arguments and the content have to fit.
    headers: request headers that the operation reads, name -> what they say. produces: media type of success.
    max_body: bytes.
    """

    method: str
    path: str
    access: Access
    handle: Handler = field(repr=False)
    name: str
    summary: str
    answers: Mapping[int, Answer]
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    max_body: int = MAX_BODY

    @property
    def produces(self) -> str:
        """The media type of its success."""
        return next(answer.media_type for status, answer in self.answers.items() if status < 400)


@dataclass(frozen=True, slots=True)
class Mount:
    """A WSGI application below a path."""

    path: str
    access: Access
    application: Any = field(repr=False)
    max_body: int = 1 << 20


class Found(NamedTuple):
    """What a path leads to: routes by method, or a mounted application; neither where it leads nowhere."""

    routes: Mapping[str, Route]
    parameters: Mapping[str, str]
    mount: Mount | None = None

    def allowed(self) -> str:
        """The value of an Allow header (RFC 9110 §10.2.1)."""
        methods = {*self.routes, "OPTIONS"}
        if "GET" in methods:
            methods.add("HEAD")
        return ", ".join(sorted(methods))

    def route(self, method: str) -> Route | None:
        """The route of a method; HEAD is GET without its content (RFC 9110 §9.3.2)."""
        return self.routes.get("GET" if method == "HEAD" else method)


NOWHERE = Found({}, {})


class Router:
    """All routes of a node."""

    def __init__(self) -> None:
        self._literal: dict[Segments, dict[str, Route]] = {}
        self._templates: dict[Segments, dict[str, Route]] = {}
        self._mounts: list[tuple[Segments, Mount]] = []

    def add(self, *routes: Route) -> None:
        """Serve these too; a method and path that are taken are a mistake of the caller (ValueError)."""
        for route in routes:
            table = self._templates if "{" in route.path else self._literal
            methods = table.setdefault(_segments(route.path), {})
            if route.method in methods:
                raise ValueError(f"{route.method} {route.path} is served already")
            methods[route.method] = route

    def mount_flask(self, path: str, application: Any, access: Access) -> None:
        """Serve a WSGI application, such as a Flask, at `path` and below it."""
        if path.endswith("/"):
            raise ValueError("a mount's path does not end with a slash")
        self._mounts.append((_segments(path), Mount(path, access, application)))

    def find(self, segments: Segments) -> Found:
        """What serves a path, given as its percent-decoded segments."""
        literal = self._literal.get(segments)
        if literal is not None:
            return Found(literal, {})
        for template, methods in self._templates.items():
            parameters = _match(template, segments)
            if parameters is not None:
                return Found(methods, parameters)
        for prefix, mount in self._mounts:
            if segments[: len(prefix)] == prefix:
                return Found({}, {}, mount)
        return NOWHERE

    def __iter__(self) -> Iterator[Route]:
        """All routes, for documentation."""
        for table in (self._literal, self._templates):
            for methods in table.values():
                yield from methods.values()


def _segments(path: str) -> Segments:
    if not path.startswith("/"):
        raise ValueError("a path begins with a slash")
    return tuple(path.split("/")[1:])


def _match(template: Segments, segments: Segments) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    parameters = {}
    for expected, given in zip(template, segments, strict=True):
        if expected.startswith("{"):
            if not given:
                return None
            parameters[expected[1:-1]] = given
        elif expected != given:
            return None
    return parameters
