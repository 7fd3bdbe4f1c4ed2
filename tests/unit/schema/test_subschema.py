"""The subschema subentry as LDAP browsers and client libraries read it."""

from __future__ import annotations

import ldap.schema
import pytest
from ldap3.protocol.rfc4512 import (
    AttributeTypeInfo,
    LdapSyntaxInfo,
    MatchingRuleInfo,
    MatchingRuleUseInfo,
    ObjectClassInfo,
)

from lightwave.directory.schema.reading import parse_definition
from lightwave.directory.schema.schema import Schema

LDAP3 = {
    "attributeTypes": AttributeTypeInfo,
    "objectClasses": ObjectClassInfo,
    "ldapSyntaxes": LdapSyntaxInfo,
    "matchingRules": MatchingRuleInfo,
    "matchingRuleUse": MatchingRuleUseInfo,
}


def test_we_read_what_we_publish(schema: Schema) -> None:
    published = schema.subschema_attributes()
    definitions = {parse_definition("attributeTypes", one) for one in published["attributeTypes"]}
    assert definitions <= set(schema.definitions)
    assert len(definitions) == len(schema.attribute_types())
    for name, values in published.items():
        assert len({parse_definition(name, value) for value in values}) == len(values)


@pytest.mark.parametrize("name", LDAP3)
def test_ldap3_reads_every_definition(schema: Schema, name: str) -> None:
    values = schema.subschema_attributes()[name]
    read = LDAP3[name].from_definition([value.decode() for value in values])
    assert {one.oid for one in read.values()} == {value.decode().split()[1] for value in values}


def test_python_ldap_reads_every_definition(schema: Schema) -> None:
    read = ldap.schema.SubSchema(schema.subschema_attributes(), 2)
    for one in schema.attribute_types():
        found = read.get_obj(ldap.schema.AttributeType, one.oid)
        assert found.names == one.names
        assert bool(found.single_value) is one.single_value
        inherited = read.get_inheritedobj(ldap.schema.AttributeType, one.oid, ["syntax", "equality"])
        assert inherited.syntax == one.syntax.oid
        assert inherited.equality == (None if one.equality is None else one.equality.name)
    for cls in schema.object_classes():
        found = read.get_obj(ldap.schema.ObjectClass, cls.oid)
        assert found.names == cls.names
        assert set(found.must) == set(cls.definition.must)
    for rule in schema.rules():
        assert read.get_obj(ldap.schema.MatchingRule, rule.oid).syntax == rule.syntax
    for syntax in schema.syntaxes():
        assert (
            bool(read.get_obj(ldap.schema.LDAPSyntax, syntax.oid).not_human_readable)
            is not syntax.human_readable
        )


def test_what_was_added_is_published(schema: Schema) -> None:
    added = parse_definition("attributeTypes", b"( 1.2.3.4 NAME 'shoeSize' SUP name )")
    published = schema.with_definitions(add=[added]).subschema_attributes()
    assert b"( 1.2.3.4 NAME 'shoeSize' SUP name )" in published["attributeTypes"]
