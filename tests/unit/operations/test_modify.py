"""What a modify makes of an entry."""

from __future__ import annotations

import pytest

from fresh_directory import Directory
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.store.reading import ReadTransaction

USERS = "cn=Users,dc=lightwave,dc=local"
ANN = f"cn=Ann,{USERS}"
BOB = f"cn=Bob,{USERS}"
GROUP = f"cn=Staff,{USERS}"
SUCCESS = ResultCode.SUCCESS


@pytest.fixture
def people(directory: Directory) -> Directory:
    """Two people and a group with one of them."""
    classes = ["inetOrgPerson", "posixAccount"]
    for outcome in (
        directory.add(
            ANN,
            objectClass=classes,
            sn="Lee",
            uid="ann",
            uidNumber="10",
            gidNumber="5",
            homeDirectory="/a",
            description=["one", "Two"],
        ),
        directory.add(BOB, objectClass="inetOrgPerson", sn="Lee", cn_lang__de="Robert"),
        directory.add(GROUP, objectClass="groupOfNames", member=ANN),
    ):
        assert outcome.code is SUCCESS, outcome
    return directory


def test_changes_apply_in_order_and_all_or_none(people: Directory) -> None:
    outcome = people.modify(
        ANN, ("delete", "sn", ()), ("add", "sn", "Park"), ("add", "sn", "Kim"), ("delete", "sn", "PARK")
    )
    assert outcome.code is SUCCESS
    assert people.values(ANN, "sn") == [b"Kim"]
    refused = people.modify(ANN, ("replace", "sn", "Gone"), ("delete", "seeAlso", ()))
    assert refused.code is ResultCode.NO_SUCH_ATTRIBUTE
    assert people.values(ANN, "sn") == [b"Kim"]


def test_values_are_deleted_by_equality_and_kept_as_spelt(people: Directory) -> None:
    assert people.modify(ANN, ("delete", "description", "  ONE")).code is SUCCESS
    assert people.values(ANN, "description") == [b"Two"]
    assert people.modify(ANN, ("replace", "description", "TWO")).code is SUCCESS
    assert people.values(ANN, "description") == [b"TWO"]


def test_replace_with_nothing_removes_and_tolerates_absence(people: Directory) -> None:
    assert people.modify(ANN, ("replace", "description", ()), ("replace", "title", ())).code is SUCCESS
    assert people.values(ANN, "description") == []


def test_options_make_attributes_of_their_own(people: Directory) -> None:
    assert people.values(BOB, "cn;lang-de") == [b"Robert"]
    assert people.modify(BOB, ("replace", "cn;lang-de", ()), ("add", "cn;lang-fr", "Bob")).code is SUCCESS
    assert people.values(BOB, "cn;lang-de") == []
    assert people.values(BOB, "cn;lang-fr") == [b"Bob"]
    assert people.values(BOB, "cn") == [b"Bob"]


def test_increment(people: Directory) -> None:
    """RFC 4525: the value grows, also below zero."""
    assert (
        people.modify(ANN, ("increment", "uidNumber", "5"), ("increment", "gidNumber", "-7")).code is SUCCESS
    )
    assert people.values(ANN, "uidNumber") == [b"15"]
    assert people.values(ANN, "gidNumber") == [b"-2"]


def test_object_class_takes_its_superclasses_along(people: Directory) -> None:
    """RFC 4512 §3.3."""
    assert b"organizationalPerson" in people.values(BOB, "objectClass")
    assert (
        people.modify(
            BOB,
            ("add", "objectClass", "shadowAccount"),
            ("add", "uid", "bob"),
        ).code
        is SUCCESS
    )
    assert people.modify(BOB, ("delete", "objectClass", "shadowAccount")).code is SUCCESS
    assert b"shadowAccount" not in people.values(BOB, "objectClass")


def test_operational_attributes_follow(people: Directory) -> None:
    created, csn = people.values(ANN, "createTimestamp"), people.values(ANN, "entryCSN")
    assert people.values(ANN, "structuralObjectClass") == [b"inetOrgPerson"]
    people.time += 61.25
    assert people.modify(ANN, ("replace", "sn", "Park")).code is SUCCESS
    assert people.values(ANN, "createTimestamp") == created
    assert people.values(ANN, "modifyTimestamp") > created
    assert people.values(ANN, "entryCSN") > csn
    (text,) = people.values(ANN, "entryCSN")
    time_, count, server, modification = text.split(b"#")
    assert (len(time_), len(count), len(server), modification) == (22, 6, 3, b"000000")
    assert people.values(ANN, "modifiersName") == [people.tree.administrator_dn]
    assert people.values(ANN, "uSNChanged") > people.values(ANN, "uSNCreated")


def test_members_are_links_and_follow_a_rename(people: Directory) -> None:
    assert people.modify(GROUP, ("add", "member", [BOB, f"cn=Later,{USERS}"])).code is SUCCESS
    assert sorted(people.values(GROUP, "member")) == sorted(map(str.encode, (ANN, BOB, f"cn=Later,{USERS}")))
    assert people.values(BOB, "memberOf") == [GROUP.encode()]
    assert people.rename(BOB, "cn=Robert").code is SUCCESS
    robert = f"cn=Robert,{USERS}"
    assert robert.encode() in people.values(GROUP, "member")
    assert people.add(f"cn=Later,{USERS}", objectClass="person", sn="x").code is SUCCESS
    assert people.values(f"cn=Later,{USERS}", "memberOf") == [GROUP.encode()]
    assert people.compare(GROUP, "member", f"CN=later,{USERS}") is ResultCode.COMPARE_TRUE
    assert people.modify(GROUP, ("delete", "member", [robert, f"cn=Later,{USERS}"])).code is SUCCESS
    assert people.values(GROUP, "member") == [ANN.encode()]
    assert people.modify(GROUP, ("replace", "member", [robert])).code is SUCCESS
    assert people.values(GROUP, "member") == [robert.encode()]


def test_a_large_group_changes_without_being_read(people: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding and removing a member asks for this member's link only."""
    names = []
    for number in range(200):
        names.append(f"cn=Person {number},{USERS}")
        assert people.add(names[-1], objectClass="person", sn="x").code is SUCCESS
    assert people.modify(GROUP, ("add", "member", names)).code is SUCCESS

    def refuse(*_: object) -> None:
        raise AssertionError("all members were read")

    monkeypatch.setattr(ReadTransaction, "link_targets", refuse)
    assert people.modify(GROUP, ("delete", "member", names[7])).code is SUCCESS
    assert people.modify(GROUP, ("add", "member", names[7])).code is SUCCESS
    assert people.modify(GROUP, ("add", "member", names[7])).code is ResultCode.ATTRIBUTE_OR_VALUE_EXISTS


def test_secret_attributes_need_a_port(people: Directory) -> None:
    """Without identity's port a password is refused, never stored in the record."""
    outcome = people.modify(ANN, ("replace", "userPassword", "secret"))
    assert outcome.code is ResultCode.UNWILLING_TO_PERFORM
    assert people.compare(ANN, "userPassword", "secret") is ResultCode.COMPARE_FALSE
