"""Searches that wait for their next page, each under a cookie that is random and works once, for one identity.

They are kept in memory for a short time and are bounded: a client whose cookie is forgotten begins again.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import NamedTuple

from lightwave.directory.access.token import Token
from lightwave.directory.operations.search import Search
from lightwave.web.problems import Problem

MOST_PAGED = 500
MOST_PER_IDENTITY = 8
KEPT_SECONDS = 120.0
COOKIE_SIZE = 16


class Waiting(NamedTuple):
    """A search between two pages. query: what has to be asked again to go on. until: monotonic time."""

    search: Search
    token: Token
    query: str
    until: float


class Pages:
    """The searches of a process that wait."""

    def __init__(self, random_bytes: Callable[[int], bytes], monotonic: Callable[[], float]) -> None:
        self._random_bytes = random_bytes
        self._monotonic = monotonic
        self._waiting: dict[str, Waiting] = {}

    def keep(self, search: Search, token: Token, query: str) -> str:
        """The cookie under which the search waits."""
        now = self._monotonic()
        self._forget([cookie for cookie, one in self._waiting.items() if one.until < now])
        own = [cookie for cookie, one in self._waiting.items() if _same_identity(one.token, token)]
        self._forget(own[: len(own) - MOST_PER_IDENTITY + 1] if len(own) >= MOST_PER_IDENTITY else [])
        if len(self._waiting) >= MOST_PAGED:
            self._forget([next(iter(self._waiting))])
        cookie = base64.urlsafe_b64encode(self._random_bytes(COOKIE_SIZE)).decode("ascii").rstrip("=")
        self._waiting[cookie] = Waiting(search, token, query, now + KEPT_SECONDS)
        return cookie

    def take(self, cookie: str, token: Token, query: str) -> Search:
        """The search that waits under a cookie; raises Problem 410 when there is none for this identity."""
        waiting = self._waiting.get(cookie)
        if waiting is None or waiting.until < self._monotonic() or not _same_identity(waiting.token, token):
            raise Problem(410, "no search waits under this cookie; begin again without one")
        if waiting.query != query:
            raise Problem(400, "the cookie belongs to another search: ask the same, page_size aside")
        del self._waiting[cookie]
        return waiting.search

    def _forget(self, cookies: list[str]) -> None:
        for cookie in cookies:
            del self._waiting[cookie]


def _same_identity(first: Token, second: Token) -> bool:
    """Whether two tokens are one identity's, with one password: the search goes on with the rights of the second."""
    return first.stands_for(second) and first.credential_version == second.credential_version
