"""Schema changes over LDAP, refused where entries would become invalid."""

from __future__ import annotations

import pytest

from fresh_directory import BUILTIN, Directory
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.schema_source import SchemaSource, with_stored

SUBSCHEMA = "cn=aggregate,cn=schemacontext"
USERS = "cn=Users,dc=lightwave,dc=local"
ANN = f"cn=Ann,{USERS}"
SUCCESS = ResultCode.SUCCESS

STRING = "EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15"
SHOE = f"( 2.25.1.1 NAME 'shoeSize' {STRING} )"
SINGLE_SHOE = f"( 2.25.1.1 NAME 'shoeSize' {STRING} SINGLE-VALUE )"
HAT = "( 2.25.1.2 NAME 'hatSize' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )"
SHOPPER = "( 2.25.1.9 NAME 'shopper' SUP top AUXILIARY MAY ( shoeSize $ hatSize ) )"
STRICT_SHOPPER = "( 2.25.1.9 NAME 'shopper' SUP top AUXILIARY MUST hatSize MAY shoeSize )"
NARROW_SHOPPER = "( 2.25.1.9 NAME 'shopper' SUP top AUXILIARY MAY hatSize )"


@pytest.fixture
def shop(directory: Directory) -> Directory:
    """A class of our own with two attributes, and an entry that uses one of them."""
    types = directory.modify(
        SUBSCHEMA, ("add", "attributeTypes", [SHOE, HAT]), ("add", "objectClasses", SHOPPER)
    )
    assert types.code is SUCCESS, types
    added = directory.add(ANN, objectClass=["person", "shopper"], sn="Lee", shoeSize=["42", "43"])
    assert added.code is SUCCESS, added
    return directory


def test_definitions_are_there_for_every_process(shop: Directory) -> None:
    assert shop.values(ANN, "shoeSize") == [b"42", b"43"]
    another = SchemaSource(BUILTIN)
    with shop.store.read() as txn:
        schema = another.current(txn)
        assert another.current(txn) is schema
    attribute = schema.attribute("SHOESIZE")
    assert attribute is not None
    assert attribute.oid == "2.25.1.1"
    shown = shop.values(SUBSCHEMA, "attributeTypes")
    assert any(b"'shoeSize'" in value for value in shown)
    assert any(b"'cn'" in value for value in shown)


def test_definitions_are_changed_and_removed_when_nothing_is_in_the_way(shop: Directory) -> None:
    assert shop.modify(ANN, ("replace", "shoeSize", "42")).code is SUCCESS
    changed = shop.modify(
        SUBSCHEMA, ("delete", "attributeTypes", SHOE), ("add", "attributeTypes", SINGLE_SHOE)
    )
    assert changed.code is SUCCESS, changed
    assert shop.modify(ANN, ("add", "shoeSize", "43")).code is ResultCode.CONSTRAINT_VIOLATION
    assert shop.delete(ANN).code is SUCCESS
    removed = shop.modify(
        SUBSCHEMA,
        ("delete", "objectClasses", SHOPPER),
        ("delete", "attributeTypes", ["( 2.25.1.1 SUP name )", HAT]),
    )
    assert removed.code is SUCCESS, removed
    again = shop.add(ANN, objectClass=["person"], sn="Lee", shoeSize="1")
    assert again.code is ResultCode.UNDEFINED_ATTRIBUTE_TYPE


@pytest.mark.parametrize(
    ("removed", "added", "kind"),
    [
        (SHOPPER, None, "objectClasses"),
        (SHOPPER, STRICT_SHOPPER, "objectClasses"),
        (SHOPPER, NARROW_SHOPPER, "objectClasses"),
        (SHOE, SINGLE_SHOE, "attributeTypes"),
        (
            SHOE,
            "( 2.25.1.1 NAME 'shoeSize' EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 )",
            "attributeTypes",
        ),
    ],
    ids=["class removed", "MUST added", "MAY removed", "single value", "another syntax"],
)
def test_refused_where_an_entry_would_become_invalid(
    shop: Directory, removed: str, added: str | None, kind: str
) -> None:
    changes = [("delete", kind, removed)] + ([("add", kind, added)] if added else [])
    outcome = shop.modify(SUBSCHEMA, *changes)
    assert outcome.code is ResultCode.UNWILLING_TO_PERFORM
    assert ANN in outcome.message
    assert shop.modify(ANN, ("add", "shoeSize", "44")).code is SUCCESS


def test_an_attribute_in_use_stays(shop: Directory) -> None:
    outcome = shop.modify(
        SUBSCHEMA,
        ("delete", "objectClasses", SHOPPER),
        ("add", "objectClasses", NARROW_SHOPPER),
        ("delete", "attributeTypes", SHOE),
    )
    assert outcome.code is ResultCode.UNWILLING_TO_PERFORM
    assert ANN in outcome.message


@pytest.mark.parametrize(
    ("kind", "attribute", "value", "code"),
    [
        ("add", "attributeTypes", SHOE, "ATTRIBUTE_OR_VALUE_EXISTS"),
        ("add", "attributeTypes", "( 2.5.4.3 NAME 'cn' SUP name )", "ATTRIBUTE_OR_VALUE_EXISTS"),
        ("add", "attributeTypes", "( 2.25.1.3 NAME 'cn' SUP name )", "CONSTRAINT_VIOLATION"),
        ("add", "attributeTypes", "( 2.25.1.3 NAME 'x' SUP nosuch )", "CONSTRAINT_VIOLATION"),
        ("add", "attributeTypes", "nonsense", "INVALID_ATTRIBUTE_SYNTAX"),
        ("add", "objectClasses", "( 2.25.1.8 NAME 'x' MUST nosuch )", "CONSTRAINT_VIOLATION"),
        ("delete", "attributeTypes", "( 2.25.1.3 NAME 'x' SUP name )", "NO_SUCH_ATTRIBUTE"),
        ("delete", "attributeTypes", "( 2.5.4.3 NAME 'cn' SUP name )", "UNWILLING_TO_PERFORM"),
        ("delete", "attributeTypes", HAT, "CONSTRAINT_VIOLATION"),
        ("replace", "attributeTypes", SHOE, "UNWILLING_TO_PERFORM"),
        (
            "add",
            "matchingRules",
            "( 2.25.1.7 NAME 'x' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
            "UNWILLING_TO_PERFORM",
        ),
    ],
)
def test_refused_in_itself(shop: Directory, kind: str, attribute: str, value: str, code: str) -> None:
    assert shop.modify(SUBSCHEMA, (kind, attribute, value)).code.name == code


def test_the_subschema_subentry_stays(shop: Directory) -> None:
    assert shop.delete(SUBSCHEMA).code is ResultCode.UNWILLING_TO_PERFORM
    assert shop.rename(SUBSCHEMA, "cn=other").code is ResultCode.UNWILLING_TO_PERFORM


def test_only_an_index_that_agrees_may_stay(shop: Directory) -> None:
    index = "cn=shoeSize,cn=indices,cn=config"
    assert shop.add(index, objectClass="lwIndex", lwIndexKind="equality").code is SUCCESS
    shop.build_indexes()
    assert shop.delete(ANN).code is SUCCESS
    exact = SHOE.replace("caseIgnoreMatch", "caseExactMatch")
    changes = (("delete", "attributeTypes", SHOE), ("add", "attributeTypes", exact))
    refused = shop.modify(SUBSCHEMA, *changes)
    assert refused.code is ResultCode.UNWILLING_TO_PERFORM
    assert "index" in refused.message
    assert shop.delete(index).code is SUCCESS
    shop.build_indexes()
    assert shop.modify(SUBSCHEMA, *changes).code is SUCCESS


def test_what_has_become_built_in_holds_as_it_is_built_in() -> None:
    octets = b"SYNTAX 1.3.6.1.4.1.1466.115.121.1.40"
    stored = (
        ("attributeTypes", b"( 1.3.6.1.4.1.24552.500.1.1.1.13 NAME 'sshPublicKey' " + octets + b" )"),
        ("attributeTypes", b"( 2.999.1 NAME 'sudoUser' " + octets + b" )"),
        ("attributeTypes", b"( 2.999.2 NAME 'acmeOwn' " + octets + b" )"),
    )
    schema = with_stored(BUILTIN, stored, 1)
    key, own = schema.attribute("sshPublicKey"), schema.attribute("acmeOwn")
    assert key is not None
    assert key.equality is not None
    assert own is not None
    assert own.oid == "2.999.2"
    assert schema.attribute("2.999.1") is None
