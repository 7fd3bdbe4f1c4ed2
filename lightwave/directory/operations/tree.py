"""The entries of a fresh directory: naming contexts, containers, the administrator, nodes and index definitions."""

from __future__ import annotations

from dataclasses import dataclass

from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.writing import WriteTransaction


@dataclass(frozen=True, slots=True)
class Domain:
    """What promote knows about the domain that it makes."""

    dn: bytes
    """dc=lightwave,dc=local"""
    hostname: str
    """of this node; cn=<hostname>,cn=nodes,cn=config"""


@dataclass(frozen=True, slots=True)
class Tree:
    """Where things of the fresh tree are."""

    tenant: int
    administrator: int
    """entry id"""
    administrator_dn: bytes
    node: int


def create_tree(txn: WriteTransaction, schema: Schema, domain: Domain) -> Tree:
    """Makes naming contexts and entries in `txn`, the administrator without a password."""
