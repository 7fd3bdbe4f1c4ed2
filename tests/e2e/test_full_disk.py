"""A disk that is full: writes are refused, reads go on, nothing that was acknowledged is lost, and it passes."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients import find_client
from node import Node, run_lightwave
from reference import wire
from serving import connect, log_text, root_dse, unit

UNAVAILABLE = 52


def fill(connection: wire.Connection, base: str, start: int = 0) -> tuple[list[int], int]:
    """Adds large entries until one is refused: the numbers of those that were acknowledged, and the refusal."""
    added: list[int] = []
    for n in range(start, start + 5_000):
        attributes = [*unit(f"u{n}"), ("description", [os.urandom(3_000).hex().encode()])]
        code = connection.ask(wire.add(f"ou=u{n},{base}", attributes)).code
        if code:
            return added, code
        added.append(n)
    raise AssertionError("the disk did not fill")


def assert_there(connection: wire.Connection, base: str, numbers: list[int]) -> None:
    found = connection.ask(wire.search(base, wire.ONE, attributes=["ou"]))
    assert found.code == 0
    there = {int(attributes["ou"][0][1:]) for _, attributes in found.entries}
    assert set(numbers) <= there
    assert len(there - set(numbers)) == 0, "what was refused is not there"


def test_a_limit_on_files(node: Node) -> None:
    """The store may not grow past a size; then, without a restart, it may again."""
    database = node.folder / "store" / "data.mdb"
    base = f"ou=full,{node.suffix}"

    def limit(size: int) -> None:
        resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    with node.local_administrator() as connection:
        assert connection.ask(wire.add(base, unit("full"))).code == 0
        limit(database.stat().st_size + 300_000)
        added, refusal = fill(connection, base)
        assert len(added) > 3
        assert refusal == UNAVAILABLE
        assert_there(connection, base, added)
        with connect(node) as reader:
            assert root_dse(reader).code == 0
        limit(resource.RLIM_INFINITY)
        attributes = [*unit("u10000"), ("description", [os.urandom(3_000).hex().encode()])]
        assert connection.ask(wire.add(f"ou=u10000,{base}", attributes)).code == 0, "there is room again"
        assert_there(connection, base, [*added, 10_000])
    node.kill()
    node.start()
    with node.local_administrator() as connection:
        assert_there(connection, base, [*added, 10_000])
    node.stop()
    run_lightwave(["check", "--data", node.folder])
    assert "Traceback" not in log_text(node)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of a few megabytes; only root can make one."""
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    mount = find_client("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if not done or done.returncode:
        shutil.rmtree(folder)
        pytest.skip("only root can mount a small file system: the limit on files is tried instead")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


def test_a_full_file_system(promoted_node: Node, small_disk: Path, short_folder: Path) -> None:
    """The whole data folder is on a full disk; after a kill the node starts there and serves what it had."""
    node = promoted_node.copy(short_folder / "node")
    shutil.copytree(node.folder / "store", small_disk / "store")
    shutil.rmtree(node.folder / "store")
    (node.folder / "store").symlink_to(small_disk / "store")
    base = f"ou=full,{node.suffix}"
    ballast = small_disk / "ballast"
    free = shutil.disk_usage(small_disk).free
    ballast.write_bytes(bytes(max(0, free - 1_500_000)))
    node.start()
    try:
        with node.local_administrator() as connection, connect(node) as reader:
            assert connection.ask(wire.add(base, unit("full"))).code == 0
            added, refusal = fill(connection, base)
            assert len(added) > 3
            assert refusal == UNAVAILABLE
            for _ in range(5):  # it stays refused, for others too, and nothing gives way under it
                with node.local_administrator() as other:
                    attributes = [*unit("other"), ("description", [os.urandom(400_000).hex().encode()])]
                    assert other.ask(wire.add(f"ou=other,{base}", attributes)).code == UNAVAILABLE
            assert_there(connection, base, added)
            assert root_dse(reader).code == 0
            assert connection.ask(wire.compare(f"ou=u1,{base}", "ou", b"u1")).code == 6
        node.kill()
        node.start()
        with node.local_administrator() as connection:
            assert_there(connection, base, added)
            ballast.unlink()
            attributes = [*unit("u10000"), ("description", [os.urandom(3_000).hex().encode()])]
            assert connection.ask(wire.add(f"ou=u10000,{base}", attributes)).code == 0, "there is room again"
            assert_there(connection, base, [*added, 10_000])
        assert node.stop() == 0
        run_lightwave(["check", "--data", node.folder])
        assert "Traceback" not in log_text(node)
    finally:
        node.stop()
