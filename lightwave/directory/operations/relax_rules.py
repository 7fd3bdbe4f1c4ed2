"""Relax rules (draft-zeilenga-ldap-relax-03): an administrator writes what the server otherwise keeps for itself.

Relaxed is NO-USER-MODIFICATION (§3.6), and that only for the attributes that say who made and changed an entry and
when, and for entryUUID of an entry that is added: enough to bring entries over from another directory. Everything
else holds as ever: syntaxes, classes, structural classes (§3.1 lets a server refuse), content rules, what is computed.
"""

from __future__ import annotations

import uuid

from lightwave.directory.ldap.messages import ModifyKind
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.update_controls import RELAX_RULES
from lightwave.directory.operations.changes import ParsedChange
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import Attributes
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.store.reading import ReadTransaction

ENTRY_UUID = "1.3.6.1.1.16.4"  # RFC 4530 §2.3
_KEPT = frozenset(("2.5.18.1", "2.5.18.2", "2.5.18.3", "2.5.18.4"))
"""createTimestamp, modifyTimestamp, creatorsName, modifiersName (RFC 4512 §3.4)"""


def check_may_relax(context: Context) -> None:
    """Raises DirectoryError unless the requester is an administrator."""
    if not context.token.is_administrator:
        raise DirectoryError(
            ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "only an administrator may have rules relaxed"
        )


def check_may_relax_in(context: Context, tenant: int) -> None:
    """The same of the tenant whose entry it is about: nobody has rules relaxed in another's."""
    if not context.token.administers(tenant):
        raise DirectoryError(
            ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "only an administrator may have rules relaxed"
        )


def is_relaxed(context: Context) -> bool:
    """Whether the request has the control; raises DirectoryError where the requester may not."""
    if not context.has_control(RELAX_RULES):
        return False
    check_may_relax(context)
    return True


def is_free_in_add(description: AttributeDescription) -> bool:
    """Whether an add with the control may give this attribute."""
    return not description.options and (description.type.oid in _KEPT or description.type.oid == ENTRY_UUID)


def is_free_in_modify(change: ParsedChange) -> bool:
    """Whether a modify with the control may make this change: to replace the value, not to take it away."""
    description = change.description
    return (
        not description.options
        and description.type.oid in _KEPT
        and change.kind is ModifyKind.REPLACE
        and len(change.values) == 1
    )


def set_apart(txn: ReadTransaction, tenant: int, attributes: Attributes) -> tuple[Attributes, bytes | None]:
    """Takes what the control lets pass out of a checked entry's attributes: (what is kept, the GUID if given).

    Raises DirectoryError when another entry, be it a deleted one, has the GUID.
    """
    kept: Attributes = {}
    guid: bytes | None = None
    for description in [one for one in attributes if is_free_in_add(one)]:
        values = attributes.pop(description)
        if description.type.oid != ENTRY_UUID:
            kept[description] = values
            continue
        guid = uuid.UUID(values[0].decode("ascii")).bytes
        if txn.by_guid(tenant, guid) is not None:
            raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, "another entry has this entryUUID")
    return kept, guid
