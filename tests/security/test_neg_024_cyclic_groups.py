"""Negative test 24: groups that contain each other, and 10,000 groups deep: memberOf ends, and says each group once."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fresh_directory import BUILTIN, Directory
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.computed import group_ids
from lightwave.directory.schema.normalisation import NormalisedRDN, normalise_dn_text
from lightwave.directory.store.writing import NewEntry

DOMAIN = "dc=lightwave,dc=local"
USERS = f"cn=Users,{DOMAIN}"
SUCCESS = ResultCode.SUCCESS
DEPTH = 10_000


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    """A fresh directory."""
    made = Directory(tmp_path)
    yield made
    made.close()


def test_neg_024_groups_in_a_cycle(directory: Directory) -> None:
    ann = f"cn=Ann,{USERS}"
    assert directory.add(ann, objectClass="person", sn="x").code is SUCCESS
    groups = [f"cn={letter},{USERS}" for letter in "ABC"]
    for number, group in enumerate(groups):
        members = [ann] if number == 0 else [groups[number - 1]]
        assert directory.add(group, objectClass="groupOfNames", member=members).code is SUCCESS
    assert directory.modify(groups[0], ("add", "member", [groups[2], groups[0]])).code is SUCCESS
    assert directory.values(ann, "memberOf") == [group.encode() for group in groups]
    assert directory.values(ann, "lwMemberOfDirect") == [groups[0].encode()]
    assert sorted(directory.values(groups[0], "memberOf")) == [group.encode() for group in groups[1:]]
    assert directory.compare(ann, "memberOf", groups[2]) is ResultCode.COMPARE_TRUE


def test_neg_024_ten_thousand_deep(directory: Directory) -> None:
    tenant, users = directory.find(USERS)
    classes, member = BUILTIN.describe("objectClass"), BUILTIN.describe("member")
    assert classes is not None
    assert member is not None
    with directory.store.write() as txn:
        change = txn.begin_change()
        _, member_of_none = txn.find(normalise_dn_text(BUILTIN, f"cn=DCClients,cn=Builtin,{DOMAIN}".encode()))
        below = member_of_none
        for number in range(DEPTH):
            name = b"cn=g%d" % number
            entry = NewEntry(
                name,
                NormalisedRDN(b"2.5.4.3=g%d" % number),
                uuid.uuid4().bytes,
                [(classes, (b"top", b"groupOfNames"))],
                [(member, below)],
            )
            below = txn.insert_entry(tenant, users, entry, change)
    with directory.store.read() as txn:
        start = time.process_time()
        found = group_ids(txn, tenant, member_of_none)
        spent = time.process_time() - start
    assert len(found) == DEPTH
    assert spent < 1.0
