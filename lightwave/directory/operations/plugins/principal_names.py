"""Names of accounts and groups are unique together, within a tenant.

sAMAccountName, userPrincipalName, servicePrincipalName and lwAlias are names by which one and the same account is
found, whichever of them a protocol knows ([MS-ADTS] 5.1.1.1.1, 3.1.1.5.1.3). Each name stands for a principal
`name@realm`: where no realm is given, for one of the domain that the entry is in. So `ann` as sAMAccountName is taken
by `ann@example.com` as another's userPrincipalName, and the other way round. Compared are the forms that the equality
indexes hold: case folded, NFKC (RFC 4518). One entry may have the same name several times; deleted entries have none.

The equality indexes answer, in the transaction of the write: two adds of one batch can't both get a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete, DraftEntry, DraftModify, DraftRename
from lightwave.directory.operations.gather import shown_name
from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import NormalisedDN
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.building import type_values
from lightwave.directory.store.indexes import IndexKind, IndexState
from lightwave.directory.store.layout import pack_number
from lightwave.directory.store.record import TOMBSTONE
from lightwave.directory.store.writing import WriteTransaction

SAM_ACCOUNT_NAME: Final = "1.2.840.113556.1.4.221"
USER_PRINCIPAL_NAME: Final = "1.2.840.113556.1.4.656"
SERVICE_PRINCIPAL_NAME: Final = "1.2.840.113556.1.4.771"
ALIAS: Final = "2.25.162944272392735442620381082799361588636.3.400"
NAMES: Final = (SAM_ACCOUNT_NAME, USER_PRINCIPAL_NAME, SERVICE_PRINCIPAL_NAME, ALIAS)

_LONGEST: Final = 1_024
_LONGEST_ACCOUNT_NAME: Final = 256
_ODD = re.compile(r'["/\\\[\]:;|=,+*?<>@\x00-\x1f\x7f]')
"""what no sAMAccountName holds ([MS-SAMR] 3.1.1.6), and the sign behind which a domain stands"""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DOMAIN_COMPONENT = b"0.9.2342.19200300.100.1.25="


_META = b"names\0"
_ALIASES, _BARE = 1, 2
_ALL = _ALIASES | _BARE
"""in `meta` for a tenant: whether any of its entries ever had an alias, or a userPrincipalName without a domain"""


def expect_all_names(txn: WriteTransaction, tenant: int) -> None:
    """Have names of every kind looked for in a tenant: its entries are older than what is noted of them."""
    txn.put_meta(_META + pack_number(tenant), bytes((_ALL,)))


class PrincipalNames:
    """`ports.Plugin`: refuses a name that another entry of the tenant has, and what is no name."""

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None:
        """All names of the new entry."""
        found: list[tuple[AttributeType, bytes]] = []
        for description, values in draft.attributes.items():
            if description.type.oid in NAMES:
                found += [(description.type, value) for value in values]
        if found:
            _Names(txn, draft.schema, context, draft.tenant, draft.revived, draft.name).check(found)

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
        """The names that come."""
        found: list[tuple[AttributeType, bytes]] = []
        for edit in draft.edits.values():
            if edit.description.type.oid in NAMES:
                found += [(edit.description.type, value) for value in edit.after if value not in edit.before]
        if found:
            name = txn.normalised_dn(draft.tenant, draft.entry_id, draft.record)
            _Names(txn, draft.schema, context, draft.tenant, draft.entry_id, name).check(found)

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
        """The names that come with the new RDN; all of them where the entry comes into another domain."""
        found = [
            (edit.description.type, value)
            for edit in draft.edits.values()
            if edit.description.type.oid in NAMES
            for value in edit.added
        ]
        name = (draft.normalised_rdn, *txn.normalised_dn(draft.tenant, draft.new_parent))
        if draft.new_parent != draft.old_parent:
            former = txn.normalised_dn(draft.tenant, draft.old_parent)
            if realm_of(former) != realm_of(name):
                for oid in NAMES:
                    attribute = draft.schema.attribute(oid)
                    if attribute is not None:
                        found += [(attribute, value) for value in type_values(txn, draft.record, oid)]
        if found:
            _Names(txn, draft.schema, context, draft.tenant, draft.entry_id, name).check(found)

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
        """Nothing: a deletion makes room."""


def realm_of(name: NormalisedDN) -> bytes:
    """The domain that the last RDNs of a name spell: example.com; empty where they spell none."""
    labels: list[bytes] = []
    for rdn in reversed(name):
        if not rdn.startswith(_DOMAIN_COMPONENT):
            break
        labels.append(rdn[len(_DOMAIN_COMPONENT) :])
    return b".".join(reversed(labels))


class _Names:
    """The names of one entry, and who else has them."""

    def __init__(
        self,
        txn: WriteTransaction,
        schema: Schema,
        context: Context,
        tenant: int,
        entry_id: int,
        name: NormalisedDN,
    ) -> None:
        self._txn = txn
        self._schema = schema
        self._context = context
        self._tenant = tenant
        self._entry_id = entry_id
        self._realm = realm_of(name)
        self._numbers = [(oid, txn.attribute_number(oid)) for oid in NAMES]
        noted = txn.meta(_META + pack_number(tenant))
        self._kinds = noted[0] if noted else 0

    def check(self, names: Iterable[tuple[AttributeType, bytes]]) -> None:
        """Raises DirectoryError for a name that is none, or that another entry has."""
        self._check_indexes()
        seen: set[bytes] = set()
        kinds = self._kinds
        for attribute, value in names:
            check_form(attribute.oid, value)
            try:
                form = attribute.normalise(value)
            except InvalidValue:
                raise _refused(attribute.oid, "is no name") from None
            local, sign, realm = form.rpartition(b"@")
            if attribute.oid == ALIAS:
                kinds |= _ALIASES
            elif attribute.oid == USER_PRINCIPAL_NAME and not sign:
                kinds |= _BARE
            if not sign or realm == self._realm:
                local = local if sign else form
                forms: tuple[bytes, ...] = (local, local + b"@" + self._realm)
            else:
                forms = (form,)
            if forms[-1] in seen:
                continue
            seen.add(forms[-1])
            other = next(self._others(forms), None)
            if other is not None:
                txn, tenant = self._txn, self._tenant
                record = txn.record(tenant, other)
                taken = shown_name(txn, self._schema, self._context, tenant, other, record)
                raise DirectoryError(
                    ResultCode.CONSTRAINT_VIOLATION,
                    f"{attribute.name} must be unique among the names of accounts: {taken} has the same name",
                )
        if kinds != self._kinds:
            self._txn.put_meta(_META + pack_number(self._tenant), bytes((kinds,)))

    def _others(self, forms: tuple[bytes, ...]) -> Iterator[int]:
        txn, tenant = self._txn, self._tenant
        for oid, number in self._numbers:
            if number is None or (oid == ALIAS and not self._kinds & _ALIASES):
                continue
            for form in forms:
                if oid == SERVICE_PRINCIPAL_NAME and b"/" not in form:
                    continue
                if oid == SAM_ACCOUNT_NAME and (b"@" in form or b"/" in form):
                    continue
                if oid == USER_PRINCIPAL_NAME and b"@" not in form and not self._kinds & _BARE:
                    continue
                if not txn.index_first(tenant, number, IndexKind.EQUALITY, form)[1]:
                    continue
                for entry_id in txn.index_ids(tenant, number, IndexKind.EQUALITY, form):
                    if entry_id != self._entry_id and not txn.record(tenant, entry_id).flags & TOMBSTONE:
                        yield entry_id

    def _check_indexes(self) -> None:
        """Raises DirectoryError while an index could miss a name; of aliases it had all from the first."""
        definitions = self._txn.definitions().by_number
        for oid, number in self._numbers:
            if number is None or oid == ALIAS:
                continue
            definition = definitions.get((number, IndexKind.EQUALITY))
            if definition is None or definition.state is not IndexState.COMPLETE:
                raise DirectoryError(
                    ResultCode.BUSY,
                    "names of accounts must be unique, and an index of them is being made: try again",
                )


def check_form(oid: str, value: bytes) -> None:
    """Raises DirectoryError for what can't be a name of its kind."""
    text = value.decode("utf-8", "replace")
    if len(value) > _LONGEST or _CONTROL.search(text) or not text.strip():
        raise _refused(oid, "is no name")
    if oid == SAM_ACCOUNT_NAME:
        if len(text) > _LONGEST_ACCOUNT_NAME:
            raise _refused(oid, f"has at most {_LONGEST_ACCOUNT_NAME} characters")
        if _ODD.search(text):
            raise _refused(oid, 'holds none of " / \\ [ ] : ; | = , + * ? < > @')
        if not text.strip(" ."):
            raise _refused(oid, "is more than dots and spaces")
    elif oid == SERVICE_PRINCIPAL_NAME and not all(part.strip() for part in text.split("/")):
        raise _refused(oid, "is written service/host, service/host:port or service/host/name")
    elif oid == USER_PRINCIPAL_NAME and "@" in text and not all(text.rpartition("@")[::2]):
        raise _refused(oid, "is written name@domain")


_TEXTS: Final = {
    SAM_ACCOUNT_NAME: "sAMAccountName",
    USER_PRINCIPAL_NAME: "userPrincipalName",
    SERVICE_PRINCIPAL_NAME: "servicePrincipalName",
    ALIAS: "lwAlias",
}


def _refused(oid: str, reason: str) -> DirectoryError:
    return DirectoryError(ResultCode.CONSTRAINT_VIOLATION, f"{_TEXTS[oid]}: {reason}")
