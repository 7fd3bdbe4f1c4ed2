"""Controls on writes over a real store: assertion, pre- and post-read, permissive modify, relaxed rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fresh_directory import BASE, Directory
from lightwave.directory.access.token import Token
from lightwave.directory.ldap.client_messages import SearchEntry, decode_response
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.filters import encode_filter, parse_filter
from lightwave.directory.ldap.messages import (
    AddRequest,
    DeleteRequest,
    Modification,
    ModifyDNRequest,
    ModifyKind,
    ModifyRequest,
)
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.ldap.search_controls import ASSERTION
from lightwave.directory.ldap.update_controls import PERMISSIVE_MODIFY, POST_READ, PRE_READ, RELAX_RULES
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.ports import WriteRequest
from lightwave.wire.ber import encode_integer, encode_octet_string, encode_sequence

UNIT = b"ou=controlled," + BASE
ADA = b"uid=ada," + UNIT
PERSON: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    ("objectClass", (b"inetOrgPerson",)),
    ("uid", (b"ada",)),
    ("cn", (b"Ada",)),
    ("sn", (b"Lovelace",)),
)


def asserting(text: str) -> Control:
    return Control(ASSERTION, True, encode_filter(parse_filter(text)))


def reading(oid: str, *attributes: str, critical: bool = True) -> Control:
    value = encode_sequence(*(encode_octet_string(one.encode()) for one in attributes))
    return Control(oid, critical, value)


def modified(kind: ModifyKind, attribute: str, *values: bytes, dn: bytes = ADA) -> ModifyRequest:
    return ModifyRequest(dn, (Modification(kind, attribute, values),))


def entry_in(outcome: Outcome, oid: str) -> tuple[bytes, dict[str, list[bytes]]]:
    """(DN, attributes) of a response control."""
    (value,) = [one.value for one in outcome.controls if one.oid == oid]
    assert value is not None
    entry = decode_response(encode_sequence(encode_integer(1), value)).response
    assert isinstance(entry, SearchEntry)
    return entry.dn, {name: list(values) for name, values in entry.attributes}


@pytest.fixture
def people(directory: Directory) -> Directory:
    assert directory.add(UNIT, objectClass="organizationalUnit", ou="controlled").code == 0
    assert directory.write(AddRequest(ADA, PERSON)).code == 0
    return directory


def write(directory: Directory, request: WriteRequest, *controls: Control) -> Outcome:
    return directory.write(request, directory.context(controls=controls))


def stranger(directory: Directory) -> Token:
    return replace(directory.token, is_administrator=False)


WRITES: tuple[WriteRequest, ...] = (
    modified(ModifyKind.REPLACE, "sn", b"Byron"),
    ModifyDNRequest(ADA, b"uid=countess", True),
    DeleteRequest(ADA),
)


@pytest.mark.parametrize("request_", WRITES)
def test_assertion_decides(people: Directory, request_: WriteRequest) -> None:
    """RFC 4528 §3: what is not True, Undefined too, fails the write and changes nothing."""
    for text in ("(sn=Nobody)", "(noSuchAttribute=x)", "(userPassword=*)", "(!(sn=Lovelace))"):
        assert write(people, request_, asserting(text)).code is ResultCode.ASSERTION_FAILED
        assert people.values(ADA, "sn") == [b"Lovelace"]
    assert write(people, request_, asserting("(&(sn=lovelace)(entryDN=" + ADA.decode() + "))")).code == 0


def test_assertion_of_an_add_is_asked_of_the_new_entry(people: Directory) -> None:
    bob = b"uid=bob," + UNIT
    attributes = (*PERSON[:1], ("uid", (b"bob",)), ("cn", (b"Bob",)), ("sn", (b"B",)))
    assert write(people, AddRequest(bob, attributes), asserting("(sn=C)")).code is ResultCode.ASSERTION_FAILED
    assert not people.exists(bob)
    assert write(people, AddRequest(bob, attributes), asserting("(&(sn=B)(entryUUID=*))")).code == 0
    assert people.exists(bob)


def test_assertion_of_a_missing_entry(people: Directory) -> None:
    gone = modified(ModifyKind.REPLACE, "sn", b"x", dn=b"uid=gone," + UNIT)
    assert write(people, gone, asserting("(sn=*)")).code is ResultCode.NO_SUCH_OBJECT


def test_reading_before_and_after(people: Directory) -> None:
    """RFC 4527: in one answer the entry as it was and as it is."""
    change = modified(ModifyKind.REPLACE, "description", b"mathematician")
    outcome = write(people, change, reading(PRE_READ), reading(POST_READ, "description", "entryUUID", "+"))
    assert outcome.code == 0
    dn, before = entry_in(outcome, PRE_READ)
    assert dn == ADA
    assert before["sn"] == [b"Lovelace"]
    assert "description" not in before
    _, after = entry_in(outcome, POST_READ)
    assert after["description"] == [b"mathematician"]
    assert "sn" not in after
    assert after["entryUUID"] == people.values(ADA, "entryUUID")
    assert after["modifyTimestamp"] == people.values(ADA, "modifyTimestamp")


def test_reading_what_is_new_in_this_very_write(people: Directory) -> None:
    """Attributes that nothing had before have got their numbers in the same transaction; links are texts."""
    group = b"cn=team," + UNIT
    attributes = (
        ("objectClass", (b"groupOfNames",)),
        ("cn", (b"team",)),
        ("member", (ADA,)),
        ("businessCategory;lang-fr", (b"maths",)),
    )
    _, found = entry_in(write(people, AddRequest(group, attributes), reading(POST_READ)), POST_READ)
    assert found["member"] == [ADA]
    assert found["businessCategory;lang-fr"] == [b"maths"]
    change = modified(ModifyKind.REPLACE, "sn", b"L")
    _, found = entry_in(write(people, change, reading(POST_READ, "memberOf")), POST_READ)
    assert found == {"memberOf": [group]}


def test_reading_around_rename_and_delete(people: Directory) -> None:
    outcome = write(
        people,
        ModifyDNRequest(ADA, b"uid=countess", True),
        reading(PRE_READ, "uid"),
        reading(POST_READ, "uid"),
    )
    assert entry_in(outcome, PRE_READ) == (ADA, {"uid": [b"ada"]})
    renamed = b"uid=countess," + UNIT
    assert entry_in(outcome, POST_READ) == (renamed, {"uid": [b"countess"]})
    outcome = write(people, DeleteRequest(renamed), reading(PRE_READ, "1.1"))
    assert entry_in(outcome, PRE_READ) == (renamed, {})


def test_a_failed_write_returns_no_entry(people: Directory) -> None:
    outcome = write(people, modified(ModifyKind.DELETE, "mail"), reading(PRE_READ), reading(POST_READ))
    assert outcome.code is ResultCode.NO_SUCH_ATTRIBUTE
    assert outcome.controls == ()


def test_a_read_control_that_does_not_go_with_the_write(people: Directory) -> None:
    """RFC 4527 §3: pre-read is for modify, delete and rename, post-read for add, modify and rename."""
    refused = write(people, DeleteRequest(ADA), reading(POST_READ))
    assert refused.code is ResultCode.UNAVAILABLE_CRITICAL_EXTENSION
    assert people.exists(ADA)
    passed = write(people, DeleteRequest(ADA), reading(POST_READ, critical=False))
    assert passed.code == 0
    assert passed.controls == ()


def test_permissive_modify(people: Directory) -> None:
    permissive = Control(PERMISSIVE_MODIFY, True)
    assert people.modify(ADA, ("add", "description", ("a", "b"))).code == 0
    cases: tuple[tuple[ModifyRequest, list[bytes]], ...] = (
        (modified(ModifyKind.ADD, "description", b"B", b"c"), [b"a", b"b", b"c"]),
        (modified(ModifyKind.ADD, "description", b"a"), [b"a", b"b", b"c"]),
        (modified(ModifyKind.DELETE, "description", b"x", b"A"), [b"b", b"c"]),
        (modified(ModifyKind.DELETE, "mail"), [b"b", b"c"]),
        (modified(ModifyKind.DELETE, "description"), []),
        (modified(ModifyKind.DELETE, "description", b"a"), []),
    )
    for change, expected in cases:
        assert write(people, change, permissive).code == 0
        assert people.values(ADA, "description") == expected
    twice = modified(ModifyKind.ADD, "description", b"a", b"A")
    assert write(people, twice, permissive).code is ResultCode.ATTRIBUTE_OR_VALUE_EXISTS
    naming = modified(ModifyKind.DELETE, "uid", b"ada")
    assert write(people, naming, permissive).code is not ResultCode.SUCCESS


def test_permissive_modify_of_members(people: Directory) -> None:
    permissive = Control(PERMISSIVE_MODIFY, False)
    group = "cn=team," + UNIT.decode()
    gone = b"uid=gone," + UNIT
    assert people.add(group, objectClass="groupOfNames", cn="team", member=[ADA, gone]).code == 0
    dn = group.encode()
    for kind, values, expected in (
        (ModifyKind.ADD, (ADA, gone, UNIT), {ADA, gone, UNIT}),
        (ModifyKind.DELETE, (ADA, BASE), {gone, UNIT}),
        (ModifyKind.DELETE, (ADA, gone), {UNIT}),
    ):
        assert write(people, modified(kind, "member", *values, dn=dn), permissive).code == 0
        assert set(people.values(group, "member")) == expected
    emptied = write(people, modified(ModifyKind.DELETE, "member", UNIT, dn=dn), permissive)
    assert emptied.code is ResultCode.OBJECT_CLASS_VIOLATION


def test_relaxed_rules_keep_who_and_when(people: Directory) -> None:
    relaxed = Control(RELAX_RULES, True)
    identity = b"597ae2f6-16a6-4027-98f4-d28b5365dc14"
    dn = b"ou=moved," + BASE
    attributes = (
        ("objectClass", (b"organizationalUnit",)),
        ("ou", (b"moved",)),
        ("entryUUID", (identity,)),
        ("createTimestamp", (b"20010203040506Z",)),
        ("creatorsName", (b"cn=somebody,dc=elsewhere",)),
        ("modifyTimestamp", (b"20020203040506Z",)),
        ("modifiersName", (b"cn=another,dc=elsewhere",)),
    )
    assert write(people, AddRequest(dn, attributes)).code is ResultCode.CONSTRAINT_VIOLATION
    assert write(people, AddRequest(dn, attributes), relaxed).code == 0
    for name, (value,) in attributes[2:]:
        assert people.values(dn, name) == [value]
    again = AddRequest(b"ou=second," + BASE, (attributes[0], ("ou", (b"second",)), attributes[2]))
    assert write(people, again, relaxed).code is ResultCode.CONSTRAINT_VIOLATION
    assert people.modify(dn, ("replace", "description", "x")).code == 0
    assert people.values(dn, "createTimestamp") == [b"20010203040506Z"]
    assert people.values(dn, "modifiersName") == [people.token.dn]
    back = modified(ModifyKind.REPLACE, "modifyTimestamp", b"20030203040506Z", dn=dn)
    assert write(people, back).code is ResultCode.CONSTRAINT_VIOLATION
    assert write(people, back, relaxed).code == 0
    assert people.values(dn, "modifyTimestamp") == [b"20030203040506Z"]


def test_relaxed_rules_are_few(people: Directory) -> None:
    relaxed = Control(RELAX_RULES, True)
    for change in (
        modified(ModifyKind.REPLACE, "entryUUID", b"597ae2f6-16a6-4027-98f4-d28b5365dc14"),
        modified(ModifyKind.REPLACE, "structuralObjectClass", b"person"),
        modified(ModifyKind.DELETE, "createTimestamp"),
        modified(ModifyKind.REPLACE, "createTimestamp"),
        modified(ModifyKind.REPLACE, "memberOf", UNIT),
    ):
        assert write(people, change, relaxed).code is ResultCode.CONSTRAINT_VIOLATION
    wrong = modified(ModifyKind.REPLACE, "createTimestamp", b"yesterday")
    assert write(people, wrong, relaxed).code is ResultCode.INVALID_ATTRIBUTE_SYNTAX
    other = modified(ModifyKind.REPLACE, "objectClass", b"organizationalUnit")
    assert write(people, other, relaxed).code is not ResultCode.SUCCESS


@pytest.mark.parametrize("request_", [*WRITES, AddRequest(b"ou=x," + BASE, PERSON)])
def test_only_administrators_relax(people: Directory, request_: WriteRequest) -> None:
    context = replace(people.context(controls=(Control(RELAX_RULES, False),)), token=stranger(people))
    outcome = people.write(request_, context)
    assert outcome.code is ResultCode.INSUFFICIENT_ACCESS_RIGHTS
    assert "relaxed" in outcome.message
