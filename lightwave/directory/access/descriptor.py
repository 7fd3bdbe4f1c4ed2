"""Effective descriptors: what an entry is to the access decision, inheritance resolved.

An effective descriptor is computed from the parent's effective one and the entry's own, and interned: two
entries that are to be treated alike share one object, so decisions can be cached per (descriptor, token,
relation). Today's descriptors know three kinds of entries and are told apart by their naming context,
which an entry never leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from lightwave.directory.schema.normalisation import NormalisedDN
from lightwave.directory.store.caches import NamingContext
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record

SCHEMA_CONTEXT = b"cn=schemacontext"


class Kind(Enum):
    """What an entry is to the built-in rule."""

    ROOT_DSE = "root DSE"
    SCHEMA = "schema"
    ORDINARY = "ordinary"


@dataclass(frozen=True, slots=True, eq=False)
class EffectiveDescriptor:
    """Who may do what with the entries that carry it."""

    kind: Kind


ROOT_DSE = EffectiveDescriptor(Kind.ROOT_DSE)
SCHEMA = EffectiveDescriptor(Kind.SCHEMA)
ORDINARY = EffectiveDescriptor(Kind.ORDINARY)

_contexts: Mapping[NormalisedDN, NamingContext] | None = None
_schema_root: tuple[int, int] | None = None


def effective_descriptor(
    txn: ReadTransaction, tenant: int, entry_id: int, record: Record | None = None
) -> EffectiveDescriptor:
    """The descriptor of one entry; entry id 0 is the root DSE.

    `record` spares a look-up to who has it already.
    """
    if entry_id == 0:
        return ROOT_DSE
    root = _schema_context(txn)
    if root is None or root[0] != tenant:
        return ORDINARY
    return SCHEMA if txn.is_below(tenant, entry_id, root[1], record) else ORDINARY


def _schema_context(txn: ReadTransaction) -> tuple[int, int] | None:
    """(tenant, entry id) of cn=schemacontext; remembered as long as the store gives the same mapping."""
    global _contexts, _schema_root
    contexts = txn.naming_contexts()
    if contexts is not _contexts:
        _schema_root = next(
            ((c.tenant, c.entry_id) for c in contexts.values() if c.dn == SCHEMA_CONTEXT),
            None,
        )
        _contexts = contexts
    return _schema_root
