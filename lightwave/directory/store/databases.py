"""The handles of the store's databases, opened once when the environment is."""

from __future__ import annotations

from dataclasses import dataclass

import lmdb

from lightwave.directory.store import layout


@dataclass(frozen=True, slots=True)
class Databases:
    """One handle a database; see layout.py for what stands in each."""

    entries: lmdb._Database
    children: lmdb._Database
    links: lmdb._Database
    backlinks: lmdb._Database
    unlinked: lmdb._Database
    unresolved: lmdb._Database
    index: lmdb._Database
    guids: lmdb._Database
    descriptors: lmdb._Database
    stamps: lmdb._Database
    changes: lmdb._Database
    tenant_changes: lmdb._Database
    secrets: lmdb._Database
    failures: lmdb._Database | None
    """As `audit`."""
    expiry: lmdb._Database
    meta: lmdb._Database
    audit: lmdb._Database | None
    """None where a store of an older format is only read."""


def open_databases(environment: lmdb.Environment, *, create: bool) -> Databases:
    """Open (or create) all databases. What an older format has not, is left out."""
    found: dict[str, lmdb._Database] = {}
    for name, duplicates, fixed in layout.DATABASES:
        try:
            database = environment.open_db(name.encode(), dupsort=duplicates, dupfixed=fixed, create=create)
        except lmdb.NotFoundError:
            if name not in layout.LATER:
                raise
            continue
        found[name] = database
    return Databases(**{**dict.fromkeys(layout.LATER), **found})  # type: ignore[arg-type]  # those may be None
