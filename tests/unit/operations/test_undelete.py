"""A tombstone becomes an entry again by a modify (MS-ADTS §3.1.1.5.3.7)."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from descriptors import describe, own_sddl, sddl_in_force
from fresh_directory import BASE, BUILTIN, Directory
from lightwave.directory.ldap.controls import SHOW_DELETED, Control
from lightwave.directory.ldap.dn import format_dn, parse_dn
from lightwave.directory.ldap.messages import Modification, ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.store.check import check
from lightwave.directory.store.stamps import EntryStamps

USERS = "cn=Users," + BASE.decode()
ANN = "cn=ann," + USERS
Change = tuple[ModifyKind, str, tuple[bytes, ...]]
REMOVED: Change = (ModifyKind.DELETE, "isDeleted", ())


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """With ann, a member of a group, deleted."""
    made = Directory(tmp_path)
    added = made.add(ANN, objectClass=["person", "user"], cn="ann", sn="Ann", sAMAccountName="ann")
    assert added.code is ResultCode.SUCCESS
    assert made.add("cn=staff," + USERS, objectClass="groupOfNames", cn="staff", member=ANN)
    return made


def guid(directory: Directory) -> bytes:
    with directory.store.read() as txn:
        return txn.record(*txn.find(normalise_dn_text(BUILTIN, ANN.encode()))).guid


def tombstone(directory: Directory) -> tuple[bytes, bytes]:
    """(GUID, name of the tombstone) of ann, deleted."""
    identity = guid(directory)
    assert directory.delete(ANN).code is ResultCode.SUCCESS
    with directory.store.read() as txn:
        entry_id = txn.by_guid(directory.tree.tenant, identity)
        assert entry_id is not None
        return identity, txn.dn(directory.tree.tenant, entry_id)


def undelete(
    directory: Directory,
    dn: bytes,
    name: str = ANN,
    *more: Change,
    control: bool = True,
    anonymous: bool = False,
) -> Outcome:
    changes = (REMOVED, (ModifyKind.REPLACE, "distinguishedName", (name.encode(),)), *more)
    return modify(directory, dn, *changes, control=control, anonymous=anonymous)


def modify(
    directory: Directory, dn: bytes, *changes: Change, control: bool = True, anonymous: bool = False
) -> Outcome:
    controls = (Control(SHOW_DELETED, True, None),) if control else ()
    context = directory.context(anonymous=anonymous, controls=controls)
    return directory.write(ModifyRequest(dn, tuple(Modification(*one) for one in changes)), context)


def sound(directory: Directory) -> bool:
    with directory.store.read() as txn:
        return not list(check(txn, BUILTIN.describe))


SURNAME: Change = (ModifyKind.ADD, "sn", (b"Ann",))


def test_it_has_its_guid_its_sid_and_what_the_request_gives(directory: Directory) -> None:
    (sid,) = directory.values(ANN, "objectSid")
    identity, dn = tombstone(directory)
    done = undelete(directory, dn, ANN, SURNAME, (ModifyKind.REPLACE, "description", (b"back",)))
    assert done.code is ResultCode.SUCCESS, done
    assert guid(directory) == identity
    with directory.store.read() as txn:
        tenant, entry_id = txn.find(normalise_dn_text(BUILTIN, ANN.encode()))
        record = txn.record(tenant, entry_id)

        def values(name: str) -> list[bytes]:
            description = BUILTIN.describe(name)
            assert description is not None
            return record.values(txn.attribute_number(description.key) or 0)

        assert values("objectSid") == [sid]
        assert (values("cn"), values("sn"), values("description")) == ([b"ann"], [b"Ann"], [b"back"])
        assert values("isDeleted") == values("lastKnownParent") == []
        stamps: EntryStamps = txn.stamps(tenant, entry_id)
        assert stamps.deleted is not None
        assert stamps.revived is not None
        assert stamps.revived > stamps.deleted
        assert not stamps.is_deleted
        assert all(stamp > stamps.deleted for stamp in stamps.attributes.values())
    assert sound(directory)
    assert directory.delete(ANN).code is ResultCode.SUCCESS  # and it may be deleted again
    assert sound(directory)


def test_it_is_protected_again_by_what_it_was_protected_by(directory: Directory) -> None:
    describe(directory, ANN, "O:BAG:BAD:P(A;;RPWP;;;AU)(OA;CIIO;CC;;bf967aba-0de6-11d0-a285-00aa003049e2;BU)")
    own = own_sddl(directory, ANN)
    _, dn = tombstone(directory)
    assert undelete(directory, dn, ANN, SURNAME).code is ResultCode.SUCCESS
    assert own_sddl(directory, ANN) == own
    assert "(A;;RPWP;;;AU)" in sddl_in_force(directory, ANN)
    assert ";ID" not in sddl_in_force(directory, ANN)


def test_what_it_inherits_is_that_of_its_new_place_and_classes(directory: Directory) -> None:
    describe(directory, ANN, "D:(A;;WP;;;AU)")
    place = "cn=ann,ou=new," + BASE.decode()
    user = "bf967aba-0de6-11d0-a285-00aa003049e2"
    assert directory.add("ou=new," + BASE.decode(), objectClass="organizationalUnit", ou="new").code == 0
    describe(directory, "ou=new," + BASE.decode(), f"D:P(A;CI;CCRPLC;;;BA)(OA;CIIO;WD;;{user};WD)")
    _, dn = tombstone(directory)
    others = (
        (ModifyKind.REPLACE, "objectClass", (b"person",)),
        *((ModifyKind.REPLACE, name, ()) for name in ("objectSid", "sAMAccountName", "userAccountControl")),
    )
    assert undelete(directory, dn, place, SURNAME, *others).code is ResultCode.SUCCESS
    in_force = sddl_in_force(directory, place)
    assert in_force == f"O:BAG:BAD:AI(A;;WP;;;AU)(A;CIID;CCLCRP;;;BA)(OA;CIIOID;WD;;{user};WD)"
    assert b"user" not in directory.values(place, "objectClass")


def test_another_name_and_place(directory: Directory) -> None:
    _, dn = tombstone(directory)
    name = f"cn=Ann the second,{BASE.decode()}"
    assert undelete(directory, dn, name, SURNAME).code is ResultCode.SUCCESS
    assert directory.compare(name, "cn", "Ann the second") is ResultCode.COMPARE_TRUE


def test_who_waits_for_the_name_gets_a_link(directory: Directory) -> None:
    _, dn = tombstone(directory)
    assert directory.modify("cn=staff," + USERS, ("add", "member", ANN)).code is ResultCode.SUCCESS
    assert undelete(directory, dn, ANN, SURNAME).code is ResultCode.SUCCESS
    assert directory.rename(ANN, "cn=anna").code is ResultCode.SUCCESS
    assert directory.compare("cn=staff," + USERS, "member", "cn=anna," + USERS) is ResultCode.COMPARE_TRUE
    assert sound(directory)


@pytest.mark.parametrize(
    ("name", "more", "code"),
    [
        (
            ANN,
            ((ModifyKind.REPLACE, "objectClass", (b"person",)),),
            ResultCode.OBJECT_CLASS_VIOLATION,
        ),  # no sn
        (ANN, (SURNAME, (ModifyKind.ADD, "nothing", (b"x",))), ResultCode.UNDEFINED_ATTRIBUTE_TYPE),
        (ANN, (SURNAME, (ModifyKind.ADD, "entryUUID", (b"x",))), ResultCode.CONSTRAINT_VIOLATION),
        (ANN, (SURNAME, (ModifyKind.ADD, "description", ())), ResultCode.PROTOCOL_ERROR),
        (ANN, (SURNAME, (ModifyKind.DELETE, "description", ())), ResultCode.UNWILLING_TO_PERFORM),
        (f"cn=staff,{USERS}", (SURNAME,), ResultCode.ENTRY_ALREADY_EXISTS),
        (f"cn=ann,ou=nowhere,{BASE.decode()}", (SURNAME,), ResultCode.NO_SUCH_OBJECT),
        (f"cn=ann,cn=Deleted Objects,{BASE.decode()}", (SURNAME,), ResultCode.UNWILLING_TO_PERFORM),
        ("no name", (SURNAME,), ResultCode.INVALID_DN_SYNTAX),
        ("", (SURNAME,), ResultCode.INVALID_DN_SYNTAX),
    ],
)
def test_neg_what_is_refused(
    directory: Directory, name: str, more: tuple[Change, ...], code: ResultCode
) -> None:
    _, dn = tombstone(directory)
    assert undelete(directory, dn, name, *more).code is code
    assert sound(directory)
    assert undelete(directory, dn, ANN, SURNAME).code is ResultCode.SUCCESS


def test_neg_without_the_control_or_one_of_the_changes(directory: Directory) -> None:
    _, dn = tombstone(directory)
    assert undelete(directory, dn, ANN, SURNAME, control=False).code is ResultCode.CONSTRAINT_VIOLATION
    assert modify(directory, dn, REMOVED, SURNAME).code is ResultCode.CONSTRAINT_VIOLATION
    assert modify(directory, dn, SURNAME).code is ResultCode.UNWILLING_TO_PERFORM


def test_neg_an_entry_that_lives_and_one_that_never_did(directory: Directory) -> None:
    assert undelete(directory, ANN.encode(), ANN + "a").code is ResultCode.UNWILLING_TO_PERFORM
    assert undelete(directory, b"cn=none," + USERS.encode()).code is ResultCode.NO_SUCH_OBJECT


def test_neg_a_stranger_undeletes_nothing(directory: Directory) -> None:
    _, dn = tombstone(directory)
    assert undelete(directory, dn, ANN, SURNAME, anonymous=True).code is not ResultCode.SUCCESS


def test_neg_a_unique_value_that_another_has_taken(directory: Directory) -> None:
    _, dn = tombstone(directory)
    other = (
        ModifyKind.REPLACE,
        "objectSid",
        tuple(directory.values("cn=Administrator," + USERS, "objectSid")),
    )
    assert undelete(directory, dn, ANN, SURNAME, other).code is ResultCode.CONSTRAINT_VIOLATION
    name = (ModifyKind.ADD, "sAMAccountName", (b"Administrator",))
    assert undelete(directory, dn, ANN, SURNAME, name).code is ResultCode.CONSTRAINT_VIOLATION


def test_the_name_of_a_tombstone_can_be_said(directory: Directory) -> None:
    identity, dn = tombstone(directory)
    assert format_dn(parse_dn(dn)) == dn
    assert str(uuid.UUID(bytes=identity)).encode() in dn


@pytest.mark.parametrize(
    ("name", "value"), [("sIDHistory", b"S-1-5-32-544"), ("isCriticalSystemObject", b"TRUE")]
)
def test_neg_what_only_the_server_says(directory: Directory, name: str, value: bytes) -> None:
    _, dn = tombstone(directory)
    refused = undelete(directory, dn, ANN, SURNAME, (ModifyKind.ADD, name, (value,)))
    assert refused.code is ResultCode.UNWILLING_TO_PERFORM
