"""Two tenants: whoever is of one finds nothing of the other, and is told nothing by how it is not found."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from descriptors import ANN, token_of
from fresh_directory import BASE, Directory
from lightwave.directory.access.sid import BUILTIN_ADMINISTRATORS
from lightwave.directory.access.token import ANONYMOUS, AuthenticatedBy, Token
from lightwave.directory.ldap.messages import (
    AddRequest,
    CompareRequest,
    DeleteRequest,
    Modification,
    ModifyDNRequest,
    ModifyKind,
    ModifyRequest,
)
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.compare import compare
from lightwave.directory.operations.domain_tree import build_domain
from lightwave.directory.operations.entry_builder import EntryBuilder
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.ports import WriteRequest
from lightwave.directory.operations.tenant_entries import add_tenant_entry, tenant_entry_dn

ACME = b"dc=acme,dc=example"
NONE = b"dc=none,dc=example"
USERS = b"cn=Users,"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    made = Directory(tmp_path)
    guid = uuid.uuid4().bytes
    assert made.store.keyring is not None
    made.store.keyring.add_tenant(guid)
    with made.store.write() as txn:
        number = txn.create_tenant(guid)
        builder = EntryBuilder(txn, made.schemas.current(txn), number, lambda: uuid.uuid4().bytes)
        build_domain(builder, ACME)
        system = EntryBuilder(txn, builder.schema, made.tree.tenant, lambda: uuid.uuid4().bytes)
        add_tenant_entry(system, guid, ACME)
    yield made
    made.close()


def tenant_of(directory: Directory) -> int:
    return directory.find(ACME)[0]


def administrator_of(directory: Directory, dn: bytes) -> Token:
    return replace(directory.token, tenant=directory.find(dn)[0], entry_id=1 << 40, entry_ids=frozenset())


def requests(domain: bytes) -> list[WriteRequest]:
    users = USERS + domain
    person = b"cn=Administrator," + users
    return [
        AddRequest(domain, (("objectClass", (b"domain",)), ("dc", (domain[3:7],)))),
        AddRequest(b"cn=x," + users, (("objectClass", (b"container",)), ("cn", (b"x",)))),
        ModifyRequest(person, (Modification(ModifyKind.REPLACE, "description", (b"x",)),)),
        ModifyRequest(person, (Modification(ModifyKind.REPLACE, "nobodysAttribute", (b"x",)),)),
        ModifyDNRequest(person, b"cn=eve", True, None),
        ModifyDNRequest(person, b"cn=Administrator", True, domain),
        DeleteRequest(person),
        DeleteRequest(domain),
    ]


def told(outcome: Outcome) -> tuple[ResultCode, bytes, str]:
    return outcome.code, outcome.matched, outcome.message


def write(directory: Directory, request: WriteRequest, token: Token) -> Outcome:
    return directory.write(request, replace(directory.context(), token=token))


def compared(directory: Directory, token: Token, dn: bytes) -> tuple[ResultCode, bytes]:
    context = replace(directory.context(), token=token)
    with directory.store.read() as txn:
        found = compare(txn, directory.schemas.current(txn), context, CompareRequest(dn, "cn", b"x"))
    return found.code, found.matched


@pytest.mark.parametrize("kind", ["administrator", "user", "local"])
def test_another_tenant_is_as_one_that_is_not(directory: Directory, kind: str) -> None:
    administrator = administrator_of(directory, BASE)
    token = {
        "administrator": administrator,
        "user": token_of(directory),
        "local": replace(administrator, authenticated_by=AuthenticatedBy.LOCAL_SOCKET),
    }[kind]
    for there, nowhere in zip(requests(ACME), requests(NONE), strict=True):
        assert told(write(directory, there, token)) == told(write(directory, nowhere, token)), there
    for dn in (b"", USERS, b"cn=Administrator," + USERS):
        answer = compared(directory, token, dn + ACME)
        assert answer == compared(directory, token, dn + NONE) == (ResultCode.NO_SUCH_OBJECT, b"")


def test_a_move_into_another_tenant_is_a_move_to_nowhere(directory: Directory) -> None:
    directory.add(b"cn=x," + USERS + BASE, objectClass=["container"], cn="x")
    token = administrator_of(directory, BASE)
    moves = [
        write(directory, ModifyDNRequest(b"cn=x," + USERS + BASE, b"cn=x", True, above), token)
        for above in (ACME, USERS + ACME, NONE)
    ]
    assert len({told(move) for move in moves}) == 1


def test_a_tenants_administrator_rules_there_and_nowhere_else(directory: Directory) -> None:
    token = administrator_of(directory, ACME)
    person = b"cn=new," + USERS + ACME
    attributes = (("objectClass", (b"user",)), ("cn", (b"new",)), ("sn", (b"n",)))
    assert write(directory, AddRequest(person, attributes), token).code == 0
    assert compared(directory, token, person)[0] is ResultCode.COMPARE_FALSE
    for dn in (BASE, b"cn=config", b"cn=nodes,cn=config"):
        assert compared(directory, token, dn) == (ResultCode.NO_SUCH_OBJECT, b"")
        assert compared(directory, ANONYMOUS, dn) == (ResultCode.NO_SUCH_OBJECT, b"")
    assert compared(directory, token, b"cn=aggregate,cn=schemacontext")[0] is ResultCode.COMPARE_FALSE


def test_who_is_let_in_has_what_his_groups_there_have(directory: Directory) -> None:
    """A foreignSecurityPrincipal with his SID; without a group it gives nothing."""
    guest = token_of(directory, ANN)
    stands = b"cn=guest,cn=ForeignSecurityPrincipals," + ACME
    tenant = tenant_of(directory)
    with directory.store.write() as txn:
        schema = directory.schemas.current(txn)
        builder = EntryBuilder(txn, schema, tenant, lambda: uuid.uuid4().bytes)
        builder.add(stands, ["top", "foreignSecurityPrincipal"], objectSid=ANN)
    assert compared(directory, guest, ACME)[0] is ResultCode.NO_SUCH_OBJECT
    member = Modification(ModifyKind.ADD, "member", (stands,))
    group = b"cn=Administrators,cn=Builtin," + ACME
    assert write(directory, ModifyRequest(group, (member,)), administrator_of(directory, ACME)).code == 0
    assert compared(directory, guest, ACME)[0] is ResultCode.NO_SUCH_ATTRIBUTE
    change = ModifyRequest(ACME, (Modification(ModifyKind.REPLACE, "description", (b"x",)),))
    assert write(directory, change, guest).code == 0
    assert BUILTIN_ADMINISTRATORS not in guest.sids
    denied = ModifyRequest(BASE, (Modification(ModifyKind.REPLACE, "description", (b"x",)),))
    assert write(directory, denied, guest).code is ResultCode.INSUFFICIENT_ACCESS_RIGHTS


def test_which_tenants_there_are_is_for_the_systems_administrators(directory: Directory) -> None:
    dn = tenant_entry_dn("acme.example")
    assert compared(directory, administrator_of(directory, BASE), dn)[0] is not ResultCode.NO_SUCH_OBJECT
    for token in (token_of(directory), administrator_of(directory, ACME), ANONYMOUS):
        assert compared(directory, token, dn)[0] is ResultCode.NO_SUCH_OBJECT


def test_a_change_of_the_schema_names_no_entry_of_another_tenant(directory: Directory) -> None:
    schema = "cn=aggregate,cn=schemacontext"
    many = "( 2.25.1.1 NAME 'shoeSize' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )"
    one = many.replace(" )", " SINGLE-VALUE )")
    shopper = "( 2.25.1.9 NAME 'shopper' SUP top AUXILIARY MAY shoeSize )"
    made = directory.modify(schema, ("add", "attributeTypes", many), ("add", "objectClasses", shopper))
    assert made.code == 0, made
    attributes = (("objectClass", (b"person", b"shopper")), ("sn", (b"x",)), ("shoeSize", (b"42", b"43")))
    owner = replace(administrator_of(directory, ACME), bypass=True)
    added = write(directory, AddRequest(b"cn=hers," + USERS + ACME, attributes), owner)
    assert added.code == 0, added
    refused = directory.modify(schema, ("delete", "attributeTypes", many), ("add", "attributeTypes", one))
    assert refused.code is ResultCode.UNWILLING_TO_PERFORM
    assert "an entry of another tenant" in refused.message
    assert "hers" not in refused.message
