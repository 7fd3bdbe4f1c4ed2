"""The GUIDs that object entries may name, as masks of numbers.

An object entry speaks of one attribute, a property set, a class of children, a control access right or a
validated write (MS-ADTS 5.1.3.2). Evaluation wants none of these names: it is handed tables that lead from a
GUID to a mask whose bit n stands for attribute number n, class number n, and so on. A property set is a mask
with several bits. What is in no table is nobody's GUID, and its entry is about nothing.

Masks are integers without an end: -1 is everything, numbers that are given out later included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from lightwave.directory.access.guid import Guid

EVERYTHING: Final = -1


class AttributeType(NamedTuple):
    """An attribute as access control knows it: its number, schemaIDGUID (None: no entry can name it),
    attributeSecurityGUID (None: in no property set), and whether searchFlags call it confidential (MS-ADTS
    3.1.1.4.4).
    """

    number: int
    guid: Guid | None
    property_set: Guid | None = None
    is_confidential: bool = False


@dataclass(frozen=True, slots=True)
class ObjectTypes:
    """Tables of one schema. attributes: schemaIDGUIDs and property sets to masks of attribute numbers.
    classes, control_rights, validated_writes: GUIDs to masks of whatever numbers the caller gave them.
    known: mask of all attributes. confidential: mask of those that take a control access right to read.
    """

    attributes: Mapping[Guid, int] = field(default_factory=dict)
    classes: Mapping[Guid, int] = field(default_factory=dict)
    control_rights: Mapping[Guid, int] = field(default_factory=dict)
    validated_writes: Mapping[Guid, int] = field(default_factory=dict)
    known: int = 0
    confidential: int = 0


def object_types(
    attributes: Iterable[AttributeType],
    classes: Iterable[tuple[int, Guid]] = (),
    control_rights: Iterable[tuple[int, Guid]] = (),
    validated_writes: Iterable[tuple[int, Guid]] = (),
) -> ObjectTypes:
    """Tables of these. Numbers are 0 or more, and each names one thing of its kind; of the last three kinds
    they are pairs with a GUID.
    """
    masks: dict[Guid, int] = {}
    known = confidential = 0
    for attribute in attributes:
        bit = 1 << attribute.number
        known |= bit
        for guid in (attribute.guid, attribute.property_set):
            if guid is not None:
                masks[guid] = masks.get(guid, 0) | bit
        if attribute.is_confidential:
            confidential |= bit
    return ObjectTypes(
        masks, _masks(classes), _masks(control_rights), _masks(validated_writes), known, confidential
    )


def _masks(numbered: Iterable[tuple[int, Guid]]) -> dict[Guid, int]:
    return {guid: 1 << number for number, guid in numbered}
