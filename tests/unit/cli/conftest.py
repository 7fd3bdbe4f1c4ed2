"""A promoted data folder of each test's own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from node import Node


@pytest.fixture
def data(promoted_node: Node, short_folder: Path) -> Iterator[Path]:
    """The data folder of a node for example.com that does not run."""
    node = promoted_node.copy(short_folder / "node")
    yield node.folder
    shutil.rmtree(node.folder, ignore_errors=True)
