"""Referral objects in a search (RFC 3296 §5.6, RFC 4511 §4.5.3), which Manage DSA IT makes ordinary entries again.

At or above the base they end the search with a referral; in its scope each one is sent as a continuation reference,
whatever the filter says, and as no entry. A directory without referral objects, the usual one, pays for one look at
the index of objectClass.
"""

from __future__ import annotations

from urllib.parse import quote

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.gather import OBJECT_CLASS, REFERRAL, REFERRAL_URI, is_referral
from lightwave.directory.operations.sources import Children, Indexed, Source, Subtree, every
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.indexes import IndexKind, IndexState
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import TOMBSTONE, Record

MOST_REFERENCES = 1_000
"""continuation references of one search"""
_ONE_LEVEL, _SUBTREE = 1, 2


def may_exist(txn: ReadTransaction) -> bool:
    """False while no entry ever had a `ref`: then there are no referral objects."""
    return txn.attribute_number(REFERRAL_URI) is not None


def referrals_below(txn: ReadTransaction, schema: Schema, tenant: int, top: int, scope: int) -> list[int]:
    """Entry ids of the referral objects in a scope below `top`; raises DirectoryError when they are too many."""
    number = txn.attribute_number(OBJECT_CLASS)
    attribute = schema.attribute(OBJECT_CLASS)
    if number is None or attribute is None or not may_exist(txn):
        return []
    if txn.index_state(number, IndexKind.EQUALITY) is IndexState.COMPLETE:
        key = attribute.normalise(REFERRAL.encode())
        source: Source = Indexed(tenant, number, IndexKind.EQUALITY, key)
    else:
        source = Children(tenant, top) if scope == _ONE_LEVEL else Subtree(tenant, top)
    found: list[int] = []
    for entry_id in every(source, txn):
        record = txn.record(tenant, entry_id)
        if record.flags & TOMBSTONE or entry_id == top or not is_referral(txn, schema, record):
            continue
        if record.parent == top if scope == _ONE_LEVEL else txn.is_below(tenant, entry_id, top, record):
            found.append(entry_id)
            if len(found) > MOST_REFERENCES:
                raise DirectoryError(ResultCode.ADMIN_LIMIT_EXCEEDED, "the search passes too many referrals")
    return found


def continuation_urls(txn: ReadTransaction, dn: bytes, record: Record, scope: int) -> list[bytes]:
    """The URLs of a continuation reference: with a name and a scope, so that a client need not guess them."""
    number = txn.attribute_number(REFERRAL_URI)
    values = () if number is None else record.values(number)
    # RFC 3296 §2.2: a label may follow the URI; it is not part of what a client is sent.
    return [_continuation(value.split(b" ", 1)[0], dn, scope) for value in values]


def _continuation(url: bytes, dn: bytes, scope: int) -> bytes:
    scheme, separator, rest = url.partition(b"://")
    if scheme.lower() not in (b"ldap", b"ldaps") or not separator or b"?" in rest:
        return url  # another protocol's, or one that says all by itself
    host, _, name = rest.partition(b"/")
    name = name or quote(dn, safe="=,").encode()
    # RFC 4511 §4.5.3: what is left of a single level, where the entry itself stands elsewhere, is a base search
    return scheme + b"://" + host + b"/" + name + (b"??base" if scope == _ONE_LEVEL else b"??sub")
