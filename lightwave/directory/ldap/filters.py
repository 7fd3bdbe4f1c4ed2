"""Search filters: values, their BER form (RFC 4511 section 4.5.1.7) and their string form (RFC 4515).

Invariants
- A tree is never deeper than 64 nor of more than 10,000 elements, from BER and from text alike, so whoever
  walks it may recurse. Breaking a bound is a RequestError: it costs the request, not the session.
- `decode_filter(encode_filter(f)) == f` and `parse_filter(format_filter(f)) == f`.
- Empty AND and OR are true and false (RFC 4526).

The classes are hashable and meant as constants, but not frozen: setting a slot of a frozen dataclass costs
more than reading an equality filter from the wire (0.9 µs).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lightwave.directory.ldap.limits import DEFAULT_LIMITS, DecodeLimits
from lightwave.directory.ldap.result import RequestError
from lightwave.wire.ber import (
    BerError,
    check_elements,
    decode_boolean,
    encode_sequence,
    encode_tlv,
    read_element,
    read_header,
)


@dataclass(slots=True, unsafe_hash=True)
class And:
    """and [0] SET OF Filter"""

    children: tuple["Filter", ...]


@dataclass(slots=True, unsafe_hash=True)
class Or:
    """or [1] SET OF Filter"""

    children: tuple["Filter", ...]


@dataclass(slots=True, unsafe_hash=True)
class Not:
    """not [2] Filter"""

    child: "Filter"


@dataclass(slots=True, unsafe_hash=True)
class Equality:
    """equalityMatch [3] AttributeValueAssertion"""

    attribute: str
    value: bytes


@dataclass(slots=True, unsafe_hash=True)
class Substrings:
    """substrings [4] SEQUENCE { type, substrings SEQUENCE OF CHOICE { initial [0], any [1], final [2] } }"""

    attribute: str
    initial: bytes | None
    any: tuple[bytes, ...]
    final: bytes | None


@dataclass(slots=True, unsafe_hash=True)
class GreaterOrEqual:
    """greaterOrEqual [5] AttributeValueAssertion"""

    attribute: str
    value: bytes


@dataclass(slots=True, unsafe_hash=True)
class LessOrEqual:
    """lessOrEqual [6] AttributeValueAssertion"""

    attribute: str
    value: bytes


@dataclass(slots=True, unsafe_hash=True)
class Present:
    """present [7] AttributeDescription"""

    attribute: str


@dataclass(slots=True, unsafe_hash=True)
class Approx:
    """approxMatch [8] AttributeValueAssertion"""

    attribute: str
    value: bytes


@dataclass(slots=True, unsafe_hash=True)
class Extensible:
    """extensibleMatch [9] SEQUENCE { matchingRule [1], type [2], matchValue [3], dnAttributes [4] }"""

    rule: str | None
    attribute: str | None
    value: bytes
    dn_attributes: bool


Filter = And | Or | Not | Equality | Substrings | GreaterOrEqual | LessOrEqual | Approx | Present | Extensible
_Assertion = Equality | GreaterOrEqual | LessOrEqual | Approx

_AND: Final = 0xA0
_OR: Final = 0xA1
_NOT: Final = 0xA2
_EQUALITY: Final = 0xA3
_SUBSTRINGS: Final = 0xA4
_PRESENT: Final = 0x87
_EXTENSIBLE: Final = 0xA9
_ASSERTIONS: Final[dict[int, type[_Assertion]]] = {
    0xA3: Equality,
    0xA5: GreaterOrEqual,
    0xA6: LessOrEqual,
    0xA8: Approx,
}
_ASSERTION_TAGS: Final = {kind: tag for tag, kind in _ASSERTIONS.items()}


class FilterTooComplexError(RequestError):
    """Deeper or of more elements than the limits allow."""


class FilterSyntaxError(ValueError):
    """The text is not the string form of a filter."""


class _Budget:
    """What is left of the elements one filter may have."""

    __slots__ = ("elements",)

    def __init__(self, elements: int) -> None:
        self.elements = elements

    def spend(self) -> None:
        self.elements -= 1
        if self.elements < 0:
            raise FilterTooComplexError("filter of too many elements")


@lru_cache(maxsize=4096)
def _known_text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def decode_text(octets: bytes) -> str:
    """An LDAPString that names something; what is not UTF-8 becomes a name that nothing has.

    Short ones are cached.
    """
    return _known_text(octets) if len(octets) <= 64 else octets.decode("utf-8", "replace")


def decode_filter(
    data: bytes, pos: int, end: int, limits: DecodeLimits = DEFAULT_LIMITS
) -> tuple[Filter, int]:
    """The filter at `pos` and the offset after it.

    Raises BerError, or RequestError for a bound or unknown choice.
    """
    tag, start, stop = read_header(data, pos, end)
    if tag == _EQUALITY:
        return Equality(*_decode_assertion(data, start, stop)), stop
    return _decode(data, tag, start, stop, limits.filter_depth, _Budget(limits.filter_elements)), stop


def _decode(data: bytes, tag: int, start: int, stop: int, depth: int, budget: _Budget) -> Filter:
    """One filter by its content; `depth` is how many levels this one and those below it may have."""
    budget.spend()
    if depth <= 0:
        raise FilterTooComplexError("filter nested too deeply")
    if (assertion := _ASSERTIONS.get(tag)) is not None:
        return assertion(*_decode_assertion(data, start, stop))
    if tag == _PRESENT:
        return Present(decode_text(data[start:stop]))
    if tag in (_AND, _OR):
        children: list[Filter] = []
        while start < stop:
            child_tag, child_start, child_stop = read_header(data, start, stop)
            children.append(_decode(data, child_tag, child_start, child_stop, depth - 1, budget))
            start = child_stop
        return And(tuple(children)) if tag == _AND else Or(tuple(children))
    if tag == _NOT:
        child_tag, child_start, child_stop = read_header(data, start, stop)
        if child_stop != stop:
            raise BerError("more than one filter in a not")
        return Not(_decode(data, child_tag, child_start, child_stop, depth - 1, budget))
    if tag == _SUBSTRINGS:
        return _decode_substrings(data, start, stop, budget)
    if tag == _EXTENSIBLE:
        return _decode_extensible(data, start, stop)
    raise RequestError("unknown kind of filter")


def _decode_assertion(data: bytes, start: int, stop: int) -> tuple[str, bytes]:
    """AttributeValueAssertion ::= SEQUENCE { attributeDesc, assertionValue }, by its content."""
    desc_start, desc_stop = read_element(data, start, stop, 0x04)
    value_start, value_stop = read_element(data, desc_stop, stop, 0x04)
    if value_stop != stop:
        check_elements(
            data, value_stop, stop
        )  # RFC 4511 section 4: unknown components at the end are ignored
    return decode_text(data[desc_start:desc_stop]), data[value_start:value_stop]


def _decode_substrings(data: bytes, start: int, stop: int, budget: _Budget) -> Substrings:
    name_start, name_stop = read_element(data, start, stop, 0x04)
    pos, end = read_element(data, name_stop, stop, 0x30)
    check_elements(data, end, stop)
    if pos == end:
        raise RequestError("substrings filter without substrings")
    initial: bytes | None = None
    final: bytes | None = None
    between: list[bytes] = []
    first = True
    while pos < end:
        budget.spend()
        tag, value_start, pos = read_header(data, pos, end)
        value = data[value_start:pos]
        if final is not None or (tag == 0x80 and not first):
            raise RequestError("substrings out of order")
        if tag == 0x80:
            initial = value
        elif tag == 0x81:
            between.append(value)
        elif tag == 0x82:
            final = value
        else:
            raise RequestError("unknown kind of substring")
        first = False
    return Substrings(decode_text(data[name_start:name_stop]), initial, tuple(between), final)


def _decode_extensible(data: bytes, pos: int, end: int) -> Extensible:
    rule: str | None = None
    attribute: str | None = None
    dn_attributes = False
    tag, start, stop = read_header(data, pos, end)
    if tag == 0x81:
        rule = decode_text(data[start:stop])
        tag, start, stop = read_header(data, stop, end)
    if tag == 0x82:
        attribute = decode_text(data[start:stop])
        tag, start, stop = read_header(data, stop, end)
    if tag != 0x83:
        raise BerError("extensible match without value")
    value = data[start:stop]
    if stop < end:
        tag, start, after = read_header(data, stop, end)
        if tag == 0x84:
            dn_attributes = decode_boolean(data, start, after)
        check_elements(data, after, end)
    if rule is None and attribute is None:
        # RFC 4511 section 4.5.1.7.7: the type MUST be there when the rule is not
        raise RequestError("extensible match without rule and type")
    return Extensible(rule, attribute, value, dn_attributes)


def encode_filter(node: Filter) -> bytes:
    """The BER form. The tree must be within the bounds of this module, or Python's recursion limit is met."""
    match node:
        case And(children):
            return encode_sequence(*map(encode_filter, children), tag=_AND)
        case Or(children):
            return encode_sequence(*map(encode_filter, children), tag=_OR)
        case Not(child):
            return encode_tlv(_NOT, encode_filter(child))
        case Present(attribute):
            return encode_tlv(_PRESENT, attribute.encode())
        case Substrings(attribute, initial, between, final):
            parts = [encode_tlv(0x80, initial)] if initial is not None else []
            parts += [encode_tlv(0x81, part) for part in between]
            parts += [encode_tlv(0x82, final)] if final is not None else []
            return encode_sequence(
                encode_tlv(0x04, attribute.encode()), encode_sequence(*parts), tag=_SUBSTRINGS
            )
        case Extensible(rule, description, value, dn_attributes):
            return encode_sequence(
                b"" if rule is None else encode_tlv(0x81, rule.encode()),
                b"" if description is None else encode_tlv(0x82, description.encode()),
                encode_tlv(0x83, value),
                b"\x84\x01\xff" if dn_attributes else b"",
                tag=_EXTENSIBLE,
            )
        case Equality() | GreaterOrEqual() | LessOrEqual() | Approx():
            return encode_sequence(
                encode_tlv(0x04, node.attribute.encode()),
                encode_tlv(0x04, node.value),
                tag=_ASSERTION_TAGS[type(node)],
            )


# RFC 4515 section 3. attr = attributedescription; the operator is read greedily, the value runs to the `)`.
_ITEM = re.compile(r"\(([^()*\\=~<>:]*)(=|~=|>=|<=|:(?:[^()=]*:)?=)([^()\x00]*)\)")
_ATTRIBUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._;-]*")
_ESCAPE = re.compile(rb"\\(?:([0-9A-Fa-f]{2})|)")
_OPERATORS: Final[dict[str, type[_Assertion]]] = {
    "=": Equality,
    "~=": Approx,
    ">=": GreaterOrEqual,
    "<=": LessOrEqual,
}
_OPERATOR_TEXT: Final = {kind: text for text, kind in _OPERATORS.items()}
_MAX_TEXT: Final = 1024 * 1024


def parse_filter(text: str, limits: DecodeLimits = DEFAULT_LIMITS) -> Filter:
    """RFC 4515 text, with its outer parentheses -> filter. Raises FilterSyntaxError."""
    if len(text) > _MAX_TEXT:
        raise FilterSyntaxError("filter too long")
    try:
        node, pos = _parse(text, 0, limits.filter_depth, _Budget(limits.filter_elements))
    except FilterTooComplexError as error:
        raise FilterSyntaxError(error.message) from None
    if pos != len(text):
        raise FilterSyntaxError(f"unexpected text after the filter at character {pos + 1}")
    return node


def _parse(text: str, pos: int, depth: int, budget: _Budget) -> tuple[Filter, int]:
    budget.spend()
    if depth <= 0:
        raise FilterTooComplexError("filter nested too deeply")
    operator = text[pos : pos + 2]
    if operator in ("(&", "(|", "(!"):
        pos += 2
        children: list[Filter] = []
        while text[pos : pos + 1] == "(":
            child, pos = _parse(text, pos, depth - 1, budget)
            children.append(child)
        if text[pos : pos + 1] != ")":
            raise FilterSyntaxError(f"`)` expected at character {pos + 1}")
        if operator == "(&":
            return And(tuple(children)), pos + 1
        if operator == "(|":
            return Or(tuple(children)), pos + 1
        if len(children) != 1:
            raise FilterSyntaxError(f"not exactly one filter in the `!` that ends at character {pos + 1}")
        return Not(children[0]), pos + 1
    match = _ITEM.match(text, pos)
    if match is None:
        raise FilterSyntaxError(f"no filter at character {pos + 1}")
    return _parse_item(match[1], match[2], match[3], budget), match.end()


def _parse_item(attribute: str, operator: str, value: str, budget: _Budget) -> Filter:
    if attribute and _ATTRIBUTE.fullmatch(attribute) is None:
        raise FilterSyntaxError("not an attribute description in filter")
    if operator.startswith(":"):
        return _parse_extensible(attribute, operator, value)
    if not attribute:
        raise FilterSyntaxError("filter without attribute description")
    if operator == "=" and value == "*":
        return Present(attribute)
    if operator == "=" and "*" in value:
        initial, *between, final = map(_unescape, value.split("*"))
        for _ in between:
            budget.spend()
        if not all(between):
            raise FilterSyntaxError("`**` in filter")
        return Substrings(attribute, initial or None, tuple(between), final or None)
    return _OPERATORS[operator](attribute, _unescape(value))


def _parse_extensible(attribute: str, operator: str, value: str) -> Filter:
    """extensible = ( attr [dnattrs] [matchingrule] / [dnattrs] matchingrule ) ":=" assertionvalue"""
    parts = operator[1:-2].split(":") if operator != ":=" else []
    dn_attributes = bool(parts) and parts[0].lower() == "dn"
    if dn_attributes:
        parts = parts[1:]
    if len(parts) > 1 or not (attribute or parts):
        raise FilterSyntaxError("malformed extensible match")
    if parts and _ATTRIBUTE.fullmatch(parts[0]) is None:
        raise FilterSyntaxError("not a matching rule in filter")
    return Extensible(parts[0] if parts else None, attribute or None, _unescape(value), dn_attributes)


def _unescape(value: str) -> bytes:
    try:
        octets = value.encode()
    except UnicodeEncodeError:
        raise FilterSyntaxError("value in filter is not Unicode") from None
    if "*" in value:
        raise FilterSyntaxError("`*` must be escaped in this filter")
    return _ESCAPE.sub(_unescape_one, octets) if "\\" in value else octets


def _unescape_one(match: re.Match[bytes]) -> bytes:
    if match[1] is None:
        raise FilterSyntaxError("bad escape in filter")
    return bytes((int(match[1], 16),))


_SPECIAL = re.compile(rb"[\x00()*\\]")
_SPECIAL_OR_HIGH = re.compile(rb"[\x00()*\\\x80-\xff]")


def _escape(value: bytes) -> str:
    """RFC 4515 section 3: valueencoding. Octets that are not UTF-8 are escaped one by one."""
    special = _SPECIAL
    if not value.isascii():
        try:
            value.decode()
        except UnicodeDecodeError:
            special = _SPECIAL_OR_HIGH
    return special.sub(lambda match: b"\\%02x" % match[0][0], value).decode()


def format_filter(node: Filter) -> str:
    """RFC 4515 text. Parses back to an equal filter if its attributes are attribute descriptions."""
    match node:
        case And(children):
            return f"(&{''.join(map(format_filter, children))})"
        case Or(children):
            return f"(|{''.join(map(format_filter, children))})"
        case Not(child):
            return f"(!{format_filter(child)})"
        case Present(attribute):
            return f"({attribute}=*)"
        case Substrings(attribute, initial, between, final):
            parts = (initial or b"", *between, final or b"")
            return f"({attribute}={'*'.join(map(_escape, parts))})"
        case Extensible(rule, description, value, dn_attributes):
            dn = ":dn" if dn_attributes else ""
            by_rule = "" if rule is None else f":{rule}"
            return f"({description or ''}{dn}{by_rule}:={_escape(value)})"
        case Equality() | GreaterOrEqual() | LessOrEqual() | Approx():
            return f"({node.attribute}{_OPERATOR_TEXT[type(node)]}{_escape(node.value)})"
