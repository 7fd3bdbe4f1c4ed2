"""The schema: an immutable, cross-checked set of definitions (RFC 4512 §4).

Lookups take names in any ASCII case or OIDs. A change makes a new `Schema` with the next generation; what is
built in can be neither removed nor changed. The bounded caches inside (attribute descriptions, distinguished
names, object class sets) only remember what the definitions imply.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from lightwave.directory.schema.attribute import AttributeDescription, AttributeType
from lightwave.directory.schema.builtin import load_builtin_definitions
from lightwave.directory.schema.definitions import (
    AttributeTypeDefinition,
    ContentRuleDefinition,
    Definition,
    ObjectClassDefinition,
    StructureRuleDefinition,
)
from lightwave.directory.schema.errors import SchemaError
from lightwave.directory.schema.matching import MatchingRule
from lightwave.directory.schema.normalisation import NormalisedDN, join_dn, normalise_dn_text
from lightwave.directory.schema.objectclass import ContentRule, ObjectClass
from lightwave.directory.schema.resolution import AttributeResolver, ClassResolver, index_names
from lightwave.directory.schema.rules import matching_rules
from lightwave.directory.schema.subschema import subschema_attributes
from lightwave.directory.schema.syntaxes import SYNTAXES, Syntax

if TYPE_CHECKING:
    from lightwave.directory.schema.classset import ClassSet

CACHED_DESCRIPTIONS: Final = 8_192
MAX_OPTIONS: Final = 16
MAX_DESCRIPTION: Final = 1_024  # characters of an attribute description

# RFC 4512 §2.5 option = 1*keychar. Known are language tags and ranges (RFC 3866), `phonetic` of the Japanese
# profile that other servers accept, and private `x-` ones; RFC 4512 §2.5.2: what is not recognised is
# unknown.
_TAGGING_OPTION = re.compile(r"lang-[a-z0-9-]*|phonetic|x-[a-z0-9-]+")

D = TypeVar("D", AttributeTypeDefinition, ObjectClassDefinition, ContentRuleDefinition)


class Schema:
    """See the module. Made by `Schema.load_builtin()` and `with_definitions` only."""

    def __init__(
        self, definitions: tuple[Definition, ...], *, builtin: frozenset[Identity], generation: int
    ) -> None:
        self.generation = generation
        self.definitions = definitions
        self.names: dict[bytes, NormalisedDN] = {}  # for normalise_dn_text
        self.class_sets: dict[tuple[bytes, ...], ClassSet] = {}  # for checks
        self._builtin = builtin
        self._descriptions: dict[str, AttributeDescription] = {}
        self._interned: dict[str, AttributeDescription] = {}
        self._by_bytes: dict[bytes, AttributeType] = {}
        self._syntaxes: dict[str, Syntax] = {syntax.oid: syntax for syntax in SYNTAXES}
        self._rules: dict[str, MatchingRule] = index_names(matching_rules(self), "matching rules")
        attributes = index_names(_of(AttributeTypeDefinition, definitions), "attribute types")
        self._attributes = AttributeResolver(attributes, self._syntaxes, self._rules).resolve_all()
        classes = ClassResolver(
            index_names(_of(ObjectClassDefinition, definitions), "object classes"), self._attributes
        )
        self._classes = classes.resolve_all()
        self._content_rules: dict[str, ContentRule] = {}
        for definition in _of(ContentRuleDefinition, definitions):
            rule = classes.resolve_content_rule(definition)
            if rule.structural.oid in self._content_rules:
                raise SchemaError(f"{rule.structural.name} has two content rules")
            self._content_rules[rule.structural.oid] = rule

    @classmethod
    def load_builtin(cls) -> Schema:
        """The definitions that come with the server."""
        definitions = load_builtin_definitions()
        return cls(definitions, builtin=frozenset(map(_identity, definitions)), generation=0)

    def attribute(self, name: str) -> AttributeType | None:
        """The attribute type of a name or OID, without options."""
        return self._attributes.get(name) or self._attributes.get(name.lower())

    def attribute_by_bytes(self, name: bytes) -> AttributeType | None:
        """The same for a name as it stands in a DN; ASCII."""
        found = self._by_bytes.get(name)
        if found is None:
            found = self.attribute(name.decode("ascii", "replace"))
            if found is not None and len(self._by_bytes) < CACHED_DESCRIPTIONS:
                self._by_bytes[name] = found
        return found

    def object_class(self, name: str) -> ObjectClass | None:
        """The object class of a name or OID."""
        return self._classes.get(name) or self._classes.get(name.lower())

    def content_rule(self, structural: ObjectClass) -> ContentRule | None:
        """The content rule that governs entries of this structural class (RFC 4512 §4.1.6)."""
        return self._content_rules.get(structural.oid)

    def matching_rule(self, name: str) -> MatchingRule | None:
        """The matching rule of a name or OID."""
        return self._rules.get(name) or self._rules.get(name.lower())

    def syntax(self, oid: str) -> Syntax | None:
        """The syntax of an OID."""
        return self._syntaxes.get(oid)

    @cached_property
    def object_class_description(self) -> AttributeDescription:
        """The description `objectClass`, which every check begins with."""
        found = self.describe("objectClass")
        if found is None:
            raise SchemaError("objectClass is not defined")
        return found

    def attribute_types(self) -> tuple[AttributeType, ...]:
        """All attribute types, each once, in the order of their definition."""
        return self._all_types

    def object_classes(self) -> tuple[ObjectClass, ...]:
        """All object classes, each once, in the order of their definition."""
        return tuple(dict.fromkeys(self._classes.values()))

    def rules(self) -> tuple[MatchingRule, ...]:
        """All matching rules, each once."""
        return tuple(dict.fromkeys(self._rules.values()))

    def syntaxes(self) -> tuple[Syntax, ...]:
        """All syntaxes."""
        return tuple(self._syntaxes.values())

    def describe(self, text: str) -> AttributeDescription | None:
        """An attribute description (RFC 4512 §2.5); None when the type or an option is not known."""
        found = self._descriptions.get(text)
        if found is None and len(text) <= MAX_DESCRIPTION:
            found = self._describe(text)
            if found is not None:
                if len(self._descriptions) >= CACHED_DESCRIPTIONS:
                    self._descriptions.clear()
                self._descriptions[text] = found
        return found

    def subtypes(self, attribute: AttributeType) -> tuple[AttributeType, ...]:
        """The type itself, then everything that descends from it."""
        return self._subtypes.get(attribute.oid, (attribute,))

    def with_definitions(
        self,
        add: Iterable[Definition] = (),
        remove: Iterable[Definition] = (),
        *,
        generation: int | None = None,
    ) -> Schema:
        """A schema with these changes; removing and adding the same OID at once changes a definition.

        Raises `SchemaError` when a reference breaks, an identifier is taken, or something built in would
        change.
        """
        remaining = {_identity(definition): definition for definition in self.definitions}
        for definition in remove:
            identity = _identity(definition)
            if remaining.pop(identity, None) is None:
                raise SchemaError(f"'{identity[1]}' is not defined")
            if identity in self._builtin:
                raise SchemaError(f"'{identity[1]}' is built in and stays")
        for definition in add:
            if not isinstance(definition, _CHANGEABLE):
                raise SchemaError("only attribute types, object classes and content rules can be added")
            if _identity(definition) in remaining:
                raise SchemaError(f"'{definition.oid}' is defined already")
            remaining[_identity(definition)] = definition
        return Schema(
            tuple(remaining.values()),
            builtin=self._builtin,
            generation=self.generation + 1 if generation is None else generation,
        )

    def builds_in(self, definition: Definition) -> bool:
        """Whether an attribute type or object class of this OID, or of one of these names, came with the server."""
        if isinstance(definition, AttributeTypeDefinition):
            find: Callable[[str], object | None] = self.attribute
        elif isinstance(definition, ObjectClassDefinition):
            find = self.object_class
        else:
            return False
        return any(find(name) is not None for name in (definition.oid, *definition.names))

    def added_definitions(self) -> tuple[Definition, ...]:
        """What `with_definitions` brought: all that is not built in."""
        return tuple(
            definition for definition in self.definitions if _identity(definition) not in self._builtin
        )

    def subschema_attributes(self) -> dict[str, list[bytes]]:
        """The operational attributes of the subschema subentry (RFC 4512 §4.2), by name."""
        return self._subschema

    # The port that matching rules over names use (matching.Names).

    def oid_of(self, name: str) -> str | None:
        """The OID of a definition of any kind by its name."""
        found = self.object_class(name) or self.attribute(name) or self.matching_rule(name)
        return found.oid if found is not None else None

    def normalise_name(self, text: bytes) -> bytes:
        """One key for a distinguished name."""
        return join_dn(normalise_dn_text(self, text))

    def _describe(self, text: str) -> AttributeDescription | None:
        name, *options = text.split(";")
        attribute = self.attribute(name)
        if attribute is None or len(options) > MAX_OPTIONS:
            return None
        lowered = {option.lower() for option in options}
        if "binary" in lowered and not attribute.syntax.binary_transfer:  # RFC 4522 §2
            return None
        lowered.discard("binary")
        if not all(_TAGGING_OPTION.fullmatch(option) for option in lowered):
            return None
        made = AttributeDescription(
            attribute, tuple(sorted(lowered)), is_binary=attribute.syntax.binary_transfer
        )
        if len(self._interned) >= CACHED_DESCRIPTIONS:
            self._interned.clear()
        return self._interned.setdefault(made.key, made)

    @cached_property
    def _all_types(self) -> tuple[AttributeType, ...]:
        return tuple(dict.fromkeys(self._attributes.values()))

    @cached_property
    def _subtypes(self) -> dict[str, tuple[AttributeType, ...]]:
        found: dict[str, list[AttributeType]] = {one.oid: [one] for one in self._all_types}
        for one in self._all_types:
            for above in one.ancestry - {one.oid}:
                found[above].append(one)
        return {oid: tuple(types) for oid, types in found.items()}

    @cached_property
    def _subschema(self) -> dict[str, list[bytes]]:
        return subschema_attributes(self.definitions, self.syntaxes(), self.rules(), self.attribute_types())


_CHANGEABLE: Final = (AttributeTypeDefinition, ObjectClassDefinition, ContentRuleDefinition)


Identity = tuple[str, str]


def _identity(definition: Definition) -> Identity:
    identifier = (
        str(definition.rule_id) if isinstance(definition, StructureRuleDefinition) else definition.oid
    )
    return type(definition).__name__, identifier.lower()


def _of(kind: type[D], definitions: tuple[Definition, ...]) -> list[D]:
    return [definition for definition in definitions if isinstance(definition, kind)]
