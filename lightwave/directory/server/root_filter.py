"""A filter asked of the root DSE, which is no entry of the store: presence, equality and their combinations."""

from __future__ import annotations

from collections.abc import Mapping

from lightwave.directory.ldap import filters
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.schema import Schema


def matches_root_dse(schema: Schema, parsed: filters.Filter, values: Mapping[str, list[bytes]]) -> bool:
    """Whether the root DSE with these `values` passes the filter."""
    return _evaluate(schema, parsed, values) is True


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
