"""Index definitions, their states, and the keys that a value has in each kind of index.

An index covers an attribute type with all its options: `cn` and `cn;lang-de` stand in one index, under the number
of the type without options. Subtypes have indexes of their own. Types whose values are links are not indexed: the
databases of links answer for them; `entryUUID` is answered by `guids`.

An index is used for searching only in state COMPLETE. While it is built in the background, every write
maintains its keys all the same: putting and deleting a key twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import ordering_key, substring_form
from lightwave.directory.store import layout

if TYPE_CHECKING:
    import lmdb

    from lightwave.directory.schema.attribute import AttributeType
    from lightwave.directory.store.databases import Databases


class IndexKind(Enum):
    """What an index answers; the value is the byte in its keys."""

    EQUALITY = layout.EQUALITY
    PRESENCE = layout.PRESENCE
    SUBSTRING = layout.SUBSTRING
    ORDERING = layout.ORDERING

    # Each kind exists once. Enum's own hash is Python code, and every look-up of an index would run it.
    __hash__ = object.__hash__


class IndexState(IntEnum):
    """Only a COMPLETE index may narrow a search."""

    BUILDING = 1
    COMPLETE = 2
    DROPPING = 3
    RENEWING = 4
    """Its keys were made by other rules: they are deleted, then it is built. Never on disk."""


KEYS = 1
"""Version of the rules by which values become keys; one more whenever they change. An index of another is renewed."""


@dataclass(frozen=True, slots=True)
class IndexDefinition:
    """One index: the type's OID, its number, kind and state; `position` is the last (tenant, entry id) visited.

    `keys` is the version of the rules that its keys were made by.
    """

    key: str
    number: int
    kind: IndexKind
    state: IndexState
    position: tuple[int, int] = (0, 0)
    keys: int = KEYS

    def encode(self) -> bytes:
        """What stands in meta: state 1, tenant 4, entry id 8, version of the keys 1."""
        return bytes((self.state,)) + layout.entry_key(*self.position) + bytes((self.keys,))

    @classmethod
    def decode(cls, key: str, number: int, kind: IndexKind, value: bytes) -> IndexDefinition:
        """Read back what `encode` wrote. Format 1 had no version of the keys: they were of version 1."""
        state, position = IndexState(value[0]), layout.decode_entry_key(value[1:13])
        keys = value[13] if len(value) > 13 else 1
        if keys != KEYS and state is not IndexState.DROPPING:
            state = IndexState.RENEWING
        return cls(key, number, kind, state, position, keys)


@dataclass(frozen=True, slots=True)
class IndexDefinitions:
    """All indexes of a snapshot, by number and kind; by the type's OID those that a write maintains.

    One that is being dropped or renewed is not maintained: the sweep that empties it would otherwise never end.
    """

    by_type: Mapping[str, tuple[IndexDefinition, ...]]
    by_number: Mapping[tuple[int, IndexKind], IndexDefinition]

    def state(self, number: int, kind: IndexKind) -> IndexState | None:
        """The state of an index, None where there is none."""
        definition = self.by_number.get((number, kind))
        return definition.state if definition is not None else None

    def __iter__(self) -> Iterator[IndexDefinition]:
        return iter(self.by_number.values())


NO_DEFINITIONS = IndexDefinitions({}, {})


def load_definitions(raw: lmdb.Transaction[bytes], databases: Databases) -> IndexDefinitions:
    """All index definitions in a snapshot."""
    prefix = layout.INDEX_STATE_PREFIX
    by_type: dict[str, tuple[IndexDefinition, ...]] = {}
    by_number: dict[tuple[int, IndexKind], IndexDefinition] = {}
    cursor = raw.cursor(databases.meta)
    if cursor.set_range(prefix):
        for name, value in cursor.iternext():
            if not name.startswith(prefix):
                break
            number = layout.number(name[len(prefix) : len(prefix) + 4])
            kind = IndexKind(name[len(prefix) + 4 :])
            key = raw.get(layout.attribute_key_name(number), db=databases.meta)
            oid = key.decode() if key is not None else ""
            definition = IndexDefinition.decode(oid, number, kind, value)
            if definition.state not in (IndexState.DROPPING, IndexState.RENEWING):
                by_type[oid] = (*by_type.get(oid, ()), definition)
            by_number[number, kind] = definition
    return IndexDefinitions(by_type, by_number)


LONG_VALUES = b""
"""The key in a substring index of all entries with a value too long to be cut into grams."""

_LONGEST_CUT = 1024
_START, _END = b"\x02", b"\x03"


def grams(text: bytes) -> set[bytes]:
    """All runs of three bytes in a text; of a shorter text, nothing."""
    return {text[at : at + 3] for at in range(len(text) - 2)}


def value_grams(form: bytes) -> set[bytes]:
    """The keys of a value's substring form: its grams with the ends marked; one key for all long values."""
    if len(form) > _LONGEST_CUT:
        return {LONG_VALUES}
    return grams(_START + form + _END)


def pattern_grams(initial: bytes | None, middle: Iterable[bytes], final: bytes | None) -> set[bytes]:
    """The grams that every value has which matches such a pattern (RFC 4511 section 4.5.1.7.2).

    The parts are in substring form. Candidates are the entries that stand under all of them, or under
    `LONG_VALUES`. Empty where the pattern is too short for the index to narrow anything.
    """
    result: set[bytes] = set()
    if initial:
        result |= grams(_START + initial)
    for part in middle:
        result |= grams(part)
    if final:
        result |= grams(final + _END)
    return result


def value_keys(kind: IndexKind, attribute: AttributeType, values: Iterable[bytes]) -> set[bytes]:
    """The keys (without tenant, attribute and kind) of a type's values in an index of that kind.

    A value that its rule refuses, or a type without the rule, has none: an assertion on it is Undefined.
    """
    if kind is IndexKind.EQUALITY:
        return equality_keys(attribute, values)
    if kind is IndexKind.PRESENCE:
        return {b""} if any(True for _ in values) else set()
    result: set[bytes] = set()
    for value in values:
        try:
            if kind is IndexKind.SUBSTRING:
                if attribute.substring is not None:
                    result |= value_grams(substring_form(attribute, value))
            elif attribute.ordering is not None:
                result.add(ordering_key(attribute, value)[: layout.LONGEST_INDEXED])
        except InvalidValue:
            continue
    return result


def equality_keys(attribute: AttributeType, values: Iterable[bytes]) -> set[bytes]:
    """The normalised values; one that its rule refuses is left out."""
    normalise = attribute.normalise
    try:
        return {normalise(value) for value in values}
    except InvalidValue:
        result = set()
        for value in values:
            try:
                result.add(normalise(value))
            except InvalidValue:
                continue
        return result
