"""What an entry keeps of its own: owner, group and explicit entries, with the classes that they are evaluated for.

As it stands in the store it is interned: entries of like classes, owner and entries share one number. The classes are
in it because what an entry inherits and what its entries mean depends on them; so its number and its parent are all
that the descriptor in force follows from.

    format 1, count of auxiliary classes 1, schemaIDGUID of the structural class 16,
    schemaIDGUIDs of the auxiliary classes 16 each, ascending
    self-relative security descriptor
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lightwave.directory.access.descriptor_errors import MalformedDescriptor
from lightwave.directory.access.guid import SIZE, Guid
from lightwave.directory.access.inheritance import digest
from lightwave.directory.access.schema_types import schema_types
from lightwave.directory.access.security_descriptor import (
    SecurityDescriptor,
    decode_security_descriptor,
    encode_security_descriptor,
    explicit_parts,
)
from lightwave.directory.schema.classset import ClassSet
from lightwave.directory.schema.objectclass import ClassKind
from lightwave.directory.schema.schema import Schema

_FORMAT: Final = 1
_HEAD: Final = 2


@dataclass(frozen=True, slots=True)
class Classes:
    """The schemaIDGUIDs of an entry's structural class and of its auxiliary ones."""

    structural: Guid
    auxiliary: frozenset[Guid] = frozenset()

    @property
    def all(self) -> frozenset[Guid]:
        """Those whose inherited entries apply."""
        return self.auxiliary | {self.structural}


@dataclass(frozen=True, slots=True)
class OwnDescriptor:
    """An entry's own. `digest` names the content of `descriptor`."""

    classes: Classes
    descriptor: SecurityDescriptor
    digest: bytes


def own(classes: Classes, descriptor: SecurityDescriptor) -> OwnDescriptor:
    """An entry's own descriptor of what was written: inherited entries go."""
    stored = explicit_parts(descriptor)
    return OwnDescriptor(classes, stored, digest(stored))


def classes_of_set(schema: Schema, classes: ClassSet) -> Classes:
    """The classes of a set of object classes as access control knows them."""
    guids = schema_types(schema).class_guids
    auxiliary = frozenset(guids[one.oid] for one in classes.classes if one.kind is ClassKind.AUXILIARY)
    return Classes(guids[classes.structural.oid], auxiliary)


def encode_own(stored: OwnDescriptor) -> bytes:
    """The bytes for the store; DescriptorError when the descriptor is too large."""
    classes = stored.classes
    head = bytes((_FORMAT, len(classes.auxiliary))) + classes.structural
    return head + b"".join(sorted(classes.auxiliary)) + encode_security_descriptor(stored.descriptor)


@lru_cache(maxsize=4096)
def decode_own(data: bytes) -> OwnDescriptor:
    """The reverse of `encode_own`; raises MalformedDescriptor. Descriptors are few: equal bytes are read once."""
    if len(data) < _HEAD + SIZE or data[0] != _FORMAT:
        raise MalformedDescriptor("a stored descriptor is of an unknown format")
    end = _HEAD + SIZE * (1 + data[1])
    if len(data) < end:
        raise MalformedDescriptor("a stored descriptor is cut off")
    guids = [Guid(data[start : start + SIZE]) for start in range(_HEAD, end, SIZE)]
    descriptor = decode_security_descriptor(data[end:])
    return OwnDescriptor(Classes(guids[0], frozenset(guids[1:])), descriptor, digest(descriptor))
