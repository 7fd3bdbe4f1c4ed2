"""Filters resolved against a schema: types, rules and assertion values looked up once, then asked per entry.

Undefined are unknown attributes, assertions that their syntax refuses, rules that a type lacks, secret attributes and
attributes that the requester may not read; so a filter tells nobody what he can't see. What the nodes do is in
`filter_nodes`.
"""

from __future__ import annotations

from collections.abc import Callable

from lightwave.directory.ldap import filters
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
from lightwave.directory.operations.category_match import CategoryMatch
from lightwave.directory.operations.chains import IN_CHAIN, ChainMatch, MembershipMatch
from lightwave.directory.operations.filter_nodes import (
    UNDEFINED,
    AllOf,
    AnyOf,
    ClassMatch,
    ComputedMatch,
    Constant,
    EqualityMatch,
    Inverse,
    LinkMatch,
    LinkValueMatch,
    NameMatch,
    Narrowing,
    PresenceMatch,
    Resolved,
    Unheld,
    ValueMatch,
    ValueTest,
)
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
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.indexes import pattern_grams

OBJECT_CLASS = "2.5.4.0"

MOST_FOLLOWED = 256
"""parts of a filter that follow links from each candidate: memberships and chains"""

# Rules whose assertion is of another form than the values (RFC 4517 §4.2): a value is not its own assertion.
_OTHER_ASSERTIONS = frozenset(
    {
        "objectIdentifierFirstComponentMatch",
        "integerFirstComponentMatch",
        "directoryStringFirstComponentMatch",
        "certificateExactMatch",
        "certificateListExactMatch",
    }
)


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
                return Unheld(attribute.oid, answer=False)
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
        return _joined(parts, attribute)

    def _computed_equality(
        self, computed: AttributeType, attribute: AttributeType, value: bytes, key: bytes
    ) -> Resolved:
        """Equality on what is computed; where links or classes narrow it, they are part of it."""
        plain = ComputedMatch(computed, lambda held: attribute.normalise(held) == key, key)
        if computed.oid in MEMBERSHIPS:
            return self._membership(value, is_direct=computed.oid != MEMBER_OF)
        if computed.oid == OBJECT_CATEGORY:
            category = category_of_name(value)
            return Unheld(computed.oid, answer=False) if category is None else self._of_category(category)
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
            return Unheld(MEMBERSHIPS[is_direct], answer=False)

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
            return Unheld(OBJECT_CLASS, answer=True)
        numbers, links, computed_types = self._table.parts(description)
        parts: list[Resolved] = (
            [PresenceMatch(description, numbers + links, links)] if numbers or links else []
        )
        parts.extend(self._computed(computed, lambda value: True) for computed in computed_types)
        return _joined(parts, description.type)

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
        return _joined(parts, description.type)

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
            return Unheld(description.type.oid, answer=False)
        self._follow()
        numbers = self._table.parts(description).links
        return (
            ChainMatch(description, numbers, target)
            if numbers
            else Unheld(description.type.oid, answer=False)
        )

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


def _joined(parts: list[Resolved], attribute: AttributeType) -> Resolved:
    if len(parts) == 1:
        return parts[0]
    return AnyOf(parts) if parts else Unheld(attribute.oid, answer=False)
