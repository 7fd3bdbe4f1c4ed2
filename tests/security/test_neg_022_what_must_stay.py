"""Negative test 22: the last administrator, what the schema demands and the structural class can't be taken away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fresh_directory import Directory
from lightwave.directory.ldap.result import ResultCode

USERS = "cn=Users,dc=lightwave,dc=local"
ADMINISTRATOR = f"cn=Administrator,{USERS}"
ANN = f"cn=Ann,{USERS}"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    """A directory with one person."""
    made = Directory(tmp_path_factory.mktemp("stay"))
    assert made.add(ANN, objectClass="organizationalPerson", sn="Lee").code is ResultCode.SUCCESS
    yield made
    assert made.findings() == []
    made.close()


def test_neg_022_the_administrator_stays(directory: Directory) -> None:
    assert directory.delete(ADMINISTRATOR).code is ResultCode.UNWILLING_TO_PERFORM
    assert directory.rename(ADMINISTRATOR, "cn=Nobody").code is ResultCode.UNWILLING_TO_PERFORM
    assert directory.exists(ADMINISTRATOR)


@pytest.mark.parametrize(
    "dn", ["cn=aggregate,cn=schemacontext", "cn=indices,cn=config", USERS, "cn=nodes,cn=config"]
)
def test_neg_022_what_the_server_stands_on_stays(directory: Directory, dn: str) -> None:
    assert directory.delete(dn).code in (ResultCode.UNWILLING_TO_PERFORM, ResultCode.NOT_ALLOWED_ON_NON_LEAF)
    assert directory.rename(dn, "cn=other").code is ResultCode.UNWILLING_TO_PERFORM
    assert directory.exists(dn)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([("delete", "sn", ())], "OBJECT_CLASS_VIOLATION"),
        ([("delete", "sn", "LEE")], "OBJECT_CLASS_VIOLATION"),
        ([("replace", "sn", ())], "OBJECT_CLASS_VIOLATION"),
        ([("delete", "objectClass", ())], "OBJECT_CLASS_VIOLATION"),
        ([("replace", "objectClass", "top")], "OBJECT_CLASS_VIOLATION"),
        ([("replace", "objectClass", "device")], "OBJECT_CLASS_MODS_PROHIBITED"),
        ([("replace", "objectClass", "person")], "OBJECT_CLASS_MODS_PROHIBITED"),
        ([("add", "objectClass", "inetOrgPerson")], "OBJECT_CLASS_MODS_PROHIBITED"),
        ([("add", "objectClass", "groupOfNames"), ("add", "member", ANN)], "OBJECT_CLASS_VIOLATION"),
    ],
)
def test_neg_022_class_and_required_attributes_stay(
    directory: Directory, changes: list[tuple[str, str, str]], code: str
) -> None:
    assert directory.modify(ANN, *changes).code.name == code
    assert directory.values(ANN, "sn") == [b"Lee"]
    assert directory.values(ANN, "structuralObjectClass") == [b"organizationalPerson"]
