"""Filters resolved against a schema: types, rules and assertion values looked up once, then asked per entry.

`matches` has three answers (X.511 §7.8.1, RFC 4511 §4.5.1.7): True, False and None for Undefined. Undefined
are unknown attributes, assertions that their syntax refuses, rules that a type lacks, secret attributes and
attributes that the requester may not read; so a filter tells nobody what he can't see.

On the hot path an equality assertion costs one comparison of bytes per value; only values of another spelling
are normalised. RFC 4526: an empty `and` is True, an empty `or` is False.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, final

from lightwave.directory.access.attribute_set import ALL
from lightwave.directory.ldap import filters
from lightwave.directory.ldap.dn import parse_dn
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.ad_attributes import (
    MEMBER_OF,
    MEMBERSHIPS,
    OBJECT_CATEGORY,
    SAM_ACCOUNT_CLASSES,
    SAM_ACCOUNT_NAME,
    SAM_ACCOUNT_TYPE,
    category_of_class,
    category_of_name,
    classes_of_category,
)
from lightwave.directory.operations.attribute_table import AttributeTable, PlainEquality
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.category_match import CategoryMatch
from lightwave.directory.operations.chains import IN_CHAIN, ChainMatch, MembershipMatch
from lightwave.directory.operations.name_resolution import ANR, resolve_name
from lightwave.directory.schema.attribute import AttributeDescription, AttributeType
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.matching import MatchingRule
from lightwave.directory.schema.normalisation import (
    NormalisedDN,
    normalise_dn_text,
    normalise_substrings,
    normalise_value,
    ordering_key,
    substring_form,
)
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.indexes import pattern_grams

OBJECT_CLASS = "2.5.4.0"

ValueTest = Callable[[bytes], bool]

# Rules whose assertion is of another form than the values (RFC 4517 §4.2): a value is not its own assertion.
MOST_FOLLOWED = 256
"""parts of a filter that follow links from each candidate: memberships and chains"""
_OTHER_ASSERTIONS = frozenset(
    {
        "objectIdentifierFirstComponentMatch",
        "integerFirstComponentMatch",
        "directoryStringFirstComponentMatch",
        "certificateExactMatch",
        "certificateListExactMatch",
    }
)


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


def plain_equality(table: AttributeTable, parsed: filters.Equality) -> EqualityMatch | None:
    """An equality of a kind that was resolved before, None for any other; raises InvalidValue."""
    plain = table.plain_equalities.get(parsed.attribute)
    if plain is None:
        return None
    value = parsed.value
    plain.check(value)
    return EqualityMatch(plain.description, plain.numbers, value, plain.normalise(value))


class Resolver:
    """Resolves filters for one search: one schema, one table of numbers, one transaction for names in
    assertions.
    """

    def __init__(self, table: AttributeTable, find: Callable[[NormalisedDN], tuple[int, int]]) -> None:
        self._table = table
        self._schema = table.schema
        self._find = find
        self._followed = 0

    def resolve(self, parsed: filters.Filter) -> Resolved:
        """The resolved form of `parsed`; raises DirectoryError for too many parts that follow links."""
        if isinstance(parsed, filters.Equality):
            return self._equality(parsed)
        if isinstance(parsed, filters.And):
            return AllOf([self.resolve(child) for child in parsed.children])
        if isinstance(parsed, filters.Or):
            return AnyOf([self.resolve(child) for child in parsed.children])
        if isinstance(parsed, filters.Not):
            return Inverse(self.resolve(parsed.child))
        if isinstance(parsed, filters.Present):
            return self._presence(parsed)
        if isinstance(parsed, filters.Approx):
            return self._equality(filters.Equality(parsed.attribute, parsed.value))
        if isinstance(parsed, filters.Substrings):
            return self._substrings(parsed)
        if isinstance(parsed, filters.Extensible):
            return self._extensible(parsed)
        return self._ordering(parsed)

    def _describe(self, text: str) -> AttributeDescription | None:
        description = self._schema.describe(text)
        return None if description is None or description.type.is_secret else description

    def _equality(self, parsed: filters.Equality) -> Resolved:
        try:
            return plain_equality(self._table, parsed) or self._any_equality(parsed)
        except InvalidValue:
            return UNDEFINED

    def _any_equality(self, parsed: filters.Equality) -> Resolved:
        description = self._describe(parsed.attribute)
        if description is None:
            return UNDEFINED
        attribute = description.type
        rule = attribute.equality
        if rule is None:
            return self.resolve(resolve_name(parsed.value)) if attribute.oid == ANR else UNDEFINED
        if attribute.oid == OBJECT_CLASS:
            return self._class(description, parsed.value)
        if rule.name in _OTHER_ASSERTIONS:
            return self._by_rule(description, rule, parsed.value)
        try:
            rule.check_assertion(parsed.value)
            key = attribute.normalise(parsed.value)
        except InvalidValue:
            if attribute.oid == OBJECT_CATEGORY:
                return self._category(parsed.value)
            return UNDEFINED
        numbers, links, computed_types = self._table.parts(description)
        if not links and not computed_types:  # the usual case
            if not numbers:
                return Constant(False)
            known = self._table.plain_equalities
            if len(known) > 4096:
                known.clear()  # descriptions come from requests: their number must not grow for ever
            known[parsed.attribute] = PlainEquality(
                description, numbers, rule.check_assertion, attribute.normalise
            )
            return EqualityMatch(description, numbers, parsed.value, key)
        parts: list[Resolved] = []
        if numbers:
            parts.append(EqualityMatch(description, numbers, parsed.value, key))
        if links:
            parts.append(self._link_equality(description, links, parsed.value))
        parts.extend(
            self._computed_equality(computed, attribute, parsed.value, key) for computed in computed_types
        )
        return _joined(parts)

    def _computed_equality(
        self, computed: AttributeType, attribute: AttributeType, value: bytes, key: bytes
    ) -> Resolved:
        """Equality on what is computed; where links or classes narrow it, they are part of it."""
        plain = ComputedMatch(computed, lambda held: attribute.normalise(held) == key, key)
        if computed.oid in MEMBERSHIPS:
            return self._membership(value, is_direct=computed.oid != MEMBER_OF)
        if computed.oid == OBJECT_CATEGORY:
            category = category_of_name(value)
            return Constant(False) if category is None else self._of_category(category)
        if computed.oid == SAM_ACCOUNT_TYPE:
            named = self._presence(filters.Present(SAM_ACCOUNT_NAME))
            kinds = self._class_match(SAM_ACCOUNT_CLASSES)
            return AllOf([kinds, named, plain])
        return plain

    def _follow(self) -> None:
        """One more part that follows links from each candidate, in one step: their number is bounded."""
        self._followed += 1
        if self._followed > MOST_FOLLOWED:
            raise DirectoryError(
                ResultCode.ADMIN_LIMIT_EXCEEDED,
                f"a filter may ask for at most {MOST_FOLLOWED} memberships and chains",
            )

    def _membership(self, value: bytes, *, is_direct: bool) -> Resolved:
        self._follow()
        try:
            return MembershipMatch(self._find(normalise_dn_text(self._schema, value)), is_direct=is_direct)
        except (NoSuchEntry, InvalidValue):
            return Constant(False)

    def _category(self, value: bytes) -> Resolved:
        """(objectCategory=user): the name of a class stands for its category ([MS-ADTS] 3.1.1.3.1.3.5)."""
        named = self._schema.object_class(value.decode("utf-8", "replace"))
        return UNDEFINED if named is None else self._of_category(category_of_class(named.name))

    def _of_category(self, category: str) -> Resolved:
        classes = classes_of_category(self._schema, category)
        return AllOf([self._class_match(classes), CategoryMatch(category)])

    def _class_match(self, classes: frozenset[str]) -> Resolved:
        """Entries of one of these classes, by OID or name: what an index of objectClass narrows."""
        description = self._schema.object_class_description
        known = (self._schema.object_class(one) for one in classes)
        oids = frozenset(one.oid for one in known if one is not None)
        return ClassMatch(self._schema, description, self._table.covered(description), oids)

    def _link_equality(
        self, description: AttributeDescription, links: tuple[int, ...], value: bytes
    ) -> Resolved:
        try:
            target = self._find(normalise_dn_text(self._schema, value))
        except NoSuchEntry:
            # A name of nothing: only text that still waits for its entry can equal it.
            return EqualityMatch(description, links, value, normalise_value(description.type, value))
        return LinkMatch(description, links, target)

    def _class(self, description: AttributeDescription, value: bytes) -> Resolved:
        wanted = self._schema.object_class(value.decode("utf-8", "replace"))
        if wanted is None:
            return UNDEFINED
        return ClassMatch(
            self._schema, description, self._table.covered(description), self._table.class_and_below(wanted)
        )

    def _presence(self, parsed: filters.Present) -> Resolved:
        description = self._describe(parsed.attribute)
        if description is None:
            return UNDEFINED
        if description.type.oid == OBJECT_CLASS:
            return Constant(True)
        numbers, links, computed_types = self._table.parts(description)
        parts: list[Resolved] = (
            [PresenceMatch(description, numbers + links, links)] if numbers or links else []
        )
        parts.extend(self._computed(computed, lambda value: True) for computed in computed_types)
        return _joined(parts)

    def _computed(self, computed: AttributeType, test: ValueTest) -> Resolved:
        if computed.oid in MEMBERSHIPS:
            self._follow()
        return ComputedMatch(computed, test)

    def _tested(
        self, description: AttributeDescription, test: ValueTest, narrowing: Narrowing | None = None
    ) -> Resolved:
        numbers, links, computed_types = self._table.parts(description)
        parts: list[Resolved] = []
        if numbers or links:
            parts.append(ValueMatch(description, numbers + links, test, None if links else narrowing))
        if links:
            parts.append(LinkValueMatch(links, test))
        parts.extend(self._computed(computed, test) for computed in computed_types)
        return _joined(parts)

    def _substrings(self, parsed: filters.Substrings) -> Resolved:
        description = self._describe(parsed.attribute)
        if description is None or description.type.substring is None:
            if description is not None and description.type.oid == ANR and parsed.initial:
                return self.resolve(resolve_name(parsed.initial))
            return UNDEFINED
        attribute = description.type
        try:
            pattern = normalise_substrings(attribute, parsed)
        except InvalidValue:
            return UNDEFINED
        pieces = pattern_grams(pattern.initial, pattern.any, pattern.final)
        narrowing = Narrowing(pieces=tuple(sorted(pieces))) if pieces else None
        return self._tested(
            description, lambda value: pattern.matches(substring_form(attribute, value)), narrowing
        )

    def _ordering(self, parsed: filters.GreaterOrEqual | filters.LessOrEqual) -> Resolved:
        description = self._describe(parsed.attribute)
        if description is None or description.type.ordering is None:
            return UNDEFINED
        attribute = description.type
        try:
            bound = ordering_key(attribute, parsed.value)
        except InvalidValue:
            return UNDEFINED
        if isinstance(parsed, filters.GreaterOrEqual):
            return self._tested(
                description, lambda value: ordering_key(attribute, value) >= bound, Narrowing(low=bound)
            )
        return self._tested(
            description, lambda value: ordering_key(attribute, value) <= bound, Narrowing(high=bound)
        )

    def _extensible(self, parsed: filters.Extensible) -> Resolved:
        description = None
        if parsed.attribute is not None:
            description = self._describe(parsed.attribute)
            if description is None:
                return UNDEFINED
        if parsed.rule is not None:
            rule = self._schema.matching_rule(parsed.rule)
        else:
            rule = description.type.equality if description is not None else None
        if rule is None:
            return UNDEFINED
        if rule.oid == IN_CHAIN:
            return self._in_chain(description, parsed.value)
        own = description is not None and rule is description.type.equality
        # A link's own rule is not asked of the names of all targets, also where it is named.
        if description is not None and own and (parsed.rule is None or description.type.is_link):
            plain = self._equality(filters.Equality(description.text, parsed.value))
        else:
            plain = self._by_rule(description, rule, parsed.value)
        if not parsed.dn_attributes or plain is UNDEFINED:
            return plain
        named = NameMatch(self._schema, description.type if description else None, rule.matcher(parsed.value))
        return AnyOf([plain, named])

    def _in_chain(self, description: AttributeDescription | None, value: bytes) -> Resolved:
        """LDAP_MATCHING_RULE_IN_CHAIN, over links only: nothing else can be followed."""
        if description is None:
            return UNDEFINED
        if description.type.oid in MEMBERSHIPS:
            return self._membership(value, is_direct=False)
        if not description.type.is_link or description.options:
            return UNDEFINED
        try:
            target = self._find(normalise_dn_text(self._schema, value))
        except InvalidValue:
            return UNDEFINED
        except NoSuchEntry:
            return Constant(False)
        self._follow()
        numbers = self._table.parts(description).links
        return ChainMatch(description, numbers, target) if numbers else Constant(False)

    def _by_rule(
        self, description: AttributeDescription | None, rule: MatchingRule, value: bytes
    ) -> Resolved:
        """A test by a rule that is named, on one attribute or on all whose syntax the rule serves."""
        try:
            rule.check_assertion(value)
            test = rule.matcher(value)
        except InvalidValue:
            return UNDEFINED
        if description is not None:
            return self._tested(description, test) if rule_serves(rule, description.type) else UNDEFINED
        numbers = tuple(n for n in self._table.numbers if self._rule_serves_number(rule, n))
        return ValueMatch(None, numbers, test, None) if numbers else Constant(False)

    def _rule_serves_number(self, rule: MatchingRule, number: int) -> bool:
        found = self._table.description(number)
        return found is not None and not found.type.is_secret and rule_serves(rule, found.type)


def rule_serves(rule: MatchingRule, attribute: AttributeType) -> bool:
    """Whether `rule` can be asked of values of `attribute` (RFC 4512 §4.1.4: its matchingRuleUse)."""
    own = (attribute.equality, attribute.ordering, attribute.substring)
    return rule in own or rule.serves_syntax(attribute.syntax.oid)


def _joined(parts: list[Resolved]) -> Resolved:
    if len(parts) == 1:
        return parts[0]
    return AnyOf(parts) if parts else Constant(False)
