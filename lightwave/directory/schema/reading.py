"""Reading RFC 4512 §4.1 descriptions: text -> definition.

Reading is lenient where servers in the field are (OpenLDAP, 389 Directory Server, Active Directory tools):
double quotes for single ones, missing spaces around parentheses, quoted OIDs, keywords in any case and order,
a word where a numeric OID belongs (`nsRole-oid`, `VMWare.DIR.attribute.0.1`), an ordering prefix (`{3}( …
)`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from lightwave.directory.schema.attribute import Usage
from lightwave.directory.schema.definitions import (
    AttributeTypeDefinition,
    ContentRuleDefinition,
    Definition,
    Extensions,
    MatchingRuleDefinition,
    MatchingRuleUseDefinition,
    NameFormDefinition,
    ObjectClassDefinition,
    StructureRuleDefinition,
    SyntaxDefinition,
)
from lightwave.directory.schema.errors import SchemaError
from lightwave.directory.schema.objectclass import ClassKind

MAX_DEFINITION: Final = 256 * 1024  # bytes; Active Directory's longest object class has under 40 kB
MAX_NAMES: Final = 64
MAX_MEMBERS: Final = 5_000  # attribute types in one MUST or MAY

# One token: a parenthesis, `$`, a quoted string or a word. A quoted string holds no raw quote of its own kind
# (RFC 4512 §4.1 dstring: `\27` and `\5c` stand for `'` and `\`).
_TOKEN = re.compile(r"""\s*(?:([()$])|'([^']*)'|"([^"]*)"|([^\s()$'"]+))""")
_OID = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z.;:_-]*[0-9A-Za-z_-])?\Z")
_NAME = re.compile(r"[A-Za-z][0-9A-Za-z_;.-]*\Z")
_BOUND = re.compile(r"(.*)\{(\d{1,9})\}\Z")
_ORDER_PREFIX = re.compile(r"\s*\{\d+\}\s*(?=\()")
_ESCAPE = re.compile(r"\\(27|5[cC])")

Token = tuple[str, bool]  # text, and whether it stood in quotes


class _Tokens:
    """A cursor over the tokens of one description."""

    __slots__ = ("_position", "_tokens")

    def __init__(self, text: str) -> None:
        self._tokens: list[Token] = []
        self._position = 0
        position = 0
        end = len(text.rstrip())
        while position < end:
            found = _TOKEN.match(text, position)
            if found is None:
                raise SchemaError(f"unbalanced quotes at character {position}")
            punctuation, single, double, word = found.groups()
            quoted = single if single is not None else double
            self._tokens.append((quoted, True) if quoted is not None else (punctuation or word, False))
            position = found.end()

    def peek(self) -> Token | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def take(self, wanted: str) -> str:
        token = self.peek()
        if token is None:
            raise SchemaError(f"the definition ends where {wanted} should stand")
        self._position += 1
        return token[0]

    def expect(self, punctuation: str) -> None:
        if self.peek() != (punctuation, False):
            raise SchemaError(f"'{punctuation}' is missing")
        self._position += 1

    def skip(self, punctuation: str) -> bool:
        if self.peek() == (punctuation, False):
            self._position += 1
            return True
        return False


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda found: "'" if found.group(1) == "27" else "\\", text)


def _oid(text: str) -> str:
    if not _OID.match(text):
        raise SchemaError(f"'{text[:64]}' is no object identifier")
    return text


def _take_oid(tokens: _Tokens) -> str:
    return _oid(tokens.take("an object identifier"))


def _take_text(tokens: _Tokens) -> str:
    return _unescape(tokens.take("a quoted string"))


def _take_oids(tokens: _Tokens) -> tuple[str, ...]:
    """`oid` or `( oid $ oid … )`; a missing `$` and empty parentheses are accepted."""
    if not tokens.skip("("):
        return (_take_oid(tokens),)
    found: list[str] = []
    while not tokens.skip(")"):
        if tokens.skip("$"):
            continue
        found.append(_take_oid(tokens))
        if len(found) > MAX_MEMBERS:
            raise SchemaError("a list has too many members")
    return tuple(found)


def _take_names(tokens: _Tokens) -> tuple[str, ...]:
    names: list[str] = []
    if tokens.skip("("):
        while not tokens.skip(")"):
            names.append(tokens.take("a name"))
            if len(names) > MAX_NAMES:
                raise SchemaError("there are too many names")
    else:
        names.append(tokens.take("a name"))
    for name in names:
        if not _NAME.match(name):
            raise SchemaError(f"'{name[:64]}' is no name")
    return tuple(names)


def _take_extension(tokens: _Tokens) -> tuple[str, ...]:
    values: list[str] = []
    if tokens.skip("("):
        while not tokens.skip(")"):
            values.append(_take_text(tokens))
    else:
        values.append(_take_text(tokens))
        while (token := tokens.peek()) is not None and token[1]:
            values.append(_take_text(tokens))
    if len(values) > MAX_NAMES:
        raise SchemaError("an extension has too many values")
    return tuple(values)


def _take_rule_ids(tokens: _Tokens) -> tuple[int, ...]:
    if not tokens.skip("("):
        return (_rule_id(tokens.take("a rule identifier")),)
    found: list[int] = []
    while not tokens.skip(")"):
        found.append(_rule_id(tokens.take("a rule identifier")))
    return tuple(found)


def _rule_id(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise SchemaError(f"'{text[:64]}' is no rule identifier")
    return int(text)


def _take_usage(tokens: _Tokens) -> Usage:
    text = tokens.take("a usage").lower()
    for usage in Usage:
        if usage.value.lower() == text:
            return usage
    raise SchemaError(f"'{text[:64]}' is no attribute usage")


def _true(_: _Tokens) -> bool:
    return True


# keyword -> (field of the definition, reader). A field that is set twice is refused.
_Fields = dict[str, tuple[str, Callable[[_Tokens], object]]]

_COMMON: _Fields = {
    "NAME": ("names", _take_names),
    "DESC": ("description", _take_text),
    "OBSOLETE": ("obsolete", _true),
}
_ATTRIBUTE: _Fields = _COMMON | {
    "SUP": ("superior", _take_oid),
    "EQUALITY": ("equality", _take_oid),
    "ORDERING": ("ordering", _take_oid),
    "SUBSTR": ("substring", _take_oid),
    "SYNTAX": ("syntax", lambda tokens: tokens.take("a syntax")),
    "SINGLE-VALUE": ("single_value", _true),
    "COLLECTIVE": ("collective", _true),
    "NO-USER-MODIFICATION": ("no_user_modification", _true),
    "USAGE": ("usage", _take_usage),
}
_CLASS: _Fields = _COMMON | {
    "SUP": ("superiors", _take_oids),
    "ABSTRACT": ("kind", lambda _: ClassKind.ABSTRACT),
    "STRUCTURAL": ("kind", lambda _: ClassKind.STRUCTURAL),
    "AUXILIARY": ("kind", lambda _: ClassKind.AUXILIARY),
    "MUST": ("must", _take_oids),
    "MAY": ("may", _take_oids),
}
_CONTENT_RULE: _Fields = _COMMON | {
    "AUX": ("auxiliaries", _take_oids),
    "MUST": ("must", _take_oids),
    "MAY": ("may", _take_oids),
    "NOT": ("precluded", _take_oids),
}
_STRUCTURE_RULE: _Fields = _COMMON | {"FORM": ("form", _take_oid), "SUP": ("superiors", _take_rule_ids)}
_NAME_FORM: _Fields = _COMMON | {
    "OC": ("object_class", _take_oid),
    "MUST": ("must", _take_oids),
    "MAY": ("may", _take_oids),
}


def _read(value: bytes, fields: _Fields) -> tuple[str, dict[str, Any], Extensions]:
    if len(value) > MAX_DEFINITION:
        raise SchemaError("the definition is too long")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise SchemaError("the definition is not UTF-8") from None
    prefix = _ORDER_PREFIX.match(text)
    tokens = _Tokens(text[prefix.end() :] if prefix else text)
    tokens.expect("(")
    identifier = tokens.take("an object identifier")
    found: dict[str, Any] = {}
    extensions: list[tuple[str, tuple[str, ...]]] = []
    while not tokens.skip(")"):
        keyword = tokens.take("')'")
        upper = keyword.upper()
        if upper.startswith("X-"):
            extensions.append((upper, _take_extension(tokens)))
            continue
        if upper not in fields:
            raise SchemaError(f"'{keyword[:64]}' is no keyword here")
        field, reader = fields[upper]
        if field in found:
            raise SchemaError(f"{upper} is given twice")
        found[field] = reader(tokens)
    if tokens.peek() is not None:
        raise SchemaError("there is text after the closing parenthesis")
    return identifier, found, tuple(extensions)


def read_attribute_type(value: bytes) -> AttributeTypeDefinition:
    """Read an AttributeTypeDescription (RFC 4512 §4.1.2); raises `SchemaError`."""
    identifier, found, extensions = _read(value, _ATTRIBUTE)
    syntax = found.get("syntax")
    if isinstance(syntax, str):
        bound = _BOUND.match(syntax)
        if bound:
            found["syntax"], found["max_length"] = bound.group(1), int(bound.group(2))
        _oid(str(found["syntax"]))
    elif "superior" not in found:
        raise SchemaError("an attribute type needs SUP or SYNTAX")  # RFC 4512 §4.1.2
    return AttributeTypeDefinition(oid=_oid(identifier), extensions=extensions, **found)


def read_object_class(value: bytes) -> ObjectClassDefinition:
    """Read an ObjectClassDescription (RFC 4512 §4.1.1); raises `SchemaError`."""
    identifier, found, extensions = _read(value, _CLASS)
    return ObjectClassDefinition(oid=_oid(identifier), extensions=extensions, **found)


def read_syntax(value: bytes) -> SyntaxDefinition:
    """Read a SyntaxDescription (RFC 4512 §4.1.5); raises `SchemaError`."""
    identifier, found, extensions = _read(value, {"DESC": _COMMON["DESC"]})
    return SyntaxDefinition(oid=_oid(identifier), extensions=extensions, **found)


def read_matching_rule(value: bytes) -> MatchingRuleDefinition:
    """Read a MatchingRuleDescription (RFC 4512 §4.1.3); raises `SchemaError`."""
    identifier, found, extensions = _read(value, _COMMON | {"SYNTAX": ("syntax", _take_oid)})
    return MatchingRuleDefinition(oid=_oid(identifier), extensions=extensions, **found)


def read_matching_rule_use(value: bytes) -> MatchingRuleUseDefinition:
    """Read a MatchingRuleUseDescription (RFC 4512 §4.1.4); raises `SchemaError`."""
    identifier, found, extensions = _read(value, _COMMON | {"APPLIES": ("applies", _take_oids)})
    return MatchingRuleUseDefinition(oid=_oid(identifier), extensions=extensions, **found)


def read_content_rule(value: bytes) -> ContentRuleDefinition:
    """Read a DITContentRuleDescription (RFC 4512 §4.1.6); raises `SchemaError`."""
    identifier, found, extensions = _read(value, _CONTENT_RULE)
    return ContentRuleDefinition(oid=_oid(identifier), extensions=extensions, **found)


def read_structure_rule(value: bytes) -> StructureRuleDefinition:
    """Read a DITStructureRuleDescription (RFC 4512 §4.1.7.1); raises `SchemaError`."""
    identifier, found, extensions = _read(value, _STRUCTURE_RULE)
    if "form" not in found:
        raise SchemaError("a structure rule needs FORM")
    return StructureRuleDefinition(
        rule_id=_rule_id(identifier),
        extensions=extensions,
        **found,
    )


def read_name_form(value: bytes) -> NameFormDefinition:
    """Read a NameFormDescription (RFC 4512 §4.1.7.2); raises `SchemaError`."""
    identifier, found, extensions = _read(value, _NAME_FORM)
    if "object_class" not in found or "must" not in found:
        raise SchemaError("a name form needs OC and MUST")
    return NameFormDefinition(oid=_oid(identifier), extensions=extensions, **found)


# The attributes of a subschema subentry (RFC 4512 §4.2), in lower case, and what reads their values.
READERS: dict[str, Callable[[bytes], Definition]] = {
    "attributetypes": read_attribute_type,
    "objectclasses": read_object_class,
    "ldapsyntaxes": read_syntax,
    "matchingrules": read_matching_rule,
    "matchingruleuse": read_matching_rule_use,
    "ditcontentrules": read_content_rule,
    "ditstructurerules": read_structure_rule,
    "nameforms": read_name_form,
}


def parse_definition(attribute: str, value: bytes) -> Definition:
    """Read one value of a subschema attribute such as `attributeTypes` (any case); raises `SchemaError`."""
    reader = READERS.get(attribute.lower())
    if reader is None:
        raise SchemaError(f"'{attribute[:64]}' holds no schema definitions")
    return reader(value)
