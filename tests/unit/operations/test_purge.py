"""The daily round forgets what is old enough, in slices that a kill does not start over."""

from __future__ import annotations

from fresh_directory import BASE, START, Directory
from lightwave.directory.operations.plugins.tombstones import LIFETIME
from lightwave.directory.operations.purge import INTERVAL, Purge, purge_slice, read_place

PERSON = "cn=anna," + BASE.decode()
GROUP = "cn=staff," + BASE.decode()


def _removed_stamps(directory: Directory) -> int:
    """How many removed values and links are remembered."""
    tenant, group = directory.find(GROUP)
    with directory.store.read() as txn:
        values = txn.stamps(*directory.find(PERSON)).values.values()
        number = txn.attribute_number("2.5.4.31")
        assert number is not None
        links = txn.link_stamps(tenant, group, number)
        return sum(not present for one in values for _, present in one.values()) + sum(
            not present for _, _, present in links
        )


def _fill(directory: Directory) -> None:
    directory.add(PERSON, objectClass=["person"], cn="anna", sn="Abel", description=["one", "two"])
    directory.modify(PERSON, ("delete", "description", "one"))
    directory.add(GROUP, objectClass=["groupOfNames"], cn="staff", member=[PERSON, BASE])
    directory.modify(GROUP, ("delete", "member", PERSON))


def _run(directory: Directory) -> int:
    """All slices of a round, each in a transaction of its own; how many."""
    slices = 0
    more = True
    while more:
        with directory.store.write() as txn:
            more = purge_slice(txn, directory.time)
        slices += 1
    return slices


def test_removals_are_remembered_for_the_tombstone_lifetime(directory: Directory) -> None:
    _fill(directory)
    before = _removed_stamps(directory)
    assert before == 2
    directory.time = START + LIFETIME - 10
    _run(directory)
    assert _removed_stamps(directory) == before
    directory.time = START + LIFETIME + 10
    _run(directory)
    assert _removed_stamps(directory) == 0


def test_a_round_goes_on_where_it_was_killed(directory: Directory) -> None:
    _fill(directory)
    directory.time = START + LIFETIME + 10
    with directory.store.write() as txn:
        assert purge_slice(txn, directory.time)
    with directory.store.read() as txn:
        began, step, _, _ = read_place(txn)
    assert (began, step) == (directory.time, 1)
    directory.time += 5
    with directory.store.write() as txn:
        purge_slice(txn, directory.time)
    with directory.store.read() as txn:
        assert read_place(txn)[0] == began  # the same round


def test_a_round_begins_once_a_day(directory: Directory) -> None:
    purge = Purge(directory.store, directory.committer, lambda: directory.time)
    assert purge.run_slice()
    assert not purge.run_slice()
    directory.time += INTERVAL / 2
    assert not purge.run_slice()
    directory.time += INTERVAL
    assert purge.run_slice()
    assert not purge.run_slice()
