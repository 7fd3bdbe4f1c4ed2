"""Security descriptors that clients write: nTSecurityDescriptor or vmwAclString, in an add or a modify.

Only explicit entries are taken: inherited ones are computed ([MS-ADTS] 6.1.3.3). What is written is what the SD flags
control names; without it, the parts that the value has, so that `D:(…)` leaves the owner alone. Writing takes
WRITE_DAC for the DACL, WRITE_OWNER for owner and group, an administrator of the tenant for the SACL (6.1.3.4); a part
that stays as it was takes nothing where another may be written, and administrators may always make themselves owners.
One may give an entry to oneself and to a group that one is in; administrators to any account or group of the domain,
and to those that every system knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lightwave.directory.access.decision import decide, who
from lightwave.directory.access.descriptor_errors import DescriptorError
from lightwave.directory.access.inheritance import effective
from lightwave.directory.access.membership import entries_of_sid
from lightwave.directory.access.own_descriptor import own
from lightwave.directory.access.rights import Right
from lightwave.directory.access.sddl import MAX_LENGTH, parse_sddl
from lightwave.directory.access.security_descriptor import (
    DACL_AUTO_INHERITED,
    DACL_PART,
    DACL_PRESENT,
    GROUP_PART,
    MAX_SIZE,
    OWNER_PART,
    SACL_AUTO_INHERITED,
    SACL_PART,
    SACL_PRESENT,
    SecurityDescriptor,
    decode_security_descriptor,
    encode_security_descriptor,
    explicit_parts,
    merge_parts,
    select_parts,
)
from lightwave.directory.access.sid import Sid, format_sid, split_rid
from lightwave.directory.ldap.messages import ModifyKind
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.descriptor_attributes import (
    DESCRIPTORS,
    NT_SECURITY_DESCRIPTOR,
    acl_string,
    asked_parts,
    may_touch_sacl,
    nt_security_descriptor,
)
from lightwave.directory.operations.descriptors import default_for, descriptor_in_force, names_of, own_of
from lightwave.directory.operations.gather import denied, find, find_visible
from lightwave.directory.operations.subject import Subject
from lightwave.directory.store.record import CONTEXT, TOMBSTONE

if TYPE_CHECKING:
    from lightwave.directory.access.decision import Decision
    from lightwave.directory.operations.changes import ParsedChange
    from lightwave.directory.operations.context import Context
    from lightwave.directory.operations.drafts import Attributes
    from lightwave.directory.operations.gather import Place
    from lightwave.directory.schema.attribute import AttributeDescription
    from lightwave.directory.schema.classset import ClassSet
    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.store.reading import ReadTransaction
    from lightwave.directory.store.record import Record

Written = tuple["AttributeDescription", bytes]
"""a value of one of the two attributes"""

_OF_DESCRIPTORS: Final = Right.WRITE_DAC | Right.WRITE_OWNER
_OF_EVERY_SYSTEM: Final = ("S-1-5-32-", "S-1-5-18", "S-1-5-11")
_TWICE: Final = "a descriptor is written once in a request: as nTSecurityDescriptor or as vmwAclString"


def take_from_attributes(attributes: Attributes) -> Written | None:
    """Takes the descriptor out of the attributes of a new entry; raises DirectoryError."""
    found = [one for one in attributes if one.type.oid in DESCRIPTORS]
    if not found:
        return None
    if len(found) > 1 or len(attributes[found[0]]) > 1:
        raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, _TWICE)
    _check_plain(found[0])
    return found[0], attributes.pop(found[0])[0]


def split_changes(changes: list[ParsedChange]) -> tuple[list[ParsedChange], list[ParsedChange]]:
    """(changes of the descriptor, all others)."""
    of_descriptor = [one for one in changes if one.description.type.oid in DESCRIPTORS]
    if not of_descriptor:
        return of_descriptor, changes
    return of_descriptor, [one for one in changes if one.description.type.oid not in DESCRIPTORS]


def find_to_repair(
    txn: ReadTransaction, schema: Schema, context: Context, dn: bytes
) -> tuple[Place, Record, Decision]:
    """`find_visible`, also for an entry of which the requester may read the descriptor and nothing else.

    So its owner can give back what was taken from everybody.
    """
    try:
        return find_visible(txn, schema, context, dn)
    except DirectoryError as refusal:
        if refusal.code is not ResultCode.NO_SUCH_OBJECT:
            raise
        place = find(txn, schema, context, dn)
        record = txn.record(place.tenant, place.entry_id)
        decision = decide(txn, schema, context.token, place.tenant, place.entry_id, record)
        if record.flags & TOMBSTONE or not decision.allows(Right.READ_CONTROL):
            raise
        return place, record, decision


def changed_descriptor(
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    place: Place,
    record: Record,
    decision: Decision,
    changes: Sequence[ParsedChange],
) -> SecurityDescriptor | None:
    """What the entry is to have of its own after these changes of its descriptor; None for what it has.

    Raises DirectoryError for what may not be, or may not be by this requester.
    """
    subject = Subject(txn, schema, place.tenant, place.entry_id, record, context.now(), context)
    description, value = _new_value(subject, changes)
    written = parse_written(txn, schema, place.tenant, place.entry_id, description, value)
    present = own_of(txn, schema, place.tenant, place.entry_id)
    asked = asked_parts(context)
    parts = parts_of(written) if asked is None else asked
    merged = explicit_parts(merge_parts(present.descriptor, written, parts))
    _check_rights(txn, context, place.tenant, decision, present.descriptor, merged)
    if _plain(merged) == _plain(present.descriptor):
        if not (decision.rights & _OF_DESCRIPTORS or may_touch_sacl(context.token, place.tenant)):
            raise denied(context)  # even a write that changes nothing makes its author the last modifier
        return None
    above = None
    if not record.flags & CONTEXT:
        above = descriptor_in_force(txn, schema, place.tenant, record.parent)
    check_size(merged, effective(above, merged, present.classes.all))
    return merged


def new_descriptor(
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    tenant: int,
    parent: int,
    classes: ClassSet,
    given: Written,
) -> SecurityDescriptor:
    """What a new entry below `parent` is to have of its own; raises DirectoryError.

    The SD flags control says nothing about an add (6.1.3.2). What the value does not have is the default.
    """
    written = parse_written(txn, schema, tenant, parent, *given)
    default = default_for(txn, schema, context.token, tenant, parent, classes)
    merged = explicit_parts(merge_parts(default.descriptor, written, parts_of(written) or DACL_PART))
    if merged.owner != default.descriptor.owner:
        _check_owner(txn, context, tenant, merged.owner)
    if merged.sacl and not may_touch_sacl(context.token, tenant):
        raise denied(context)
    stored = own(default.classes, merged)
    above = descriptor_in_force(txn, schema, tenant, parent)
    check_size(stored.descriptor, effective(above, stored.descriptor, default.classes.all))
    return merged


def _check_plain(description: AttributeDescription) -> None:
    if description.options:
        raise DirectoryError(
            ResultCode.CONSTRAINT_VIOLATION, f"{description.type.name} is written without options"
        )


def _new_value(subject: Subject, changes: Sequence[ParsedChange]) -> Written:
    """The value that a modify gives: a replace, or the deletion of what is there and an add."""
    if len({one.description.type.oid for one in changes}) > 1:
        raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, _TWICE)
    for one in changes:
        _check_plain(one.description)
    description = changes[0].description
    kinds = [one.kind for one in changes]
    values = list(changes[-1].values.values())
    if kinds == [ModifyKind.DELETE] or (kinds == [ModifyKind.REPLACE] and not values):
        raise DirectoryError(
            ResultCode.OBJECT_CLASS_VIOLATION, "every entry has a security descriptor: replace it"
        )
    if kinds not in ([ModifyKind.REPLACE], [ModifyKind.DELETE, ModifyKind.ADD]) or len(values) != 1:
        raise DirectoryError(
            ResultCode.CONSTRAINT_VIOLATION, f"{description.text}: replace its one value, once"
        )
    if len(changes) > 1 and changes[0].values:
        shown = nt_security_descriptor if description.type.oid == NT_SECURITY_DESCRIPTOR else acl_string
        if list(changes[0].values.values()) != shown(subject):
            raise changes[0].refuse(ResultCode.NO_SUCH_ATTRIBUTE, "no such value")
    return description, values[0]


def parse_written(
    txn: ReadTransaction,
    schema: Schema,
    tenant: int,
    entry_id: int,
    description: AttributeDescription,
    value: bytes,
) -> SecurityDescriptor:
    """The descriptor that a value writes; the domain of `entry_id` is that of SDDL's aliases."""
    most = MAX_SIZE if description.type.oid == NT_SECURITY_DESCRIPTOR else MAX_LENGTH
    if len(value) > most:
        raise _too_large()
    try:
        if description.type.oid == NT_SECURITY_DESCRIPTOR:
            return decode_security_descriptor(value)
        return parse_sddl(value.decode(), names_of(txn, schema, tenant, entry_id))
    except (DescriptorError, UnicodeDecodeError) as wrong:
        reason = str(wrong) if isinstance(wrong, DescriptorError) else "not UTF-8"
        raise DirectoryError(
            ResultCode.INVALID_ATTRIBUTE_SYNTAX, f"{description.text}: {reason}", detail=reason
        ) from wrong


def parts_of(written: SecurityDescriptor) -> int:
    """The parts that a value has."""
    parts = OWNER_PART if written.owner is not None else 0
    parts |= GROUP_PART if written.group is not None else 0
    parts |= DACL_PART if written.control & DACL_PRESENT else 0
    return parts | (SACL_PART if written.control & SACL_PRESENT else 0)


def _check_rights(
    txn: ReadTransaction,
    context: Context,
    tenant: int,
    decision: Decision,
    present: SecurityDescriptor,
    merged: SecurityDescriptor,
) -> None:
    """[MS-ADTS] 6.1.3.4, for the parts that change."""
    if _differs(present, merged, DACL_PART) and not decision.allows(Right.WRITE_DAC):
        raise denied(context)
    if _differs(present, merged, SACL_PART) and not may_touch_sacl(context.token, tenant):
        raise denied(context)
    if _differs(present, merged, OWNER_PART | GROUP_PART):
        takes_ownership = (
            context.token.administers(tenant) and merged.owner in who(txn, context.token, tenant).sids
        )
        if not decision.allows(Right.WRITE_OWNER) and not takes_ownership:
            raise denied(context)
        if present.owner != merged.owner:
            _check_owner(txn, context, tenant, merged.owner)


def _differs(present: SecurityDescriptor, merged: SecurityDescriptor, parts: int) -> bool:
    return select_parts(_plain(present), parts) != select_parts(_plain(merged), parts)


def _plain(descriptor: SecurityDescriptor) -> SecurityDescriptor:
    """Without the bits that only say that lists were inherited."""
    return replace(descriptor, control=descriptor.control & ~(DACL_AUTO_INHERITED | SACL_AUTO_INHERITED))


def _check_owner(txn: ReadTransaction, context: Context, tenant: int, owner: Sid | None) -> None:
    """Whether the requester may make this SID the owner; raises DirectoryError."""
    token = context.token
    if owner is not None and owner in who(txn, token, tenant).sids:
        return
    if not (token.administers(tenant) or token.bypasses(tenant)):
        raise DirectoryError(
            ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "an entry is given to oneself or to a group of one's own"
        )
    if owner is None:
        raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, "an entry has an owner")
    text = format_sid(owner)
    if not text.startswith(_OF_EVERY_SYSTEM) and not entries_of_sid(txn, tenant, owner):
        hint = " in its domain" if split_rid(owner) else ""
        raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, f"nobody{hint} has the SID {text} of the owner")


def check_size(stored: SecurityDescriptor, in_force: SecurityDescriptor) -> None:
    """Both what is stored and what is in force have to have a binary form."""
    try:
        encode_security_descriptor(stored)
        encode_security_descriptor(in_force)
    except DescriptorError:
        raise _too_large() from None


def _too_large() -> DirectoryError:
    return DirectoryError(
        ResultCode.CONSTRAINT_VIOLATION,
        f"a security descriptor has at most {MAX_SIZE} octets, what it inherits included",
    )
