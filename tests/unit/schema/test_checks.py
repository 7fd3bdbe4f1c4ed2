"""Entries that may exist and entries that may not, each with the RFC's result code."""

from __future__ import annotations

import pytest

from lightwave.directory.ldap.dn import parse_rdn
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.checks import CheckedEntry, check_entry, check_modified
from lightwave.directory.schema.reading import parse_definition
from lightwave.directory.schema.schema import Schema

Entry = dict[str, list[str]]

PERSON: Entry = {
    "objectClass": ["top", "person", "organizationalPerson", "inetOrgPerson"],
    "cn": ["Barbara Jensen", "Babs"],
    "sn": ["Jensen"],
    "uid": ["bjensen"],
}


def draft(schema: Schema, entry: Entry) -> dict[AttributeDescription, list[bytes]]:
    found: dict[AttributeDescription, list[bytes]] = {}
    for name, values in entry.items():
        description = schema.describe(name)
        assert description is not None, name
        found[description] = [value.encode() for value in values]
    return found


def check(schema: Schema, entry: Entry, rdn: str = "uid=bjensen", *, complete: bool = True) -> CheckedEntry:
    return check_entry(schema, draft(schema, entry), parse_rdn(rdn.encode()), complete_naming=complete)


def values(schema: Schema, entry: CheckedEntry, name: str) -> tuple[bytes, ...]:
    description = schema.describe(name)
    assert description is not None
    return entry.attributes[description]


def test_a_person(schema: Schema) -> None:
    checked = check(schema, PERSON)
    assert checked.structural is schema.object_class("inetOrgPerson")
    assert values(schema, checked, "cn") == (b"Barbara Jensen", b"Babs")


def test_superclasses_are_added(schema: Schema) -> None:
    """RFC 4512 §3.3."""
    checked = check(schema, PERSON | {"objectClass": ["inetOrgPerson"]})
    assert values(schema, checked, "objectClass") == (
        b"inetOrgPerson",
        b"organizationalPerson",
        b"person",
        b"top",
    )
    assert {one.name for one in checked.classes} == {"inetOrgPerson", "organizationalPerson", "person", "top"}


def test_the_values_of_the_rdn_are_added(schema: Schema) -> None:
    """RFC 4511 §4.7: clients may leave them out."""
    checked = check(schema, PERSON, "uid=BJensen+l=Here")
    assert values(schema, checked, "uid") == (b"bjensen",)
    assert values(schema, checked, "l") == (b"Here",)
    checked = check(schema, {name: PERSON[name] for name in ("objectClass", "sn")}, "cn=x")
    assert values(schema, checked, "cn") == (b"x",)


@pytest.mark.parametrize(
    "entry",
    [
        {"objectClass": ["user"], "cn": ["a"]},
        {
            "objectClass": ["top", "person", "organizationalPerson", "user"],
            "cn": ["a"],
            "sAMAccountName": ["a"],
        },
        {"objectClass": ["inetOrgPerson", "user"], "cn": ["a"], "sn": ["b"], "mail": ["a@b"]},
        {"objectClass": ["computer"], "cn": ["pc"], "dNSHostName": ["pc.example"]},
        {"objectClass": ["group"], "cn": ["g"], "groupType": ["-2147483646"]},
        {"objectClass": ["groupOfNames"], "cn": ["g"], "member": ["cn=a"]},
        {"objectClass": ["container"], "cn": ["Users"]},
        {"objectClass": ["domain", "dcObject"], "dc": ["x"]},
        {"objectClass": ["domainDNS", "samDomain"], "dc": ["x"]},
        {"objectClass": ["organization", "dcObject"], "o": ["x"], "dc": ["x"]},
        {"objectClass": ["organizationalUnit", "extensibleObject"], "ou": ["x"], "mail": ["x@y"]},
        {"objectClass": ["alias", "extensibleObject"], "cn": ["x"], "aliasedObjectName": ["cn=no such"]},
        {"objectClass": ["referral", "extensibleObject"], "cn": ["x"], "ref": ["ldap://h/dc=x"]},
        {"objectClass": ["subentry", "subschema"], "cn": ["x"], "subtreeSpecification": ["{}"]},
        {"objectClass": ["account", "posixAccount"], "uid": ["x"], "cn": ["x"], "uidNumber": ["1"]}
        | {"gidNumber": ["1"], "homeDirectory": ["/"]},
        {"objectClass": ["groupOfMembers", "posixGroup"], "cn": ["x"], "gidNumber": ["1"]},
        {"objectClass": ["lwIndex"], "cn": ["mail"], "lwIndexKind": ["equality"], "lwUniqueScope": ["dc=x"]},
        {"objectClass": ["lwNode"], "cn": ["h"], "lwAllowInsecureAuthentication": ["TRUE"]},
        {"objectClass": ["person", "dynamicObject"], "cn": ["a"], "sn": ["b"]},
    ],
)
def test_entries_that_may_exist(schema: Schema, entry: Entry) -> None:
    name = next(name for name in entry if name in ("cn", "dc", "o", "ou", "uid"))
    check(schema, entry, f"{name}={entry[name][0]}")


CN = "cn=Babs"


@pytest.mark.parametrize(
    ("change", "rdn", "code"),
    [
        ({"objectClass": []}, CN, "OBJECT_CLASS_VIOLATION"),
        ({"objectClass": ["top"]}, CN, "OBJECT_CLASS_VIOLATION"),
        ({"objectClass": ["posixAccount"]}, CN, "OBJECT_CLASS_VIOLATION"),
        ({"objectClass": ["person", "device"]}, CN, "OBJECT_CLASS_VIOLATION"),
        ({"objectClass": ["inetOrgPerson", "noSuch"]}, CN, "INVALID_ATTRIBUTE_SYNTAX"),
        ({"objectClass": ["inetOrgPerson", "2.5.6.6", "PERSON"]}, CN, "ATTRIBUTE_OR_VALUE_EXISTS"),
        ({"objectClass": ["person"]}, CN, "OBJECT_CLASS_VIOLATION"),  # uid is not allowed in a person
        ({"sn": []}, CN, "PROTOCOL_ERROR"),
        ({"cn": ["a", "A "]}, "cn=a", "ATTRIBUTE_OR_VALUE_EXISTS"),
        ({"cn": ["a", "\ue000"]}, "cn=a", "INVALID_ATTRIBUTE_SYNTAX"),
        ({"sn": [""]}, CN, "INVALID_ATTRIBUTE_SYNTAX"),
        ({"mail": ["ä@b"]}, CN, "INVALID_ATTRIBUTE_SYNTAX"),
        ({"manager": ["nobody"]}, CN, "INVALID_ATTRIBUTE_SYNTAX"),
        ({"preferredLanguage": ["de", "en"]}, CN, "CONSTRAINT_VIOLATION"),
        ({"c": ["DE"]}, CN, "OBJECT_CLASS_VIOLATION"),
        ({"c-l": ["x"]}, CN, "OBJECT_CLASS_VIOLATION"),
        ({}, "noSuch=x", "INVALID_DN_SYNTAX"),
        ({}, "createTimestamp=20260101000000Z", "NAMING_VIOLATION"),
        ({}, "jpegPhoto=x", "NAMING_VIOLATION"),
        ({}, "userPassword=x", "NAMING_VIOLATION"),
        ({}, "dc=x", "OBJECT_CLASS_VIOLATION"),
        ({"preferredLanguage": ["de"]}, "preferredLanguage=en", "CONSTRAINT_VIOLATION"),
    ],
)
def test_entries_that_may_not(schema: Schema, change: Entry, rdn: str, code: str) -> None:
    entry = {name: list_ for name, list_ in (PERSON | change).items() if list_ or name != "objectClass"}
    with pytest.raises(DirectoryError) as caught:
        check(schema, entry, rdn)
    assert caught.value.code is ResultCode[code]


@pytest.mark.parametrize("missing", ["cn", "sn"])
def test_neg_022_a_required_attribute_that_goes(schema: Schema, missing: str) -> None:
    entry = {name: list_ for name, list_ in PERSON.items() if name != missing}
    with pytest.raises(DirectoryError, match=f"needs the attribute {missing}") as caught:
        check(schema, entry)
    assert caught.value.code is ResultCode.OBJECT_CLASS_VIOLATION


def test_neg_022_the_structural_class_stays(schema: Schema) -> None:
    before = check(schema, PERSON)
    after = check(schema, {"objectClass": ["account"], "uid": ["bjensen"]})
    with pytest.raises(DirectoryError) as caught:
        check_modified(before, after)
    assert caught.value.code is ResultCode.OBJECT_CLASS_MODS_PROHIBITED
    check_modified(before, check(schema, PERSON | {"objectClass": ["inetOrgPerson", "uidObject"]}))
    check_modified(before.structural, before)


def test_after_a_modify_the_values_of_the_rdn_have_to_be_there(schema: Schema) -> None:
    with pytest.raises(DirectoryError) as caught:
        check(schema, PERSON, "uid=other", complete=False)
    assert caught.value.code is ResultCode.NOT_ALLOWED_ON_RDN


def test_options_and_operational_attributes(schema: Schema) -> None:
    check(
        schema,
        PERSON
        | {"cn;lang-de": ["Bärbel"], "createTimestamp": ["20260101000000Z"], "lwValidFrom": ["2026010100Z"]},
    )


def test_a_single_valued_attribute_has_one_value_for_each_description(schema: Schema) -> None:
    check(schema, PERSON | {"displayName": ["a"], "displayName;lang-de": ["b"]})


def test_a_content_rule_is_obeyed(schema: Schema) -> None:
    """RFC 4512 §4.1.6."""
    rule = parse_definition(
        "dITContentRules", b"( 2.16.840.1.113730.3.2.2 AUX uidObject MUST mail MAY c NOT title )"
    )
    ruled = schema.with_definitions(add=[rule])
    check(ruled, PERSON | {"mail": ["a@b"], "c": ["DE"], "objectClass": ["inetOrgPerson", "uidObject"]})
    for change in (
        {},
        {"mail": ["a@b"], "title": ["x"]},
        {"mail": ["a@b"], "objectClass": ["inetOrgPerson", "pkiUser"]},
    ):
        with pytest.raises(DirectoryError) as caught:
            check(ruled, PERSON | change)
        assert caught.value.code is ResultCode.OBJECT_CLASS_VIOLATION


def test_refusals_never_repeat_values(schema: Schema) -> None:
    with pytest.raises(DirectoryError) as caught:
        check(schema, PERSON | {"userPassword": ["hunter2", "hunter2"]})
    assert "hunter2" not in f"{caught.value} {caught.value.message} {caught.value.detail}"
