"""Who may do what with an entry, and why: what is shown to people.

The entries in force with where each was written, and for one account and right the entry that decided. Showing takes
READ_CONTROL; explaining somebody else's rights takes an administrator of the tenant, or WRITE_DAC on the entry, for
who decides about it may know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lightwave.directory.access.ace import CONTAINER_INHERIT, INHERIT_ONLY, NO_PROPAGATE_INHERIT, Ace
from lightwave.directory.access.control_rights import name_of
from lightwave.directory.access.decision import decide_for, guarded
from lightwave.directory.access.evaluation import ALLOWS, Asker
from lightwave.directory.access.explanation import Explanation, Reason, explain, in_force
from lightwave.directory.access.guid import Guid, format_guid
from lightwave.directory.access.membership import entries_of_sid, membership, sid_of
from lightwave.directory.access.presets import Part, attribute_of, right_of
from lightwave.directory.access.rights import FULL, Right
from lightwave.directory.access.schema_guids import attribute_facts
from lightwave.directory.access.schema_types import schema_types
from lightwave.directory.access.sddl import format_ace, format_sddl
from lightwave.directory.access.security_descriptor import DACL_PROTECTED
from lightwave.directory.access.sid import Sid, format_sid
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.descriptors import descriptor_in_force, levels_of, names_of
from lightwave.directory.operations.gather import find_visible

if TYPE_CHECKING:
    from lightwave.directory.access.decision import Decision
    from lightwave.directory.operations.context import Context
    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.store.reading import ReadTransaction

WELL_KNOWN: Final = {
    "S-1-1-0": "everyone",
    "S-1-3-0": "creator owner",
    "S-1-3-1": "creator group",
    "S-1-3-4": "owner rights",
    "S-1-5-7": "anonymous",
    "S-1-5-10": "self",
    "S-1-5-11": "signed-in users",
    "S-1-5-18": "system",
}
_QUESTIONS: Final = {
    "read": Part(int(Right.READ_PROPERTY)),
    "write": Part(int(Right.WRITE_PROPERTY)),
    "reset-password": right_of("User-Force-Change-Password"),
    "change-password": right_of("User-Change-Password"),
}


class Line(NamedTuple):
    """One access control entry for people. inherited_from: the DN of the entry that it is written on, None for this."""

    allows: bool
    who: str
    sid: str
    rights: tuple[str, ...]
    on: str | None
    applies_to: str
    inherited_from: str | None
    sddl: str


class Report(NamedTuple):
    """Who may do what."""

    dn: str
    owner: str
    protected: bool
    sddl: str
    lines: tuple[Line, ...]


class Verdict(NamedTuple):
    """Why one right is granted or not. through: the account or group whose entry decided; at: where it is written."""

    right: str
    granted: bool
    reason: str
    ace: str | None = None
    through: str | None = None
    at: str | None = None


def report(txn: ReadTransaction, schema: Schema, context: Context, dn: bytes) -> Report:
    """Raises DirectoryError."""
    place, record, decision = find_visible(txn, schema, context, dn)
    if context.token.is_anonymous or not decision.allows(Right.READ_CONTROL):
        raise DirectoryError(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "you may not read who may do what here")
    path = levels_of(txn, schema, place.tenant, place.entry_id)
    acl, written_at = in_force(path)
    names = names_of(txn, schema, place.tenant, place.entry_id)
    lines = []
    for ace, at in zip(acl, written_at, strict=True):
        sid = format_sid(ace.sid)
        lines.append(
            Line(
                bool(ALLOWS[ace.type]),
                name_of_sid(txn, place.tenant, ace.sid),
                sid,
                _rights(ace),
                None if ace.object_type is None else _name_of_guid(schema, ace.object_type),
                _reach(schema, ace),
                None if at == path[-1].name else at,
                format_ace(ace, names),
            )
        )
    whole = descriptor_in_force(txn, schema, place.tenant, place.entry_id)
    owner = "" if whole.owner is None else name_of_sid(txn, place.tenant, whole.owner)
    text = format_sddl(whole, names, 0x7)
    name = txn.dn(place.tenant, place.entry_id, record).decode("utf-8", "replace")
    return Report(name, owner, bool(whole.control & DACL_PROTECTED), text, tuple(lines))


def verdicts(
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    who: bytes,
    dn: bytes,
    right: str | None = None,
    attribute: str | None = None,
) -> list[Verdict]:
    """Whether the account `who` has a right on an entry, and why; all rights of the whole entry without `right`.

    Raises DirectoryError, and DescriptorError for a right or an attribute that is none.
    """
    place, record, decision = find_visible(txn, schema, context, dn)
    asked = find_visible(txn, schema, context, who)[0]
    if asked.tenant != place.tenant:
        raise DirectoryError(ResultCode.NO_SUCH_OBJECT, "no account of this tenant")
    _check_may_ask(context, place.tenant, asked.entry_id, decision)
    member = membership(txn, asked.tenant, asked.entry_id)
    granted = decide_for(txn, schema, member, place.tenant, place.entry_id, record)
    left = guarded(txn, schema, member, place.tenant, place.entry_id, granted)
    whole = descriptor_in_force(txn, schema, place.tenant, place.entry_id)
    asking = Asker(member.sids, place.entry_id in member.entry_ids, whole.owner in member.sids)
    part = Part(int(FULL)) if right is None else _QUESTIONS.get(right) or right_of(right)
    object_type = part.object_type if attribute is None else attribute_of(schema, attribute)
    path = levels_of(txn, schema, place.tenant, place.entry_id)
    found = explain(path, asking, schema_types(schema).tables, part.rights, object_type)
    own = sid_of(txn, txn.record(asked.tenant, asked.entry_id))
    return [
        _verdict(
            txn, schema, place.tenant, place.entry_id, one, own, is_held_back=_is_less(one, granted, left)
        )
        for one in found
    ]


def name_of_sid(txn: ReadTransaction, tenant: int, sid: Sid) -> str:
    """A SID for people: an account's or group's name, words for those that all systems know, else itself."""
    text = format_sid(sid)
    if text in WELL_KNOWN:
        return WELL_KNOWN[text]
    for entry_id in entries_of_sid(txn, tenant, sid):
        record = txn.record(tenant, entry_id)
        for oid in ("1.2.840.113556.1.4.221", "2.5.4.3"):
            number = txn.attribute_number(oid)
            values = [] if number is None else record.values(number)
            if values:
                return values[0].decode("utf-8", "replace")
    return text


def _check_may_ask(context: Context, tenant: int, entry_id: int, decision: Decision) -> None:
    token = context.token
    is_own = token.tenant == tenant and token.entry_id == entry_id
    if is_own or token.administers(tenant) or token.bypasses(tenant) or decision.allows(Right.WRITE_DAC):
        return
    raise DirectoryError(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "rights of others are told to administrators")


def _is_less(one: Explanation, granted: Decision, left: Decision) -> bool:
    """Whether an account's protection takes away what the entries grant."""
    if granted is left or one.right & int(Right.READ_PROPERTY):
        return False
    if one.right == int(Right.CONTROL_ACCESS) and one.object_type is not None:
        return one.object_type not in left.control_rights
    if one.right == int(Right.SELF_WRITE) and one.object_type is not None:
        return one.object_type not in left.validated_writes
    if one.right == int(Right.WRITE_PROPERTY) and one.object_type is not None:
        return not left.writable
    return not left.allows(Right(one.right))


def _verdict(
    txn: ReadTransaction,
    schema: Schema,
    tenant: int,
    entry_id: int,
    one: Explanation,
    own: Sid | None,
    *,
    is_held_back: bool,
) -> Verdict:
    name = _right_name(one.right)
    if one.object_type is not None:
        name += " of " + _name_of_guid(schema, one.object_type)
    if one.is_granted and is_held_back:
        return Verdict(name, False, "the account is protected: it is, or belongs to, an administrative group")
    if one.ace is None:
        return Verdict(name, one.is_granted, one.reason.value)
    through = name_of_sid(txn, tenant, one.ace.sid)
    words = "allowed" if one.is_granted else "denied"
    how = "to the account itself" if one.ace.sid == own else f"through {through}"
    names = names_of(txn, schema, tenant, entry_id)
    reason = f"{words} {how}" if one.reason is Reason.ENTRY else one.reason.value
    return Verdict(name, one.is_granted, reason, one.sddl(names), through, one.written_at)


def _rights(ace: Ace) -> tuple[str, ...]:
    if int(ace.mask) & int(FULL) == int(FULL):
        return ("everything",)
    return tuple(_right_name(1 << bit) for bit in range(32) if int(ace.mask) >> bit & 1)


def _right_name(bit: int) -> str:
    try:
        return (Right(bit).name or hex(bit)).lower().replace("_", " ")
    except ValueError:
        return hex(bit)


def _reach(schema: Schema, ace: Ace) -> str:
    of_class = "" if ace.inherited_object_type is None else _name_of_guid(schema, ace.inherited_object_type)
    if not ace.flags & CONTAINER_INHERIT:
        return "this entry"
    below = f"{of_class or 'entries'} {'one level ' if ace.flags & NO_PROPAGATE_INHERIT else ''}below"
    return below if ace.flags & INHERIT_ONLY else f"this entry and {below}"


def _name_of_guid(schema: Schema, guid: Guid) -> str:
    known = name_of(guid)
    if known is not None:
        return known
    types = schema_types(schema)
    for oid, one in types.class_guids.items():
        if one == guid:
            found = schema.object_class(oid)
            return oid if found is None else found.name
    for attribute in schema.attribute_types():
        if attribute_facts(attribute).guid == guid:
            return attribute.name
    return format_guid(guid)
