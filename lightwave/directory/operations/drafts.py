"""Writes that are checked but not yet issued: what plug-ins see and may amend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lightwave.directory.ldap.dn import RDN
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.normalisation import NormalisedDN, NormalisedRDN
from lightwave.directory.schema.objectclass import ObjectClass
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.record import Record

if TYPE_CHECKING:
    from lightwave.directory.access.security_descriptor import SecurityDescriptor
    from lightwave.directory.operations.ports import Effect

Attributes = dict[AttributeDescription, tuple[bytes, ...]]


@dataclass(frozen=True, slots=True)
class RefreshRequest:
    """RFC 2589 §4.1: asks for `ttl` more seconds of life for a dynamic entry."""

    dn: bytes
    ttl: int


@dataclass(frozen=True, slots=True)
class PasswordModifyRequest:
    """RFC 3062 §2.1: the entry's password becomes `new`. old: None where the client does not prove it."""

    dn: bytes
    old: bytes | None = field(repr=False)
    new: bytes = field(repr=False)


@dataclass(slots=True)
class DraftEntry:
    """An entry that is about to be added: schema and access have passed."""

    schema: Schema
    tenant: int
    parent: int
    name: NormalisedDN
    """the new entry's whole DN, leaf first"""
    rdn: RDN
    guid: bytes
    attributes: Attributes
    """user and operational attributes, those that become links included, secret ones not"""
    classes: frozenset[str]
    """OIDs of all object classes, superiors included"""
    structural: ObjectClass
    effects: Sequence[Effect] = ()
    """what was prepared for this write"""
    expires: float | None = None
    """dynamic entries: seconds since the epoch"""
    kept: Attributes = field(default_factory=dict)
    """operational attributes that an import brings along (createTimestamp …), instead of new ones"""
    revived: int = 0
    """entry id of the tombstone that becomes the entry again; 0 where there is none"""
    restored: bool = False
    """It comes from a file of an administrator's, an export or a backup, with what a server gave it once."""
    descriptor: SecurityDescriptor | None = None
    """its own, where whoever adds it gives one"""


@dataclass(slots=True)
class AttributeEdit:
    """The outcome of all of one modify's changes to one attribute that is kept in the record."""

    description: AttributeDescription
    before: tuple[bytes, ...]
    after: tuple[bytes, ...]
    added: tuple[bytes, ...]
    removed: tuple[bytes, ...]
    whole: bool
    """the attribute was replaced or removed as a whole: one stamp for all of it"""


@dataclass(slots=True)
class LinkEdit:
    """The outcome of one modify's changes to one attribute kept as links: ids of entries."""

    description: AttributeDescription
    added: dict[int, None] = field(default_factory=dict)
    removed: dict[int, None] = field(default_factory=dict)


@dataclass(slots=True)
class DraftModify:
    """A modify that is about to be issued."""

    schema: Schema
    tenant: int
    entry_id: int
    record: Record
    """the entry as it is now"""
    edits: dict[str, AttributeEdit]
    """by the attribute description's key"""
    links: dict[str, LinkEdit]
    classes: frozenset[str]
    """OIDs of all object classes after the change, superiors included"""
    effects: Sequence[Effect] = ()
    """what was prepared for this write"""
    expires: float | None = None
    """dynamic entries: the new expiry, None when unchanged"""
    descriptor: SecurityDescriptor | None = None
    """what becomes its own security descriptor; None when unchanged"""


@dataclass(slots=True)
class DraftRename:
    """A rename that is about to be issued; `edits` are the changes that old and new RDN make."""

    schema: Schema
    tenant: int
    entry_id: int
    record: Record
    old_parent: int
    new_parent: int
    rdn: RDN
    normalised_rdn: NormalisedRDN
    edits: dict[str, AttributeEdit]
    classes: frozenset[str]
    """OIDs of all object classes, superiors included"""


@dataclass(slots=True)
class DraftDelete:
    """A delete that is about to be issued."""

    schema: Schema
    tenant: int
    entry_id: int
    record: Record
    dn: bytes
    name: NormalisedDN
    classes: frozenset[str]
    """OIDs of all object classes, superiors included"""
