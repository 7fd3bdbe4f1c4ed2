"""Object classes with everything that they inherit (RFC 4512 §2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from lightwave.directory.schema.attribute import AttributeType
    from lightwave.directory.schema.definitions import ContentRuleDefinition, ObjectClassDefinition


class ClassKind(Enum):
    """RFC 4512 §2.4.1 to §2.4.3."""

    ABSTRACT = "ABSTRACT"
    STRUCTURAL = "STRUCTURAL"
    AUXILIARY = "AUXILIARY"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectClass:
    """One object class; `all_must` and `all_may` include those of every superior.

    `not_required` is what the class does not ask for although a superior does (X-NOT-REQUIRED; inherited).
    `above` holds all its superclasses, nearest first; `ancestry` the OIDs of these and its own.
    """

    oid: str
    names: tuple[str, ...]
    name: str
    kind: ClassKind
    superiors: tuple[ObjectClass, ...]
    must: frozenset[AttributeType]
    may: frozenset[AttributeType]
    all_must: frozenset[AttributeType]
    all_may: frozenset[AttributeType]
    above: tuple[ObjectClass, ...]
    ancestry: frozenset[str]
    not_required: frozenset[AttributeType]
    obsolete: bool
    definition: ObjectClassDefinition

    @property
    def lineage(self) -> tuple[ObjectClass, ...]:
        """The class itself and its superclasses, nearest first."""
        return (self, *self.above)

    def is_subclass_of(self, other: ObjectClass) -> bool:
        """True for the class itself and for what descends from it."""
        return other.oid in self.ancestry

    def __repr__(self) -> str:
        return f"<ObjectClass {self.name} {self.oid}>"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContentRule:
    """What entries of one structural class may hold beyond or short of their classes (RFC 4512 §4.1.6)."""

    structural: ObjectClass
    auxiliaries: frozenset[str]  # OIDs
    must: frozenset[AttributeType]
    may: frozenset[AttributeType]
    precluded: frozenset[AttributeType]
    definition: ContentRuleDefinition
