"""A delegated administrator raises his role, takes over a higher one, edits a group that grants more: all refused."""

from __future__ import annotations

import base64
import http.client
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from commands import succeed
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
from lightwave.directory.operations.entry_builder import EntryBuilder
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.ports import WriteRequest
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.identity.policy_reach import MOST
from lightwave.identity.policy_rule import PolicyRule
from node import Node
from reference import wire
from serving import PASSWORD, trust

UNIT = b"ou=people," + BASE
HELPER, ROOT, USER = (b"cn=" + name + b"," + UNIT for name in (b"helper", b"boss", b"user"))
GRANTING, PLAIN = b"cn=granting," + UNIT, b"cn=plain," + UNIT
ADMINISTRATORS = b"cn=Administrators,cn=Builtin," + BASE
FULL = "CCDCLCSWRPWPDTLOCRSDRCWDWO"
REFUSED = {ResultCode.INSUFFICIENT_ACCESS_RIGHTS}


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    """The helper may do everything in his unit, where an administrator's account and a group of theirs stand too."""
    made = Directory(tmp_path, plugins=(PolicyRule(),))
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
            change(target, "lockoutTime", b"133500000000000000"),
            change(target, "userAccountControl", b"514"),
            change(target, "userAccountControl", b"66048"),
            change(target, "nsAccountLock", b"TRUE"),
            change(target, "pwdLastSet", b"0"),
            change(target, "accountExpires", b"1"),
            change(target, "servicePrincipalName", b"http/mine"),
            change(target, "sAMAccountName", b"mine"),
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


SETTINGS = b"cn=Password Settings Container,cn=System," + BASE


def settings(name: str, *applied: bytes) -> AddRequest:
    """Password settings that a delegate makes."""
    attributes = {
        "objectClass": (b"msDS-PasswordSettings",),
        "cn": (name.encode(),),
        "msDS-PasswordSettingsPrecedence": (b"1",),
        "msDS-MinimumPasswordLength": (b"4",),
        **({"msDS-PSOAppliesTo": applied} if applied else {}),
    }
    return AddRequest(b"cn=%s,%s" % (name.encode(), SETTINGS), tuple(attributes.items()))


def test_neg_107_no_delegate_says_how_administrators_passwords_are(directory: Directory) -> None:
    """He may write all password settings; those that would reach administrators are not his."""
    describe(directory, SETTINGS, f"D:(A;CI;{FULL};;;{sid(directory, HELPER)})")
    mine = b"cn=mine," + SETTINGS
    own_and_inherited = f"D:(A;;{FULL};;;{sid(directory, HELPER)})"
    assert write(directory, settings("mine", USER, PLAIN)).code == 0
    assert directory.modify(mine, ("replace", "vmwAclString", own_and_inherited)).code == 0
    everybody = b"cn=Domain Users,cn=Users," + BASE  # Administrator's primary group
    outer = b"cn=outer," + UNIT
    assert directory.add(outer, objectClass=["group"], cn="outer", member=GRANTING).code == 0
    for target in (ROOT, GRANTING, ADMINISTRATORS, everybody, outer, b"cn=CAAdmins,cn=Builtin," + BASE):
        assert write(directory, settings("worse", USER, target)).code in REFUSED, target
        add = change(mine, "msDS-PSOAppliesTo", target, kind=ModifyKind.ADD)
        assert write(directory, add).code in REFUSED, target
    assert write(directory, change(mine, "msDS-MinimumPasswordLength", b"5")).code == 0
    assert directory.modify(mine, ("add", "msDS-PSOAppliesTo", ROOT)).code == 0  # an administrator may
    for request in (
        change(mine, "msDS-MinimumPasswordLength", b"1"),
        change(mine, "msDS-PSOAppliesTo", ROOT, kind=ModifyKind.DELETE),
        ModifyDNRequest(mine, b"cn=moved", True, None),
        DeleteRequest(mine),
    ):
        assert write(directory, request).code in REFUSED, request
    assert directory.modify(mine, ("delete", "msDS-PSOAppliesTo", ROOT)).code == 0
    assert write(directory, DeleteRequest(mine)).code == 0


def test_neg_107_nor_of_more_than_are_looked_at(directory: Directory) -> None:
    describe(directory, SETTINGS, f"D:(A;CI;{FULL};;;{sid(directory, HELPER)})")
    with directory.store.write() as txn:
        schema = directory.schemas.current(txn)
        member = schema.describe("member")
        assert member is not None
        tenant, group = txn.find(normalise_dn_text(schema, PLAIN))
        for number in range(MOST):
            name = b"cn=many %d," % number + UNIT
            EntryBuilder(txn, schema, tenant, lambda: uuid.uuid4().bytes).add(name, ["contact"])
            txn.add_links(
                tenant, group, member, [txn.find(normalise_dn_text(schema, name))[1]], txn.begin_change()
            )
    assert write(directory, settings("mine", PLAIN)).code in REFUSED


def test_neg_107_app_passwords_of_others(shared_node: Node) -> None:
    """The help desk makes app passwords for those whose passwords it may reset, and for nobody above it."""
    names = {name: f"cn={name},{shared_node.suffix}" for name in ("desk107", "chief107", "plain107")}
    group = "cn=CAAdmins,cn=Builtin," + shared_node.suffix
    with shared_node.local_administrator() as administrator:
        for name, dn in names.items():
            values = {"cn": name, "sn": name, "sAMAccountName": name, "userPassword": PASSWORD}
            account = [("objectClass", [b"user"]), *((key, [text.encode()]) for key, text in values.items())]
            assert administrator.ask(wire.add(dn, account)).code == 0
        joins = wire.modify(group, [(wire.ADD, "member", [names["chief107"].encode()])])
        assert administrator.ask(joins).code == 0
        paths = {name: f"/v1/app-passwords?account={name}" for name in (*names, "Administrator")}
        content = '{"name": "phone"}'
        login = base64.b64encode(f"desk107:{PASSWORD}".encode()).decode()
        header = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        port = 443 + shared_node.port_offset
        with closing(
            http.client.HTTPSConnection("localhost", port, context=trust(shared_node), timeout=20)
        ) as web:

            def ask(method: str, name: str) -> int:
                web.request(method, paths[name], content if method == "POST" else None, header)
                response = web.getresponse()
                response.read()
                return response.status

            others = ("plain107", "chief107", "Administrator")
            assert {ask(method, name) for method in ("POST", "GET") for name in others} == {403}
            succeed(
                "access", "grant", "desk107", "help-desk", shared_node.suffix, "--data", shared_node.folder
            )
            assert (ask("POST", "plain107"), ask("GET", "plain107")) == (201, 200)
            demand = wire.modify(names["plain107"], [(wire.REPLACE, "lwSecondFactorFor", [b"ldap"])])
            assert administrator.ask(demand).code == 0
            content = '{"name": "laptop"}'  # it would stand for the second factor
            assert (ask("POST", "plain107"), ask("GET", "plain107")) == (403, 200)
            protected = ("chief107", "Administrator")
            assert {ask(method, name) for method in ("POST", "GET") for name in protected} == {403}
            own = base64.b64encode(f"plain107:{PASSWORD}".encode()).decode()
            header["Authorization"] = f"Basic {own}"  # enough over HTTP, and worth no second factor over LDAP
            assert (ask("POST", "plain107"), ask("GET", "plain107")) == (403, 200)
        for dn in names.values():
            assert administrator.ask(wire.delete(dn)).code == 0
