"""A contextID is understood by every process that serves the store, and after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from fresh_directory import BASE, Directory
from lightwave.directory.ldap.filters import parse_filter
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.search_controls import ListView
from lightwave.directory.operations.list_view import ListViews


def context_id(directory: Directory, given: bytes = b"", text: str = "(cn=*)") -> bytes:
    """What a process that has just started answers to a request with the contextID `given`."""
    request = SearchRequest(BASE, 2, 0, 0, 0, False, parse_filter(text), ("cn",))
    asked = ListView(0, 2, 1, 0, None, given, True)
    with directory.store.read() as txn:
        return ListViews().request(txn, directory.context(), request, asked).context


def test_each_process_knows_the_others_contexts(tmp_path: Path) -> None:
    directory = Directory(tmp_path)
    first = context_id(directory)
    assert context_id(directory, first) == first


def test_neg_a_context_of_another_list_or_another_directory(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    directory, other = map(Directory, folders)
    for foreign in (context_id(directory, text="(cn=a*)"), context_id(other), bytes(16), b"x"):
        with pytest.raises(DirectoryError) as refused:
            context_id(directory, foreign)
        assert refused.value.code is ResultCode.VIRTUAL_LIST_VIEW_ERROR
