"""From definitions to a cross-checked set of types and classes (RFC 4512 §2.4, §2.5).

Every reference is followed, inheritance is filled in and contradictions are refused, so that what comes out
needs no more checking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol, TypeVar

from lightwave.directory.schema.attribute import AttributeType, Usage
from lightwave.directory.schema.definitions import (
    AttributeTypeDefinition,
    ContentRuleDefinition,
    ObjectClassDefinition,
)
from lightwave.directory.schema.errors import SchemaError
from lightwave.directory.schema.matching import Accepts, MatchingRule, RuleKind
from lightwave.directory.schema.objectclass import ClassKind, ContentRule, ObjectClass
from lightwave.directory.schema.syntaxes import Syntax

MAX_DEPTH: Final = 64  # superiors above one another
TOP: Final = "2.5.6.0"
DISTINGUISHED_NAME: Final = (
    "2.5.4.49"  # operational here; schemas in the field derive user attributes from it
)


class _Named(Protocol):
    @property
    def oid(self) -> str: ...
    @property
    def names(self) -> tuple[str, ...]: ...


N = TypeVar("N", bound=_Named)


def index_names(definitions: Iterable[N], what: str) -> dict[str, N]:
    """Map every OID and name, in lower case, to its definition; one used twice is refused."""
    found: dict[str, N] = {}
    for definition in definitions:
        for identifier in {definition.oid.lower(), *(name.lower() for name in definition.names)}:
            if identifier in found:
                raise SchemaError(f"two {what} are called '{identifier}'")
            found[identifier] = definition
    return found


class AttributeResolver:
    """Resolves attribute types one after the other, superiors first."""

    def __init__(
        self,
        definitions: Mapping[str, AttributeTypeDefinition],
        syntaxes: Mapping[str, Syntax],
        rules: Mapping[str, MatchingRule],
    ) -> None:
        self._definitions = definitions
        self._syntaxes = syntaxes
        self._rules = rules
        self._resolved: dict[str, AttributeType] = {}

    def resolve_all(self) -> dict[str, AttributeType]:
        """Every type under its OID and names in lower case; raises `SchemaError`."""
        return {identifier: self._resolve(one, 0) for identifier, one in self._definitions.items()}

    def _resolve(self, definition: AttributeTypeDefinition, depth: int) -> AttributeType:
        found = self._resolved.get(definition.oid)
        if found is None:
            if depth > MAX_DEPTH:
                raise SchemaError(f"the superiors of {_label(definition)} go round in a circle")
            found = self._build(definition, self._superior(definition, depth))
            self._resolved[definition.oid] = found
        return found

    def _superior(self, definition: AttributeTypeDefinition, depth: int) -> AttributeType | None:
        if definition.superior is None:
            return None
        above = self._definitions.get(definition.superior.lower())
        if above is None:
            raise SchemaError(f"{_label(definition)} has the unknown superior '{definition.superior}'")
        superior = self._resolve(above, depth + 1)
        if superior.usage is not definition.usage and superior.oid != DISTINGUISHED_NAME:  # RFC 4512 §2.5.1
            raise SchemaError(f"{_label(definition)} has another usage than its superior")
        return superior

    def _build(self, definition: AttributeTypeDefinition, superior: AttributeType | None) -> AttributeType:
        syntax = self._syntax(definition, superior)
        equality = self._rule(definition, definition.equality, RuleKind.EQUALITY) or (
            superior.equality if superior else None
        )
        if definition.collective and definition.single_value:  # RFC 3671 §2.1
            raise SchemaError(f"{_label(definition)} is COLLECTIVE and SINGLE-VALUE")
        extensions = dict(definition.extensions)
        return AttributeType(
            oid=definition.oid,
            oid_bytes=definition.oid.encode(),
            names=definition.names,
            name=definition.names[0] if definition.names else definition.oid,
            syntax=syntax,
            equality=equality,
            ordering=self._rule(definition, definition.ordering, RuleKind.ORDERING)
            or (superior.ordering if superior else None),
            substring=self._rule(definition, definition.substring, RuleKind.SUBSTRING)
            or (superior.substring if superior else None),
            superior=superior,
            single_value=definition.single_value,
            no_user_modification=definition.no_user_modification,
            collective=definition.collective,
            obsolete=definition.obsolete,
            usage=definition.usage,
            is_operational=definition.usage is not Usage.USER_APPLICATIONS,
            is_link=_is_true(extensions, "X-LINK"),
            is_secret=_is_true(extensions, "X-SECRET"),
            max_length=definition.max_length,
            ancestry=frozenset({definition.oid}) | (superior.ancestry if superior else frozenset()),
            normalise=equality.normalise if equality else _as_it_is,
            check=_value_check(syntax, equality),
            definition=definition,
        )

    def _syntax(self, definition: AttributeTypeDefinition, superior: AttributeType | None) -> Syntax:
        if definition.syntax is None:
            if superior is None:
                raise SchemaError(f"{_label(definition)} has neither SUP nor SYNTAX")
            return superior.syntax
        syntax = self._syntaxes.get(definition.syntax)
        if syntax is None:
            raise SchemaError(f"{_label(definition)} has the syntax '{definition.syntax}', unknown here")
        return syntax

    def _rule(
        self, definition: AttributeTypeDefinition, name: str | None, kind: RuleKind
    ) -> MatchingRule | None:
        if name is None:
            return None
        rule = self._rules.get(name.lower())
        if rule is None:
            raise SchemaError(f"{_label(definition)} has the matching rule '{name}', unknown here")
        if rule.kind is not kind:
            raise SchemaError(f"{_label(definition)} uses '{name}' as its {kind.value} rule, which it is not")
        return rule


class ClassResolver:
    """Resolves object classes and content rules over resolved attribute types."""

    def __init__(
        self, definitions: Mapping[str, ObjectClassDefinition], attributes: Mapping[str, AttributeType]
    ) -> None:
        self._definitions = definitions
        self._attributes = attributes
        self._resolved: dict[str, ObjectClass] = {}

    def resolve_all(self) -> dict[str, ObjectClass]:
        """Every class under its OID and names in lower case; raises `SchemaError`."""
        return {identifier: self._resolve(one, 0) for identifier, one in self._definitions.items()}

    def resolve_content_rule(self, definition: ContentRuleDefinition) -> ContentRule:
        """A content rule of a structural class that is resolved already (RFC 4512 §4.1.6)."""
        structural = self._class(definition, definition.oid)
        if structural.kind is not ClassKind.STRUCTURAL:
            raise SchemaError(f"{_label(definition)} is for a class that is not structural")
        auxiliaries = [self._class(definition, name) for name in definition.auxiliaries]
        return ContentRule(
            structural=structural,
            auxiliaries=frozenset(one.oid for one in auxiliaries),
            must=self._types(definition, definition.must),
            may=self._types(definition, definition.may),
            precluded=self._types(definition, definition.precluded),
            definition=definition,
        )

    def _class(self, user: _Named, name: str) -> ObjectClass:
        found = self._definitions.get(name.lower())
        if found is None:
            raise SchemaError(f"{_label(user)} names the unknown object class '{name}'")
        return self._resolve(found, 0)

    def _resolve(self, definition: ObjectClassDefinition, depth: int) -> ObjectClass:
        found = self._resolved.get(definition.oid)
        if found is None:
            if depth > MAX_DEPTH:
                raise SchemaError(f"the superiors of {_label(definition)} go round in a circle")
            found = self._build(definition, self._superiors(definition, depth))
            self._resolved[definition.oid] = found
        return found

    def _superiors(self, definition: ObjectClassDefinition, depth: int) -> tuple[ObjectClass, ...]:
        names = definition.superiors
        if not names and definition.kind is ClassKind.STRUCTURAL and definition.oid != TOP:
            names = (TOP,)  # RFC 4512 §2.4.2: a structural class always descends from top
        superiors = []
        for name in names:
            above = self._definitions.get(name.lower())
            if above is None:
                raise SchemaError(f"{_label(definition)} has the unknown superior '{name}'")
            superior = self._resolve(above, depth + 1)
            if superior.kind is not ClassKind.ABSTRACT and superior.kind is not definition.kind:
                raise SchemaError(  # RFC 4512 §2.4.1 to §2.4.3
                    f"{_label(definition)} is {definition.kind.value}, its superior {superior.kind.value}"
                )
            superiors.append(superior)
        return tuple(superiors)

    def _build(self, definition: ObjectClassDefinition, superiors: tuple[ObjectClass, ...]) -> ObjectClass:
        must = self._types(definition, definition.must)
        may = self._types(definition, definition.may)
        extensions = dict(definition.extensions)
        not_required = self._types(definition, extensions.get("X-NOT-REQUIRED", ())).union(
            *(superior.not_required for superior in superiors)
        )
        all_must = must.union(*(superior.all_must for superior in superiors)) - not_required
        lineage = {above.oid: above for superior in superiors for above in superior.lineage}
        return ObjectClass(
            oid=definition.oid,
            names=definition.names,
            name=definition.names[0] if definition.names else definition.oid,
            kind=definition.kind,
            superiors=superiors,
            must=must,
            may=may,
            all_must=all_must,
            all_may=may.union(not_required, *(superior.all_may for superior in superiors)) - all_must,
            not_required=not_required,
            above=tuple(lineage.values()),
            ancestry=frozenset({definition.oid, *lineage}),
            obsolete=definition.obsolete,
            definition=definition,
        )

    def _types(self, user: _Named, names: tuple[str, ...]) -> frozenset[AttributeType]:
        try:
            return frozenset([self._attributes[name.lower()] for name in names])
        except KeyError as error:
            raise SchemaError(f"{_label(user)} names the unknown attribute type {error}") from None


def _as_it_is(value: bytes) -> bytes:
    return value


def _value_check(syntax: Syntax, equality: MatchingRule | None) -> Callable[[bytes], None]:
    """The syntax's check, and the rule's too where it can refuse what the syntax allows: every value that passes
    has a normalised form."""
    check = syntax.check
    if (
        equality is None
        or equality.accepts is Accepts.EVERYTHING
        or (equality.accepts is Accepts.ITS_SYNTAX and equality.syntax == syntax.oid)
    ):
        return check
    normalise = equality.normalise
    if equality.accepts is Accepts.ASCII:

        def check_text(value: bytes) -> None:
            check(value)
            if not value.isascii():
                normalise(value)

        return check_text

    def check_both(value: bytes) -> None:
        check(value)
        normalise(value)

    return check_both


def _is_true(extensions: Mapping[str, tuple[str, ...]], name: str) -> bool:
    return extensions.get(name, ("FALSE",))[0].upper() == "TRUE"


def _label(definition: _Named) -> str:
    return definition.names[0] if definition.names else definition.oid
