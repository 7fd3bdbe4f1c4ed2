"""Between entries of groups and their JSON. groupType is Active Directory's (MS-ADTS §2.2.12)."""

from __future__ import annotations

from typing import Literal

from lightwave.directory.ldap.dn import AVA, format_rdn
from lightwave.directory.ldap.filters import And, Equality, Filter, Or, Substrings
from lightwave.directory.ldap.requests import AddRequest, Modification, ModifyKind
from lightwave.rest.account_changes import attribute_modifications
from lightwave.rest.account_entries import account_name, generalized_time, sid_text
from lightwave.rest.directory_port import Found
from lightwave.rest.group_models import Group, GroupChanges, GroupDescribed, Member, NewGroup
from lightwave.web.problems import Problem

SECURITY = 0x8000_0000
_GLOBAL = 0x0000_0002
GROUP: Filter = Or((Equality("objectClass", b"group"), Equality("objectClass", b"groupOfNames")))
LISTED = (
    "sAMAccountName",
    "cn",
    "entryUUID",
    "objectSid",
    "groupType",
    "displayName",
    "mail",
    "description",
    "gidNumber",
    "managedBy",
    "createTimestamp",
    "modifyTimestamp",
)
SHOWN = (*LISTED, "lwMemberOfDirect", "uSNChanged")
MEMBER = ("sAMAccountName", "uid", "cn", "entryUUID", "objectClass", "displayName", "mail")
_ATTRIBUTES = {
    "display_name": "displayName",
    "mail": "mail",
    "description": "description",
    "gid_number": "gidNumber",
    "managed_by": "managedBy",
}
MemberKind = Literal["user", "service", "computer", "group", "other"]
_KINDS: tuple[tuple[str, MemberKind], ...] = (
    ("msds-managedserviceaccount", "service"),
    ("computer", "computer"),
    ("inetorgperson", "user"),
    ("group", "group"),
    ("groupofnames", "group"),
)


def group(found: Found, *, is_whole: bool = False) -> Group:
    """The JSON of a group. is_whole: SHOWN was asked for, else LISTED."""
    kind_bits = found.number("groupType")
    made = Group(
        name=found.text("sAMAccountName") or found.text("cn") or found.dn,
        id=found.text("entryUUID"),
        dn=found.dn,
        sid=sid_text(found),
        kind="security" if kind_bits is None or kind_bits & SECURITY else "distribution",
        display_name=found.text("displayName"),
        mail=found.text("mail"),
        description=found.text("description"),
        gid_number=found.number("gidNumber"),
        managed_by=found.text("managedBy"),
        created=generalized_time(found.text("createTimestamp")),
        changed=generalized_time(found.text("modifyTimestamp")),
    )
    if is_whole:
        made.groups = sorted(found.texts("lwMemberOfDirect"))
    return made


def member(found: Found) -> Member:
    """The JSON of a member."""
    classes = {value.lower() for value in found.texts("objectClass")}
    kind: MemberKind = next((word for name, word in _KINDS if name in classes), "other")
    return Member(
        name=account_name(found),
        id=found.text("entryUUID"),
        dn=found.dn,
        kind=kind,
        display_name=found.text("displayName"),
        mail=found.text("mail"),
    )


def groups_filter(search: str | None) -> Filter:
    """What a list of groups asks for; a text is the value of assertions, never a filter."""
    if search is None:
        return GROUP
    names = ("sAMAccountName", "cn", "displayName", "description")
    return And((GROUP, Or(tuple(Substrings(name, None, (search.encode(),), None) for name in names))))


def add_request(container: bytes, new: NewGroup) -> AddRequest:
    """The request that makes a group; raises Problem for two values of one attribute."""
    kind = _GLOBAL | (SECURITY if new.kind == "security" else 0)
    attributes: dict[str, tuple[bytes, ...]] = {
        "objectClass": (b"top", b"group"),
        "cn": (new.name.encode(),),
        "sAMAccountName": (new.name.encode(),),
        "groupType": (str(kind - (1 << 32) if kind & SECURITY else kind).encode(),),  # a signed number
    }
    attributes |= {name: values for name, values in _described(new) if values}
    known = {name.lower() for name in attributes}
    for name, given in new.attributes.items():
        if name.lower() in known:
            raise Problem(422, f"{name} is set by the name or another field already")
        attributes[name] = tuple(value.encode() for value in given)
    dn = format_rdn((AVA("cn", new.name.encode()),)) + b"," + container
    return AddRequest(dn, tuple((name, values) for name, values in attributes.items() if values))


def modifications(asked: GroupChanges) -> list[Modification]:
    """The changes of one modify."""
    changes = [Modification(ModifyKind.REPLACE, name, values) for name, values in _described(asked)]
    if asked.attributes is not None:
        changes += attribute_modifications(asked.attributes)
    return changes


def _described(given: GroupDescribed) -> list[tuple[str, tuple[bytes, ...]]]:
    """(attribute, values) of the fields that were given; no values where one is to be taken away."""
    values = {field: getattr(given, field) for field in _ATTRIBUTES if field in given.model_fields_set}
    return [
        (_ATTRIBUTES[field], () if value is None else (str(value).encode(),))
        for field, value in values.items()
    ]
