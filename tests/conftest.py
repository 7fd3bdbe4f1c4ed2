"""Fixtures and options that all tests share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from node import Node

# How long an example takes, or its making, says more of what else the machine does than of the test.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("test", UNTIMED, max_examples=100)
settings.register_profile("soak", UNTIMED, max_examples=5_000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the tests marked soak for longer")
    parser.addoption("--reference", action="store_true", help="aim interop tests at slapd: are they right?")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("soak" if config.getoption("--soak") else "test")


@pytest.fixture(scope="session")
def soaking(request: pytest.FixtureRequest) -> bool:
    """Whether this is `make soak`: tests marked soak then take more rounds."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a short name: a path of a local socket has at most 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def promoted_node() -> Iterator[Node]:
    """A node that was promoted and never started; tests copy its folder."""
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    yield Node.promote(folder / "node")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def node(promoted_node: Node, short_folder: Path) -> Iterator[Node]:
    """A node of this test's own, serving."""
    copy = promoted_node.copy(short_folder / "node")
    copy.start()
    yield copy
    copy.stop()


@pytest.fixture(scope="module")
def shared_node(promoted_node: Node) -> Iterator[Node]:
    """A serving node that the tests of one module share: they leave it as they found it."""
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    copy = promoted_node.copy(folder / "node")
    copy.start()
    yield copy
    copy.stop()
    shutil.rmtree(folder, ignore_errors=True)
