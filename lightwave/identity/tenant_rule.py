"""The rules of tenants' entries: `cn=<domain>,cn=tenants,cn=config` follows its tenant, and not the other way.

Suffixes of user names, and whether mail addresses are names to sign in with, are changed in the entry; what else makes
a tenant has functions of its own (`identity.tenants`), which a write of the entry would pass by.
"""

from __future__ import annotations

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete, DraftEntry, DraftModify, DraftRename
from lightwave.directory.operations.tenant_entries import SIGN_IN_BY_MAIL, SUFFIXES, TENANT_CLASS
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.writing import WriteTransaction
from lightwave.identity.tenant_names import change_suffixes

_OWN = frozenset((SUFFIXES, SIGN_IN_BY_MAIL, "description", "modifiersName", "modifyTimestamp"))


class TenantRule:
    """`operations.ports.Plugin`."""

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None:
        """A tenant is made by what makes all of it."""
        if is_tenant(draft.schema, draft.tenant, draft.classes):
            raise _refusal("a tenant is made by: lightwave tenant create")

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
        """Suffixes are one tenant's each; what else says how the tenant is stays."""
        if not is_tenant(draft.schema, draft.tenant, draft.classes):
            return
        number = txn.tenant_number(draft.record.guid)
        if number is None:
            raise _refusal("the entry is of no tenant")
        for edit in draft.edits.values():
            name = edit.description.type.name
            if name not in _OWN and not edit.description.type.is_operational:
                raise _refusal(f"{name} of a tenant is changed by: lightwave tenant")
            if name == SUFFIXES:
                change_suffixes(
                    txn,
                    draft.schema,
                    number,
                    [value.decode("utf-8", "replace") for value in edit.removed],
                    [value.decode("utf-8", "replace") for value in edit.added],
                )

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
        """The entry is called as the tenant's domain."""
        if is_tenant(draft.schema, draft.tenant, draft.classes):
            raise _refusal("a tenant keeps its name")

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
        """The entry goes when nothing of the tenant is left."""
        if is_tenant(draft.schema, draft.tenant, draft.classes):
            raise _refusal("a tenant is deleted by: lightwave tenant delete")


def is_tenant(schema: Schema, tenant: int, classes: frozenset[str]) -> bool:
    """Whether an entry of these classes (OIDs) is a tenant's."""
    known = schema.object_class(TENANT_CLASS)
    return tenant == SYSTEM_TENANT and known is not None and known.oid in classes


def _refusal(words: str) -> DirectoryError:
    return DirectoryError(ResultCode.UNWILLING_TO_PERFORM, words)
