"""Events of the audit as entries below `cn=Audit` of each domain, computed of their rows when they are searched for.

`cn=Audit` is an ordinary entry. Its children are no entries of the store: whoever has the control access right
Lightwave-Read-Audit on it reads all of them, nobody else any. They are found where it is the base (one level or
subtree, in the order of their sequences) or by their own names, never from above: a search of a domain does not run
through its history. A lower bound of lwAuditTime in the filter is where reading begins; all else the filter decides
event by event, so paging is right.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import final

from lightwave.directory.access.control_rights import READ_AUDIT
from lightwave.directory.access.decision import decide
from lightwave.directory.access.token import Token
from lightwave.directory.ldap.filters import And, Filter, GreaterOrEqual
from lightwave.directory.operations.gather import classes_of
from lightwave.directory.operations.sources import BATCH
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import NormalisedDN, NormalisedRDN, normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.schema.times import generalized_time_key
from lightwave.directory.store.audit_rows import Stored, before_time, event_at, events, nodes_of
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.numbering import NumberingTransaction
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record, decode_record, encode_attribute, encode_record

RDN = b"cn=Audit"
VIRTUAL = 1 << 63
"""ids from here on name no entry of the store: node and sequence of an event"""
_NODE_BITS = 44
_ATTRIBUTES = (
    "objectClass",
    "lwAuditId",
    "lwAuditTime",
    "lwAuditAction",
    "lwAuditOutcome",
    "lwAuditActor",
    "lwAuditActorGUID",
    "lwAuditTarget",
    "lwAuditTargetGUID",
    "lwAuditProtocol",
    "lwAuditPeer",
    "lwAuditDetail",
    "lwAuditCorrelation",
    "lwAuditTimes",
    "lwAuditNode",
    "lwAuditSequence",
    "lwAuditHash",
)


class _Known:
    """What a schema calls the parts of an event's entry."""

    __slots__ = ("descriptions", "leaf", "log")

    def __init__(self, schema: Schema) -> None:
        self.leaf: NormalisedRDN = normalise_dn_text(schema, RDN)[0]
        log = schema.object_class("lwAuditLog")
        assert log is not None  # it comes with the server
        self.log = log.oid
        self.descriptions: list[AttributeDescription] = []
        for name in _ATTRIBUTES:
            description = schema.describe(name)
            assert description is not None, name  # it comes with the server
            self.descriptions.append(description)


@lru_cache(maxsize=8)
def _known(schema: Schema) -> _Known:
    return _Known(schema)


def may_read_audit(txn: ReadTransaction, schema: Schema, token: Token, tenant: int) -> bool:
    """Whether somebody may read a tenant's audit: who has the control access right for it on cn=Audit.

    Administrators have all rights in their own tenant; where there is no cn=Audit, the domain's root decides.
    """
    leaf = _known(schema).leaf
    for _, context in txn.contexts(tenant):
        entry_id = txn.find_child(tenant, context.entry_id, leaf) or context.entry_id
        if READ_AUDIT in decide(txn, schema, token, tenant, entry_id).control_rights:
            return True
    return False


def is_audit(schema: Schema, name: NormalisedDN) -> bool:
    """Whether a name may be that of a domain's audit. Hot: asked of each search's base."""
    return name[0] == _known(schema).leaf


def holds_audit(txn: ReadTransaction, schema: Schema, name: NormalisedDN, tenant: int, entry_id: int) -> bool:
    """Whether an entry of such a name is a domain's audit: directly below its root, and of class lwAuditLog."""
    if name[0] != _known(schema).leaf or txn.context(name[1:]) is None:
        return False
    return _known(schema).log in classes_of(txn, schema, txn.record(tenant, entry_id)).oids


def number_attributes(txn: NumberingTransaction, schema: Schema) -> None:
    """Gives the attributes of events their numbers, without which no filter knows them."""
    for description in _known(schema).descriptions:
        txn.attribute_number_for(description)


def find_event(
    txn: ReadTransaction, schema: Schema, token: Token, name: NormalisedDN
) -> tuple[int, int, int] | None:
    """(tenant, base, id) of the event that a name calls; None where there is none, or it is not for him."""
    if len(name) < 3 or name[1] != _known(schema).leaf:
        return None
    try:
        tenant, base = txn.find(name[1:])
    except NoSuchEntry:
        return None
    if not may_read_audit(txn, schema, token, tenant) or not holds_audit(txn, schema, name[1:], tenant, base):
        return None
    for node in nodes_of(txn, tenant):
        sequence = name[0].rpartition(b"-")[2]
        if not sequence.isdigit() or len(sequence) > 12:
            return None
        entry_id = _id(node, int(sequence))
        record = event_record(txn, schema, tenant, base, entry_id)
        if record is not None and record.normalised_rdn == name[0]:
            return tenant, base, entry_id
    return None


def _id(node: int, sequence: int) -> int:
    return VIRTUAL | node << _NODE_BITS | sequence


@final
class AuditEvents:
    """`sources.Source`: the ids of a tenant's events, node by node, each in the order of their sequences.

    top: the id of cn=Audit itself where the scope has it too, else 0.
    """

    __slots__ = ("_after", "_since", "_tenant", "_top")

    def __init__(self, tenant: int, top: int, since: float | None, *, readable: bool) -> None:
        self._tenant = tenant
        self._top = top
        self._since = since
        self._after: tuple[int, int] | None = (0, 0) if readable else None

    def batch(self, txn: ReadTransaction) -> list[int]:
        """See `sources.Source`."""
        if self._top:
            top, self._top = self._top, 0
            return [top]
        if self._after is None:
            return []
        found: list[int] = []
        for stored in islice(self._following(txn, *self._after), BATCH):
            self._after = (stored.node, stored.sequence)
            found.append(_id(stored.node, stored.sequence))
        return found

    def _following(self, txn: ReadTransaction, last: int, sequence: int) -> Iterator[Stored]:
        for node in nodes_of(txn, self._tenant):
            if node < last:
                continue
            after = sequence if node == last else 0
            if not after and self._since is not None:
                after = before_time(txn, self._tenant, node, self._since)
            yield from events(txn, self._tenant, node, after)


def since_of(schema: Schema, asked: Filter) -> float | None:
    """The lower bound of lwAuditTime in a filter, as seconds since 1970; None where there is none at its top."""
    parts = asked.children if isinstance(asked, And) else (asked,)
    for part in parts:
        if isinstance(part, GreaterOrEqual):
            description = schema.describe(part.attribute)
            if description is not None and description.type.name == "lwAuditTime":
                try:
                    return _seconds(generalized_time_key(part.value))
                except (InvalidValue, ValueError):
                    return None
    return None


def _seconds(key: bytes) -> float:
    """Of a normalised time, `YYYYmmddHHMMSS` with a fraction perhaps."""
    return datetime.strptime(key[:14].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()


def event_record(
    txn: ReadTransaction, schema: Schema, tenant: int, base: int, entry_id: int
) -> Record | None:
    """The record of an event's entry below cn=Audit (`base`); None where the event is not there any more."""
    node, sequence = (entry_id & ~VIRTUAL) >> _NODE_BITS, entry_id & ((1 << _NODE_BITS) - 1)
    stored = event_at(txn, tenant, node, sequence)
    if stored is None:
        return None
    guid = txn.server_guid(node)
    name = b"%s-%d" % (guid.hex()[:8].encode(), sequence)
    user: list[tuple[int, bytes]] = []
    known = _known(schema)
    for description, value in zip(known.descriptions, _values(stored, name, guid), strict=True):
        number = txn.attribute_number(description.key)
        if value and number is not None:
            values = (b"top", b"lwAuditEvent") if value == b"top" else (value,)
            user.append((number, encode_attribute(description.text.encode(), values)))
    rdn = b"lwAuditId=" + name
    return decode_record(
        encode_record(
            flags=0,
            descriptor=0,
            parent=base,
            guid=stored.hash[:16],
            usn_created=0,
            usn_changed=0,
            expires=0,
            rdn=rdn,
            normalised_rdn=normalise_dn_text(schema, rdn)[0],
            user=sorted(user),
            operational=(),
        )
    )


def _values(stored: Stored, name: bytes, node: bytes) -> tuple[bytes, ...]:
    """In the order of `_ATTRIBUTES`; empty where there is none."""
    event = stored.event
    moment = datetime.fromtimestamp(event.time, UTC)
    return (
        b"top",
        name,
        moment.strftime("%Y%m%d%H%M%S.").encode() + b"%03dZ" % (moment.microsecond // 1000),
        event.action.encode(),
        event.outcome.encode(),
        event.actor.dn,
        _guid(event.actor.guid),
        event.target.dn,
        _guid(event.target.guid),
        event.protocol.encode(),
        event.peer.encode(),
        event.detail.encode(),
        event.correlation.encode(),
        b"%d" % event.times,
        _guid(node),
        b"%d" % stored.sequence,
        stored.hash.hex().encode(),
    )


def _guid(guid: bytes) -> bytes:
    return str(uuid.UUID(bytes=guid)).encode() if len(guid) == 16 else b""
