"""A filter asked of the root DSE, which is no entry of the store: presence, equality and their combinations.

And what the controls of such a search come to: one entry is its own page and in order.
"""

from __future__ import annotations

from collections.abc import Mapping

from lightwave.directory.ldap import filters
from lightwave.directory.ldap.controls import PAGED_RESULTS, Control, encode_paged
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.search_controls import (
    ASSERTION,
    EXTENDED_DN,
    MATCHED_VALUES,
    SORT_REQUEST,
    VIRTUAL_LIST_REQUEST,
    Assertion,
    encode_sort_result,
)
from lightwave.directory.ldap.sync_controls import FOLLOWING
from lightwave.directory.operations.request_controls import RequestControls
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.schema import Schema


def matches_root_dse(schema: Schema, parsed: filters.Filter, values: Mapping[str, list[bytes]]) -> bool:
    """Whether the root DSE with these `values` passes the filter."""
    return _evaluate(schema, parsed, values) is True


_NOT_OF_THE_ROOT = FOLLOWING | {EXTENDED_DN, MATCHED_VALUES, VIRTUAL_LIST_REQUEST}


def root_controls(
    schema: Schema, sent: tuple[Control, ...], controls: RequestControls, values: Mapping[str, list[bytes]]
) -> tuple[Control, ...]:
    """The controls of the result of a search for the root DSE; raises DirectoryError."""
    for one in sent:
        if one.critical and one.oid in _NOT_OF_THE_ROOT:
            raise DirectoryError(
                ResultCode.UNAVAILABLE_CRITICAL_EXTENSION,
                f"the control {one.oid} does not go with the root DSE",
            )
    asserted = controls.values.get(ASSERTION)
    if isinstance(asserted, Assertion) and not matches_root_dse(schema, asserted.filter, values):
        raise DirectoryError(ResultCode.ASSERTION_FAILED, "the root DSE does not pass the assertion")
    sort = (encode_sort_result(ResultCode.SUCCESS),) if SORT_REQUEST in controls.values else ()
    if controls.paging is None:
        return sort
    return (*sort, Control(PAGED_RESULTS, False, encode_paged(0, b"")))


def _evaluate(schema: Schema, parsed: filters.Filter, values: Mapping[str, list[bytes]]) -> bool | None:
    if isinstance(parsed, filters.And):
        answers = [_evaluate(schema, child, values) for child in parsed.children]
        return False if False in answers else (None if None in answers else True)
    if isinstance(parsed, filters.Or):
        answers = [_evaluate(schema, child, values) for child in parsed.children]
        return True if True in answers else (None if None in answers else False)
    if isinstance(parsed, filters.Not):
        answer = _evaluate(schema, parsed.child, values)
        return None if answer is None else not answer
    if isinstance(parsed, filters.Present | filters.Equality):
        description = schema.describe(parsed.attribute)
        if description is None:
            return None
        held = values.get(description.type.name, [])
        if isinstance(parsed, filters.Present):
            return bool(held)
        normalise = description.type.normalise
        try:
            return normalise(parsed.value) in [normalise(value) for value in held]
        except InvalidValue:
            return None
    return None
