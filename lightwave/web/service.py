"""From a request to its answer: find the route, know the caller, check what the route asks for, call it.

    find -> authenticate -> may he? -> what does he accept, what does he send? -> handle -> answer

One exit for everything that goes wrong: `_refused` makes a problem of it. Nothing here knows sockets.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from lightwave.directory.access.token import Token
from lightwave.web.callers import Callers, Proved
from lightwave.web.limits import DEFAULT_LIMITS, WebLimits
from lightwave.web.messages import JSON, Request, Response
from lightwave.web.negotiation import accepts, media_type
from lightwave.web.problems import Problem, problem_of
from lightwave.web.routing import Access, Found, Route, Router

if TYPE_CHECKING:
    from lightwave.web.channel import WebChannel

log = logging.getLogger("lightwave.web")


class WebService:
    """What all HTTP connections of a node share. now: seconds since the epoch. monotonic: seconds."""

    def __init__(
        self,
        router: Router,
        callers: Callers,
        now: Callable[[], float],
        reactor: Any,
        threads: Any,
        limits: WebLimits = DEFAULT_LIMITS,
        run: str = "0",
    ) -> None:
        """`threads`: a Twisted thread pool, for mounted applications. run: begins this process's correlation ids."""
        self.run = run
        self.router = router
        self.callers = callers
        self.now = now
        self.reactor = reactor
        self.threads = threads
        self.limits = limits
        self.connections: set[WebChannel] = set()
        self.accepted = 0
        self.content_held = 0
        """bytes of content of requests that are not answered yet"""
        self.answered: dict[int, int] = {}
        """status -> answers given"""
        self.draining = False
        self._serial = 0

    def next_serial(self) -> int:
        """A number for a new connection, for logs."""
        self._serial += 1
        return self._serial

    def drain(self) -> None:
        """Answer what was asked, then close: idle connections end now."""
        self.draining = True
        for connection in tuple(self.connections):
            connection.drain()

    def answer(self, request: Request, found: Found, proved: Proved) -> Deferred[Response]:
        """The answer to a request for a route; never fails."""
        answer: Any = self._answer  # maybeDeferred's types take a value or a Deferred, not either
        answering: Deferred[Any] = maybeDeferred(answer, request, found, proved)
        answering.addErrback(self._refused, request)
        return answering

    def authenticate(self, request: Request, access: Access, proved: Proved) -> Deferred[Token]:
        """The caller, who may call what `access` allows; fails with Problem or AuthenticationFailed."""

        def check(token: Token) -> Token:
            check_access(token, access, request)
            return token

        return maybeDeferred(self.callers.authenticate, request, proved).addCallback(check)

    def _answer(self, request: Request, found: Found, proved: Proved) -> Response | Deferred[Response]:
        if not found.routes:
            raise Problem(404, "nothing is served at this path")
        if request.method == "OPTIONS":
            return Response(204, headers=(("Allow", found.allowed()),))
        route = found.route(request.method)
        if route is None:
            allowed = found.allowed()
            raise Problem(405, f"this path takes {allowed}", (("Allow", allowed),))

        def serve(token: Token) -> Response | Deferred[Response]:
            return route.handle(_checked(request.with_(caller=token, parameters=found.parameters), route))

        return self.authenticate(request, route.access, proved).addCallback(serve)

    def refusal(self, error: BaseException, request: Request) -> Response:
        """The answer for an error."""
        problem = problem_of(error, request.correlation)
        if problem.status == 401:
            challenges = self.callers.challenges(request.channel)
            if not challenges:
                problem = Problem(403, "sign in over HTTPS or the local socket")
            problem.headers = (*problem.headers, *challenges)
        return problem.response()

    def _refused(self, failure: Failure, request: Request) -> Response:
        error: Any = failure.value
        detail = getattr(error, "detail", "")
        if detail and not isinstance(error, Problem):
            log.info("%s from %s refused: %s", request.correlation, request.channel.address, detail)
        return self.refusal(error, request)


def check_access(token: Token, access: Access, request: Request) -> None:
    """Raises Problem (401, 403) unless the caller may call what `access` allows."""
    if access is Access.ANYBODY or token.is_system_administrator:
        return
    if access is Access.LOCAL and is_on_this_machine(request):
        return
    if token.is_anonymous:
        raise Problem(401, "sign in to use this")
    if access is not Access.SIGNED_IN:
        raise Problem(403, f"this is for {access.value}")


def is_on_this_machine(request: Request) -> bool:
    """Whether the request came over the local socket or from a loopback address."""
    channel = request.channel
    host = channel.address.rpartition(":")[0]
    return channel.local_uid is not None or host.startswith("127.") or host == "::1"


def _checked(request: Request, route: Route) -> Request:
    """The request with arguments and content as the route's models; raises Problem."""
    if not accepts(request.headers.get("accept"), route.produces):
        raise Problem(406, f"this gives {route.produces}")
    arguments = _arguments(request, route.query)
    content = None
    if route.body is not None:
        content = _content(request, route.body)
    elif request.body:
        raise Problem(400, "this takes no content")
    return request.with_(arguments=arguments, content=content)


def _arguments(request: Request, model: type[BaseModel] | None) -> BaseModel | None:
    given: dict[str, str] = {}
    for name, value in request.query:
        if name in given:
            raise Problem(400, "a query parameter stands twice")
        given[name] = value
    if model is None:
        if given:
            raise Problem(400, "this takes no query parameters")
        return None
    return _validated(lambda: model.model_validate(given), "query")


def _content(request: Request, model: type[BaseModel]) -> BaseModel:
    if media_type(request.headers.get("content-type")) != JSON:
        raise Problem(415, f"send {JSON}")
    return _validated(lambda: model.model_validate_json(request.body), "content")


def _validated(validate: Callable[[], BaseModel], where: str) -> BaseModel:
    try:
        return validate()
    except ValidationError as error:
        found = [
            {"in": where, "at": ".".join(map(str, one["loc"])), "is": one["msg"]}
            for one in error.errors(include_url=False, include_context=False, include_input=False)[:20]
        ]
        raise Problem(400, f"the {where} does not fit", errors=found) from None
