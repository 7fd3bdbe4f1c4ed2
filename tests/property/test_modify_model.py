"""Invariant: a sequence of changes to one attribute ends as the same changes of a list of values would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lightwave.directory.ldap.messages import Modification, ModifyKind
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.changes import RecordAttribute, parse_change
from lightwave.directory.schema.schema import Schema

SCHEMA = Schema.load_builtin()
VALUES = [b"a", b"A", b" b", b"B ", b"c", b"d  e", b"D E"]
KINDS = [ModifyKind.ADD, ModifyKind.DELETE, ModifyKind.REPLACE]


def fold(value: bytes) -> bytes:
    """caseIgnoreMatch for these values."""
    return b" ".join(value.lower().split())


def model(values: list[bytes], change: Modification) -> list[bytes] | ResultCode:
    """What RFC 4511 §4.6 says, value by value."""
    folded = [fold(value) for value in change.values]
    if len(set(folded)) != len(folded):
        return ResultCode.ATTRIBUTE_OR_VALUE_EXISTS
    if change.kind is ModifyKind.REPLACE:
        return list(change.values)
    if change.kind is ModifyKind.ADD:
        if not change.values:
            return ResultCode.PROTOCOL_ERROR
        if {fold(value) for value in values} & set(folded):
            return ResultCode.ATTRIBUTE_OR_VALUE_EXISTS
        return values + list(change.values)
    if not values or set(folded) - {fold(value) for value in values}:
        return ResultCode.NO_SUCH_ATTRIBUTE
    return [value for value in values if change.values and fold(value) not in folded]


changes = st.lists(
    st.builds(
        Modification,
        st.sampled_from(KINDS),
        st.just("description"),
        st.lists(st.sampled_from(VALUES), max_size=3).map(tuple),
    ),
    min_size=1,
    max_size=8,
)


@given(st.lists(st.sampled_from(VALUES), unique_by=fold, max_size=4), changes)
def test_changes_agree_with_the_model(before: list[bytes], sequence: list[Modification]) -> None:
    description = SCHEMA.describe("description")
    assert description is not None
    attribute = RecordAttribute(description, before)
    expected: list[bytes] = before
    for change in sequence:
        outcome = model(expected, change)
        refusal: ResultCode | None = None
        try:
            attribute.apply(parse_change(SCHEMA, change))
        except DirectoryError as error:
            refusal = error.code
        if isinstance(outcome, ResultCode):
            assert refusal is outcome
            return
        assert refusal is None
        expected = outcome
    assert list(attribute.current.values()) == expected
    edit = attribute.edit()
    after = tuple(expected)
    if edit is None:
        assert after == tuple(before)
        return
    assert (edit.before, edit.after) == (tuple(before), after)
    kept = [value for value in before if fold(value) not in map(fold, edit.removed)]
    names = {fold(value) for value in (*kept, *edit.added)}
    assert names == {fold(value) for value in after}, "added and removed lead from before to after"
