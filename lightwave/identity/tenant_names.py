"""By which names a tenant is called when somebody signs in: its domain, other suffixes, its first label.

A domain leads to its tenant by its naming context. For what does not, rows stand in `meta`, so that no look-up walks
tenants: alternative suffixes of user names (`uPNSuffixes` of the tenant's entry), each of one tenant; and the first
labels of domains, which may be those of several. `DOMAIN\\user` by a label means somebody where one tenant has it; the
whole name means him always.
"""

from __future__ import annotations

from typing import NamedTuple

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.tenant_entries import SIGN_IN_BY_MAIL
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.layout import SYSTEM_TENANT, number, pack_number
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction
from lightwave.identity.domain_names import domain_dn, is_dns_name

_SUFFIX = b"tenant.suffix\0"
_LABEL = b"tenant.label\0"


class Realm(NamedTuple):
    """Where accounts of a domain are: the tenant, and the entry at or below which they stand."""

    tenant: int
    root: int


def find_realm(txn: ReadTransaction, schema: Schema, domain: str) -> Realm | None:
    """Whose `user@domain` is: of a tenant's domain, of an entry named as a domain below it, or of a suffix."""
    if not is_dns_name(domain):
        return None
    try:
        return Realm(*txn.find(normalise_dn_text(schema, domain_dn(domain))))
    except (NoSuchEntry, InvalidValue):
        pass
    value = txn.meta(_SUFFIX + domain.casefold().encode())
    return None if value is None else _realm_of(txn, number(value))


def find_labelled(txn: ReadTransaction, schema: Schema, name: str) -> Realm | None:
    """Whose `NAME\\user` is: by the whole name of a domain, else by a first label that one tenant has."""
    found = find_realm(txn, schema, name) if "." in name else None
    if found is not None or not is_dns_name(name):
        return found
    system = _realm_of(txn, SYSTEM_TENANT)
    others = txn.metas(_label_prefix(name), most=2)
    if first_label(txn, SYSTEM_TENANT) == name.casefold():
        return system if not others else None
    if len(others) == 1:
        return _realm_of(txn, number(others[0]))
    return find_realm(txn, schema, name) if not others else None


def signs_in_by_mail(txn: ReadTransaction, schema: Schema, tenant: int) -> bool:
    """Whether mail addresses are names to sign in with in a tenant."""
    attribute = schema.attribute(SIGN_IN_BY_MAIL)
    key = None if attribute is None else txn.attribute_number(attribute.oid)
    if key is None:  # no tenant ever said so
        return False
    entry_id = txn.by_guid(SYSTEM_TENANT, txn.tenant_guid(tenant))
    if entry_id is None:
        return False
    return txn.record(SYSTEM_TENANT, entry_id).values(key) == [b"TRUE"]


def first_label(txn: ReadTransaction, tenant: int) -> str:
    """The first label of a tenant's domain in small letters; empty where it has none."""
    for _, context in txn.contexts(tenant):
        kind, _, value = context.dn.partition(b",")[0].partition(b"=")
        if kind.lower() == b"dc":
            return value.decode("utf-8", "replace").casefold()
    return ""


def add_label(txn: WriteTransaction, tenant: int) -> None:
    """Note the first label of a new tenant."""
    txn.put_meta(_label_prefix(first_label(txn, tenant)) + pack_number(tenant), pack_number(tenant))


def remove_names(txn: WriteTransaction, schema: Schema, tenant: int, suffixes: list[str]) -> None:
    """Forget the label and the suffixes of a tenant whose naming contexts are still there."""
    txn.put_meta(_label_prefix(first_label(txn, tenant)) + pack_number(tenant), None)
    for suffix in suffixes:
        txn.put_meta(_SUFFIX + suffix.casefold().encode(), None)


def change_suffixes(
    txn: WriteTransaction, schema: Schema, tenant: int, removed: list[str], added: list[str]
) -> None:
    """Give a tenant other suffixes; raises DirectoryError for one that is no DNS name or another tenant's."""
    for suffix in removed:
        txn.put_meta(_SUFFIX + suffix.casefold().encode(), None)
    for suffix in added:
        if not is_dns_name(suffix):
            raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, "a suffix of user names is a DNS name")
        other = find_realm(txn, schema, suffix)
        if other is not None and other.tenant != tenant:
            raise DirectoryError(
                ResultCode.CONSTRAINT_VIOLATION, f"user names that end in {suffix} are another tenant's"
            )
        txn.put_meta(_SUFFIX + suffix.casefold().encode(), pack_number(tenant))


def _label_prefix(label: str) -> bytes:
    return _LABEL + label.casefold().encode() + b"\0"


def _realm_of(txn: ReadTransaction, tenant: int) -> Realm | None:
    for _, context in txn.contexts(tenant):
        if context.dn.lower().startswith(b"dc="):
            return Realm(tenant, context.entry_id)
    return None
