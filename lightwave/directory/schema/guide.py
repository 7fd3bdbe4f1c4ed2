"""The syntaxes Guide and Enhanced Guide: search criteria for people (RFC 4517 §3.3.10, §3.3.14)."""

from __future__ import annotations

import re
from typing import Final

from lightwave.directory.schema.errors import InvalidValue

MAX_DEPTH: Final = 32
_OID = rb"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)"
_OBJECT_CLASS: Final = re.compile(rb" *" + _OID + rb" *")
_SUBSET: Final = re.compile(rb" *(?:baseobject|oneLevel|wholeSubtree) *")
_LEAF: Final = re.compile(rb"\?true|\?false|" + _OID + rb"\$(?:EQ|SUBSTR|GE|LE|APPROX)")


def check_enhanced_guide(value: bytes) -> None:
    """`object-class # criteria # subset`."""
    parts = value.split(b"#")
    if len(parts) != 3 or not _OBJECT_CLASS.fullmatch(parts[0]) or not _SUBSET.fullmatch(parts[2]):
        raise InvalidValue("not an Enhanced Guide")
    _check_criteria(parts[1].strip(b" "))


def check_guide(value: bytes) -> None:
    """`[ object-class # ] criteria`."""
    head, separator, criteria = value.rpartition(b"#")
    if separator and not _OBJECT_CLASS.fullmatch(head):
        raise InvalidValue("not a Guide")
    _check_criteria(criteria.strip(b" "))


def _check_criteria(criteria: bytes) -> None:
    if _criteria_end(criteria, 0, 0) != len(criteria):
        raise InvalidValue("the criteria of a guide are wrong")


def _criteria_end(text: bytes, position: int, depth: int) -> int:
    """`term *( ( "|" / "&" ) term )`: precedence does not matter to a check."""
    position = _term_end(text, position, depth)
    while text[position : position + 1] in (b"|", b"&"):
        position = _term_end(text, position + 1, depth)
    return position


def _term_end(text: bytes, position: int, depth: int) -> int:
    while text[position : position + 1] == b"!":
        position += 1
    if text[position : position + 1] == b"(":
        if depth >= MAX_DEPTH:
            raise InvalidValue("the criteria of a guide are nested too deep")
        position = _criteria_end(text, position + 1, depth + 1)
        if text[position : position + 1] != b")":
            raise InvalidValue("the criteria of a guide have unbalanced parentheses")
        return position + 1
    found = _LEAF.match(text, position)
    if found is None:
        raise InvalidValue("the criteria of a guide are wrong")
    return found.end()
