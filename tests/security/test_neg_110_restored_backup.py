"""A restored old backup never passes for the node that went on: another originating id, no stamp given twice."""

from __future__ import annotations

from pathlib import Path

from commands import answer, invoke, succeed
from lightwave.directory.store.environment import Store
from lightwave.directory.store.stamps import Stamp
from lightwave.server.configuration import load_configuration
from lightwave.server.node import open_store
from node import Node


def unit(name: str) -> bytes:
    return f"dn: ou={name},dc=example,dc=com\nobjectClass: organizationalUnit\n".encode()


def stamps_above(store: Store, usn: int) -> set[Stamp]:
    """The stamps of all that was written after a change number."""
    with store.read() as txn:
        found = [txn.stamps(one.tenant, one.entry_id) for one in txn.changes_since(usn) if not one.removed]
    return {stamp for one in found for stamp in (one.created, *one.attributes.values())}


def test_neg_110_a_restored_old_backup(promoted_node: Node, short_folder: Path) -> None:
    node = promoted_node.copy(short_folder / "node")
    made = answer("backup", "--data", node.folder, "--to", short_folder / "full")
    restored = short_folder / "restored"
    keyring = ["--keyring", str(node.keyring)]
    twice = [
        answer("restore", "--from", short_folder / "full", "--data", place, *keyring)["server"]
        for place in (restored, short_folder / "again")
    ]
    assert len({made["server"], *twice}) == 3
    for name in ("one", "two", "three"):  # the old node goes on, and so does the restored one
        succeed("import", "-", "--data", node.folder, stdin=unit(name))
        succeed("import", "-", "--data", restored, stdin=unit(name))
    usn = made["lastUSN"]
    with open_store(load_configuration(node.folder)) as old, open_store(load_configuration(restored)) as new:
        assert old.server_guid.hex() == made["server"]
        assert new.server_guid.hex() == twice[0]
        written = stamps_above(old, usn), stamps_above(new, usn)
        assert all(written)
        assert not written[0] & written[1]
        assert {stamp.server for stamp in written[1]} == {new.server_guid}


def test_neg_110_an_older_copy_put_in_place(promoted_node: Node, short_folder: Path) -> None:
    """Increments of what an older copy of the store does not know are refused."""
    node = promoted_node.copy(short_folder / "node")
    old = node.copy(short_folder / "copy")
    succeed("import", "-", "--data", node.folder, stdin=unit("one"))
    succeed("backup", "--data", node.folder, "--to", short_folder / "full")
    result = invoke(
        "backup", "--data", old.folder, "--to", short_folder / "more", "--since", short_folder / "full"
    )
    assert "an older copy of the store was put in place" in str(result.exception)
    assert not (short_folder / "more").exists()
