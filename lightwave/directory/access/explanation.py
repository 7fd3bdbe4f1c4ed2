"""Why a right is granted or refused: the entry that decided, in SDDL, and where it comes from.

`evaluate` gives all that is granted, as masks. Here one right is asked for, as the access check of MS-DTYP
2.5.3.2 asks: what is wanted is taken away by the entries that allow it, in order, and the first entry that
denies what remains ends it. Both agree, and a test says so. The whole path from the top of the naming context
is computed again, so that each entry is known by where it was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from lightwave.directory.access.access_mask import map_generic
from lightwave.directory.access.ace import INHERIT_ONLY, Ace
from lightwave.directory.access.acl import Acl
from lightwave.directory.access.descriptor_errors import DescriptorError
from lightwave.directory.access.evaluation import (
    ALLOWS,
    CONFIDENTIAL_SCOPE,
    IMPLICIT_OWNER_RIGHTS,
    READ_SCOPE,
    SCOPES,
    Asker,
    Scope,
    has_implicit_rights,
    reach,
)
from lightwave.directory.access.guid import Guid
from lightwave.directory.access.inheritance import effective, inherit
from lightwave.directory.access.object_types import EVERYTHING, ObjectTypes
from lightwave.directory.access.rights import FULL
from lightwave.directory.access.sddl import format_ace
from lightwave.directory.access.sddl_names import NO_DOMAIN, SddlNames
from lightwave.directory.access.security_descriptor import DACL_PROTECTED, SecurityDescriptor


class Reason(Enum):
    """What decided, with the words for people."""

    ENTRY = "an access control entry"
    OWNER = "the owner may always"
    NOTHING = "no entry allows it"


@dataclass(frozen=True, slots=True)
class Level:
    """An entry of the tree on the path to the one that is asked about. `name` comes back in explanations.

    structural: schemaIDGUID of its structural class; auxiliary: those of its auxiliary classes.
    """

    name: str
    own: SecurityDescriptor
    structural: Guid
    auxiliary: frozenset[Guid] = frozenset()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one right is granted or not.

    right: one bit. object_type: the part it was asked about, None for the whole object. index and ace: the
    entry that decided and its place in the list in force. written_at: the name of the level where that entry
    is explicit. All three are None unless the reason is an entry.
    """

    right: int
    object_type: Guid | None
    is_granted: bool
    reason: Reason
    index: int | None = None
    ace: Ace | None = None
    written_at: str | None = None

    def sddl(self, names: SddlNames = NO_DOMAIN) -> str:
        """The entry that decided as text; empty when none did."""
        return format_ace(self.ace, names) if self.ace is not None else ""


def explain(
    path: Sequence[Level],
    asking: Asker,
    types: ObjectTypes,
    rights: int,
    object_type: Guid | None = None,
) -> list[Explanation]:
    """Why the `rights` on the last level of `path` are granted or not, one explanation for each bit.

    path: from the top of the naming context down. object_type: the attribute, property set, class, control
    access right or validated write; DescriptorError when the tables know none of that name. Reading a
    confidential attribute takes two rights, and gives two explanations.
    """
    acl, written_at = in_force(path)
    structural = path[-1].structural
    explained = []
    for right, scope, wanted in _questions(types, rights, object_type):
        decided = _decide(acl, asking, types, structural, right, scope, wanted)
        is_granted, reason, index = decided
        if index is None:
            explained.append(Explanation(right, object_type, is_granted, reason))
        else:
            explained.append(
                Explanation(right, object_type, is_granted, reason, index, acl[index], written_at[index])
            )
    return explained


def in_force(path: Sequence[Level]) -> tuple[Acl, tuple[str, ...]]:
    """The DACL in force at the end of `path`, and for each of its entries the level that it was written at."""
    descriptor: SecurityDescriptor | None = None
    origins: tuple[str, ...] = ()
    for level in path:
        own = level.own
        inherited: list[str] = []
        if descriptor is not None and not own.control & DACL_PROTECTED:
            classes = level.auxiliary | {level.structural}
            entries = inherit(descriptor.dacl or (), own.owner, own.group, classes)
            inherited = [origins[index] for index, _ in entries]
        descriptor = effective(descriptor, own, level.auxiliary | {level.structural})
        explicit = len(descriptor.dacl or ()) - len(inherited)
        origins = (level.name,) * explicit + tuple(inherited)
    if descriptor is None:
        raise DescriptorError("a path has at least one level")
    return descriptor.dacl or (), origins


def _questions(
    types: ObjectTypes, rights: int, object_type: Guid | None
) -> Iterator[tuple[int, Scope | None, int]]:
    """For each bit of `rights`: the bit, its scope if it has one, and the mask of parts that is wanted."""
    mapped = map_generic(rights)
    if not mapped or mapped & ~FULL:
        raise DescriptorError("only rights on directory objects can be explained")
    for bit in (1 << place for place in range(32) if mapped >> place & 1):
        scopes = [scope for scope in SCOPES if scope.bit == bit and scope is not CONFIDENTIAL_SCOPE]
        if not scopes or object_type is None:
            yield bit, scopes[0] if scopes else None, EVERYTHING
            continue
        if bit == CONFIDENTIAL_SCOPE.bit and object_type in types.attributes:
            scopes = [CONFIDENTIAL_SCOPE]
        wanted = _parts(types, scopes[0], object_type)
        yield bit, scopes[0], wanted
        if scopes[0] is READ_SCOPE and wanted & types.confidential:
            yield CONFIDENTIAL_SCOPE.bit, CONFIDENTIAL_SCOPE, wanted & types.confidential


def _parts(types: ObjectTypes, scope: Scope, object_type: Guid) -> int:
    table: dict[Guid, int] = getattr(types, scope.table)
    wanted = table.get(object_type, 0)
    if not wanted:
        raise DescriptorError(f"nothing of that GUID is among the {scope.table.replace('_', ' ')}")
    return wanted


def _decide(
    acl: Acl,
    asking: Asker,
    types: ObjectTypes,
    structural: Guid,
    right: int,
    scope: Scope | None,
    wanted: int,
) -> tuple[bool, Reason, int | None]:
    """Whether `wanted` is granted, by what, and the index of the entry if it was one."""
    if right & IMPLICIT_OWNER_RIGHTS and has_implicit_rights(acl, asking):
        return True, Reason.OWNER, None
    sids = asking.matching()
    remaining = wanted
    for index, ace in enumerate(acl):
        allows = ALLOWS[ace.type]
        if allows is None or ace.sid not in sids or ace.flags & INHERIT_ONLY:
            continue
        if not map_generic(ace.mask) & right:
            continue
        if scope is None:
            about = EVERYTHING if ace.object_type in (None, structural) else 0
        else:
            about = reach(ace, scope, types, structural)
        if allows:
            remaining &= ~about
            if not remaining:
                return True, Reason.ENTRY, index
        elif remaining & about:
            return False, Reason.ENTRY, index
    return False, Reason.NOTHING, None
