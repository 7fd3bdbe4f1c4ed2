"""The built-in schema, loaded once."""

from __future__ import annotations

import pytest

from lightwave.directory.schema.schema import Schema


@pytest.fixture(scope="session")
def schema() -> Schema:
    return Schema.load_builtin()
