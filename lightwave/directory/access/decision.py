"""The access decision: token, effective descriptor and relation in; rights and sets of attributes out.

A decision is made once for each descriptor in force, set of SIDs and relation, and remembered. Whose SIDs
are asked depends on whose entry it is: in his own tenant an account is what its token says; in another it is what the
foreignSecurityPrincipal with its SID there belongs to, and without one nobody at all. (What the system tenant shows to
anonymous clients, its schema, everybody is shown.) Secret attributes are readable for nobody: they are in no record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from lightwave.directory.access.attribute_set import ALL, NONE, AttributeSet, both
from lightwave.directory.access.descriptor import EffectiveDescriptor, descriptors_of
from lightwave.directory.access.evaluation import Asker, evaluate
from lightwave.directory.access.membership import NOBODY, Membership, foreign_membership
from lightwave.directory.access.protection import is_protected, protecting
from lightwave.directory.access.rights import FULL, READ, Right
from lightwave.directory.access.schema_types import schema_types
from lightwave.directory.access.sid import Sid
from lightwave.directory.access.token import ANONYMOUS, Token
from lightwave.directory.store.layout import ROOT, SYSTEM_TENANT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.store.reading import ReadTransaction
    from lightwave.directory.store.record import Record

_COUNTS_OF_CHILDREN: Final = frozenset({"1.3.6.1.4.1.453.16.2.103", "2.5.18.9"})
"""numSubordinates and hasSubordinates tell of children, which LIST_CONTENTS is about"""
_STRANGER: Final = Membership(ANONYMOUS.sids, frozenset())


@dataclass(frozen=True, slots=True)
class Decision:
    """What is allowed on an entry: rights on all of it, and the parts that it is allowed on.

    rights: of those that may be about a part, a bit is there only when no part is excepted. readable, writable: the
    attributes. creatable, deletable: classes of children, by OID. control_rights, validated_writes: by GUID.
    """

    rights: Right
    readable: AttributeSet
    writable: AttributeSet
    creatable: AttributeSet = NONE
    deletable: AttributeSet = NONE
    control_rights: AttributeSet = NONE
    validated_writes: AttributeSet = NONE

    def allows(self, wanted: Right) -> bool:
        """Whether every one of the `wanted` rights is granted."""
        return (
            int.__and__(self.rights, wanted) == wanted
        )  # not Flag's own `&`, which makes an object each time

    def only_reads(self) -> bool:
        """Whether nothing can be changed by it."""
        return not (
            int(self.rights) & ~int(READ)
            or self.writable
            or self.creatable
            or self.deletable
            or self.control_rights
            or self.validated_writes
        )

    def less_than(self, other: Decision) -> Decision:
        """Of what is more than reading, only what `other` grants too."""
        return Decision(
            Right(int(self.rights) & (int(READ) | int(other.rights))),
            self.readable,
            both(self.writable, other.writable),
            both(self.creatable, other.creatable),
            both(self.deletable, other.deletable),
            both(self.control_rights, other.control_rights),
            both(self.validated_writes, other.validated_writes),
        )


EVERYTHING: Final = Decision(FULL, ALL, ALL, ALL, ALL, ALL, ALL)
READING: Final = Decision(READ, ALL, NONE)
NOTHING: Final = Decision(Right.NONE, NONE, NONE)


def who(txn: ReadTransaction, token: Token, tenant: int) -> Membership:
    """What the bearer of `token` is to the descriptors of `tenant`."""
    if token.tenant == tenant or token.is_anonymous:
        return Membership(token.sids, token.entry_ids)
    found = NOBODY if token.sid is None else foreign_membership(txn, tenant, token.sid)
    if found.sids:
        return found
    return _STRANGER if tenant == SYSTEM_TENANT else NOBODY


def decide(
    txn: ReadTransaction,
    schema: Schema,
    token: Token,
    tenant: int,
    entry_id: int,
    record: Record | None = None,
) -> Decision:
    """What the bearer of `token` may do with an entry; raises NoSuchEntry. `record` spares a look-up.

    Whether he sees it at all is another question: see `sees`.
    """
    if token.bypasses(tenant):
        return EVERYTHING
    if entry_id == ROOT:
        return READING
    sids, entry_ids = who(txn, token, tenant)
    if not sids:
        return NOTHING
    decision = decide_for(txn, schema, Membership(sids, entry_ids), tenant, entry_id, record)
    if token.is_administrator and token.tenant == tenant:
        return decision
    return guarded(txn, schema, Membership(sids, entry_ids), tenant, entry_id, decision)


def decide_for(
    txn: ReadTransaction,
    schema: Schema,
    member: Membership,
    tenant: int,
    entry_id: int,
    record: Record | None = None,
) -> Decision:
    """What the descriptor in force grants to somebody, leaving aside that an account may be protected."""
    descriptor = descriptors_of(txn.store).of(txn, schema, tenant, entry_id, record)
    return decide_on(txn, schema, descriptor, member.sids, is_self=entry_id in member.entry_ids)


def guarded(
    txn: ReadTransaction,
    schema: Schema,
    member: Membership,
    tenant: int,
    entry_id: int,
    decision: Decision,
) -> Decision:
    """A decision, less what may not be done with a protected account; see `protection`."""
    if decision.only_reads() or not is_protected(txn, tenant, entry_id):
        return decision
    in_force = descriptors_of(txn.store).of(txn, schema, tenant, entry_id)
    template = protecting(in_force.domain, in_force.structural)
    allowed = decide_on(txn, schema, template, member.sids, is_self=entry_id in member.entry_ids)
    return decision.less_than(allowed)


def sees(
    txn: ReadTransaction,
    schema: Schema,
    token: Token,
    tenant: int,
    record: Record,
    decision: Decision,
) -> bool:
    """Whether an entry with this decision is there for the bearer of `token` ([MS-ADTS] 5.1.3.3.6).

    He has to be able to read something of it, and to list what stands below its parent, or both the parent and the
    entry as objects. Nothing is above the root of a naming context.
    """
    if decision.readable is NONE or not decision.readable:
        return False
    parent = record.parent
    if parent == ROOT or token.bypasses(tenant):
        return True
    above = decide(txn, schema, token, tenant, parent)
    return above.allows(Right.LIST_CONTENTS) or (
        above.allows(Right.LIST_OBJECT) and decision.allows(Right.LIST_OBJECT)
    )


def decide_on(
    txn: ReadTransaction,
    schema: Schema,
    descriptor: EffectiveDescriptor,
    sids: frozenset[Sid],
    *,
    is_self: bool,
) -> Decision:
    """What `descriptor` grants to who has these SIDs; shared objects."""
    types = schema_types(schema)
    keys = txn.attribute_key_mapping()
    decisions = descriptors_of(txn.store).decisions
    key = (descriptor, sids, is_self)
    known = cast("tuple[object, int, Decision] | None", decisions.get(key))
    if known is not None and known[0] is types and known[1] == len(keys):
        return known[2]
    made = _decided(schema, descriptor, sids, keys, is_self=is_self)
    decisions.put(key, (types, len(keys), made))
    return made


def _decided(
    schema: Schema,
    descriptor: EffectiveDescriptor,
    sids: frozenset[Sid],
    keys: Mapping[int, str],
    *,
    is_self: bool,
) -> Decision:
    types = schema_types(schema)
    in_force = descriptor.descriptor
    asking = Asker(sids, is_self, in_force.owner in sids)
    granted = evaluate(in_force, asking, types.tables, descriptor.structural)
    readable = types.attributes(types.readable(granted.readable, keys), keys)
    if not granted.rights & Right.LIST_CONTENTS and readable is not NONE:
        readable = types.without(readable, keys, _COUNTS_OF_CHILDREN)
    return Decision(
        Right(granted.rights),
        readable,
        types.attributes(granted.writable, {}),
        types.classes(granted.creatable),
        types.classes(granted.deletable),
        types.control_rights(granted.control_rights),
        types.validated_writes(granted.validated_writes),
    )
