"""What an entry inherits: the effective descriptor from its parent's effective one and its own.

An entry stores what is its own; what it inherits is computed at each reading, so that a right withdrawn at
the top is gone below from the same commit on. The rules are those of MS-DTYP 2.5.3.4 as Active Directory uses
them (MS-ADTS 6.1.3): every object is a container, its own entries come first, inherited ones bear the flag
that says so. An effective descriptor names no generic right and no creator in an entry that is in force.

All functions are pure. `EffectiveDescriptors` remembers results by content: descriptors of like content are
one object, so that decisions can be kept per object.
"""

from __future__ import annotations

import struct
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from lightwave.directory.access.access_mask import map_generic
from lightwave.directory.access.ace import (
    CONTAINER_INHERIT,
    INHERIT_ONLY,
    INHERITED,
    NO_PROPAGATE_INHERIT,
    OBJECT_INHERIT,
    SIMPLE_FORM,
    Ace,
    encode_ace,
)
from lightwave.directory.access.acl import Acl
from lightwave.directory.access.guid import Guid
from lightwave.directory.access.security_descriptor import (
    DACL_AUTO_INHERITED,
    DACL_PRESENT,
    DACL_PROTECTED,
    SACL_AUTO_INHERITED,
    SACL_PRESENT,
    SACL_PROTECTED,
    SecurityDescriptor,
    explicit_parts,
)
from lightwave.directory.access.sid import CREATOR_GROUP, CREATOR_OWNER, Sid

_INHERITANCE: Final = OBJECT_INHERIT | CONTAINER_INHERIT | NO_PROPAGATE_INHERIT | INHERIT_ONLY


def effective(
    parent: SecurityDescriptor | None, own: SecurityDescriptor, classes: AbstractSet[Guid]
) -> SecurityDescriptor:
    """The descriptor in force for an entry.

    parent: the one in force for its parent, None at the top of a naming context. own: the entry's own, of
    which inherited entries are ignored. classes: schemaIDGUIDs of the entry's structural class and of its
    auxiliary ones; entries for other classes pass through it without effect.
    """
    stored = explicit_parts(own)
    control = stored.control
    own_dacl = expand_own(stored.dacl or (), own.owner, own.group)
    own_sacl = expand_own(stored.sacl or (), own.owner, own.group)
    inherited_dacl: Acl = ()
    inherited_sacl: Acl = ()
    if parent is not None and not control & DACL_PROTECTED:
        inherited_dacl = _only_aces(inherit(parent.dacl or (), own.owner, own.group, classes))
    if parent is not None and not control & SACL_PROTECTED:
        inherited_sacl = _only_aces(inherit(parent.sacl or (), own.owner, own.group, classes))
    control |= DACL_PRESENT
    if inherited_dacl:
        control |= DACL_AUTO_INHERITED
    if inherited_sacl:
        control |= SACL_PRESENT | SACL_AUTO_INHERITED
    sacl = own_sacl + inherited_sacl
    return replace(
        stored,
        control=control,
        dacl=own_dacl + inherited_dacl,
        sacl=sacl if sacl or stored.sacl is not None else None,
    )


def inherit(
    acl: Acl, owner: Sid | None, group: Sid | None, classes: AbstractSet[Guid]
) -> list[tuple[int, Ace]]:
    """What a child of `owner`, `group` and `classes` has from its parent's `acl` (MS-DTYP 2.5.3.4.4): entries
    with the index of the parent's entry that each comes from.
    """
    inherited: list[tuple[int, Ace]] = []
    for index, ace in enumerate(acl):
        if not ace.flags & (CONTAINER_INHERIT | OBJECT_INHERIT):
            continue
        applies = bool(ace.flags & CONTAINER_INHERIT) and (
            ace.inherited_object_type is None or ace.inherited_object_type in classes
        )
        ends_here = bool(ace.flags & NO_PROPAGATE_INHERIT)
        if not applies:
            if not ends_here:
                inherited.append((index, ace._replace(flags=ace.flags | INHERITED | INHERIT_ONLY)))
            continue
        splits = ace.needs_expanding()
        if splits or ends_here:
            in_force = _expanded(ace, owner, group)
            if in_force is not None:
                inherited.append((index, _without_class(in_force)._replace(flags=_audit(ace) | INHERITED)))
        if not ends_here:
            flags = ace.flags | INHERITED
            flags = flags | INHERIT_ONLY if splits else flags & ~INHERIT_ONLY
            inherited.append((index, ace._replace(flags=flags)))
    return inherited


def expand_own(acl: Acl, owner: Sid | None, group: Sid | None) -> Acl:
    """An entry's own `acl` as it is in force (MS-DTYP 2.5.3.4.5).

    An entry with generic rights or of its creator is replaced by one that says what it means here; when it
    also is to be inherited (by containers: there are no others), it stays beside that as inherit-only. What
    neither applies nor is inherited goes.
    """
    own: list[Ace] = []
    for ace in acl:
        if ace.flags & INHERIT_ONLY:
            if ace.flags & (CONTAINER_INHERIT | OBJECT_INHERIT):
                own.append(ace)
            continue
        if not ace.needs_expanding():
            own.append(ace)
            continue
        if ace.flags & CONTAINER_INHERIT:
            own.append(ace._replace(flags=ace.flags | INHERIT_ONLY))
        in_force = _expanded(ace, owner, group)
        if in_force is not None:
            own.append(in_force._replace(flags=_audit(ace)))
    return tuple(own)


def _only_aces(inherited: list[tuple[int, Ace]]) -> Acl:
    return tuple(ace for _, ace in inherited)


def _audit(ace: Ace) -> int:
    """The flags of `ace` that say nothing of inheritance."""
    return ace.flags & ~(_INHERITANCE | INHERITED)


def _expanded(ace: Ace, owner: Sid | None, group: Sid | None) -> Ace | None:
    """`ace` with its generic rights mapped and its creator named; None when that creator is not known."""
    sid: Sid | None = ace.sid
    if sid == CREATOR_OWNER:
        sid = owner
    elif sid == CREATOR_GROUP:
        sid = group
    return ace._replace(mask=map_generic(ace.mask), sid=sid) if sid is not None else None


def _without_class(ace: Ace) -> Ace:
    """`ace` for the one object that it is in force on: no class inherits it any more."""
    if ace.object_type is None and ace.type in SIMPLE_FORM:
        return ace._replace(type=SIMPLE_FORM[ace.type], inherited_object_type=None)
    return ace._replace(inherited_object_type=None)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Interned:
    """A descriptor in force. Two of like content are one object as long as their table keeps them."""

    descriptor: SecurityDescriptor
    digest: bytes


def digest(descriptor: SecurityDescriptor) -> bytes:
    """32 octets that name the content of `descriptor`.

    They are made of the encoded entries and not of the encoded descriptor, for what is in force may be larger
    than any that could be written: each of many levels adds its own entries.
    """
    content = sha256()
    for sid in (descriptor.owner, descriptor.group):
        content.update(_counted(b"" if sid is None else sid))
    for acl in (descriptor.dacl, descriptor.sacl):
        entries = b"" if acl is None else b"".join(map(encode_ace, acl))
        content.update(bytes((acl is not None,)) + _counted(entries))
    content.update(struct.pack("<HB", descriptor.control, descriptor.resource_control))
    return content.digest()


def _counted(octets: bytes) -> bytes:
    return len(octets).to_bytes(4, "little") + octets


class EffectiveDescriptors:
    """Descriptors in force by content; it keeps at most `limit` results and forgets all when it is full.

    It holds nothing that could not be computed again, and no entry's name: moving a subtree or changing a
    parent asks it for other keys.
    """

    __slots__ = ("_by_digest", "_limit", "_results")

    def __init__(self, limit: int = 65_536) -> None:
        self._limit = limit
        self._results: dict[tuple[bytes, bytes, AbstractSet[Guid]], Interned] = {}
        self._by_digest: dict[bytes, Interned] = {}

    def of(
        self,
        parent: Interned | None,
        own: SecurityDescriptor,
        own_digest: bytes,
        classes: frozenset[Guid],
    ) -> Interned:
        """`effective` of these; `own_digest` is `digest(own)`, which the store keeps with it."""
        key = (parent.digest if parent is not None else b"", own_digest, classes)
        found = self._results.get(key)
        if found is None:
            computed = effective(parent.descriptor if parent is not None else None, own, classes)
            name = digest(computed)
            if len(self._results) >= self._limit:
                self._results.clear()
                self._by_digest.clear()
            found = self._by_digest.setdefault(name, Interned(computed, name))
            self._results[key] = found
        return found
