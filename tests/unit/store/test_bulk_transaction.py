"""A bulk transaction leaves what ordinary transactions leave, and shows its own writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightwave.directory.store.bulk_transaction import begin_bulk
from lightwave.directory.store.check import check
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import EntryExists
from lightwave.directory.store.indexes import IndexKind
from lightwave.directory.store.layout import DATABASES
from lightwave.directory.store.writing import WriteTransaction
from store_entries import BASE, SCHEMA, Clock, add, dn, make_store, put_index

PEOPLE = 40


def fill(transaction: WriteTransaction) -> None:
    """A group that names people who come later, the people, and another group that names them all."""
    names = [b"cn=p%d,ou=people," % number + BASE for number in range(PEOPLE)]
    add(transaction, 1, b"cn=early", {"cn": [b"early"], "member": names})
    people = add(transaction, 1, b"ou=people", {"ou": [b"people"]})
    ids = []
    for number in range(PEOPLE):
        content = {"cn": [b"p%d" % number, b"Person %d" % number], "sn": [b"Family%d" % (number % 3)]}
        ids.append(add(transaction, people, b"cn=p%d" % number, content))
    add(transaction, 1, b"cn=late", {"cn": [b"late"]}, links=[("member", target) for target in ids])


def declare(store: Store) -> None:
    with store.write() as transaction:
        put_index(transaction, "cn", IndexKind.EQUALITY)
        put_index(transaction, "sn", IndexKind.SUBSTRING)
        put_index(transaction, "sn", IndexKind.PRESENCE)


def dump(store: Store) -> dict[str, list[tuple[bytes, bytes]]]:
    """Everything that the store holds."""
    with store.read() as reader:
        return {
            name: list(reader.raw.cursor(getattr(store.databases, name)).iternext()) for name, *_ in DATABASES
        }


def test_the_same_rows_as_one_by_one(tmp_path: Path) -> None:
    dumps = []
    for name in ("ordinary", "bulk"):
        with make_store(tmp_path / name, Clock()) as store:
            declare(store)
            if name == "bulk":
                with begin_bulk(store) as transaction:
                    fill(transaction)
            else:
                with store.write() as ordinary:
                    fill(ordinary)
            with store.read() as reader:
                assert not list(check(reader, SCHEMA.describe))
                assert reader.link_count(1, 2, reader.attribute_number("2.5.4.31") or 0) == PEOPLE
            dumps.append(dump(store))
    for database in ("children", "index", "links", "backlinks", "unresolved", "guids"):
        assert dumps[0][database] == dumps[1][database], database


def test_an_index_shows_what_is_not_put_yet(tmp_path: Path) -> None:
    with make_store(tmp_path) as store:
        declare(store)
        with begin_bulk(store) as transaction:
            first = add(transaction, 1, b"cn=one", {"cn": [b"one"], "sn": [b"abcdef"]})
            number = transaction.attribute_number("2.5.4.3") or 0
            assert list(transaction.index_ids(1, number, IndexKind.EQUALITY, b"one")) == [first]
            second = add(transaction, 1, b"cn=two", {"cn": [b"two", b"one"], "sn": [b"abc"]})
            assert transaction.index_count(1, number, IndexKind.EQUALITY, b"one") == 2
            assert transaction.index_first(1, number, IndexKind.EQUALITY, b"two") == (second, 1)
            assert transaction.index_has(1, number, IndexKind.EQUALITY, b"one", second)
            surnames = transaction.attribute_number("2.5.4.4") or 0
            assert transaction.index_count(1, surnames, IndexKind.PRESENCE, b"") == 2
            assert transaction.find(dn(b"cn=two," + BASE)) == (1, second)


def test_nothing_stays_of_a_slice_that_fails(tmp_path: Path) -> None:
    with make_store(tmp_path) as store:
        declare(store)
        before = dump(store)

        def fail() -> None:
            with begin_bulk(store) as transaction:
                add(transaction, 1, b"cn=one", {"cn": [b"one"]})
                add(transaction, 1, b"cn=ONE", {"cn": [b"one"]})

        with pytest.raises(EntryExists):
            fail()
        assert dump(store) == before
