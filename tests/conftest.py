"""Fixtures and options that all tests share."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("test", deadline=None, max_examples=100)
settings.register_profile("soak", deadline=None, max_examples=5_000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the tests marked soak for longer")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("soak" if config.getoption("--soak") else "test")


@pytest.fixture(scope="session")
def soaking(request: pytest.FixtureRequest) -> bool:
    """Whether this is `make soak`: tests marked soak then take more rounds."""
    return bool(request.config.getoption("--soak"))
