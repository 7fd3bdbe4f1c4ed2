"""String preparation: the cases that RFC 4518 itself gives, and its tables."""

from __future__ import annotations

import unicodedata

import pytest

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.stringprep import (
    prepare,
    prepare_exact,
    prepare_fold,
    prepare_numeric,
    prepare_substring,
    prepare_telephone,
    to_substring_form,
)

# RFC 4518 §2.2: the ends of each range that maps to nothing
FORMAT_CHARACTERS = [
    *(0x00AD, 0x1806, 0x034F, 0x180B, 0x180D, 0xFE00, 0xFE0F, 0xFFFC, 0x06DD, 0x070F, 0x180E, 0x200B),
    *(0x200C, 0x200F, 0x202A, 0x202E, 0x2060, 0x2063, 0x206A, 0x206F, 0xFEFF, 0xFFF9, 0xFFFB, 0x1D173),
    *(0x1D17A, 0xE0001, 0xE0020, 0xE007F),
]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("foo bar  ", " foo  bar "),  # RFC 4518 §2.6.1, the RFC's own
        ("foo", " foo "),
        ("  a   b c ", " a  b  c "),
        ("", "  "),
        ("    ", "  "),
    ],
)
def test_whole_values_take_the_rfcs_form(text: str, form: str) -> None:
    assert to_substring_form(prepare_exact(text.encode())) == form.encode()


@pytest.mark.parametrize(
    ("text", "place", "form"),
    [
        ("foo bar  ", "initial", " foo  bar "),
        ("foo bar  ", "any", "foo  bar "),
        ("foo bar  ", "final", "foo  bar "),
        ("foo bar", "initial", " foo  bar"),
        (" foo", "any", " foo"),
        ("foo", "any", "foo"),
        (" foo", "final", " foo "),
        ("foo", "final", "foo "),
        ("", "any", " "),
        ("   ", "initial", " "),
        ("a    b", "any", "a  b"),
    ],
)
def test_pieces_of_a_substring_assertion(text: str, place: str, form: str) -> None:
    prepared = prepare_substring(text.encode(), fold=True, initial=place == "initial", final=place == "final")
    assert prepared == form.encode()


@pytest.mark.parametrize("code", [*range(0x09), *range(0x0E, 0x20), *range(0x7F, 0x85), *range(0x86, 0xA0)])
def test_control_characters_map_to_nothing(code: int) -> None:
    assert prepare_fold(f"a{chr(code)}b".encode()) == b"ab"


@pytest.mark.parametrize(
    "code",
    FORMAT_CHARACTERS,
)
def test_format_characters_map_to_nothing(code: int) -> None:
    assert prepare_fold(f"a{chr(code)}b".encode()) == b"ab"


@pytest.mark.parametrize(
    "code",
    [
        *range(0x09, 0x0E),
        0x20,
        0x85,
        0xA0,
        0x1680,
        *range(0x2000, 0x200B),
        0x2028,
        0x2029,
        0x202F,
        0x205F,
        0x3000,
    ],
)
def test_separators_map_to_a_space(code: int) -> None:
    assert prepare_fold(f"a{chr(code)}b".encode()) == b"a b"
    assert prepare_fold(f"{chr(code)}a{chr(code)}{chr(code)}b{chr(code)}".encode()) == b"a b"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ABC", "abc"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),  # RFC 3454 B.2: 00DF; 0073 0073
        ("İ", "i̇"),  # B.2: 0130; 0069 0307
        ("ΑΒΓ", "αβγ"),
        ("ς", "σ"),  # B.2: 03C2; 03C3
        ("ﬁ", "fi"),  # B.2: FB01; 0066 0069
        ("Å", "å"),  # ANGSTROM SIGN
        ("℡", "tel"),  # B.2: 2121; 0074 0065 006C
        ("㎏", "kg"),
    ],
)
def test_case_is_folded_as_table_b_2_says(text: str, folded: str) -> None:
    assert prepare_fold(text.encode()) == unicodedata.normalize("NFKC", folded).encode()


def test_exact_keeps_case_but_normalises() -> None:
    assert prepare_exact("ÅB".encode()) == "ÅB".encode()
    assert prepare_exact("Å".encode()) == "Å".encode()
    assert prepare(b"Ab  C", fold=False) == b"Ab C"


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_every_unicode_form_prepares_alike(form: str) -> None:
    text = "Zoë Ångström ﬁn"
    assert prepare_fold(unicodedata.normalize(form, text).encode()) == prepare_fold(text.encode())  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [0xE000, 0xF8FF, 0xFDD0, 0xFFFD, 0xFFFE, 0x1FFFF, 0xF0000, 0x10FFFD])
def test_prohibited_characters_are_refused(code: int) -> None:
    with pytest.raises(InvalidValue):
        prepare_fold(f"a{chr(code)}".encode())


def test_a_leading_combining_mark_is_refused() -> None:
    with pytest.raises(InvalidValue):
        prepare_fold("\u0301a".encode())


@pytest.mark.parametrize("value", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"a\xc3"])
def test_what_is_not_utf_8_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidValue):
        prepare_fold(value)


def test_a_space_with_a_combining_mark_is_no_space() -> None:
    """RFC 4518 §2.6: a space is SPACE followed by no combining mark."""
    assert prepare_fold("a  \u0301b".encode()) == "a  \u0301b".encode()
    assert prepare_fold(" \u0301b ".encode()) == " \u0301b".encode()


def test_characters_younger_than_unicode_3_2_are_taken() -> None:
    assert prepare_fold("Ada 🦫".encode()) == "ada 🦫".encode()


@pytest.mark.parametrize(("text", "prepared"), [("12 34 5", "12345"), ("  1 ", "1"), ("1\u30002", "12")])
def test_numeric_strings_lose_their_spaces(text: str, prepared: str) -> None:
    assert prepare_numeric(text.encode()) == prepared.encode()


@pytest.mark.parametrize(
    "text",
    ["+1 408-555-1234", "+1 (408) 555 1234", "+1\u2010408\u2011555\uff0d1234", "+1 408 \u2212 555 1234"],
)
def test_telephone_numbers_lose_spaces_and_hyphens(text: str) -> None:
    assert prepare_telephone(text.encode()).translate(None, b"()") == b"+14085551234"
