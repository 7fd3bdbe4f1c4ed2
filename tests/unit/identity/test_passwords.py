"""The one preparation of passwords."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightwave.identity.passwords import MAX_PASSWORD, UnusablePassword, prepare


def test_composed_and_decomposed_are_one_password() -> None:
    assert prepare("Zoë".encode()) == prepare("Zoe\u0308".encode()) == "Zoë".encode()


def test_spaces_outside_ascii_become_spaces() -> None:
    assert prepare("a\u00a0b\u2003c".encode()) == b"a b c"


def test_case_and_edges_stay() -> None:
    assert prepare(b" Secret ") == b" Secret "


def test_what_is_not_utf8_is_taken_as_it_is() -> None:
    assert prepare(b"\xff\xe9") == b"\xff\xe9"


@pytest.mark.parametrize("clear", [b"", b"x" * (MAX_PASSWORD + 1), "\u0344".encode() * 500])
def test_unusable(clear: bytes) -> None:
    with pytest.raises(UnusablePassword):
        prepare(clear)


def test_the_longest_is_usable() -> None:
    assert prepare(b"x" * MAX_PASSWORD) == b"x" * MAX_PASSWORD


@given(st.binary(min_size=1, max_size=300))
def test_preparing_twice_changes_nothing(clear: bytes) -> None:
    once = prepare(clear)
    assert prepare(once) == once
