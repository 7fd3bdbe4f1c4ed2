"""The security descriptors of entries, for those who write and show them: an entry's own, and the one in force.

Each change of a descriptor goes through here, so that it holds from its commit on: where entries stand below, all
that was derived from what they inherit falls with the tenant's generation `access`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from lightwave.directory.access.class_defaults import default_descriptor, default_of_class
from lightwave.directory.access.descriptor import ACCESS, descriptors_of, own_descriptor
from lightwave.directory.access.explanation import Level
from lightwave.directory.access.own_descriptor import (
    OwnDescriptor,
    classes_of_set,
    decode_own,
    encode_own,
    own,
)
from lightwave.directory.access.schema_types import schema_types
from lightwave.directory.access.sddl_names import NO_DOMAIN, SddlNames
from lightwave.directory.access.security_descriptor import encode_security_descriptor
from lightwave.directory.access.sid import BUILTIN_ADMINISTRATORS, Sid
from lightwave.directory.ldap.result import DirectoryError
from lightwave.directory.operations.gather import classes_of
from lightwave.directory.schema.classset import ClassSet, class_set
from lightwave.directory.store.layout import ROOT
from lightwave.directory.store.record import CONTEXT

if TYPE_CHECKING:
    from lightwave.directory.access.security_descriptor import SecurityDescriptor
    from lightwave.directory.access.token import Token
    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.store.reading import ReadTransaction
    from lightwave.directory.store.record import Record
    from lightwave.directory.store.writing import Change, WriteTransaction


def descriptor_in_force(
    txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int
) -> SecurityDescriptor:
    """What decides about an entry: its own entries, then those that it inherits. Raises NoSuchEntry."""
    return descriptors_of(txn.store).of(txn, schema, tenant, entry_id).descriptor


def own_of(txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int) -> OwnDescriptor:
    """What an entry has of its own; the default of its class where nothing is stored. Raises NoSuchEntry."""
    domain = descriptors_of(txn.store).of(txn, schema, tenant, entry_id).domain
    return own_descriptor(txn, schema, tenant, txn.record(tenant, entry_id), domain)


def set_own_descriptor(
    txn: WriteTransaction,
    schema: Schema,
    tenant: int,
    entry_id: int,
    descriptor: SecurityDescriptor,
    change: Change,
) -> None:
    """Gives an entry another descriptor of its own; inherited entries of it are left out, for they are computed.

    Whether somebody may is the caller's question. Raises NoSuchEntry, DescriptorError when it is too large.
    """
    record = txn.record(tenant, entry_id)
    classes = classes_of_set(schema, classes_of(txn, schema, record))
    _put(txn, tenant, entry_id, own(classes, descriptor), change)


def follow_classes(
    txn: WriteTransaction,
    schema: Schema,
    tenant: int,
    entry_id: int,
    values: tuple[bytes, ...],
    change: Change,
) -> None:
    """An entry has other object classes now, which its descriptor is kept with and evaluated for."""
    record = txn.record(tenant, entry_id)
    if not record.descriptor:  # the default follows by itself, what hangs on it does not
        _forget(txn, tenant, entry_id)
        return
    stored = decode_own(txn.descriptor(tenant, record.descriptor))
    classes = classes_of_set(schema, class_set(schema, values))
    if classes != stored.classes:
        _put(txn, tenant, entry_id, OwnDescriptor(classes, stored.descriptor, stored.digest), change)


def _put(txn: WriteTransaction, tenant: int, entry_id: int, stored: OwnDescriptor, change: Change) -> None:
    txn.set_descriptor(tenant, entry_id, txn.intern_descriptor(tenant, encode_own(stored)), change)
    _forget(txn, tenant, entry_id)


def _forget(txn: WriteTransaction, tenant: int, entry_id: int) -> None:
    memory = txn.effective_memory()
    if memory is not None:
        memory.clear()
    if txn.has_children(tenant, entry_id):
        txn.bump_generation(tenant, ACCESS)


def initial_descriptor(
    txn: WriteTransaction,
    schema: Schema,
    token: Token,
    tenant: int,
    parent: int,
    classes: ClassSet,
    given: SecurityDescriptor | None = None,
) -> int:
    """The number of what a new entry below `parent` has of its own: the default of its class, owned by its creator.

    0 for the root of a naming context, which has the default of roots. `given` stands instead of the default.
    """
    if given is not None:
        return txn.intern_descriptor(tenant, encode_own(own(classes_of_set(schema, classes), given)))
    if parent == ROOT:
        return 0
    domain = descriptors_of(txn.store).of(txn, schema, tenant, parent).domain
    owner = _owner_by(token, tenant)
    return txn.intern_descriptor(tenant, _initial(schema, classes, domain, owner))


def default_for(
    txn: ReadTransaction, schema: Schema, token: Token, tenant: int, parent: int, classes: ClassSet
) -> OwnDescriptor:
    """What a new entry below `parent` would have of its own if nothing else is said."""
    domain = descriptors_of(txn.store).of(txn, schema, tenant, parent).domain
    return decode_own(_initial(schema, classes, domain, _owner_by(token, tenant)))


def stored_unless_default(txn: ReadTransaction, schema: Schema, tenant: int, record: Record) -> bytes | None:
    """The binary form of what an entry has of its own; None where it is what administrators' entries begin with.

    `record` has a stored one. One that can't be read grants nothing, and so does what is written for it.
    """
    if not record.flags & CONTEXT and _is_default(txn, schema, tenant, record):
        return None
    return encode_security_descriptor(own_descriptor(txn, schema, tenant, record, None).descriptor)


def _is_default(txn: ReadTransaction, schema: Schema, tenant: int, record: Record) -> bool:
    domain = descriptors_of(txn.store).of(txn, schema, tenant, record.parent).domain
    try:
        default = _initial(schema, classes_of(txn, schema, record), domain, BUILTIN_ADMINISTRATORS)
    except DirectoryError:  # classes that the schema no longer has
        return False
    return txn.descriptor(tenant, record.descriptor) == default


def _owner_by(token: Token, tenant: int) -> Sid:
    """Whose it is what the bearer of `token` makes: what an administrator makes belongs to all of them."""
    if token.sid is None or token.bypass or token.administers(tenant):
        return BUILTIN_ADMINISTRATORS
    return token.sid


def _initial(schema: Schema, classes: ClassSet, domain: Sid | None, owner: Sid) -> bytes:
    def make() -> bytes:
        default = default_descriptor(default_of_class(classes.structural), domain, owner)
        return encode_own(own(classes_of_set(schema, classes), default))

    return schema_types(schema).kept((classes.values, domain, owner), make)


def names_of(txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int) -> SddlNames:
    """The aliases of SDDL in the domain that an entry stands in; those of no domain at the root of the tree."""
    if entry_id == ROOT:
        return NO_DOMAIN
    domain = descriptors_of(txn.store).of(txn, schema, tenant, entry_id).domain
    return NO_DOMAIN if domain is None else _names(domain)


@lru_cache(maxsize=1024)
def _names(domain: Sid) -> SddlNames:
    return SddlNames(domain)


def levels_of(txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int) -> list[Level]:
    """The path from the root of the naming context to an entry, as `explain` takes it; names are DNs."""
    levels: list[Level] = []
    while entry_id:
        record = txn.record(tenant, entry_id)
        stored = own_of(txn, schema, tenant, entry_id)
        name = txn.dn(tenant, entry_id, record).decode("utf-8", "replace")
        classes = stored.classes
        levels.append(Level(name, stored.descriptor, classes.structural, classes.auxiliary))
        entry_id = 0 if record.flags & CONTEXT else record.parent
    return levels[::-1]
