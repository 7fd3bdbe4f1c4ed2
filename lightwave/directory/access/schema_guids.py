"""The GUIDs by which access control entries name attributes and classes.

Attributes and classes that Active Directory has keep its schemaIDGUID, and attributes its attributeSecurityGUID (the
property set) and the confidential bit of searchFlags ([MS-ADTS] 3.1.1.2.3, 5.1.3.2.1): what an administrator knows from
there holds here, and descriptors can be carried over. They are looked for by their OID, then by their names, for some
RFCs gave the same name another OID. All others have a GUID that follows from their OID: UUID version 5 below the
project's own UUID (docs/decisions/006), so it is the same on all nodes and at all times.

A definition may bring `X-SCHEMA-ID-GUID`, `X-ATTRIBUTE-SECURITY-GUID` and `X-SEARCH-FLAGS` of its own.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final, NamedTuple, TypeVar
from uuid import UUID, uuid5

from lightwave.directory.access.guid import Guid, parse_guid
from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.objectclass import ObjectClass

T = TypeVar("T", Guid, Guid | None)

CONFIDENTIAL: Final = 128
"""searchFlags: reading takes a control access right ([MS-ADTS] 2.2.10)"""
ARC: Final = UUID("7a95ece3-8666-4cc4-a8d4-44edbb657d9c")

_DATA = "data/active-directory.txt"


class AccessFacts(NamedTuple):
    """What entries may call an attribute or class. property_set: None for what is in none, and for classes."""

    guid: Guid
    property_set: Guid | None = None
    is_confidential: bool = False


class _Known(NamedTuple):
    by_oid: dict[str, AccessFacts]
    by_name: dict[str, AccessFacts]


def attribute_facts(attribute: AttributeType) -> AccessFacts:
    """Of an attribute type."""
    facts = _facts(_known()[0], attribute.oid, attribute.names)
    extensions = dict(attribute.definition.extensions)
    if not extensions:
        return facts
    guid, property_set = facts.guid, facts.property_set
    if "X-SCHEMA-ID-GUID" in extensions:
        guid = _guid(extensions["X-SCHEMA-ID-GUID"], guid)
    if "X-ATTRIBUTE-SECURITY-GUID" in extensions:
        property_set = _guid(extensions["X-ATTRIBUTE-SECURITY-GUID"], property_set)
    flags = extensions.get("X-SEARCH-FLAGS", ())
    says_so = any(text.isdecimal() and int(text) & CONFIDENTIAL for text in flags)
    return AccessFacts(guid, property_set, facts.is_confidential or says_so)


def class_guid(object_class: ObjectClass) -> Guid:
    """Of an object class: its schemaIDGUID."""
    facts = _facts(_known()[1], object_class.oid, object_class.names)
    extensions = dict(object_class.definition.extensions)
    return _guid(extensions.get("X-SCHEMA-ID-GUID", ()), facts.guid)


def _facts(known: _Known, oid: str, names: tuple[str, ...]) -> AccessFacts:
    found = known.by_oid.get(oid)
    if found is not None:
        return found
    for name in names:
        found = known.by_name.get(name.lower())
        if found is not None:
            return found
    return AccessFacts(Guid(uuid5(ARC, oid).bytes_le))


def _guid(texts: tuple[str, ...], default: T) -> Guid | T:
    """The GUID of an extension; what is none there says nothing."""
    try:
        return parse_guid(texts[0]) if texts else default
    except ValueError:
        return default


@cache
def _known() -> tuple[_Known, _Known]:
    """Active Directory's attributes, and its classes."""
    attributes, classes = _Known({}, {}), _Known({}, {})
    text = resources.files(__package__).joinpath(_DATA).read_text("ascii")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        kind, oid, name, guid, property_set, flag = line.split(" ")
        facts = AccessFacts(
            parse_guid(guid), None if property_set == "-" else parse_guid(property_set), flag == "C"
        )
        known = attributes if kind == "a" else classes
        known.by_oid[oid] = facts
        known.by_name[name.lower()] = facts
    return attributes, classes
