"""Which password policy governs an account: its tenant's, or that of password settings that apply to it.

A tenant's is `cn=password and lockout policy` below its domain. Password settings stand below
`cn=Password Settings Container,cn=System` of the domain and apply to the accounts and groups that msDS-PSOAppliesTo
names; of several those that name the account itself win over those of its groups, then the lowest precedence, then the
lowest GUID ([MS-ADTS] 3.1.1.4.5.36). What they don't say is as the tenant's policy has it.

Whatever changes a policy moves the tenant's generation "policy" (`policy_rule`). A value that says nothing readable
counts as absent: passwords are then judged by the built-in policy, never by none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple, cast
from weakref import WeakKeyDictionary

from lightwave.directory.access.membership import membership
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.caches import DerivedCache
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import CONTEXT, TOMBSTONE, Record
from lightwave.identity.policy_attributes import (
    DEFAULT,
    PASSWORD_SETTINGS,
    SETTINGS,
    PasswordPolicy,
    PolicyError,
    check_policy,
    policy_from,
)

__all__ = ["DEFAULT", "PasswordPolicy", "policy_of", "resultant_settings", "tenant_policy"]

GENERATION: Final = "policy"
POLICY_RDN: Final = b"cn=password and lockout policy"
SETTINGS_CONTAINER: Final = b"cn=Password Settings Container,cn=System"
APPLIES_TO: Final = "1.2.840.113556.1.4.2020"
MAX_SETTINGS: Final = 1_000
"""password settings of a domain that are looked at"""
_LOWEST: Final = 1 << 31

_SETTINGS_NAMES = tuple(dict.fromkeys(one.attribute for one in (*PASSWORD_SETTINGS, *SETTINGS)))


class PasswordSettings(NamedTuple):
    """One entry of password settings; applied: ids of the accounts and groups that it names."""

    precedence: int
    guid: bytes
    entry_id: int
    applied: frozenset[int]
    values: Mapping[str, bytes]


class _Domain(NamedTuple):
    """The policies of one domain."""

    policy: PasswordPolicy
    settings: tuple[PasswordSettings, ...]
    """in the order in which they win"""


def policy_of(txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int) -> PasswordPolicy:
    """The policy that governs an account; the built-in one for what stands below no domain."""
    by_account = _caches(txn.store).accounts
    key = (tenant, entry_id)
    found = cast("PasswordPolicy | None", txn.cached(by_account, tenant, key))
    if found is None:
        domain = _domain_of(txn, schema, tenant, entry_id)
        settings = _resultant(txn, domain, tenant, entry_id)
        found = domain.policy if settings is None else _merged(domain.policy, settings, tenant)
        txn.cache(by_account, tenant, key, found)
    return found


def tenant_policy(txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int) -> PasswordPolicy:
    """The policy of the domain in which an entry stands, without regard to password settings."""
    return _domain_of(txn, schema, tenant, entry_id).policy


def policy_above(txn: ReadTransaction, schema: Schema, dn: bytes) -> PasswordPolicy:
    """The policy of the domain in which an entry will stand; the built-in one where no entry above it is there."""
    try:
        rdns = normalise_dn_text(schema, dn)
    except InvalidValue:
        return DEFAULT
    for depth in range(1, len(rdns)):
        try:
            return tenant_policy(txn, schema, *txn.find(rdns[depth:]))
        except NoSuchEntry:
            continue
    return DEFAULT


def resultant_settings(txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int) -> int | None:
    """Entry id of the password settings that govern an account (msDS-ResultantPSO); None where none do."""
    found = _resultant(txn, _domain_of(txn, schema, tenant, entry_id), tenant, entry_id)
    return None if found is None else found.entry_id


def values_of(
    txn: ReadTransaction, schema: Schema, record: Record, names: tuple[str, ...]
) -> dict[str, bytes]:
    """The first value of each of these attributes that a record has."""
    found = {}
    for name in names:
        attribute = schema.attribute(name)
        number = None if attribute is None else txn.attribute_number(attribute.oid)
        values = () if number is None else record.values(number)
        if values:
            found[name] = values[0]
    return found


class _Caches(NamedTuple):
    accounts: DerivedCache[tuple[object, ...], object]
    domains: DerivedCache[tuple[object, ...], object]


_known: WeakKeyDictionary[Store, _Caches] = WeakKeyDictionary()


def _caches(store: Store) -> _Caches:
    found = _known.get(store)
    if found is None:
        accounts = store.derived_cache(frozenset({GENERATION, "groups", "tree", "schema"}), by_entry=True)
        domains = store.derived_cache(frozenset({GENERATION, "tree", "schema"}))
        found = _known[store] = _Caches(accounts, domains)
    return found


def _domain_of(txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int) -> _Domain:
    """The policies of the naming context in which an entry stands."""
    while True:
        try:
            record = txn.record(tenant, entry_id)
        except NoSuchEntry:
            return _NO_DOMAIN
        if record.flags & CONTEXT:
            break
        entry_id = record.parent
    cache = _caches(txn.store).domains
    key = (tenant, entry_id)
    found = cast("_Domain | None", txn.cached(cache, tenant, key))
    if found is None:
        found = _load_domain(txn, schema, record.rdn)
        txn.cache(cache, tenant, key, found)
    return found


def _load_domain(txn: ReadTransaction, schema: Schema, dn: bytes) -> _Domain:
    policy = DEFAULT
    place = _find(txn, schema, POLICY_RDN + b"," + dn)
    if place is not None:
        names = tuple(one.attribute for one in SETTINGS)
        policy = _readable(DEFAULT, values_of(txn, schema, txn.record(*place), names), place)
    container = _find(txn, schema, SETTINGS_CONTAINER + b"," + dn)
    settings = () if container is None else tuple(sorted(_load_settings(txn, schema, *container), key=_order))
    return _Domain(policy, settings)


def _order(settings: PasswordSettings) -> tuple[int, bytes]:
    return settings.precedence, settings.guid


def _load_settings(
    txn: ReadTransaction, schema: Schema, tenant: int, container: int
) -> Iterator[PasswordSettings]:
    link = txn.attribute_number(APPLIES_TO)
    names = ("msDS-PasswordSettingsPrecedence", *_SETTINGS_NAMES)
    for count, (_, entry_id) in enumerate(txn.children(tenant, container)):
        if count == MAX_SETTINGS:
            return
        record = txn.record(tenant, entry_id)
        if link is None or record.flags & TOMBSTONE:
            continue
        applied = frozenset(txn.link_targets(tenant, entry_id, link))
        if applied:
            values = values_of(txn, schema, record, names)
            precedence = int(values.pop("msDS-PasswordSettingsPrecedence", b"%d" % _LOWEST))
            yield PasswordSettings(precedence, record.guid, entry_id, applied, values)


def _resultant(txn: ReadTransaction, domain: _Domain, tenant: int, entry_id: int) -> PasswordSettings | None:
    if not domain.settings:
        return None
    own = next((one for one in domain.settings if entry_id in one.applied), None)
    if own is not None:
        return own
    groups = membership(txn, tenant, entry_id).entry_ids
    return next((one for one in domain.settings if not groups.isdisjoint(one.applied)), None)


def _merged(policy: PasswordPolicy, settings: PasswordSettings, tenant: int) -> PasswordPolicy:
    return _readable(policy, settings.values, (tenant, settings.entry_id))


def _readable(base: PasswordPolicy, values: Mapping[str, bytes], entry: tuple[int, int]) -> PasswordPolicy:
    """`policy_from`, but for values that can't be read; `base` where the whole contradicts itself."""
    policy = replace(base, entry=entry)
    for name, value in values.items():
        try:
            policy = policy_from(policy, {name: value}, entry)
        except PolicyError:
            continue
    try:
        check_policy(policy)
    except PolicyError:
        return replace(base, entry=entry)
    return policy


def _find(txn: ReadTransaction, schema: Schema, dn: bytes) -> tuple[int, int] | None:
    try:
        return txn.find(normalise_dn_text(schema, dn))
    except (NoSuchEntry, InvalidValue):
        return None


_NO_DOMAIN = _Domain(DEFAULT, ())
