"""Renames, deletions and their tombstones, dynamic entries."""

from __future__ import annotations

import uuid

import pytest

from fresh_directory import Directory
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.drafts import RefreshRequest
from lightwave.directory.operations.dynamic import decode_refresh, encode_refresh_response
from lightwave.directory.operations.plugins.tombstones import LIFETIME
from lightwave.directory.operations.sweep import Sweep

BASE = "dc=lightwave,dc=local"
USERS = f"cn=Users,{BASE}"
ANN = f"cn=Ann,{USERS}"
UNIT = f"ou=Unit,{BASE}"
SUCCESS = ResultCode.SUCCESS


@pytest.fixture
def people(directory: Directory) -> Directory:
    """A person and a unit with two levels below it."""
    for outcome in (
        directory.add(ANN, objectClass="inetOrgPerson", sn="Lee"),
        directory.add(UNIT, objectClass="organizationalUnit"),
        directory.add(f"ou=Inner,{UNIT}", objectClass="organizationalUnit"),
        directory.add(f"cn=Eve,ou=Inner,{UNIT}", objectClass="person", sn="Lee", seeAlso=ANN),
    ):
        assert outcome.code is SUCCESS, outcome
    return directory


def sweep(directory: Directory) -> None:
    Sweep(directory.store, directory.schemas, directory.committer, lambda: directory.time).run_slice()


def test_rename_keeps_or_deletes_the_old_name(people: Directory) -> None:
    assert people.rename(ANN, "cn=Anna", keep=True).code is SUCCESS
    assert people.values(f"cn=Anna,{USERS}", "cn") == [b"Ann", b"Anna"]
    assert people.rename(f"cn=Anna,{USERS}", "cn=Anne+sn=Lee").code is SUCCESS
    assert people.values(f"sn=Lee+cn=Anne,{USERS}", "cn") == [b"Ann", b"Anne"]
    assert not people.exists(ANN)


def test_rename_to_another_spelling(people: Directory) -> None:
    assert people.rename(ANN, "CN=ANN").code is SUCCESS
    assert people.values(ANN, "entryDN") == [f"CN=ANN,{USERS}".encode()]
    assert people.values(ANN, "cn") == [b"ANN"]
    assert people.rename(ANN, "cn=ANN").code is SUCCESS


def test_a_subtree_moves_whole(people: Directory) -> None:
    (before,) = people.values(USERS, "numSubordinates")
    assert people.rename(f"ou=Inner,{UNIT}", "ou=Outer", USERS).code is SUCCESS
    assert people.values(f"cn=Eve,ou=Outer,{USERS}", "entryDN") == [f"cn=Eve,ou=Outer,{USERS}".encode()]
    assert people.values(UNIT, "hasSubordinates") == [b"FALSE"]
    assert people.values(USERS, "numSubordinates") == [b"%d" % (int(before) + 1)]


def test_a_deleted_entry_leaves_a_tombstone(people: Directory) -> None:
    (guid,) = people.values(ANN, "objectGUID")
    assert people.delete(ANN).code is SUCCESS
    assert not people.exists(ANN)
    name = f"cn=Ann\\0ADEL:{uuid.UUID(bytes=guid)},cn=Deleted Objects,{BASE}"
    assert people.values(name, "isDeleted") == [b"TRUE"]
    assert people.values(name, "lastKnownParent") == [USERS.encode()]
    assert people.values(name, "objectGUID") == [guid]
    assert people.values(name, "sn") == []
    assert people.values(f"cn=Eve,ou=Inner,{UNIT}", "seeAlso") == []
    assert people.modify(name, ("add", "description", "x")).code is ResultCode.NO_SUCH_OBJECT
    assert people.delete(name).code is ResultCode.NO_SUCH_OBJECT
    assert people.add(ANN, objectClass="person", sn="Lee").code is SUCCESS
    sweep(people)
    tombstone = people.find(name)
    people.time += LIFETIME + 1
    sweep(people)
    with people.store.read() as txn:
        assert not txn.exists(*tombstone)


def test_a_group_may_be_left_empty_by_a_deletion(people: Directory) -> None:
    group = f"cn=Staff,{USERS}"
    assert people.add(group, objectClass="groupOfNames", member=ANN).code is SUCCESS
    assert people.delete(ANN).code is SUCCESS
    assert people.values(group, "member") == []
    assert people.modify(group, ("replace", "description", "still here")).code is SUCCESS


def test_dynamic_entries_expire_refresh_and_leave_nothing(people: Directory) -> None:
    """RFC 2589."""
    session = f"cn=Session,{USERS}"
    classes = ["applicationProcess", "dynamicObject"]
    assert people.add(session, objectClass=classes, entryTtl="60").code is SUCCESS
    assert people.values(session, "entryTtl") == [b"60"]
    people.time += 50
    assert people.values(session, "entryTtl") == [b"10"]
    outcome = people.write(RefreshRequest(session.encode(), 100))
    assert (outcome.code, outcome.value) == (SUCCESS, encode_refresh_response(100))
    people.time += 60
    sweep(people)
    assert people.exists(session)
    people.time += 41
    sweep(people)
    assert not people.exists(session)
    assert people.values(f"cn=Deleted Objects,{BASE}", "numSubordinates") == [b"0"]


def test_a_dynamic_entry_deleted_early_leaves_a_tombstone_until_its_time(people: Directory) -> None:
    session = f"cn=Session,{USERS}"
    assert (
        people.add(session, objectClass=["applicationProcess", "dynamicObject"], entryTtl="60").code
        is SUCCESS
    )
    assert people.delete(session).code is SUCCESS
    assert people.values(f"cn=Deleted Objects,{BASE}", "numSubordinates") == [b"1"]
    people.time += 61
    sweep(people)
    assert people.values(f"cn=Deleted Objects,{BASE}", "numSubordinates") == [b"0"]


def test_dynamic_and_static_do_not_mix(people: Directory) -> None:
    session = f"ou=Session,{USERS}"
    classes = ["organizationalUnit", "dynamicObject"]
    assert people.add(session, objectClass=classes).code is SUCCESS
    static = people.add(f"cn=a,{session}", objectClass="person", sn="x")
    assert static.code is ResultCode.CONSTRAINT_VIOLATION
    assert people.rename(ANN, "cn=Ann", session).code is ResultCode.CONSTRAINT_VIOLATION
    for dn, change in ((session, "delete"), (ANN, "add")):
        outcome = people.modify(dn, (change, "objectClass", "dynamicObject"))
        assert outcome.code is ResultCode.OBJECT_CLASS_MODS_PROHIBITED
    assert people.write(RefreshRequest(ANN.encode(), 5)).code is ResultCode.OBJECT_CLASS_VIOLATION
    assert people.modify(session, ("replace", "entryTtl", "7")).code is SUCCESS
    assert people.values(session, "entryTtl") == [b"7"]


@pytest.mark.parametrize(
    "value", [None, b"", b"\x30\x00", b"\x30\x03\x80\x01a", b"\x30\x06\x80\x01a\x81\x01\x05\x00"]
)
def test_malformed_refresh(value: bytes | None) -> None:
    with pytest.raises(DirectoryError) as caught:
        decode_refresh(value)
    assert caught.value.code is ResultCode.PROTOCOL_ERROR


def test_refresh_request_decodes() -> None:
    assert decode_refresh(b"\x30\x07\x80\x02cn\x81\x01\x05") == RefreshRequest(b"cn", 5)
