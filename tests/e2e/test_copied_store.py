"""A store that was copied: what the copy writes is another server's, from its first change on."""

from __future__ import annotations

from pathlib import Path

from lightwave.directory.store.environment import Store
from node import Node, run_lightwave
from reference import wire
from serving import log_text, unit

MOVED = "copied or moved"


def server_of(node: Node) -> bytes:
    """The originating server's GUID of a node that is not running."""
    with Store.open(node.folder / "store", None, now=lambda: 0.0, read_only=True) as store:
        return store.server_guid


def usn_of(node: Node) -> int:
    with (
        Store.open(node.folder / "store", None, now=lambda: 0.0, read_only=True) as store,
        store.read() as txn,
    ):
        return txn.last_usn()


def add_unit(node: Node, name: str) -> None:
    with node.local_administrator() as connection:
        answer = connection.ask(wire.add(f"ou={name},{node.suffix}", unit(name)))
        assert answer.code == 0, answer


def test_neg_110_a_copy_is_another_server(node: Node, short_folder: Path) -> None:
    """Twice the same data: neither stamps nor change numbers are used twice by one server."""
    add_unit(node, "before")
    node.stop()
    copy = node.copy(short_folder / "copy")
    before = server_of(node)
    assert server_of(copy) == before
    copy.start()
    assert MOVED in log_text(copy)
    node.start()
    for one in (node, copy):
        add_unit(one, "after")
        one.stop()
    assert server_of(node) == before
    assert server_of(copy) != before
    assert usn_of(copy) >= usn_of(node)
    copy.start()  # once is enough
    copy.stop()
    assert log_text(copy).count(MOVED) == 1


def test_compaction_is_no_move(node: Node) -> None:
    node.stop()
    before = server_of(node)
    inode = (node.folder / "store" / "data.mdb").stat().st_ino
    run_lightwave(["compact", "--data", node.folder])
    assert (node.folder / "store" / "data.mdb").stat().st_ino != inode
    written = len(log_text(node))
    node.start()
    node.stop()
    assert MOVED not in log_text(node)[written:]
    assert server_of(node) == before
