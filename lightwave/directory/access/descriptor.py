"""Effective descriptors: what an entry is to the access decision, inheritance resolved.

An effective descriptor is computed from the parent's effective one and the entry's own, and interned: two
entries that are to be treated alike share one object, so decisions can be cached per (descriptor, token,
relation). Today's descriptors know three kinds of entries and are told apart by their naming context,
which an entry never leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from weakref import WeakKeyDictionary

from lightwave.directory.store.environment import Store
from lightwave.directory.store.layout import SYSTEM_TENANT
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

_schema_roots: WeakKeyDictionary[Store, int] = WeakKeyDictionary()


def effective_descriptor(
    txn: ReadTransaction, tenant: int, entry_id: int, record: Record | None = None
) -> EffectiveDescriptor:
    """The descriptor of one entry; entry id 0 is the root DSE.

    `record` spares a look-up to who has it already.
    """
    if entry_id == 0:
        return ROOT_DSE
    if tenant != SYSTEM_TENANT:
        return ORDINARY
    root = _schema_context(txn)
    return SCHEMA if root and txn.is_below(tenant, entry_id, root, record) else ORDINARY


def _schema_context(txn: ReadTransaction) -> int:
    """Entry id of cn=schemacontext, 0 before there is one; remembered, for nobody moves or deletes it."""
    root = _schema_roots.get(txn.store, 0)
    if not root:
        contexts = (context for _, context in txn.contexts(SYSTEM_TENANT))
        root = next((context.entry_id for context in contexts if context.dn == SCHEMA_CONTEXT), 0)
        if root and txn.id >= 0:
            _schema_roots[txn.store] = root
    return root
