"""A small schema and short ways to make entries, for tests of the store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.normalisation import NormalisedDN, NormalisedRDN, normalise_dn_text
from lightwave.directory.schema.reading import parse_definition
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.environment import Store
from lightwave.directory.store.indexes import IndexDefinition, IndexKind, IndexState
from lightwave.directory.store.keyring import Keyring
from lightwave.directory.store.writing import Change, NewEntry, WriteTransaction

_STRING = "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15"
_IA5 = "EQUALITY caseIgnoreIA5Match SUBSTR caseIgnoreIA5SubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.26"
_INTEGER = "EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27"
_DN = "EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12"
_TIME = (
    "EQUALITY generalizedTimeMatch ORDERING generalizedTimeOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24"
)

DEFINITIONS = (
    "( 2.5.4.0 NAME 'objectClass' EQUALITY objectIdentifierMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.38 )",
    f"( 2.5.4.3 NAME 'cn' {_STRING} )",
    f"( 2.5.4.4 NAME 'sn' {_STRING} )",
    f"( 2.5.4.42 NAME 'givenName' {_STRING} )",
    f"( 2.5.4.11 NAME 'ou' {_STRING} )",
    f"( 2.5.4.13 NAME 'description' {_STRING} )",
    f"( 2.5.4.20 NAME 'telephoneNumber' {_STRING} )",
    f"( 2.5.4.7 NAME 'l' {_STRING} )",
    f"( 0.9.2342.19200300.100.1.25 NAME 'dc' {_IA5} SINGLE-VALUE )",
    f"( 0.9.2342.19200300.100.1.1 NAME 'uid' {_STRING} )",
    f"( 0.9.2342.19200300.100.1.3 NAME 'mail' {_IA5} )",
    f"( 1.3.6.1.1.1.1.0 NAME 'uidNumber' {_INTEGER} SINGLE-VALUE )",
    f"( 1.3.6.1.1.1.1.1 NAME 'gidNumber' {_INTEGER} SINGLE-VALUE )",
    f"( 1.3.6.1.1.1.1.12 NAME 'memberUid' {_STRING} )",
    "( 1.3.6.1.1.1.1.3 NAME 'homeDirectory' EQUALITY caseExactIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )",
    f"( 2.5.4.31 NAME 'member' {_DN} X-LINK 'TRUE' )",
    f"( 0.9.2342.19200300.100.1.10 NAME 'manager' {_DN} X-LINK 'TRUE' )",
    f"( 2.5.18.1 NAME 'createTimestamp' {_TIME} SINGLE-VALUE NO-USER-MODIFICATION USAGE directoryOperation )",
    f"( 2.5.18.2 NAME 'modifyTimestamp' {_TIME} SINGLE-VALUE NO-USER-MODIFICATION USAGE directoryOperation )",
)

SERVER = bytes(range(16))
TENANT_GUID = bytes(range(16, 32))
START = 1_700_000_000.0
BASE = b"dc=example,dc=org"


class Clock:
    """A clock that the test moves."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def make_schema() -> Schema:
    """The definitions above as a schema."""
    definitions = tuple(parse_definition("attributeTypes", text.encode()) for text in DEFINITIONS)
    return Schema(definitions, builtin=frozenset(), generation=0)


SCHEMA = make_schema()


def describe(text: str) -> AttributeDescription:
    """The description of an attribute that the schema has."""
    found = SCHEMA.describe(text)
    assert found is not None
    return found


def dn(text: bytes) -> NormalisedDN:
    """A normalised DN."""
    return normalise_dn_text(SCHEMA, text)


def rdn(text: bytes) -> NormalisedRDN:
    """A normalised RDN."""
    return dn(text)[0]


def guid(name: bytes) -> bytes:
    """A GUID that hangs on a name only."""
    return hashlib.sha256(name).digest()[:16]


def entry(
    name: bytes,
    attributes: Mapping[str, Sequence[bytes]] | None = None,
    *,
    links: Sequence[tuple[str, int]] = (),
    identity: bytes | None = None,
    expires: float | None = None,
) -> NewEntry:
    """A new entry of an RDN and attributes."""
    return NewEntry(
        name,
        rdn(name) if b"," not in name else NormalisedRDN(b""),
        identity or guid(name),
        [(describe(key), tuple(values)) for key, values in (attributes or {}).items()],
        [(describe(key), target) for key, target in links],
        expires=expires,
    )


def make_store(folder: Path, clock: Clock | None = None, *, map_size: int = 1 << 30) -> Store:
    """A new store with tenant 1 and, below its naming context (entry 1), nothing."""
    keyring, _ = Keyring.create(folder / "keyring")
    keyring.add_tenant(TENANT_GUID)
    store = Store.create(
        folder / "store", keyring, server=SERVER, now=clock or Clock(), map_size=map_size, max_readers=32
    )
    with store.write() as transaction:
        assert transaction.create_tenant(TENANT_GUID) == 1
        change = transaction.begin_change()
        root = transaction.insert_context(1, dn(BASE), entry(BASE, {"dc": [b"example"]}), change)
        assert root == 1
    return store


def put_index(transaction: WriteTransaction, name: str, kind: IndexKind) -> int:
    """Declare an index complete that nothing needs to be built for; the attribute's number."""
    number = transaction.attribute_number_for(describe(name))
    key = describe(name).key
    transaction.put_definition(IndexDefinition(key, number, kind, IndexState.COMPLETE))
    return number


def add(
    transaction: WriteTransaction,
    parent: int,
    name: bytes,
    attributes: Mapping[str, Sequence[bytes]] | None = None,
    *,
    links: Sequence[tuple[str, int]] = (),
    change: Change | None = None,
) -> int:
    """Insert an entry by a change of its own."""
    identity = guid(b"%b %d" % (name, transaction.counters().entry_id))
    new = entry(name, attributes, links=links, identity=identity)
    return transaction.insert_entry(1, parent, new, change or transaction.begin_change())
