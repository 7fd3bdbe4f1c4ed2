"""Returning matched values (RFC 3876): of the attributes that were asked for, only the values for which an item of
the values return filter holds.

An attribute of which no value is left is left out, as slapd does: the RFC speaks of the values only. With typesOnly
there are no values to look at, and the control has no effect.

All values of an entry are looked at in one step, so the values times the items that ask for them are bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, final

from lightwave.directory.ldap.filters import (
    Approx,
    Equality,
    Extensible,
    GreaterOrEqual,
    LessOrEqual,
    Present,
)
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.search_controls import SimpleItem
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.partial_attributes import description_of_name, name_and_values, split_run
from lightwave.directory.operations.resolved_filter import rule_serves
from lightwave.directory.operations.search import Encoding
from lightwave.directory.schema.attribute import AttributeDescription, AttributeType
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.matching import MatchingRule
from lightwave.directory.schema.normalisation import normalise_substrings, ordering_key, substring_form
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.record import encode_attribute

Test = Callable[[bytes], bool]
MOST_TESTS = 200_000
"""of one entry: half a second"""


class _Item(NamedTuple):
    """One item, resolved: a test of the values of a description, or by `rule` of all that the rule serves."""

    description: AttributeDescription | None
    rule: MatchingRule | None
    test: Test

    def is_about(self, description: AttributeDescription) -> bool:
        if self.description is not None:
            return description.matches(self.description)
        return self.rule is not None and rule_serves(self.rule, description.type)


@final
class MatchedSelection:
    """A selection of which only matched values are sent."""

    def __init__(self, selection: Encoding, schema: Schema, items: Sequence[SimpleItem]) -> None:
        self._selection = selection
        self._schema = schema
        self._items = [found for item in items if (found := _resolve(schema, item)) is not None]

    def encode(self, candidate: Candidate) -> bytes:
        """The attributes with the values that match."""
        parts = []
        left = MOST_TESTS
        for encoded in split_run(self._selection.encode(candidate)):
            name, values = name_and_values(encoded)
            description = description_of_name(self._schema, name)
            tests = (
                []
                if description is None
                else [item.test for item in self._items if item.is_about(description)]
            )
            left -= len(values) * len(tests)
            if left < 0:
                raise DirectoryError(
                    ResultCode.ADMIN_LIMIT_EXCEEDED, "an entry has too many values for so many items"
                )
            matched = [value for value in values if any(_holds(test, value) for test in tests)]
            if len(matched) == len(values) and values:
                parts.append(encoded)
            elif matched:
                parts.append(encode_attribute(name, matched))
        return b"".join(parts)


def _holds(test: Test, value: bytes) -> bool:
    try:
        return test(value)
    except InvalidValue:
        return False


def _resolve(schema: Schema, item: SimpleItem) -> _Item | None:
    """None for an item that is Undefined whatever the value is."""
    try:
        if isinstance(item, Extensible):
            return _extensible(schema, item)
        description = schema.describe(item.attribute)
        if description is None or description.type.is_secret:
            return None
        if isinstance(item, Present):
            return _Item(description, None, lambda value: True)
        test = _test(description.type, item)
        return None if test is None else _Item(description, None, test)
    except InvalidValue:
        return None


def _test(attribute: AttributeType, item: SimpleItem) -> Test | None:
    if isinstance(item, Equality | Approx):
        if attribute.equality is None:
            return None
        attribute.equality.check_assertion(item.value)
        return attribute.equality.matcher(item.value)
    if isinstance(item, GreaterOrEqual | LessOrEqual):
        if attribute.ordering is None:
            return None
        bound = ordering_key(attribute, item.value)
        if isinstance(item, GreaterOrEqual):
            return lambda value: ordering_key(attribute, value) >= bound
        return lambda value: ordering_key(attribute, value) <= bound
    if isinstance(item, Extensible | Present) or attribute.substring is None:
        return None
    pattern = normalise_substrings(attribute, item)
    return lambda value: pattern.matches(substring_form(attribute, value))


def _extensible(schema: Schema, item: Extensible) -> _Item | None:
    description = None if item.attribute is None else schema.describe(item.attribute)
    if item.attribute is not None and (description is None or description.type.is_secret):
        return None
    if item.rule is not None:
        rule = schema.matching_rule(item.rule)
    else:
        rule = None if description is None else description.type.equality
    if rule is None or (description is not None and not rule_serves(rule, description.type)):
        return None
    rule.check_assertion(item.value)
    return _Item(description, rule, rule.matcher(item.value))
