"""SIDs: who gets one, that none is given twice, and that nobody else gives them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fresh_directory import BASE, Directory
from lightwave.directory.access.sid import (
    BUILTIN,
    BUILTIN_ADMINISTRATORS,
    BUILTIN_USERS,
    Sid,
    decode_sid,
    format_sid,
    make_sid,
    split_rid,
    with_rid,
)
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.security_identifiers import FIRST_RID, POOL, SKIPPED, next_sid
from lightwave.directory.store.writing import WriteTransaction

DOMAIN = BASE.decode()
USERS = f"cn=Users,{DOMAIN}"
MANAGER = f"cn=RID Manager$,cn=System,{DOMAIN}"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    """A fresh directory."""
    made = Directory(tmp_path)
    yield made
    made.close()


def sid(directory: Directory, dn: str) -> Sid:
    """The SID of an entry."""
    (value,) = directory.values(dn, "objectSid")
    return decode_sid(value)


def rid(directory: Directory, dn: str) -> int:
    """The RID of an entry, of the domain's own."""
    parts = split_rid(sid(directory, dn))
    assert parts is not None
    assert parts[0] == sid(directory, DOMAIN)
    return parts[1]


def available(directory: Directory) -> int:
    """The next RID that no node has taken."""
    (value,) = directory.values(MANAGER, "rIDAvailablePool")
    return int(value) & 0xFFFFFFFF


def add(directory: Directory, name: str, kind: str = "user", **more: bytes | str) -> ResultCode:
    """An add below cn=Users."""
    return directory.add(f"cn={name},{USERS}", objectClass=kind, **more).code


def take(directory: Directory, count: int) -> set[Sid]:
    """So many SIDs."""
    found = set()
    with directory.store.write() as txn:
        for _ in range(count):
            taken = next_sid(txn, directory.schemas.current(txn), directory.tree.tenant)
            assert taken is not None
            found.add(taken)
    return found


def test_a_domain_and_what_it_begins_with(directory: Directory) -> None:
    domain = sid(directory, DOMAIN)
    assert format_sid(domain).startswith("S-1-5-21-")
    assert rid(directory, f"cn=Administrator,{USERS}") == 500
    assert rid(directory, f"cn=krbtgt,{USERS}") == 502
    assert rid(directory, f"cn=DCAdmins,cn=Builtin,{DOMAIN}") == 512
    assert rid(directory, f"cn=Domain Users,{USERS}") == 513
    assert rid(directory, f"cn=DCClients,cn=Builtin,{DOMAIN}") == 515
    assert rid(directory, f"cn=SchemaManagers,cn=Builtin,{DOMAIN}") == 518
    assert rid(directory, f"cn=CAAdmins,cn=Builtin,{DOMAIN}") == FIRST_RID
    assert sid(directory, f"cn=Builtin,{DOMAIN}") == BUILTIN
    assert sid(directory, f"cn=Administrators,cn=Builtin,{DOMAIN}") == BUILTIN_ADMINISTRATORS
    assert sid(directory, f"cn=Users,cn=Builtin,{DOMAIN}") == BUILTIN_USERS
    assert directory.values(DOMAIN, "rIDManagerReference") == [MANAGER.encode()]
    assert not directory.findings()


def test_two_domains_differ(tmp_path: Path, directory: Directory) -> None:
    other = Directory(tmp_path / "other")
    assert sid(other, DOMAIN) != sid(directory, DOMAIN)
    other.close()


def test_accounts_and_groups_get_one(directory: Directory) -> None:
    kinds = ("user", "computer", "group", "msDS-ManagedServiceAccount")
    for kind in kinds:
        assert add(directory, kind, kind) is ResultCode.SUCCESS
    rids = [rid(directory, f"cn={kind},{USERS}") for kind in kinds]
    assert rids == sorted(set(rids))
    assert rids[0] > FIRST_RID
    assert add(directory, "contact", "contact") is ResultCode.SUCCESS
    assert directory.values(f"cn=contact,{USERS}", "objectSid") == []


def test_nobody_else_gives_one(directory: Directory) -> None:
    own = bytes(sid(directory, f"cn=Administrator,{USERS}"))
    assert add(directory, "a", objectSid=own) is ResultCode.CONSTRAINT_VIOLATION
    assert add(directory, "b", objectSid=bytes(with_rid(make_sid(5, 21, 1, 2, 3), 1000))) is (
        ResultCode.CONSTRAINT_VIOLATION
    )
    assert add(directory, "c") is ResultCode.SUCCESS
    for change in (("replace", "objectSid", own), ("delete", "objectSid", ())):
        assert directory.modify(f"cn=c,{USERS}", change).code is ResultCode.CONSTRAINT_VIOLATION
    assert directory.modify(DOMAIN, ("replace", "objectSid", own)).code is ResultCode.CONSTRAINT_VIOLATION


def test_none_is_given_twice(directory: Directory) -> None:
    assert add(directory, "first") is ResultCode.SUCCESS
    first = sid(directory, f"cn=first,{USERS}")
    directory.delete(f"cn=first,{USERS}")
    before = available(directory)
    taken = take(directory, POOL + 1)
    assert len(taken) == POOL + 1
    assert first not in taken
    assert available(directory) == before + POOL


def test_what_is_undone_gives_it_back(directory: Directory) -> None:
    class Undone(Exception):
        pass

    def attempt(txn: WriteTransaction) -> None:
        assert next_sid(txn, directory.schemas.current(txn), directory.tree.tenant) is not None
        raise Undone

    (last,) = take(directory, 1)
    with pytest.raises(Undone), directory.store.write() as txn:
        attempt(txn)
    parts = split_rid(last)
    assert parts is not None
    assert take(directory, 1) == {with_rid(parts[0], parts[1] + 1)}


def test_a_restored_store_skips_what_it_may_have_given_out(directory: Directory) -> None:
    before = available(directory)
    directory.store.renew_server(os.urandom(16))
    (taken,) = take(directory, 1)
    assert taken == with_rid(sid(directory, DOMAIN), before + SKIPPED)
    assert take(directory, 1) == {with_rid(sid(directory, DOMAIN), before + SKIPPED + 1)}


def test_foreign_security_principals(directory: Directory) -> None:
    container = f"cn=ForeignSecurityPrincipals,{DOMAIN}"
    foreign = make_sid(5, 21, 7, 8, 9, 1234)
    name = f"cn={format_sid(foreign)},{container}"
    kind = "foreignSecurityPrincipal"
    assert directory.add(f"cn=somebody,{container}", objectClass=kind).code is ResultCode.NAMING_VIOLATION
    other = bytes(make_sid(5, 21, 7, 8, 9, 1))
    assert directory.add(name, objectClass=kind, objectSid=other).code is ResultCode.CONSTRAINT_VIOLATION
    own = f"cn={format_sid(sid(directory, f'cn=Administrator,{USERS}'))},{container}"
    assert directory.add(own, objectClass=kind).code is ResultCode.CONSTRAINT_VIOLATION
    assert directory.add(name, objectClass=kind).code is ResultCode.SUCCESS
    assert sid(directory, name) == foreign
    twice = f"cn={format_sid(foreign)},{USERS}"
    assert directory.add(twice, objectClass=kind).code is ResultCode.CONSTRAINT_VIOLATION
    assert directory.rename(name, "cn=another").code is ResultCode.UNWILLING_TO_PERFORM
    assert directory.delete(name).code is ResultCode.SUCCESS
    assert directory.add(name, objectClass=kind, objectSid=format_sid(foreign)).code is ResultCode.SUCCESS


def test_asked_for_as_text_and_as_octets(directory: Directory) -> None:
    administrator = f"cn=Administrator,{USERS}"
    value = sid(directory, administrator)
    for asked in (bytes(value), format_sid(value), format_sid(value).lower()):
        assert directory.compare(administrator, "objectSid", asked) is ResultCode.COMPARE_TRUE
    assert directory.compare(administrator, "objectSid", "S-1-5-21-1-2-3-4") is ResultCode.COMPARE_FALSE
    bad = directory.compare(administrator, "objectSid", "S-1-x")
    assert bad is ResultCode.INVALID_ATTRIBUTE_SYNTAX


def test_the_pool_only_shrinks(directory: Directory) -> None:
    (value,) = directory.values(MANAGER, "rIDAvailablePool")
    for bad in (int(value) - 1, (1 << 32) + 1, int(value) + (1 << 40)):
        outcome = directory.modify(MANAGER, ("replace", "rIDAvailablePool", str(bad)))
        assert outcome.code is ResultCode.UNWILLING_TO_PERFORM
    assert (
        directory.modify(MANAGER, ("replace", "rIDAvailablePool", str(int(value) + 7))).code
        is ResultCode.SUCCESS
    )
    other = f"cn=RID Manager$,{USERS}"
    added = directory.add(other, objectClass="rIDManager", rIDAvailablePool=value)
    assert added.code is ResultCode.UNWILLING_TO_PERFORM


def test_who_becomes_a_security_principal(directory: Directory) -> None:
    dn = f"cn=contact,{USERS}"
    assert add(directory, "contact", "contact") is ResultCode.SUCCESS
    changes = (("add", "objectClass", "securityPrincipal"), ("add", "sAMAccountName", "contact"))
    assert directory.modify(dn, *changes).code is ResultCode.SUCCESS
    assert rid(directory, dn) > FIRST_RID
