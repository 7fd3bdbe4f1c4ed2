"""userAccountControl and the plain attributes beside it, primary groups, types of groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fresh_directory import BASE, Directory
from lightwave.directory.access.membership import membership
from lightwave.directory.ldap.controls import SHOW_DELETED, Control
from lightwave.directory.ldap.messages import Modification, ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import ResultCode

USERS = f"cn=Users,{BASE.decode()}"
ANN = f"cn=Ann,{USERS}"
STAFF = f"cn=Staff,{USERS}"
DISABLED, NORMAL, WORKSTATION, SERVER, NEVER = 0x2, 0x200, 0x1000, 0x2000, 0x10000
SUCCESS, UNWILLING = ResultCode.SUCCESS, ResultCode.UNWILLING_TO_PERFORM


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    """A fresh directory with ann and a group."""
    made = Directory(tmp_path)
    assert made.add(ANN, objectClass="user", sAMAccountName="ann").code is SUCCESS
    assert made.add(STAFF, objectClass="group", sAMAccountName="staff").code is SUCCESS
    yield made
    made.close()


def control(directory: Directory, dn: str = ANN) -> int:
    """userAccountControl of an entry."""
    (value,) = directory.values(dn, "userAccountControl")
    return int(value)


def rid(directory: Directory, dn: str) -> str:
    """The last part of an entry's SID."""
    return str(int.from_bytes(directory.values(dn, "objectSid")[0][-4:], "little"))


def is_member(directory: Directory, group: str = STAFF) -> bool:
    """Whether ann has the rights of a group."""
    with directory.store.read() as txn:
        return directory.find(group)[1] in membership(txn, *directory.find(ANN)).entry_ids


@pytest.mark.parametrize(
    ("kind", "expected", "group"),
    [
        ("user", NORMAL, b"513"),
        ("computer", WORKSTATION, b"515"),
        ("msDS-ManagedServiceAccount", 0x1000, b"515"),
    ],
)
def test_what_accounts_begin_with(directory: Directory, kind: str, expected: int, group: bytes) -> None:
    dn = f"cn=new,{USERS}"
    assert directory.add(dn, objectClass=kind).code is SUCCESS
    assert control(directory, dn) == expected
    assert directory.values(dn, "primaryGroupID") == [group]


def test_plain_attributes_follow_the_bits(directory: Directory) -> None:
    value = str(NORMAL | DISABLED | NEVER)
    assert directory.modify(ANN, ("replace", "userAccountControl", value)).code is SUCCESS
    assert directory.values(ANN, "nsAccountLock") == [b"TRUE"]
    assert directory.values(ANN, "vmwPasswordNeverExpires") == [b"TRUE"]
    assert directory.modify(ANN, ("replace", "userAccountControl", str(NORMAL))).code is SUCCESS
    assert directory.values(ANN, "nsAccountLock") == []
    assert directory.values(ANN, "vmwPasswordNeverExpires") == []


def test_the_bits_follow_plain_attributes(directory: Directory) -> None:
    assert directory.modify(ANN, ("add", "nsAccountLock", "true")).code is SUCCESS
    assert control(directory) == NORMAL | DISABLED
    assert directory.modify(ANN, ("replace", "vmwPasswordNeverExpires", "TRUE")).code is SUCCESS
    assert control(directory) == NORMAL | DISABLED | NEVER
    assert directory.modify(ANN, ("replace", "nsAccountLock", "FALSE")).code is SUCCESS
    assert directory.modify(ANN, ("delete", "vmwPasswordNeverExpires", ())).code is SUCCESS
    assert control(directory) == NORMAL
    dn = f"cn=new,{USERS}"
    assert directory.add(dn, objectClass="user", nsAccountLock="TRUE").code is SUCCESS
    assert control(directory, dn) == NORMAL | DISABLED


def test_neg_both_at_once_and_differently(directory: Directory) -> None:
    changes = (("replace", "userAccountControl", str(NORMAL)), ("replace", "nsAccountLock", "TRUE"))
    assert directory.modify(ANN, *changes).code is ResultCode.CONSTRAINT_VIOLATION


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (0, NORMAL),
        (0x10 | 0x40 | 0x800000 | NORMAL, NORMAL),
        (0x220, 0x220),
        (0x400200, 0x400200),
        (2, 0x202),
    ],
)
def test_what_is_kept_of_a_value(directory: Directory, written: int, kept: int) -> None:
    assert directory.modify(ANN, ("replace", "userAccountControl", str(written))).code is SUCCESS
    assert control(directory) == kept


@pytest.mark.parametrize(
    "written", [-1, 1 << 32, WORKSTATION, NORMAL | SERVER, NORMAL | 0x80, NORMAL | 0x800]
)
def test_neg_what_is_refused(directory: Directory, written: int) -> None:
    assert directory.modify(ANN, ("replace", "userAccountControl", str(written))).code is UNWILLING
    assert directory.modify(ANN, ("delete", "userAccountControl", ())).code is UNWILLING
    assert control(directory) == NORMAL


def test_neg_who_is_no_administrator_gives_no_trust(directory: Directory) -> None:
    token = replace(directory.token, is_administrator=False)
    context = replace(directory.context(), token=token)
    change = Modification(ModifyKind.REPLACE, "userAccountControl", (b"%d" % (NORMAL | 0x80000),))
    request = ModifyRequest(ANN.encode(), (change,))
    assert directory.write(request, context).code is ResultCode.INSUFFICIENT_ACCESS_RIGHTS
    assert directory.write(request).code is SUCCESS


def test_a_primary_group_lists_the_account_first(directory: Directory) -> None:
    change = ("replace", "primaryGroupID", rid(directory, STAFF))
    assert directory.modify(ANN, change).code is UNWILLING
    assert directory.modify(ANN, ("replace", "primaryGroupID", "512")).code is UNWILLING
    assert directory.modify(ANN, ("delete", "primaryGroupID", ())).code is UNWILLING
    assert not is_member(directory)
    assert directory.modify(STAFF, ("add", "member", ANN)).code is SUCCESS
    assert directory.modify(ANN, change).code is SUCCESS
    assert is_member(directory)
    new = f"cn=new,{USERS}"
    assert directory.add(new, objectClass="user", primaryGroupID="512").code is UNWILLING


def test_a_primary_group_stays_what_it_is(directory: Directory) -> None:
    assert directory.modify(STAFF, ("add", "member", ANN)).code is SUCCESS
    assert directory.modify(ANN, ("replace", "primaryGroupID", rid(directory, STAFF))).code is SUCCESS
    assert directory.modify(STAFF, ("delete", "member", ANN)).code is UNWILLING
    assert directory.modify(STAFF, ("replace", "groupType", "2")).code is UNWILLING
    assert directory.delete(STAFF).code is UNWILLING
    assert directory.modify(ANN, ("replace", "primaryGroupID", "513")).code is SUCCESS
    assert is_member(directory)
    assert directory.modify(STAFF, ("delete", "member", ANN)).code is SUCCESS
    assert not is_member(directory)
    assert directory.delete(STAFF).code is SUCCESS


def test_types_of_groups(directory: Directory) -> None:
    assert directory.values(STAFF, "groupType") == [b"-2147483646"]
    assert directory.modify(STAFF, ("replace", "groupType", "2147483652")).code is SUCCESS
    assert directory.values(STAFF, "groupType") == [b"-2147483644"]
    for bad in ("0", "6", "-2147483643", "16", str(1 << 33)):
        assert directory.modify(STAFF, ("replace", "groupType", bad)).code is UNWILLING
    builtin = f"cn=Administrators,cn=Builtin,{BASE.decode()}"
    assert directory.modify(builtin, ("replace", "groupType", "2")).code is UNWILLING


def test_a_group_that_becomes_one_of_distribution_grants_nothing_from_then_on(directory: Directory) -> None:
    assert directory.modify(STAFF, ("add", "member", ANN)).code is SUCCESS
    assert is_member(directory)
    assert directory.modify(STAFF, ("replace", "groupType", "2")).code is SUCCESS
    assert not is_member(directory)
    assert directory.modify(STAFF, ("replace", "groupType", "-2147483640")).code is SUCCESS
    assert is_member(directory)


def test_who_was_disabled_is_disabled_when_he_comes_back(directory: Directory) -> None:
    assert directory.modify(ANN, ("replace", "userAccountControl", str(NORMAL | DISABLED))).code is SUCCESS
    (guid,) = directory.values(ANN, "objectGUID")
    assert directory.modify(STAFF, ("add", "member", ANN)).code is SUCCESS
    assert directory.delete(ANN).code is SUCCESS
    assert directory.values(STAFF, "member") == []
    with directory.store.read() as txn:
        entry_id = txn.by_guid(directory.tree.tenant, guid)
        assert entry_id is not None
        name = txn.dn(directory.tree.tenant, entry_id).decode()
    undelete(directory, name)
    assert control(directory) == NORMAL | DISABLED
    assert directory.values(ANN, "nsAccountLock") == [b"TRUE"]
    assert directory.values(ANN, "sAMAccountName") == [b"ann"]
    assert not is_member(directory)
    assert not directory.findings()


def undelete(directory: Directory, name: str) -> None:
    """Let ann come back from her tombstone."""
    changes = (
        Modification(ModifyKind.DELETE, "isDeleted", ()),
        Modification(ModifyKind.REPLACE, "distinguishedName", (ANN.encode(),)),
    )
    context = directory.context(controls=(Control(SHOW_DELETED, True, None),))
    assert directory.write(ModifyRequest(name.encode(), changes), context).code is SUCCESS


def test_token_groups_are_the_sids_of_all_groups_that_grant_rights(directory: Directory) -> None:
    local, friends = f"cn=Local,{USERS}", f"cn=Friends,{USERS}"
    assert directory.add(local, objectClass="group", groupType="-2147483644", member=STAFF).code is SUCCESS
    assert directory.add(friends, objectClass="group", groupType="2", member=ANN).code is SUCCESS
    assert directory.modify(STAFF, ("add", "member", ANN)).code is SUCCESS

    def sids(*dns: str) -> set[bytes]:
        return {directory.values(dn, "objectSid")[0] for dn in dns}

    users = sids(f"cn=Domain Users,{USERS}")
    builtin = sids(f"cn=Users,cn=Builtin,{BASE.decode()}")
    found = directory.values(ANN, "tokenGroups")
    assert len(found) == 4
    assert set(found) == sids(STAFF, local) | users | builtin
    assert set(directory.values(ANN, "tokenGroupsGlobalAndUniversal")) == sids(STAFF) | users
    assert directory.values(f"cn=Users,{BASE.decode()}", "tokenGroups") == []


def test_the_name_of_a_principal(directory: Directory) -> None:
    assert directory.values(ANN, "msDS-PrincipalName") == [b"LIGHTWAVE\\ann"]
    plain = f"cn=Plain,{USERS}"
    assert directory.add(plain, objectClass="user").code is SUCCESS
    assert directory.values(plain, "msDS-PrincipalName")[0].startswith(b"S-1-5-21-")
    assert directory.values(USERS, "msDS-PrincipalName") == []
