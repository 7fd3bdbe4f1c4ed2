"""Negative test 10: one entry under two spellings of its DN (case, spaces, escapes, NFC and NFD) is one entry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fresh_directory import Directory
from lightwave.directory.ldap.result import ResultCode

USERS = "cn=Users,dc=lightwave,dc=local"
NAME = f"cn=Zoë  Lee+sn=Lee,{USERS}"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    """A directory with one entry of that name."""
    made = Directory(tmp_path_factory.mktemp("spellings"))
    assert made.add(NAME, objectClass="person").code is ResultCode.SUCCESS
    yield made
    assert made.findings() == []
    made.close()


@pytest.mark.parametrize(
    "spelling",
    [
        NAME,
        NAME.upper(),
        f"CN=zoë lee + SN=lee , {USERS}",
        f"sn=Lee+cn=Zoë Lee,{USERS}",
        f"cn=Zo\\C3\\AB\\20Lee+sn=Lee,{USERS}",
        f"cn=Zoe\u0308 Lee+sn=Lee,{USERS}",
        f"2.5.4.3=Zoë Lee+2.5.4.4=Lee,{USERS}",
        f'cn="Zoë Lee"+sn=#04034C6565,{USERS}',
        "cn=\\20 Zoë Lee\\20+sn=\\4cee;cn=\\55sers,DC=Lightwave,0.9.2342.19200300.100.1.25=LOCAL",
    ],
)
def test_neg_010_exists_already(directory: Directory, spelling: str) -> None:
    outcome = directory.add(spelling, objectClass="person", sn="Lee")
    assert outcome.code is ResultCode.ENTRY_ALREADY_EXISTS, outcome
    assert directory.find(spelling) == directory.find(NAME)


def test_neg_010_a_rename_to_another_spelling_is_no_second_entry(directory: Directory) -> None:
    assert directory.add(f"cn=Max,{USERS}", objectClass="person", sn="x").code is ResultCode.SUCCESS
    outcome = directory.rename(f"cn=Max,{USERS}", "SN=LEE+CN=zoe\u0308  LEE", keep=True)
    assert outcome.code is ResultCode.ENTRY_ALREADY_EXISTS
