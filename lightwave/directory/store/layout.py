"""The databases and their keys: the one place that knows how bytes stand in LMDB.

All integers are big-endian, so that bytes sort as numbers do. Tenant numbers have 4 bytes, entry ids, USNs and
times 8, attribute and server numbers 4: all are this node's own and never on a wire. All keys of tenants' data
begin with the tenant's number, so a tenant is a key range.

Entry ids are given out by one sequence for all tenants: an id names an entry without its tenant. Id 0 is the
virtual root of each tenant's tree.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from lightwave.directory.schema.normalisation import NormalisedDN, NormalisedRDN, join_dn

FORMAT = 3
"""Version of all layouts, in `meta` under b"format".

1: an index's state has no version of its keys (`indexes.KEYS`); the row of a removal does not name the GUID.
2: it has one; it does. There are no databases `audit` and `failures`. A naming context is listed by its entry alone, a
   generation by its tenant and name alone.
3: there are. They are listed by name and by number too: so no reader has to load those of all tenants.

A store of an older format is opened, and its number raised at the first opening for writing; its rows are read in
either form and get the new one when they are written next. A later format is refused.
"""

OLDEST_FORMAT = 1

ROOT = 0
"""Entry id of the virtual parent of a tenant's naming contexts."""

SYSTEM_TENANT = 1
"""Number of the first tenant of every store: it holds cn=config, cn=schemacontext and the system domain."""

_TENANT_ENTRY = struct.Struct(">IQ")
_INDEX = struct.Struct(">IIc")
_LINK = struct.Struct(">IQI")
_LINK_VALUE = struct.Struct(">QQI")
_EXPIRY = struct.Struct(">QIQ")
_CHANGE = struct.Struct(">IQ")
_REMOVAL = struct.Struct(">IQQ")
_AUDIT = struct.Struct(">IIQ")
_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")

# Names of the databases and how LMDB keeps each: (name, sorted duplicates, duplicates of fixed size)
DATABASES: tuple[tuple[str, bool, bool], ...] = (
    ("entries", False, False),
    ("children", True, False),
    ("links", True, True),
    ("backlinks", True, True),
    ("unlinked", True, True),
    ("unresolved", False, False),
    ("index", True, True),
    ("guids", False, False),
    ("descriptors", False, False),
    ("stamps", False, False),
    ("changes", False, False),
    ("tenant_changes", False, False),
    ("secrets", False, False),
    ("failures", False, False),
    ("expiry", False, False),
    ("meta", False, False),
    ("audit", False, False),
)
LATER = ("audit", "failures")
"""Databases that stores of older formats lack."""


# entries: tenant 4, entry id 8 -> record (record.py)
# stamps: the same key -> stamps (stamps.py)
# children: tenant 4, parent id 8 -> sorted duplicates, see child_value
entry_key = _TENANT_ENTRY.pack
decode_entry_key = _TENANT_ENTRY.unpack

# children's duplicates: name, NUL, entry id 8. The name is the normalised RDN, in which NUL never stands; a long
# one is 0xff (no UTF-8 text begins so) and a digest. The normalised RDN itself is in the entry's record.
_LONGEST_NAME = 480


def child_prefix(normalised_rdn: bytes) -> bytes:
    """What a child's duplicate begins with: its name (or the digest of it) and NUL."""
    if len(normalised_rdn) > _LONGEST_NAME or normalised_rdn[:1] == b"\xff":
        return b"\xff" + hashlib.sha256(normalised_rdn).hexdigest().encode() + b"\0"
    return normalised_rdn + b"\0"


def child_value(normalised_rdn: bytes, entry_id: int) -> bytes:
    """A child's duplicate."""
    return child_prefix(normalised_rdn) + _U64.pack(entry_id)


def child_entry_id(value: bytes) -> int:
    """The entry id at the end of a child's duplicate."""
    return int.from_bytes(value[-8:], "big")


# links: tenant 4, source 8, attribute 4 -> duplicates: target 8, clock 8, server 4
# unlinked: the same, for links that were removed and whose removal must still win against an older add
# backlinks: tenant 4, target 8, attribute 4 -> duplicates: source 8
link_key = _LINK.pack
decode_link_key = _LINK.unpack
link_value = _LINK_VALUE.pack
decode_link_value = _LINK_VALUE.unpack
LINK_VALUE_SIZE = _LINK_VALUE.size


# unresolved: tenant 4, digest of the joined normalised DN 16, source 8, attribute 4 -> the value's text in the record
def name_digest(tenant: int, joined_dn: bytes) -> bytes:
    """What the keys of all values begin with that wait for an entry of this name (`join_dn`)."""
    return _U32.pack(tenant) + hashlib.blake2b(joined_dn, digest_size=16).digest()


_UNRESOLVED_TAIL = struct.Struct(">QI")


def unresolved_key(digest: bytes, source: int, attribute: int) -> bytes:
    """The key of one waiting value; `digest` from `name_digest`."""
    return digest + _UNRESOLVED_TAIL.pack(source, attribute)


def decode_unresolved_key(key: bytes) -> tuple[int, int]:
    """(source, attribute) of a waiting value's key."""
    source, attribute = _UNRESOLVED_TAIL.unpack_from(key, 20)
    return source, attribute


# index: tenant 4, attribute 4, kind 1, value up to 502 -> duplicates: entry id 8
EQUALITY = b"e"
EQUALITY_DIGEST = b"h"
PRESENCE = b"p"
SUBSTRING = b"s"
ORDERING = b"o"
LONGEST_INDEXED = 400
"""Longer equality values are digested, longer ordering keys truncated."""


def index_key(tenant: int, attribute: int, kind: bytes, value: bytes) -> bytes:
    """The key of an index entry; `kind` is the index's kind, long values are digested or cut here."""
    if len(value) > LONGEST_INDEXED:
        if kind == EQUALITY:
            return _INDEX.pack(tenant, attribute, EQUALITY_DIGEST) + hashlib.sha256(value).digest()
        value = value[:LONGEST_INDEXED]
    return _INDEX.pack(tenant, attribute, kind) + value


INDEX_PREFIX_SIZE = _INDEX.size


def decode_index_key(key: bytes) -> tuple[int, int, bytes, bytes]:
    """(tenant, attribute, kind byte as stored, value as stored) of an index key."""
    tenant, attribute, kind = _INDEX.unpack_from(key)
    return tenant, attribute, kind, key[INDEX_PREFIX_SIZE:]


# guids: tenant 4, GUID 16 -> entry id 8
def guid_key(tenant: int, guid: bytes) -> bytes:
    """The key of an entry's GUID (16 bytes, RFC 4530's order of them)."""
    return _U32.pack(tenant) + guid


# descriptors: tenant 4, b"i", descriptor id 4 -> bytes; tenant 4, b"d", digest 32 -> descriptor id 4
def descriptor_key(tenant: int, descriptor: int) -> bytes:
    """Where the bytes of a descriptor stand."""
    return _U32.pack(tenant) + b"i" + _U32.pack(descriptor)


def descriptor_digest_key(tenant: int, data: bytes) -> bytes:
    """Where the number of a descriptor with these bytes stands."""
    return _U32.pack(tenant) + b"d" + hashlib.sha256(data).digest()


# changes: USN 8 -> tenant 4, entry id 8; of an entry that was removed without a tombstone also the time 8 (ms) and,
#     but for rows that are older than that, its GUID 16
# tenant_changes: tenant 4, USN 8 -> entry id 8
change_value = _CHANGE.pack
CHANGE_SIZE = _CHANGE.size
tenant_change_key = _TENANT_ENTRY.pack


def decode_change(value: bytes) -> tuple[int, int, bool]:
    """(tenant, entry id, whether it was removed) of a row of changes."""
    tenant, entry_id = _CHANGE.unpack_from(value)
    return tenant, entry_id, len(value) > CHANGE_SIZE


def removal_value(tenant: int, entry_id: int, time: int, guid: bytes = b"") -> bytes:
    """A row of changes that tells of a removal; `time` in milliseconds since 1970."""
    return _REMOVAL.pack(tenant, entry_id, time) + guid


def removal_time(value: bytes) -> int:
    """When the entry of such a row was removed."""
    _, _, time = _REMOVAL.unpack_from(value)
    return int(time)


def removal_guid(value: bytes) -> bytes:
    """The GUID of the removed entry in a row of changes; empty where the row has none."""
    return value[_REMOVAL.size :]


# secrets: tenant 4, entry id 8, kind -> sealed bytes (sealing.py)
def secret_key(tenant: int, entry_id: int, kind: bytes) -> bytes:
    """The key of a secret; the kind has up to 64 bytes."""
    return _TENANT_ENTRY.pack(tenant, entry_id) + kind


# failures: tenant 4, entry id 8 -> an account's row; tenant 0, slot 8 -> a slot of names and peers (failure_rows.py)
failure_key = _TENANT_ENTRY.pack
decode_failure_key = _TENANT_ENTRY.unpack

# expiry: time 8 (ms since 1970), tenant 4, entry id 8 -> empty. Tenant 0: the row of `changes` with that USN goes.
expiry_key = _EXPIRY.pack
decode_expiry_key = _EXPIRY.unpack

# audit: tenant 4, node 4, sequence 8 -> an event (audit_rows.py); the same and one octet more -> a checkpoint behind it
audit_key = _AUDIT.pack
AUDIT_KEY_SIZE = 16
CHECKPOINT_MARK = b"c"


def decode_audit_key(key: bytes) -> tuple[int, int, int]:
    """(tenant, node, sequence) of the key of an event or of a checkpoint."""
    tenant, node, sequence = _AUDIT.unpack_from(key)
    return tenant, node, sequence


def audit_prefix(tenant: int, node: int | None = None) -> bytes:
    """What the keys of a tenant's events begin with; of those of one node."""
    return _U32.pack(tenant) if node is None else _U32.pack(tenant) + _U32.pack(node)


# meta: name -> value
META_FORMAT = b"format"
META_COUNTERS = b"counters"
META_LOCAL_SERVER = b"server.local"
_GENERATION = b"generation\0"
_GENERATION_AT = b"generation.at\0"
_CONTEXT_NAMED = b"context.name\0"
_CONTEXT = b"context\0"
_INDEX_STATE = b"index\0"


def attribute_number_name(key: str) -> bytes:
    """meta: an attribute's key -> its number 4. A long key (many options) is digested."""
    text = key.encode()
    if len(text) > _LONGEST_NAME:
        text = b"#" + hashlib.sha256(text).digest()
    return b"attribute\0" + text


def attribute_key_name(number: int) -> bytes:
    """meta: an attribute's number -> its key."""
    return b"attribute.key\0" + _U32.pack(number)


def server_number_name(guid: bytes) -> bytes:
    """meta: a server's GUID -> its number 4."""
    return b"server\0" + guid


def server_guid_name(number: int) -> bytes:
    """meta: a server's number -> its GUID."""
    return b"server.guid\0" + _U32.pack(number)


def tenant_number_name(guid: bytes) -> bytes:
    """meta: a tenant's GUID -> its number 4."""
    return b"tenant\0" + guid


def tenant_guid_name(number: int) -> bytes:
    """meta: a tenant's number -> its GUID."""
    return TENANT_GUID_PREFIX + _U32.pack(number)


TENANT_GUID_PREFIX = b"tenant.guid\0"
GENERATION_PREFIX = _GENERATION
GENERATION_AT_PREFIX = _GENERATION_AT
CONTEXT_PREFIX = _CONTEXT
INDEX_STATE_PREFIX = _INDEX_STATE
BURIAL_PREFIX = b"burial\0"
UNSIGNED_PREFIX = b"audit.unsigned\0"
REMOVAL_PREFIX = b"tenant.removal\0"

OF_TENANTS = (
    "entries",
    "children",
    "links",
    "backlinks",
    "unlinked",
    "unresolved",
    "index",
    "guids",
    "descriptors",
    "stamps",
    "secrets",
    "tenant_changes",
    "audit",
    "failures",
)
"""Databases whose keys begin with a tenant's number."""


def generation_name(tenant: int, name: str) -> bytes:
    """meta: a tenant's generation of that name -> 8 bytes. Tenant 0 for what is global."""
    return _GENERATION + _U32.pack(tenant) + name.encode()


MOST_CONTEXT_RDNS = 128
"""in the name of a naming context: a DNS name has no more labels. It bounds what a long name costs to look up."""


def generation_at_name(number: int) -> bytes:
    """meta: the number of a generation's last bump -> tenant 4, name. What came after a number is a range."""
    return _GENERATION_AT + _U64.pack(number)


def decode_generation_at(value: bytes) -> tuple[int, str]:
    """(tenant, name) of such a row."""
    return int.from_bytes(value[:4], "big"), value[4:].decode()


def named_context_key(dn: NormalisedDN) -> bytes:
    """meta: a naming context's normalised DN, root first -> tenant 4, entry id 8. A long one is digested.

    Root first, so that contexts below a name are a range (`named_contexts_below`).
    """
    joined = join_dn(dn[::-1])
    if len(joined) > _LONGEST_NAME:
        joined = b"#" + hashlib.sha256(joined).digest()
    return _CONTEXT_NAMED + joined


def named_contexts_below(dn: NormalisedDN) -> bytes:
    """What the keys of all contexts below a name begin with; those whose names are digested are not among them."""
    return _CONTEXT_NAMED + join_dn(dn[::-1]) + b","


def context_name(tenant: int, entry_id: int) -> bytes:
    """meta: a naming context's entry -> its normalised DN, NUL, its DN as text."""
    return _CONTEXT + _TENANT_ENTRY.pack(tenant, entry_id)


def encode_context(normalised_dn: NormalisedDN, dn: bytes) -> bytes:
    """The value of a naming context."""
    return join_dn(normalised_dn) + b"\0" + dn


def decode_context(value: bytes) -> tuple[NormalisedDN, bytes]:
    """(normalised DN, DN as text) of a naming context's value."""
    normalised, _, dn = value.partition(b"\0")
    return split_dn(normalised), dn


def split_dn(joined: bytes) -> NormalisedDN:
    """The reverse of `join_dn`: a comma inside a normalised value is escaped."""
    return tuple(NormalisedRDN(part) for part in joined.split(b","))


def burial_name(tenant: int, entry_id: int) -> bytes:
    """meta: a tombstone that still has links -> nothing. They go in slices (`WriteTransaction.unlink_slice`)."""
    return BURIAL_PREFIX + _TENANT_ENTRY.pack(tenant, entry_id)


def removal_name(tenant: int) -> bytes:
    """meta: a tenant that is being removed -> how many rows are gone, 8."""
    return REMOVAL_PREFIX + _U32.pack(tenant)


def unsigned_name(tenant: int, node: int) -> bytes:
    """meta: a chain of audit whose last events no checkpoint covers -> when the first of them came, in ms, 8."""
    return UNSIGNED_PREFIX + _U32.pack(tenant) + _U32.pack(node)


def signed_name(tenant: int, node: int) -> bytes:
    """meta: a chain of audit -> the sequence that its newest checkpoint covers, 8."""
    return b"audit.signed\0" + _U32.pack(tenant) + _U32.pack(node)


def decode_unsigned_name(name: bytes) -> tuple[int, int]:
    """(tenant, node) of such a name."""
    return number(name[-8:-4]), number(name[-4:])


def index_state_name(number: int, kind: bytes) -> bytes:
    """meta: an index -> its state (indexes.py)."""
    return _INDEX_STATE + _U32.pack(number) + kind


@dataclass(slots=True)
class Counters:
    """meta, counters: what every write advances and every reader of a new snapshot looks at.

    `generations` counts the bumps of all generations; `purged_usn` is the last USN whose removal row is gone.
    """

    entry_id: int
    usn: int
    clock: int
    generations: int
    attribute: int
    server: int
    tenant: int
    descriptor: int
    purged_usn: int

    def copy(self) -> Counters:
        """The same numbers, to count on without changing these. Hot: once an operation."""
        return Counters(
            self.entry_id,
            self.usn,
            self.clock,
            self.generations,
            self.attribute,
            self.server,
            self.tenant,
            self.descriptor,
            self.purged_usn,
        )


_COUNTERS = struct.Struct(">QQQQIIIIQ")


def encode_counters(counters: Counters) -> bytes:
    """The bytes of the counters."""
    return _COUNTERS.pack(
        counters.entry_id,
        counters.usn,
        counters.clock,
        counters.generations,
        counters.attribute,
        counters.server,
        counters.tenant,
        counters.descriptor,
        counters.purged_usn,
    )


def decode_counters(data: bytes) -> Counters:
    """Read back what `encode_counters` wrote."""
    return Counters(*_COUNTERS.unpack(data))


def number(value: bytes) -> int:
    """An integer of meta, guids or an index."""
    return int.from_bytes(value, "big")


pack_number = _U32.pack
pack_id = _U64.pack
