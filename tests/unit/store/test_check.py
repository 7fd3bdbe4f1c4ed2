"""Whatever row is missing or too many, `check` names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import lmdb
import pytest

from lightwave.directory.store import layout
from lightwave.directory.store.check import check
from lightwave.directory.store.databases import Databases
from lightwave.directory.store.environment import Store
from lightwave.directory.store.indexes import IndexKind
from lightwave.directory.store.layout import entry_key, link_key, pack_id
from store_entries import BASE, SCHEMA, START, add, entry, put_index

Raw: TypeAlias = "lmdb.Transaction[bytes]"
Harm = Callable[[Raw, Databases, int], object]


def fill(store: Store) -> int:
    """An entry on which everything hangs that can; every second id after it is unknown."""
    with store.write() as transaction:
        put_index(transaction, "sn", IndexKind.EQUALITY)
        values = {"sn": [b"s"], "member": [b"cn=nobody," + BASE]}
        group = add(transaction, 1, b"cn=group", values, links=[("manager", 1)])
        transaction.put_secret(1, group, b"credentials", b"x", transaction.begin_change())
        transaction.insert_entry(1, 1, entry(b"cn=dynamic", expires=START + 5), transaction.begin_change())
        return group


def first(raw: Raw, database: lmdb._Database) -> tuple[bytes, bytes]:
    cursor = raw.cursor(database)
    assert cursor.first()
    return cursor.item()


def drop_first(raw: Raw, database: lmdb._Database) -> None:
    cursor = raw.cursor(database)
    assert cursor.first()
    cursor.delete()


HARMS: dict[str, tuple[str, Harm]] = {
    "record": ("entries", lambda raw, dbs, one: raw.put(entry_key(1, one), b"x", db=dbs.entries)),
    "no record": ("children", lambda raw, dbs, one: raw.delete(entry_key(1, one), db=dbs.entries)),
    "no children": ("children", lambda raw, dbs, one: raw.delete(entry_key(1, 1), db=dbs.children)),
    "child": (
        "children",
        lambda raw, dbs, one: raw.put(entry_key(1, one), b"cn=x\0" + pack_id(1), db=dbs.children),
    ),
    "no guid": ("guids", lambda raw, dbs, one: drop_first(raw, dbs.guids)),
    "guid": (
        "guids",
        lambda raw, dbs, one: raw.put(layout.guid_key(1, bytes(16)), pack_id(one), db=dbs.guids),
    ),
    "no change": ("changes", lambda raw, dbs, one: drop_first(raw, dbs.changes)),
    "change": (
        "changes",
        lambda raw, dbs, one: raw.put(pack_id(999), layout.change_value(1, one), db=dbs.changes),
    ),
    "removal": (
        "changes",
        lambda raw, dbs, one: raw.put(pack_id(999), layout.removal_value(1, one, 1), db=dbs.changes),
    ),
    "no tenant change": ("tenant_changes", lambda raw, dbs, one: drop_first(raw, dbs.tenant_changes)),
    "no link": ("backlinks", lambda raw, dbs, one: drop_first(raw, dbs.links)),
    "no backlink": ("links", lambda raw, dbs, one: drop_first(raw, dbs.backlinks)),
    "link": (
        "links",
        lambda raw, dbs, one: raw.put(link_key(1, one, 3), layout.link_value(777, 1, 1), db=dbs.links),
    ),
    "waiting": (
        "unresolved",
        lambda raw, dbs, one: raw.put(
            layout.unresolved_key(layout.name_digest(1, b"x"), one, 1), b"text", db=dbs.unresolved
        ),
    ),
    "no index key": ("index", lambda raw, dbs, one: drop_first(raw, dbs.index)),
    "index key": (
        "index",
        lambda raw, dbs, one: raw.put(first(raw, dbs.index)[0][:9] + b"other", pack_id(one), db=dbs.index),
    ),
    "no stamps": ("stamps", lambda raw, dbs, one: raw.delete(entry_key(1, one), db=dbs.stamps)),
    "stamps cut": ("stamps", lambda raw, dbs, one: raw.put(entry_key(1, one), bytes(13), db=dbs.stamps)),
    "stamps of nobody": (
        "stamps",
        lambda raw, dbs, one: raw.put(entry_key(1, 888), bytes(12), db=dbs.stamps),
    ),
    "secret of nobody": (
        "secrets",
        lambda raw, dbs, one: raw.put(layout.secret_key(1, 888, b"x"), b"", db=dbs.secrets),
    ),
    "no expiry": ("expiry", lambda raw, dbs, one: drop_first(raw, dbs.expiry)),
    "expiry": ("expiry", lambda raw, dbs, one: raw.put(layout.expiry_key(5, 1, one), b"", db=dbs.expiry)),
    "no context": ("meta", lambda raw, dbs, one: raw.delete(layout.context_name(1, 1), db=dbs.meta)),
}


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
