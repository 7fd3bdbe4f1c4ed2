"""Every write of an entry is an event of the audit, and no event holds what was written."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fresh_directory import Directory
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.drafts import PasswordModifyRequest
from lightwave.directory.operations.pipeline import WritePipeline
from lightwave.directory.operations.plugins import default_plugins
from lightwave.directory.store.audit_rows import Event, events
from lightwave.identity.audit_trail import AuditTrail
from lightwave.identity.hashing import HashingCost
from lightwave.identity.password_attributes import PasswordPrepare

USERS = "cn=Users,dc=lightwave,dc=local"
ANN = f"cn=Ann,{USERS}"
SECRET = "Canary-7-secret"


class _Now:
    def run(self, work, done, peer="", admit=None):  # type: ignore[no-untyped-def]
        done(work())


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    made = Directory(tmp_path)
    made.pipeline = WritePipeline(
        made.store,
        made.committer,
        made.schemas,
        (PasswordPrepare(HashingCost(memory=8, passes=1, iterations=0)),),
        (*default_plugins(), AuditTrail()),
        _Now(),
    )
    yield made
    assert made.findings() == []
    made.close()


def audit(directory: Directory) -> list[Event]:
    with directory.store.read() as txn:
        return [one.event for one in events(txn, directory.tree.tenant, directory.store.server_number)]


def guid_of(directory: Directory, dn: str) -> bytes:
    (guid,) = directory.values(dn, "objectGUID")
    return guid


def test_each_kind_of_write(directory: Directory) -> None:
    directory.add(ANN, objectClass="inetOrgPerson", sn="Lee", description=SECRET)
    guid = guid_of(directory, ANN)
    directory.modify(ANN, ("replace", "description", [SECRET]), ("add", "title", ["x"]))
    directory.rename(ANN, "cn=Anne")
    directory.delete(f"cn=Anne,{USERS}")
    added, modified, renamed, deleted = audit(directory)
    assert [one.action for one in (added, modified, renamed, deleted)] == [
        "add",
        "modify",
        "rename",
        "delete",
    ]
    assert {one.target.guid for one in (added, modified, renamed, deleted)} == {guid}
    assert added.target.dn.decode() == ANN == modified.target.dn.decode() == renamed.target.dn.decode()
    assert deleted.target.dn.decode() == f"cn=Anne,{USERS}"
    assert added.detail.split()[0] == "objectClass=inetOrgPerson"
    assert {"sn", "description"} <= set(added.detail.split())
    assert modified.detail.split() == ["description", "title"]
    assert renamed.detail == f"to cn=Anne,{USERS}"
    for one in (added, modified, renamed, deleted):
        assert (one.actor.guid, one.actor.dn) == (directory.token.guid, directory.token.dn)
        assert (one.outcome, one.time) == ("success", directory.time)
        assert SECRET not in repr(one)


def test_a_refused_write_leaves_nothing(directory: Directory) -> None:
    assert directory.delete(ANN).code is ResultCode.NO_SUCH_OBJECT
    assert directory.add(ANN, objectClass="inetOrgPerson").code is ResultCode.OBJECT_CLASS_VIOLATION
    assert audit(directory) == []


def test_members_are_named_by_guid(directory: Directory) -> None:
    group = f"cn=Staff,{USERS}"
    directory.add(ANN, objectClass="inetOrgPerson", sn="Lee")
    directory.add(group, objectClass="groupOfNames", member=ANN)
    directory.modify(group, ("replace", "member", [directory.tree.administrator_dn]))
    name = str(uuid.UUID(bytes=guid_of(directory, ANN)))
    assert f"member-{name}" in audit(directory)[-1].detail.split()


def test_safe_values_are_told(directory: Directory) -> None:
    directory.add(ANN, objectClass="user", sAMAccountName="ann")
    directory.modify(ANN, ("replace", "userAccountControl", ["514"]))
    assert "userAccountControl=514" in audit(directory)[-1].detail.split()


def test_neg_112_no_password_is_in_an_event(directory: Directory) -> None:
    directory.add(ANN, objectClass="inetOrgPerson", sn="Lee", userPassword=SECRET)
    directory.modify(ANN, ("replace", "userPassword", [SECRET + "2"]))
    directory.write(PasswordModifyRequest(ANN.encode(), None, (SECRET + "3").encode()))
    found = audit(directory)
    assert [one.action for one in found] == ["add", "password-reset", "password-reset"]
    assert all("password" in one.detail.split() for one in found)
    with directory.store.read() as txn:
        assert directory.store.databases.audit is not None
        for _, row in txn.raw.cursor(directory.store.databases.audit).iternext():
            assert b"Canary" not in row
