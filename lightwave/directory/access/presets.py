"""What administrators grant, by name: each preset is some access control entries, as Active Directory's wizards write.

A name that is no preset is one or more rights (`READ_PROPERTY`, `delete`, `User-Force-Change-Password`), separated by
commas. What a preset says of users or groups is inherited by these alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from lightwave.directory.access.ace import CONTAINER_INHERIT, INHERIT_ONLY, Ace, AceType
from lightwave.directory.access.control_rights import CONTROL_RIGHTS, RESET_PASSWORD, VALIDATED_WRITES
from lightwave.directory.access.descriptor_errors import DescriptorError
from lightwave.directory.access.guid import Guid
from lightwave.directory.access.rights import FULL, READ, Right
from lightwave.directory.access.schema_guids import attribute_facts, class_guid
from lightwave.directory.access.sid import Sid
from lightwave.directory.schema.schema import Schema


class Grant(NamedTuple):
    """What is granted to whom: attribute narrows reading and writing, object_class the entries that inherit it."""

    who: Sid
    what: str
    attribute: str | None = None
    object_class: str | None = None
    this_entry_only: bool = False
    deny: bool = False


class Part(NamedTuple):
    """Rights, on a part of the entry, for entries of a class."""

    rights: int
    object_type: Guid | None = None
    inheriting: Guid | None = None


_WRITE: Final = int(READ | Right.WRITE_PROPERTY | Right.SELF_WRITE)


def _reset(schema: Schema) -> list[Part]:
    user = class_of(schema, "user")
    return [
        Part(int(Right.CONTROL_ACCESS), RESET_PASSWORD, user),
        Part(_read_write(), attribute_of(schema, "pwdLastSet"), user),
    ]


def _unlock(schema: Schema) -> list[Part]:
    return [Part(_read_write(), attribute_of(schema, "lockoutTime"), class_of(schema, "user"))]


def _create_users(schema: Schema) -> list[Part]:
    user = class_of(schema, "user")
    return [Part(int(Right.CREATE_CHILD | Right.DELETE_CHILD), user), Part(int(FULL), None, user)]


def _members(schema: Schema) -> list[Part]:
    return [Part(_read_write(), attribute_of(schema, "member"), class_of(schema, "group"))]


PRESETS: Final[Mapping[str, tuple[str, Callable[[Schema], list[Part]]]]] = {
    "read": ("see entries and read what is not confidential", lambda _: [Part(int(READ))]),
    "write": ("read, and write every attribute; not passwords", lambda _: [Part(_WRITE)]),
    "full": ("everything", lambda _: [Part(int(FULL))]),
    "help-desk": (
        "reset passwords of users and unlock them",
        lambda schema: [*_reset(schema), *_unlock(schema)],
    ),
    "reset-password": ("reset passwords of users", _reset),
    "unlock": ("unlock users", _unlock),
    "create-users": ("make, change and delete users", _create_users),
    "manage-group-members": ("add and remove members of groups", _members),
    "read-confidential": ("read a confidential attribute (name it)", lambda _: []),
}
"""name -> (what it lets one do, its parts)"""


def aces_of(schema: Schema, grant: Grant) -> tuple[Ace, ...]:
    """The entries that a grant stands for; raises DescriptorError for what is not known."""
    parts = _narrowed(schema, grant)
    limit = None if grant.object_class is None else class_of(schema, grant.object_class)
    made = []
    for part in parts:
        inheriting = part.inheriting if limit is None else limit
        flags = CONTAINER_INHERIT if inheriting is None else CONTAINER_INHERIT | INHERIT_ONLY
        if grant.this_entry_only:
            flags, inheriting = 0, None
        has_guids = part.object_type is not None or inheriting is not None
        plain, with_guids = (
            (AceType.ACCESS_DENIED, AceType.ACCESS_DENIED_OBJECT)
            if grant.deny
            else (AceType.ACCESS_ALLOWED, AceType.ACCESS_ALLOWED_OBJECT)
        )
        kind = with_guids if has_guids else plain
        made.append(Ace(kind, flags, part.rights, grant.who, part.object_type, inheriting))
    return tuple(made)


def attribute_of(schema: Schema, name: str) -> Guid:
    """The schemaIDGUID of an attribute; raises DescriptorError."""
    attribute = schema.attribute(name)
    found = None if attribute is None else attribute_facts(attribute).guid
    if found is None:
        raise DescriptorError(f"there is no attribute {name!r}")
    return found


def class_of(schema: Schema, name: str) -> Guid:
    """The schemaIDGUID of a class; raises DescriptorError."""
    found = schema.object_class(name)
    if found is None:
        raise DescriptorError(f"there is no class {name!r}")
    return class_guid(found)


def right_of(name: str) -> Part:
    """A right by its name; raises DescriptorError."""
    plain = name.strip()
    for table, bit in ((CONTROL_RIGHTS, Right.CONTROL_ACCESS), (VALIDATED_WRITES, Right.SELF_WRITE)):
        for known, guid in table.items():
            if known.casefold() == plain.casefold():
                return Part(int(bit), guid)
    known_right = Right.__members__.get(plain.upper().replace("-", "_"))
    if known_right is None or not known_right:
        names = ", ".join((*PRESETS, *(one for one in Right.__members__ if one != "NONE")))
        raise DescriptorError(f"{plain!r} is no right; there are: {names}, and control access rights")
    return Part(int(known_right))


def _narrowed(schema: Schema, grant: Grant) -> list[Part]:
    preset = PRESETS.get(grant.what)
    parts = [right_of(one) for one in grant.what.split(",")] if preset is None else preset[1](schema)
    if grant.attribute is None:
        if grant.what == "read-confidential":
            raise DescriptorError("read-confidential takes an attribute")
        return parts
    guid = attribute_of(schema, grant.attribute)
    if grant.what == "read-confidential":
        return [Part(int(Right.READ_PROPERTY | Right.CONTROL_ACCESS), guid)]
    of_attributes = int(Right.READ_PROPERTY | Right.WRITE_PROPERTY)
    kept = [Part(part.rights & of_attributes, guid) for part in parts if part.object_type is None]
    if grant.what not in ("read", "write") and any(
        part.object_type is not None or part.rights & ~of_attributes for part in parts
    ):
        raise DescriptorError(f"{grant.what} is not about an attribute: reading and writing are")
    return kept


def _read_write() -> int:
    return int(Right.READ_PROPERTY | Right.WRITE_PROPERTY)
