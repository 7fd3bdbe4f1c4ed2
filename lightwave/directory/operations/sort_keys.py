"""Sort keys (RFC 2891): resolved against the schema, and made of an entry as octets that compare as the entries do.

All keys of an entry are one string of octets: of each key a marker, the least value's ordering form and an end that
no form contains; a reversed key is the complement of that. So entries are ordered by comparing octets, whatever
the mixture of directions. An entry without a value comes after those with one, and before them in reverse (§2.2).

What a requester may not read is no value for him, and secrets are no attributes here: an order tells nothing that
a search would not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, final

from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.search_controls import MOST_SORT_KEYS, SortKey, encode_sort_result
from lightwave.directory.operations.attribute_table import AttributeTable
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.resolved_filter import rule_serves
from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.matching import RuleKind
from lightwave.directory.schema.schema import Schema

Order = Callable[[bytes], bytes]

_PRESENT, _MISSING = b"\1", b"\2"
_COMPLEMENT = bytes(range(255, -1, -1))
_ID_SIZE = 8

# The ordering rule that goes with an equality rule: RFC 4519 gives most attributes none of their own, and clients
# sort by cn and sn all the same.
_ORDERING_OF = {
    "caseIgnoreMatch": "caseIgnoreOrderingMatch",
    "caseIgnoreIA5Match": "caseIgnoreOrderingMatch",
    "caseExactMatch": "caseExactOrderingMatch",
    "caseExactIA5Match": "caseExactOrderingMatch",
    "telephoneNumberMatch": "caseIgnoreOrderingMatch",
    "integerMatch": "integerOrderingMatch",
    "numericStringMatch": "numericStringOrderingMatch",
    "generalizedTimeMatch": "generalizedTimeOrderingMatch",
    "octetStringMatch": "octetStringOrderingMatch",
    "uuidMatch": "uuidOrderingMatch",
}


class SortRefused(Exception):
    """The order can't be made; `code` and `attribute` are SortResult's (RFC 2891 §1.2)."""

    def __init__(self, code: ResultCode, message: str, attribute: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.attribute = attribute

    @property
    def control(self) -> Control:
        """The response control that says so."""
        return encode_sort_result(self.code, self.attribute)

    def as_critical(self, controls: tuple[Control, ...] = ()) -> DirectoryError:
        """The result when the control was critical (§2)."""
        return DirectoryError(
            ResultCode.UNAVAILABLE_CRITICAL_EXTENSION, self.message, controls=(self.control, *controls)
        )


class _Key(NamedTuple):
    numbers: tuple[int, ...]
    computed: tuple[AttributeType, ...]
    order: Order
    reverse: bool

    def encoded(self, candidate: Candidate) -> bytes:
        least: bytes | None = None
        for number in self.numbers:
            if candidate.may_read(number):
                least = self._least(candidate.record.values(number), least)
        for attribute in self.computed:
            least = self._least(candidate.computed(attribute), least)
        return self.end(_MISSING if least is None else _PRESENT + least.replace(b"\0", b"\0\1") + b"\0\0")

    def _least(self, values: Sequence[bytes], least: bytes | None) -> bytes | None:
        for value in values:
            try:
                form = self.order(value)
            except InvalidValue:
                continue
            if least is None or form < least:
                least = form
        return least

    def end(self, encoded: bytes) -> bytes:
        return encoded.translate(_COMPLEMENT) if self.reverse else encoded


@final
class SortKeys:
    """The keys of one request; raises SortRefused when they can't be used."""

    def __init__(self, table: AttributeTable, keys: Sequence[SortKey]) -> None:
        if len(keys) > MOST_SORT_KEYS:
            raise SortRefused(ResultCode.UNWILLING_TO_PERFORM, f"sort by at most {MOST_SORT_KEYS} keys")
        self._keys = [_resolve(table, key) for key in keys]

    def of(self, candidate: Candidate) -> bytes:
        """The octets by which an entry is ordered, with its id at the end: no two are equal."""
        parts = [key.encoded(candidate) for key in self._keys]
        return b"".join(parts) + candidate.entry_id.to_bytes(_ID_SIZE, "big")

    def of_assertion(self, value: bytes) -> bytes:
        """The octets before which stands what is less than `value` in the first key; raises InvalidValue."""
        first = self._keys[0]
        return first.end(_PRESENT + first.order(value).replace(b"\0", b"\0\1") + b"\0\0")


def entry_id_of(row: bytes) -> int:
    """The entry whose octets these are."""
    return int.from_bytes(row[-_ID_SIZE:], "big")


def _resolve(table: AttributeTable, key: SortKey) -> _Key:
    description = table.schema.describe(key.attribute)
    if description is None or description.type.is_secret:
        raise SortRefused(ResultCode.NO_SUCH_ATTRIBUTE, "no such attribute to sort by", key.attribute)
    covered = table.parts(description)
    order = _order(table.schema, description.type, key)
    return _Key(covered.stored, covered.computed, order, key.reverse)


def _order(schema: Schema, attribute: AttributeType, key: SortKey) -> Order:
    """The ordering form of a value: by the rule that is named, the attribute's own, or that of its equality rule."""
    if key.rule is not None:
        rule = schema.matching_rule(key.rule)
        if rule is not None and not rule_serves(rule, attribute):
            rule = None
    elif attribute.ordering is not None:
        rule = attribute.ordering
    else:
        equality = attribute.equality
        rule = None if equality is None else schema.matching_rule(_ORDERING_OF.get(equality.name, ""))
    if rule is None or rule.kind is not RuleKind.ORDERING or rule.ordering is None:
        raise SortRefused(ResultCode.INAPPROPRIATE_MATCHING, "no ordering rule to sort by", key.attribute)
    return rule.ordering
