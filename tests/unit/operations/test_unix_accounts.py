"""Accounts of Unix: numbers that the server gives, SSH keys, rules of sudo."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from fresh_directory import BASE, Directory, Values
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.unix_numbers import DEFAULT_RANGE

DOMAIN = BASE.decode()
USERS = f"cn=Users,{DOMAIN}"
SUCCESS, CONSTRAINT = ResultCode.SUCCESS, ResultCode.CONSTRAINT_VIOLATION
FIRST = DEFAULT_RANGE[0]
KEY = b"ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32))


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    """A fresh directory."""
    made = Directory(tmp_path)
    yield made
    made.close()


def account(directory: Directory, name: str, kind: str = "user", **more: Values | str) -> ResultCode:
    """An account of Unix."""
    classes = [kind, "posixAccount"]
    given = {"uid": name, "sn": name, "homeDirectory": f"/home/{name}", **more}
    return directory.add(f"cn={name},{USERS}", objectClass=classes, **given).code


def numbers(directory: Directory, name: str) -> tuple[int, ...]:
    """(uidNumber, gidNumber) of an entry; a group has the latter."""
    found = [directory.values(f"cn={name},{USERS}", which) for which in ("uidNumber", "gidNumber")]
    return tuple(int(values[0]) for values in found if values)


@pytest.mark.parametrize("kind", ["user", "inetOrgPerson"])
def test_numbers_are_given_where_none_are(directory: Directory, kind: str) -> None:
    assert account(directory, "ann", kind) is SUCCESS
    assert account(directory, "bob", kind, uidNumber="-1", gidNumber="100") is SUCCESS
    assert account(directory, "eve", kind, uidNumber="7", gidNumber="8") is SUCCESS
    assert numbers(directory, "ann") == (FIRST, FIRST)
    assert numbers(directory, "bob") == (FIRST + 1, 100)
    assert numbers(directory, "eve") == (7, 8)


def test_groups_get_one_that_no_account_has(directory: Directory) -> None:
    assert account(directory, "ann") is SUCCESS
    classes = ["group", "posixGroup"]
    assert directory.add(f"cn=staff,{USERS}", objectClass=classes).code is SUCCESS
    assert numbers(directory, "staff") == (FIRST + 1,)


def test_a_number_is_given_once(directory: Directory) -> None:
    assert account(directory, "ann") is SUCCESS
    assert directory.delete(f"cn=ann,{USERS}").code is SUCCESS
    assert account(directory, "ann") is SUCCESS
    assert numbers(directory, "ann") == (FIRST + 1, FIRST + 1)


def test_the_domain_names_the_range(directory: Directory) -> None:
    assert directory.modify(DOMAIN, ("add", "lwUidNumberRange", "1000-1001")).code is SUCCESS
    assert account(directory, "taken", uidNumber="1000", gidNumber="1") is SUCCESS
    assert account(directory, "ann") is SUCCESS
    assert numbers(directory, "ann")[0] == 1001
    assert account(directory, "bob") is ResultCode.UNWILLING_TO_PERFORM
    for bad in ("5-1", "0-9", "x", "1-9999999999", "1000"):
        assert directory.modify(DOMAIN, ("replace", "lwUidNumberRange", bad)).code is CONSTRAINT


def test_a_modify_asks_for_numbers(directory: Directory) -> None:
    assert directory.add(f"cn=ann,{USERS}", objectClass="user", uid="ann").code is SUCCESS
    changes = [
        ("add", "objectClass", "posixAccount"),
        ("add", "uidNumber", "-1"),
        ("add", "gidNumber", "-1"),
        ("add", "homeDirectory", "/home/ann"),
    ]
    assert directory.modify(f"cn=ann,{USERS}", *changes).code is SUCCESS
    assert numbers(directory, "ann") == (FIRST, FIRST)


def test_two_accounts_have_different_numbers(directory: Directory) -> None:
    assert account(directory, "ann", uidNumber="7", gidNumber="8") is SUCCESS
    assert account(directory, "bob", uidNumber="7", gidNumber="8") is CONSTRAINT
    assert account(directory, "bob", uidNumber="9", gidNumber="8") is SUCCESS
    assert directory.modify(f"cn=bob,{USERS}", ("replace", "uidNumber", "7")).code is CONSTRAINT
    staff = {"objectClass": ["group", "posixGroup"], "gidNumber": "8"}
    assert directory.add(f"cn=staff,{USERS}", **staff).code is SUCCESS
    assert directory.add(f"cn=more,{USERS}", **staff).code is CONSTRAINT
    assert account(directory, "plain", "inetOrgPerson", uidNumber="7", gidNumber="8") is SUCCESS


@pytest.mark.parametrize(
    "key", [KEY, KEY + b" ann@desk", b'command="ls",no-pty ' + KEY + b" ann", KEY + b"\n", KEY + b"\tann"]
)
def test_keys(directory: Directory, key: bytes) -> None:
    added = directory.add(f"cn=ann,{USERS}", objectClass=["user", "ldapPublicKey"], sshPublicKey=key)
    assert added.code is SUCCESS


@pytest.mark.parametrize(
    "key",
    [
        b"ssh-ed25519",
        b"ssh-ed25519 AAAA",
        b"ssh-rsa " + KEY.split()[1],
        b"ssh-ed25519 !!",
        KEY + b"\n" + KEY,
        b" ",
        KEY + b" \x00",
        KEY + b" " + b"a" * 20_000,
    ],
)
def test_neg_what_is_no_key(directory: Directory, key: bytes) -> None:
    assert directory.add(f"cn=ann,{USERS}", objectClass="user", sshPublicKey=key).code is CONSTRAINT


def test_rules_of_sudo(directory: Directory) -> None:
    commands = ["ALL", "/usr/bin/ls", "!/bin/sh", "sha256:abc= /bin/ls -l", "sudoedit /etc/motd", "^/bin/.*$"]
    rule = {"objectClass": "sudoRole", "sudoUser": ["ann", "%staff", "ALL"], "sudoHost": "ALL"}
    dn = f"cn=rule,{USERS}"
    assert (
        directory.add(dn, **rule, sudoCommand=commands, sudoOption="!authenticate", sudoOrder="3").code
        is SUCCESS
    )
    for bad in ("ls", "", "/bin/ls\nALL"):
        assert directory.modify(dn, ("add", "sudoCommand", bad)).code is not SUCCESS
    assert directory.modify(dn, ("add", "sudoUser", "ann\nALL")).code is CONSTRAINT
    assert directory.modify(dn, ("add", "sudoNotAfter", "20300101000000Z")).code is SUCCESS
