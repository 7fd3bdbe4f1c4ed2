"""Entity tags and preconditions."""

from __future__ import annotations

import pytest

from lightwave.directory.ldap.filters import And, Equality, Or
from lightwave.directory.ldap.search_controls import decode_assertion
from lightwave.rest.entity_tags import decode_tags, matches_none, precondition
from lightwave.web.problems import Problem

TAG = '"00112233445566778899aabbccddeeff-42"'
STATE = And(
    (Equality("entryUUID", b"00112233-4455-6677-8899-aabbccddeeff"), Equality("uSNChanged", b"42")),
)


def test_lists() -> None:
    assert decode_tags("*") is None
    assert decode_tags('"a"') == [(False, "a")]
    assert decode_tags(' "a" , W/"b,c","" ') == [(False, "a"), (True, "b,c"), (False, "")]


@pytest.mark.parametrize(
    "header", ["", "a", '"a', '"a" "b"', "W/a", '"a",,"b"', '"a"x', ",".join(['"a"'] * 33)]
)
def test_no_lists(header: str) -> None:
    with pytest.raises(Problem) as refused:
        decode_tags(header)
    assert refused.value.status == 400


def test_none_of_them() -> None:
    assert matches_none('"a"', '"b"')
    assert not matches_none('"a", "b"', '"b"')
    assert not matches_none('W/"b"', '"b"')  # RFC 9110 §13.1.2: weakly
    assert not matches_none("*", '"b"')


def test_an_assertion() -> None:
    (control,) = precondition(TAG)
    assert control.critical
    assert decode_assertion(control).filter == STATE
    (either,) = precondition(f'"other", {TAG}, {TAG}')
    assert decode_assertion(either).filter == Or((STATE, STATE))


def test_no_condition() -> None:
    assert precondition(None) == ()
    assert precondition("*") == ()


@pytest.mark.parametrize("header", [f"W/{TAG}", '"other"', '"00112233445566778899aabbccddeeff-*)(uid=*"'])
def test_tags_that_match_nothing(header: str) -> None:
    with pytest.raises(Problem) as refused:
        precondition(header)
    assert refused.value.status == 412
