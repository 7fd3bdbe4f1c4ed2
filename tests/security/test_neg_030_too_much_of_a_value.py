"""Negative test 30: a value of 100 MB, a million values: refused before anything is prepared or stored."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from fresh_directory import Directory
from lightwave.directory.ldap.messages import AddRequest, Modification, ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.ports import Target, WriteRequest
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction

USERS = "cn=Users,dc=lightwave,dc=local"
ANN = f"cn=Ann,{USERS}"
LIMIT = ResultCode.ADMIN_LIMIT_EXCEEDED


class NeverPrepare:
    """A port whose work must not begin."""

    def handles(self, attribute_oid: str) -> bool:
        """Everything."""
        return True

    def plan(
        self,
        txn: ReadTransaction,
        schema: Schema,
        context: Context,
        request: WriteRequest,
        target: Target | None,
    ) -> None:
        """Fails the test."""
        raise AssertionError("something was prepared for a request beyond the limits")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    """A directory with one person."""
    made = Directory(tmp_path_factory.mktemp("limits"), preparers=(NeverPrepare(),))
    assert made.add(ANN, objectClass="inetOrgPerson", sn="Lee").code is ResultCode.SUCCESS
    yield made
    assert made.findings() == []
    made.close()


HUGE = bytes(100 * 1024 * 1024)
MANY = tuple(b"%d" % number for number in range(1_000_000))


@pytest.mark.parametrize("values", [(HUGE,), MANY], ids=["100 MB", "a million"])
@pytest.mark.parametrize("attribute", ["description", "userPassword", "jpegPhoto"])
def test_neg_030_refused_before_preparing(
    directory: Directory, attribute: str, values: tuple[bytes, ...]
) -> None:
    with directory.store.read() as txn:
        before = txn.last_usn()
    requests: list[WriteRequest] = [
        ModifyRequest(ANN.encode(), (Modification(ModifyKind.ADD, attribute, values),)),
        ModifyRequest(ANN.encode(), (Modification(ModifyKind.REPLACE, attribute, values),)),
        AddRequest(
            f"cn=New,{USERS}".encode(),
            (("objectClass", (b"inetOrgPerson",)), ("sn", (b"x",)), (attribute, values)),
        ),
    ]
    for request in requests:
        assert directory.write(request).code is LIMIT
    with directory.store.read() as txn:
        assert txn.last_usn() == before


def test_neg_030_too_many_changes(directory: Directory) -> None:
    changes = tuple(Modification(ModifyKind.REPLACE, "sn", (b"x",)) for _ in range(10_001))
    assert directory.write(ModifyRequest(ANN.encode(), changes)).code is LIMIT


def test_neg_030_an_entry_does_not_grow_past_the_limits_step_by_step(directory: Directory) -> None:
    limits = directory.limits
    directory.limits = dataclasses.replace(limits, values=10, entry_size=4_000)
    try:
        for number in range(10):
            assert directory.modify(ANN, ("add", "description", f"{number}")).code is ResultCode.SUCCESS
        assert directory.modify(ANN, ("add", "description", "10")).code is LIMIT
        assert directory.modify(ANN, ("add", "title", "x" * 2_000)).code is ResultCode.SUCCESS
        assert directory.modify(ANN, ("add", "title", "y" * 2_000)).code is LIMIT
    finally:
        directory.limits = limits
