"""What a set of object class values demands and allows, worked out once a set (RFC 4512 §2.4, §3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.schema.objectclass import ClassKind, ObjectClass

if TYPE_CHECKING:
    from lightwave.directory.schema.schema import Schema

CACHED_SETS: Final = 4_096
MAX_CLASSES: Final = 256  # values of objectClass in one entry
EXTENSIBLE_OBJECT: Final = "1.3.6.1.4.1.1466.101.120.111"  # RFC 4512 §4.3


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassSet:
    """One set of object classes, closed under superclasses.

    `values` are the objectClass values as given, followed by those that RFC 4512 §3.3 adds; `must` and
    `allowed` hold OIDs of attribute types. With `extensible`, every user attribute is allowed (RFC 4512
    §4.3).
    """

    values: tuple[bytes, ...]
    classes: tuple[ObjectClass, ...]
    oids: frozenset[str]
    structural: ObjectClass
    must: frozenset[str]
    allowed: frozenset[str]
    extensible: bool


def class_set(schema: Schema, values: tuple[bytes, ...]) -> ClassSet:
    """The class set of objectClass values; raises `DirectoryError` when they can't stand together."""
    found = schema.class_sets.get(values)
    if found is None:
        found = _build(schema, values)
        if len(schema.class_sets) >= CACHED_SETS:
            schema.class_sets.clear()
        schema.class_sets[values] = found
    return found


def _build(schema: Schema, values: tuple[bytes, ...]) -> ClassSet:
    named = _named_classes(schema, values)
    closed = dict(named)
    for one in named.values():
        for above in one.above:
            closed.setdefault(above.oid, above)
    structural = _structural_class(tuple(closed.values()))
    not_required = {attribute.oid for one in named.values() for attribute in one.not_required}
    must = {attribute.oid for one in named.values() for attribute in one.all_must} - not_required
    may = {attribute.oid for one in named.values() for attribute in one.all_may} | not_required
    rule = schema.content_rule(structural)
    if rule is not None:
        for one in closed.values():
            if one.kind is ClassKind.AUXILIARY and one.oid not in rule.auxiliaries:
                raise _violation(f"the content rule of {structural.name} does not allow {one.name}")
        must |= {attribute.oid for attribute in rule.must}
        may = (may | {attribute.oid for attribute in rule.may}) - {one.oid for one in rule.precluded}
    implied = tuple(one.name.encode() for oid, one in closed.items() if oid not in named)
    return ClassSet(
        values=values + implied,
        classes=tuple(closed.values()),
        oids=frozenset(closed),
        structural=structural,
        must=frozenset(must),
        allowed=frozenset(must | may),
        extensible=EXTENSIBLE_OBJECT in closed,
    )


def _named_classes(schema: Schema, values: tuple[bytes, ...]) -> dict[str, ObjectClass]:
    if not values:
        raise _violation("an entry needs an object class")
    if len(values) > MAX_CLASSES:
        raise DirectoryError(ResultCode.ADMIN_LIMIT_EXCEEDED, "an entry has too many object classes")
    named: dict[str, ObjectClass] = {}
    for position, value in enumerate(values):
        found = schema.object_class(value.decode("ascii", "replace"))
        if found is None:
            raise DirectoryError(
                ResultCode.INVALID_ATTRIBUTE_SYNTAX,
                f"objectClass: value #{position} is no known object class",
            )
        if found.oid in named:
            raise DirectoryError(
                ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, f"objectClass: value #{position} is there already"
            )
        named[found.oid] = found
    return named


def _structural_class(classes: tuple[ObjectClass, ...]) -> ObjectClass:
    """The most subordinate structural class, if all others are above it (RFC 4512 §2.4.2)."""
    structural = [one for one in classes if one.kind is ClassKind.STRUCTURAL]
    if not structural:
        raise _violation("an entry needs a structural object class")
    lowest = max(structural, key=lambda one: len(one.ancestry))
    for one in structural:
        if one.oid not in lowest.ancestry:
            raise _violation(f"{one.name} and {lowest.name} are structural classes of two chains")
    return lowest


def _violation(message: str) -> DirectoryError:
    return DirectoryError(ResultCode.OBJECT_CLASS_VIOLATION, message)
