"""Whatever row is missing or too many, `check` names it."""

from __future__ import annotations

import pytest

from lightwave.directory.store.check import check
from lightwave.directory.store.environment import Store
from store_entries import SCHEMA, add
from store_harm import HARMS, fill


@pytest.mark.parametrize("name", HARMS)
def test_neg_every_disagreement_is_found(store: Store, name: str) -> None:
    group = fill(store)
    with store.read() as reader:
        assert list(check(reader, SCHEMA.describe)) == []
    database, harm = HARMS[name]
    with store.environment.begin(write=True) as raw:
        harm(raw, store.databases, group)
    with store.read() as reader:
        findings = list(check(reader, SCHEMA.describe))
    assert database in {one.database for one in findings}
    assert all(str(one) for one in findings)


def test_progress_is_told(store: Store) -> None:
    with store.write() as transaction:
        for number in range(1100):
            add(transaction, 1, b"cn=e%d" % number)
    told: list[tuple[str, int, int]] = []
    with store.read() as reader:
        assert not list(check(reader, SCHEMA.describe, lambda *progress: told.append(progress)))
    assert ("entries", 1000, 1101) in told
    assert ("entries", 1101, 1101) in told
    assert {"children", "guids", "changes", "index"} <= {what for what, _, _ in told}
