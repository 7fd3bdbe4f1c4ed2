"""Uniqueness of an attribute within a subtree.

The index definition of the attribute (an `lwIndex` entry) names the subtrees as values of `lwUniqueScope`. Within
each, no two entries have equal values of the attribute, whatever its options; deleted ones don't count. A scope is
accepted only when the equality index is complete and no two entries that exist conflict; from that commit on every
write is checked.

The root of the tree (the empty DN) as a scope is every tenant's whole tree, each for itself: values of two tenants
are never compared, and one definition holds for however many tenants there are.

Names of accounts are unique in each tenant whatever a definition says (principal_names.py), and are left out here.

The scopes stand in `meta` beside the definitions, written in the transaction that changes the entry, so that a
write looks them up with one read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete, DraftEntry, DraftModify, DraftRename
from lightwave.directory.operations.gather import shown_name, surveyed_name
from lightwave.directory.operations.plugins.principal_names import NAMES
from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.building import type_values
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.indexes import IndexKind, IndexState
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import TOMBSTONE, Record
from lightwave.directory.store.writing import WriteTransaction

_META = b"unique"
_MOST_MOVED = 20_000
"""Entries below a moved one that are checked when they come into a scope."""


class Scope(NamedTuple):
    """A subtree within which an attribute is unique."""

    attribute: str
    """OID"""
    tenant: int
    """0: within each tenant"""
    base: int
    """entry id; ROOT within each tenant"""

    def holds_in(self, tenant: int) -> bool:
        """Whether entries of a tenant can be in the scope."""
        return self.tenant in (0, tenant)


Scopes = Mapping[str, tuple[Scope, ...]]


def scopes_of(txn: ReadTransaction) -> Scopes:
    """All scopes by the attribute's OID."""
    return _decode(txn.meta(_META))


@lru_cache(maxsize=8)
def _decode(data: bytes | None) -> Scopes:
    found: dict[str, tuple[Scope, ...]] = {}
    for attribute, tenant, base in json.loads(data) if data else ():
        found[attribute] = (*found.get(attribute, ()), Scope(attribute, tenant, base))
    return found


def put_scopes(txn: WriteTransaction, attribute: str, scopes: Iterable[Scope]) -> None:
    """Makes these the scopes of an attribute (its OID)."""
    kept = {oid: present for oid, present in scopes_of(txn).items() if oid != attribute}
    kept[attribute] = tuple(scopes)
    flat = [list(scope) for present in kept.values() for scope in present]
    txn.put_meta(_META, json.dumps(flat).encode() if flat else None)


class UniqueRule:
    """For a survey: no entry below the scope's base has a value that another one there has."""

    def __init__(self, attribute: AttributeType, scope: Scope) -> None:
        self.scope = scope
        self._attribute = attribute

    def check(self, txn: ReadTransaction, tenant: int, entry_id: int, record: Record) -> None:
        """Raises DirectoryError naming both entries of a conflict."""
        scope = self.scope
        if record.flags & TOMBSTONE or not scope.holds_in(tenant):
            return
        if not txn.is_below(tenant, entry_id, scope.base, record):
            return
        values = type_values(txn, record, scope.attribute)
        if values:
            check_free(
                txn,
                self._attribute,
                scope,
                values,
                tenant,
                entry_id,
                lambda other, _: surveyed_name(txn, tenant, other),
            )


def check_free(
    txn: ReadTransaction,
    attribute: AttributeType,
    scope: Scope,
    values: Iterable[bytes],
    tenant: int,
    entry_id: int,
    name: Callable[[int, Record], str],
) -> None:
    """Raises DirectoryError constraintViolation when another entry of the tenant in the scope has one of the values.

    name: what to call it.
    """
    number = txn.attribute_number(scope.attribute)
    if number is None:
        return
    for value in values:
        try:
            key = attribute.normalise(value)
        except InvalidValue:
            continue
        for other in txn.index_ids(tenant, number, IndexKind.EQUALITY, key):
            if other == entry_id:
                continue
            try:
                record = txn.record(tenant, other)
                if record.flags & TOMBSTONE or not txn.is_below(tenant, other, scope.base, record):
                    continue
            except NoSuchEntry:
                continue
            raise DirectoryError(
                ResultCode.CONSTRAINT_VIOLATION,
                f"{attribute.name} must be unique: {name(other, record)} has the same value",
            )


def _check_write(
    txn: WriteTransaction,
    schema: Schema,
    context: Context,
    attribute: AttributeType,
    scope: Scope,
    values: Iterable[bytes],
    tenant: int,
    entry_id: int,
) -> None:
    """The same for a write under a scope that holds.

    busy while the index is made anew, which alone could tell: an upgrade does that to an index of older rules.
    """
    number = txn.attribute_number(scope.attribute)
    if (
        values
        and number is not None
        and txn.index_state(number, IndexKind.EQUALITY) is not IndexState.COMPLETE
    ):
        raise DirectoryError(
            ResultCode.BUSY, f"{attribute.name} must be unique, and its index is being made anew: try again"
        )
    check_free(
        txn,
        attribute,
        scope,
        values,
        tenant,
        entry_id,
        lambda other, record: shown_name(txn, schema, context, tenant, other, record),
    )


class Uniqueness:
    """Refuses writes by which two entries of a scope would have the same value."""

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None:
        """Every value of the new entry."""
        scopes = scopes_of(txn)
        if not scopes:
            return
        for description, values in draft.attributes.items():
            if description.type.oid in NAMES:
                continue
            for scope in scopes.get(description.type.oid, ()):
                if scope.holds_in(draft.tenant) and txn.is_below(draft.tenant, draft.parent, scope.base):
                    _check_write(
                        txn,
                        draft.schema,
                        context,
                        description.type,
                        scope,
                        values,
                        draft.tenant,
                        draft.revived,
                    )

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
        """Every value that comes."""
        scopes = scopes_of(txn)
        if not scopes:
            return
        for edit in draft.edits.values():
            if edit.description.type.oid in NAMES:
                continue
            for scope in scopes.get(edit.description.type.oid, ()):
                if scope.holds_in(draft.tenant) and txn.is_below(
                    draft.tenant, draft.entry_id, scope.base, draft.record
                ):
                    _check_write(
                        txn,
                        draft.schema,
                        context,
                        edit.description.type,
                        scope,
                        edit.added,
                        draft.tenant,
                        draft.entry_id,
                    )

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
        """The new RDN's values; and, where a subtree comes into a scope, all values in it."""
        scopes = scopes_of(txn)
        for scope in (one for present in scopes.values() for one in present):
            attribute = draft.schema.attribute(scope.attribute)
            if attribute is None or not scope.holds_in(draft.tenant):
                continue
            if not txn.is_below(draft.tenant, draft.new_parent, scope.base):
                continue
            for edit in draft.edits.values():
                if edit.description.type.oid == scope.attribute:
                    _check_write(
                        txn, draft.schema, context, attribute, scope, edit.added, draft.tenant, draft.entry_id
                    )
            if not txn.is_below(draft.tenant, draft.old_parent, scope.base):
                _check_moved(txn, context, draft, attribute, scope)

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
        """Nothing: a deletion makes room."""


def _check_moved(
    txn: WriteTransaction, context: Context, draft: DraftRename, attribute: AttributeType, scope: Scope
) -> None:
    own = type_values(txn, draft.record, scope.attribute)
    _check_write(txn, draft.schema, context, attribute, scope, own, draft.tenant, draft.entry_id)
    for count, entry_id in enumerate(txn.descendants(draft.tenant, draft.entry_id)):
        if count >= _MOST_MOVED:
            raise DirectoryError(
                ResultCode.ADMIN_LIMIT_EXCEEDED,
                f"more than {_MOST_MOVED} entries would have to be unique in {attribute.name}",
            )
        values = type_values(txn, txn.record(draft.tenant, entry_id), scope.attribute)
        _check_write(txn, draft.schema, context, attribute, scope, values, draft.tenant, entry_id)
