"""Searches that wait for their next page: bounded, forgotten in time, and one identity's."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from lightwave.directory.access.sid import EVERYONE
from lightwave.rest.pages import KEPT_SECONDS, MOST_PAGED, MOST_PER_IDENTITY, Pages
from lightwave.web.problems import Problem
from web_memory import ADMINISTRATOR, PERSON


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def pages(clock: Clock) -> Pages:
    numbers = itertools.count()
    return Pages(lambda size: next(numbers).to_bytes(size, "big"), clock)


def keep(kept: Pages, name: Any, token: Any = PERSON) -> str:
    return kept.keep(name, token, "query")


def test_a_cookie_works_once_with_another_token_of_the_same_identity() -> None:
    kept = pages(Clock())
    cookie = keep(kept, "search")
    assert kept.take(cookie, replace(PERSON, authenticated_at=7.0), "query") == "search"  # type: ignore[comparison-overlap]
    with pytest.raises(Problem) as refused:
        kept.take(cookie, PERSON, "query")
    assert refused.value.status == 410


@pytest.mark.parametrize(
    "other",
    [
        ADMINISTRATOR,
        replace(PERSON, tenant=2),
        replace(PERSON, guid=bytes(15) + b"x"),
        replace(PERSON, bypass=True),
        replace(PERSON, credential_version=1),
    ],
)
def test_neg_017_a_cookie_of_another(other: Any) -> None:
    kept = pages(Clock())
    cookie = keep(kept, "search")
    with pytest.raises(Problem) as refused:
        kept.take(cookie, other, "query")
    assert refused.value.status == 410
    assert kept.take(cookie, PERSON, "query") is not None


def test_other_groups_since_are_no_other_identity() -> None:
    kept = pages(Clock())
    cookie = keep(kept, "search")
    assert kept.take(cookie, replace(PERSON, sids=frozenset({EVERYONE})), "query") is not None


def test_another_query_is_told_so_and_costs_nothing() -> None:
    kept = pages(Clock())
    cookie = keep(kept, "search")
    with pytest.raises(Problem) as refused:
        kept.take(cookie, PERSON, "another")
    assert refused.value.status == 400
    assert kept.take(cookie, PERSON, "query") is not None


def test_time() -> None:
    clock = Clock()
    kept = pages(clock)
    cookie = keep(kept, "search")
    clock.now = KEPT_SECONDS + 1
    with pytest.raises(Problem):
        kept.take(cookie, PERSON, "query")


def test_the_oldest_of_an_identity_is_forgotten() -> None:
    kept = pages(Clock())
    other = keep(kept, "other", ADMINISTRATOR)
    cookies = [keep(kept, number) for number in range(MOST_PER_IDENTITY + 1)]
    with pytest.raises(Problem):
        kept.take(cookies[0], PERSON, "query")
    taken: list[Any] = [kept.take(one, PERSON, "query") for one in cookies[1:]]
    assert taken == list(range(1, MOST_PER_IDENTITY + 1))
    assert kept.take(other, ADMINISTRATOR, "query") is not None


def test_all_together() -> None:
    kept = pages(Clock())
    owners = [replace(PERSON, guid=number.to_bytes(16, "big")) for number in range(MOST_PAGED + 1)]
    cookies = [keep(kept, number, owner) for number, owner in enumerate(owners)]
    with pytest.raises(Problem):
        kept.take(cookies[0], owners[0], "query")
    assert kept.take(cookies[1], owners[1], "query") is not None
