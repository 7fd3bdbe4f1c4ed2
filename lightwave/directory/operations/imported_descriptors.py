"""The security descriptor of an entry that is imported.

The machine's owner runs imports, so nobody's right is asked. SIDs mean something in the domain that gave them: a
file of another domain's names accounts that are nobody here, and what it grants to them is granted to nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lightwave.directory.access.class_defaults import DOMAIN, default_descriptor
from lightwave.directory.access.inheritance import effective
from lightwave.directory.access.own_descriptor import classes_of_set
from lightwave.directory.access.security_descriptor import DACL_PART, explicit_parts, merge_parts
from lightwave.directory.access.sid import format_sid, split_rid
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.descriptor_writing import check_size, parse_written, parts_of
from lightwave.directory.operations.descriptors import default_for, descriptor_in_force
from lightwave.directory.operations.security_identifiers import domain_sid, was_given_out
from lightwave.directory.schema.classset import class_set
from lightwave.directory.store.layout import ROOT

if TYPE_CHECKING:
    from lightwave.directory.access.security_descriptor import SecurityDescriptor
    from lightwave.directory.access.sid import Sid
    from lightwave.directory.operations.context import Context
    from lightwave.directory.operations.descriptor_writing import Written
    from lightwave.directory.operations.drafts import DraftEntry
    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.store.reading import ReadTransaction


def imported_descriptor(
    txn: ReadTransaction, context: Context, draft: DraftEntry, given: Written
) -> SecurityDescriptor:
    """What an entry of a file is to have of its own; raises DirectoryError.

    Inherited entries go, and what it does not have is the default. Whom it names may follow later in the file, or be
    nobody; but nobody may come to stand in it by being given a SID later.
    """
    schema, tenant, parent = draft.schema, draft.tenant, draft.parent
    classes = class_set(schema, draft.attributes[schema.object_class_description])
    above, begins = None, default_descriptor(DOMAIN, None)
    if parent != ROOT:
        above = descriptor_in_force(txn, schema, tenant, parent)
        begins = default_for(txn, schema, context.token, tenant, parent, classes).descriptor
    written = parse_written(txn, schema, tenant, parent, *given)
    merged = explicit_parts(merge_parts(begins, written, parts_of(written) or DACL_PART))
    for sid in _named(merged):
        if _is_still_free(txn, schema, tenant, sid):
            raise DirectoryError(
                ResultCode.CONSTRAINT_VIOLATION,
                f"{given[0].text} names {format_sid(sid)}, which the domain has given to nobody yet",
            )
    check_size(merged, effective(above, merged, classes_of_set(schema, classes).all))
    return merged


def _named(descriptor: SecurityDescriptor) -> Iterator[Sid]:
    """All SIDs in a descriptor."""
    yield from (one for one in (descriptor.owner, descriptor.group) if one is not None)
    for acl in (descriptor.dacl, descriptor.sacl):
        yield from (ace.sid for ace in acl or ())


def _is_still_free(txn: ReadTransaction, schema: Schema, tenant: int, sid: Sid) -> bool:
    """Whether the next account of the tenant's domain, or a later one, could get this SID."""
    parts = split_rid(sid)
    if parts is None or parts[0] != domain_sid(txn, schema, tenant):
        return False
    return not was_given_out(txn, schema, tenant, sid)
