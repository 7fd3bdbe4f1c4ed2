"""The rows of the audit: one chain of events for each tenant and node.

An event is appended in the transaction of what it tells of, so that neither is there without the other. Its hash is
SHA-256 over the hash of the event before it, its sequence (8 octets) and its body; the first one's predecessor is
a digest of the GUIDs of tenant and node. So no event can be changed, taken out or put in without changing all
hashes after it, and a checkpoint (audit_chain.py) signs one of them.

    row          version 1, hash 32, body
    body         time 8 (ms since 1970), count 4, lengths 10 x 2, then the texts (`encode_body`)
    checkpoint   version 1, hash 32, time 8, key 32 (Ed25519, public), signature 64

The sequences of a chain go up by one. Events wait in the transaction until it commits: a batch puts them in one go.
Never in a row: a password or any other secret, or a value of an attribute outside a short list (identity/audit.py).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from operator import gt
from typing import TYPE_CHECKING, NamedTuple

from lightwave.directory.store import layout
from lightwave.directory.store.errors import DamagedEvent, StoreError
from lightwave.directory.store.layout import audit_key, decode_audit_key, pack_id

if TYPE_CHECKING:
    import lmdb

    from lightwave.directory.store.numbering import NumberingTransaction
    from lightwave.directory.store.reading import ReadTransaction

SUCCESS = "success"
_VERSION = b"\1"
_HEAD = struct.Struct(">QI10H")
_CHECKPOINT = struct.Struct(">B32sQ32s64s")
_HASH = slice(1, 33)
_BODY = 33
_LONGEST = (16, 1024, 16, 1024, 48, 48, 32, 64, 4096, 96)
"""octets of each text; what is longer is cut, with `...` at its end"""
LAST = 2**64 - 1


class AuditHead(NamedTuple):
    """The last event of a chain: its sequence, 0 where there is none, its hash, whether a checkpoint is behind it."""

    sequence: int
    hash: bytes
    is_signed: bool


class Subject(NamedTuple):
    """An account or another entry: its GUID, 16 bytes or none, and its DN (or another name) at the time."""

    guid: bytes = b""
    dn: bytes = b""


NOBODY = Subject()


class Event(NamedTuple):
    """What happened. time: seconds since 1970. tenant: number of the tenant whose matter it is.

    action and outcome: words of identity/audit.py; `success`, or the name of a result code or refusal. actor: who did
    it. target: what it was done to. protocol and peer: over which way, from which address. detail: for reading; names
    of attributes, never secrets. correlation: names the login and its request, over all protocols. times: how often,
    where repeats were counted and not stored.
    """

    time: float
    tenant: int
    action: str
    outcome: str = SUCCESS
    actor: Subject = NOBODY
    target: Subject = NOBODY
    protocol: str = ""
    peer: str = ""
    detail: str = ""
    correlation: str = ""
    times: int = 1


class Stored(NamedTuple):
    """An event as it stands in a chain. node: the local number of the node where it happened."""

    node: int
    sequence: int
    hash: bytes
    event: Event


class Checkpoint(NamedTuple):
    """A signature behind an event: over tenant, node, sequence, hash and time (`audit_chain.signed_text`)."""

    node: int
    sequence: int
    hash: bytes
    time: int
    """ms since 1970"""
    key: bytes
    """the public half of the node's key, raw (RFC 8032 §5.1.5)"""
    signature: bytes


# --- writing ---------------------------------------------------------------------------------------------------------


def append(txn: NumberingTransaction, event: Event) -> None:
    """Have an event stored with the transaction, at the end of its tenant's chain of this node. Hot: once in every
    write.
    """
    txn.add_event(event.tenant, int(event.time * 1000), encode_body(event))


def put_events(txn: ReadTransaction, waiting: Sequence[tuple[int, int, bytes]]) -> None:
    """Put (tenant, time in ms, body) at the ends of their chains; called at the commit. Hot."""
    raw, database, node = txn.raw, _database(txn), txn.store.server_number
    heads: dict[int, AuditHead] = {}
    for tenant, time, body in waiting:
        head = heads.get(tenant)
        if head is None:
            if raw.get(layout.tenant_guid_name(tenant), db=txn.store.databases.meta) is None:
                tenant = layout.SYSTEM_TENANT  # noqa: PLW2901  its own is removed meanwhile
            head = heads.get(tenant) or head_of(txn, tenant, node)
            if head.is_signed:
                name = layout.unsigned_name(tenant, node)
                raw.put(name, pack_id(time), db=txn.store.databases.meta)
        sequence = head.sequence + 1
        digest = chain_hash(head.hash, sequence, body)
        raw.put(audit_key(tenant, node, sequence), _VERSION + digest + body, db=database)
        heads[tenant] = AuditHead(sequence, digest, False)


def put_checkpoint(txn: ReadTransaction, tenant: int, checkpoint: Checkpoint) -> bool:
    """Put a checkpoint behind its event; False where that event is not there any more, or another is.

    The note that events are unsigned goes, where it is the last one that is stored.
    """
    database = _database(txn)
    key = audit_key(tenant, checkpoint.node, checkpoint.sequence)
    row = txn.raw.get(key, db=database)
    if row is None or row[_HASH] != checkpoint.hash:
        return False
    value = _CHECKPOINT.pack(1, checkpoint.hash, checkpoint.time, checkpoint.key, checkpoint.signature)
    txn.raw.put(key + layout.CHECKPOINT_MARK, value, db=database)
    name = layout.signed_name(tenant, checkpoint.node)
    txn.raw.put(name, pack_id(checkpoint.sequence), db=txn.store.databases.meta)
    if head_of(txn, tenant, checkpoint.node).is_signed:
        name = layout.unsigned_name(tenant, checkpoint.node)
        txn.raw.delete(name, db=txn.store.databases.meta)
    return True


def head_of(txn: ReadTransaction, tenant: int, node: int) -> AuditHead:
    """The chain's last event as it stands in the store; sequence 0 in an empty one."""
    database = txn.store.databases.audit
    if database is not None:
        cursor = txn.raw.cursor(database)
        after = audit_key(tenant, node, LAST) + b"\xff"
        found = cursor.prev() if cursor.set_range(after) else cursor.last()
        if found and cursor.key().startswith(layout.audit_prefix(tenant, node)):
            key, value = cursor.item()
            return AuditHead(decode_audit_key(key)[2], value[_HASH], len(key) > layout.AUDIT_KEY_SIZE)
    return AuditHead(0, first_hash(txn, tenant, node), True)


def first_hash(txn: ReadTransaction, tenant: int, node: int) -> bytes:
    """What stands for the hash before the first event of a chain."""
    names = txn.tenant_guid(tenant) + txn.server_guid(node)
    return hashlib.sha256(b"lightwave audit 1\0" + names).digest()


def chain_hash(before: bytes, sequence: int, body: bytes) -> bytes:
    """The hash of an event."""
    return hashlib.sha256(before + pack_id(sequence) + body).digest()


def _database(txn: ReadTransaction) -> lmdb._Database:
    database = txn.store.databases.audit
    if database is None:
        raise StoreError("the store is of an older format and was opened for reading only")
    return database


# --- octets ----------------------------------------------------------------------------------------------------------


def encode_body(event: Event) -> bytes:
    """The canonical octets of an event; tenant, node and sequence stand in its key."""
    texts = [
        event.actor.guid,
        event.actor.dn,
        event.target.guid,
        event.target.dn,
        event.action.encode(),
        event.outcome.encode(),
        event.protocol.encode(),
        event.peer.encode(),
        event.detail.encode(),
        event.correlation.encode(),
    ]
    lengths = list(map(len, texts))
    if any(map(gt, lengths, _LONGEST)):
        texts = [_bounded(text, longest) for text, longest in zip(texts, _LONGEST, strict=True)]
        lengths = list(map(len, texts))
    return b"".join((_HEAD.pack(int(event.time * 1000), event.times, *lengths), *texts))


def _bounded(text: bytes, longest: int) -> bytes:
    if len(text) <= longest:
        return text
    return text[: longest - 3].decode("utf-8", "ignore").encode() + b"..."


def decode_row(key: bytes, value: bytes) -> Stored:
    """An event of its row; raises DamagedEvent for what is none. (Whether its hash holds, its chain tells.)"""
    tenant, node, sequence = decode_audit_key(key)
    try:
        if value[:1] != _VERSION:
            raise ValueError("version")
        time, count, *lengths = _HEAD.unpack_from(value, _BODY)
        at = _BODY + _HEAD.size
        if at + sum(lengths) != len(value):
            raise ValueError("length")
        texts: list[bytes] = []
        for length in lengths:
            texts.append(value[at : at + length])
            at += length
        words = [text.decode("utf-8", "replace") for text in texts[4:]]
    except (struct.error, ValueError):
        raise DamagedEvent(f"event {sequence} of the audit of tenant {tenant} can't be read") from None
    action, outcome, protocol, peer, detail, correlation = words
    event = Event(
        time / 1000,
        tenant,
        action,
        outcome,
        Subject(texts[0], texts[1]),
        Subject(texts[2], texts[3]),
        protocol,
        peer,
        detail,
        correlation,
        count,
    )
    return Stored(node, sequence, value[_HASH], event)


def decode_checkpoint(key: bytes, value: bytes) -> Checkpoint:
    """A checkpoint of its row; raises DamagedEvent."""
    tenant, node, sequence = decode_audit_key(key)
    try:
        version, digest, time, public, signature = _CHECKPOINT.unpack(value)
        if version != 1:
            raise ValueError("version")
    except (struct.error, ValueError):
        raise DamagedEvent(f"checkpoint {sequence} of the audit of tenant {tenant} can't be read") from None
    return Checkpoint(node, sequence, digest, time, public, signature)


def check_row(key: bytes, value: bytes) -> None:
    """Raises DamagedEvent where a row is neither an event nor a checkpoint."""
    if len(key) == layout.AUDIT_KEY_SIZE:
        decode_row(key, value)
    elif len(key) == layout.AUDIT_KEY_SIZE + 1:
        decode_checkpoint(key, value)
    else:
        raise DamagedEvent("a row of the audit has a key of another form")


# --- reading ---------------------------------------------------------------------------------------------------------


class Link(NamedTuple):
    """One row of a chain, undecoded: an event, or the checkpoint behind it."""

    key: bytes
    value: bytes

    @property
    def sequence(self) -> int:
        """Of the event, or of the event that the checkpoint is behind."""
        return decode_audit_key(self.key)[2]

    @property
    def is_checkpoint(self) -> bool:
        """Whether it is no event."""
        return len(self.key) > layout.AUDIT_KEY_SIZE

    @property
    def time(self) -> int:
        """Of an event, in ms since 1970."""
        return layout.number(self.value[_BODY : _BODY + 8])

    @property
    def hash(self) -> bytes:
        """That it says of itself, or of the event that it is behind."""
        return self.value[_HASH]

    @property
    def body(self) -> bytes:
        """What is hashed of an event."""
        return self.value[_BODY:]


def chain(txn: ReadTransaction, tenant: int, node: int, after: bytes = b"") -> Iterator[Link]:
    """The rows of a chain after that of a key, ascending."""
    database = txn.store.databases.audit
    if database is None:
        return
    prefix = layout.audit_prefix(tenant, node)
    cursor = txn.raw.cursor(database)
    if cursor.set_range(after + b"\0" if after else prefix):
        for key, value in cursor.iternext():
            if not key.startswith(prefix):
                return
            yield Link(key, value)


def after_event(tenant: int, node: int, sequence: int) -> bytes:
    """The key after which `chain` goes on behind an event and its checkpoint."""
    return audit_key(tenant, node, sequence) + b"\xff"


def chains(txn: ReadTransaction) -> Iterator[tuple[int, int, int]]:
    """(tenant, node, last sequence) of all chains."""
    database = txn.store.databases.audit
    if database is None:
        return
    cursor = txn.raw.cursor(database)
    at = audit_key(0, 0, 0)
    while cursor.set_range(at):
        tenant, node, _ = decode_audit_key(cursor.key())
        yield tenant, node, head_of(txn, tenant, node).sequence
        at = audit_key(tenant, node, LAST) + b"\xff"


def all_rows(
    txn: ReadTransaction, since: Mapping[tuple[int, int], int] | None = None
) -> Iterator[tuple[bytes, bytes]]:
    """The rows of all chains, ascending; with `since` those after the sequence that it gives by tenant and node."""
    database = txn.store.databases.audit
    if database is None:
        return
    for tenant, node, _ in chains(txn):
        prefix = layout.audit_prefix(tenant, node)
        after = 0 if since is None else since.get((tenant, node), 0)
        cursor = txn.raw.cursor(database)
        # A checkpoint behind that event may have come later.
        if cursor.set_range(audit_key(tenant, node, after) + b"\0"):
            for key, value in cursor.iternext():
                if not key.startswith(prefix):
                    break
                yield key, value


def events(txn: ReadTransaction, tenant: int, node: int, after: int = 0) -> Iterator[Stored]:
    """The events of a chain after a sequence, ascending; raises DamagedEvent."""
    links = chain(txn, tenant, node, after_event(tenant, node, after))
    return (decode_row(*link) for link in links if not link.is_checkpoint)


def event_at(txn: ReadTransaction, tenant: int, node: int, sequence: int) -> Stored | None:
    """One event, None where it is not there; raises DamagedEvent."""
    database = txn.store.databases.audit
    if database is None:
        return None
    key = audit_key(tenant, node, sequence)
    value = txn.raw.get(key, db=database)
    return None if value is None else decode_row(key, value)


def nodes_of(txn: ReadTransaction, tenant: int) -> list[int]:
    """The local numbers of the nodes of which there are events of a tenant, ascending."""
    database = txn.store.databases.audit
    found: list[int] = []
    if database is None:
        return found
    cursor = txn.raw.cursor(database)
    at = audit_key(tenant, 0, 0)
    while cursor.set_range(at):
        owner, node, _ = decode_audit_key(cursor.key())
        if owner != tenant:
            break
        found.append(node)
        at = audit_key(tenant, node, LAST) + b"\xff"
    return found


def before_time(txn: ReadTransaction, tenant: int, node: int, time: float) -> int:
    """The sequence of the last event before a time (seconds since 1970), 0 for none: where reading since then begins.

    By halving: sequences are without gaps, and times ascend with them as far as the node's clock did.
    """
    first = next(chain(txn, tenant, node), None)
    if first is None:
        return 0
    low, high = first.sequence - 1, head_of(txn, tenant, node).sequence
    while low < high:
        middle = (low + high + 1) // 2
        found = event_at(txn, tenant, node, middle)
        if found is not None and found.event.time < time:
            low = middle
        else:
            high = middle - 1
    return low


def next_chain(txn: ReadTransaction, tenant: int, node: int) -> tuple[int, int] | None:
    """(tenant, node) of the chain after another; None behind the last."""
    database = txn.store.databases.audit
    if database is None:
        return None
    cursor = txn.raw.cursor(database)
    if not cursor.set_range(audit_key(tenant, node, LAST) + b"\xff"):
        return None
    found, of, _ = decode_audit_key(cursor.key())
    return found, of


def purge_chain(txn: ReadTransaction, tenant: int, node: int, before: int, most: int) -> bool:
    """Delete events older than `before` (ms since 1970) up to the last checkpoint behind which there are only such;
    whether `most` rows were not enough. The checkpoint stays.
    """
    end = 0
    rows = 0
    for link in chain(txn, tenant, node):
        rows += 1
        if link.is_checkpoint:
            end = link.sequence
            if rows > most:
                break
        elif link.time >= before:
            break
    if not end:
        return False
    database = _database(txn)
    keep = audit_key(tenant, node, end) + layout.CHECKPOINT_MARK
    due = [link.key for link in chain(txn, tenant, node) if link.key < keep] if end else []
    for key in due:
        txn.raw.delete(key, db=database)
    return rows > most and bool(due)


def last_signed(txn: ReadTransaction, tenant: int, node: int) -> int:
    """The sequence that the newest checkpoint of a chain covers, as `meta` knows it; 0 for none."""
    name = layout.signed_name(tenant, node)
    return layout.number(txn.raw.get(name, db=txn.store.databases.meta) or b"")


def unsigned(txn: ReadTransaction, after: tuple[int, int] = (0, 0)) -> Iterator[tuple[int, int, int]]:
    """(tenant, node, when the first of them came in ms) of the chains whose last events no checkpoint covers."""
    cursor = txn.raw.cursor(txn.store.databases.meta)
    if cursor.set_range(layout.unsigned_name(*after) + b"\0"):
        for name, value in cursor.iternext():
            if not name.startswith(layout.UNSIGNED_PREFIX):
                return
            tenant, node = layout.decode_unsigned_name(name)
            yield tenant, node, layout.number(value)
