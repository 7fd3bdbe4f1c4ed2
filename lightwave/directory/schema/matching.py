"""Matching rules (RFC 4517 §4.2 and those of the schemas that build on it)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, Protocol, final

from lightwave.directory.schema.errors import InvalidValue

DIRECTORY_STRING: Final = "1.3.6.1.4.1.1466.115.121.1.15"
# Attribute syntaxes that a rule over Directory Strings serves too (RFC 4517 §4.2.4, §4.2.11): Country String,
# Printable String, Telephone Number.
_ALTERNATIVES: Final = frozenset(f"1.3.6.1.4.1.1466.115.121.1.{n}" for n in (11, 44, 50))
# Syntaxes of assertions that have at least one character, though their rule prepares an empty one too: the above,
# and Numeric String (RFC 4517 §3.3.6, §3.3.23, §3.3.29, §3.3.31).
_NEVER_EMPTY: Final = _ALTERNATIVES | {DIRECTORY_STRING, "1.3.6.1.4.1.1466.115.121.1.36"}

Piece = Literal["initial", "any", "final"]


class RuleKind(Enum):
    """What an attribute type can use the rule for."""

    EQUALITY = "equality"
    ORDERING = "ordering"
    SUBSTRING = "substring"
    EXTENSIBLE = "extensible"  # for extensible matches only


class Accepts(Enum):
    """Which values an equality rule can always normalise, so that a syntax check alone is enough for them."""

    EVERYTHING = "everything"
    ITS_SYNTAX = "every value of the rule's own syntax"
    ASCII = "every ASCII value; others may hold what string preparation prohibits"
    SOME = "some: names and identifiers have to be known"


class Names(Protocol):
    """What rules over names need of the schema that they belong to."""

    def oid_of(self, name: str) -> str | None:
        """The OID of an attribute type, object class or other definition by name."""

    def normalise_name(self, text: bytes) -> bytes:
        """One key for a distinguished name; raises `InvalidValue`."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SubstringRule:
    """How a stored value and the pieces of an assertion are prepared for substring matching."""

    whole: Callable[[bytes], bytes]
    piece: Callable[[bytes, Piece], bytes]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatchingRule:
    """One matching rule.

    `normalise` gives the bytes that an equality rule compares, and those in which `ordering` and `substring`
    rules are compared for equality too. `matcher` turns an assertion value into a predicate over stored
    values: what an extensible match needs (RFC 4511 §4.5.1.7.7); it raises `InvalidValue` for an assertion
    that is not of the rule's syntax.
    """

    oid: str
    names: tuple[str, ...]
    name: str
    syntax: str  # OID of the assertion syntax
    kind: RuleKind
    normalise: Callable[[bytes], bytes]
    matcher: Callable[[bytes], Callable[[bytes], bool]]
    accepts: Accepts = Accepts.SOME
    ordering: Callable[[bytes], bytes] | None = None
    substring: SubstringRule | None = None

    def check_assertion(self, value: bytes) -> None:
        """Raise `InvalidValue` for an assertion value that normalises and yet is not of the rule's syntax.

        That is the empty one.
        """
        if not value and self.syntax in _NEVER_EMPTY and self.kind is RuleKind.EQUALITY:
            raise InvalidValue("an empty value is not of the assertion's syntax")

    def serves_syntax(self, syntax: str) -> bool:
        """Whether values of the attribute syntax with this OID can be compared by the rule."""
        return syntax == self.syntax or (self.syntax == DIRECTORY_STRING and syntax in _ALTERNATIVES)

    def __repr__(self) -> str:
        return f"<MatchingRule {self.name} {self.oid}>"


def contains_pieces(form: bytes, initial: bytes, inner: Sequence[bytes], final_: bytes) -> bool:
    """Whether prepared pieces stand in `form` in order and without overlap (RFC 4511 §4.5.1.7.2)."""
    if not form.startswith(initial):
        return False
    position = len(initial)
    end = len(form) - len(final_)
    for piece in inner:
        found = form.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return position <= end and form.endswith(final_)
