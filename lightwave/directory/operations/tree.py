"""The entries of a fresh directory: naming contexts, containers, the administrator, nodes and index definitions."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lightwave.directory.ldap.dn import format_dn, format_rdn, parse_dn
from lightwave.directory.operations.deleted_entries import CONTAINER
from lightwave.directory.operations.plugins.index_definitions import (
    INDICES_DN,
    index_attribute,
    index_kinds,
    unique_scopes,
)
from lightwave.directory.operations.plugins.operational import creation_attributes
from lightwave.directory.operations.plugins.uniqueness import put_scopes
from lightwave.directory.operations.subschema_entry import SCHEMA_CONTEXT_DN, SUBSCHEMA_DN
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.checks import check_entry
from lightwave.directory.schema.normalisation import normalise_dn
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.building import declare_index
from lightwave.directory.store.writing import Change, NewEntry, WriteTransaction

CONFIG_DN = b"cn=config"

_E = b"equality"

DEFAULT_INDEXES: tuple[tuple[str, tuple[bytes, ...], bool], ...] = (
    # attribute, kinds, unique within the domain
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
    ("objectSid", (_E,), True),
    ("sAMAccountName", (_E,), True),
    ("userPrincipalName", (_E,), True),
    ("servicePrincipalName", (_E,), True),
)

# What stands under these classes in a fresh tree is neither deleted nor renamed (plugins.system_entries).
_CRITICAL_CLASSES = frozenset(("container", "builtinDomain", "configuration", "lostAndFound", "user"))


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
    """Makes tenant, naming contexts and entries in `txn`, the administrator without a password.

    The store must be empty: its indexes are then complete from the start. The tenant's data key is made in the
    store's keyring.
    """
    builder = _Builder(txn, schema, new_guid)
    for name, kinds, _ in DEFAULT_INDEXES:
        attribute = index_attribute(schema, name.encode())
        for kind in sorted(index_kinds(attribute, kinds), key=lambda one: one.name):
            declare_index(txn, attribute.oid, kind)
    _add_contexts(builder, domain)
    node = _add_configuration(builder, domain)
    administrator_dn = b"cn=Administrator,cn=Users," + domain.dn
    administrator = _add_domain(builder, domain, administrator_dn)
    for name, kinds, is_unique in DEFAULT_INDEXES:
        _add_index(builder, domain, name, kinds, is_unique=is_unique)
    return Tree(builder.tenant, administrator, administrator_dn, node)


class _Builder:
    """Adds checked entries by DN, parents first."""

    def __init__(self, txn: WriteTransaction, schema: Schema, new_guid: Callable[[], bytes]) -> None:
        self.txn = txn
        self.schema = schema
        self._new_guid = new_guid
        guid = new_guid()
        self.tenant = txn.create_tenant(guid)
        if txn.store.keyring is not None:
            txn.store.keyring.add_tenant(guid)
        self._change: Change = txn.begin_change()

    def add(
        self,
        dn: bytes,
        classes: Sequence[str],
        *,
        context: bool = False,
        settings: Mapping[str, Sequence[bytes]] | None = None,
        **attributes: bytes | Sequence[bytes],
    ) -> int:
        """Adds one entry; its entry id."""
        txn, schema = self.txn, self.schema
        parsed = parse_dn(dn)
        given: dict[AttributeDescription, tuple[bytes, ...]] = {
            self._describe("objectClass"): tuple(name.encode() for name in classes)
        }
        if classes[-1] in _CRITICAL_CLASSES:
            given[self._describe("isCriticalSystemObject")] = (b"TRUE",)
        for name, values in (*attributes.items(), *(settings or {}).items()):
            if values:
                given[self._describe(name)] = (values,) if isinstance(values, bytes) else tuple(values)
        checked = check_entry(schema, given, parsed[0])
        stamped = creation_attributes(schema, b"", self._change.stamp, checked.structural)
        normalised = normalise_dn(schema, parsed)
        entry = NewEntry(
            format_dn(parsed) if context else format_rdn(parsed[0]),
            normalised[0],
            self._new_guid(),
            [*checked.attributes.items(), *stamped],
        )
        if context:
            return txn.insert_context(self.tenant, normalised, entry, self._change)
        _, parent = txn.find(normalised[1:])
        return txn.insert_entry(self.tenant, parent, entry, self._change)

    def _describe(self, name: str) -> AttributeDescription:
        description = self.schema.describe(name)
        assert description is not None, name  # it comes with the server
        return description


def _add_contexts(builder: _Builder, domain: Domain) -> None:
    builder.add(domain.dn, ["top", "domain", "domainDNS"], context=True)
    builder.add(CONFIG_DN, ["top", "container"], context=True)
    builder.add(SCHEMA_CONTEXT_DN, ["top", "container"], context=True)
    builder.add(SUBSCHEMA_DN, ["top", "subentry", "subschema"], subtreeSpecification=b"{}")


def _add_configuration(builder: _Builder, domain: Domain) -> int:
    builder.add(b"cn=nodes," + CONFIG_DN, ["top", "container"])
    builder.add(INDICES_DN, ["top", "container"])
    builder.add(format_dn((CONTAINER,)) + b"," + CONFIG_DN, ["top", "container"], isDeleted=b"TRUE")
    return builder.add(
        b"cn=" + domain.hostname.encode() + b",cn=nodes," + CONFIG_DN,
        ["top", "lwNode"],
        dNSHostName=domain.hostname.encode(),
        settings=domain.settings,
    )


def _add_domain(builder: _Builder, domain: Domain, administrator_dn: bytes) -> int:
    for rdn, kind in (
        (b"cn=Users", "container"),
        (b"ou=Computers", "organizationalUnit"),
        (b"ou=Domain Controllers", "organizationalUnit"),
        (b"cn=Builtin", "builtinDomain"),
        (b"cn=Configuration", "configuration"),
        (b"cn=System", "container"),
        (b"cn=LostAndFound", "lostAndFound"),
    ):
        builder.add(rdn + b"," + domain.dn, ["top", kind])
    builder.add(format_dn((CONTAINER,)) + b"," + domain.dn, ["top", "container"], isDeleted=b"TRUE")
    return builder.add(
        administrator_dn,
        ["top", "person", "organizationalPerson", "inetOrgPerson", "user"],
        sn=b"Administrator",
        uid=b"Administrator",
        sAMAccountName=b"Administrator",
        userPrincipalName=b"Administrator@" + _dns_name(domain.dn),
        description=b"Built-in administrator of the domain",
    )


def _dns_name(dn: bytes) -> bytes:
    """lightwave.local of dc=lightwave,dc=local (RFC 2247)."""
    return b".".join(ava.value for rdn in parse_dn(dn) for ava in rdn if ava.type.lower() == "dc")


def _add_index(
    builder: _Builder, domain: Domain, name: str, kinds: tuple[bytes, ...], *, is_unique: bool
) -> None:
    scopes = (domain.dn,) if is_unique else ()
    builder.add(
        b"cn=" + name.encode() + b"," + INDICES_DN,
        ["top", "lwIndex"],
        lwIndexKind=kinds,
        lwUniqueScope=scopes,
    )
    if is_unique:
        attribute = index_attribute(builder.schema, name.encode())
        put_scopes(
            builder.txn, attribute.oid, unique_scopes(builder.txn, builder.schema, attribute, (domain.dn,))
        )
