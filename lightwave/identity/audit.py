"""The audit: who did what to whom, over which protocol, from where, and what came of it.

One event for each grant and each change, in the transaction of the change; refusals and sign-ins by
`audit_notices.py`, which counts repeats. `record` is for acts that are no write of an entry; writes of entries are
recorded by `audit_trail.py`. An event belongs to the tenant of its target, or of the account that signs in; what
concerns no tenant that is known, to the system tenant.

No event holds a secret: of what was written it has the names of attributes, and values of `SAFE_VALUES` only.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from lightwave.directory.access.token import Token
from lightwave.directory.operations.context import Context
from lightwave.directory.store import audit_rows
from lightwave.directory.store.audit_rows import NOBODY, SUCCESS, Event, Subject
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction

__all__ = ["NOBODY", "SUCCESS", "Action", "Event", "Subject", "event_of", "record", "subject_of", "target_of"]

SAFE_VALUES = ("userAccountControl", "groupType", "accountExpires", "lockoutTime", "primaryGroupID")
"""attributes whose values an event tells: numbers that say what an account or a group is"""


class Action(StrEnum):
    """What is done. Others that record acts of their own may use further words of the same form."""

    SIGN_IN = "sign-in"
    ADD = "add"
    MODIFY = "modify"
    RENAME = "rename"
    DELETE = "delete"
    UNDELETE = "undelete"
    REFRESH = "refresh"
    PASSWORD_CHANGE = "password-change"  # noqa: S105  one's own
    PASSWORD_RESET = "password-reset"  # noqa: S105  another's
    ACCESS_CHANGE = "access-change"
    POLICY_CHANGE = "policy-change"
    SCHEMA_CHANGE = "schema-change"
    TENANT_CREATE = "tenant-create"
    TENANT_SUSPEND = "tenant-suspend"
    TENANT_RESUME = "tenant-resume"
    TENANT_DELETE = "tenant-delete"
    TENANT_RECOVER = "tenant-recover"
    IMPORT = "import"


def record(txn: WriteTransaction, event: Event) -> None:
    """Append an event to its tenant's chain: it is there if and only if the transaction's other work is."""
    audit_rows.append(txn, event)


def record_import(txn: WriteTransaction, context: Context, added: Mapping[int, int]) -> None:
    """One event for the entries that a slice of an import adds to a tenant: `operations.bulk_import.Told`."""
    for tenant, entries in added.items():
        audit_rows.append(txn, event_of(context, tenant, Action.IMPORT, detail=f"{entries} entries"))


def subject_of(token: Token) -> Subject:
    """Who acts."""
    return Subject(token.guid, token.dn)


def target_of(txn: ReadTransaction, tenant: int, entry_id: int) -> Subject:
    """An entry as a target; raises NoSuchEntry."""
    found = txn.record(tenant, entry_id)
    return Subject(found.guid, txn.dn(tenant, entry_id, found))


def event_of(
    context: Context,
    tenant: int,
    action: str,
    target: Subject = NOBODY,
    detail: str = "",
    outcome: str = SUCCESS,
) -> Event:
    """An event of a request: who asks, from where and under which correlation id are its context's."""
    token = context.token
    return Event(
        context.now(),
        tenant,
        action,
        outcome,
        Subject(token.guid, token.dn),
        target,
        context.protocol,
        context.peer,
        detail,
        context.correlation,
    )
