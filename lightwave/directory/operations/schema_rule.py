"""What entries that exist have to satisfy when definitions are removed or changed."""

from __future__ import annotations

from collections.abc import Sequence

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.entry_checks import check_allowed_type
from lightwave.directory.operations.gather import OBJECT_CLASS, surveyed_name
from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.checks import check_values
from lightwave.directory.schema.classset import ClassSet, class_set
from lightwave.directory.schema.definitions import (
    AttributeTypeDefinition,
    ContentRuleDefinition,
    Definition,
    ObjectClassDefinition,
)
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.indexes import IndexKind, IndexState
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import HAS_LINKS, TOMBSTONE, Record


class SchemaRule:
    """Checks an entry against `after` where it uses a definition that is gone or different there."""

    def __init__(
        self, before: Schema, after: Schema, added: Sequence[Definition], removed: Sequence[Definition]
    ) -> None:
        self._before = before
        self._after = after
        self._changes = (tuple(added), tuple(removed))
        self._attributes: set[str] = set()
        self._classes: set[str] = set()
        for definition in removed:
            if isinstance(definition, AttributeTypeDefinition):
                attribute = before.attribute(definition.oid)
                if attribute is not None:
                    self._attributes |= {one.oid for one in before.subtypes(attribute)}
            elif isinstance(definition, ObjectClassDefinition):
                self._classes |= {
                    one.oid for one in before.object_classes() if definition.oid in one.ancestry
                }
            elif isinstance(definition, ContentRuleDefinition):
                self._classes.add(definition.oid)
        for definition in added:
            if isinstance(definition, ContentRuleDefinition):
                self._classes.add(definition.oid)
        self._concerned: dict[int, bool] = {}

    def is_as_strict_as(self, other: SchemaRule) -> bool:
        """Whether what satisfies this rule satisfies the other: the same change of the same schema."""
        return self._changes == other._changes and self._before is other._before

    def concerns_any(self, txn: ReadTransaction) -> bool:
        """False when no entry can use a definition in question, so that none has to be looked at."""
        if any(txn.attribute_number(oid) is not None for oid in self._attributes):
            return True
        if any(self._is_concerned(txn, number) for number, _ in txn.attribute_keys()):
            return True
        return any(self._class_is_used(txn, oid) for oid in self._classes)

    def _class_is_used(self, txn: ReadTransaction, oid: str) -> bool:
        number = txn.attribute_number(OBJECT_CLASS)
        attribute = self._before.attribute(OBJECT_CLASS)
        object_class = self._before.object_class(oid)
        if number is None or attribute is None or object_class is None:
            return False
        if txn.index_state(number, IndexKind.EQUALITY) is not IndexState.COMPLETE:
            return True
        key = attribute.normalise(object_class.name.encode())
        return any(txn.index_count(tenant, number, IndexKind.EQUALITY, key) for tenant in txn.tenants())

    def check_indexes(self, txn: ReadTransaction) -> None:
        """An index holds keys made by the old matching rules: it has to go before they change."""
        for oid in self._attributes:
            number = txn.attribute_number(oid)
            old, new = self._before.attribute(oid), self._after.attribute(oid)
            if number is None or old is None or (new is not None and _same_rules(old, new)):
                continue
            for kind in IndexKind:
                if txn.index_state(number, kind) is not None:
                    raise DirectoryError(
                        ResultCode.UNWILLING_TO_PERFORM, f"{old.name} is indexed: remove its index first"
                    )

    def check(self, txn: ReadTransaction, tenant: int, entry_id: int, record: Record) -> None:
        """Raises DirectoryError naming the entry that would become invalid."""
        numbers = list(record.numbers())
        if record.flags & HAS_LINKS:
            numbers += txn.link_attributes(tenant, entry_id)
        try:
            for number in numbers:
                if self._is_concerned(txn, number):
                    self._check_attribute(txn, record, number)
            if not record.flags & TOMBSTONE:
                self._check_classes(txn, tenant, entry_id, record, numbers)
        except DirectoryError as error:
            name = surveyed_name(txn, tenant, entry_id)
            raise DirectoryError(
                ResultCode.UNWILLING_TO_PERFORM, f"{name} would become invalid: {error.message}"
            ) from error

    def _is_concerned(self, txn: ReadTransaction, number: int) -> bool:
        concerned = self._concerned.get(number)
        if concerned is None:
            oid = txn.attribute_key(number).partition(";")[0]
            concerned = self._concerned[number] = oid in self._attributes
        return concerned

    def _check_attribute(self, txn: ReadTransaction, record: Record, number: int) -> None:
        key = txn.attribute_key(number)
        old, new = self._before.describe(key), self._after.describe(key)
        if new is None:
            name = old.text if old is not None else key
            raise DirectoryError(ResultCode.UNDEFINED_ATTRIBUTE_TYPE, f"it has values of {name}")
        if old is not None and (old.type.is_link, old.type.is_secret, old.type.is_operational) != (
            new.type.is_link,
            new.type.is_secret,
            new.type.is_operational,
        ):
            raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, f"{new.text} would be kept another way")
        values = record.values(number)
        if values:
            check_values(new, values)

    def _check_classes(
        self, txn: ReadTransaction, tenant: int, entry_id: int, record: Record, numbers: Sequence[int]
    ) -> None:
        number = txn.attribute_number(OBJECT_CLASS)
        values = () if number is None else tuple(record.values(number))
        before = class_set(self._before, values)
        if not before.oids & self._classes:
            return
        after = class_set(self._after, values)
        present: set[str] = set()
        for one in numbers:
            description = self._after.describe(txn.attribute_key(one))
            if description is not None:
                check_allowed_type(description.type, after)
                present.add(description.type.oid)
        self._check_required(txn, tenant, entry_id, after, present)

    def _check_required(
        self, txn: ReadTransaction, tenant: int, entry_id: int, after: ClassSet, present: set[str]
    ) -> None:
        for oid in after.must - present:
            attribute = self._after.attribute(oid)
            if attribute is not None and attribute.is_secret and txn.secret_kinds(tenant, entry_id):
                continue
            name = attribute.name if attribute is not None else oid
            raise DirectoryError(ResultCode.OBJECT_CLASS_VIOLATION, f"it has no value of {name}")


def _same_rules(old: AttributeType, new: AttributeType) -> bool:
    """Whether index keys made for the one hold for the other."""
    pairs = (
        (old.equality, new.equality),
        (old.ordering, new.ordering),
        (old.substring, new.substring),
    )
    return old.syntax.oid == new.syntax.oid and all(
        (one.oid if one else None) == (other.oid if other else None) for one, other in pairs
    )
