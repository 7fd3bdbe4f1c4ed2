"""Deleting entries with many links: dead at once, cleared away in slices, and resumable."""

from __future__ import annotations

import pytest

from fresh_directory import BASE, Directory
from lightwave.directory.ldap.messages import AddRequest
from lightwave.directory.operations import unlinking
from lightwave.directory.operations.unlinking import Unlinking
from lightwave.directory.schema.normalisation import NormalisedRDN, normalise_dn_text
from lightwave.directory.store import writing
from lightwave.directory.store.writing import NewEntry

COUNT = 130
UNIT = b"ou=many," + BASE
GROUP = b"cn=all," + UNIT
BOSS = b"cn=boss," + UNIT


def name(number: int) -> bytes:
    return b"cn=p%d,%b" % (number, UNIT)


@pytest.fixture
def crowd(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> Directory:
    """Many people of one group, all with one manager: many are 50 here."""
    monkeypatch.setattr(writing, "_MOST_LINKS", 50)
    monkeypatch.setattr(unlinking, "SLICE", 20)
    assert directory.add(UNIT, objectClass="organizationalUnit", ou="many").code == 0
    assert directory.add(BOSS, objectClass="inetOrgPerson", sn="x").code == 0
    for number in range(COUNT):
        attributes = (
            ("objectClass", (b"inetOrgPerson",)),
            ("cn", (b"p%d" % number,)),
            ("sn", (b"x",)),
            ("manager", (BOSS,)),
        )
        assert directory.write(AddRequest(name(number), attributes)).code == 0
    members = tuple(map(name, range(COUNT)))
    group = (("objectClass", (b"groupOfNames",)), ("cn", (b"all",)), ("member", members))
    assert directory.write(AddRequest(GROUP, group)).code == 0
    return directory


def burials(directory: Directory) -> int:
    with directory.store.read() as txn:
        return len(txn.burials())


def links(directory: Directory) -> int:
    with directory.store.read() as txn:
        return int(txn.raw.stat(directory.store.databases.links)["entries"])


def test_a_group_with_many_members(crowd: Directory) -> None:
    assert crowd.values(name(COUNT - 1), "memberOf") == [GROUP]
    before = links(crowd)
    assert crowd.delete(GROUP).code == 0
    assert not crowd.exists(GROUP)
    assert before - links(crowd) < COUNT, "all went at once: this test needs more members"
    assert burials(crowd) == 1
    for number in (0, COUNT - 1):
        assert crowd.values(name(number), "memberOf") == []
    assert crowd.findings() == []
    with crowd.store.write() as txn:  # as far as a server came that was killed then
        assert unlinking.unlink_slice(txn)
    assert crowd.findings() == []
    assert Unlinking(crowd.store, crowd.committer).run_slice()
    assert burials(crowd) == 0
    assert links(crowd) == before - COUNT
    assert not Unlinking(crowd.store, crowd.committer).run_slice()


def test_an_entry_that_many_name(crowd: Directory) -> None:
    assert crowd.delete(BOSS).code == 0
    assert burials(crowd) == 1
    for number in (0, COUNT - 1):
        assert crowd.values(name(number), "manager") == []
        assert crowd.modify(name(number), ("replace", "description", "still here")).code == 0
    assert crowd.findings() == []
    changed = crowd.values(name(COUNT - 1), "uSNChanged")
    assert Unlinking(crowd.store, crowd.committer).run_slice()
    assert burials(crowd) == 0
    assert crowd.values(name(COUNT - 1), "uSNChanged") > changed  # whoever follows changes hears of it
    assert crowd.values(name(0), "manager") == []


def test_few_links_go_with_their_entry(crowd: Directory) -> None:
    small = b"cn=few," + UNIT
    group = (("objectClass", (b"groupOfNames",)), ("cn", (b"few",)), ("member", (name(1), name(2))))
    assert crowd.write(AddRequest(small, group)).code == 0
    before = links(crowd)
    assert crowd.delete(small).code == 0
    assert links(crowd) == before - 2
    assert burials(crowd) == 0


def test_a_tombstone_that_lives_again(crowd: Directory) -> None:
    """Its links of before are gone, and those that it gets are seen at once."""
    assert crowd.delete(GROUP).code == 0
    with crowd.store.write() as txn:
        schema = crowd.schemas.current(txn)
        ((tenant, entry_id),) = txn.burials()
        _, parent = txn.find(normalise_dn_text(schema, UNIT))
        _, member = txn.find(normalise_dn_text(schema, name(7)))
        record = txn.record(tenant, entry_id)
        object_class, member_type = schema.describe("objectClass"), schema.describe("member")
        assert object_class is not None
        assert member_type is not None
        rdn = NormalisedRDN(normalise_dn_text(schema, GROUP)[0])
        attributes = [(object_class, (b"groupOfNames",))]
        entry = NewEntry(b"cn=all", rdn, record.guid, attributes, [(member_type, member)])
        txn.revive_entry(tenant, entry_id, parent, entry, txn.begin_change(), describe=schema.describe)
    assert burials(crowd) == 0
    assert crowd.values(name(7), "memberOf") == [GROUP]
    assert crowd.values(name(8), "memberOf") == []
    assert crowd.findings() == []


def test_a_tombstone_that_goes_before_its_links(crowd: Directory) -> None:
    """The note of an entry that is gone, and of one that lives again, is dropped."""
    assert crowd.delete(GROUP).code == 0
    with crowd.store.write() as txn:
        ((tenant, entry_id),) = txn.burials()
        describe = crowd.schemas.current(txn).describe
        txn.remove_entry(tenant, entry_id, txn.begin_change(), describe=describe)
    assert crowd.findings() == []
    assert Unlinking(crowd.store, crowd.committer).run_slice()
    assert burials(crowd) == 0
