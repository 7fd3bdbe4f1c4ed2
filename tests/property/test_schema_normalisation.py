"""Normalised forms: idempotent, blind to what the rule ignores, and in the order of what they stand for."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from hypothesis import assume, given
from hypothesis import strategies as st

from lightwave.directory.ldap.dn import AVA, format_dn, format_rdn
from lightwave.directory.ldap.filters import Substrings
from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import (
    normalise_dn,
    normalise_dn_text,
    normalise_rdn,
    normalise_substrings,
    normalise_value,
    ordering_key,
    substring_form,
)
from lightwave.directory.schema.schema import Schema
from lightwave.directory.schema.stringprep import (
    prepare_exact,
    prepare_fold,
    prepare_numeric,
    prepare_telephone,
)
from lightwave.directory.schema.times import generalized_time_key

SCHEMA = Schema.load_builtin()
TEXT = st.text(st.characters(exclude_categories=["Cs", "Co", "Cn"]), max_size=30)
WORDS = st.text(st.sampled_from('aB c,+\\="#;<>\u00e9\u0301\u00a0\u00df\ufb01 '), min_size=1, max_size=12)
FORMS: st.SearchStrategy[Literal["NFC", "NFD"]] = st.sampled_from(["NFC", "NFD"])
KINDS = tuple({(one.syntax, one.equality, one.ordering): one for one in SCHEMA.attribute_types()}.values())


def of(name: str) -> AttributeType:
    found = SCHEMA.attribute(name)
    assert found is not None
    return found


def outcome(function: object, value: bytes) -> bytes | None:
    assert callable(function)
    try:
        result = function(value)
    except InvalidValue:
        return None
    assert isinstance(result, bytes)
    return result


@given(TEXT)
def test_preparing_twice_changes_nothing(text: str) -> None:
    """prepare(prepare(x)) == prepare(x)."""
    for prepare in (prepare_fold, prepare_exact, prepare_numeric, prepare_telephone):
        once = outcome(prepare, text.encode())
        if once is not None:
            assert prepare(once) == once


@given(TEXT, FORMS)
def test_unicode_forms_and_case_do_not_matter(text: str, form: Literal["NFC", "NFD"]) -> None:
    """Canonically equivalent strings, and those that differ in ASCII case, prepare alike."""
    prepared = outcome(prepare_fold, text.encode())
    assert outcome(prepare_fold, unicodedata.normalize(form, text).encode()) == prepared
    swapped = "".join(char.swapcase() if char.isascii() else char for char in text)
    assert outcome(prepare_fold, swapped.encode()) == prepared


@given(st.binary(max_size=40))
def test_ascii_takes_the_same_way_as_all_else(value: bytes) -> None:
    """The fast path agrees with the general one: a character that maps to nothing forces the latter."""
    plain = bytes(byte & 0x7F for byte in value)
    assert prepare_fold(plain) == prepare_fold(plain + "\u200b".encode())
    assert prepare_exact(plain) == prepare_exact(plain + "\u200b".encode())
    assert prepare_numeric(plain) == prepare_numeric(plain + "\u200b".encode())
    assert prepare_telephone(plain) == prepare_telephone(plain + "\u200b".encode())


@given(st.one_of(st.binary(max_size=60), TEXT.map(str.encode)))
def test_what_passes_its_check_has_a_normalised_form(value: bytes) -> None:
    """Any octets are refused by InvalidValue, or can be normalised and ordered."""
    for attribute in KINDS:
        try:
            attribute.check(value)
        except InvalidValue:
            outcome(attribute.normalise, value)
            continue
        attribute.normalise(value)
        if attribute.ordering is not None:
            ordering_key(attribute, value)


@given(st.lists(st.integers(), max_size=10), st.lists(st.integers(-(2**2000), 2**2000), max_size=3))
def test_integer_keys_sort_as_integers(small: list[int], huge: list[int]) -> None:
    """sorted by key == sorted by value."""
    numbers = small + huge
    by_key = sorted(numbers, key=lambda one: ordering_key(of("uidNumber"), str(one).encode()))
    assert by_key == sorted(numbers)


TIMES = st.datetimes(datetime(2, 1, 2), datetime(9998, 12, 30))  # noqa: DTZ001 - made aware below
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59)


def spell(moment: datetime, offset: int, digits: int, separator: str) -> bytes:
    """The moment as a Generalized Time in the zone `offset` minutes east of UTC."""
    local = moment.astimezone(timezone(timedelta(minutes=offset)))
    sign, size = ("-" if offset < 0 else "+"), abs(offset)
    zone = f"{sign}{size // 60:02}" + (f"{size % 60:02}" if size % 60 else "") if offset else "Z"
    fraction = f"{local.microsecond:06}".ljust(digits, "0") if digits else ""
    whole = f"{local.year:04}{local.month:02}{local.day:02}{local.hour:02}{local.minute:02}{local.second:02}"
    return (whole + (separator + fraction if fraction else "") + zone).encode()


@given(st.lists(st.tuples(TIMES, OFFSETS, st.sampled_from(".,")), min_size=2, max_size=6))
def test_time_keys_sort_as_moments(given_times: list[tuple[datetime, int, str]]) -> None:
    """Keys compare as moments do, whatever the zone, and equal moments have equal keys."""
    moments = [
        (moment.replace(tzinfo=UTC), spell(moment.replace(tzinfo=UTC), offset, 7, separator))
        for moment, offset, separator in given_times
    ]
    for first, first_text in moments:
        for second, second_text in moments:
            one, two = generalized_time_key(first_text), generalized_time_key(second_text)
            assert (one < two) == (first < second)
            assert (one == two) == (first == second)


@given(st.integers(0, 23), st.integers(0, 10**9 - 1))
def test_fractions_of_hours_and_minutes_are_exact(hour: int, fraction: int) -> None:
    """20260101HH.f Z is the moment that exact arithmetic says."""
    key = generalized_time_key(b"20260101%02d.%09dZ" % (hour, fraction))
    nanoseconds = fraction * 3600
    seconds, rest = divmod(nanoseconds, 10**9)
    expected = f"20260101{hour:02}{seconds // 60:02}{seconds % 60:02}"
    tail = f".{rest:09}".rstrip("0").rstrip(".")
    assert key.decode() == expected + tail


NAME_TYPES = st.sampled_from(["cn", "SN", "ou", "uid", "2.5.4.7", "description"])


@st.composite
def rdns(draw: st.DrawFn) -> tuple[AVA, ...]:
    types = draw(st.lists(NAME_TYPES, min_size=1, max_size=3, unique=True))
    return tuple(AVA(one, draw(WORDS).encode()) for one in types)


@given(st.lists(rdns(), min_size=1, max_size=4), FORMS)
def test_every_spelling_of_a_name_is_one_name(
    names: list[tuple[AVA, ...]], form: Literal["NFC", "NFD"]
) -> None:
    """Order of AVAs, case, padding, escaping and Unicode form never make a second name."""
    try:
        normalised = normalise_dn(SCHEMA, tuple(names))
    except InvalidValue:
        assume(False)
        return
    text = format_dn(tuple(names))
    assert normalise_dn_text(SCHEMA, text) == normalised
    shuffled = tuple(tuple(reversed(rdn)) for rdn in names)
    assert normalise_dn(SCHEMA, shuffled) == normalised
    spaced = b" , ".join(format_rdn(rdn) for rdn in shuffled)
    assert normalise_dn_text(SCHEMA, spaced) == normalised
    other = tuple(
        tuple(
            AVA(ava.type.swapcase(), unicodedata.normalize(form, ava.value.decode()).encode()) for ava in rdn
        )
        for rdn in names
    )
    assert normalise_dn(SCHEMA, other) == normalised
    assert all(rdn.find(b"\x00") < 0 for rdn in normalised)


@given(st.binary(min_size=1, max_size=12), st.binary(min_size=1, max_size=12))
def test_rdns_are_equal_exactly_when_their_values_are(first: bytes, second: bytes) -> None:
    """Escaping keeps octets apart: `objectGUID` compares as octets."""
    one = normalise_rdn(SCHEMA, (AVA("objectGUID", first), AVA("cn", b"a")))
    two = normalise_rdn(SCHEMA, (AVA("objectGUID", second), AVA("cn", b"a")))
    assert (one == two) == (first == second)
    assert one.find(b"\x00") < 0


@given(st.text("aB ", min_size=1, max_size=12), st.data())
def test_a_piece_of_a_value_matches_it(text: str, data: st.DataObject) -> None:
    """Cutting a value in pieces gives a substring assertion that it matches (RFC 4518 §2.6.1)."""
    assume(text.strip())
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, len(text)))
    head, middle, tail = text[:start], text[start:stop], text[stop:]
    assume(all(not piece or piece.strip() for piece in (head, middle, tail)))
    assertion = Substrings(
        "cn",
        head.encode() if head else None,
        (middle.encode(),) if middle else (),
        tail.encode() if tail else None,
    )
    cn = of("cn")
    # A cut inside a run of spaces gives both pieces a space where the value has two: still a match.
    assert normalise_substrings(cn, assertion).matches(substring_form(cn, text.encode()))


@given(TEXT)
def test_equal_values_have_equal_substring_forms(text: str) -> None:
    """The substring form is a function of the normalised value."""
    cn = of("cn")
    normalised = outcome(cn.normalise, text.encode())
    if normalised is not None:
        assert substring_form(cn, normalise_value(cn, text.encode())) == substring_form(cn, text.encode())
