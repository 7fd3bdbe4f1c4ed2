"""Looking up, describing and changing definitions."""

from __future__ import annotations

import pytest

from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.definitions import Definition
from lightwave.directory.schema.errors import SchemaError
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.reading import parse_definition
from lightwave.directory.schema.schema import Schema


def described(schema: Schema, text: str) -> AttributeDescription:
    found = schema.describe(text)
    assert found is not None
    return found


def attribute(text: str) -> Definition:
    return parse_definition("attributeTypes", text.encode())


def object_class(text: str) -> Definition:
    return parse_definition("objectClasses", text.encode())


@pytest.mark.parametrize("name", ["cn", "CN", "commonName", "2.5.4.3"])
def test_one_type_under_all_its_names(schema: Schema, name: str) -> None:
    assert schema.attribute(name) is schema.attribute("cn")
    assert schema.attribute_by_bytes(name.encode()) is schema.attribute("cn")


def test_what_is_inherited(schema: Schema) -> None:
    cn = schema.attribute("cn")
    assert cn is not None
    assert cn.equality is schema.matching_rule("caseIgnoreMatch")
    assert cn.substring is schema.matching_rule("caseIgnoreSubstringsMatch")
    assert cn.superior is schema.attribute("name")
    assert cn.syntax.description == "Directory String"
    person = schema.object_class("inetOrgPerson")
    assert person is not None
    assert {one.name for one in person.all_must} == {"objectClass", "cn", "sn"}
    assert [one.name for one in person.lineage] == ["inetOrgPerson", "organizationalPerson", "person", "top"]


def test_marks(schema: Schema) -> None:
    links = {one.name for one in schema.attribute_types() if one.is_link}
    assert {
        "member",
        "owner",
        "roleOccupant",
        "seeAlso",
        "manager",
        "secretary",
        "managedBy",
        "assistant",
    } <= links
    assert not links & {"aliasedObjectName", "uniqueMember", "memberOf", "lwUniqueScope"}
    secrets = {one.name for one in schema.attribute_types() if one.is_secret}
    assert secrets == {"userPassword", "unicodePwd", "lwPrivateKey"}


def test_every_type_can_be_described_by_each_name(schema: Schema) -> None:
    for one in schema.attribute_types():
        for name in (one.oid, *one.names):
            assert described(schema, name).type is one


@pytest.mark.parametrize(
    ("text", "key", "canonical"),
    [
        ("CN", "2.5.4.3", "cn"),
        ("cn;LANG-de", "2.5.4.3;lang-de", "cn;lang-de"),
        ("cn;x-b;lang-de;x-b", "2.5.4.3;lang-de;x-b", "cn;lang-de;x-b"),
        ("userCertificate", "2.5.4.36", "userCertificate;binary"),
        ("usercertificate;BINARY", "2.5.4.36", "userCertificate;binary"),
    ],
)
def test_descriptions(schema: Schema, text: str, key: str, canonical: str) -> None:
    found = described(schema, text)
    assert (found.key, found.text) == (key, canonical)
    assert found is described(schema, canonical)


@pytest.mark.parametrize(
    "text",
    ["", ";", "cn;", "nope", "cn;colour", "cn;binary", "2.5.4.999", "cn;lang-de;!", "cn " + "x" * 2000],
)
def test_what_is_no_description(schema: Schema, text: str) -> None:
    assert schema.describe(text) is None


@pytest.mark.parametrize(
    ("held", "requested", "expected"),
    [
        ("cn", "name", True),
        ("name", "cn", False),
        ("cn;lang-de", "cn", True),
        ("cn;lang-de", "name;lang-de", True),
        ("cn", "cn;lang-de", False),
        ("cn;lang-de;x-a", "cn;x-a", True),
        ("cn;lang-en-gb", "cn;lang-en-", True),
        ("cn;lang-en", "cn;lang-en-", True),
        ("cn;lang-eng", "cn;lang-en-", False),
    ],
)
def test_subordinate_descriptions(schema: Schema, held: str, requested: str, expected: bool) -> None:
    assert described(schema, held).matches(described(schema, requested)) is expected


def test_subtypes_begin_with_the_type_itself(schema: Schema) -> None:
    name = schema.attribute("name")
    assert name is not None
    subtypes = schema.subtypes(name)
    assert subtypes[0] is name
    assert {"cn", "sn", "ou", "c-l"} <= {one.name for one in subtypes}


def test_names_of_subtypes_of_distinguished_name_are_apart(schema: Schema) -> None:
    """distinguishedName is the entry's own name, so a filter on it must not reach member."""
    name = schema.attribute("distinguishedName")
    assert name is not None
    assert schema.subtypes(name) == (name,)


def test_a_change_makes_a_new_generation_and_keeps_keys(schema: Schema) -> None:
    changed = schema.with_definitions(
        add=[
            attribute("( 1.2.3.4 NAME 'shoeSize' SUP name )"),
            object_class("( 1.2.3.5 NAME 'shod' MAY shoeSize )"),
        ]
    )
    assert changed.generation == schema.generation + 1
    assert schema.attribute("shoeSize") is None
    assert described(changed, "shoeSize").key == "1.2.3.4"
    assert described(changed, "cn") == described(schema, "cn")
    assert hash(described(changed, "cn")) == hash(described(schema, "cn"))
    shod = changed.object_class("shod")
    assert shod is not None
    assert [one.name for one in shod.superiors] == ["top"]
    assert {type(one).__name__ for one in changed.added_definitions()} == {
        "AttributeTypeDefinition",
        "ObjectClassDefinition",
    }
    back = changed.with_definitions(remove=changed.added_definitions())
    assert back.added_definitions() == ()


def test_a_definition_is_changed_by_removing_and_adding_it(schema: Schema) -> None:
    first = attribute("( 1.2.3.4 NAME 'shoeSize' SUP name )")
    second = attribute("( 1.2.3.4 NAME 'shoeSize' SUP name SINGLE-VALUE )")
    changed = schema.with_definitions(add=[first]).with_definitions(add=[second], remove=[first])
    found = changed.attribute("shoeSize")
    assert found is not None
    assert found.single_value


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        ("( 1.2.3.4 NAME 'a1' SUP noSuch )", "unknown superior 'noSuch'"),
        ("( 1.2.3.4 NAME 'a1' SYNTAX 1.2.3.4.5 )", "syntax '1.2.3.4.5', unknown"),
        ("( 1.2.3.4 NAME 'a1' EQUALITY noMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )", "'noMatch', unknown"),
        (
            "( 1.2.3.4 NAME 'a1' EQUALITY caseIgnoreOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
            "which it is not",
        ),
        ("( 1.2.3.4 NAME 'cn' SUP name )", "two attribute types are called 'cn'"),
        ("( 2.5.4.3 NAME 'a1' SUP name )", "defined already"),
        ("( 1.2.3.4 NAME 'a1' SUP a1 )", "circle"),
        ("( 1.2.3.4 NAME 'a1' SUP name USAGE directoryOperation )", "usage"),
        ("( 1.2.3.4 NAME 'a1' SUP name COLLECTIVE SINGLE-VALUE )", "COLLECTIVE"),
    ],
)
def test_attribute_types_that_do_not_fit(schema: Schema, definition: str, text: str) -> None:
    with pytest.raises(SchemaError, match=text):
        schema.with_definitions(add=[attribute(definition)])


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        ("( 1.2.3.4 NAME 'c1' SUP noSuch )", "unknown superior"),
        ("( 1.2.3.4 NAME 'c1' MUST noSuch )", "unknown attribute type"),
        ("( 1.2.3.4 NAME 'c1' SUP person AUXILIARY )", "AUXILIARY"),
        ("( 1.2.3.4 NAME 'c1' SUP person ABSTRACT )", "ABSTRACT"),
        ("( 1.2.3.4 NAME 'c1' SUP c1 )", "circle"),
        ("( 1.2.3.4 NAME 'PERSON' )", "two object classes"),
    ],
)
def test_object_classes_that_do_not_fit(schema: Schema, definition: str, text: str) -> None:
    with pytest.raises(SchemaError, match=text):
        schema.with_definitions(add=[object_class(definition)])


def test_built_in_definitions_stay(schema: Schema) -> None:
    with pytest.raises(SchemaError, match="built in"):
        schema.with_definitions(remove=[attribute("( 2.5.4.3 SUP name )")])
    with pytest.raises(SchemaError, match="not defined"):
        schema.with_definitions(remove=[attribute("( 1.2.3.4 SUP name )")])


def test_what_is_in_use_stays(schema: Schema) -> None:
    below = attribute("( 1.2.3.5 NAME 'a2' SUP a1 )")
    above = attribute("( 1.2.3.4 NAME 'a1' SUP name )")
    changed = schema.with_definitions(add=[below, above])
    with pytest.raises(SchemaError, match="unknown superior 'a1'"):
        changed.with_definitions(remove=[above])


def test_syntaxes_and_rules_cannot_be_added(schema: Schema) -> None:
    for kind, text in (("ldapSyntaxes", b"( 1.2.3 )"), ("matchingRules", b"( 1.2.3 SYNTAX 1.2 )")):
        with pytest.raises(SchemaError, match="can be added"):
            schema.with_definitions(add=[parse_definition(kind, text)])


def test_the_caches_of_names_are_bounded(schema: Schema) -> None:
    small = schema.with_definitions()
    for number in range(20_000):
        normalise_dn_text(small, b"uid=%d,dc=x" % number)
    assert len(small.names) <= 16_384
    for number in range(10_000):
        small.describe(f"cn;x-{number}")
    assert small.describe("cn;x-1") == small.describe("cn;x-1")
