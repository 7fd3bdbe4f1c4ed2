"""Each write takes its right, on the entry or on what stands above it; what is not seen is not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from descriptors import ANN, BOB, READ, describe, own_sddl, sddl_in_force, token_of
from fresh_directory import BASE, Directory
from lightwave.directory.access.sid import format_sid
from lightwave.directory.access.token import AuthenticatedBy, Token
from lightwave.directory.ldap.controls import SHOW_DELETED, Control
from lightwave.directory.ldap.messages import (
    AddRequest,
    DeleteRequest,
    Modification,
    ModifyDNRequest,
    ModifyKind,
    ModifyRequest,
)
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.ldap.update_controls import RELAX_RULES, TREE_DELETE
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.ports import WriteRequest

UNIT = b"ou=people," + BASE
OTHER = b"ou=others," + BASE
PERSON = b"cn=ann," + UNIT
GROUP = b"cn=staff," + UNIT
HOST = b"cn=pc," + UNIT
USER = "bf967aba-0de6-11d0-a285-00aa003049e2"
DENIED = ResultCode.INSUFFICIENT_ACCESS_RIGHTS
ABSENT = ResultCode.NO_SUCH_OBJECT
WHO = format_sid(ANN)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    made = Directory(tmp_path)
    for dn, name in ((UNIT, "people"), (OTHER, "others")):
        made.add(dn, objectClass=["organizationalUnit"], ou=name)
    made.add(PERSON, objectClass=["user"], cn="ann", sn="a")
    made.add(GROUP, objectClass=["group"], cn="staff", sAMAccountName="staff")
    made.add(HOST, objectClass=["computer"], cn="pc", sn="pc", sAMAccountName="PC$")
    yield made
    made.close()


def write(
    directory: Directory, request: WriteRequest, token: Token | None = None, *controls: Control
) -> Outcome:
    context = directory.context(controls=controls)
    return directory.write(request, replace(context, token=token or token_of(directory)))


def new_user(dn: bytes) -> AddRequest:
    return AddRequest(dn, (("objectClass", (b"user",)), ("cn", (b"new",)), ("sn", (b"n",))))


def change(dn: bytes, attribute: str, *values: bytes, kind: ModifyKind = ModifyKind.REPLACE) -> ModifyRequest:
    return ModifyRequest(dn, (Modification(kind, attribute, values),))


def test_without_rights_nothing_is_written(directory: Directory) -> None:
    for request in (
        new_user(b"cn=new," + UNIT),
        change(PERSON, "description", b"x"),
        change(PERSON, "userPassword", b"x"),
        DeleteRequest(PERSON),
        ModifyDNRequest(PERSON, b"cn=eve", True, None),
        ModifyDNRequest(PERSON, b"cn=ann", True, OTHER),
    ):
        assert write(directory, request).code is DENIED, request


def test_what_is_not_seen_is_not_there(directory: Directory) -> None:
    """With the same words as for a name that nothing has."""
    describe(directory, UNIT, "D:P(A;CI;RPLCLORC;;;BA)")
    for dn, absent in ((PERSON, b"cn=nobody," + UNIT), (UNIT, b"ou=nothing," + BASE)):
        for make in (
            lambda name: change(name, "description", b"x"),
            DeleteRequest,
            lambda name: ModifyDNRequest(name, b"cn=eve", True, None),
            lambda name: new_user(b"cn=new," + name),
        ):
            found, missing = write(directory, make(dn)), write(directory, make(absent))
            assert found.code is ABSENT
            assert (found.code, found.matched, found.message) == (
                missing.code,
                missing.matched,
                missing.message,
            )
            assert found.matched == BASE


def test_add_takes_the_right_for_its_class(directory: Directory) -> None:
    describe(directory, UNIT, f"D:(OA;;CC;{USER};;{WHO})")
    assert write(directory, new_user(b"cn=new," + UNIT)).code == 0
    unit = AddRequest(b"ou=x," + UNIT, (("objectClass", (b"organizationalUnit",)), ("ou", (b"x",))))
    assert write(directory, unit).code is DENIED
    assert own_sddl(directory, b"cn=new," + UNIT).startswith(f"O:{WHO}G:{WHO}D:(A;;LCRPLORC;;;PS)")
    assert own_sddl(directory, PERSON).startswith("O:BAG:BAD:")


def test_the_owner_may_change_access_and_not_the_entry(directory: Directory) -> None:
    describe(directory, UNIT, f"D:(OA;;CC;{USER};;{WHO})")
    write(directory, new_user(b"cn=new," + UNIT))
    assert write(directory, change(b"cn=new," + UNIT, "description", b"x")).code is DENIED


def test_modify_asks_for_every_attribute(directory: Directory) -> None:
    mail = "bf967961-0de6-11d0-a285-00aa003049e2"
    describe(directory, PERSON, f"D:(OA;;WP;{mail};;{WHO})")
    assert write(directory, change(PERSON, "mail", b"a@x")).code == 0
    both = ModifyRequest(
        PERSON,
        (
            Modification(ModifyKind.REPLACE, "mail", (b"b@x",)),
            Modification(ModifyKind.REPLACE, "description", (b"x",)),
        ),
    )
    assert write(directory, both).code is DENIED
    assert directory.values(PERSON, "mail") == [b"a@x"]


def test_an_attribute_that_nobody_has_yet_can_be_granted(directory: Directory) -> None:
    pager = "f0f8ffa6-1191-11d0-a060-00aa006c33ed"
    describe(directory, PERSON, f"D:(OA;;WP;{pager};;{WHO})")
    assert write(directory, change(PERSON, "pager", b"1")).code == 0


def test_delete_on_the_entry_or_of_children(directory: Directory) -> None:
    describe(directory, PERSON, f"D:(A;;SD;;;{WHO})")
    assert write(directory, DeleteRequest(PERSON)).code == 0
    assert write(directory, DeleteRequest(HOST)).code is DENIED
    computer = "bf967a86-0de6-11d0-a285-00aa003049e2"
    describe(directory, UNIT, f"D:(OA;;DC;{computer};;{WHO})")
    assert write(directory, DeleteRequest(GROUP)).code is DENIED
    assert write(directory, DeleteRequest(HOST)).code == 0


def test_tree_delete(directory: Directory) -> None:
    tree = Control(TREE_DELETE, True, None)
    describe(directory, UNIT, f"D:(A;;SD;;;{WHO})")
    assert write(directory, DeleteRequest(UNIT), None, tree).code is DENIED
    assert directory.exists(PERSON)
    describe(directory, UNIT, f"D:(A;;DT;;;{WHO})")
    assert write(directory, DeleteRequest(UNIT), None, tree).code == 0
    assert not directory.exists(UNIT)


def test_rename_writes_the_names(directory: Directory) -> None:
    cn, name = "bf96793f-0de6-11d0-a285-00aa003049e2", "bf967a0e-0de6-11d0-a285-00aa003049e2"
    request = ModifyDNRequest(PERSON, b"cn=eve", True, None)
    describe(directory, PERSON, f"D:(OA;;WP;{cn};;{WHO})")
    assert write(directory, request).code is DENIED
    describe(directory, PERSON, f"D:(OA;;WP;{cn};;{WHO})(OA;;WP;{name};;{WHO})")
    assert write(directory, request).code == 0


def test_a_move_leaves_and_arrives(directory: Directory) -> None:
    request = ModifyDNRequest(PERSON, b"cn=ann", True, OTHER)
    describe(directory, PERSON, f"D:(A;;SDWP;;;{WHO})")
    assert write(directory, request).code is DENIED
    describe(directory, OTHER, f"D:(OA;;CC;{USER};;{WHO})")
    describe(directory, PERSON, f"D:(A;;WP;;;{WHO})")
    assert write(directory, request).code is DENIED
    describe(directory, PERSON, f"D:(A;;SDWP;;;{WHO})")
    assert write(directory, request).code == 0


def test_self_membership(directory: Directory) -> None:
    member = "bf9679c0-0de6-11d0-a285-00aa003049e2"
    describe(directory, GROUP, f"D:(OA;;SW;{member};;AU)")
    oneself = token_of(directory, dn=PERSON)
    joins = change(GROUP, "member", PERSON, kind=ModifyKind.ADD)
    assert write(directory, change(GROUP, "member", HOST, kind=ModifyKind.ADD), oneself).code is DENIED
    assert (
        write(directory, change(GROUP, "member", PERSON, HOST, kind=ModifyKind.ADD), oneself).code is DENIED
    )
    assert write(directory, change(GROUP, "member", PERSON), oneself).code is DENIED
    assert write(directory, joins, oneself).code == 0
    assert write(directory, change(GROUP, "member", PERSON, kind=ModifyKind.DELETE), oneself).code == 0
    assert write(directory, joins, token_of(directory, BOB, dn=HOST)).code is DENIED


def test_a_computer_tells_its_own_names(directory: Directory) -> None:
    host = token_of(directory, BOB, dn=HOST)
    assert write(directory, change(HOST, "dNSHostName", b"other.lightwave.local"), host).code is DENIED
    assert write(directory, change(HOST, "dNSHostName", b"pc.lightwave.local"), host).code == 0
    for value in (b"HOST/other.lightwave.local", b"HOST/pc/x", b"HOST", b"/pc", b"HOST/pc:x"):
        assert write(directory, change(HOST, "servicePrincipalName", value), host).code is DENIED, value
    for value in (b"HOST/pc", b"HTTP/pc.lightwave.local", b"HTTP/pc.lightwave.local:8080"):
        assert write(directory, change(HOST, "servicePrincipalName", value), host).code == 0, value
    assert write(directory, change(HOST, "servicePrincipalName", b"HOST/pc")).code is DENIED


def test_passwords_are_reset_by_a_right_of_their_own(directory: Directory) -> None:
    """The right is asked before anything of the password is; without a port for passwords it is refused otherwise."""
    request = change(PERSON, "userPassword", b"secret")
    describe(directory, PERSON, f"D:(A;;WP;;;{WHO})")
    assert write(directory, request).code is DENIED
    describe(directory, PERSON, f"D:(OA;;CR;00299570-246d-11d0-a768-00aa006e0529;;{WHO})")
    assert write(directory, request).code is ResultCode.UNWILLING_TO_PERFORM


def test_undelete_reanimates(directory: Directory) -> None:
    directory.add(b"cn=old," + UNIT, objectClass=["user"], cn="old", sn="o")
    tenant, entry_id = directory.find(b"cn=old," + UNIT)
    directory.delete(b"cn=old," + UNIT)
    with directory.store.read() as txn:
        dead = txn.dn(tenant, entry_id)
    request = ModifyRequest(
        dead,
        (
            Modification(ModifyKind.DELETE, "isDeleted", ()),
            Modification(ModifyKind.REPLACE, "distinguishedName", (b"cn=old," + UNIT,)),
            Modification(ModifyKind.REPLACE, "sn", (b"o",)),
        ),
    )
    shown = Control(SHOW_DELETED, True, None)
    assert write(directory, request, None, shown).code is ABSENT  # what is deleted is for administrators
    describe(directory, b"cn=Deleted Objects," + BASE, f"D:P(A;CI;{READ}WP;;;{WHO})")
    describe(directory, UNIT, f"D:(OA;;CC;{USER};;{WHO})")
    assert write(directory, request, None, shown).code is DENIED
    reanimate = "45ec5156-db7e-47bb-b53f-dbeb2d03c40f"
    describe(directory, BASE, f"D:P(OA;;CR;{reanimate};;{WHO})(A;CI;{READ};;;AU)")
    assert write(directory, request, None, shown).code == 0


def test_relaxed_rules_and_foreign_administrators(directory: Directory) -> None:
    """An administrator of another tenant has no rules relaxed here, whatever he is granted."""
    relaxed = Control(RELAX_RULES, True, None)
    request = change(PERSON, "createTimestamp", b"20200101000000Z")
    assert write(directory, request, directory.token, relaxed).code == 0
    foreign = replace(directory.token, tenant=7)
    assert write(directory, request, foreign, relaxed).code is ABSENT
    for one in (new_user(b"cn=new," + UNIT), change(PERSON, "description", b"x"), DeleteRequest(PERSON)):
        assert write(directory, one, foreign).code is ABSENT
    local = replace(foreign, authenticated_by=AuthenticatedBy.LOCAL_SOCKET)
    assert write(directory, change(PERSON, "description", b"x"), local).code is ABSENT


def test_a_denied_right_counts_for_administrators(directory: Directory) -> None:
    describe(directory, PERSON, "D:(D;;SDDT;;;BA)(D;;WP;;;BA)")
    describe(directory, UNIT, "D:(D;;DC;;;BA)")
    assert write(directory, DeleteRequest(PERSON), directory.token).code is DENIED
    assert write(directory, change(PERSON, "description", b"x"), directory.token).code is DENIED
    command = replace(directory.token, bypass=True)
    assert write(directory, change(PERSON, "description", b"x"), command).code == 0


def test_descriptors_move_along(directory: Directory) -> None:
    describe(directory, PERSON, f"D:(A;;SD;;;{WHO})")
    directory.rename(PERSON, "cn=ann", OTHER)
    assert own_sddl(directory, b"cn=ann," + OTHER) == f"O:BAG:BAD:(A;;SD;;;{WHO})"
    assert "(A;CIID;LCRPLORC;;;AU)" in sddl_in_force(directory, b"cn=ann," + OTHER)
    assert directory.findings() == []
