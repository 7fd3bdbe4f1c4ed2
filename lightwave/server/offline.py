"""What commands need that work on the store itself, beside a running server or without one.

Whoever can read the keyring and write the data folder owns the node: these commands act as the built-in
administrator, and their writes pass through the same operations as a client's.
"""

from __future__ import annotations

import time
import uuid
from concurrent.futures import Executor
from dataclasses import dataclass

from lightwave.directory.access.token import AuthenticatedBy, Token
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.filters import parse_filter
from lightwave.directory.ldap.messages import AddRequest, DeleteRequest, ModifyRequest, SearchRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations import add, delete, modify
from lightwave.directory.operations.bulk_export import Export
from lightwave.directory.operations.bulk_import import BulkImport, ImportOptions
from lightwave.directory.operations.context import MANAGE_DSA_IT, Context, Limits
from lightwave.directory.operations.planner import Plan
from lightwave.directory.operations.plugins import default_plugins
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.operations.search import Search, Searches
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.server.server_keys import ServerKeyPrepare
from lightwave.directory.store.environment import Store
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.administrator import administrator
from lightwave.identity.audit import record_import
from lightwave.identity.audit_trail import AuditTrail
from lightwave.identity.password_attributes import PasswordPrepare
from lightwave.identity.password_facts_rule import PasswordFactsRule
from lightwave.identity.policy_rule import PolicyRule
from lightwave.identity.tenant_rule import TenantRule
from lightwave.server.configuration import ConfigurationError, NodeConfiguration
from lightwave.server.hashing_settings import breach_list_of, read_hashing_cost
from lightwave.server.node import node_dn

TURN = 0.05
"""seconds that one read transaction lasts"""
UNBOUNDED = Limits(
    size=1 << 62,
    time=float(1 << 40),
    look_through=1 << 62,
    values=1 << 40,
    value_size=1 << 40,
    entry_size=1 << 40,
    changes=1 << 40,
)
"""The owner of the machine limits himself."""


def administrator_context(txn: ReadTransaction) -> Context:
    """The built-in administrator's, on this machine; raises ConfigurationError in a store without one."""
    found = administrator(txn)
    if found is None:
        raise ConfigurationError("the store has no administrator; was its promote finished?")
    tenant, entry_id = found
    record = txn.record(tenant, entry_id)
    token = Token(
        tenant=tenant,
        entry_id=entry_id,
        guid=record.guid,
        dn=txn.dn(tenant, entry_id, record),
        is_administrator=True,
        is_anonymous=False,
        authenticated_by=AuthenticatedBy.LOCAL_SOCKET,
        bypass=True,
        authenticated_at=time.time(),
    )
    controls = (Control(MANAGE_DSA_IT, False, None),)
    return Context(token, UNBOUNDED, controls, time.time, peer="command line", protocol="local", secure=True)


def bulk_import(
    configuration: NodeConfiguration,
    store: Store,
    schemas: SchemaSource,
    executor: Executor,
    options: ImportOptions,
) -> BulkImport:
    """An import into the node's store, with identity's way of taking passwords."""
    with store.read() as txn:
        schema = schemas.current(txn)
        context = administrator_context(txn)
        node = normalise_dn_text(schema, node_dn(configuration))
        hashing = read_hashing_cost(txn, schema, node)
    passwords = PasswordPrepare(hashing, breach_list=breach_list_of(node), policed=not options.any_password)
    return BulkImport(
        store,
        schemas,
        context,
        (passwords, ServerKeyPrepare(schema)),
        (*default_plugins(), TenantRule(), PolicyRule(), PasswordFactsRule(imports=True)),
        executor,
        new_guid=lambda: uuid.uuid4().bytes,
        monotonic=time.monotonic,
        options=options,
        told=record_import,
    )


def export_of(store: Store, schemas: SchemaSource, *, operational: bool) -> Export:
    """An export of the node's store."""
    return Export(store, schemas, operational=operational, now=time.time, monotonic=time.monotonic)


@dataclass(frozen=True, slots=True)
class Explained:
    """What a search did. plan: None for the base scope, which reads one entry. seconds: planning included."""

    plan: Plan | None
    examined: int
    found: int
    seconds: float


def explain_search(store: Store, schemas: SchemaSource, base: bytes, scope: int, text: str) -> Explained:
    """Plan and run a search as the administrator, without limits; `text` is a filter (RFC 4515).

    Raises DirectoryError for a base that is not there, FilterSyntaxError for what is no filter.
    """
    request = SearchRequest(base, scope, 0, 0, 0, True, parse_filter(text), ("1.1",))
    began = time.monotonic()
    with store.read() as txn:
        context = administrator_context(txn)
        try:
            search = Search(Searches(store, time.monotonic), txn, schemas.current(txn), context, 1, request)
        except DirectoryError as error:
            if error.code is not ResultCode.NO_SUCH_OBJECT:
                raise
            text = base.decode("utf-8", "replace")
            raise DirectoryError(error.code, f"there is no entry '{text}'") from None
    while not search.finished:
        with store.read() as txn:
            search.advance(txn, [], entries=1 << 62, octets=1 << 62, until=time.monotonic() + TURN)
    return Explained(search.plan, search.examined, search.returned, time.monotonic() - began)


def write_now(
    store: Store, schemas: SchemaSource, request: AddRequest | ModifyRequest | DeleteRequest
) -> None:
    """One write as the administrator, committed; for requests without secrets. Raises DirectoryError."""
    with store.write() as txn:
        schema = schemas.current(txn)
        context = administrator_context(txn)
        plugins = (*default_plugins(), TenantRule(), PolicyRule(), PasswordFactsRule(), AuditTrail())
        if isinstance(request, AddRequest):
            add.apply(txn, schema, context, request, uuid.uuid4().bytes, (), plugins)
        elif isinstance(request, ModifyRequest):
            modify.apply(txn, schema, context, request, (), plugins)
        else:
            delete.apply(txn, schema, context, request, plugins)
