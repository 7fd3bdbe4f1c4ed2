"""A store on which everything hangs that can, and each way in which its databases can stop to agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import lmdb

from lightwave.directory.store import layout
from lightwave.directory.store.databases import Databases
from lightwave.directory.store.environment import Store
from lightwave.directory.store.indexes import IndexKind
from lightwave.directory.store.layout import entry_key, link_key, pack_id
from store_entries import BASE, START, add, entry, put_index

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
    "not waiting": ("unresolved", lambda raw, dbs, one: drop_first(raw, dbs.unresolved)),
    "tenant change": (
        "tenant_changes",
        lambda raw, dbs, one: raw.put(layout.tenant_change_key(1, 998), pack_id(one), db=dbs.tenant_changes),
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
