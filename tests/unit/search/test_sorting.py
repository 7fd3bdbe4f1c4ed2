"""Sorted searches in slices: bounds, rights, what is kept of a list, and what happens when an order can't be made."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightwave.directory.ldap.client_messages import SearchEntry, decode_response
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.filters import parse_filter
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.search_controls import SORT_REQUEST, SORT_RESPONSE, ListView, Sorting, SortKey
from lightwave.directory.operations import list_view, sorting
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.context import Context, Limits
from lightwave.directory.operations.list_view import ListViews, position_of
from lightwave.directory.operations.request_controls import RequestControls
from lightwave.directory.operations.search import Search
from lightwave.directory.operations.shaping import shape_search
from lightwave.directory.operations.sort_keys import SortKeys
from lightwave.directory.operations.sort_memory import SortMemory
from lightwave.directory.operations.sorting import SortedSearch
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.store.reading import ReadTransaction
from search_tree import BASE, NOW, SearchTree, token

COUNT = 120
NUMBERS = list(range(COUNT))
random.Random(1).shuffle(NUMBERS)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchTree]:
    made = SearchTree.create(tmp_path_factory.mktemp("store"))
    for number in NUMBERS:
        attributes = {"objectClass": ["top", "device", "extensibleObject"], "cn": [f"d{number}"]}
        attributes |= {"uidNumber": [str(number - 60)], "ou": ["odd" if number % 2 else "even"]}
        made.add(f"cn=d{number},dc=example,dc=com", attributes)
    yield made
    made.store.close()


def begin(
    tree: SearchTree,
    *keys: SortKey,
    critical: bool = True,
    limits: Limits | None = None,
    size: int = 0,
) -> Search | SortedSearch:
    request = SearchRequest(BASE, 1, 0, size, 0, False, parse_filter("(cn=d*)"), ("cn",))
    context = Context(
        token=token(tree.tenant),
        limits=limits or Limits(),
        controls=(Control(SORT_REQUEST, critical, b""),),
        now=lambda: NOW,
    )

    def make(txn: ReadTransaction) -> Search:
        return Search(tree.searches, txn, tree.schema, context, 1, request)

    controls = RequestControls(values={SORT_REQUEST: Sorting(keys, critical)})
    with tree.store.read() as txn:
        return shape_search(tree.searches, txn, tree.schema, context, controls, make)


def advance(
    tree: SearchTree, search: Search | SortedSearch, *, entries: int = 1 << 60, until: float = 1e18
) -> list[int]:
    out: list[bytes] = []
    with tree.store.read() as txn:
        search.advance(txn, out, entries=entries, octets=1 << 30, until=until)
    found = []
    for encoded in out:
        response = decode_response(encoded).response
        assert isinstance(response, SearchEntry)
        found.append(int(response.dn.split(b",")[0][4:]))
    return found


BY_NUMBER = SortKey("uidNumber", None, False)
BACKWARDS = SortKey("uidNumber", None, True)


def test_slices(tree: SearchTree) -> None:
    """However short the slices are, the order is the same, and nothing comes before all was seen."""
    for key, expected in ((BY_NUMBER, sorted(NUMBERS)), (BACKWARDS, sorted(NUMBERS, reverse=True))):
        search = begin(tree, key)
        found: list[int] = []
        turns = 0
        while not search.finished:
            found += advance(tree, search, until=0.0)
            turns += 1
            assert turns < 1_000
        assert found == expected
        assert turns > 10
        assert search.returned == COUNT


def test_pages(tree: SearchTree) -> None:
    search = begin(tree, BY_NUMBER)
    found: list[int] = []
    while not search.finished:
        page = advance(tree, search, entries=50)
        assert len(page) <= 50
        found += page
    assert found == sorted(NUMBERS)


def test_keys_of_both_directions(tree: SearchTree) -> None:
    search = begin(tree, SortKey("ou", None, True), BACKWARDS)
    odd, even = ([n for n in sorted(NUMBERS, reverse=True) if n % 2 == wanted] for wanted in (1, 0))
    assert advance(tree, search) == odd + even


def test_more_entries_than_may_be_sorted(tree: SearchTree) -> None:
    few = Limits(sort=COUNT - 1)
    with pytest.raises(DirectoryError) as refused:
        advance(tree, begin(tree, BY_NUMBER, limits=few))
    assert refused.value.code is ResultCode.UNAVAILABLE_CRITICAL_EXTENSION
    assert [(one.oid, one.value) for one in refused.value.controls] == [
        (SORT_RESPONSE, b"\x30\x03\x0a\x01\x0b")
    ]
    search = begin(tree, BY_NUMBER, limits=few, critical=False)
    found = advance(tree, search)
    assert sorted(found) == sorted(NUMBERS)
    assert [one.value for one in search.response_controls] == [b"\x30\x03\x0a\x01\x0b"]
    assert len(advance(tree, begin(tree, BY_NUMBER, limits=Limits(sort=COUNT)))) == COUNT


def test_unsorted_pages_go_on(tree: SearchTree) -> None:
    search = begin(tree, BY_NUMBER, limits=Limits(sort=10), critical=False)
    found: list[int] = []
    while not search.finished:
        found += advance(tree, search, entries=50)
    assert sorted(found) == sorted(NUMBERS)


def test_keys_are_bounded_in_octets(tree: SearchTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "MOST_OCTETS", 1_000)
    with pytest.raises(DirectoryError) as refused:
        advance(tree, begin(tree, BY_NUMBER))
    assert refused.value.code is ResultCode.UNAVAILABLE_CRITICAL_EXTENSION


def test_all_sorts_share_what_there_is(tree: SearchTree, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a sort held is given back when it ends, when it is forgotten, and when it is refused."""
    monkeypatch.setattr(tree.searches, "sort_memory", memory := SortMemory(15_000))
    first = begin(tree, BY_NUMBER)
    while memory.left > 7_500:
        advance(tree, first, until=0.0)
    other = begin(tree, BY_NUMBER)
    with pytest.raises(DirectoryError) as refused:
        advance(tree, other)
    assert [one.value for one in refused.value.controls] == [b"\x30\x03\x0a\x01\x33"]
    assert advance(tree, first, entries=10) == sorted(NUMBERS)[:10]
    assert memory.left == 15_000 - 8 * COUNT
    del first, other, refused
    gc.collect()
    assert memory.left == 15_000


def test_size_limit_is_of_what_is_sent(tree: SearchTree) -> None:
    with pytest.raises(DirectoryError) as refused:
        advance(tree, begin(tree, BY_NUMBER, size=5))
    assert refused.value.code is ResultCode.SIZE_LIMIT_EXCEEDED
    assert refused.value.controls
    assert len(advance(tree, begin(tree, BY_NUMBER, size=COUNT))) == COUNT


def test_neg_020_no_order_by_what_is_not_readable(tree: SearchTree) -> None:
    """To him who may not read an attribute all entries are as if they had none: their order says nothing."""
    with tree.store.read() as txn:
        table = tree.searches.table(txn, tree.schema)
        keys = SortKeys(table, [BY_NUMBER])
        number = txn.attribute_number("1.3.6.1.1.1.1.0")
        assert number is not None
        some = frozenset(n for n in table.numbers if n != number)
        seen = set()
        for name in (b"cn=d1,", b"cn=d100,"):
            tenant, entry_id = txn.find(normalise_dn_text(tree.schema, name + BASE))
            record = txn.record(tenant, entry_id)
            candidate = Candidate(txn, tree.schema, tenant, entry_id, record, some, tree.context())
            seen.add(keys.of(candidate)[:-8])
        assert len(seen) == 1


def _view(offset: int, count: int) -> ListView:
    return ListView(0, 0, offset, count, None, None, critical=True)


@pytest.mark.parametrize(
    ("offset", "believed", "count", "expected"),
    [
        (1, 0, 10, 1),
        (10, 0, 10, 10),
        (5, 10, 10, 5),
        (5, 10, 100, 50),
        (1, 1, 10, 1),
        (7, 7, 10, 10),
        (3, 9, 0, 0),
    ],
)
def test_positions(offset: int, believed: int, count: int, expected: int) -> None:
    assert position_of(_view(offset, believed), count) == expected


@pytest.mark.parametrize(
    ("offset", "believed", "count"), [(0, 0, 10), (11, 0, 10), (11, 10, 10), (11, 10, 99)]
)
def test_positions_out_of_range(offset: int, believed: int, count: int) -> None:
    with pytest.raises(DirectoryError) as refused:
        position_of(_view(offset, believed), count)
    assert refused.value.code is ResultCode.VIRTUAL_LIST_VIEW_ERROR


def test_lists_are_kept_within_bounds(tree: SearchTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_view, "MOST_OCTETS", 10_000 + 2 * list_view.LIST_OVERHEAD)
    views = ListViews()
    rows = [bytes(44)] * 50  # 5,000 octets with what they cost
    with tree.store.read() as txn:
        for name in (b"a", b"b", b"c"):
            views.keep(name, txn, rows)
        assert [views.find(name, txn) is not None for name in (b"a", b"b", b"c")] == [False, True, True]
        views.keep(b"b", txn, rows * 3)  # too large: not kept at all
        assert views.find(b"b", txn) is None
        views.keep(b"d", txn, rows)
        assert [views.find(name, txn) is not None for name in (b"c", b"d")] == [True, True]
    tree.add("cn=later,dc=example,dc=com", {"objectClass": ["top", "device"], "cn": ["later"]})
    with tree.store.read() as txn:  # a commit came between
        assert views.find(b"d", txn) is None


def test_lists_without_rows_take_room_too(tree: SearchTree, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may ask for ever new lists of nothing; the one used longest ago makes room."""
    monkeypatch.setattr(list_view, "MOST_OCTETS", 10_000)
    views = ListViews()
    with tree.store.read() as txn:
        views.keep(b"used", txn, [])
        for number in range(100):
            views.keep(b"%d" % number, txn, [])
            assert views.find(b"used", txn) == []
        assert sum(views.find(b"%d" % number, txn) is not None for number in range(100)) < 20


def test_an_entry_that_is_gone_is_passed_over(tmp_path: Path) -> None:
    """Each entry is asked again when its turn comes."""
    tree = SearchTree.create(tmp_path / "store")
    for number in range(3):
        tree.add(f"cn=d{number},dc=example,dc=com", {"objectClass": ["top", "device"], "cn": [f"d{number}"]})
    search = begin(tree, SortKey("cn", None, False))
    assert advance(tree, search, entries=1) == [0]
    with tree.store.write() as txn:
        _, entry_id = txn.find(normalise_dn_text(tree.schema, b"cn=d1,dc=example,dc=com"))
        txn.remove_entry(tree.tenant, entry_id, txn.begin_change(), describe=tree.schema.describe)
    assert advance(tree, search) == [2]
    tree.store.close()
