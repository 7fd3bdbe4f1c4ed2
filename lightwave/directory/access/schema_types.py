"""The object types of one schema: evaluation's tables, and the way from its masks to sets of attributes.

Bit n of a mask of attributes is attribute type number n in the order of the schema. Numbers of a store name attribute
descriptions, several of one type; which they are is the store's matter and grows, so sets are made for a given
mapping of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from lightwave.directory.access.attribute_set import ALL, NONE, AttributeSet
from lightwave.directory.access.control_rights import CONTROL_RIGHTS, VALIDATED_WRITES
from lightwave.directory.access.guid import Guid
from lightwave.directory.access.object_types import EVERYTHING, AttributeType, object_types
from lightwave.directory.access.schema_guids import attribute_facts, class_guid
from lightwave.directory.schema.schema import Schema

T = TypeVar("T")

_MOST_KEPT: Final = 8_192
_CONTROL_RIGHTS: Final = tuple(CONTROL_RIGHTS.values())
_VALIDATED_WRITES: Final = tuple(VALIDATED_WRITES.values())


class SchemaTypes:
    """One schema's. `tables` is what `evaluate` takes."""

    def __init__(self, schema: Schema) -> None:
        types = schema.attribute_types()
        self._oids = tuple(one.oid for one in types)
        self._bits = {oid: bit for bit, oid in enumerate(self._oids)}
        self._classes = tuple(one.oid for one in schema.object_classes())
        self.class_guids: dict[str, Guid] = {one.oid: class_guid(one) for one in schema.object_classes()}
        self._kept: dict[Hashable, object] = {}
        self.tables = object_types(
            (AttributeType(bit, *attribute_facts(one)) for bit, one in enumerate(types)),
            ((number, self.class_guids[oid]) for number, oid in enumerate(self._classes)),
            enumerate(_CONTROL_RIGHTS),
            enumerate(_VALIDATED_WRITES),
        )

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gave for a key, which follows from the schema and the key alone; it goes with the schema."""
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            found = self._kept[key] = make()
        return found  # type: ignore[return-value]  # one key, one type

    def attributes(self, mask: int, keys: Mapping[int, str]) -> AttributeSet:
        """The attributes of a mask: numbers of `keys` (number -> "oid;option;…"), and OIDs of all types.

        ALL for a mask that excepts nothing that the schema has: attributes that it no longer has belong to it.
        """
        if mask == EVERYTHING:
            return ALL
        oids = {oid for bit, oid in enumerate(self._oids) if mask >> bit & 1}
        if mask < 0 and len(oids) == len(self._oids):
            return ALL
        if not oids and mask >= 0:
            return NONE
        numbers = (
            number
            for number, key in keys.items()
            if (oid := key.partition(";")[0]) in oids or (mask < 0 and oid not in self._bits)
        )
        return frozenset((*numbers, *oids))

    def readable(self, mask: int, keys: Mapping[int, str]) -> int:
        """A mask of readable attributes that excepts of the confidential ones only those that some entry holds."""
        if mask >= 0 or not self.tables.confidential & ~mask:
            return mask
        stored = 0
        for key in keys.values():
            bit = self._bits.get(key.partition(";")[0])
            if bit is not None:
                stored |= 1 << bit
        return mask | (self.tables.confidential & ~stored)

    def without_confidential(self, keys: Mapping[int, str]) -> AttributeSet:
        """All attributes but the confidential ones."""
        return self.attributes(self.readable(~self.tables.confidential, keys), keys)

    def without(
        self, attributes: AttributeSet, keys: Mapping[int, str], oids: frozenset[str]
    ) -> AttributeSet:
        """A set of attributes without these types."""
        if not isinstance(attributes, frozenset):
            attributes = frozenset((*keys, *self._oids))
        return attributes - oids - {n for n, key in keys.items() if key.partition(";")[0] in oids}

    def classes(self, mask: int) -> AttributeSet:
        """The classes of a mask, by OID."""
        return _members(mask, self._classes)

    def control_rights(self, mask: int) -> AttributeSet:
        """The control access rights of a mask, by GUID."""
        return _members(mask, _CONTROL_RIGHTS)

    def validated_writes(self, mask: int) -> AttributeSet:
        """The validated writes of a mask, by GUID."""
        return _members(mask, _VALIDATED_WRITES)


@lru_cache(maxsize=1024)
def _members(mask: int, names: tuple[str | Guid, ...]) -> AttributeSet:
    if mask == EVERYTHING:
        return ALL
    return frozenset(name for bit, name in enumerate(names) if mask >> bit & 1) or NONE


_known: WeakKeyDictionary[Schema, SchemaTypes] = WeakKeyDictionary()
_last: tuple[Schema, SchemaTypes] | None = None


def schema_types(schema: Schema) -> SchemaTypes:
    """The object types of a schema; made once for each."""
    global _last
    last = _last
    if last is not None and last[0] is schema:
        return last[1]
    found = _known.get(schema)
    if found is None:
        found = _known[schema] = SchemaTypes(schema)
    _last = (schema, found)
    return found
