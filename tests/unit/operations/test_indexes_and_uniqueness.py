"""Index definitions as entries, and uniqueness that holds for what exists too."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from fresh_directory import BASE, BUILTIN, Directory
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.domain_tree import build_domain
from lightwave.directory.operations.entry_builder import EntryBuilder
from lightwave.directory.operations.sources import Indexed
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.store.indexes import IndexKind, IndexState

USERS = "cn=Users,dc=lightwave,dc=local"
ANN = f"cn=Ann,{USERS}"
BOB = f"cn=Bob,{USERS}"
UNIT = "ou=Unit,dc=lightwave,dc=local"
INDICES = "cn=indices,cn=config"
TITLE = f"cn=title,{INDICES}"
SUCCESS = ResultCode.SUCCESS


@pytest.fixture
def people(directory: Directory) -> Directory:
    """Two people of the same title, one of them with an account name."""
    for outcome in (
        directory.add(ANN, objectClass="user", sn="Lee", title="Clerk", sAMAccountName="ann"),
        directory.add(BOB, objectClass="user", sn="Lee", title="clerk"),
        directory.add(UNIT, objectClass="organizationalUnit"),
    ):
        assert outcome.code is SUCCESS, outcome
    return directory


def state(directory: Directory, attribute: str, kind: IndexKind) -> IndexState | None:
    with directory.store.read() as txn:
        found = directory.schemas.current(txn).attribute(attribute)
        assert found is not None
        number = txn.attribute_number(found.oid)
        return None if number is None else txn.index_state(number, kind)


def test_an_index_follows_its_entry(people: Directory) -> None:
    assert people.add(TITLE, objectClass="lwIndex", lwIndexKind=["equality", "Presence"]).code is SUCCESS
    assert state(people, "title", IndexKind.EQUALITY) is IndexState.BUILDING
    assert people.values(TITLE, "lwIndexState") == [b"building"]
    people.build_indexes()
    assert people.values(TITLE, "lwIndexState") == [b"complete"]
    assert people.values(ANN, "lwIndexState") == []
    assert state(people, "title", IndexKind.PRESENCE) is IndexState.COMPLETE
    assert (
        people.modify(TITLE, ("delete", "lwIndexKind", "presence"), ("add", "lwIndexKind", "substring")).code
        is SUCCESS
    )
    assert state(people, "title", IndexKind.PRESENCE) is IndexState.DROPPING
    people.build_indexes()
    assert state(people, "title", IndexKind.PRESENCE) is None
    assert state(people, "title", IndexKind.SUBSTRING) is IndexState.COMPLETE
    assert people.delete(TITLE).code is SUCCESS
    people.build_indexes()
    assert state(people, "title", IndexKind.EQUALITY) is None


@pytest.mark.parametrize(
    ("dn", "attributes", "code"),
    [
        (f"cn=nosuch,{INDICES}", {}, "UNDEFINED_ATTRIBUTE_TYPE"),
        (f"cn=member,{INDICES}", {}, "UNWILLING_TO_PERFORM"),
        (f"cn=userPassword,{INDICES}", {}, "UNWILLING_TO_PERFORM"),
        (f"cn=memberOf,{INDICES}", {}, "UNWILLING_TO_PERFORM"),
        (f"cn=2.5.4.3,{INDICES}", {}, "ENTRY_ALREADY_EXISTS"),
        (TITLE, {"lwIndexKind": "nonsense"}, "INVALID_ATTRIBUTE_SYNTAX"),
        (f"cn=uidNumber,{USERS}", {}, "NAMING_VIOLATION"),
        (f"cn=photo,{INDICES}", {}, "INAPPROPRIATE_MATCHING"),
        (TITLE, {"lwUniqueScope": "ou=No,dc=lightwave,dc=local"}, "NO_SUCH_OBJECT"),
        (TITLE, {"lwUniqueScope": USERS}, "UNWILLING_TO_PERFORM"),
    ],
)
def test_an_index_that_cannot_be(people: Directory, dn: str, attributes: dict[str, str], code: str) -> None:
    kinds = {"lwIndexKind": "equality"} | attributes
    assert people.add(dn, objectClass="lwIndex", **kinds).code.name == code


def test_an_index_definition_keeps_its_name(people: Directory) -> None:
    assert people.rename(f"cn=uid,{INDICES}", "cn=title").code is ResultCode.UNWILLING_TO_PERFORM


def test_unique_account_names(people: Directory) -> None:
    """The default: sAMAccountName is unique within the domain, by the attribute's equality."""
    taken = people.add(f"cn=Eve,{UNIT}", objectClass="user", sn="x", sAMAccountName="ANN")
    assert taken.code is ResultCode.CONSTRAINT_VIOLATION
    assert ANN in taken.message
    assert people.modify(BOB, ("add", "sAMAccountName", "Ann")).code is ResultCode.CONSTRAINT_VIOLATION
    assert people.modify(ANN, ("replace", "sAMAccountName", "Ann")).code is SUCCESS
    assert people.delete(ANN).code is SUCCESS
    assert people.modify(BOB, ("add", "sAMAccountName", "Ann")).code is SUCCESS


def test_uniqueness_is_enforced_for_what_exists(people: Directory) -> None:
    assert people.add(TITLE, objectClass="lwIndex").code is SUCCESS
    people.build_indexes()
    refused = people.modify(TITLE, ("add", "lwUniqueScope", USERS))
    assert refused.code is ResultCode.CONSTRAINT_VIOLATION
    assert ANN in refused.message or BOB in refused.message
    assert people.modify(TITLE, ("add", "lwUniqueScope", UNIT)).code is SUCCESS
    assert people.modify(BOB, ("replace", "title", "Baker")).code is SUCCESS
    assert people.modify(TITLE, ("add", "lwUniqueScope", BASE)).code is SUCCESS
    assert people.modify(BOB, ("replace", "title", "CLERK")).code is ResultCode.CONSTRAINT_VIOLATION
    assert people.modify(TITLE, ("delete", "lwUniqueScope", ())).code is SUCCESS
    assert people.modify(BOB, ("replace", "title", "CLERK")).code is SUCCESS


def test_a_scope_of_each_tenant(people: Directory) -> None:
    """The empty DN: unique within every tenant, and two tenants may have the same value."""
    assert people.add(TITLE, objectClass="lwIndex").code is SUCCESS
    people.build_indexes()
    assert people.modify(TITLE, ("add", "lwUniqueScope", "")).code is ResultCode.CONSTRAINT_VIOLATION
    assert people.modify(BOB, ("replace", "title", "Baker")).code is SUCCESS
    assert people.modify(TITLE, ("add", "lwUniqueScope", "")).code is SUCCESS
    assert people.modify(BOB, ("replace", "title", "CLERK")).code is ResultCode.CONSTRAINT_VIOLATION
    with people.store.write() as txn:
        builder = EntryBuilder(txn, BUILTIN, txn.create_tenant(bytes(16)), lambda: uuid.uuid4().bytes)
        build_domain(builder, b"dc=acme,dc=example")
        builder.add(b"cn=Zed,cn=Users,dc=acme,dc=example", ["top", "user"], sn=b"x", title=b"CLERK")
    assert people.modify(TITLE, ("delete", "lwUniqueScope", ())).code is SUCCESS
    assert people.modify(TITLE, ("add", "lwUniqueScope", "")).code is SUCCESS
    assert people.modify(BOB, ("replace", "title", "CLERK")).code is ResultCode.CONSTRAINT_VIOLATION


def test_a_subtree_that_moves_into_a_scope_is_checked(people: Directory) -> None:
    assert people.add(TITLE, objectClass="lwIndex").code is SUCCESS
    people.build_indexes()
    assert people.modify(TITLE, ("add", "lwUniqueScope", UNIT)).code is SUCCESS
    assert people.rename(ANN, "cn=Ann", UNIT).code is SUCCESS
    inner = f"ou=Inner,{USERS}"
    assert people.add(inner, objectClass="organizationalUnit").code is SUCCESS
    assert people.rename(BOB, "cn=Bob", inner).code is SUCCESS
    assert people.rename(inner, "ou=Inner", UNIT).code is ResultCode.CONSTRAINT_VIOLATION


def test_nothing_unique_is_written_while_the_index_is_made_anew(people: Directory) -> None:
    """After an upgrade with other rules for keys the index is empty at first, and knows of no conflict."""
    with people.store.write() as txn:
        account = people.schemas.current(txn).attribute("sAMAccountName")
        assert account is not None
        number = txn.attribute_number(account.oid)
        assert number is not None
        known = txn.definitions().by_number[number, IndexKind.EQUALITY]
        txn.put_definition(replace(known, keys=known.keys + 1))
    assert state(people, "sAMAccountName", IndexKind.EQUALITY) is IndexState.RENEWING
    for name in ("ann", "bob"):
        assert people.modify(BOB, ("add", "sAMAccountName", name)).code is ResultCode.BUSY
    people.build_indexes()
    assert people.modify(BOB, ("add", "sAMAccountName", "ann")).code is ResultCode.CONSTRAINT_VIOLATION
    assert people.modify(BOB, ("add", "sAMAccountName", "bob")).code is SUCCESS


def test_a_source_does_not_take_what_is_left_of_an_index_for_all_of_it(people: Directory) -> None:
    """A search goes on over several transactions, and its index may be dropped between two."""
    assert people.add(TITLE, objectClass="lwIndex").code is SUCCESS
    people.build_indexes()
    with people.store.read() as txn:
        title = people.schemas.current(txn).attribute("title")
        assert title is not None
        number = txn.attribute_number(title.oid)
        assert number is not None
        tenant, _ = txn.find(normalise_dn_text(people.schemas.current(txn), ANN.encode()))
        assert len(Indexed(tenant, number, IndexKind.EQUALITY, title.normalise(b"Clerk")).batch(txn)) == 2
    source = Indexed(tenant, number, IndexKind.EQUALITY, title.normalise(b"Clerk"))
    assert people.delete(TITLE).code is SUCCESS
    for _ in range(2):
        with people.store.read() as txn, pytest.raises(DirectoryError) as refused:
            source.batch(txn)
        assert refused.value.code is ResultCode.BUSY
        people.build_indexes()
