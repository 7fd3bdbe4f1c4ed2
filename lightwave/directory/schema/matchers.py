"""An assertion value -> a predicate over stored values: what an extensible match needs (RFC 4511 §4.5.1.7.7).

Making one raises `InvalidValue` for an assertion that is not of the rule's syntax (Undefined); the predicate raises
it for a stored value that the rule cannot compare.
"""

from __future__ import annotations

from collections.abc import Callable

from lightwave.directory.schema import forms, stringprep, syntax_checks
from lightwave.directory.schema.forms import Normaliser
from lightwave.directory.schema.matching import Names, SubstringRule, contains_pieces

Predicate = Callable[[bytes], bool]
Matcher = Callable[[bytes], Predicate]


def equal_to(normalise: Normaliser) -> Matcher:
    """An equality rule holds for values with the same form."""

    def matcher(assertion: bytes) -> Predicate:
        wanted = normalise(assertion)
        return lambda value: normalise(value) == wanted

    return matcher


def before(key: Normaliser) -> Matcher:
    """An ordering rule is true for values before the assertion value (RFC 4517 §4.1)."""

    def matcher(assertion: bytes) -> Predicate:
        bound = key(assertion)
        return lambda value: key(value) < bound

    return matcher


def with_pieces(rule: SubstringRule) -> Matcher:
    """A substring rule in an extensible match takes a Substring Assertion (RFC 4517 §3.3.30)."""

    def matcher(assertion: bytes) -> Predicate:
        first, *middle, last = syntax_checks.split_substring_assertion(assertion)
        initial = rule.piece(first, "initial") if first else b""
        inner = [rule.piece(piece, "any") for piece in middle]
        final = rule.piece(last, "final") if last else b""
        return lambda value: contains_pieces(rule.whole(value), initial, inner, final)

    return matcher


def with_bits(test: Callable[[int, int], bool]) -> Matcher:
    """The assertion is a mask over integers of any size, negative ones in two's complement."""

    def matcher(assertion: bytes) -> Predicate:
        mask = int(forms.integer(assertion))
        return lambda value: test(int(forms.integer(value)), mask)

    return matcher


def with_word(split: Callable[[bytes], list[bytes]]) -> Matcher:
    """keywordMatch and wordMatch: the assertion is one of the value's words (RFC 4517 §4.2.21, §4.2.32)."""

    def matcher(assertion: bytes) -> Predicate:
        wanted = stringprep.prepare_fold(assertion)
        return lambda value: wanted in split(stringprep.prepare_fold(value))

    return matcher


def related_name(names: Names, *, is_match: Callable[[bytes, bytes], bool]) -> Matcher:
    """The value\'s name stands in a relation to the assertion\'s: `is_match(value, assertion)` on joined names."""

    def matcher(assertion: bytes) -> Predicate:
        wanted = names.normalise_name(assertion)
        return lambda value: is_match(names.normalise_name(value), wanted)

    return matcher
