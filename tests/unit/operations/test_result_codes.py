"""Each refusal of a write has the code that RFC 4511 gives it (and slapd, where the RFC leaves a choice)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fresh_directory import Directory
from lightwave.directory.ldap.messages import (
    AddRequest,
    DeleteRequest,
    Modification,
    ModifyDNRequest,
    ModifyKind,
    ModifyRequest,
)
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.ports import WriteRequest

USERS = "cn=Users,dc=lightwave,dc=local"
ANN = f"cn=Ann,{USERS}"
BOB = f"cn=Bob,{USERS}"
GROUP = f"cn=Staff,{USERS}"
TEAM = f"ou=Team,{USERS}"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    """Two people, a group with one of them, and a unit with a child; nothing here changes them."""
    directory = Directory(tmp_path_factory.mktemp("people"))
    for outcome in (
        directory.add(
            ANN, objectClass=["person", "uidObject"], sn="Lee", uid="ann", description=["one", "Two"]
        ),
        directory.add(BOB, objectClass="inetOrgPerson", sn="Lee", employeeNumber="7", audio="a"),
        directory.add(GROUP, objectClass="groupOfNames", member=ANN),
        directory.add(TEAM, objectClass="organizationalUnit"),
        directory.add(f"cn=Eve,{TEAM}", objectClass="person", sn="Lee"),
    ):
        assert outcome.code is ResultCode.SUCCESS, outcome
    yield directory
    assert directory.findings() == []
    directory.close()


def change(kind: str, attribute: str, *values: bytes) -> Modification:
    return Modification(ModifyKind[kind.upper()], attribute, values)


def modify(dn: str, *changes: Modification) -> ModifyRequest:
    return ModifyRequest(dn.encode(), changes)


def add(dn: str | bytes, **attributes: tuple[bytes, ...]) -> AddRequest:
    return AddRequest(dn.encode() if isinstance(dn, str) else dn, tuple(attributes.items()))


def rename(dn: str, rdn: str, superior: str | None = None, *, keep: bool = False) -> ModifyDNRequest:
    above = None if superior is None else superior.encode()
    return ModifyDNRequest(dn.encode(), rdn.encode(), not keep, above)


PERSON = {"objectClass": (b"person",), "sn": (b"x",)}
NEW = f"cn=New,{USERS}"

REFUSALS: list[tuple[str, WriteRequest, str, str]] = [
    # what, request, code, matched DN
    ("add: bad DN", add(b"cn=a,,dc=b", **PERSON), "INVALID_DN_SYNTAX", ""),
    ("add: unknown type in DN", add(f"nosuch=a,{USERS}", **PERSON), "INVALID_DN_SYNTAX", ""),
    ("add: root DSE", add("", **PERSON), "ENTRY_ALREADY_EXISTS", ""),
    ("add: naming context", add("dc=lightwave,dc=local", **PERSON), "ENTRY_ALREADY_EXISTS", ""),
    ("add: elsewhere", add("cn=a,dc=elsewhere", **PERSON), "NO_SUCH_OBJECT", ""),
    ("add: no superior", add(f"cn=a,ou=b,ou=c,{USERS}", **PERSON), "NO_SUCH_OBJECT", USERS),
    ("add: exists", add(ANN, **PERSON), "ENTRY_ALREADY_EXISTS", ""),
    ("add: exists, other spelling", add(f"CN=\\41nn , {USERS}", **PERSON), "ENTRY_ALREADY_EXISTS", ""),
    ("add: nothing", AddRequest(NEW.encode(), ()), "PROTOCOL_ERROR", ""),
    ("add: no class", add(NEW, sn=(b"x",)), "OBJECT_CLASS_VIOLATION", ""),
    ("add: unknown class", add(NEW, objectClass=(b"nosuch",)), "INVALID_ATTRIBUTE_SYNTAX", ""),
    ("add: abstract only", add(NEW, objectClass=(b"top",)), "OBJECT_CLASS_VIOLATION", ""),
    ("add: auxiliary only", add(NEW, objectClass=(b"uidObject",), uid=(b"x",)), "OBJECT_CLASS_VIOLATION", ""),
    (
        "add: two chains",
        add(NEW, objectClass=(b"person", b"device"), sn=(b"x",)),
        "OBJECT_CLASS_VIOLATION",
        "",
    ),
    ("add: MUST lacks", add(NEW, objectClass=(b"person",)), "OBJECT_CLASS_VIOLATION", ""),
    ("add: not in MAY", add(NEW, **PERSON, mail=(b"a@b",)), "OBJECT_CLASS_VIOLATION", ""),
    ("add: undefined type", add(NEW, **PERSON, nosuch=(b"x",)), "UNDEFINED_ATTRIBUTE_TYPE", ""),
    ("add: syntax", add(NEW, **PERSON, seeAlso=(b"x",)), "INVALID_ATTRIBUTE_SYNTAX", ""),
    ("add: value twice", add(NEW, **PERSON, description=(b"a", b" A ")), "ATTRIBUTE_OR_VALUE_EXISTS", ""),
    ("add: type twice", add(NEW, **PERSON, SN=(b"y",)), "ATTRIBUTE_OR_VALUE_EXISTS", ""),
    ("add: no values", add(NEW, **PERSON, description=()), "PROTOCOL_ERROR", ""),
    (
        "add: operational",
        add(NEW, **PERSON, createTimestamp=(b"20200101000000Z",)),
        "CONSTRAINT_VIOLATION",
        "",
    ),
    (
        "add: below deleted",
        add("cn=a,cn=Deleted Objects,dc=lightwave,dc=local", **PERSON),
        "UNWILLING_TO_PERFORM",
        "",
    ),
    (
        "add: single value",
        add(NEW, objectClass=(b"inetOrgPerson",), sn=(b"x",), employeeNumber=(b"1", b"2")),
        "CONSTRAINT_VIOLATION",
        "",
    ),
    (
        "modify: nothing there",
        modify(f"cn=No,{USERS}", change("replace", "sn", b"x")),
        "NO_SUCH_OBJECT",
        USERS,
    ),
    ("modify: deep", modify(f"cn=a,cn=b,{TEAM}", change("replace", "sn", b"x")), "NO_SUCH_OBJECT", TEAM),
    ("modify: elsewhere", modify("cn=a,dc=b", change("replace", "sn", b"x")), "NO_SUCH_OBJECT", ""),
    ("modify: bad DN", modify("ann", change("replace", "sn", b"x")), "INVALID_DN_SYNTAX", ""),
    ("modify: no changes", modify(ANN), "PROTOCOL_ERROR", ""),
    ("modify: undefined", modify(ANN, change("add", "nosuch", b"x")), "UNDEFINED_ATTRIBUTE_TYPE", ""),
    ("modify: syntax", modify(ANN, change("add", "seeAlso", b"x")), "INVALID_ATTRIBUTE_SYNTAX", ""),
    ("modify: add none", modify(ANN, change("add", "sn")), "PROTOCOL_ERROR", ""),
    ("modify: add present", modify(ANN, change("add", "sn", b" lee")), "ATTRIBUTE_OR_VALUE_EXISTS", ""),
    ("modify: add twice", modify(ANN, change("add", "sn", b"a", b"A")), "ATTRIBUTE_OR_VALUE_EXISTS", ""),
    (
        "modify: replace twice",
        modify(ANN, change("replace", "sn", b"a", b"A")),
        "ATTRIBUTE_OR_VALUE_EXISTS",
        "",
    ),
    ("modify: delete absent", modify(ANN, change("delete", "seeAlso")), "NO_SUCH_ATTRIBUTE", ""),
    ("modify: delete value", modify(ANN, change("delete", "description", b"three")), "NO_SUCH_ATTRIBUTE", ""),
    ("modify: delete links", modify(BOB, change("delete", "manager")), "NO_SUCH_ATTRIBUTE", ""),
    (
        "modify: member twice",
        modify(GROUP, change("add", "member", ANN.encode())),
        "ATTRIBUTE_OR_VALUE_EXISTS",
        "",
    ),
    ("modify: no member", modify(GROUP, change("delete", "member", BOB.encode())), "NO_SUCH_ATTRIBUTE", ""),
    (
        "modify: last member",
        modify(GROUP, change("delete", "member", ANN.encode())),
        "OBJECT_CLASS_VIOLATION",
        "",
    ),
    ("modify: all members", modify(GROUP, change("replace", "member")), "OBJECT_CLASS_VIOLATION", ""),
    ("modify: required", modify(ANN, change("delete", "sn")), "OBJECT_CLASS_VIOLATION", ""),
    ("modify: not allowed", modify(ANN, change("add", "mail", b"a@b")), "OBJECT_CLASS_VIOLATION", ""),
    ("modify: single", modify(BOB, change("add", "employeeNumber", b"8")), "CONSTRAINT_VIOLATION", ""),
    ("modify: RDN value", modify(ANN, change("replace", "cn", b"Anna")), "NOT_ALLOWED_ON_RDN", ""),
    ("modify: RDN attribute", modify(ANN, change("delete", "cn")), "NOT_ALLOWED_ON_RDN", ""),
    ("modify: RDN by value", modify(ANN, change("delete", "cn", b"ANN")), "NOT_ALLOWED_ON_RDN", ""),
    ("modify: operational", modify(ANN, change("replace", "modifyTimestamp")), "CONSTRAINT_VIOLATION", ""),
    ("modify: computed", modify(ANN, change("replace", "entryDN", b"cn=a")), "CONSTRAINT_VIOLATION", ""),
    (
        "modify: structural",
        modify(ANN, change("replace", "objectClass", b"device", b"uidObject")),
        "OBJECT_CLASS_MODS_PROHIBITED",
        "",
    ),
    (
        "modify: to subclass",
        modify(ANN, change("add", "objectClass", b"inetOrgPerson")),
        "OBJECT_CLASS_MODS_PROHIBITED",
        "",
    ),
    ("modify: no class", modify(ANN, change("delete", "objectClass")), "OBJECT_CLASS_VIOLATION", ""),
    (
        "modify: class in use",
        modify(ANN, change("delete", "objectClass", b"uidObject")),
        "OBJECT_CLASS_VIOLATION",
        "",
    ),
    ("modify: increment text", modify(ANN, change("increment", "sn", b"1")), "CONSTRAINT_VIOLATION", ""),
    (
        "modify: increment two",
        modify(ANN, change("increment", "uidNumber", b"1", b"2")),
        "PROTOCOL_ERROR",
        "",
    ),
    ("modify: increment none", modify(BOB, change("increment", "uidNumber", b"1")), "NO_SUCH_ATTRIBUTE", ""),
    ("modify: no equality", modify(BOB, change("add", "audio", b"b")), "INAPPROPRIATE_MATCHING", ""),
    ("modify: delete unequal", modify(BOB, change("delete", "audio", b"a")), "INAPPROPRIATE_MATCHING", ""),
    ("delete: nothing there", DeleteRequest(f"cn=No,{TEAM}".encode()), "NO_SUCH_OBJECT", TEAM),
    ("delete: non-leaf", DeleteRequest(TEAM.encode()), "NOT_ALLOWED_ON_NON_LEAF", ""),
    ("delete: context", DeleteRequest(b"dc=lightwave,dc=local"), "NOT_ALLOWED_ON_NON_LEAF", ""),
    (
        "delete: container of tombstones",
        DeleteRequest(b"cn=Deleted Objects,cn=config"),
        "UNWILLING_TO_PERFORM",
        "",
    ),
    ("delete: bad DN", DeleteRequest(b"=a"), "INVALID_DN_SYNTAX", ""),
    ("rename: nothing there", rename(f"cn=No,{TEAM}", "cn=x"), "NO_SUCH_OBJECT", TEAM),
    ("rename: bad RDN", rename(ANN, "ann"), "INVALID_DN_SYNTAX", ""),
    ("rename: two RDNs", rename(ANN, "cn=a,cn=b"), "INVALID_DN_SYNTAX", ""),
    ("rename: taken", rename(ANN, "cn=BOB"), "ENTRY_ALREADY_EXISTS", ""),
    ("rename: not allowed", rename(ANN, "mail=a@b", keep=True), "OBJECT_CLASS_VIOLATION", ""),
    ("rename: required goes", rename(ANN, "uid=ann"), "OBJECT_CLASS_VIOLATION", ""),
    ("rename: operational", rename(ANN, "entryUUID=x"), "INVALID_DN_SYNTAX", ""),
    ("rename: link", rename(ANN, f"seeAlso={BOB}".replace(",", "\\,")), "NAMING_VIOLATION", ""),
    ("rename: secret", rename(ANN, "userPassword=x"), "NAMING_VIOLATION", ""),
    ("rename: single value", rename(BOB, "employeeNumber=8", keep=True), "CONSTRAINT_VIOLATION", ""),
    ("rename: below itself", rename(TEAM, "ou=Team", f"cn=Eve,{TEAM}"), "UNWILLING_TO_PERFORM", ""),
    ("rename: to itself", rename(TEAM, "ou=Team", TEAM), "UNWILLING_TO_PERFORM", ""),
    ("rename: elsewhere", rename(ANN, "cn=Ann", "dc=elsewhere"), "AFFECTS_MULTIPLE_DSAS", ""),
    ("rename: other context", rename(ANN, "cn=Ann", "cn=config"), "AFFECTS_MULTIPLE_DSAS", ""),
    ("rename: root", rename(ANN, "cn=Ann", ""), "AFFECTS_MULTIPLE_DSAS", ""),
    ("rename: no superior", rename(ANN, "cn=Ann", f"ou=No,{USERS}"), "NO_SUCH_OBJECT", USERS),
    ("rename: context", rename("dc=lightwave,dc=local", "dc=x"), "UNWILLING_TO_PERFORM", ""),
    (
        "rename: below deleted",
        rename(ANN, "cn=Ann", "cn=Deleted Objects,dc=lightwave,dc=local"),
        "UNWILLING_TO_PERFORM",
        "",
    ),
]


@pytest.mark.parametrize(("what", "request_", "code", "matched"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_refused(people: Directory, what: str, request_: WriteRequest, code: str, matched: str) -> None:
    with people.store.read() as txn:
        before = txn.last_usn()
    outcome = people.write(request_)
    assert (outcome.code.name, outcome.matched.decode()) == (code, matched), outcome
    with people.store.read() as txn:
        assert txn.last_usn() == before, "a refused write changed something"


def test_anonymous_is_told_to_authenticate(people: Directory) -> None:
    anonymous = people.context(anonymous=True)
    for request in (
        add(NEW, **PERSON),
        modify(ANN, change("replace", "sn", b"x")),
        DeleteRequest(ANN.encode()),
        rename(ANN, "cn=x"),
        # what there is, and what is right, he is not told
        add(ANN, **PERSON),
        modify(f"cn=nobody,{ANN}", change("replace", "sn", b"x")),
        modify(ANN, change("replace", "undefined", b"x")),
        DeleteRequest(f"cn=nobody,{ANN}".encode()),
        rename(f"cn=nobody,{ANN}", "cn=x"),
    ):
        outcome = people.write(request, anonymous)
        assert (outcome.code, outcome.matched) == (ResultCode.STRONGER_AUTH_REQUIRED, b""), request
