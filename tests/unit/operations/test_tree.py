"""The entries that a directory and a domain begin with."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from fresh_directory import BASE, BUILTIN, Directory
from lightwave.directory.operations.domain_tree import build_domain
from lightwave.directory.operations.entry_builder import EntryBuilder
from lightwave.directory.operations.tree import Domain, create_tree
from lightwave.directory.store.errors import StoreError
from lightwave.directory.store.layout import SYSTEM_TENANT

ACME = b"dc=acme,dc=example"


def test_the_first_tenant_is_the_system_tenant(tmp_path: Path) -> None:
    directory = Directory(tmp_path)
    assert directory.tree.tenant == SYSTEM_TENANT
    with pytest.raises(StoreError), directory.store.write() as txn:
        create_tree(txn, BUILTIN, Domain(ACME, "there"))
    directory.close()


def test_a_second_domain_has_what_the_first_has(tmp_path: Path) -> None:
    directory = Directory(tmp_path)
    with directory.store.write() as txn:
        tenant = txn.create_tenant(uuid.uuid4().bytes)
        built = build_domain(EntryBuilder(txn, BUILTIN, tenant, lambda: uuid.uuid4().bytes), ACME)
    names = []
    with directory.store.read() as txn:
        for base in (BASE, ACME):
            owner, root = directory.find(base)
            names.append({txn.dn(owner, below).removesuffix(base) for below in txn.descendants(owner, root)})
        assert txn.by_guid(tenant, txn.record(tenant, built.administrator).guid) == built.administrator
    assert names[0] - names[1] == {b"cn=TenantOperators,cn=Builtin,"}
    assert names[1] <= names[0]
    assert b"cn=Administrator,cn=Users," in names[0]
    assert directory.find(built.administrator_dn) == (tenant, built.administrator)
    assert not directory.findings()
    directory.close()
