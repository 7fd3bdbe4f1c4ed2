"""Who an account is, for decisions: its own SID and those of all groups that it belongs to.

A group is an entry of a class of groups that names its members as `member`; groups nest, and each is visited once, so a
cycle ends. An entry of another class that has members all the same (extensibleObject lets it) gives them nothing:
whoever may write an account would become it. An account also belongs to the group that its primaryGroupID names, which
doesn't list it ([MS-ADTS] 3.1.1.4.5.19). A distribution group (a groupType without the security bit, [MS-ADTS] 2.2.12)
gives its members nothing, nor do the groups that it is in. A group without a groupType or a SID passes on what it is
in.

Answers are remembered until the tenant's generation `groups` moves: with every member that comes or goes, and every
change of a primaryGroupID or of a SID.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple, cast
from weakref import WeakKeyDictionary

from lightwave.directory.access.descriptor_errors import DescriptorError
from lightwave.directory.access.sid import AUTHENTICATED_USERS, EVERYONE, Sid, decode_sid, split_rid, with_rid
from lightwave.directory.access.tenant_state import TenantState, tenant_state
from lightwave.directory.store.entry_rows import GROUP_ATTRIBUTE, GROUPS
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.indexes import IndexKind
from lightwave.directory.store.record import TOMBSTONE

if TYPE_CHECKING:
    from lightwave.directory.store.caches import DerivedCache
    from lightwave.directory.store.environment import Store
    from lightwave.directory.store.reading import ReadTransaction
    from lightwave.directory.store.record import Record

OBJECT_SID: Final = "1.2.840.113556.1.4.146"
PRIMARY_GROUP_ID: Final = "1.2.840.113556.1.4.98"
GROUP_TYPE: Final = "1.2.840.113556.1.4.750"
OBJECT_CLASS: Final = "2.5.4.0"
SECURITY_ENABLED: Final = 0x80000000

_CLASSES: Final = frozenset(
    {
        *(b"group", b"1.2.840.113556.1.5.8"),
        *(b"groupofnames", b"2.5.6.9"),
        *(b"groupofmembers", b"1.3.6.1.1.1.2.18"),
    }
)
"""names and OIDs of the classes of groups, case folded. They are structural: no other entry can take one on"""
_REMEMBERED = 16_384


class Membership(NamedTuple):
    """What a token is made of. `entry_ids`: the account's entry and those of its groups, all of one tenant."""

    sids: frozenset[Sid]
    entry_ids: frozenset[int]


NOBODY: Final = Membership(frozenset(), frozenset())

_caches: WeakKeyDictionary[Store, DerivedCache[tuple[object, ...], object]] = WeakKeyDictionary()


def membership(txn: ReadTransaction, tenant: int, entry_id: int) -> Membership:
    """The account `entry_id` of its home tenant: its SID, its groups', everyone and authenticated users.

    Raises NoSuchEntry.
    """
    key = (tenant, entry_id)
    known = _known(txn, tenant, key)
    if known is None:
        known = _gather(txn, tenant, entry_id)
        txn.cache(_cache_of(txn.store), tenant, key, known)
    return known


def derived(txn: ReadTransaction, tenant: int, key: tuple[object, ...], make: Callable[[], object]) -> object:
    """What follows from who is in which group, remembered as memberships are. `key` has a name and is no pair."""
    known = txn.cached(_cache_of(txn.store), tenant, key)
    if known is None:
        known = make()
        txn.cache(_cache_of(txn.store), tenant, key, known)
    return known


def foreign_membership(txn: ReadTransaction, tenant: int, sid: Sid) -> Membership:
    """What an account of another tenant is in `tenant`: the groups of the foreignSecurityPrincipal with its SID.

    NOBODY where there is no such entry, or no group has it: then nothing is granted to whoever is authenticated either.
    Nor is anything in a tenant that is not active.
    """
    if tenant_state(txn, tenant) is not TenantState.ACTIVE:
        return NOBODY
    key = (tenant, sid)
    known = _known(txn, tenant, key)
    if known is None:
        known = NOBODY
        for entry_id in entries_of_sid(txn, tenant, sid):
            if is_foreign_principal(txn, txn.record(tenant, entry_id)):
                found = _gather(txn, tenant, entry_id)
                if len(found.entry_ids) > 1:
                    known = found
        txn.cache(_cache_of(txn.store), tenant, key, known)
    return known


def entries_of_sid(txn: ReadTransaction, tenant: int, sid: Sid) -> list[int]:
    """The entries with this objectSid, deleted ones left out: one at most, where all went as it should."""
    number = txn.attribute_number(OBJECT_SID)
    if number is None:
        return []
    found = []
    for entry_id in txn.index_ids(tenant, number, IndexKind.EQUALITY, sid):
        if not txn.record(tenant, entry_id).flags & TOMBSTONE:
            found.append(entry_id)
    return found


def sid_of(txn: ReadTransaction, record: Record) -> Sid | None:
    """The objectSid of a record; None where it has none, or one that is no SID."""
    value = _first(txn, record, OBJECT_SID)
    if value is None:
        return None
    try:
        return decode_sid(value)
    except DescriptorError:
        return None


def security_groups(txn: ReadTransaction, tenant: int, entry_id: int) -> Iterator[tuple[int, Record]]:
    """(entry id, record) of the groups that give an account their rights, nested ones included, nearest first."""
    number = txn.attribute_number(GROUP_ATTRIBUTE)
    seen = {entry_id}
    front = [entry_id]
    first = _primary_group(txn, tenant, txn.record(tenant, entry_id))
    while front or first:
        following: list[int] = []
        candidates = [] if first is None else [first]
        first = None
        for member in front:
            if number is not None:
                candidates += txn.link_sources(tenant, member, number)
        for group in candidates:
            if group in seen:
                continue
            seen.add(group)
            record = txn.record(tenant, group)
            if record.flags & TOMBSTONE or not is_security_group(txn, record):
                continue
            following.append(group)
            yield group, record
        front = following


def is_security_group(txn: ReadTransaction, record: Record) -> bool:
    """Whether it is a group, and what it is granted its members have."""
    number = txn.attribute_number(OBJECT_CLASS)
    if number is None or not any(one.lower() in _CLASSES for one in record.values(number)):
        return False
    value = _first(txn, record, GROUP_TYPE)
    if value is None:
        return True
    try:
        return bool(int(value) & SECURITY_ENABLED)
    except ValueError:
        return False


def _gather(txn: ReadTransaction, tenant: int, entry_id: int) -> Membership:
    sids = {EVERYONE, AUTHENTICATED_USERS}
    entry_ids = {entry_id}
    own = sid_of(txn, txn.record(tenant, entry_id))
    if own is not None:
        sids.add(own)
    for group, record in security_groups(txn, tenant, entry_id):
        entry_ids.add(group)
        sid = sid_of(txn, record)
        if sid is not None:
            sids.add(sid)
    return Membership(frozenset(sids), frozenset(entry_ids))


def _primary_group(txn: ReadTransaction, tenant: int, record: Record) -> int | None:
    """The entry that primaryGroupID names: a RID of the account's own domain."""
    value, own = _first(txn, record, PRIMARY_GROUP_ID), sid_of(txn, record)
    parts = None if own is None else split_rid(own)
    if value is None or parts is None:
        return None
    try:
        found = entries_of_sid(txn, tenant, with_rid(parts[0], int(value)))
    except (ValueError, DescriptorError, NoSuchEntry):
        return None
    return found[0] if found else None


def is_foreign_principal(txn: ReadTransaction, record: Record) -> bool:
    """Whether an entry stands for an account of another tenant, whose SID it has."""
    number = txn.attribute_number(OBJECT_CLASS)
    return number is not None and any(
        value.decode("ascii", "replace").casefold() == "foreignsecurityprincipal"
        for value in record.values(number)
    )


def _first(txn: ReadTransaction, record: Record, attribute: str) -> bytes | None:
    number = txn.attribute_number(attribute)
    if number is None:
        return None
    values = record.values(number)
    return values[0] if values else None


def _cache_of(store: Store) -> DerivedCache[tuple[object, ...], object]:
    cache = _caches.get(store)
    if cache is None:
        cache = _caches[store] = store.derived_cache(frozenset({GROUPS}), by_entry=True, size=_REMEMBERED)
    return cache


def _known(txn: ReadTransaction, tenant: int, key: tuple[object, ...]) -> Membership | None:
    return cast("Membership | None", txn.cached(_cache_of(txn.store), tenant, key))
