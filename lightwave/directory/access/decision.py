"""The access decision: token, effective descriptor and relation in; rights and attribute masks out.

One built-in rule stands behind it: the administrator may do all; who is signed in may read all; an anonymous
client may read the root DSE and the schema. Secret attributes are readable for nobody: they are in no record.
Callers evaluate a descriptor once per (descriptor, token, relation) and keep the decision for the operation.
"""

from __future__ import annotations

from dataclasses import dataclass

from lightwave.directory.access.attribute_set import ALL, NONE, AttributeSet
from lightwave.directory.access.descriptor import EffectiveDescriptor, Kind
from lightwave.directory.access.rights import FULL, READ, Right
from lightwave.directory.access.token import Token


@dataclass(frozen=True, slots=True)
class Relation:
    """What the asking identity is to the entry."""

    is_self: bool = False
    is_owner: bool = False


STRANGER = Relation()
SELF = Relation(is_self=True)


def relation_of(token: Token, tenant: int, entry_id: int) -> Relation:
    """The relation of `token` to an entry. (No entry has an owner of its own yet.)"""
    return SELF if token.entry_id == entry_id and token.tenant == tenant else STRANGER


@dataclass(frozen=True, slots=True)
class Decision:
    """What is allowed: rights on the entry, and the attributes that may be read and written, by number."""

    rights: Right
    readable: AttributeSet
    writable: AttributeSet

    def allows(self, wanted: Right) -> bool:
        """Whether every one of the `wanted` rights is granted."""
        return (
            int.__and__(self.rights, wanted) == wanted
        )  # not Flag's own `&`, which makes an object each time


_EVERYTHING = Decision(FULL, ALL, ALL)
_READING = Decision(READ, ALL, NONE)
_NOTHING = Decision(Right.NONE, NONE, NONE)


def decide(token: Token, descriptor: EffectiveDescriptor, relation: Relation = STRANGER) -> Decision:
    """What the bearer of `token` may do with an entry that carries `descriptor`; shared objects, cheap
    to call.
    """
    if token.is_administrator:
        return _EVERYTHING
    if not token.is_anonymous or descriptor.kind is not Kind.ORDINARY:
        return _READING
    return _NOTHING
