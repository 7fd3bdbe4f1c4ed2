"""Where ours answers otherwise than slapd on purpose. Each one is a line of docs/protocols/ldap.md.

A difference says of a request and the two answers whether it explains them. What none explains is a failure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from differential.comparing import Comparable
from differential.generator import Request

_SUCCESS, _PROTOCOL, _COMPARE_FALSE, _NO_SUCH_ATTRIBUTE, _UNDEFINED_TYPE = 0, 2, 5, 16, 17
_INAPPROPRIATE_MATCHING, _CONSTRAINT, _EXISTS, _BAD_SYNTAX = 18, 19, 20, 21
_NO_SUCH_OBJECT, _BAD_NAME, _UNWILLING, _NAMING = 32, 34, 53, 64
_CLASS_VIOLATION, _NOT_ON_RDN, _ALREADY_EXISTS, _STRUCTURE, _SEVERAL_DSAS = 65, 67, 68, 69, 71

_VALUE_FAULTS = {_UNDEFINED_TYPE, _INAPPROPRIATE_MATCHING, _CONSTRAINT, _EXISTS, _BAD_SYNTAX}
_REFUSALS = _VALUE_FAULTS | {
    _NO_SUCH_ATTRIBUTE,
    _NO_SUCH_OBJECT,
    _BAD_NAME,
    _NAMING,
    _CLASS_VIOLATION,
    _ALREADY_EXISTS,
}

Explains = Callable[[Request, Comparable, Comparable], bool]


@dataclass(frozen=True, slots=True)
class Difference:
    """title: the words that docs/protocols/ldap.md has for it. explains(request, slapd's, ours)."""

    title: str
    explains: Explains


def _codes(kinds: str, theirs: set[int], ours: set[int], words: str = "") -> Explains:
    """Explains these result codes of slapd and of ours, to requests of these kinds with `words` in their text."""

    def explains(request: Request, a: Comparable, b: Comparable) -> bool:
        fits = request.kind in kinds.split() and words in request.text
        return fits and a.code in theirs and b.code in ours and a.entries == b.entries

    return explains


def _matched_name(request: Request, theirs: Comparable, ours: Comparable) -> bool:
    both = theirs.code == ours.code == _NO_SUCH_OBJECT
    return both and request.kind == "modifyDN" and not theirs.matched


def _superior_classes_in_filters(request: Request, theirs: Comparable, ours: Comparable) -> bool:
    extensible = request.kind == "search" and "objectIdentifierMatch" in request.text
    return extensible and theirs.code == ours.code == _SUCCESS


def _several_faults(request: Request, theirs: Comparable, ours: Comparable) -> bool:
    """Both refuse, and the request has several parts that can be wrong, or a name that is."""
    codes = {theirs.code, ours.code}
    if None in codes or codes & {0, 5, 6}:
        return False
    if request.kind == "modify":
        return request.parts > 1 or bool(codes & {_NO_SUCH_OBJECT, _BAD_NAME, _UNWILLING})
    if request.kind == "compare":
        return ours.code == _NO_SUCH_OBJECT
    if request.kind == "modifyDN":
        return codes == {_NO_SUCH_OBJECT, _BAD_NAME}
    return request.kind == "add" and codes <= _VALUE_FAULTS | {_CLASS_VIOLATION, _UNWILLING, _ALREADY_EXISTS}


def _password_of_nobody(request: Request, theirs: Comparable, ours: Comparable) -> bool:
    unnamed = theirs.code == ours.code == _NO_SUCH_OBJECT and not theirs.matched
    malformed = (theirs.code, ours.code) == (_BAD_SYNTAX, _BAD_NAME)
    return "password modify of" in request.text and (unnamed or malformed)


def _spaces(request: Request, theirs: Comparable, ours: Comparable) -> bool:
    return request.kind == "search" and "substrings" in request.text and "b' '" in request.text


DIFFERENCES: tuple[Difference, ...] = (
    Difference("Matched DN of a modify DN", _matched_name),
    Difference("Superior classes are values of objectClass", _superior_classes_in_filters),
    Difference(
        "Superior classes are values of objectClass",
        _codes("modify", {_SUCCESS, _NO_SUCH_ATTRIBUTE}, {_EXISTS, _SUCCESS}, "objectClass"),
    ),
    Difference(
        "Superior classes are values of objectClass",
        _codes("modify", {_CLASS_VIOLATION}, {_STRUCTURE}, "objectClass"),
    ),
    Difference(
        "Object identifiers that name no class",
        _codes("compare", {_BAD_SYNTAX}, {_COMPARE_FALSE}, "objectClass"),
    ),
    Difference(
        "Outside all naming contexts",
        _codes("add modify modifyDN delete compare", {_UNWILLING, _SEVERAL_DSAS}, {_NO_SUCH_OBJECT}),
    ),
    Difference("Values of the RDN", _codes("modify", {_NAMING}, {_NOT_ON_RDN})),
    Difference("Integers have no bound", _codes("modify", {_BAD_SYNTAX}, {_SUCCESS}, "increment")),
    Difference("Substrings of spaces only", _spaces),
    Difference("Values given twice", _codes("modify", {_SUCCESS, *_REFUSALS}, {_EXISTS}, "  delete ")),
    Difference("Modify without changes", _codes("search", {_SUCCESS}, {_PROTOCOL}, "modify without changes")),
    Difference(
        "Permissive modify deletes values that are not there",
        _codes("modify", {_NO_SUCH_ATTRIBUTE}, {_SUCCESS}, "permissive: "),
    ),
    Difference("Password Modify names what is wrong with the name", _password_of_nobody),
    Difference("Several faults at once", _several_faults),
)

LINKS_FOLLOW = Difference("Names of entries follow the entries", lambda request, theirs, ours: False)
"""Not of answers but of trees: see `sequence.run`."""


def explain(request: Request, theirs: Comparable, ours: Comparable) -> Difference | None:
    """The first difference that explains the two answers."""
    for difference in DIFFERENCES:
        if difference.explains(request, theirs, ours):
            return difference
    return None
