"""The changes of a modify, first read on their own, then carried out one after the other on working copies.

`parse_change` knows the schema but no entry: undefined types, invalid values and values given twice are found
before the entry is looked up. `RecordAttribute` and `LinkAttribute` hold what one attribute becomes; nothing is
written before all changes have gone through (RFC 4511 §4.6: in the order listed, all or none).

A group's members are links: adding or removing some of 100,000 asks for these links only and reads no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lightwave.directory.ldap.messages import Modification, ModifyKind
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.deleted_entries import may_be_deleted
from lightwave.directory.operations.drafts import AttributeEdit, LinkEdit
from lightwave.directory.operations.gather import describe
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import TOMBSTONE

_KIND_NAMES = {
    ModifyKind.ADD: "modify/add",
    ModifyKind.DELETE: "modify/delete",
    ModifyKind.REPLACE: "modify/replace",
    ModifyKind.INCREMENT: "modify/increment",
}
INTEGER_SYNTAXES = frozenset(("1.3.6.1.4.1.1466.115.121.1.27", "1.2.840.113556.1.4.906"))


@dataclass(frozen=True, slots=True)
class ParsedChange:
    """One change with its values checked and normalised: (normalised, value), all different."""

    kind: ModifyKind
    description: AttributeDescription
    values: dict[bytes, bytes] = field(repr=False)

    def refuse(self, code: ResultCode, reason: str) -> DirectoryError:
        """The error for this change, in the words that slapd uses."""
        return DirectoryError(code, f"{_KIND_NAMES[self.kind]}: {self.description.text}: {reason}")


def parse_change(schema: Schema, change: Modification) -> ParsedChange:
    """Raises DirectoryError: undefinedAttributeType, invalidAttributeSyntax, attributeOrValueExists, protocolError."""
    description = describe(schema, change.attribute)
    kind = change.kind
    if kind is ModifyKind.INCREMENT and len(change.values) != 1:  # RFC 4525 §3
        raise DirectoryError(
            ResultCode.PROTOCOL_ERROR, f"modify/increment: {description.text}: requires a single value"
        )
    if kind is ModifyKind.ADD and not change.values:
        raise DirectoryError(ResultCode.PROTOCOL_ERROR, f"modify/add: {description.text}: requires values")
    if description.type.obsolete and change.values and kind is not ModifyKind.DELETE:
        raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, f"{description.text}: attribute is obsolete")
    return ParsedChange(kind, description, normalised_values(description, change.values))


def normalised_values(description: AttributeDescription, values: Sequence[bytes]) -> dict[bytes, bytes]:
    """Normalised form -> value, in the given order; raises DirectoryError for an invalid or a repeated value."""
    check, normalise = description.type.check, description.type.normalise
    found: dict[bytes, bytes] = {}
    for position, value in enumerate(values):
        try:
            check(value)
            normalised = normalise(value)
        except InvalidValue as error:
            raise DirectoryError(
                ResultCode.INVALID_ATTRIBUTE_SYNTAX,
                f"{description.text}: value #{position} invalid per syntax",
                detail=str(error),
            ) from error
        if normalised in found:
            raise DirectoryError(
                ResultCode.ATTRIBUTE_OR_VALUE_EXISTS,
                f"{description.text}: value #{position} provided more than once",
            )
        found[normalised] = value
    return found


def stored_values(description: AttributeDescription, values: Sequence[bytes]) -> dict[bytes, bytes]:
    """Normalised form -> value of values that were checked when they were written.

    A value that the schema has since come to refuse stands for itself, so that it can still be removed.
    """
    normalise = description.type.normalise
    found: dict[bytes, bytes] = {}
    for value in values:
        try:
            found[normalise(value)] = value
        except InvalidValue:
            found[value] = value
    return found


class RecordAttribute:
    """A working copy of one attribute that is kept in the record."""

    __slots__ = ("_before", "before", "current", "description", "whole")

    def __init__(self, description: AttributeDescription, values: Sequence[bytes]) -> None:
        self.description = description
        self.before = tuple(values)
        self._before = stored_values(description, values) if values else {}
        self.current = self._before
        self.whole = False

    def apply(self, change: ParsedChange) -> None:
        """Carries out one change; raises DirectoryError with the code that RFC 4511 §4.6 gives."""
        kind = change.kind
        if kind is ModifyKind.REPLACE:
            self.current = change.values
            self.whole = True
        elif kind is ModifyKind.ADD:
            self._add(change)
        elif kind is ModifyKind.DELETE:
            self._delete(change)
        else:
            self._increment(change)

    def _add(self, change: ParsedChange) -> None:
        current = self.current
        if current:
            if change.description.type.equality is None:
                raise change.refuse(ResultCode.INAPPROPRIATE_MATCHING, "no equality matching rule")
            for position, normalised in enumerate(change.values):
                if normalised in current:
                    raise change.refuse(
                        ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, f"value #{position} already exists"
                    )
        self.current = {**current, **change.values}

    def _delete(self, change: ParsedChange) -> None:
        if not change.values:
            if not self.current:
                raise change.refuse(ResultCode.NO_SUCH_ATTRIBUTE, "no such attribute")
            self.current = {}
            self.whole = True
            return
        if change.description.type.equality is None:
            raise change.refuse(ResultCode.INAPPROPRIATE_MATCHING, "no equality matching rule")
        if not self.current:
            raise change.refuse(ResultCode.NO_SUCH_ATTRIBUTE, "no such attribute")
        remaining = dict(self.current)
        for normalised in change.values:
            if remaining.pop(normalised, None) is None:
                raise change.refuse(ResultCode.NO_SUCH_ATTRIBUTE, "no such value")
        self.current = remaining

    def _increment(self, change: ParsedChange) -> None:
        """RFC 4525 §3: every value of the attribute grows by the same amount."""
        if change.description.type.syntax.oid not in INTEGER_SYNTAXES:
            raise change.refuse(ResultCode.CONSTRAINT_VIOLATION, "not an integer attribute")
        if not self.current:
            raise change.refuse(ResultCode.NO_SUCH_ATTRIBUTE, "no such attribute")
        (amount,) = change.values.values()
        grown = [b"%d" % (int(value) + int(amount)) for value in self.current.values()]
        self.current = normalised_values(change.description, grown)
        self.whole = True

    def count(self) -> int:
        """How many values the attribute has now."""
        return len(self.current)

    def holds(self, normalised: bytes, value: bytes) -> bool:
        """Whether it has the value now."""
        return normalised in self.current

    def ensure(self, normalised: bytes, value: bytes) -> None:
        """Adds a value unless it is there (the value of a new RDN)."""
        if normalised not in self.current:
            self.current = {**self.current, normalised: value}

    def discard(self, normalised: bytes) -> None:
        """Removes a value if it is there (the value of an old RDN)."""
        self.current = {key: value for key, value in self.current.items() if key != normalised}

    def edit(self) -> AttributeEdit | None:
        """What has become of the attribute; None when nothing has."""
        before, current = self._before, self.current
        after = tuple(current.values())
        if after == self.before and not self.whole:
            return None
        added = tuple([value for key, value in current.items() if before.get(key) != value])
        removed = tuple([value for key, value in before.items() if key not in current])
        return AttributeEdit(self.description, self.before, after, added, removed, self.whole)


class LinkAttribute:
    """A working copy of one attribute whose values are links, without reading more of them than are named.

    A DN that names no entry is kept as text, in `texts`, until an entry of that name appears.
    """

    __slots__ = (
        "_entry_id",
        "_number",
        "_schema",
        "_tenant",
        "_txn",
        "added",
        "description",
        "removed",
        "texts",
    )

    def __init__(
        self,
        txn: ReadTransaction,
        schema: Schema,
        tenant: int,
        entry_id: int,
        description: AttributeDescription,
        texts: RecordAttribute,
    ) -> None:
        self._txn = txn
        self._schema = schema
        self._tenant = tenant
        self._entry_id = entry_id
        self._number = txn.attribute_number(description.key)
        self.description = description
        self.texts = texts
        self.added: dict[int, None] = {}
        self.removed: dict[int, None] = {}

    def apply(self, change: ParsedChange) -> None:
        """Carries out one change; raises DirectoryError as `RecordAttribute.apply` does."""
        kind = change.kind
        if kind is ModifyKind.ADD:
            self._add(change)
        elif kind is ModifyKind.DELETE and change.values:
            self._delete(change)
        elif kind is ModifyKind.INCREMENT:
            raise change.refuse(ResultCode.CONSTRAINT_VIOLATION, "not an integer attribute")
        else:
            self._replace(change)

    def count(self) -> int:
        """How many values the attribute has now, links and texts."""
        links = 0
        if self._number is not None:
            links = self._txn.link_count(self._tenant, self._entry_id, self._number)
        return links + len(self.added) - len(self.removed) + len(self.texts.current)

    def holds(self, normalised: bytes, value: bytes) -> bool:
        """Whether it has the value now, as a link or as text."""
        target = resolve_link(self._txn, self._schema, self._tenant, value)
        return normalised in self.texts.current if target is None else self._has(target)

    def edit(self) -> LinkEdit | None:
        """What has become of the links; None when nothing has."""
        if not self.added and not self.removed:
            return None
        return LinkEdit(self.description, self.added, self.removed)

    def _has(self, target: int) -> bool:
        if target in self.added:
            return True
        if target in self.removed or self._number is None:
            return False
        return self._txn.has_link(self._tenant, self._entry_id, self._number, target)

    def _link(self, target: int) -> None:
        if target in self.removed:
            del self.removed[target]
        else:
            self.added[target] = None

    def _unlink(self, target: int) -> None:
        if target in self.added:
            del self.added[target]
        else:
            self.removed[target] = None

    def _split(self, values: dict[bytes, bytes]) -> tuple[dict[int, int], dict[bytes, bytes]]:
        """(position of each value that names an entry, by entry id) and the values that name none."""
        targets: dict[int, int] = {}
        texts: dict[bytes, bytes] = {}
        for position, (normalised, value) in enumerate(values.items()):
            target = resolve_link(self._txn, self._schema, self._tenant, value)
            if target is None:
                texts[normalised] = value
            else:
                targets[target] = position
        return targets, texts

    def _add(self, change: ParsedChange) -> None:
        targets, texts = self._split(change.values)
        for target, position in targets.items():
            if self._has(target):
                raise change.refuse(ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, f"value #{position} already exists")
            self._link(target)
        if texts:
            self.texts.apply(ParsedChange(change.kind, change.description, texts))

    def _delete(self, change: ParsedChange) -> None:
        targets, texts = self._split(change.values)
        if not self.count():
            raise change.refuse(ResultCode.NO_SUCH_ATTRIBUTE, "no such attribute")
        for target in targets:
            if not self._has(target):
                raise change.refuse(ResultCode.NO_SUCH_ATTRIBUTE, "no such value")
            self._unlink(target)
        if texts:
            self.texts.apply(ParsedChange(change.kind, change.description, texts))

    def _replace(self, change: ParsedChange) -> None:
        """A replace, or the deletion of the attribute: the only changes that read every link."""
        if change.kind is ModifyKind.DELETE and not self.count():
            raise change.refuse(ResultCode.NO_SUCH_ATTRIBUTE, "no such attribute")
        targets, texts = self._split(change.values)
        existing: dict[int, None] = {}
        if self._number is not None:
            existing = dict.fromkeys(self._txn.link_targets(self._tenant, self._entry_id, self._number))
        self.added = {target: None for target in targets if target not in existing}
        self.removed = {target: None for target in existing if target not in targets}
        if texts or self.texts.current:
            self.texts.apply(ParsedChange(ModifyKind.REPLACE, change.description, texts))


def resolve_link(txn: ReadTransaction, schema: Schema, tenant: int, value: bytes) -> int | None:
    """The entry of the same tenant that a DN names; None where it names none, or a tombstone (its text is kept)."""
    try:
        name = normalise_dn_text(schema, value)
        found_tenant, entry_id = txn.find(name)
    except (NoSuchEntry, InvalidValue):
        return None
    if may_be_deleted(schema, name) and txn.record(found_tenant, entry_id).flags & TOMBSTONE:
        return None
    return entry_id if found_tenant == tenant else None
