"""Values of the controls that shape a search, and of their responses.

Server-side sorting (RFC 2891), virtual list views (draft-ietf-ldapext-ldapv3-vlv-09), matched values (RFC 3876),
subentries (RFC 3672), assertion (RFC 4528), don't use copy (RFC 6171), and from [MS-ADTS] 3.1.1.3.4.1: domain scope,
search options, extended DN, show recycled. Decoders raise BerError for octets that the definition does not allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lightwave.directory.ldap.controls import MAX_INT, Control
from lightwave.directory.ldap.filters import (
    Approx,
    Equality,
    Extensible,
    Filter,
    GreaterOrEqual,
    LessOrEqual,
    Present,
    Substrings,
    decode_filter,
    decode_text,
)
from lightwave.wire.ber import (
    BerError,
    check_elements,
    decode_boolean,
    decode_integer,
    encode_integer,
    encode_octet_string,
    encode_sequence,
    encode_tlv,
    read_element,
    read_header,
)

ASSERTION: Final = "1.3.6.1.1.12"
DONT_USE_COPY: Final = "1.3.6.1.1.22"
DOMAIN_SCOPE: Final = "1.2.840.113556.1.4.1339"
EXTENDED_DN: Final = "1.2.840.113556.1.4.529"
MATCHED_VALUES: Final = "1.2.826.0.1.3344810.2.3"
RANGE_OPTION: Final = "1.2.840.113556.1.4.802"
SEARCH_OPTIONS: Final = "1.2.840.113556.1.4.1340"
SHOW_RECYCLED: Final = "1.2.840.113556.1.4.2064"
SORT_REQUEST: Final = "1.2.840.113556.1.4.473"
SORT_RESPONSE: Final = "1.2.840.113556.1.4.474"
SUBENTRIES: Final = "1.3.6.1.4.1.4203.1.10.1"
VIRTUAL_LIST_REQUEST: Final = "2.16.840.1.113730.3.4.9"
VIRTUAL_LIST_RESPONSE: Final = "2.16.840.1.113730.3.4.10"

MOST_SORT_KEYS: Final = 8
MOST_RETURN_ITEMS: Final = 64
_MOST_CONTEXT: Final = 256

SimpleItem = Equality | Substrings | GreaterOrEqual | LessOrEqual | Present | Approx | Extensible


def _sequence(control: Control) -> tuple[bytes, int, int]:
    """The value and the bounds of the one SEQUENCE in it."""
    value = control.value
    if value is None:
        raise BerError("control without value")
    start, stop = read_element(value, 0, len(value), 0x30)
    if stop != len(value):
        raise BerError("octets after the control value")
    return value, start, stop


def _bounded(value: bytes, pos: int, end: int, lowest: int, tag: int = 0x02) -> tuple[int, int]:
    """An INTEGER (lowest..maxInt) at `pos`, and the offset after it."""
    start, stop = read_element(value, pos, end, tag)
    number = decode_integer(value, start, stop)
    if not lowest <= number <= MAX_INT:
        raise BerError("integer out of range")
    return number, stop


# SortKeyList ::= SEQUENCE OF SEQUENCE { attributeType AttributeDescription,
#     orderingRule [0] MatchingRuleId OPTIONAL, reverseOrder [1] BOOLEAN DEFAULT FALSE }
@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of the order, the first one first."""

    attribute: str
    rule: str | None
    reverse: bool


@dataclass(frozen=True, slots=True)
class Sorting:
    """The server-side sorting request."""

    keys: tuple[SortKey, ...]
    critical: bool


def decode_sorting(control: Control) -> Sorting:
    """RFC 2891 §1.1; more keys than MOST_SORT_KEYS are for the operation to refuse, so they are all decoded."""
    value, pos, end = _sequence(control)
    keys: list[SortKey] = []
    while pos < end:
        start, pos = read_element(value, pos, end, 0x30)
        if len(keys) > MOST_SORT_KEYS:
            raise BerError("too many sort keys")
        keys.append(_decode_sort_key(value, start, pos))
    if not keys:
        raise BerError("no sort key")
    return Sorting(tuple(keys), control.critical)


def _decode_sort_key(value: bytes, pos: int, end: int) -> SortKey:
    start, pos = read_element(value, pos, end, 0x04)
    attribute = decode_text(value[start:pos])
    rule: str | None = None
    reverse = False
    if pos < end and value[pos] == 0x80:
        start, pos = read_element(value, pos, end, 0x80)
        rule = decode_text(value[start:pos])
    if pos < end and value[pos] == 0x81:
        start, pos = read_element(value, pos, end, 0x81)
        reverse = decode_boolean(value, start, pos)
    if pos != end:
        raise BerError("octets after a sort key")
    return SortKey(attribute, rule, reverse)


def encode_sort_result(code: int, attribute: str = "") -> Control:
    """SortResult ::= SEQUENCE { sortResult ENUMERATED, attributeType [0] AttributeDescription OPTIONAL }"""
    named = encode_tlv(0x80, attribute.encode()) if attribute else b""
    return Control(SORT_RESPONSE, False, encode_sequence(encode_integer(code, 0x0A), named))


# VirtualListViewRequest ::= SEQUENCE { beforeCount INTEGER (0..maxInt), afterCount INTEGER (0..maxInt),
#     target CHOICE { byOffset [0] SEQUENCE { offset INTEGER (1 .. maxInt), contentCount INTEGER (0 .. maxInt) },
#         greaterThanOrEqual [1] AssertionValue }, contextID OCTET STRING OPTIONAL }
@dataclass(frozen=True, slots=True)
class ListView:
    """The virtual list view request: by `offset` of a list of `content_count`, or by `assertion` if not None."""

    before: int
    after: int
    offset: int
    content_count: int
    assertion: bytes | None
    context: bytes | None
    critical: bool


def decode_list_view(control: Control) -> ListView:
    """draft-ietf-ldapext-ldapv3-vlv-09 §3.1. An offset of 0 is for the operation to refuse."""
    value, pos, end = _sequence(control)
    before, pos = _bounded(value, pos, end, 0)
    after, pos = _bounded(value, pos, end, 0)
    tag, start, pos = read_header(value, pos, end)
    offset = content_count = 0
    assertion: bytes | None = None
    if tag == 0xA0:
        offset, start = _bounded(value, start, pos, 0)
        content_count, start = _bounded(value, start, pos, 0)
        if start != pos:
            raise BerError("octets after the offset")
    elif tag == 0x81:
        assertion = value[start:pos]
    else:
        raise BerError("unknown kind of target")
    context: bytes | None = None
    if pos < end:
        start, pos = read_element(value, pos, end, 0x04)
        if pos != end or pos - start > _MOST_CONTEXT:
            raise BerError("malformed context")
        context = value[start:pos]
    return ListView(before, after, offset, content_count, assertion, context, control.critical)


def encode_list_view_result(position: int, count: int, code: int, context: bytes = b"") -> Control:
    """VirtualListViewResponse ::= SEQUENCE { targetPosition INTEGER, contentCount INTEGER,
    virtualListViewResult ENUMERATED, contextID OCTET STRING OPTIONAL }
    """
    value = encode_sequence(
        encode_integer(position),
        encode_integer(count),
        encode_integer(code, 0x0A),
        encode_octet_string(context) if context else b"",
    )
    return Control(VIRTUAL_LIST_RESPONSE, False, value)


@dataclass(frozen=True, slots=True)
class MatchedValues:
    """The values return filter: a value is returned when one of the items holds for it."""

    items: tuple[SimpleItem, ...]


def decode_matched_values(control: Control) -> MatchedValues:
    """ValuesReturnFilter ::= SEQUENCE OF SimpleFilterItem (RFC 3876 §2): filters without and, or, not, dnAttributes."""
    value, pos, end = _sequence(control)
    items: list[SimpleItem] = []
    while pos < end:
        if len(items) == MOST_RETURN_ITEMS:
            raise BerError("too many items")
        item, pos = decode_filter(value, pos, end)
        if not isinstance(item, SimpleItem) or (isinstance(item, Extensible) and item.dn_attributes):
            raise BerError("not a simple filter item")
        items.append(item)
    if not items:
        raise BerError("no filter item")
    return MatchedValues(tuple(items))


@dataclass(frozen=True, slots=True)
class Assertion:
    """The assertion control: the filter that the target of the operation has to pass."""

    filter: Filter


def decode_assertion(control: Control) -> Assertion:
    """RFC 4528 §3: controlValue is the encoding of a Filter."""
    if not control.value:
        raise BerError("assertion control without value")
    found, end = decode_filter(control.value, 0, len(control.value))
    if end != len(control.value):
        raise BerError("octets after the filter")
    return Assertion(found)


@dataclass(frozen=True, slots=True)
class Subentries:
    """The subentries control: only subentries, or none of them."""

    visible: bool


def decode_subentries(control: Control) -> Subentries:
    """visibility BOOLEAN (RFC 3672 §3)"""
    value = control.value
    if value is None:
        raise BerError("subentries control without value")
    start, stop = read_element(value, 0, len(value), 0x01)
    if stop != len(value):
        raise BerError("octets after the control value")
    return Subentries(decode_boolean(value, start, stop))


@dataclass(frozen=True, slots=True)
class ExtendedDN:
    """The extended DN control: GUIDs and SIDs before each name, as text or in hexadecimal."""

    as_text: bool


def decode_extended_dn(control: Control) -> ExtendedDN:
    """ExtendedDNRequestValue ::= SEQUENCE { Flag INTEGER }; no value means 0, hexadecimal ([MS-ADTS] 3.1.1.3.4.1.5)."""
    if control.value is None:
        return ExtendedDN(as_text=False)
    value, pos, end = _sequence(control)
    flag, pos = _bounded(value, pos, end, 0)
    if flag > 1:
        raise BerError("unknown form of extended names")
    check_elements(value, pos, end)
    return ExtendedDN(as_text=flag == 1)


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The search options control, by its flags."""

    domain_scope: bool
    phantom_root: bool


def decode_search_options(control: Control) -> SearchOptions:
    """SearchOptionsRequestValue ::= SEQUENCE { Flags INTEGER } ([MS-ADTS] 3.1.1.3.4.1.12)"""
    value, pos, end = _sequence(control)
    flags, pos = _bounded(value, pos, end, 0)
    check_elements(value, pos, end)
    return SearchOptions(bool(flags & 1), bool(flags & 2))
