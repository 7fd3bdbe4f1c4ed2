"""Who belongs to what: nested and primary groups, other tenants' accounts, and when the answers are made anew."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fresh_directory import BUILTIN, Directory
from lightwave.directory.access.membership import NOBODY, Membership, foreign_membership, membership
from lightwave.directory.access.sid import (
    AUTHENTICATED_USERS,
    BUILTIN_ADMINISTRATORS,
    BUILTIN_USERS,
    EVERYONE,
    Sid,
    decode_sid,
    make_sid,
)
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.schema.normalisation import NormalisedRDN
from lightwave.directory.store.writing import NewEntry

USERS = "cn=Users,dc=lightwave,dc=local"
ANN = f"cn=Ann,{USERS}"
FOREIGN = make_sid(5, 21, 7, 8, 9, 1234)
SECURITY, DISTRIBUTION = b"-2147483646", b"2"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    """A fresh directory with one account."""
    made = Directory(tmp_path)
    assert made.add(ANN, objectClass="user", sAMAccountName="ann").code is ResultCode.SUCCESS
    yield made
    made.close()


def of(directory: Directory, dn: str = ANN) -> Membership:
    """Who an entry is now."""
    tenant, entry_id = directory.find(dn)
    with directory.store.read() as txn:
        return membership(txn, tenant, entry_id)


def ids(directory: Directory, *dns: str) -> set[int]:
    """Entry ids of names."""
    return {directory.find(dn)[1] for dn in dns}


def sid(directory: Directory, dn: str) -> Sid:
    """The SID of an entry."""
    return decode_sid(directory.values(dn, "objectSid")[0])


def group(directory: Directory, name: str, *members: str, kind: bytes = SECURITY) -> str:
    """A new group."""
    dn = f"cn={name},{USERS}"
    named = {"member": list(members)} if members else {}
    outcome = directory.add(dn, objectClass="group", sAMAccountName=name, groupType=kind, **named)
    assert outcome.code is ResultCode.SUCCESS
    return dn


def test_everybody_who_is_signed_in(directory: Directory) -> None:
    found = of(directory)
    assert {EVERYONE, AUTHENTICATED_USERS, sid(directory, ANN)} <= found.sids
    assert ids(directory, ANN) <= found.entry_ids


def test_nested_groups_and_a_cycle(directory: Directory) -> None:
    inner = group(directory, "inner", ANN)
    middle = group(directory, "middle", inner)
    outer = group(directory, "outer", middle)
    directory.modify(inner, ("add", "member", outer))
    assert ids(directory, ANN, inner, middle, outer) <= of(directory).entry_ids
    assert {sid(directory, dn) for dn in (ANN, inner, middle, outer)} <= of(directory).sids


def test_a_change_of_members_is_seen_at_once(directory: Directory) -> None:
    before = of(directory)
    inner = group(directory, "inner")
    outer = group(directory, "outer", inner)
    assert of(directory) == before
    directory.modify(inner, ("add", "member", ANN))
    assert of(directory).entry_ids == before.entry_ids | ids(directory, inner, outer)
    directory.modify(outer, ("delete", "member", inner))
    assert of(directory).entry_ids == before.entry_ids | ids(directory, inner)
    directory.delete(inner)
    assert of(directory) == before


def test_a_member_that_was_named_before_it_was_there(directory: Directory) -> None:
    bob = f"cn=Bob,{USERS}"
    waiting = group(directory, "waiting", bob)
    directory.add(bob, objectClass="user", sAMAccountName="bob")
    assert ids(directory, waiting) <= of(directory, bob).entry_ids


def test_other_writes_leave_the_answer_where_it_is(directory: Directory) -> None:
    group(directory, "inner", ANN)
    first = of(directory)
    directory.modify(f"cn=Administrator,{USERS}", ("replace", "description", "another"))
    directory.modify(f"cn=Administrator,{USERS}", ("replace", "manager", ANN))
    assert of(directory) is first


def test_a_distribution_group_gives_nothing(directory: Directory) -> None:
    before = of(directory)
    list_of_people = group(directory, "people", ANN, kind=DISTRIBUTION)
    group(directory, "beyond", list_of_people)
    assert of(directory) == before


@pytest.mark.parametrize("more", [(), (("add", "groupType", SECURITY),)], ids=["", "with a type"])
def test_an_account_that_has_members_gives_them_nothing(
    directory: Directory, more: tuple[tuple[str, str, bytes], ...]
) -> None:
    bob = f"cn=Bob,{USERS}"
    directory.add(bob, objectClass="user", sAMAccountName="bob")
    group(directory, "outer", bob)
    before = of(directory)
    classes, members = ("add", "objectClass", "extensibleObject"), ("add", "member", ANN)
    assert directory.modify(bob, classes, members, *more).code is ResultCode.SUCCESS
    assert of(directory) == before


@pytest.mark.parametrize("name", ["groupOfNames", "2.5.6.9", "GROUPOFMEMBERS"])
def test_groups_of_other_classes_pass_on_what_they_are_in(directory: Directory, name: str) -> None:
    dn = f"cn=names,{USERS}"
    assert directory.add(dn, objectClass=name, cn="names", member=ANN).code is ResultCode.SUCCESS
    outer = group(directory, "outer", dn)
    assert ids(directory, dn, outer) <= of(directory).entry_ids


def test_ten_thousand_deep(directory: Directory) -> None:
    """Negative test 24."""
    tenant, users = directory.find(USERS)
    _, below = directory.find(ANN)
    classes, member = BUILTIN.describe("objectClass"), BUILTIN.describe("member")
    assert classes is not None
    assert member is not None
    with directory.store.write() as txn:
        change = txn.begin_change()
        for number in range(10_000):
            rdn = NormalisedRDN(b"2.5.4.3=g%d" % number)
            values = [(classes, (b"top", b"groupOfNames"))]
            entry = NewEntry(b"cn=g%d" % number, rdn, uuid.uuid4().bytes, values, [(member, below)])
            below = txn.insert_entry(tenant, users, entry, change)
    start = time.process_time()
    found = of(directory)
    assert time.process_time() - start < 1.0
    assert len(found.entry_ids) >= 10_001
    assert of(directory) is found


def test_an_account_of_another_tenant(directory: Directory) -> None:
    tenant, _ = directory.find(USERS)

    def foreign() -> Membership:
        with directory.store.read() as txn:
            return foreign_membership(txn, tenant, FOREIGN)

    assert foreign() is NOBODY
    principal = f"cn=S-1-5-21-7-8-9-1234,cn=ForeignSecurityPrincipals,{'dc=lightwave,dc=local'}"
    added = directory.add(principal, objectClass="foreignSecurityPrincipal", objectSid=bytes(FOREIGN))
    assert added.code is ResultCode.SUCCESS
    assert foreign() is NOBODY
    operators = group(directory, "operators", principal)
    assert {FOREIGN, EVERYONE, AUTHENTICATED_USERS, sid(directory, operators)} == foreign().sids
    assert foreign().entry_ids == ids(directory, principal, operators)
    directory.modify(operators, ("delete", "member", principal))
    assert foreign() is NOBODY


def test_an_account_with_the_sid_of_a_foreigner_is_none(directory: Directory) -> None:
    tenant, _ = directory.find(USERS)
    group(directory, "inner", ANN)
    found = directory.values(ANN, "objectSid")
    with directory.store.read() as txn:
        assert foreign_membership(txn, tenant, decode_sid(found[0])) is NOBODY


def test_the_primary_group(directory: Directory) -> None:
    users, builtin = f"cn=Domain Users,{USERS}", "cn=Users,cn=Builtin,dc=lightwave,dc=local"
    administrator = of(directory, f"cn=Administrator,{USERS}")
    assert ids(directory, users, builtin) <= administrator.entry_ids
    assert {BUILTIN_ADMINISTRATORS, BUILTIN_USERS, sid(directory, users)} <= administrator.sids
