"""Names of accounts are unique together: whichever attribute they stand in, however they are spelt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from descriptors import ANN as STRANGER
from descriptors import describe, token_of
from fresh_directory import BASE, Directory
from lightwave.directory.access.sid import format_sid
from lightwave.directory.ldap.messages import AddRequest
from lightwave.directory.ldap.result import ResultCode

USERS = f"cn=Users,{BASE.decode()}"
ANN = f"cn=Ann,{USERS}"
SUCCESS, TAKEN = ResultCode.SUCCESS, ResultCode.CONSTRAINT_VIOLATION


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    """A fresh directory with ann, who has all kinds of names."""
    made = Directory(tmp_path)
    added = made.add(
        ANN,
        objectClass="user",
        sAMAccountName="ann",
        userPrincipalName="ann.fine@lightwave.local",
        servicePrincipalName=["http/ann", "http/ann.lightwave.local"],
        lwAlias=["Straße", "ann@elsewhere.example"],
    )
    assert added.code is SUCCESS
    yield made
    made.close()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("sAMAccountName", "ANN"),
        ("sAMAccountName", "ａｎｎ"),
        ("sAMAccountName", "ann.fine"),
        ("sAMAccountName", "ann.ﬁne"),
        ("sAMAccountName", "STRASSE"),
        ("userPrincipalName", "Ann@LIGHTWAVE.local"),
        ("userPrincipalName", "ann"),
        ("userPrincipalName", "strasse@lightwave.local"),
        ("userPrincipalName", "ann@elsewhere.example"),
        ("userPrincipalName", "http/ann@lightwave.local"),
        ("servicePrincipalName", "HTTP/Ann"),
        ("servicePrincipalName", "http/ann@lightwave.local"),
        ("lwAlias", "ann"),
        ("lwAlias", "ann.fine"),
        ("lwAlias", "http/ann"),
    ],
)
def test_a_name_that_another_has(directory: Directory, attribute: str, value: str) -> None:
    bob = f"cn=Bob,{USERS}"
    assert directory.add(bob, objectClass="user", **{attribute: value}).code is TAKEN
    assert directory.add(bob, objectClass="user", sAMAccountName="bob").code is SUCCESS
    assert directory.modify(bob, ("replace", attribute, value)).code is TAKEN
    assert directory.delete(ANN).code is SUCCESS
    assert directory.modify(bob, ("replace", attribute, value)).code is SUCCESS


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("userPrincipalName", "ann@another.example"),
        ("sAMAccountName", "ann$"),
        ("sAMAccountName", "ann2"),
        ("servicePrincipalName", "ldap/ann"),
        ("lwAlias", "anne"),
    ],
)
def test_a_name_that_nobody_has(directory: Directory, attribute: str, value: str) -> None:
    assert directory.add(f"cn=Bob,{USERS}", objectClass="user", **{attribute: value}).code is SUCCESS


@pytest.mark.parametrize("hidden", [True, False])
def test_neg_020_who_has_the_name_is_told_to_those_who_see_him(directory: Directory, hidden: bool) -> None:
    who = f"(A;CI;CCRPLC;;;{format_sid(STRANGER)})"
    describe(directory, USERS, f"D:{who}")
    if hidden:
        describe(directory, ANN, "D:P(A;;GA;;;BA)")
    context = replace(directory.context(), token=token_of(directory, STRANGER))
    attributes = (("objectClass", (b"user",)), ("cn", (b"Bob",)), ("sAMAccountName", (b"ann",)))
    refused = directory.write(AddRequest(f"cn=Bob,{USERS}".encode(), attributes), context)
    assert refused.code is TAKEN
    assert (ANN in refused.message) is not hidden
    assert hidden is ("another entry" in refused.message)


def test_one_account_may_have_a_name_twice(directory: Directory) -> None:
    change = ("replace", "userPrincipalName", "ann@lightwave.local")
    assert directory.modify(ANN, change, ("add", "lwAlias", "ANN")).code is SUCCESS


def test_groups_are_named_beside_accounts(directory: Directory) -> None:
    group = f"cn=group,{USERS}"
    assert directory.add(group, objectClass="group", sAMAccountName="Ann").code is TAKEN
    assert directory.add(group, objectClass="group", sAMAccountName="anns").code is SUCCESS


def test_two_of_one_batch(directory: Directory) -> None:
    from lightwave.directory.ldap.messages import AddRequest
    from lightwave.directory.operations import add
    from lightwave.directory.operations.plugins import default_plugins

    def request(name: bytes) -> AddRequest:
        values = (("objectClass", (b"user",)), ("cn", (name,)), ("sAMAccountName", (b"twice",)))
        return AddRequest(b"cn=" + name + b"," + USERS.encode(), values)

    with directory.store.write() as txn:
        schema, context = directory.schemas.current(txn), directory.context()
        with txn.child() as child:
            add.apply(child, schema, context, request(b"one"), bytes(15) + b"1", (), default_plugins())
        with pytest.raises(Exception, match="must be unique"), txn.child() as child:
            add.apply(child, schema, context, request(b"two"), bytes(15) + b"2", (), default_plugins())


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        *(("sAMAccountName", f"a{odd}b") for odd in '"/\\[]:;|=,+*?<>@\n'),
        ("sAMAccountName", "..."),
        ("sAMAccountName", "a" * 257),
        ("userPrincipalName", "@lightwave.local"),
        ("userPrincipalName", "bob@"),
        ("servicePrincipalName", "http/"),
        ("servicePrincipalName", "/host"),
    ],
)
def test_neg_what_is_no_name(directory: Directory, attribute: str, value: str) -> None:
    added = directory.add(f"cn=Bob,{USERS}", objectClass="user", **{attribute: value})
    assert added.code in (TAKEN, ResultCode.INVALID_ATTRIBUTE_SYNTAX)
    assert directory.modify(ANN, ("replace", attribute, value)).code is not SUCCESS


def test_a_name_that_was_taken_while_its_owner_was_deleted(directory: Directory) -> None:
    assert directory.delete(ANN).code is SUCCESS
    assert directory.add(ANN, objectClass="user", sAMAccountName="ann").code is SUCCESS
