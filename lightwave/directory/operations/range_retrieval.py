"""Range retrieval ([MS-ADTS] 3.1.1.3.1.3.3): `member;range=0-1499` asks for a part of an attribute's values.

What comes back is named for what it holds: `member;range=0-1499`, or `member;range=1500-*` when it is the rest. One
answer holds at most MOST_VALUES, and one range of each attribute: the first that is asked for. Only who asks for a
range gets one: an attribute that is asked for by its plain name is returned whole, as RFC 4511 has it, however many
values it has.

The values of a link attribute come in the order of their targets. Where a range ended is remembered, so that the
next one begins there and a group of any size is read in linear time; where it was forgotten, the targets before it
are counted, which takes microseconds a thousand.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple, final

from lightwave.directory.operations.attribute_table import AttributeTable
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.partial_attributes import (
    RANGE,
    description_of_name,
    name_and_values,
    split_run,
)
from lightwave.directory.operations.selection import NO_ATTRIBUTES, Selection
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.record import encode_attribute

MOST_VALUES = 1_500
"""values of one answer; Active Directory's MaxValRange"""
MOST_REMEMBERED = 1_000
"""ends of ranges that a process remembers"""
_RANGE = re.compile(r"([^;]+(?:;[^;=]+)*);range=(\d{1,9})-(\d{1,9}|\*)((?:;[^;=]+)*)", re.IGNORECASE)


class RangeRequest(NamedTuple):
    """A range of an attribute's values; `high` is the last one, None for all."""

    description: AttributeDescription
    low: int
    high: int | None


def parse_range(schema: Schema, text: str) -> RangeRequest | None:
    """The range that an attribute description asks for; None where it is none, or of an unknown attribute."""
    found = _RANGE.fullmatch(text)
    description = None if found is None else schema.describe(found[1] + found[4])
    if found is None or description is None or description.type.is_secret:
        return None
    low = int(found[2])
    high = None if found[3] == "*" else int(found[3])
    return None if high is not None and high < low else RangeRequest(description, low, high)


class RangeEnds:
    """Where ranges of links ended: the targets before the next ones. Lost without harm."""

    def __init__(self) -> None:
        self._ends: dict[tuple[int, int, int, int], tuple[int, int]] = {}

    def before(self, candidate: Candidate, number: int, low: int) -> int | None:
        """The target that stands before the value `low`; None where the attribute has no so many."""
        tenant, entry_id = candidate.tenant, candidate.entry_id
        found = self._ends.get((tenant, entry_id, number, low))
        if found is not None and found[0] == candidate.record.usn_changed:
            return found[1]
        if not low:
            return 0
        return candidate.txn.skip_link_targets(tenant, entry_id, number, low) or None

    def remember(self, candidate: Candidate, number: int, low: int, target: int) -> None:
        """The value `low` stands behind `target`."""
        if len(self._ends) >= MOST_REMEMBERED:
            self._ends.clear()
        key = (candidate.tenant, candidate.entry_id, number, low)
        self._ends[key] = (candidate.record.usn_changed, target)


@final
class RangedSelection:
    """A selection with ranges in its attribute list; what is asked for as a range is sent as nothing else."""

    def __init__(
        self, table: AttributeTable, requested: tuple[str, ...], ranges: list[RangeRequest], ends: RangeEnds
    ) -> None:
        plain = tuple(text for text in requested if RANGE not in text.lower())
        self._schema = table.schema
        self._rest = Selection(table, plain or (NO_ATTRIBUTES,), types_only=False)
        self._ranges = ranges
        self._ends = ends
        self._links = [self._link_number(table, one.description) for one in ranges]
        self._values = [Selection(table, (one.description.text,), types_only=False) for one in ranges]

    @staticmethod
    def _link_number(table: AttributeTable, description: AttributeDescription) -> int | None:
        """The one number under which the description's values are links."""
        links = table.parts(description).links
        return links[0] if len(links) == 1 and description.type.is_link else None

    def encode(self, candidate: Candidate) -> bytes:
        """The attributes, those with a range named for what they hold."""
        asked = {one.description.key for one in self._ranges}
        parts = []
        for encoded in split_run(self._rest.encode(candidate)):
            name, _ = name_and_values(encoded)
            description = description_of_name(self._schema, name)
            if description is None or description.key not in asked:
                parts.append(encoded)
        for request, number, selection in zip(self._ranges, self._links, self._values, strict=True):
            if number is not None:
                parts.append(self._linked(candidate, request, number))
            else:
                parts += [_cut(request, one) for one in split_run(selection.encode(candidate))]
        return b"".join(parts)

    def _linked(self, candidate: Candidate, request: RangeRequest, number: int) -> bytes:
        if not candidate.may_read(number):
            return b""
        txn, tenant, entry_id = candidate.txn, candidate.tenant, candidate.entry_id
        links = txn.link_count(tenant, entry_id, number)
        waiting = candidate.record.values(number)  # names of nothing yet come behind the links
        total = links + len(waiting)
        low, size = request.low, _size(request)
        values: list[bytes] = []
        before = self._ends.before(candidate, number, low) if low < links else None
        if before is not None:
            targets = list(islice(txn.link_targets(tenant, entry_id, number, before), size))
            values = [txn.dn(tenant, target) for target in targets]
            if targets:
                self._ends.remember(candidate, number, low + len(targets), targets[-1])
        start = max(0, low - links)
        values += waiting[start : start + size - len(values)]
        return _encode(request, request.description.text, values, total)


def _size(request: RangeRequest) -> int:
    return MOST_VALUES if request.high is None else min(MOST_VALUES, request.high - request.low + 1)


def _cut(request: RangeRequest, encoded: bytes) -> bytes:
    name, values = name_and_values(encoded)
    part = values[request.low : request.low + _size(request)]
    return _encode(request, name.decode(), part, len(values))


def _encode(request: RangeRequest, name: str, values: list[bytes], total: int) -> bytes:
    """The PartialAttribute; a range behind the last value is the empty rest, and no values are no attribute."""
    if not total:
        return b""
    low = request.low
    end = "*" if low + len(values) >= total else str(low + len(values) - 1)
    return encode_attribute(f"{name}{RANGE}{low}-{end}".encode(), values)
