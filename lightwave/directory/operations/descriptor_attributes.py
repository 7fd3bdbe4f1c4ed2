"""Security descriptors as attributes, and what a requester may do, as Active Directory's clients read it.

nTSecurityDescriptor ([MS-ADTS] 6.1.3) is the descriptor in force in its binary form, entries that are inherited marked
as such; vmwAclString is the same in SDDL. Reading takes READ_CONTROL, and for the SACL an administrator of the tenant
(ACCESS_SYSTEM_SECURITY is nobody else's). sDRightsEffective and the four allowed… attributes are of 3.1.1.4.5.4 to .8.

None of them is among `*` or `+`: they are sent to who names them, the descriptor also to who asks for all user
attributes with the SD flags control (6.1.3.2).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from lightwave.directory.access.attribute_set import ALL
from lightwave.directory.access.control_rights import RESET_PASSWORD
from lightwave.directory.access.decision import Decision, decide
from lightwave.directory.access.descriptor_errors import DescriptorError
from lightwave.directory.access.rights import Right
from lightwave.directory.access.sddl import format_sddl
from lightwave.directory.access.security_descriptor import (
    ALL_PARTS,
    DACL_PART,
    GROUP_PART,
    OWNER_PART,
    SACL_PART,
    SecurityDescriptor,
    encode_security_descriptor,
    normalise_sd_flags,
    select_parts,
)
from lightwave.directory.ldap.access_controls import SD_FLAGS, decode_sd_flags
from lightwave.directory.operations.descriptors import descriptor_in_force, names_of
from lightwave.directory.operations.gather import classes_of
from lightwave.directory.schema.objectclass import ClassKind
from lightwave.directory.store.layout import ROOT

if TYPE_CHECKING:
    from lightwave.directory.access.token import Token
    from lightwave.directory.operations.context import Context
    from lightwave.directory.operations.subject import Subject
    from lightwave.directory.schema.attribute import AttributeType
    from lightwave.directory.schema.schema import Schema

NT_SECURITY_DESCRIPTOR: Final = "1.2.840.113556.1.2.281"
ACL_STRING: Final = "2.25.162944272392735442620381082799361588636.3.725"
DESCRIPTORS: Final = frozenset({NT_SECURITY_DESCRIPTOR, ACL_STRING})
BY_NAME: Final = DESCRIPTORS | {
    "1.2.840.113556.1.4.1304",  # sDRightsEffective
    "1.2.840.113556.1.4.911",  # allowedChildClasses
    "1.2.840.113556.1.4.912",  # allowedChildClassesEffective
    "1.2.840.113556.1.4.913",  # allowedAttributes
    "1.2.840.113556.1.4.914",  # allowedAttributesEffective
}
"""those that `+` does not bring: some are long, and all are about the requester"""


def asked_parts(context: Context) -> int | None:
    """The parts that the request's SD flags control names; None without the control. Its value was checked."""
    for control in context.controls:
        if control.oid == SD_FLAGS:
            return normalise_sd_flags(decode_sd_flags(control).flags)
    return None


def may_touch_sacl(token: Token, tenant: int) -> bool:
    """Whether the bearer of `token` has the privilege that a SACL takes: administrators of the tenant do."""
    return token.administers(tenant) or token.bypasses(tenant)


def nt_security_descriptor(subject: Subject) -> list[bytes]:
    """The binary form; nothing where own and inherited entries are more than one can hold."""
    shown = _shown(subject)
    if shown is None:
        return []
    try:
        return [encode_security_descriptor(shown[0])]
    except DescriptorError:
        return []


def acl_string(subject: Subject) -> list[bytes]:
    """SDDL, with the aliases of the entry's domain."""
    shown = _shown(subject)
    if shown is None:
        return []
    names = names_of(subject.txn, subject.schema, subject.tenant, subject.entry_id)
    text = format_sddl(shown[0], names, shown[1])
    return [text.encode()] if text else []


def _shown(subject: Subject) -> tuple[SecurityDescriptor, int] | None:
    """The parts of the descriptor in force that the requester gets, and which they are; None for nothing.

    As in Active Directory one gets all that the control names, or nothing. Without the control one gets what one may:
    there the SACL would be asked for too, and who may not read it would get nothing.
    """
    context = subject.context
    decision = _decision(subject)
    if context is None or decision is None:
        return None
    parts = asked_parts(context)
    has_sacl = may_touch_sacl(context.token, subject.tenant)
    if parts is None:
        parts = ALL_PARTS if has_sacl else OWNER_PART | GROUP_PART | DACL_PART
    if parts & SACL_PART and not has_sacl:
        return None
    if not decision.allows(Right.READ_CONTROL):
        return None
    whole = descriptor_in_force(subject.txn, subject.schema, subject.tenant, subject.entry_id)
    return select_parts(whole, parts), parts


def sd_rights_effective(subject: Subject) -> list[bytes]:
    """[MS-ADTS] 3.1.1.4.5.4: the parts of the descriptor that the requester may write."""
    context, decision = subject.context, _decision(subject)
    if context is None or decision is None:
        return []
    parts = 0
    if decision.allows(Right.WRITE_OWNER):
        parts |= OWNER_PART | GROUP_PART
    if decision.allows(Right.WRITE_DAC):
        parts |= DACL_PART
    if may_touch_sacl(context.token, subject.tenant):
        parts |= SACL_PART
    return [b"%d" % parts]


def allowed_attributes(subject: Subject) -> list[bytes]:
    """3.1.1.4.5.7: what the entry may have, by its classes."""
    if _decision(subject) is None:
        return []
    return [one.name.encode() for one in _of_classes(subject)]


def allowed_attributes_effective(subject: Subject) -> list[bytes]:
    """3.1.1.4.5.8: of these, what the requester may write."""
    decision = _decision(subject)
    if decision is None:
        return []
    return [one.name.encode() for one in _of_classes(subject) if may_write(decision, one)]


def may_write(decision: Decision, attribute: AttributeType) -> bool:
    """Whether a decision lets an attribute be written: a password is one who resets it."""
    if attribute.no_user_modification or attribute.obsolete:
        return False
    if attribute.is_secret and RESET_PASSWORD in decision.control_rights:
        return True
    return decision.writable is ALL or attribute.oid in decision.writable


def allowed_child_classes(subject: Subject) -> list[bytes]:
    """3.1.1.4.5.5: what may stand below; here every structural class may."""
    if _decision(subject) is None:
        return []
    return [name for _, name in _structural(subject.schema)]


def allowed_child_classes_effective(subject: Subject) -> list[bytes]:
    """3.1.1.4.5.6: of these, what the requester may create."""
    decision = _decision(subject)
    if decision is None:
        return []
    return [name for oid, name in _structural(subject.schema) if oid in decision.creatable]


def _decision(subject: Subject) -> Decision | None:
    """What the requester may do with the entry; None for nobody, who is told nothing about access."""
    context = subject.context
    if context is None or context.token.is_anonymous or subject.entry_id == ROOT:
        return None
    return decide(
        subject.txn, subject.schema, context.token, subject.tenant, subject.entry_id, subject.record
    )


def _of_classes(subject: Subject) -> list[AttributeType]:
    classes = classes_of(subject.txn, subject.schema, subject.record)
    found: dict[str, AttributeType] = {}
    for one in classes.classes:
        for attribute in one.all_must | one.all_may:
            found[attribute.oid] = attribute
    return sorted(found.values(), key=lambda attribute: attribute.name)


@lru_cache(maxsize=4)
def _structural(schema: Schema) -> tuple[tuple[str, bytes], ...]:
    """(OID, name) of the structural classes that are in use."""
    found = (
        (one.oid, one.name.encode())
        for one in schema.object_classes()
        if one.kind is ClassKind.STRUCTURAL and not one.obsolete
    )
    return tuple(sorted(found, key=lambda pair: pair[1]))
