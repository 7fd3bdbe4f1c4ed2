"""Attribute types and attribute descriptions (RFC 4512 §2.5), resolved.

An `AttributeType` belongs to one `Schema`; what it inherits from its superior is already filled in. Types of
two schema generations are different objects, so compare `oid`, never identity, across generations. An
`AttributeDescription` is interned by its schema and compares by `key`, which stays over generations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from lightwave.directory.schema.definitions import AttributeTypeDefinition
    from lightwave.directory.schema.matching import MatchingRule
    from lightwave.directory.schema.syntaxes import Syntax


class Usage(Enum):
    """RFC 4512 §4.1.2 `usage`; everything but the first is operational."""

    USER_APPLICATIONS = "userApplications"
    DIRECTORY_OPERATION = "directoryOperation"
    DISTRIBUTED_OPERATION = "distributedOperation"
    DSA_OPERATION = "dSAOperation"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttributeType:
    """One attribute type with everything that it inherits (RFC 4512 §2.5.1).

    `normalise` turns a value into the bytes that equality compares: the equality rule's own function, or the
    value itself where there is no equality rule (then `equality` is None and an assertion is Undefined).
    """

    oid: str
    oid_bytes: bytes
    names: tuple[str, ...]
    name: str
    syntax: Syntax
    equality: MatchingRule | None
    ordering: MatchingRule | None
    substring: MatchingRule | None
    superior: AttributeType | None
    single_value: bool
    no_user_modification: bool
    collective: bool
    obsolete: bool
    usage: Usage
    is_operational: bool
    is_link: bool
    is_secret: bool
    max_length: int | None
    ancestry: frozenset[str]  # its own OID and those of all its superiors
    normalise: Callable[[bytes], bytes]
    check: Callable[[bytes], None]  # raises InvalidValue; what passes can be normalised
    definition: AttributeTypeDefinition

    def is_subtype_of(self, other: AttributeType) -> bool:
        """True for the type itself and for what descends from it (RFC 4512 §2.5.1)."""
        return other.oid in self.ancestry

    def __repr__(self) -> str:
        return f"<AttributeType {self.name} {self.oid}>"


@final
class AttributeDescription:
    """An attribute type and its options (RFC 4512 §2.5); made by `Schema.describe` only.

    `options` are sorted, in lower case and without `binary`, which asks for a transfer encoding and is no
    tagging option (RFC 4522 §2): `userCertificate` and `userCertificate;binary` are one description.
    """

    __slots__ = ("_hash", "is_binary", "key", "options", "text", "type")

    def __init__(self, type_: AttributeType, options: tuple[str, ...], *, is_binary: bool) -> None:
        self.type = type_
        self.options = options
        self.is_binary = is_binary
        self.key = ";".join((type_.oid, *options))
        self.text = ";".join((type_.name, *(("binary",) if is_binary else ()), *options))
        self._hash = hash(self.key)

    def matches(self, requested: AttributeDescription) -> bool:
        """True when this description is `requested` or a subtype of it (RFC 4512 §2.5.2.1).

        A requested option that ends in `-` is a language range (RFC 3866 §2.2): `lang-en-` covers `lang-en`
        and `lang-en-gb`.
        """
        if requested.type.oid not in self.type.ancestry:
            return False
        return all(
            option in self.options or (option[-1] == "-" and _in_language_range(self.options, option))
            for option in requested.options
        )

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, AttributeDescription) and self.key == other.key)

    def __repr__(self) -> str:
        return f"<AttributeDescription {self.text}>"


def _in_language_range(options: tuple[str, ...], language_range: str) -> bool:
    return any(option.startswith(language_range) or option == language_range[:-1] for option in options)
