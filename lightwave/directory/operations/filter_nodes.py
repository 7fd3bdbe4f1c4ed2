"""The nodes of a resolved filter: what each asks of a candidate.

`matches` has three answers (X.511 §7.8.1, RFC 4511 §4.5.1.7): True, False and None for Undefined. On the hot path an
equality assertion costs one comparison of bytes per value; only values of another spelling are normalised. RFC 4526:
an empty `and` is True, an empty `or` is False.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, final

from lightwave.directory.access.attribute_set import ALL
from lightwave.directory.ldap.dn import parse_dn
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.schema.attribute import AttributeDescription, AttributeType
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.schema import Schema

ValueTest = Callable[[bytes], bool]


class Resolved(Protocol):
    """A node of a resolved filter."""

    def matches(self, candidate: Candidate) -> bool | None: ...


@final
class Constant:
    """Always the same answer."""

    __slots__ = ("answer", "reason")

    def __init__(self, answer: bool | None, reason: str = "") -> None:
        self.answer = answer
        self.reason = reason

    def matches(self, candidate: Candidate) -> bool | None:
        return self.answer


UNDEFINED = Constant(None)


@final
class Unheld:
    """The same answer for every entry, as none or each has values of the attribute; Undefined where that is hidden."""

    __slots__ = ("answer", "oid")

    def __init__(self, oid: str, *, answer: bool) -> None:
        self.oid = oid
        self.answer = answer

    def matches(self, candidate: Candidate) -> bool | None:
        return self.answer if candidate.may_read(self.oid) else None


@final
class AllOf:
    """and"""

    __slots__ = ("children",)

    def __init__(self, children: Sequence[Resolved]) -> None:
        self.children = tuple(children)

    def matches(self, candidate: Candidate) -> bool | None:
        answer: bool | None = True
        for child in self.children:
            one = child.matches(candidate)
            if one is False:
                return False
            if one is None:
                answer = None
        return answer


@final
class AnyOf:
    """or"""

    __slots__ = ("children",)

    def __init__(self, children: Sequence[Resolved]) -> None:
        self.children = tuple(children)

    def matches(self, candidate: Candidate) -> bool | None:
        answer: bool | None = False
        for child in self.children:
            one = child.matches(candidate)
            if one:
                return True
            if one is None:
                answer = None
        return answer


@final
class Inverse:
    """not: Undefined stays Undefined."""

    __slots__ = ("child",)

    def __init__(self, child: Resolved) -> None:
        self.child = child

    def matches(self, candidate: Candidate) -> bool | None:
        one = self.child.matches(candidate)
        return None if one is None else not one


@final
class EqualityMatch:
    """Equality on attributes that stand in the record."""

    __slots__ = ("description", "key", "normalise", "numbers", "raw")

    def __init__(
        self, description: AttributeDescription, numbers: tuple[int, ...], raw: bytes, key: bytes
    ) -> None:
        self.description = description
        self.numbers = numbers
        self.raw = raw
        self.key = key
        self.normalise = description.type.normalise

    def matches(self, candidate: Candidate) -> bool | None:
        answer: bool | None = False
        record = candidate.record
        readable = candidate.readable
        for number in self.numbers:
            if readable is not ALL and number not in readable:
                answer = None
                continue
            values = record.values(number)
            if self.raw in values:
                return True
            for value in values:
                try:
                    if self.normalise(value) == self.key:
                        return True
                except InvalidValue:
                    continue
        return answer


@final
class ClassMatch:
    """objectClass=X: holds for entries of X and of every class that descends from it (RFC 4512 §2.4.1)."""

    __slots__ = ("description", "numbers", "oids", "schema")

    def __init__(
        self,
        schema: Schema,
        description: AttributeDescription,
        numbers: tuple[int, ...],
        oids: frozenset[str],
    ) -> None:
        self.schema = schema
        self.description = description
        self.numbers = numbers
        self.oids = oids

    def matches(self, candidate: Candidate) -> bool | None:
        answer: bool | None = False
        find = self.schema.object_class
        for number in self.numbers:
            if not candidate.may_read(number):
                answer = None
                continue
            for value in candidate.record.values(number):
                found = find(value.decode("ascii", "replace"))
                if found is not None and found.oid in self.oids:
                    return True
        return answer


@final
@dataclass(frozen=True, slots=True)
class Narrowing:
    """What an index can use of a test: grams that every match holds, or the bounds of an ordering range."""

    pieces: tuple[bytes, ...] = ()
    low: bytes | None = None
    high: bytes | None = None


@final
class ValueMatch:
    """Any other test of the values in the record: substrings, ordering, extensible rules."""

    __slots__ = ("description", "narrowing", "numbers", "test")

    def __init__(
        self,
        description: AttributeDescription | None,
        numbers: tuple[int, ...],
        test: ValueTest,
        narrowing: Narrowing | None,
    ) -> None:
        self.description = description
        self.numbers = numbers
        self.test = test
        self.narrowing = narrowing

    def matches(self, candidate: Candidate) -> bool | None:
        answer: bool | None = False
        record = candidate.record
        for number in self.numbers:
            if not candidate.may_read(number):
                answer = None
                continue
            for value in record.values(number):
                try:
                    if self.test(value):
                        return True
                except InvalidValue:
                    continue
        return answer


@final
class PresenceMatch:
    """(attribute=*) on attributes that stand in the record or are links."""

    __slots__ = ("description", "links", "numbers")

    def __init__(
        self, description: AttributeDescription, numbers: tuple[int, ...], links: tuple[int, ...]
    ) -> None:
        self.description = description
        self.numbers = numbers
        self.links = links

    def matches(self, candidate: Candidate) -> bool | None:
        answer: bool | None = False
        record = candidate.record
        for number in self.numbers:
            if not candidate.may_read(number):
                answer = None
            elif record.encoded(number) is not None:
                return True
        for number in self.links:
            if not candidate.may_read(number):
                answer = None
            elif (
                next(candidate.txn.link_targets(candidate.tenant, candidate.entry_id, number), None)
                is not None
            ):
                return True
        return answer


@final
class LinkMatch:
    """Equality on an attribute kept as links: a look-up, however many values the entry has."""

    __slots__ = ("description", "numbers", "target")

    def __init__(
        self, description: AttributeDescription, numbers: tuple[int, ...], target: tuple[int, int]
    ) -> None:
        self.description = description
        self.numbers = numbers
        self.target = target

    def matches(self, candidate: Candidate) -> bool | None:
        answer: bool | None = False
        tenant, entry_id = self.target
        for number in self.numbers:
            if not candidate.may_read(number):
                answer = None
            elif tenant == candidate.tenant and candidate.txn.has_link(
                tenant, candidate.entry_id, number, entry_id
            ):
                return True
        return answer


@final
class LinkValueMatch:
    """Any other test on an attribute kept as links, over the names of the targets."""

    __slots__ = ("numbers", "test")

    def __init__(self, numbers: tuple[int, ...], test: ValueTest) -> None:
        self.numbers = numbers
        self.test = test

    def matches(self, candidate: Candidate) -> bool | None:
        answer: bool | None = False
        txn, tenant = candidate.txn, candidate.tenant
        for number in self.numbers:
            if not candidate.may_read(number):
                answer = None
                continue
            for target in txn.link_targets(tenant, candidate.entry_id, number):
                try:
                    if self.test(txn.dn(tenant, target)):
                        return True
                except InvalidValue:
                    continue
        return answer


@final
class ComputedMatch:
    """A test of the values of an operational attribute that is computed."""

    __slots__ = ("attribute", "key", "test")

    def __init__(self, attribute: AttributeType, test: ValueTest, key: bytes | None = None) -> None:
        self.attribute = attribute
        self.test = test
        self.key = key
        """normalised assertion value when this is an equality: what the planner looks up"""

    def matches(self, candidate: Candidate) -> bool | None:
        if not candidate.may_read(self.attribute.oid):
            return None
        for value in candidate.computed(self.attribute):
            try:
                if self.test(value):
                    return True
            except InvalidValue:
                continue
        return False


@final
class NameMatch:
    """The dnAttributes part of an extensible match: also the values in the entry's name (RFC 4511
    §4.5.1.7.7).
    """

    __slots__ = ("attribute", "schema", "test")

    def __init__(self, schema: Schema, attribute: AttributeType | None, test: ValueTest) -> None:
        self.schema = schema
        self.attribute = attribute
        self.test = test

    def matches(self, candidate: Candidate) -> bool | None:
        for rdn in parse_dn(candidate.txn.dn(candidate.tenant, candidate.entry_id)):
            for ava in rdn:
                found = self.schema.attribute(ava.type)
                if found is None or (self.attribute is not None and not found.is_subtype_of(self.attribute)):
                    continue
                try:
                    if self.test(ava.value):
                        return True
                except InvalidValue:
                    continue
        return False
