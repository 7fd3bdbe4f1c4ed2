"""A delegated administrator raises his role, takes over a higher one, edits a group that grants more: all refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from descriptors import describe
from fresh_directory import BASE, Directory
from lightwave.directory.access.control_rights import RESET_PASSWORD
from lightwave.directory.access.decision import decide
from lightwave.directory.access.membership import membership, sid_of
from lightwave.directory.access.rights import Right
from lightwave.directory.access.sid import format_sid
from lightwave.directory.access.token import AuthenticatedBy, Token
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.messages import (
    AddRequest,
    DeleteRequest,
    Modification,
    ModifyDNRequest,
    ModifyKind,
    ModifyRequest,
)
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.ldap.update_controls import TREE_DELETE
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.ports import WriteRequest

UNIT = b"ou=people," + BASE
HELPER, ROOT, USER = (b"cn=" + name + b"," + UNIT for name in (b"helper", b"boss", b"user"))
GRANTING, PLAIN = b"cn=granting," + UNIT, b"cn=plain," + UNIT
ADMINISTRATORS = b"cn=Administrators,cn=Builtin," + BASE
FULL = "CCDCLCSWRPWPDTLOCRSDRCWDWO"
REFUSED = {ResultCode.INSUFFICIENT_ACCESS_RIGHTS}


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    """The helper may do everything in his unit, where an administrator's account and a group of theirs stand too."""
    made = Directory(tmp_path)
    made.add(UNIT, objectClass=["organizationalUnit"], ou="people")
    for name in ("helper", "boss", "user"):
        dn = f"cn={name},{UNIT.decode()}"
        made.add(dn, objectClass=["user"], cn=name, sn="x", sAMAccountName=name)
    for name, members in (("plain", USER), ("granting", ROOT)):
        dn = f"cn={name},{UNIT.decode()}"
        made.add(dn, objectClass=["group"], cn=name, sAMAccountName=name, member=members)
    assert made.modify(ADMINISTRATORS, ("add", "member", GRANTING)).code == 0
    describe(made, UNIT, f"D:(A;CI;{FULL};;;{sid(made, HELPER)})")
    yield made
    made.close()


def sid(directory: Directory, dn: bytes) -> str:
    tenant, entry_id = directory.find(dn)
    with directory.store.read() as txn:
        found = sid_of(txn, txn.record(tenant, entry_id))
    assert found is not None
    return format_sid(found)


def token(directory: Directory, dn: bytes) -> Token:
    tenant, entry_id = directory.find(dn)
    with directory.store.read() as txn:
        member = membership(txn, tenant, entry_id)
        record = txn.record(tenant, entry_id)
        own = sid_of(txn, record)
    return Token(
        tenant=tenant,
        entry_id=entry_id,
        guid=record.guid,
        dn=dn,
        is_administrator=False,
        is_anonymous=False,
        authenticated_by=AuthenticatedBy.PASSWORD,
        sid=own,
        sids=member.sids,
        entry_ids=member.entry_ids,
    )


def write(directory: Directory, request: WriteRequest, dn: bytes = HELPER) -> Outcome:
    return directory.write(request, replace(directory.context(), token=token(directory, dn)))


def change(dn: bytes, name: str, *values: bytes, kind: ModifyKind = ModifyKind.REPLACE) -> ModifyRequest:
    return ModifyRequest(dn, (Modification(kind, name, values),))


def may_reset(directory: Directory, target: bytes) -> bool:
    tenant, entry_id = directory.find(target)
    with directory.store.read() as txn:
        made = decide(txn, directory.schemas.current(txn), token(directory, HELPER), tenant, entry_id)
    return RESET_PASSWORD in made.control_rights


def test_neg_107_a_delegate_raises_nobody(directory: Directory) -> None:
    kind = ModifyKind
    assert may_reset(directory, USER)
    for target in (ROOT, GRANTING):
        assert not may_reset(directory, target)
        for request in (
            change(target, "userPassword", b"Another 1"),
            change(target, "description", b"x"),
            change(target, "lockoutTime", b"0"),
            change(target, "vmwAclString", b"D:(A;;RPWP;;;WD)"),
            change(target, "vmwAclString", f"O:{sid(directory, HELPER)}".encode()),
            DeleteRequest(target),
            ModifyDNRequest(target, b"cn=other", True, None),
        ):
            assert write(directory, request).code in REFUSED, request
    for group in (GRANTING, ADMINISTRATORS):
        for member in (HELPER, USER, PLAIN):
            assert write(directory, change(group, "member", member, kind=kind.ADD)).code in REFUSED


def test_neg_107_nor_deletes_him_with_the_tree(directory: Directory) -> None:
    context = replace(
        directory.context(controls=(Control(TREE_DELETE, True, None),)), token=token(directory, HELPER)
    )
    assert directory.write(DeleteRequest(UNIT), context).code in REFUSED
    assert directory.exists(ROOT)
    assert directory.modify(GRANTING, ("delete", "member", ROOT)).code == 0
    assert directory.delete(GRANTING).code == 0
    assert directory.write(DeleteRequest(UNIT), context).code == 0


def test_neg_107_nor_himself(directory: Directory) -> None:
    for value in (b"512", b"544"):
        assert write(directory, change(HELPER, "primaryGroupID", value)).code is not ResultCode.SUCCESS
    for name in ("memberOf", "objectSid", "tokenGroups"):
        assert write(directory, change(HELPER, name, b"x")).code is not ResultCode.SUCCESS
    attributes = {
        "objectClass": b"user",
        "cn": b"new",
        "sn": b"n",
        "sAMAccountName": b"new",
        "primaryGroupID": b"512",
    }
    new = AddRequest(b"cn=new," + UNIT, tuple((key, (value,)) for key, value in attributes.items()))
    assert write(directory, new).code is not ResultCode.SUCCESS


def test_whom_he_is_over_he_may_help(directory: Directory) -> None:
    assert write(directory, change(USER, "description", b"x")).code == 0
    assert write(directory, change(PLAIN, "member", HELPER, kind=ModifyKind.ADD)).code == 0
    assert write(directory, change(USER, "vmwAclString", b"D:(A;;RP;;;WD)")).code == 0


def test_protection_comes_and_goes_with_membership(directory: Directory) -> None:
    assert directory.modify(GRANTING, ("add", "member", PLAIN)).code == 0
    assert write(directory, change(USER, "description", b"x")).code in REFUSED
    assert not may_reset(directory, USER)
    assert directory.modify(GRANTING, ("delete", "member", PLAIN)).code == 0
    assert write(directory, change(USER, "description", b"x")).code == 0


def test_administrators_and_the_account_itself_are_not_held_back(directory: Directory) -> None:
    assert write(directory, change(ROOT, "description", b"x"), ROOT).code == 0
    tenant, entry_id = directory.find(ROOT)
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        own = decide(txn, schema, token(directory, ROOT), tenant, entry_id)
        theirs = decide(txn, schema, directory.token, tenant, entry_id)
        helped = decide(txn, schema, token(directory, HELPER), tenant, entry_id)
    assert own.allows(Right.WRITE_DAC)
    assert theirs.allows(Right.WRITE_DAC)
    assert helped.allows(Right.READ_PROPERTY)
    assert not helped.allows(Right.WRITE_DAC)


def test_neg_107_nobody_has_been_another(directory: Directory) -> None:
    """A SID in sIDHistory counts wherever it is honoured: values go, and none come."""
    history = sid(directory, ROOT).encode()
    refused = ResultCode.UNWILLING_TO_PERFORM
    asked = directory.context()  # an administrator
    assert directory.write(change(USER, "sIDHistory", history), asked).code is refused
    attributes = (("objectClass", (b"user",)), ("sn", (b"x",)), ("sIDHistory", (history,)))
    assert directory.write(AddRequest(b"cn=new," + UNIT, attributes), asked).code is refused
    assert directory.write(change(USER, "sIDHistory"), asked).code is ResultCode.SUCCESS


def test_neg_107_what_the_server_needs_it_says_itself(directory: Directory) -> None:
    """Else an administrator deletes what accounts are made of, the domain's RID manager."""
    manager = b"cn=RID Manager$,cn=System," + BASE
    refused, asked = ResultCode.UNWILLING_TO_PERFORM, directory.context()
    for values in ((b"FALSE",), ()):
        assert directory.write(change(manager, "isCriticalSystemObject", *values), asked).code is refused
    assert directory.write(change(manager, "isCriticalSystemObject", b"TRUE"), asked).code == 0
    attributes = (("objectClass", (b"container",)), ("isCriticalSystemObject", (b"TRUE",)))
    assert directory.write(AddRequest(b"cn=mine," + UNIT, attributes), asked).code is refused


@pytest.mark.parametrize("name", ["CAAdmins", "DNSAdmins", "TenantOperators", "SchemaManagers", "DCAdmins"])
def test_neg_107_no_group_that_a_domain_begins_with_is_a_delegates(directory: Directory, name: str) -> None:
    """Whichever RID it has: he may do everything where they stand, and where their members do."""
    group = b"cn=%s,cn=Builtin,%s" % (name.encode(), BASE)
    describe(directory, b"cn=Builtin," + BASE, f"D:(A;CI;{FULL};;;{sid(directory, HELPER)})")
    asked = (
        change(group, "member", HELPER, kind=ModifyKind.ADD),
        change(group, "description", b"x"),
        change(group, "groupType", b"-2147483640"),
        change(group, "isCriticalSystemObject"),
        change(group, "vmwAclString", b"D:(A;;RPWP;;;WD)"),
        DeleteRequest(group),
    )
    for request in asked:
        assert write(directory, request).code in REFUSED, request
    assert directory.modify(group, ("add", "member", PLAIN)).code == 0  # and its members, however nested
    assert not may_reset(directory, USER)
    assert write(directory, change(USER, "userPassword", b"Another 1")).code in REFUSED
    assert write(directory, change(PLAIN, "member", HELPER, kind=ModifyKind.ADD)).code in REFUSED
    assert directory.modify(group, ("delete", "member", PLAIN)).code == 0
    assert may_reset(directory, USER)


@pytest.mark.parametrize("name", ["Domain Users", "Users", "DCClients"])
def test_groups_that_everybody_is_in_protect_nobody(directory: Directory, name: str) -> None:
    container = b"cn=Users," if name == "Domain Users" else b"cn=Builtin,"
    group = b"cn=%s,%s%s" % (name.encode(), container, BASE)
    assert directory.modify(group, ("add", "member", PLAIN)).code == 0
    assert may_reset(directory, USER)
