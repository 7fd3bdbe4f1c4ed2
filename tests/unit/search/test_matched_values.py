"""Matched values (RFC 3876): how much is looked at in one step. What matches is compared with slapd elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightwave.directory.ldap.filters import Equality
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations import matched_values
from lightwave.directory.operations.matched_values import MatchedSelection
from search_tree import SearchTree


@pytest.mark.parametrize(("items", "is_too_much"), [(1, False), (3, False), (4, True)])
def test_values_times_items_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, items: int, is_too_much: bool
) -> None:
    monkeypatch.setattr(matched_values, "MOST_TESTS", 30)
    tree = SearchTree.create(tmp_path / "store")
    values = [str(number) for number in range(10)]
    tree.add("cn=d,dc=example,dc=com", {"objectClass": ["device"], "cn": ["d"], "description": values})
    search = tree.begin("(cn=d)", attributes=("description",))
    asked = [Equality("description", b"%d" % number) for number in range(items)]
    search.select(lambda selection: MatchedSelection(selection, tree.schema, asked))
    if is_too_much:
        with pytest.raises(DirectoryError) as refused:
            tree.advance(search)
        assert refused.value.code is ResultCode.ADMIN_LIMIT_EXCEEDED
    else:
        [found] = tree.advance(search).values()
        assert found == {"description": values[:items]}
    tree.store.close()
