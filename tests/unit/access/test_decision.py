"""What descriptors in force grant, from the defaults on: whose they are, what hangs below, and when a change holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from descriptors import ANN, BOB, FULL, READ, STAFF, describe, own_sddl, sddl_in_force, token_of
from fresh_directory import BASE, BUILTIN, Directory
from lightwave.directory.access.attribute_set import ALL, NONE
from lightwave.directory.access.control_rights import CHANGE_PASSWORD, RESET_PASSWORD
from lightwave.directory.access.decision import Decision, decide, sees
from lightwave.directory.access.descriptor import effective_descriptor
from lightwave.directory.access.guid import format_guid
from lightwave.directory.access.rights import FULL as FULL_RIGHTS
from lightwave.directory.access.rights import READ as READ_RIGHTS
from lightwave.directory.access.rights import Right
from lightwave.directory.access.schema_guids import class_guid
from lightwave.directory.access.sddl import parse_sddl
from lightwave.directory.access.sid import BUILTIN_ADMINISTRATORS, format_sid
from lightwave.directory.access.token import ANONYMOUS, AuthenticatedBy, Token
from lightwave.directory.operations.descriptors import set_own_descriptor
from lightwave.directory.store.layout import ROOT

MAIL = "0.9.2342.19200300.100.1.3"
TELEPHONE = "2.5.4.20"
DESCRIPTION = "2.5.4.13"
USER_CLASS = "1.2.840.113556.1.5.9"
UNIT = b"ou=people," + BASE
PERSON = b"cn=ann," + UNIT


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    made = Directory(tmp_path)
    made.add(UNIT, objectClass=["organizationalUnit"], ou="people")
    made.add(PERSON, objectClass=["user"], cn="ann", sn="a", mail="ann@x", telephoneNumber="1")
    yield made
    made.close()


def decision(directory: Directory, token: Token, dn: str | bytes) -> Decision:
    with directory.store.read() as txn:
        return decide(txn, directory.schemas.current(txn), token, *directory.find(dn))


def is_seen(directory: Directory, token: Token, dn: str | bytes) -> bool:
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        tenant, entry_id = directory.find(dn)
        record = txn.record(tenant, entry_id)
        return sees(txn, schema, token, tenant, record, decide(txn, schema, token, tenant, entry_id))


def test_defaults(directory: Directory) -> None:
    administrator = decision(directory, directory.token, PERSON)
    assert administrator.allows(FULL_RIGHTS)
    assert administrator.readable is ALL
    assert administrator.writable is ALL
    user = decision(directory, token_of(directory), PERSON)
    assert user.allows(READ_RIGHTS)
    assert user.readable is ALL
    assert not user.writable
    assert not user.allows(Right.DELETE)
    assert CHANGE_PASSWORD not in user.control_rights
    assert RESET_PASSWORD not in user.control_rights
    nobody = decision(directory, ANONYMOUS, PERSON)
    assert nobody.readable is NONE
    assert not nobody.rights


def test_self(directory: Directory) -> None:
    oneself = decision(directory, token_of(directory, dn=PERSON), PERSON)
    assert TELEPHONE in oneself.writable
    assert CHANGE_PASSWORD in oneself.control_rights
    assert RESET_PASSWORD not in oneself.control_rights
    assert MAIL not in oneself.writable
    assert DESCRIPTION not in oneself.writable
    other = decision(directory, token_of(directory, dn=PERSON), b"cn=Administrator,cn=Users," + BASE)
    assert TELEPHONE not in other.writable


def test_everybody_reads_root_dse_and_schema(directory: Directory) -> None:
    stranger = token_of(directory, tenant=7)
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        for token in (ANONYMOUS, stranger, token_of(directory)):
            assert decide(txn, schema, token, directory.tree.tenant, ROOT).readable is ALL
    for token in (ANONYMOUS, stranger, token_of(directory)):
        assert decision(directory, token, b"cn=aggregate,cn=schemacontext").readable is ALL
        assert not decision(directory, token, b"cn=aggregate,cn=schemacontext").writable
    for token in (ANONYMOUS, stranger):
        for dn in (b"cn=nodes,cn=config", BASE, PERSON):
            assert decision(directory, token, dn).readable is NONE
            assert not is_seen(directory, token, dn)


def test_sids_of_another_tenant_say_nothing(directory: Directory) -> None:
    foreign = replace(directory.token, tenant=7)
    assert BUILTIN_ADMINISTRATORS in foreign.sids
    for dn in (BASE, PERSON):
        assert not decision(directory, foreign, dn).rights


def test_deny_counts_for_administrators_and_not_for_the_machines_owner(directory: Directory) -> None:
    describe(directory, PERSON, f"D:P(D;;RP;;;BA)(A;;{FULL};;;BA)")
    refused = decision(directory, directory.token, PERSON)
    assert refused.readable is NONE
    assert not is_seen(directory, directory.token, PERSON)
    local = replace(directory.token, authenticated_by=AuthenticatedBy.LOCAL_SOCKET)
    assert decision(directory, local, PERSON).readable is ALL
    assert is_seen(directory, local, PERSON)


def test_a_change_at_the_top_holds_below_at_its_commit(directory: Directory) -> None:
    user = token_of(directory)
    assert is_seen(directory, user, PERSON)
    describe(directory, UNIT, "D:P(A;CI;RPLCLORC;;;BA)")
    assert not is_seen(directory, user, PERSON)
    assert decision(directory, user, PERSON).readable is NONE
    describe(directory, UNIT, "D:")
    assert is_seen(directory, user, PERSON)


def test_a_move_holds_at_its_commit(directory: Directory) -> None:
    closed = b"ou=closed," + BASE
    directory.add(closed, objectClass=["organizationalUnit"], ou="closed")
    describe(directory, closed, f"D:P(A;CI;{FULL};;;BA)")
    user = token_of(directory)
    assert is_seen(directory, user, PERSON)
    directory.rename(UNIT, "ou=people", closed)
    assert not is_seen(directory, user, b"cn=ann,ou=people," + closed)
    directory.rename(b"ou=people," + closed, "ou=people", BASE)
    assert is_seen(directory, user, PERSON)


def test_object_entries_by_attribute_and_property_set(directory: Directory) -> None:
    mail = "bf967961-0de6-11d0-a285-00aa003049e2"
    personal = "77b5b886-944a-11d1-aebd-0000f80367c1"
    describe(
        directory, PERSON, f"D:P(OA;;RP;{mail};;{format_sid(ANN)})(OA;;WP;{personal};;{format_sid(STAFF)})"
    )
    reader = decision(directory, token_of(directory), PERSON)
    assert MAIL in reader.readable
    assert DESCRIPTION not in reader.readable
    with directory.store.read() as txn:
        number = txn.attribute_number(MAIL)
        other = txn.attribute_number(TELEPHONE)
    assert number is not None
    assert other is not None
    assert number in reader.readable
    assert other not in reader.readable
    assert not reader.writable
    assert TELEPHONE in decision(directory, token_of(directory, ANN, STAFF), PERSON).writable


def test_children_by_class(directory: Directory) -> None:
    user = "bf967aba-0de6-11d0-a285-00aa003049e2"
    describe(directory, UNIT, f"D:(OA;;CC;{user};;{format_sid(BOB)})")
    granted = decision(directory, token_of(directory, BOB), UNIT)
    assert USER_CLASS in granted.creatable
    assert "2.5.6.5" not in granted.creatable
    assert not granted.deletable


def test_entries_for_a_class_follow_its_change(directory: Directory) -> None:
    """The descriptor is interned with the classes: another class inherits otherwise from the same commit on."""
    posix = effective_class(directory, "posixAccount")
    describe(directory, UNIT, f"D:(OA;CIIO;WP;;{posix};{format_sid(BOB)})")
    bob = token_of(directory, BOB)
    assert not decision(directory, bob, PERSON).writable
    directory.modify(
        PERSON,
        ("add", "objectClass", "posixAccount"),
        ("add", "uid", "ann"),
        ("add", "uidNumber", "1"),
        ("add", "gidNumber", "1"),
        ("add", "homeDirectory", "/"),
    )
    assert decision(directory, bob, PERSON).writable is ALL


def effective_class(directory: Directory, name: str) -> str:
    found = BUILTIN.object_class(name)
    assert found is not None
    return format_guid(class_guid(found))


def test_visibility_by_list_rights(directory: Directory) -> None:
    """Without LIST_CONTENTS on the parent, LIST_OBJECT on both makes an entry visible."""
    ann, bob = token_of(directory), token_of(directory, BOB)
    describe(directory, UNIT, f"D:P(A;CI;RP;;;{format_sid(ANN)})(A;CI;RPLO;;;{format_sid(BOB)})")
    assert not is_seen(directory, ann, PERSON)
    assert is_seen(directory, bob, PERSON)
    describe(directory, PERSON, f"D:P(A;;RP;;;{format_sid(BOB)})")
    assert not is_seen(directory, bob, PERSON)


def test_an_entry_without_a_stored_descriptor_has_the_default_of_its_class(directory: Directory) -> None:
    users = b"cn=Users," + BASE
    assert own_sddl(directory, users) == "O:BAG:BAD:"
    assert f"(A;CIID;{READ};;;AU)" in sddl_in_force(directory, users).replace("LCRPLORC", READ)
    assert not is_seen(directory, token_of(directory), b"cn=Deleted Objects," + BASE)
    assert is_seen(directory, directory.token, b"cn=Deleted Objects," + BASE)


def test_like_entries_share_one_descriptor(directory: Directory) -> None:
    other = b"cn=eve," + UNIT
    directory.add(other, objectClass=["user"], cn="eve", sn="e")
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        first = effective_descriptor(txn, schema, *directory.find(PERSON))
        assert first is effective_descriptor(txn, schema, *directory.find(other))
        assert decide(txn, schema, directory.token, *directory.find(PERSON)) is decide(
            txn, schema, directory.token, *directory.find(other)
        )


def test_writes_of_one_batch_see_each_other(directory: Directory) -> None:
    """Inside a write transaction nothing comes from caches of the state before it."""
    user = token_of(directory)
    with directory.store.write() as txn:
        schema = directory.schemas.current(txn)
        tenant, entry_id = directory.find(PERSON)
        _, unit = directory.find(UNIT)
        assert decide(txn, schema, user, tenant, entry_id).readable is ALL
        set_own_descriptor(txn, schema, tenant, unit, parse_sddl("O:BAD:P"), txn.begin_change())
        assert decide(txn, schema, user, tenant, entry_id).readable is not ALL
