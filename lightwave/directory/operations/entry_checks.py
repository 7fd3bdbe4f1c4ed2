"""What a changed entry has to satisfy, checked on what the change touches (RFC 4512 §2.3 to §2.5, RFC 4511 §4.6).

Shared by modify and rename. `stored` and `links` are the working copies by attribute key; an attribute that is in
neither is as it was and not looked at, unless the entry's classes change.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from lightwave.directory.ldap.dn import parse_rdn
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations import bounds
from lightwave.directory.operations.changes import LinkAttribute, RecordAttribute
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import AttributeEdit
from lightwave.directory.operations.gather import (
    DYNAMIC_OBJECT,
    OBJECT_CLASS,
    SUBENTRY,
    Place,
    description_of,
)
from lightwave.directory.schema.attribute import AttributeDescription, AttributeType
from lightwave.directory.schema.classset import ClassSet, class_set
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import CONTEXT, HAS_LINKS, Record

Stored = dict[str, RecordAttribute]
Links = Mapping[str, LinkAttribute]


def stored_attribute(
    txn: ReadTransaction, record: Record, description: AttributeDescription
) -> RecordAttribute:
    """A working copy of one attribute of a record."""
    number = txn.attribute_number(description.key)
    return RecordAttribute(description, () if number is None else record.values(number))


def edits_of(stored: Stored) -> dict[str, AttributeEdit]:
    """What has become of each working copy that is no longer as it was."""
    return {key: edit for key, attribute in stored.items() if (edit := attribute.edit()) is not None}


def check_attribute(attribute: RecordAttribute, link: LinkAttribute | None, context: Context) -> None:
    """The number of an attribute's values: one where the type says so, and never more than the limit."""
    description = attribute.description
    if link is not None:
        if description.type.single_value and link.count() > 1:
            raise _multiple(description)
    elif description.type.single_value and len(attribute.current) > 1:
        raise _multiple(description)
    if len(attribute.current) > context.limits.values:
        bounds.check_values(description.text, tuple(attribute.current.values()), context.limits)


def _multiple(description: AttributeDescription) -> DirectoryError:
    return DirectoryError(
        ResultCode.CONSTRAINT_VIOLATION, f"attribute '{description.text}' cannot have multiple values"
    )


@lru_cache(maxsize=4096)
def _naming_values(schema: Schema, rdn: bytes) -> tuple[tuple[str, bytes], ...]:
    """(attribute key, normalised value) of each pair of an RDN."""
    pairs = []
    for ava in parse_rdn(rdn):
        description = schema.describe(ava.type)
        if description is not None:
            pairs.append((description.key, description.type.normalise(ava.value)))
    return tuple(pairs)


def check_rdn(schema: Schema, record: Record, stored: Stored) -> None:
    """RFC 4511 §4.6: a modify cannot remove a value that the entry's own name is made of."""
    if record.flags & CONTEXT:
        return  # its RDN is a whole DN, and the values in its attributes are not what finds it
    name = b"+" + record.normalised_rdn
    if not any(b"+%b=" % one.description.type.oid_bytes in name for one in stored.values()):
        return  # by far the most modifies touch no naming attribute
    for key, normalised in _naming_values(schema, record.rdn):
        attribute = stored.get(key)
        if attribute is not None and attribute.before and normalised not in attribute.current:
            raise DirectoryError(
                ResultCode.NOT_ALLOWED_ON_RDN,
                f"value of naming attribute '{attribute.description.text}' can't be removed",
            )


def check_classes(schema: Schema, before: ClassSet, stored: Stored) -> ClassSet:
    """The entry's classes after the change, completed by superclasses (RFC 4512 §3.3) in the working copy."""
    attribute = stored.get(OBJECT_CLASS)
    if attribute is None:
        return before
    after = class_set(schema, tuple(attribute.current.values()))
    if after.structural.oid != before.structural.oid:
        raise DirectoryError(
            ResultCode.OBJECT_CLASS_MODS_PROHIBITED,
            f"structural object class modification from '{before.structural.name}' to "
            f"'{after.structural.name}' not allowed",
        )
    if (DYNAMIC_OBJECT in before.oids) is not (DYNAMIC_OBJECT in after.oids):
        raise DirectoryError(  # RFC 2589 §3: an entry is made dynamic or static once and for all
            ResultCode.OBJECT_CLASS_MODS_PROHIBITED, "an entry can't become dynamic, or cease to be"
        )
    for value in after.values:
        attribute.ensure(attribute.description.type.normalise(value), value)
    return after


def check_allowed_type(attribute: AttributeType, classes: ClassSet) -> None:
    """Raises DirectoryError objectClassViolation when entries of these classes may not have the attribute."""
    if attribute.oid in classes.allowed or attribute.is_operational or classes.extensible:
        return
    if attribute.collective and SUBENTRY in classes.oids:  # RFC 3671 §2.2
        return
    raise DirectoryError(
        ResultCode.OBJECT_CLASS_VIOLATION,
        f"attribute '{attribute.name}' not allowed in '{classes.structural.name}'",
    )


def check_content(
    txn: ReadTransaction,
    schema: Schema,
    place: Place,
    record: Record,
    classes: ClassSet,
    stored: Stored,
    links: Links,
    secrets: Mapping[str, bool],
) -> None:
    """MUST and MAY of the entry's classes.

    `secrets` tells, by OID, which secret attributes the change sets (True) or removes (False).
    """
    whole = OBJECT_CLASS in stored
    gone: set[str] = set()
    for key, attribute in stored.items():
        link = links.get(key)
        if attribute.current or (link is not None and link.count()):
            check_allowed_type(attribute.description.type, classes)
        else:
            gone.add(attribute.description.type.oid)
    for oid, is_set in secrets.items():
        secret = schema.attribute(oid)
        if is_set and secret is not None:
            check_allowed_type(secret, classes)
        elif not is_set:
            gone.add(oid)
    if whole:
        _check_all_allowed(txn, schema, place, record, classes, stored)
    for oid in classes.must if whole else classes.must & gone:
        if not _is_present(txn, schema, place, record, oid, stored, links, secrets):
            required = schema.attribute(oid)
            raise DirectoryError(
                ResultCode.OBJECT_CLASS_VIOLATION,
                f"object class '{classes.structural.name}' requires attribute "
                f"'{required.name if required is not None else oid}'",
            )


def _check_all_allowed(
    txn: ReadTransaction, schema: Schema, place: Place, record: Record, classes: ClassSet, stored: Stored
) -> None:
    numbers = list(record.user_numbers)
    if record.flags & HAS_LINKS:
        numbers += txn.link_attributes(place.tenant, place.entry_id)
    for number in numbers:
        description = description_of(txn, schema, number)
        if description is not None and description.key not in stored:
            check_allowed_type(description.type, classes)
    if txn.secret_kinds(place.tenant, place.entry_id) and not classes.extensible:
        kinds = [attribute for attribute in schema.attribute_types() if attribute.is_secret]
        if not any(attribute.oid in classes.allowed for attribute in kinds):
            raise DirectoryError(
                ResultCode.OBJECT_CLASS_VIOLATION, f"a password is not allowed in '{classes.structural.name}'"
            )


def _is_present(
    txn: ReadTransaction,
    schema: Schema,
    place: Place,
    record: Record,
    oid: str,
    stored: Stored,
    links: Links,
    secrets: Mapping[str, bool],
) -> bool:
    """Whether the entry has a value of the type, with whatever options."""
    if oid in secrets:
        return secrets[oid]
    for key, attribute in stored.items():
        link = links.get(key)
        if attribute.description.type.oid == oid and (
            attribute.current or (link is not None and link.count())
        ):
            return True
    for number in record.numbers():
        key = txn.attribute_key(number)
        if key not in stored and key.partition(";")[0] == oid:
            return True
    required = schema.attribute(oid)
    if required is None:
        return True
    if required.is_secret:
        return bool(txn.secret_kinds(place.tenant, place.entry_id))
    if required.is_link and oid not in links:
        number_of_links = txn.attribute_number(oid)
        return number_of_links is not None and bool(
            txn.link_count(place.tenant, place.entry_id, number_of_links)
        )
    return False


def check_size(record: Record, edits: Mapping[str, AttributeEdit], context: Context) -> None:
    """The entry as it would be stored is within the limit."""
    size = len(record.data)
    for edit in edits.values():
        size += sum(map(len, edit.after)) - sum(map(len, edit.before))
    bounds.check_entry_size(size, context.limits)
