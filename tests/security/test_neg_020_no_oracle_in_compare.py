"""Negative test 20, by compare and by writes: nothing tells whether an entry has a password, or which."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fresh_directory import Directory
from lightwave.directory.ldap.messages import CompareRequest, Modification, ModifyKind, ModifyRequest
from lightwave.directory.operations.compare import compare
from lightwave.directory.store.reading import ReadTransaction

USERS = "cn=Users,dc=lightwave,dc=local"
WITH, WITHOUT = f"cn=With,{USERS}", f"cn=Without,{USERS}"
SECRET = b"{SSHA}0123456789"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    """Two people, one of whom has a secret."""
    made = Directory(tmp_path_factory.mktemp("oracle"))
    for dn in (WITH, WITHOUT):
        assert made.add(dn, objectClass="user", sn="x").code.label == "success"
    tenant, entry_id = made.find(WITH)
    with made.store.write() as txn:
        change = txn.begin_change()
        txn.put_secret(tenant, entry_id, b"credentials", SECRET, change)
    yield made
    assert made.findings() == []
    made.close()


@pytest.mark.parametrize("anonymous", [False, True])
@pytest.mark.parametrize("attribute", ["userPassword", "unicodePwd", "userPassword;x-any", "2.5.4.35"])
def test_neg_020_compare_is_the_same_for_all(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, attribute: str, anonymous: bool
) -> None:
    """Code and text are the same whatever is stored and asserted, and the secret is not even read."""

    def refuse(*_: object) -> None:
        raise AssertionError("a secret was looked up")

    monkeypatch.setattr(ReadTransaction, "secret", refuse)
    monkeypatch.setattr(ReadTransaction, "secret_kinds", refuse)
    context = directory.context(anonymous=anonymous)
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        outcomes = {
            compare(txn, schema, context, CompareRequest(dn.encode(), attribute, value))
            for dn in (WITH, WITHOUT)
            for value in (SECRET, b"wrong", b"")
        }
    assert len(outcomes) == 1


def test_neg_020_a_modify_without_the_right_tells_nothing(directory: Directory) -> None:
    outcomes = {
        directory.write(
            ModifyRequest(dn.encode(), (Modification(ModifyKind.DELETE, "userPassword", values),)),
            directory.context(anonymous=True),
        )
        for dn in (WITH, WITHOUT)
        for values in ((), (SECRET,), (b"wrong",))
    }
    assert len(outcomes) == 1


@pytest.mark.parametrize("name", ["userPassword=x", "unicodePwd=x", "cn=x+userPassword=x"])
def test_neg_020_a_secret_names_nothing(directory: Directory, name: str) -> None:
    codes = {directory.rename(dn, name).code for dn in (WITH, WITHOUT)}
    codes.add(directory.add(f"{name},{USERS}", objectClass="user", sn="x").code)
    assert len(codes) == 1
    assert "success" not in {code.label for code in codes}
