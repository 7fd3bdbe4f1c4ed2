"""Searches over REST that take several turns of the reactor."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from lightwave.directory.access.token import Token
from lightwave.directory.operations.search import Searches
from lightwave.rest.models import SearchQuery
from lightwave.rest.pages import Pages
from lightwave.rest.running import SearchRunner
from lightwave.rest.searching import SearchFace
from lightwave.sasl.channel import Channel
from lightwave.web.messages import Request, Response
from lightwave.web.problems import Problem
from search_tree import SearchTree


class EverybodyIsLive:
    def check_live(self, txn: object, context: object) -> None:
        """Nobody was disabled."""

    def current(self, txn: object, token: Token) -> Token:
        return token


class Schemas:
    def __init__(self, tree: SearchTree) -> None:
        self._tree = tree

    def current(self, txn: object) -> object:
        return self._tree.schema


@pytest.mark.parametrize("stays", [True, False])
def test_a_search_ends_when_its_client_has_gone(tmp_path: Path, stays: bool) -> None:
    tree = SearchTree.create(tmp_path / "store")
    for number in range(100):
        tree.add(f"cn=d{number},dc=example,dc=com", {"objectClass": ["device"], "cn": [f"d{number}"]})
    ticks = itertools.count()
    later: list[tuple[Callable[..., None], Any]] = []

    def call_later(seconds: float, call: Callable[..., None], page: Any) -> None:
        later.append((call, page))

    def monotonic() -> float:
        return next(ticks) / 100  # each look at the clock ends a slice

    schemas: Any = Schemas(tree)
    liveness: Any = EverybodyIsLive()
    searches = Searches(tree.store, monotonic)
    runner = SearchRunner(tree.store, schemas, searches, liveness, call_later)
    face = SearchFace(tree.store, schemas, runner, Pages(bytes, monotonic))
    gone = False
    request = Request(
        method="GET",
        segments=(),
        channel=Channel(),
        arguments=SearchQuery(dn="dc=example,dc=com", scope="sub", filter="(cn=none)"),
        is_gone=lambda: gone,
    )
    waiting: Any = face.search(request, tree.context())
    assert isinstance(waiting, Deferred)
    assert len(later) == 1
    answers: list[Any] = []
    waiting.addBoth(answers.append)
    gone = not stays
    turns = 0
    while later:
        turns += 1
        call, page = later.pop()
        call(page)
    (answer,) = answers
    if stays:
        assert turns > 1
        assert isinstance(answer, Response)
        assert answer.status == 200
    else:
        assert turns == 1
        assert answer.check(Problem)
    tree.store.close()
