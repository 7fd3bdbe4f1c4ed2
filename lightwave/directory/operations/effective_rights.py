"""Get effective rights (1.3.6.1.4.1.42.2.27.9.5.2): what somebody may do with the entries that a search finds.

Two attributes are added to each entry, in the form of 389 Directory Server: entryLevelRights (v view, a add below it,
d delete, n rename) and attributeLevelRights (r read, s search, c compare, w write, o delete values, W and O add and
remove oneself). Everybody may ask about himself; about others, administrators of the tenant, of entries whose
descriptor they may read. The attributes are those that the control and the search name, else those of the entry that
the requester may read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, final

from lightwave.directory.access.control_rights import SELF_MEMBERSHIP
from lightwave.directory.access.decision import Decision, decide, decide_for, guarded
from lightwave.directory.access.membership import Membership, membership
from lightwave.directory.access.rights import Right
from lightwave.directory.access.token import ANONYMOUS
from lightwave.directory.ldap.dn import parse_dn
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.descriptor_attributes import may_write
from lightwave.directory.operations.gather import find_visible
from lightwave.directory.store.record import encode_attribute

if TYPE_CHECKING:
    from lightwave.directory.ldap.access_controls import EffectiveRights
    from lightwave.directory.operations.candidate import Candidate
    from lightwave.directory.operations.context import Context
    from lightwave.directory.schema.attribute import AttributeDescription
    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.store.reading import ReadTransaction

_MEMBER: Final = "2.5.4.31"
_NAME: Final = "1.2.840.113556.1.4.1"
_NO_NAMES: Final = frozenset({"*", "+", "1.1"})


class Whose(NamedTuple):
    """Of whom rights are told: an entry of the tenant, None for anonymous clients."""

    entry_id: int | None
    is_own: bool


class Encoding(Protocol):
    """What makes an entry's attributes into octets."""

    def encode(self, candidate: Candidate) -> bytes: ...


def whose_rights(
    txn: ReadTransaction, schema: Schema, context: Context, tenant: int, asked: EffectiveRights
) -> Whose:
    """Of whom the control asks, in a search in `tenant`; raises DirectoryError where one may not ask that."""
    token = context.token
    dn = asked.authorization[len(b"dn:") :].strip()
    entry_id: int | None = None
    if dn:
        place = find_visible(txn, schema, context, dn)[0]
        if place.tenant != tenant:
            raise DirectoryError(
                ResultCode.NO_SUCH_OBJECT, "whose rights are asked for is not of this tenant"
            )
        entry_id = place.entry_id
    is_own = token.is_anonymous if entry_id is None else (token.tenant, token.entry_id) == (tenant, entry_id)
    if not (is_own or token.administers(tenant) or token.bypasses(tenant)):
        raise DirectoryError(
            ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "rights of others are told to administrators"
        )
    return Whose(entry_id, is_own)


@final
class RightsSelection:
    """A selection with rights behind it."""

    def __init__(
        self,
        inner: Encoding,
        schema: Schema,
        whose: Whose,
        requested: tuple[str, ...],
        more: tuple[str, ...],
    ) -> None:
        self._inner = inner
        self._whose = whose
        names = (*more, *(name for name in requested if name not in _NO_NAMES))
        described = (schema.describe(name) for name in dict.fromkeys(names))
        self._named = tuple(one for one in described if one is not None)
        self._takes_all = not names or "*" in requested

    def encode(self, candidate: Candidate) -> bytes:
        """`Encoding`."""
        selected = self._inner.encode(candidate)
        decision = self._decision(candidate)
        if decision is None:
            return selected
        rights = ", ".join(
            f"{one.text}:{_of_attribute(candidate, decision, one)}" for one in self._attributes(candidate)
        )
        parts = [selected, encode_attribute(b"entryLevelRights", [_of_entry(candidate, decision).encode()])]
        if rights:
            parts.append(encode_attribute(b"attributeLevelRights", [rights.encode()]))
        return b"".join(parts)

    def _decision(self, candidate: Candidate) -> Decision | None:
        """What he may do with the entry whose rights are asked for; None where the requester may not know."""
        txn, schema, tenant, entry_id = candidate.txn, candidate.schema, candidate.tenant, candidate.entry_id
        record, token = candidate.record, candidate.context.token
        if not self._whose.is_own and not decide(txn, schema, token, tenant, entry_id, record).allows(
            Right.READ_CONTROL
        ):
            return None
        if self._whose.is_own:
            return decide(txn, schema, token, tenant, entry_id, record)
        whose = self._whose.entry_id
        member = Membership(ANONYMOUS.sids, frozenset()) if whose is None else membership(txn, tenant, whose)
        granted = decide_for(txn, schema, member, tenant, entry_id, record)
        return guarded(txn, schema, member, tenant, entry_id, granted)

    def _attributes(self, candidate: Candidate) -> list[AttributeDescription]:
        found = {one.key: one for one in self._named}
        if self._takes_all:
            txn, record = candidate.txn, candidate.record
            for number in (*record.numbers(), *txn.link_attributes(candidate.tenant, candidate.entry_id)):
                described = candidate.schema.describe(txn.attribute_key(number))
                if described is not None and not described.type.is_operational and candidate.may_read(number):
                    found.setdefault(described.key, described)
        return list(found.values())


def _of_entry(candidate: Candidate, decision: Decision) -> str:
    rights = "v" if decision.readable else ""
    rights += "a" if decision.creatable else ""
    rights += "d" if decision.allows(Right.DELETE) else ""
    return rights + ("n" if _may_rename(candidate, decision) else "") or "none"


def _may_rename(candidate: Candidate, decision: Decision) -> bool:
    rdn = parse_dn(candidate.record.rdn)[0]
    types = (candidate.schema.attribute(ava.type) for ava in rdn)
    return _NAME in decision.writable and all(
        one is not None and one.oid in decision.writable for one in types
    )


def _of_attribute(candidate: Candidate, decision: Decision, description: AttributeDescription) -> str:
    attribute = description.type
    number = candidate.txn.attribute_number(description.key)
    is_readable = (attribute.oid if number is None else number) in decision.readable
    rights = "rsc" if is_readable and not attribute.is_secret else ""
    if may_write(decision, attribute):
        rights += "wo"
    elif attribute.oid == _MEMBER and SELF_MEMBERSHIP in decision.validated_writes:
        rights += "WO"
    return rights or "none"
