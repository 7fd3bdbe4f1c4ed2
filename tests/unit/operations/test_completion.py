"""A store of an earlier version: its domain, accounts and groups get what new ones begin with."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fresh_directory import BASE, BUILTIN, Directory
from lightwave.directory.access.membership import membership
from lightwave.directory.access.sid import BUILTIN_ADMINISTRATORS, decode_sid
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations import completion
from lightwave.directory.operations.completion import Completion, complete_slice
from lightwave.directory.operations.plugins.amending import known
from lightwave.directory.store.writing import AttributeChange

DOMAIN = BASE.decode()
USERS = f"cn=Users,{DOMAIN}"
STRIPPED = ("objectSid", "userAccountControl", "primaryGroupID", "groupType", "vmwPasswordNeverExpires")


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Directory]:
    """A directory as earlier versions left it: nobody has a SID, and there are no groups."""
    made = Directory(tmp_path)
    for number in range(5):
        added = made.add(f"cn=u{number},{USERS}", objectClass="user", sAMAccountName=f"u{number}")
        assert added.code is ResultCode.SUCCESS
    assert (
        made.add(f"cn=mine,{USERS}", objectClass="group", member=f"cn=u1,{USERS}").code is ResultCode.SUCCESS
    )
    assert made.modify(f"cn=u2,{USERS}", ("add", "nsAccountLock", "TRUE")).code is ResultCode.SUCCESS
    with made.store.write() as txn:
        change = txn.begin_change()
        tenant = made.tree.tenant
        for dn in (f"cn=RID Manager$,cn=System,{DOMAIN}", f"cn=krbtgt,{USERS}", f"cn=Domain Users,{USERS}"):
            txn.remove_entry(*made.find(dn), change, describe=BUILTIN.describe)
        for entry_id in list(txn.descendants(*made.find(f"cn=Builtin,{DOMAIN}"))):
            txn.remove_entry(tenant, entry_id, change, describe=BUILTIN.describe)
        for entry_id in list(txn.entry_ids(tenant)):
            changes = [AttributeChange(known(BUILTIN, name), ()) for name in STRIPPED]
            txn.update_entry(tenant, entry_id, changes, change)
        txn.put_meta(b"completion", None)
        txn.put_meta(b"rids\0" + tenant.to_bytes(4, "big"), None)
    yield made
    made.close()


def sid_of(directory: Directory, name: str) -> bytes:
    (value,) = directory.values(name, "objectSid")
    return decode_sid(value)


def check_complete(directory: Directory) -> None:
    """Everybody has what he should have, and nobody has another's."""
    names = [f"cn=u{number},{USERS}" for number in range(5)] + [f"cn=mine,{USERS}"]
    sids = {sid_of(directory, name) for name in names}
    assert len(sids) == len(names)
    domain = sid_of(directory, DOMAIN)
    assert {sid[2:-4] for sid in sids} == {domain[2:]}
    assert sid_of(directory, f"cn=Administrator,{USERS}")[-4:] == (500).to_bytes(4, "little")
    assert directory.values(f"cn=u1,{USERS}", "userAccountControl") == [b"512"]
    assert directory.values(f"cn=u2,{USERS}", "userAccountControl") == [b"514"]
    assert directory.values(f"cn=u1,{USERS}", "primaryGroupID") == [b"513"]
    assert directory.values(f"cn=mine,{USERS}", "groupType") == [b"-2147483646"]
    with directory.store.read() as txn:
        administrator = membership(txn, directory.tree.tenant, directory.tree.administrator)
    assert BUILTIN_ADMINISTRATORS in administrator.sids
    assert not directory.findings()


def test_it_gets_what_a_new_one_has(old: Directory) -> None:
    work = Completion(old.store, old.schemas, old.committer, lambda: uuid.uuid4().bytes)
    assert old.values(f"cn=u1,{USERS}", "objectSid") == []
    assert work.run_slice()
    check_complete(old)
    assert not work.run_slice()
    assert old.add(f"cn=new,{USERS}", objectClass="user").code is ResultCode.SUCCESS
    assert sid_of(old, f"cn=new,{USERS}") not in {sid_of(old, f"cn=u{number},{USERS}") for number in range(5)}


def test_a_slice_at_a_time(old: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "EXAMINED", 7)
    monkeypatch.setattr(completion, "CHANGED", 2)
    slices = 0
    more = True
    while more:
        with old.store.write() as txn:
            more = complete_slice(txn, BUILTIN, lambda: uuid.uuid4().bytes)
        slices += 1
        assert slices < 100
    assert slices > 3
    check_complete(old)


def test_a_new_store_is_complete(tmp_path: Path) -> None:
    made = Directory(tmp_path)
    assert not Completion(made.store, made.schemas, made.committer, lambda: b"").run_slice()
    made.close()
