"""Tree delete over a real store: small and large subtrees, what refuses them, and going on after a crash."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fresh_directory import BASE, SIGNED_IN_SIDS, Directory
from lightwave.directory.ldap.controls import MANAGE_DSA_IT, Control
from lightwave.directory.ldap.filters import encode_filter, parse_filter
from lightwave.directory.ldap.messages import AddRequest, DeleteRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.search_controls import ASSERTION
from lightwave.directory.ldap.update_controls import PRE_READ, TREE_DELETE
from lightwave.directory.operations import tree_delete
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.plugins.tombstones import deleted_objects
from lightwave.directory.store.writing import AttributeChange
from lightwave.wire.ber import encode_sequence

TREE = Control(TREE_DELETE, True)
ROOT = b"ou=tree," + BASE


def unit(directory: Directory, dn: bytes) -> None:
    name = dn.partition(b",")[0][3:]
    attributes = (("objectClass", (b"organizationalUnit",)), ("ou", (name,)))
    assert directory.write(AddRequest(dn, attributes)).code == 0


def protect(directory: Directory, dn: bytes) -> None:
    """Makes it an entry that the server stands on."""
    tenant, entry_id = directory.find(dn)
    with directory.store.write() as txn:
        description = directory.schemas.current(txn).describe("isCriticalSystemObject")
        assert description is not None
        txn.update_entry(tenant, entry_id, [AttributeChange(description, (b"TRUE",))], txn.begin_change())


def delete_tree(directory: Directory, dn: bytes, *controls: Control, **changes: object) -> Outcome:
    context = directory.context(controls=(TREE, *controls))
    return directory.write(DeleteRequest(dn), replace(context, **changes))  # type: ignore[arg-type]


def plant(directory: Directory, branches: int = 3, leaves: int = 4) -> int:
    """A tree of units; how many entries it has."""
    unit(directory, ROOT)
    for branch in range(branches):
        above = b"ou=b%d,%b" % (branch, ROOT)
        unit(directory, above)
        for leaf in range(leaves):
            unit(directory, b"ou=l%d,%b" % (leaf, above))
    return 1 + branches * (1 + leaves)


@pytest.fixture(params=["small", "large"])
def tree(request: pytest.FixtureRequest, directory: Directory, monkeypatch: pytest.MonkeyPatch) -> Directory:
    """A directory with a tree; in one of two runs it is too large for one operation."""
    if request.param == "large":
        monkeypatch.setattr(tree_delete, "SMALL", 2)
        monkeypatch.setattr(tree_delete, "SLICE", 3)
        monkeypatch.setattr(tree_delete, "SURVEYED", 4)
    plant(directory)
    return directory


def notes(directory: Directory) -> int:
    with directory.store.read() as txn:
        return len(tree_delete.noted(txn))


def tombstones(directory: Directory) -> int:
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        container = deleted_objects(txn, schema, directory.tree.tenant, directory.tree.administrator)
        assert container is not None
        return txn.child_count(directory.tree.tenant, container)


def test_all_of_it_goes(tree: Directory) -> None:
    assert tree.delete(ROOT).code is ResultCode.NOT_ALLOWED_ON_NON_LEAF
    before = tombstones(tree)
    outcome = delete_tree(tree, ROOT, Control(PRE_READ, True, encode_sequence()))
    assert outcome.code == 0, outcome
    assert [one.oid for one in outcome.controls] == [PRE_READ]
    assert not tree.exists(ROOT)
    assert tombstones(tree) == before + 16
    assert notes(tree) == 0
    assert delete_tree(tree, ROOT).code is ResultCode.NO_SUCH_OBJECT
    unit(tree, ROOT)
    assert delete_tree(tree, ROOT).code == 0  # one entry without any below it


def test_critical_entries_refuse_the_whole(tree: Directory) -> None:
    below = b"ou=l3,ou=b2," + ROOT
    protect(tree, below)
    outcome = delete_tree(tree, ROOT)
    assert outcome.code is ResultCode.UNWILLING_TO_PERFORM
    assert below.decode() in outcome.message
    assert tree.exists(b"ou=l0,ou=b0," + ROOT)
    assert notes(tree) == 0


@pytest.mark.parametrize("dn", [BASE, b"cn=Deleted Objects," + BASE, b"cn=Users," + BASE, b"cn=config"])
def test_what_stays(tree: Directory, dn: bytes) -> None:
    """Naming contexts, the container of tombstones, and what promote made."""
    assert delete_tree(tree, dn).code is ResultCode.UNWILLING_TO_PERFORM
    assert tree.exists(dn)


def test_rights_are_asked_for(tree: Directory) -> None:
    stranger = replace(tree.token, is_administrator=False, sids=SIGNED_IN_SIDS)
    assert delete_tree(tree, ROOT, token=stranger).code is ResultCode.INSUFFICIENT_ACCESS_RIGHTS
    assert tree.exists(b"ou=l0,ou=b0," + ROOT)


def test_an_assertion_decides(tree: Directory) -> None:
    asserted = Control(ASSERTION, True, encode_filter(parse_filter("(ou=forest)")))
    assert delete_tree(tree, ROOT, asserted).code is ResultCode.ASSERTION_FAILED
    assert tree.exists(b"ou=l0,ou=b0," + ROOT)
    assert notes(tree) == 0


def test_referral_objects(tree: Directory) -> None:
    """Below the base they are entries like others; the base itself is a referral."""
    refers = (
        ("objectClass", (b"referral", b"extensibleObject")),
        ("ou", (b"far",)),
        ("ref", (b"ldap://far",)),
    )
    far = b"ou=far,ou=b0," + ROOT
    assert tree.write(AddRequest(far, refers)).code == 0
    assert delete_tree(tree, far).code is ResultCode.REFERRAL
    assert delete_tree(tree, b"ou=x," + far).code is ResultCode.REFERRAL
    assert delete_tree(tree, far, Control(MANAGE_DSA_IT)).code == 0
    assert tree.write(AddRequest(far, refers)).code == 0
    assert delete_tree(tree, ROOT).code == 0
    assert not tree.exists(ROOT)


def test_too_large_for_the_requester(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_delete, "SMALL", 2)
    monkeypatch.setattr(tree_delete, "SURVEYED", 2)
    plant(directory)
    few = replace(directory.limits, look_through=10)
    assert delete_tree(directory, ROOT, limits=few).code is ResultCode.ADMIN_LIMIT_EXCEEDED
    assert directory.exists(b"ou=l0,ou=b0," + ROOT)
    assert delete_tree(directory, ROOT, limits=replace(few, look_through=15)).code == 0


def interrupted(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, slices: int
) -> tree_delete.TreeDeletion:
    """Begins a large deletion and stops, as a killed server, after so many slices."""
    monkeypatch.setattr(tree_delete, "SMALL", 2)
    monkeypatch.setattr(tree_delete, "SLICE", 3)
    plant(directory)
    context = directory.context(controls=(TREE,))
    with directory.store.write() as txn:
        schema = directory.schemas.current(txn)
        deletion = tree_delete.begin(txn, schema, context, DeleteRequest(ROOT), txn.last_usn())
    for _ in range(slices):
        with directory.store.write() as txn:
            schema = directory.schemas.current(txn)
            assert tree_delete.delete_slice(txn, schema, context, deletion, ())
    return deletion


@pytest.mark.parametrize("slices", [0, 1, 4])
def test_it_goes_on_after_a_crash(directory: Directory, monkeypatch: pytest.MonkeyPatch, slices: int) -> None:
    interrupted(directory, monkeypatch, slices)
    assert directory.findings() == []
    assert directory.exists(ROOT)
    assert directory.pipeline.tree_deletions.run_slice()
    assert not directory.exists(ROOT)
    assert notes(directory) == 0
    assert not directory.pipeline.tree_deletions.run_slice()


def test_what_another_process_does_is_left_to_it(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While slices are done; ten seconds after the last it is taken over."""
    deletions = directory.pipeline.tree_deletions
    assert not deletions.run_slice()  # this process has begun to look
    deletion = interrupted(directory, monkeypatch, 1)
    for _ in range(3):
        assert not deletions.run_slice()
        directory.time += 9
        with directory.store.write() as txn:
            schema = directory.schemas.current(txn)
            assert tree_delete.delete_slice(txn, schema, directory.context(), deletion, ())
    assert not deletions.run_slice()
    directory.time += 9
    assert not deletions.run_slice()
    assert directory.exists(ROOT)
    directory.time += 1
    assert deletions.run_slice()
    assert not directory.exists(ROOT)


def test_rights_are_asked_for_again_where_something_changed(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was judged before the first entry went is not judged again; what changed since is."""
    deletion = interrupted(directory, monkeypatch, 0)
    stranger = replace(
        directory.context(), token=replace(directory.token, is_administrator=False, sids=SIGNED_IN_SIDS)
    )

    def delete_slice() -> bool:
        with directory.store.write() as txn:
            schema = directory.schemas.current(txn)
            return tree_delete.delete_slice(txn, schema, stranger, deletion, ())

    assert delete_slice()
    assert not directory.exists(b"ou=l2,ou=b0," + ROOT)
    assert directory.modify(b"ou=l3,ou=b0," + ROOT, ("replace", "description", "new")).code == 0
    with pytest.raises(DirectoryError):
        delete_slice()
    assert directory.exists(b"ou=l3,ou=b0," + ROOT)


def test_what_comes_meanwhile_is_judged(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that can't go ends the deletion; what was not reached stays, and so does nothing half done."""
    interrupted(directory, monkeypatch, 1)
    unit(directory, b"ou=late," + ROOT)
    protected = b"ou=late2," + ROOT
    unit(directory, protected)
    protect(directory, protected)
    assert directory.pipeline.tree_deletions.run_slice()
    assert directory.exists(protected)
    assert directory.exists(ROOT)
    assert notes(directory) == 0
    assert directory.findings() == []
