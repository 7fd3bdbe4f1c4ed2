"""A record of an import's file becomes an entry that the directory could take; the store is not asked yet.

What an add checks is checked here by the same functions: names, attribute types, the schema's whole verdict. In two
things an import differs from an add, because its files come from other servers and from this one's export:
operational attributes that say when and by whom an entry was made (and its entryUUID) are kept when they are valid,
and those that a server works out for itself are left out. The security descriptor of an entry is kept apart; it means
something only where the entry stands.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lightwave.directory.ldap.dn import RDN, parse_dn
from lightwave.directory.ldap.ldif import ContentRecord
from lightwave.directory.ldap.messages import AddRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.descriptor_attributes import DESCRIPTORS
from lightwave.directory.operations.descriptor_writing import Written, take_from_attributes
from lightwave.directory.operations.drafts import Attributes
from lightwave.directory.operations.gather import ENTRY_TTL, check_options, normalised_name
from lightwave.directory.operations.unix_numbers import ask_for_numbers
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.checks import CheckedEntry, check_entry
from lightwave.directory.schema.classset import class_set
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import NormalisedDN
from lightwave.directory.schema.schema import Schema

KEPT: Final = ("createTimestamp", "modifyTimestamp", "creatorsName", "modifiersName")
_OBJECT_CLASS: Final = "2.5.4.0"
_ENTRY_UUID: Final = "1.3.6.1.1.16.4"
_OBJECT_GUID: Final = "1.2.840.113556.1.4.2"
_GUIDS: Final = (_ENTRY_UUID, _OBJECT_GUID)


class ImportRefused(Exception):
    """A record can't be taken. `line` is where it begins (or where the file is no LDIF), `dn` its name or empty."""

    def __init__(self, line: int, dn: bytes, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.dn = dn
        self.message = message


@dataclass(slots=True)
class Candidate:
    """A record that has passed every check that needs no store."""

    line: int
    schema: Schema
    """under which it was checked"""
    dn: bytes
    name: NormalisedDN
    rdn: RDN
    guid: bytes
    is_own_guid: bool
    """the file named the GUID: it may be taken"""
    checked: CheckedEntry
    attributes: Attributes
    """what the entry holds: secrets are not among it"""
    classes: frozenset[str]
    kept: Attributes
    secrets: AddRequest | None = field(repr=False)
    descriptor: Written | None = None
    """the security descriptor that the file gives it, as it stands there"""


class RecordReader:
    """Makes candidates under one schema. `left_out` are names of attributes that are skipped wherever they stand."""

    def __init__(self, schema: Schema, left_out: Collection[str], new_guid: Callable[[], bytes]) -> None:
        self.schema = schema
        self._new_guid = new_guid
        self._left_out = frozenset(name.lower() for name in left_out)
        self._descriptions: dict[str, AttributeDescription | None] = {}
        self._apart: set[AttributeDescription] = set()
        self._classes: dict[tuple[bytes, ...], frozenset[str]] = {}
        self._secret_types = {
            attribute.oid: description
            for attribute in schema.attribute_types()
            if attribute.is_secret and (description := schema.describe(attribute.oid)) is not None
        }

    def read(self, record: ContentRecord) -> Candidate:
        """The entry of a record; raises ImportRefused."""
        attributes: dict[AttributeDescription, list[bytes]] = {}
        descriptions = self._descriptions
        for text, value in record.attributes:
            try:
                description = descriptions[text]
            except KeyError:
                description = self._describe(text, record)
            if description is None:
                continue
            values = attributes.get(description)
            if values is None:
                attributes[description] = [value]
            else:
                values.append(value)
        apart = attributes.keys() & self._apart
        set_apart = {description: tuple(attributes.pop(description)) for description in apart}
        try:
            return self._candidate(record, attributes, set_apart)
        except DirectoryError as error:
            raise ImportRefused(record.line, record.dn, self._explain(error, record)) from None

    def _candidate(
        self,
        record: ContentRecord,
        attributes: dict[AttributeDescription, list[bytes]],
        set_apart: Attributes,
    ) -> Candidate:
        schema = self.schema
        name = normalised_name(schema, record.dn)
        if not name:
            raise DirectoryError(
                ResultCode.UNWILLING_TO_PERFORM, "the root DSE can't be imported; leave it out"
            )
        rdn = parse_dn(record.dn)[0]
        secrets: Attributes = {}
        kept: Attributes = {}
        guid = None
        written = take_from_attributes(set_apart)
        for description, values in set_apart.items():
            if description.type.is_secret:
                secrets[description] = tuple(dict.fromkeys(values))  # some files name a password twice
            elif description.type.oid in _GUIDS:
                guid = guid or _guid(values)
            elif _is_valid(description, values):
                kept[description] = values
        numbers = ask_for_numbers(schema, attributes)
        checked = self._check({**attributes, **secrets, **numbers} if secrets or numbers else attributes, rdn)
        content = {one: values for one, values in checked.attributes.items() if not one.type.is_secret}
        request = None
        if secrets:
            request = AddRequest(record.dn, tuple((one.text, values) for one, values in secrets.items()))
        return Candidate(
            record.line,
            schema,
            record.dn,
            name,
            rdn,
            guid or self._new_guid(),
            guid is not None,
            checked,
            content,
            self._class_oids(checked),
            kept,
            request,
            written,
        )

    def _check(self, attributes: Mapping[AttributeDescription, Sequence[bytes]], rdn: RDN) -> CheckedEntry:
        """The schema's verdict. An export has no secrets, so an entry that must have one is taken without it."""
        try:
            return check_entry(self.schema, attributes, rdn)
        except DirectoryError as error:
            present = {description.type.oid for description in attributes}
            absent = self._secret_types.keys() - present
            if error.code is not ResultCode.OBJECT_CLASS_VIOLATION or not absent:
                raise
            classes = class_set(self.schema, tuple(attributes.get(self.schema.object_class_description, ())))
            needed = {self._secret_types[oid]: (b"",) for oid in absent if oid in classes.must}
            if not needed:
                raise
            return check_entry(self.schema, {**attributes, **needed}, rdn)

    def _class_oids(self, checked: CheckedEntry) -> frozenset[str]:
        values = checked.attributes[self.schema.object_class_description]
        oids = self._classes.get(values)
        if oids is None:
            oids = self._classes[values] = frozenset(one.oid for one in checked.classes)
        return oids

    def _describe(self, text: str, record: ContentRecord) -> AttributeDescription | None:
        """What a name in the file stands for, None for what is left out; remembered for the next record."""
        description = self.schema.describe(text)
        name = text.partition(";")[0].lower()
        if name in self._left_out or (description and description.type.name.lower() in self._left_out):
            description = None
        elif description is None:
            raise ImportRefused(
                record.line,
                record.dn,
                f"attribute '{text}' is not in the schema; add its definition to cn=aggregate,cn=schemacontext "
                f"first, or leave the attribute out with --ignore {text.partition(';')[0]}",
            )
        elif (
            description.type.is_secret
            or description.type.name in KEPT
            or description.type.oid in _GUIDS
            or description.type.oid in DESCRIPTORS
        ):
            self._apart.add(description)
        elif description.type.no_user_modification and description.type.oid != ENTRY_TTL:
            description = None  # a server works it out for itself
        else:
            self._check_options(description, record)
        self._descriptions[text] = description
        return description

    @staticmethod
    def _check_options(description: AttributeDescription, record: ContentRecord) -> None:
        try:
            check_options(description)
        except DirectoryError as error:
            raise ImportRefused(record.line, record.dn, error.message) from None

    def _explain(self, error: DirectoryError, record: ContentRecord) -> str:
        """The schema's refusal, with what it names by number spelt out."""
        if error.message.startswith("objectClass: value") and "no known" in error.message:
            classes = [
                value for name, value in record.attributes if name.lower() in ("objectclass", _OBJECT_CLASS)
            ]
            unknown = [
                value.decode("utf-8", "replace")
                for value in classes
                if self.schema.object_class(value.decode("ascii", "replace")) is None
            ]
            return (
                f"object class '{', '.join(unknown)}' is not in the schema; add its definition to "
                "cn=aggregate,cn=schemacontext first"
            )
        detail = f" ({error.detail})" if error.detail else ""
        return (error.message or error.code.label) + detail


def _guid(values: Sequence[bytes]) -> bytes | None:
    """The GUID that entryUUID (text) or objectGUID (16 bytes) says, None where it says none."""
    if len(values) != 1:
        return None
    if len(values[0]) == 16:
        return values[0]
    try:
        return uuid.UUID(values[0].decode("ascii")).bytes
    except ValueError:
        return None


def _is_valid(description: AttributeDescription, values: Sequence[bytes]) -> bool:
    if len(values) != 1 or description.options:
        return False
    try:
        description.type.check(values[0])
        description.type.normalise(values[0])
    except InvalidValue:
        return False
    return True
