"""Definitions: what is written is read back equal, and nothing but SchemaError comes out of the reader."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lightwave.directory.schema.attribute import Usage
from lightwave.directory.schema.definitions import (
    AttributeTypeDefinition,
    ObjectClassDefinition,
    format_definition,
)
from lightwave.directory.schema.errors import SchemaError
from lightwave.directory.schema.objectclass import ClassKind
from lightwave.directory.schema.reading import READERS, parse_definition

OIDS = st.from_regex(r"[0-2](\.(0|[1-9][0-9]{0,5})){1,6}", fullmatch=True)
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,10}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
EXTENSIONS = st.lists(
    st.tuples(
        st.from_regex(r"X-[A-Z_-]{1,8}", fullmatch=True), st.lists(TEXTS, min_size=1, max_size=3).map(tuple)
    ),
    max_size=2,
).map(tuple)


def some(strategy: st.SearchStrategy[str], least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(strategy, min_size=least, max_size=3).map(tuple)


ATTRIBUTE_TYPES = st.builds(
    AttributeTypeDefinition,
    oid=OIDS,
    names=some(NAMES),
    description=st.one_of(st.just(""), TEXTS),
    obsolete=st.booleans(),
    superior=NAMES,
    equality=st.one_of(st.none(), NAMES),
    ordering=st.one_of(st.none(), NAMES),
    substring=st.one_of(st.none(), NAMES),
    syntax=OIDS,
    max_length=st.one_of(st.none(), st.integers(0, 10**9 - 1)),
    single_value=st.booleans(),
    collective=st.booleans(),
    no_user_modification=st.booleans(),
    usage=st.sampled_from(Usage),
    extensions=EXTENSIONS,
)
OBJECT_CLASSES = st.builds(
    ObjectClassDefinition,
    oid=OIDS,
    names=some(NAMES),
    description=st.one_of(st.just(""), TEXTS),
    obsolete=st.booleans(),
    superiors=some(NAMES),
    kind=st.sampled_from(ClassKind),
    must=some(NAMES),
    may=some(OIDS),
    extensions=EXTENSIONS,
)


@given(ATTRIBUTE_TYPES)
def test_attribute_types_round_trip(definition: AttributeTypeDefinition) -> None:
    """parse(format(x)) == x."""
    assert parse_definition("attributeTypes", format_definition(definition)) == definition


@given(OBJECT_CLASSES)
def test_object_classes_round_trip(definition: ObjectClassDefinition) -> None:
    """parse(format(x)) == x."""
    assert parse_definition("objectClasses", format_definition(definition)) == definition


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"(", b")", b"$", b"'", b'"', b" ", b"NAME", b"SUP", b"SYNTAX", b"MUST", b"X-A", b"{1}"]
        ),
        st.binary(max_size=6),
    ),
    max_size=20,
).map(b" ".join)


@given(PIECES, st.sampled_from(sorted(READERS)))
def test_only_schema_errors_escape(text: bytes, attribute: str) -> None:
    """Any octets are a definition or a SchemaError."""
    try:
        definition = parse_definition(attribute, text)
    except SchemaError:
        return
    assert parse_definition(attribute, format_definition(definition)) == definition
