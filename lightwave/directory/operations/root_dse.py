"""The root DSE (RFC 4512 §5.1): what this server says of itself, gathered from the modules that do it.

Nothing is listed here by hand that another module implements: controls come from `request_controls`, extended
operations and mechanisms from who serves them. It is no entry of the store; it is read with a base search of
"".

Of Active Directory's attributes those are here that are true. `supportedCapabilities` and the functional levels
would say that this is Active Directory, `isGlobalCatalogReady` and `ldapServiceName` speak of services that are not
here: none of them is shown.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.operations.attribute_table import AttributeTable
from lightwave.directory.operations.request_controls import SUPPORTED_CONTROLS
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import encode_attribute

SUPPORTED_FEATURES = (
    "1.3.6.1.1.14",  # modify-increment, RFC 4525
    "1.3.6.1.4.1.4203.1.5.1",  # all operational attributes, RFC 3673
    "1.3.6.1.4.1.4203.1.5.2",  # attributes by object class, RFC 4529
    "1.3.6.1.4.1.4203.1.5.3",  # true and false filters, RFC 4526
    "1.3.6.1.4.1.4203.1.5.4",  # language tag options, RFC 3866
    "1.3.6.1.4.1.4203.1.5.5",  # language range options, RFC 3866
)
CONFIGURATION = b"cn=config"
SCHEMA = b"cn=schemacontext"
SUBSCHEMA = b"cn=aggregate,cn=schemacontext"


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the composition root knows of this server. server_name: DN of the node's entry."""

    version: str
    host_name: str
    domain_dn: bytes
    server_name: bytes
    extensions: tuple[str, ...]
    invocation_id: bytes = field(default=b"")


def root_dse_values(
    txn: ReadTransaction, facts: ServerFacts, mechanisms: tuple[str, ...], now: float, tenant: int = 0
) -> dict[str, list[bytes]]:
    """Attributes of the root DSE by name. mechanisms: those offered on this connection. now: seconds since
    the epoch. tenant: of who asks, 0 when anonymous: he is shown his own contexts, and that there are no others.
    """
    contexts = [context.dn for _, context in txn.contexts(SYSTEM_TENANT)]
    domain = facts.domain_dn
    if tenant not in (0, SYSTEM_TENANT):
        own = [context.dn for _, context in txn.contexts(tenant)]
        contexts = [*own, *(dn for dn in contexts if dn in (CONFIGURATION, SCHEMA))]
        domain = own[0] if own else b""
    contexts.sort()
    return {
        "objectClass": [b"top"],
        "namingContexts": contexts,
        "defaultNamingContext": [domain],
        "rootDomainNamingContext": [domain],
        "configurationNamingContext": [CONFIGURATION],
        "schemaNamingContext": [SCHEMA],
        "subschemaSubentry": [SUBSCHEMA],
        "supportedLDAPVersion": [b"3"],
        "supportedControl": [oid.encode() for oid in SUPPORTED_CONTROLS],
        "supportedExtension": [oid.encode() for oid in facts.extensions],
        "supportedFeatures": [oid.encode() for oid in SUPPORTED_FEATURES],
        "supportedSASLMechanisms": [name.encode() for name in mechanisms],
        "vendorName": [b"Lightwave"],
        "vendorVersion": [facts.version.encode()],
        "dnsHostName": [facts.host_name.encode()],
        "serverName": [facts.server_name],
        "dsServiceName": [facts.server_name],
        "isSynchronized": [b"TRUE"],
        "highestCommittedUSN": [str(txn.last_usn()).encode()],
        "currentTime": [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(now)).encode()],
    }


def encode_root_dse(
    schema: Schema, table: AttributeTable, request: SearchRequest, values: Mapping[str, list[bytes]]
) -> bytes:
    """The attributes that `request` selects, as a run of PartialAttribute encodings.

    All but objectClass are operational (RFC 4512 §5.1): they are sent for `+`, by name, or, as clients have
    come to expect of servers, for `*` when `+` is asked for too.
    """
    wanted = _wanted(schema, request.attributes, tuple(values))
    parts = []
    for name in wanted:
        held = values[name]
        if held:
            parts.append(encode_attribute(name.encode(), () if request.types_only else held))
    return b"".join(parts)


def _wanted(schema: Schema, requested: tuple[str, ...], names: tuple[str, ...]) -> list[str]:
    user = not requested or "*" in requested
    operational = "+" in requested
    explicit: set[str] = set()
    for text in requested:
        if text.startswith("@"):
            named = schema.object_class(text[1:])
            if named is not None:
                explicit.update(attribute.oid for attribute in named.all_must | named.all_may)
            continue
        description = schema.describe(text)
        if description is not None and not description.options:
            explicit.update(one.oid for one in schema.subtypes(description.type))
    found = []
    for name in names:
        attribute = schema.attribute(name)
        if attribute is None:
            continue
        if attribute.oid in explicit or (operational if attribute.is_operational else user):
            found.append(name)
    return found
