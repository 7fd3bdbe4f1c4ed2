"""Reading and writing definitions: the RFC's form, the field's spellings, and what is refused."""

from __future__ import annotations

import pytest

from lightwave.directory.schema.attribute import Usage
from lightwave.directory.schema.definitions import (
    AttributeTypeDefinition,
    ObjectClassDefinition,
    format_definition,
)
from lightwave.directory.schema.errors import SchemaError
from lightwave.directory.schema.objectclass import ClassKind
from lightwave.directory.schema.reading import parse_definition, read_attribute_type, read_object_class

FULL = (
    b"( 1.2.3 NAME ( 'one' 'two' ) DESC 'it\\27s \\5C' OBSOLETE SUP name EQUALITY caseIgnoreMatch "
    b"ORDERING caseIgnoreOrderingMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6{64} SINGLE-VALUE "
    b"COLLECTIVE NO-USER-MODIFICATION USAGE dSAOperation X-A 'x' X-B ( 'y' 'z' ) )"
)


def test_everything_in_an_attribute_type() -> None:
    assert read_attribute_type(FULL) == AttributeTypeDefinition(
        oid="1.2.3",
        names=("one", "two"),
        description="it's \\",
        obsolete=True,
        superior="name",
        equality="caseIgnoreMatch",
        ordering="caseIgnoreOrderingMatch",
        substring="caseIgnoreSubstringsMatch",
        syntax="1.3.6",
        max_length=64,
        single_value=True,
        collective=True,
        no_user_modification=True,
        usage=Usage.DSA_OPERATION,
        extensions=(("X-A", ("x",)), ("X-B", ("y", "z"))),
    )


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        ("attributeTypes", FULL),
        ("objectClasses", b"( 1.2 NAME 'a' DESC 'd' OBSOLETE SUP ( b $ c ) ABSTRACT MUST x MAY ( y $ z ) )"),
        ("ldapSyntaxes", b"( 1.2 DESC 'd' X-NOT-HUMAN-READABLE 'TRUE' )"),
        ("matchingRules", b"( 1.2 NAME 'a' SYNTAX 1.3 )"),
        ("matchingRuleUse", b"( 1.2 NAME 'a' APPLIES ( b $ c ) )"),
        ("dITContentRules", b"( 1.2 NAME 'a' AUX b MUST c MAY d NOT ( e $ f ) )"),
        ("dITStructureRules", b"( 2 NAME 'a' FORM f SUP ( 1 2 ) )"),
        ("nameForms", b"( 1.2 NAME 'a' OC b MUST c MAY d )"),
    ],
)
def test_what_is_written_is_what_was_read(attribute: str, text: bytes) -> None:
    definition = parse_definition(attribute, text)
    written = format_definition(definition)
    assert parse_definition(attribute, written) == definition
    assert written == text


@pytest.mark.parametrize(
    "text",
    [
        b"(1.2 NAME 'a' SUP b)",
        b'( 1.2 NAME "a" SUP b )',
        b"( 1.2 NAME ('a') SUP b )",
        b"( 1.2 NAME('a')SUP b )",
        b"( '1.2' NAME a SUP 'b' )",
        b"{3}( 1.2 NAME 'a' SUP b )",
        b"  (  1.2\tNAME  'a'\n SUP   b )  ",
        b"( 1.2 name 'a' sup b )",
        b"( 1.2 SUP b NAME 'a' )",
    ],
)
def test_spellings_of_other_servers(text: bytes) -> None:
    assert read_attribute_type(text) == AttributeTypeDefinition(oid="1.2", names=("a",), superior="b")


@pytest.mark.parametrize("oid", ["nsRole-oid", "VMWare.DIR.attribute.0.1", "2.16.840.1.113730.3.1.574"])
def test_identifiers_that_are_no_numbers(oid: str) -> None:
    assert read_attribute_type(f"( {oid} NAME 'a' SUP b )".encode()).oid == oid


def test_lists_of_a_class() -> None:
    expected = ObjectClassDefinition(
        oid="1.2", names=("a",), superiors=("b",), kind=ClassKind.AUXILIARY, must=("c", "d"), may=("e",)
    )
    assert read_object_class(b"( 1.2 NAME 'a' SUP b AUXILIARY MUST(c$d) MAY( e ) )") == expected
    assert read_object_class(b"( 1.2 NAME 'a' SUP (b) AUXILIARY MUST ( c $d ) MAY e )") == expected


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"()",
        b"( )",
        b"( 1.2 )",
        b"( 1.2 NAME 'a' SUP b",
        b"( 1.2 NAME 'a' SUP b ) x",
        b"( 1.2 NAME 'a SUP b )",
        b"( 1.2 NAME 'a' NAME 'b' SUP c )",
        b"( 1.2 NAME '1a' SUP b )",
        b"( 1.2 NAME 'a b' SUP c )",
        b"( 1.2 NAME ( 'a' SUP b )",
        b"( $ SUP b )",
        b"( 1.2 SUP b USAGE sometimes )",
        b"( 1.2 SUP b COLOUR red )",
        b"( 1.2 SUP b DESC '\xff' )",
        b"( 1.2 SYNTAX ( ) )",
        b"x" * 300_000,
        b"( 1.2 NAME ( " + b"'a' " * 1000 + b") SUP b )",
    ],
)
def test_refused(text: bytes) -> None:
    with pytest.raises(SchemaError):
        read_attribute_type(text)


def test_an_attribute_that_holds_no_definitions() -> None:
    with pytest.raises(SchemaError):
        parse_definition("cn", b"( 1.2 )")
