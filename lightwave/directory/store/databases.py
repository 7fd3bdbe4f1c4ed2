"""The handles of the store's databases, opened once when the environment is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lightwave.directory.store import layout

if TYPE_CHECKING:
    import lmdb


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
    expiry: lmdb._Database
    meta: lmdb._Database


def open_databases(environment: lmdb.Environment, *, create: bool) -> Databases:
    """Open (or create) all databases."""
    return Databases(
        **{
            name: environment.open_db(name.encode(), dupsort=duplicates, dupfixed=fixed, create=create)
            for name, duplicates, fixed in layout.DATABASES
        }
    )
