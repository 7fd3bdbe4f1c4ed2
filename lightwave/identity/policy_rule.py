"""Policies that can't be met are refused when they are written, and whoever remembers one learns of its change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete, DraftEntry, DraftModify, DraftRename
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.writing import WriteTransaction
from lightwave.identity.policies import APPLIES_TO, GENERATION, tenant_policy, values_of
from lightwave.identity.policy_attributes import (
    BY_ATTRIBUTE,
    DEFAULT,
    PasswordPolicy,
    PolicyError,
    check_policy,
    policy_from,
)
from lightwave.identity.policy_reach import check_reach

_CLASSES: Final = ("vmwPolicy", "msDS-PasswordSettings", "msDS-PasswordSettingsContainer")
_PRECEDENCE: Final = "msDS-PasswordSettingsPrecedence"


class PolicyRule:
    """`operations.ports.Plugin` for the entries of password policies and password settings."""

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None:
        """The new policy must be one."""
        if draft.classes.isdisjoint(_class_oids(draft.schema)):
            return
        values = {
            description.type.name: values[0]
            for description, values in draft.attributes.items()
            if values and not description.options
        }
        _check(values, _base(txn, draft.schema, draft.tenant, draft.parent, draft.classes))
        for description, named in draft.attributes.items():
            if description.type.oid == APPLIES_TO:
                applied = list(_check_named(txn, draft.schema, draft.tenant, named))
                check_reach(txn, draft.schema, context.token, draft.tenant, applied)
        txn.bump_generation(draft.tenant, GENERATION)

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
        """What the policy becomes must be one."""
        schema = draft.schema
        if draft.classes.isdisjoint(_class_oids(schema)):
            return
        values = dict(values_of(txn, schema, draft.record, (_PRECEDENCE, *BY_ATTRIBUTE)))
        for edit in draft.edits.values():
            name = edit.description.type.name
            values.pop(name, None)
            if edit.after:
                values[name] = edit.after[0]
            if edit.description.type.oid == APPLIES_TO:  # what is kept as text named nothing
                list(_check_named(txn, schema, draft.tenant, edit.added))
        _check(values, _base(txn, schema, draft.tenant, draft.record.parent, draft.classes))
        added = draft.links[APPLIES_TO].added if APPLIES_TO in draft.links else {}
        applied = [*_applied(txn, draft.tenant, draft.entry_id), *added]
        check_reach(txn, draft.schema, context.token, draft.tenant, applied)
        txn.bump_generation(draft.tenant, GENERATION)

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
        """Another name may make it another domain's policy, or none."""
        self._moves(txn, context, draft)

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
        """What it said no longer holds."""
        self._moves(txn, context, draft)

    @staticmethod
    def _moves(txn: WriteTransaction, context: Context, draft: DraftRename | DraftDelete) -> None:
        if not _class_oids(draft.schema).isdisjoint(draft.classes):
            check_reach(
                txn, draft.schema, context.token, draft.tenant, _applied(txn, draft.tenant, draft.entry_id)
            )
            txn.bump_generation(draft.tenant, GENERATION)


@lru_cache(maxsize=16)
def _class_oids(schema: Schema) -> frozenset[str]:
    found = (schema.object_class(name) for name in _CLASSES)
    return frozenset(one.oid for one in found if one is not None)


def _base(
    txn: WriteTransaction, schema: Schema, tenant: int, parent: int, classes: frozenset[str]
) -> PasswordPolicy:
    """What holds where the entry says nothing: of password settings the tenant's policy."""
    policy = schema.object_class("vmwPolicy")
    if policy is not None and policy.oid in classes:
        return DEFAULT
    return tenant_policy(txn, schema, tenant, parent)


def _applied(txn: WriteTransaction, tenant: int, entry_id: int) -> Iterable[int]:
    """Those whom an entry of settings names now."""
    number = txn.attribute_number(APPLIES_TO)
    return () if number is None else txn.link_targets(tenant, entry_id, number)


def _check_named(txn: WriteTransaction, schema: Schema, tenant: int, names: Iterable[bytes]) -> Iterator[int]:
    """The entries of the tenant that are named. Refuses what is not there: nobody would learn of it when it came."""
    for name in names:
        try:
            home, entry_id = txn.find(normalise_dn_text(schema, name))
        except NoSuchEntry:
            raise DirectoryError(
                ResultCode.CONSTRAINT_VIOLATION, "msDS-PSOAppliesTo names no entry"
            ) from None
        if home == tenant:
            yield entry_id


def _check(values: Mapping[str, bytes], base: PasswordPolicy) -> None:
    known = {name: value for name, value in values.items() if name in BY_ATTRIBUTE}
    try:
        check_policy(policy_from(base, known))
        precedence = values.get(_PRECEDENCE)
        if precedence is not None and not 1 <= int(precedence) < 1 << 31:
            raise PolicyError(f"{_PRECEDENCE} is a number above 0")  # [MS-ADA2] 2.422
    except PolicyError as error:
        raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, str(error)) from None
