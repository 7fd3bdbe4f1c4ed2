"""The entry of a node, `cn=<hostname>,cn=nodes,cn=config`, when the node's host name changes."""

from __future__ import annotations

from lightwave.directory.ldap.messages import Modification, ModifyDNRequest, ModifyKind, ModifyRequest
from lightwave.directory.operations import modify, rename
from lightwave.directory.operations.plugins import default_plugins
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.identity.audit_trail import AuditTrail
from lightwave.server.offline import administrator_context


def rename_node(store: Store, schemas: SchemaSource, old: str, new: str) -> None:
    """Give the node's entry, with all its settings, another host name; where there is none, nothing is done."""
    with store.write() as txn:
        schema, context = schemas.current(txn), administrator_context(txn)
        dn, rdn = f"cn={old},cn=nodes,cn=config".encode(), f"cn={new}".encode()
        try:
            txn.find(normalise_dn_text(schema, dn))
        except NoSuchEntry:
            return
        rename.apply(
            txn, schema, context, ModifyDNRequest(dn, rdn, True, None), (*default_plugins(), AuditTrail())
        )
        change = Modification(ModifyKind.REPLACE, "dNSHostName", (new.encode(),))
        request = ModifyRequest(rdn + b",cn=nodes,cn=config", (change,))
        modify.apply(txn, schema, context, request, (), (*default_plugins(), AuditTrail()))
