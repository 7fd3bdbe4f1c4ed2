"""The ordered access check: what one descriptor grants to one token.

A right is decided by the first entry that names it and speaks of the asker (MS-DTYP 2.5.3.2, MS-ADTS
5.1.3.3): later ones neither add nor take away. `evaluate` asks for all that can be had at once, and gives
masks: bit n stands for attribute, class or right number n of the tables that it was handed. So a search asks
a descriptor once for each (descriptor, token, is self, is owner) and then sees integers.

Deny by default. A descriptor without a DACL, or with a NULL one, grants what an empty one does. Conditions of
callback entries are not evaluated: one that allows allows nothing, one that denies denies. Both are stricter
than Windows, see docs/protocols/access.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from lightwave.directory.access.access_mask import map_generic
from lightwave.directory.access.ace import INHERIT_ONLY, Ace, AceType
from lightwave.directory.access.acl import Acl
from lightwave.directory.access.attribute_set import ALL, NONE, AttributeSet
from lightwave.directory.access.guid import Guid
from lightwave.directory.access.object_types import EVERYTHING, ObjectTypes
from lightwave.directory.access.rights import FULL, Right
from lightwave.directory.access.security_descriptor import SecurityDescriptor
from lightwave.directory.access.sid import (
    CREATOR_GROUP,
    CREATOR_OWNER,
    OWNER_RIGHTS,
    PRINCIPAL_SELF,
    Sid,
)

# What an owner may do whatever the entries say, unless they speak of OWNER RIGHTS (MS-DTYP 2.5.3.2).
IMPLICIT_OWNER_RIGHTS: Final = int(Right.READ_CONTROL | Right.WRITE_DAC)

# By the type of an entry: whether it allows (True), denies (False), or says nothing about access (None).
ALLOWS: Final = tuple(
    {
        AceType.ACCESS_ALLOWED: True,
        AceType.ACCESS_ALLOWED_OBJECT: True,
        AceType.ACCESS_DENIED: False,
        AceType.ACCESS_DENIED_OBJECT: False,
        AceType.ACCESS_DENIED_CALLBACK: False,
        AceType.ACCESS_DENIED_CALLBACK_OBJECT: False,
    }.get(kind)  # type: ignore[call-overload]  # numbers that are no type are looked up too
    for kind in range(max(AceType) + 1)
)

# SIDs that stand for a relation; in a token they would be a way to claim it.
_RELATIONS: Final = frozenset({OWNER_RIGHTS, PRINCIPAL_SELF, CREATOR_OWNER, CREATOR_GROUP})


class Scope(NamedTuple):
    """A right that may be about parts of an object, and which table of `ObjectTypes` numbers the parts.
    place: where evaluation keeps its mask.

    is_rooted: whether the object is the root of these parts, so that an entry for its own class is about all
    of them (MS-ADTS 5.1.3.3.3). Of children, control access rights and validated writes it is not: there its
    class is one class among others.
    """

    place: int
    bit: int
    table: str
    is_rooted: bool


READ_SCOPE: Final = Scope(0, int(Right.READ_PROPERTY), "attributes", True)
CONFIDENTIAL_SCOPE: Final = Scope(6, int(Right.CONTROL_ACCESS), "attributes", True)
SCOPES: Final = (
    READ_SCOPE,
    Scope(1, int(Right.WRITE_PROPERTY), "attributes", True),
    Scope(2, int(Right.CREATE_CHILD), "classes", False),
    Scope(3, int(Right.DELETE_CHILD), "classes", False),
    Scope(4, int(Right.CONTROL_ACCESS), "control_rights", False),
    Scope(5, int(Right.SELF_WRITE), "validated_writes", False),
    CONFIDENTIAL_SCOPE,
)
SCOPED: Final = sum(scope.bit for scope in SCOPES if scope is not CONFIDENTIAL_SCOPE)
_SCOPES_OF: Final = {
    mask: tuple(scope for scope in SCOPES if mask & scope.bit)
    for mask in range(SCOPED + 1)
    if mask & SCOPED == mask
}


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. sids: of the account and of all groups it belongs to. is_self: whether the SID of the object
    is one of them, is_owner: whether that of its owner is.
    """

    sids: frozenset[Sid]
    is_self: bool = False
    is_owner: bool = False

    def matching(self) -> AbstractSet[Sid]:
        """The SIDs whose entries speak of the asker on this object."""
        sids = self.sids if _RELATIONS.isdisjoint(self.sids) else self.sids - _RELATIONS
        if self.is_self:
            sids |= {PRINCIPAL_SELF}
        if self.is_owner:
            sids |= {OWNER_RIGHTS}
        return sids


def asker(sids: frozenset[Sid], owner: Sid | None, object_sid: Sid | None) -> Asker:
    """The bearer of `sids` towards an object of `owner` whose objectSid is `object_sid` (MS-ADTS 5.1.3.3)."""
    return Asker(sids, object_sid in sids, owner in sids)


@dataclass(frozen=True, slots=True)
class Granted:
    """All that a descriptor grants.

    rights: bits of `Right` that hold for the whole object; of those that can be about a part, a bit is there
    only when no part is excepted. The masks tell the parts: attributes that may be read and written, classes
    of children that may be created and deleted, control access rights, validated writes. -1 is everything.
    """

    rights: int
    readable: int
    writable: int
    creatable: int
    deletable: int
    control_rights: int
    validated_writes: int


@lru_cache(maxsize=1024)
def attribute_set(mask: int, known: int) -> AttributeSet:
    """`mask` as a set of attribute numbers, for loops; `known` as in `ObjectTypes`.

    Of a mask without an end that excepts something, the known numbers are taken: what is given out later is
    in tables that are made then.
    """
    if mask == EVERYTHING:
        return ALL
    bits = mask & known if mask < 0 else mask
    if not bits:
        return NONE
    return frozenset(number for number, bit in enumerate(reversed(f"{bits:b}")) if bit == "1")


def evaluate(
    descriptor: SecurityDescriptor, asking: Asker, types: ObjectTypes, class_guid: Guid | None = None
) -> Granted:
    """What `descriptor`, in force on an object of the structural class `class_guid`, grants to who is asking.

    It is the access check for MAXIMUM_ALLOWED (MS-DTYP 2.5.3.2), for all parts of the object at once.
    """
    acl = descriptor.dacl or ()
    sids = asking.matching()
    granted = IMPLICIT_OWNER_RIGHTS if has_implicit_rights(acl, asking) else 0
    denied = 0
    allowed = [0] * len(SCOPES)
    refused = [0] * len(SCOPES)
    for ace in acl:
        if ace.sid not in sids or ace.flags & INHERIT_ONLY:
            continue
        allows = ALLOWS[ace.type]
        if allows is None:
            continue
        mask = map_generic(ace.mask)
        if ace.object_type is None or ace.object_type == class_guid:
            if allows:
                granted |= mask & ~denied
            else:
                denied |= mask & ~granted
        for scope in _SCOPES_OF[mask & SCOPED]:
            place = scope.place
            if allows:
                allowed[place] |= reach(ace, scope, types, class_guid) & ~refused[place]
            else:
                refused[place] |= reach(ace, scope, types, class_guid) & ~allowed[place]
    return _granted(granted, allowed, types)


def _granted(plain: int, allowed: list[int], types: ObjectTypes) -> Granted:
    rights = plain & ~SCOPED & FULL
    for scope in SCOPES[:-1]:
        if allowed[scope.place] == EVERYTHING:
            rights |= scope.bit
    readable, writable, creatable, deletable, control, validated, confidential = allowed
    return Granted(
        int(rights),
        readable & (~types.confidential | confidential),
        writable,
        creatable,
        deletable,
        control,
        validated,
    )


def has_implicit_rights(acl: Acl, asking: Asker) -> bool:
    """Whether the asker has the rights of an owner: no entry in force may speak of OWNER RIGHTS."""
    return asking.is_owner and not any(
        ace.sid == OWNER_RIGHTS and not ace.flags & INHERIT_ONLY for ace in acl
    )


def reach(ace: Ace, scope: Scope, types: ObjectTypes, class_guid: Guid | None) -> int:
    """The parts that `ace` is about, as a mask of the numbers of `scope`."""
    guid = ace.object_type
    if guid is None or (scope.is_rooted and guid == class_guid):
        return EVERYTHING
    table: Mapping[Guid, int] = getattr(types, scope.table)
    return table.get(guid, 0)
