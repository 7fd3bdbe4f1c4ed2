"""/v1/vmdir/ldap: entries over HTTP, under the original's path and with its JSON.

PUT adds, GET searches, PATCH modifies, DELETE deletes; each is the operation that LDAP clients ask for, in the
same pipeline.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import Deferred

from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.requests import DeleteRequest
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.pipeline import WritePipeline
from lightwave.directory.operations.ports import WriteRequest
from lightwave.rest import models
from lightwave.rest.directory_port import Contexts
from lightwave.rest.entity_tags import (
    asks_for_none,
    precondition,
    precondition_of_add,
    tag_asked,
    tag_told,
)
from lightwave.rest.entries import add_request, modify_request
from lightwave.rest.searching import SearchFace
from lightwave.web.messages import Request, Response
from lightwave.web.problems import problem_of_outcome
from lightwave.web.routing import Access, Answer, Route

PATH = "/v1/vmdir/ldap"
MAX_BODY = 1 << 20
_IF_MATCH = {"If-Match": "Entity tags of the entry: the change is made only if it still has one of them"}
_ADD_IF = {
    "If-None-Match": "`*`: 412 instead of 409 when there is an entry of this name",
    "If-Match": "412: an entry that is added has no version before",
}
_ETAG = {"ETag": "The version of the entry"}


class DirectoryFace:
    """The routes of the directory."""

    def __init__(self, searches: SearchFace, pipeline: WritePipeline, contexts: Contexts) -> None:
        self._searches = searches
        self._pipeline = pipeline
        self._contexts = contexts

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        changed = {
            404: Answer("there is no such entry"),
            409: Answer("the entry, or what is below it, stands against it"),
            412: Answer("the entry is not the one that If-Match names"),
            422: Answer("the schema, a rule or a limit of the directory stands against it"),
        }
        done = {204: Answer("done")}
        return (
            Route(
                method="GET",
                path=PATH,
                access=Access.SIGNED_IN,
                handle=self.search,
                name="searchEntries",
                summary="Search, or read an entry",
                query=models.SearchQuery,
                headers={
                    "If-None-Match": "Entity tags that the client has: 304 when the entry has one of them"
                },
                answers={
                    200: Answer("entries; with scope base, ETag", models.SearchResult, headers=_ETAG),
                    304: Answer("the entry has not changed"),
                    404: changed[404],
                    409: Answer("the entry is on another server"),
                    410: Answer("no search waits under the cookie"),
                    422: changed[422],
                },
            ),
            Route(
                method="PUT",
                path=PATH,
                access=Access.SIGNED_IN,
                handle=self.add,
                name="addEntry",
                summary="Add an entry",
                body=models.Entry,
                headers=_ADD_IF,
                max_body=MAX_BODY,
                answers={
                    201: Answer("the entry was added", headers={"Location": "Where it is read", **_ETAG}),
                    **{code: changed[code] for code in (404, 409, 422)},
                    412: Answer("If-None-Match or If-Match does not hold"),
                },
            ),
            Route(
                method="PATCH",
                path=PATH,
                access=Access.SIGNED_IN,
                handle=self.modify,
                name="modifyEntry",
                summary="Change an entry",
                query=models.NameQuery,
                body=models.Modifications,
                headers=_IF_MATCH,
                max_body=MAX_BODY,
                answers={204: Answer("done", headers=_ETAG), **changed},
            ),
            Route(
                method="DELETE",
                path=PATH,
                access=Access.SIGNED_IN,
                handle=self.delete,
                name="deleteEntry",
                summary="Delete an entry that has nothing below it",
                query=models.NameQuery,
                headers=_IF_MATCH,
                answers={**done, **changed},
            ),
        )

    def search(self, request: Request) -> Deferred[Response]:
        """GET"""
        return self._searches.search(request, self._contexts.of(request))

    def add(self, request: Request) -> Deferred[Response]:
        """PUT"""
        entry: models.Entry = request.content
        location = f"{PATH}?{urlencode({'dn': entry.dn, 'scope': 'base'})}"
        done = Response(201, headers=(("Location", location),))
        none_match = request.headers.get("if-none-match")
        controls = (*precondition_of_add(request.headers.get("if-match"), none_match), tag_asked())
        if_absent = asks_for_none(none_match)
        return self._write(request, add_request(entry), controls, done, if_absent=if_absent)

    def modify(self, request: Request) -> Deferred[Response]:
        """PATCH"""
        controls = (*precondition(request.headers.get("if-match")), tag_asked())
        asked = modify_request(request.arguments.dn, request.content)
        return self._write(request, asked, controls, Response(204))

    def delete(self, request: Request) -> Deferred[Response]:
        """DELETE"""
        controls = precondition(request.headers.get("if-match"))
        return self._write(request, DeleteRequest(request.arguments.dn.encode()), controls, Response(204))

    def _write(
        self,
        request: Request,
        asked: WriteRequest,
        controls: tuple[Control, ...],
        success: Response,
        *,
        if_absent: bool = False,
    ) -> Deferred[Response]:
        """if_absent: that an entry is there already breaks a precondition."""
        answer: Deferred[Response] = Deferred()

        def done(outcome: Outcome) -> None:
            if outcome.code is ResultCode.SUCCESS:
                tag = tag_told(outcome.controls)
                headers = success.headers if tag is None else (*success.headers, ("ETag", tag))
                answer.callback(replace(success, headers=headers))
            else:
                problem: Any = problem_of_outcome(outcome)
                if if_absent and outcome.code is ResultCode.ENTRY_ALREADY_EXISTS:
                    problem.status = 412
                answer.errback(problem)

        self._pipeline.submit(self._contexts.of(request, controls), asked, done)
        return answer
