"""Tenants: made whole in one transaction, suspended and resumed, deleted, recovered.

What is heavy is done before the transaction: the password's hash, and the data key in the keyring, which is there
before the tenant is and is cleared away where the tenant never came (`Keyring.unkept`). So a process that dies at any
instruction leaves all of a tenant or nothing.

All functions that write take what has been decided: whether the requester may is asked by `check_manager`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from lightwave.directory.access.membership import entries_of_sid, sid_of
from lightwave.directory.access.sid import with_rid
from lightwave.directory.access.tenant_state import GENERATION, TenantState, tenant_state
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.domain_tree import build_domain
from lightwave.directory.operations.entry_builder import EntryBuilder
from lightwave.directory.operations.security_identifiers import ADMINISTRATOR_RID
from lightwave.directory.operations.tenant_entries import (
    STATE,
    SUFFIXES,
    add_tenant_entry,
    tenant_entry_dn,
)
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.entry_rows import AttributeChange
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.tenant_removal import begin_removal
from lightwave.directory.store.writing import WriteTransaction
from lightwave.identity.audit import Action, Subject, event_of, record, target_of
from lightwave.identity.credentials import CredentialBlob, set_password
from lightwave.identity.domain_names import domain_dn, is_dns_name
from lightwave.identity.tenant_names import add_label, find_realm, remove_names

_LONGEST = 400
"""octets of a tenant's distinguished name, so that the key of its naming context is never digested"""
_DISABLED = 0x0002 | 0x0010  # ADS_UF_ACCOUNTDISABLE, ADS_UF_LOCKOUT: MS-ADTS 2.2.16
_HINDRANCES = ("lockoutTime", "badPwdCount", "accountExpires", "nsAccountLock", "pwdAccountLockedTime")
"""attributes by which an account may not act"""


@dataclass(frozen=True, slots=True)
class NewTenant:
    """What was prepared of a tenant. guid: 16 bytes, under which the keyring has its data key."""

    domain: str
    guid: bytes
    password: CredentialBlob = field(repr=False)


class TenantEntry(NamedTuple):
    """A tenant by its entry. number: 0 where nothing of it is left but the entry."""

    entry_id: int
    guid: bytes
    number: int
    state: TenantState


def check_manager(context: Context) -> None:
    """Raises DirectoryError unless the requester manages tenants: administrators of the system tenant do."""
    if not (context.token.is_system_administrator or context.token.bypass):
        raise DirectoryError(
            ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "tenants are the system's administrators'"
        )


def check_domain(text: str) -> str:
    """The domain of a tenant in small letters; raises DirectoryError for what can be none."""
    domain = text.rstrip(".").lower()
    if not is_dns_name(domain) or "." not in domain or len(domain_dn(domain)) > _LONGEST:
        raise DirectoryError(
            ResultCode.CONSTRAINT_VIOLATION,
            "a tenant is named by a DNS domain of two labels at least, such as acme.example",
        )
    return domain


def check_free(txn: ReadTransaction, schema: Schema, domain: str) -> None:
    """Raises DirectoryError where a new tenant can't have this domain: domains of tenants do not nest."""
    name = normalise_dn_text(schema, domain_dn(domain))
    above = txn.context_above(name)
    if above is not None and above[0]:
        raise DirectoryError(
            ResultCode.UNWILLING_TO_PERFORM, f"{domain} is below the domain of another tenant"
        )
    if above is not None or maybe_entry(txn, schema, domain) is not None:
        raise DirectoryError(ResultCode.ENTRY_ALREADY_EXISTS, f"there is a tenant {domain} already")
    if txn.has_contexts_below(name):
        raise DirectoryError(
            ResultCode.UNWILLING_TO_PERFORM, f"{domain} is above the domain of another tenant"
        )
    if find_realm(txn, schema, domain) is not None:
        raise DirectoryError(
            ResultCode.UNWILLING_TO_PERFORM, f"user names that end in {domain} are another tenant's"
        )


def create_tenant(
    txn: WriteTransaction, schema: Schema, context: Context, new: NewTenant, new_guid: Callable[[], bytes]
) -> int:
    """Makes a tenant with all that it begins with; its number. Raises DirectoryError."""
    check_manager(context)
    check_free(txn, schema, new.domain)
    dn = domain_dn(new.domain)
    number = txn.create_tenant(new.guid)
    builder = EntryBuilder(txn, schema, number, new_guid)
    built = build_domain(builder, dn)
    set_password(txn, number, built.administrator, new.password, builder.change)
    entry_id = add_tenant_entry(EntryBuilder(txn, schema, SYSTEM_TENANT, new_guid), new.guid, dn)
    add_label(txn, number)
    _record(txn, context, Action.TENANT_CREATE, entry_id)
    return number


def maybe_entry(txn: ReadTransaction, schema: Schema, domain: str) -> TenantEntry | None:
    """The entry of a tenant by its domain, its GUID or its naming context's name; None where there is none."""
    entry_id = _entry_id(txn, schema, domain)
    if entry_id is None:
        return None
    found = txn.record(SYSTEM_TENANT, entry_id)
    number = txn.tenant_number(found.guid) or 0
    return TenantEntry(entry_id, found.guid, number, tenant_state(txn, number))


def find_entry(txn: ReadTransaction, schema: Schema, domain: str) -> TenantEntry:
    """The same; raises DirectoryError noSuchObject."""
    found = maybe_entry(txn, schema, domain)
    if found is None:
        raise DirectoryError(ResultCode.NO_SUCH_OBJECT, f"there is no tenant {domain!r}")
    return found


def _entry_id(txn: ReadTransaction, schema: Schema, text: str) -> int | None:
    domain = text.rstrip(".").lower()
    if is_dns_name(domain):
        try:
            return txn.find(normalise_dn_text(schema, tenant_entry_dn(domain)))[1]
        except NoSuchEntry:
            pass
    try:
        guid = uuid.UUID(text).bytes
    except ValueError:
        return None
    return txn.by_guid(SYSTEM_TENANT, guid) if txn.tenant_number(guid) is not None else None


def set_state(
    txn: WriteTransaction, schema: Schema, context: Context, domain: str, state: TenantState
) -> TenantEntry:
    """Suspends or resumes a tenant: at the commit whoever is signed in to it may no longer act, or may again.

    Raises DirectoryError for the system tenant, and for one that is being deleted.
    """
    check_manager(context)
    found = find_entry(txn, schema, domain)
    _check_other(found)
    if found.state is TenantState.DELETING:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "the tenant is being deleted")
    if found.state is not state:
        _put_state(txn, schema, found.entry_id, state)
        suspended = state is TenantState.SUSPENDED
        _record(txn, context, Action.TENANT_SUSPEND if suspended else Action.TENANT_RESUME, found.entry_id)
    return found._replace(state=state)


def begin_deletion(txn: WriteTransaction, schema: Schema, context: Context, domain: str) -> TenantEntry:
    """Takes a suspended tenant's names; the rest goes in the background (server.tenant_deletion).

    Raises DirectoryError where it is not suspended: then whoever works in it would be cut off by a slip.
    """
    check_manager(context)
    found = find_entry(txn, schema, domain)
    _check_other(found)
    if found.state is TenantState.DELETING:
        return found
    if found.state is not TenantState.SUSPENDED:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "suspend the tenant first, then delete it")
    remove_names(txn, schema, found.number, _texts(txn, schema, found.entry_id, SUFFIXES))
    begin_removal(txn, found.number)
    _put_state(txn, schema, found.entry_id, TenantState.DELETING)
    _record(txn, context, Action.TENANT_DELETE, found.entry_id)
    return found._replace(state=TenantState.DELETING)


def recover_administrator(
    txn: WriteTransaction, schema: Schema, context: Context, domain: str, password: CredentialBlob
) -> bytes:
    """Gives a tenant's built-in Administrator a new password, and lets him sign in again; his DN.

    For the owner of the machine alone, on the local socket. Raises DirectoryError.
    """
    if not (context.token.bypasses(SYSTEM_TENANT)):
        raise DirectoryError(
            ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "a tenant is recovered on the node's machine, by its owner"
        )
    found = find_entry(txn, schema, domain)
    if found.state is TenantState.DELETING:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "the tenant is being deleted")
    tenant, entry_id = found.number, administrator_of(txn, found.number)
    change = txn.begin_change()
    changes = [AttributeChange(one, ()) for one in _present(txn, schema, tenant, entry_id, _HINDRANCES)]
    control = schema.describe("userAccountControl")
    for text in _texts(txn, schema, entry_id, "userAccountControl", tenant):
        if control is not None and text.lstrip("-").isdigit():
            changes.append(AttributeChange(control, (b"%d" % (int(text) & ~_DISABLED),)))
    if changes:
        txn.update_entry(tenant, entry_id, changes, change)
    set_password(txn, tenant, entry_id, password, change)
    target = target_of(txn, tenant, entry_id)
    for chain in {tenant, SYSTEM_TENANT}:
        record(txn, event_of(context, chain, Action.TENANT_RECOVER, target))
    return target.dn


def administrator_of(txn: ReadTransaction, tenant: int) -> int:
    """The account with the RID of the built-in administrator: it may have been renamed."""
    for _, context in txn.contexts(tenant):
        domain = sid_of(txn, txn.record(tenant, context.entry_id))
        found = entries_of_sid(txn, tenant, with_rid(domain, ADMINISTRATOR_RID)) if domain else []
        if found:
            return found[0]
    raise DirectoryError(ResultCode.NO_SUCH_OBJECT, "the tenant has no built-in Administrator any more")


def _check_other(found: TenantEntry) -> None:
    if found.number == SYSTEM_TENANT:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "the system tenant stays as it is")


def _put_state(txn: WriteTransaction, schema: Schema, entry_id: int, state: TenantState) -> None:
    description = schema.describe(STATE)
    assert description is not None  # it comes with the server
    change = txn.begin_change()
    txn.update_entry(SYSTEM_TENANT, entry_id, [AttributeChange(description, (state.value.encode(),))], change)
    txn.bump_generation(0, GENERATION)


def _record(txn: WriteTransaction, context: Context, action: str, entry_id: int) -> None:
    target: Subject = target_of(txn, SYSTEM_TENANT, entry_id)
    record(txn, event_of(context, SYSTEM_TENANT, action, target))


def _present(
    txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int, names: tuple[str, ...]
) -> Iterator[AttributeDescription]:
    """Of these attributes those that an entry has."""
    numbers = txn.record(tenant, entry_id).numbers()
    for name in names:
        description = schema.describe(name)
        if description is not None and txn.attribute_number(description.key) in numbers:
            yield description


def _texts(
    txn: ReadTransaction, schema: Schema, entry_id: int, name: str, tenant: int = SYSTEM_TENANT
) -> list[str]:
    attribute = schema.attribute(name)
    key = None if attribute is None else txn.attribute_number(attribute.oid)
    values = [] if key is None else txn.record(tenant, entry_id).values(key)
    return [value.decode("utf-8", "replace") for value in values]
