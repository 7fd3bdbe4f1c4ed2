"""Brings a store of an earlier version up to what its domains begin with today, and gives accounts what they lack.

In the first slice of a tenant its domain gets whatever stands in a new one and is missing: containers, groups, SIDs of
what is well-known. Then all entries are looked at, some at a time: accounts and groups without a SID get one, and what
goes with it. How far it has come stands in `meta`, so a killed one goes on where it was. A new store is complete.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from lightwave.directory.access.membership import sid_of
from lightwave.directory.ldap.dn import parse_dn
from lightwave.directory.ldap.result import DirectoryError
from lightwave.directory.operations.account_control import DISABLED, NEVER_EXPIRES, default_control
from lightwave.directory.operations.domain_tree import fill_domain
from lightwave.directory.operations.entry_builder import EntryBuilder
from lightwave.directory.operations.gather import classes_of
from lightwave.directory.operations.indexing import FlatCommits
from lightwave.directory.operations.plugins.amending import known
from lightwave.directory.operations.plugins.groups import DEFAULT_TYPE
from lightwave.directory.operations.plugins.identifiers import COMPUTER, GROUP, USER, WITH_SID
from lightwave.directory.operations.plugins.index_definitions import INDICES_DN, index_attribute
from lightwave.directory.operations.plugins.principal_names import expect_all_names
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.operations.security_identifiers import (
    DOMAIN_COMPUTERS_RID,
    DOMAIN_USERS_RID,
    new_domain_sid,
    next_sid,
)
from lightwave.directory.operations.tenant_entries import TENANTS_DN, add_operators, add_tenant_entry
from lightwave.directory.schema.normalisation import normalise_dn, normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.building import declare_index
from lightwave.directory.store.entry_rows import GROUPS
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.indexes import IndexKind
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import TOMBSTONE, Record
from lightwave.directory.store.writing import AttributeChange, WriteTransaction

EXAMINED: Final = 2_000
"""entries that one slice looks at"""
CHANGED: Final = 200
"""entries that one slice changes"""
_META = b"completion"
_PLACE = struct.Struct(">BIQ")  # version; tenant and entry id of the position, tenant 0 for done
_VERSION = 1
_NEW_INDEXES = ("primaryGroupID", "lwAlias")
_FILLED_IN = (
    "isCriticalSystemObject",
    "objectSid",
    "sAMAccountName",
    "groupType",
    "userAccountControl",
    "vmwPasswordNeverExpires",
    "primaryGroupID",
)
_DOMAIN_CLASS = "domainDNS"

_log = logging.getLogger(__name__)


def mark_complete(txn: WriteTransaction) -> None:
    """Note that nothing is missing in this store."""
    txn.put_meta(_META, _PLACE.pack(_VERSION, 0, 0))


class Completion:
    """Does the work in slices between the commits of a serving node, once for a store."""

    def __init__(
        self, store: Store, schemas: SchemaSource, committer: FlatCommits, new_guid: Callable[[], bytes]
    ) -> None:
        self._store = store
        self._schemas = schemas
        self._committer = committer
        self._new_guid = new_guid
        self._running = self._done = False

    def run_slice(self) -> bool:
        """Sees to it that the work goes on; whether there is any. Called now and then on the reactor thread."""
        if self._running or self._done:
            return self._running
        with self._store.read() as txn:
            if _place(txn) == (0, 0):
                self._done = True
                return False
        self._running = True
        schemas = self._schemas.apart()  # a slice runs in the commit thread
        self._committer.submit_flat(
            lambda txn: complete_slice(txn, schemas.current(txn), self._new_guid), self._finished
        )
        return True

    def _finished(self, error: BaseException | None) -> None:
        self._running = False
        if error is not None:
            _log.error("bringing the store up to date failed; it goes on later", exc_info=error)
        else:
            _log.info("the store is up to date: its accounts and groups have SIDs")


def _place(txn: ReadTransaction) -> tuple[int, int]:
    """(tenant, entry id) behind which it goes on; (0, 0) when all is done."""
    data = txn.meta(_META)
    if data is None:
        return (min(txn.tenants(), default=0), 0)
    version, tenant, entry_id = _PLACE.unpack(data)
    return (tenant, entry_id) if version == _VERSION else (min(txn.tenants(), default=0), 0)


def complete_slice(txn: WriteTransaction, schema: Schema, new_guid: Callable[[], bytes]) -> bool:
    """One slice, and its place in the same transaction; whether it goes on."""
    tenant, after = _place(txn)
    if not tenant:
        return False
    if not after:
        _complete_domain(txn, schema, tenant, new_guid)
    changed = examined = 0
    last = after
    for entry_id in list(_some(txn, tenant, after)):
        last = entry_id
        examined += 1
        changed += _complete_entry(txn, schema, tenant, entry_id)
        if changed >= CHANGED:
            break
    if changed:
        txn.bump_generation(tenant, GROUPS)
    if examined < EXAMINED and changed < CHANGED:
        tenant, last = min((one for one in txn.tenants() if one > tenant), default=0), 0
    txn.put_meta(_META, _PLACE.pack(_VERSION, tenant, last))
    return tenant != 0


def _some(txn: ReadTransaction, tenant: int, after: int) -> list[int]:
    found = []
    for entry_id in txn.entry_ids(tenant, after):
        found.append(entry_id)
        if len(found) == EXAMINED:
            break
    return found


def _complete_domain(
    txn: WriteTransaction, schema: Schema, tenant: int, new_guid: Callable[[], bytes]
) -> None:
    builder = _CompletingBuilder(txn, schema, tenant, new_guid)
    expect_all_names(txn, tenant)
    for _, context in txn.contexts(tenant):
        record = txn.record(tenant, context.entry_id)
        structural = classes_of(txn, schema, record).structural
        if structural is not None and structural.name == _DOMAIN_CLASS:
            domain = sid_of(txn, record)
            if domain is None:
                domain = new_domain_sid(new_guid())
                builder.fill_in(context.entry_id, {"objectSid": (domain,)})
            fill_domain(builder, context.dn, context.entry_id, domain)
            if tenant == SYSTEM_TENANT:
                _complete_tenants(builder, context.dn)
            break
    if tenant == SYSTEM_TENANT:
        for name in _NEW_INDEXES:
            dn = b"cn=" + name.encode() + b"," + INDICES_DN
            try:
                txn.find(normalise_dn_text(schema, dn))
            except NoSuchEntry:
                declare_index(txn, index_attribute(schema, name.encode()).oid, IndexKind.EQUALITY)
                builder.add(dn, ["top", "lwIndex"], lwIndexKind=b"equality")


def _complete_tenants(builder: EntryBuilder, dn: bytes) -> None:
    """Where the tenants are listed; an earlier version had one."""
    builder.add(TENANTS_DN, ["top", "container"], critical=True)
    add_tenant_entry(builder, builder.txn.tenant_guid(builder.tenant), dn)
    add_operators(builder, dn)


def _complete_entry(txn: WriteTransaction, schema: Schema, tenant: int, entry_id: int) -> bool:
    """Gives an account or group what it lacks; whether it lacked anything."""
    record = txn.record(tenant, entry_id)
    if record.flags & TOMBSTONE:
        return False
    classes = classes_of(txn, schema, record).oids
    if WITH_SID.isdisjoint(classes):
        return False
    missing: dict[str, tuple[bytes, ...]] = {}
    if not _has(txn, schema, record, "objectSid"):
        try:
            sid = next_sid(txn, schema, tenant)
        except DirectoryError:
            sid = None
        if sid is not None:
            missing["objectSid"] = (sid,)
    if USER in classes:
        is_computer = COMPUTER in classes
        control = default_control(is_computer=is_computer)
        for bit, name in ((DISABLED, "nsAccountLock"), (NEVER_EXPIRES, "vmwPasswordNeverExpires")):
            if b"TRUE" in (value.upper() for value in _values(txn, schema, record, name)):
                control |= bit
        missing["userAccountControl"] = (b"%d" % control,)
        missing["primaryGroupID"] = (b"%d" % (DOMAIN_COMPUTERS_RID if is_computer else DOMAIN_USERS_RID),)
    elif GROUP in classes:
        missing["groupType"] = (DEFAULT_TYPE,)
    return _fill_in(txn, schema, tenant, entry_id, missing)


def _fill_in(
    txn: WriteTransaction,
    schema: Schema,
    tenant: int,
    entry_id: int,
    attributes: Mapping[str, tuple[bytes, ...]],
) -> bool:
    """Puts those of the attributes that the entry has no value of; whether there were any."""
    record = txn.record(tenant, entry_id)
    changes = [
        AttributeChange(known(schema, name), values)
        for name, values in attributes.items()
        if not _has(txn, schema, record, name)
    ]
    if changes:
        txn.update_entry(tenant, entry_id, changes, txn.begin_change())
    return bool(changes)


def _values(txn: ReadTransaction, schema: Schema, record: Record, name: str) -> list[bytes]:
    number = txn.attribute_number(known(schema, name).key)
    return [] if number is None else record.values(number)


def _has(txn: ReadTransaction, schema: Schema, record: Record, name: str) -> bool:
    return bool(_values(txn, schema, record, name))


class _CompletingBuilder(EntryBuilder):
    """Adds what is missing; of an entry that is there, it fills in what says who it is."""

    def add(
        self,
        dn: bytes,
        classes: Sequence[str],
        *,
        context: bool = False,
        critical: bool = False,
        guid: bytes | None = None,
        settings: Mapping[str, Sequence[bytes]] | None = None,
        **attributes: bytes | Sequence[bytes],
    ) -> int:
        """See `EntryBuilder.add`; the entry id of the one that is there."""
        given = {
            name: (values,) if isinstance(values, bytes) else tuple(values)
            for name, values in (*attributes.items(), *(settings or {}).items())
        }
        try:
            _, entry_id = self.txn.find(normalise_dn(self.schema, parse_dn(dn)))
        except NoSuchEntry:
            return super().add(dn, classes, context=context, critical=critical, guid=guid, settings=given)
        if critical:  # an earlier version did not mark all of them
            given["isCriticalSystemObject"] = (b"TRUE",)
        self.fill_in(entry_id, {name: values for name, values in given.items() if name in _FILLED_IN})
        return entry_id

    def fill_in(self, entry_id: int, attributes: Mapping[str, tuple[bytes, ...]]) -> None:
        """Puts those of the attributes that the entry has no value of."""
        _fill_in(self.txn, self.schema, self.tenant, entry_id, attributes)
