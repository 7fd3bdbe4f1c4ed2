"""Protected accounts: those that stand above whoever is merely delegated to.

An administrator's account stands somewhere in the tree, and whoever may reset passwords there could become him. So the
members of administrative groups, however nested, and these groups themselves take a second decision: what a template
grants, which names administrators and the account itself and inherits nothing. What is not granted by both is not
granted; reading is left alone. Administrative is every group that a domain begins with, whichever RID it has, but those
that all accounts are in: these groups are marked isCriticalSystemObject, which only the server writes.

Active Directory writes its template (AdminSDHolder, [MS-ADTS] 3.1.1.6.1) onto such entries once an hour; here it holds
from the commit on that makes a member.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from lightwave.directory.access.class_defaults import PROTECTED_ACCOUNT, default_descriptor
from lightwave.directory.access.descriptor import EffectiveDescriptor
from lightwave.directory.access.inheritance import Interned, digest
from lightwave.directory.access.membership import GROUP_TYPE, derived, membership, sid_of
from lightwave.directory.access.sid import BUILTIN_ADMINISTRATORS, BUILTIN_USERS, Sid, split_rid

if TYPE_CHECKING:
    from lightwave.directory.access.guid import Guid
    from lightwave.directory.store.reading import ReadTransaction
    from lightwave.directory.store.record import Record

_RIDS: Final = frozenset({500, 502, 512, 518})
"""of a domain: Administrator, krbtgt, DCAdmins, SchemaManagers"""
_EVERYBODYS_RIDS: Final = frozenset({513, 515})
"""of a domain: Domain Users, DCClients"""
_CRITICAL: Final = "1.2.840.113556.1.4.868"  # isCriticalSystemObject
_ACCOUNT_DOMAIN: Final = 21


def is_protected(txn: ReadTransaction, tenant: int, entry_id: int) -> bool:
    """Whether an entry is an administrative group or belongs to one; raises NoSuchEntry."""
    member = membership(txn, tenant, entry_id)
    if any(map(_is_administrative, member.sids)):
        return True
    return bool(
        derived(
            txn,
            tenant,
            ("protected", tenant, entry_id),
            lambda: any(_is_built_in(txn, txn.record(tenant, one)) for one in member.entry_ids),
        )
    )


def _is_built_in(txn: ReadTransaction, record: Record) -> bool:
    """Whether it is a group that the domain began with, and none of those that everybody is in."""
    critical, kind = txn.attribute_number(_CRITICAL), txn.attribute_number(GROUP_TYPE)
    if critical is None or kind is None or record.values(critical) != [b"TRUE"] or not record.values(kind):
        return False
    sid = sid_of(txn, record)
    return sid is None or not _is_everybodys(sid)


def protecting(domain: Sid | None, structural: Guid) -> EffectiveDescriptor:
    """The template for entries of a domain and a structural class; shared objects."""
    return _template(domain, structural)


@lru_cache(maxsize=4096)
def _template(domain: Sid | None, structural: Guid) -> EffectiveDescriptor:
    descriptor = default_descriptor(PROTECTED_ACCOUNT, domain)
    return EffectiveDescriptor(Interned(descriptor, digest(descriptor)), structural, domain)


@lru_cache(maxsize=16_384)
def _is_administrative(sid: Sid) -> bool:
    if sid == BUILTIN_ADMINISTRATORS:
        return True
    parts = split_rid(sid)
    return parts is not None and parts[1] in _RIDS and _is_domain(parts[0])


def _is_everybodys(sid: Sid) -> bool:
    parts = split_rid(sid)
    return sid == BUILTIN_USERS or (
        parts is not None and parts[1] in _EVERYBODYS_RIDS and _is_domain(parts[0])
    )


def _is_domain(sid: Sid) -> bool:
    """Whether it is of the form S-1-5-21-…, or S-1-7-21-… as the original gave them."""
    return len(sid) == 24 and int.from_bytes(sid[8:12], "little") == _ACCOUNT_DOMAIN
