"""The entries of a fresh directory: the system tenant with configuration, schema, indexes, first node and domain."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lightwave.directory.operations.completion import mark_complete
from lightwave.directory.operations.domain_tree import add_deleted_objects, build_domain
from lightwave.directory.operations.entry_builder import EntryBuilder
from lightwave.directory.operations.plugins.index_definitions import (
    INDICES_DN,
    index_attribute,
    index_kinds,
    unique_scopes,
)
from lightwave.directory.operations.plugins.uniqueness import put_scopes
from lightwave.directory.operations.subschema_entry import SCHEMA_CONTEXT_DN, SUBSCHEMA_DN
from lightwave.directory.operations.tenant_entries import add_operators, add_tenant_entry, add_tenants
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.building import declare_index
from lightwave.directory.store.errors import StoreError
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.writing import WriteTransaction

CONFIG_DN = b"cn=config"

_E = b"equality"
_EACH_TENANT = b""
"""as a scope of uniqueness: the root of the tree"""

DEFAULT_INDEXES: tuple[tuple[str, tuple[bytes, ...], bool], ...] = (
    # attribute, kinds, unique within each tenant
    ("objectClass", (_E,), False),
    ("cn", (_E,), False),
    ("sn", (_E,), False),
    ("givenName", (_E,), False),
    ("uid", (_E,), False),
    ("mail", (_E,), False),
    ("uidNumber", (_E,), False),
    ("gidNumber", (_E,), False),
    ("memberUid", (_E,), False),
    ("uniqueMember", (_E,), False),
    ("primaryGroupID", (_E,), False),
    ("objectSid", (_E,), False),
    ("sAMAccountName", (_E,), True),
    ("userPrincipalName", (_E,), True),
    ("servicePrincipalName", (_E,), True),
    ("lwAlias", (_E,), False),
)


@dataclass(frozen=True, slots=True)
class Domain:
    """What promote knows about the domain that it makes."""

    dn: bytes
    """dc=lightwave,dc=local"""
    hostname: str
    """of this node; cn=<hostname>,cn=nodes,cn=config"""
    settings: Mapping[str, Sequence[bytes]] = field(default_factory=dict)
    """attributes of the node's entry beyond its name"""


@dataclass(frozen=True, slots=True)
class Tree:
    """Where things of the fresh tree are."""

    tenant: int
    administrator: int
    """entry id"""
    administrator_dn: bytes
    node: int
    """entry id of the node's settings"""


def create_tree(
    txn: WriteTransaction,
    schema: Schema,
    domain: Domain,
    *,
    new_guid: Callable[[], bytes] = lambda: uuid.uuid4().bytes,
) -> Tree:
    """Makes the system tenant with its naming contexts and entries in `txn`, the administrator without a password.

    The store must be empty: its indexes are then complete from the start. Raises StoreError where it is not. The
    tenant's data key is made in the store's keyring.
    """
    guid = new_guid()
    tenant = txn.create_tenant(guid)
    if tenant != SYSTEM_TENANT:
        raise StoreError("the store has tenants already")
    if txn.store.keyring is not None:
        txn.store.keyring.add_tenant(guid)
    for name, kinds, _ in DEFAULT_INDEXES:
        attribute = index_attribute(schema, name.encode())
        for kind in sorted(index_kinds(attribute, kinds), key=lambda one: one.name):
            declare_index(txn, attribute.oid, kind)
    builder = EntryBuilder(txn, schema, tenant, new_guid)
    node = _add_configuration(builder, domain)
    add_tenants(builder)
    add_tenant_entry(builder, guid, domain.dn)
    _add_schema_context(builder)
    built = build_domain(builder, domain.dn)
    add_operators(builder, domain.dn)
    for name, kinds, is_unique in DEFAULT_INDEXES:
        _add_index(builder, name, kinds, is_unique=is_unique)
    mark_complete(txn)
    return Tree(tenant, built.administrator, built.administrator_dn, node)


def _add_schema_context(builder: EntryBuilder) -> None:
    builder.add(SCHEMA_CONTEXT_DN, ["top", "container"], context=True, critical=True)
    builder.add(SUBSCHEMA_DN, ["top", "subentry", "subschema"], subtreeSpecification=b"{}")


def _add_configuration(builder: EntryBuilder, domain: Domain) -> int:
    builder.add(CONFIG_DN, ["top", "container"], context=True, critical=True)
    builder.add(b"cn=nodes," + CONFIG_DN, ["top", "container"], critical=True)
    builder.add(INDICES_DN, ["top", "container"], critical=True)
    add_deleted_objects(builder, CONFIG_DN)
    return builder.add(
        b"cn=" + domain.hostname.encode() + b",cn=nodes," + CONFIG_DN,
        ["top", "lwNode"],
        dNSHostName=domain.hostname.encode(),
        settings=domain.settings,
    )


def _add_index(builder: EntryBuilder, name: str, kinds: tuple[bytes, ...], *, is_unique: bool) -> None:
    scopes = (_EACH_TENANT,) if is_unique else ()
    builder.add(
        b"cn=" + name.encode() + b"," + INDICES_DN,
        ["top", "lwIndex"],
        lwIndexKind=kinds,
        lwUniqueScope=scopes,
    )
    if is_unique:
        attribute = index_attribute(builder.schema, name.encode())
        put_scopes(builder.txn, attribute.oid, unique_scopes(builder.txn, builder.schema, attribute, scopes))
