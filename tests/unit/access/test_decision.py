"""The built-in rule: administrator all, signed-in read, anonymous root DSE and schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from accounts import Accounts
from lightwave.directory.access.attribute_set import ALL, NONE
from lightwave.directory.access.decision import SELF, STRANGER, Relation, decide, relation_of
from lightwave.directory.access.descriptor import (
    ORDINARY,
    ROOT_DSE,
    SCHEMA,
    EffectiveDescriptor,
    effective_descriptor,
)
from lightwave.directory.access.rights import FULL, READ, Right
from lightwave.directory.access.token import ANONYMOUS, AuthenticatedBy, Token

USER = Token(1, 5, b"g" * 16, b"uid=ann", False, False, AuthenticatedBy.PASSWORD)
ADMINISTRATOR = replace(USER, is_administrator=True)


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    folder: Path = tmp_path_factory.mktemp("access")
    made = Accounts(folder)
    yield made
    made.store.close()


@pytest.mark.parametrize("descriptor", [ROOT_DSE, SCHEMA, ORDINARY])
def test_the_administrator_may_do_all(descriptor: EffectiveDescriptor) -> None:
    decision = decide(ADMINISTRATOR, descriptor)
    assert decision.allows(FULL)
    assert decision.readable is ALL
    assert decision.writable is ALL


@pytest.mark.parametrize("relation", [STRANGER, SELF])
def test_who_is_signed_in_reads(relation: Relation) -> None:
    decision = decide(USER, ORDINARY, relation)
    assert decision.allows(READ)
    assert not decision.allows(Right.WRITE_PROPERTY)
    assert not decision.allows(Right.DELETE)
    assert not decision.allows(Right.CREATE_CHILD)
    assert decision.readable is ALL
    assert 7 not in decision.writable


def test_anonymous_reads_root_dse_and_schema_only() -> None:
    assert decide(ANONYMOUS, ROOT_DSE).allows(Right.READ_PROPERTY)
    assert decide(ANONYMOUS, SCHEMA).allows(Right.READ_PROPERTY)
    assert not decide(ANONYMOUS, SCHEMA).allows(Right.WRITE_PROPERTY)
    nothing = decide(ANONYMOUS, ORDINARY)
    assert nothing.rights is Right.NONE
    assert nothing.readable == NONE
    assert 1 not in nothing.readable


def test_decisions_are_shared_objects() -> None:
    assert decide(USER, ORDINARY) is decide(USER, ORDINARY, SELF)


def test_attribute_sets() -> None:
    assert 1 in ALL
    assert repr(ALL) == "ALL"


def test_relation() -> None:
    assert relation_of(USER, 1, 5).is_self
    assert not relation_of(USER, 1, 6).is_self
    assert not relation_of(USER, 2, 5).is_self
    assert not relation_of(ANONYMOUS, 1, 0).is_self


def test_tokens_compare_by_identity() -> None:
    assert replace(USER) != USER
    assert len({USER, replace(USER)}) == 2


def test_descriptors_of_entries(accounts: Accounts) -> None:
    tenant = accounts.tenant
    with accounts.store.read() as txn:
        assert effective_descriptor(txn, tenant, 0) is ROOT_DSE
        assert effective_descriptor(txn, tenant, accounts.schema_root) is SCHEMA
        assert effective_descriptor(txn, tenant, accounts.aggregate) is SCHEMA
        record = txn.record(tenant, accounts.aggregate)
        assert effective_descriptor(txn, tenant, accounts.aggregate, record) is SCHEMA
        assert effective_descriptor(txn, tenant, accounts.base) is ORDINARY
        assert effective_descriptor(txn, tenant, accounts.ann) is ORDINARY
        assert effective_descriptor(txn, tenant + 1, accounts.ann) is ORDINARY
    with accounts.store.write() as txn:
        assert effective_descriptor(txn, tenant, accounts.aggregate) is SCHEMA
