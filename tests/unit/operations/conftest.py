"""A fresh directory for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fresh_directory import Directory


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    """A fresh directory; the store's invariants are checked when the test is over."""
    made = Directory(tmp_path)
    yield made
    assert made.findings() == []
    made.close()
