"""Compare, and the attributes that no record holds."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from fresh_directory import Directory
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.messages import CompareRequest, Modification, ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.compare import compare
from lightwave.directory.operations.context import MANAGE_DSA_IT

BASE = "dc=lightwave,dc=local"
USERS = f"cn=Users,{BASE}"
ANN = f"cn=Ann,{USERS}"
GROUP = f"cn=Staff,{USERS}"
REFERRAL = f"ou=Elsewhere,{USERS}"
ALIAS = f"cn=Alias,{USERS}"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    """A person, a group, a referral object and an alias; nothing here changes them."""
    made = Directory(tmp_path_factory.mktemp("compare"))
    for outcome in (
        made.add(
            ANN,
            objectClass="inetOrgPerson",
            sn="Lee",
            cn_lang__de="Anna",
            audio="a",
            manager=f"cn=Nobody,{USERS}",
        ),
        made.add(GROUP, objectClass="groupOfNames", member=ANN),
        made.add(REFERRAL, objectClass=["referral", "extensibleObject"], ref="ldap://other/ou=x text"),
        made.add(ALIAS, objectClass=["alias", "extensibleObject"], aliasedObjectName=ANN),
    ):
        assert outcome.code is ResultCode.SUCCESS, outcome
    yield made
    assert made.findings() == []
    made.close()


@pytest.mark.parametrize(
    ("dn", "attribute", "value", "code"),
    [
        (ANN, "sn", "  LEE ", "COMPARE_TRUE"),
        (ANN, "sn", "Park", "COMPARE_FALSE"),
        (ANN, "name", "lee", "COMPARE_TRUE"),
        (ANN, "cn", "anna", "COMPARE_TRUE"),
        (ANN, "cn;lang-de", "ann", "COMPARE_FALSE"),
        (ANN, "cn;lang-fr", "ann", "NO_SUCH_ATTRIBUTE"),
        (ANN, "title", "x", "NO_SUCH_ATTRIBUTE"),
        (ANN, "nosuch", "x", "UNDEFINED_ATTRIBUTE_TYPE"),
        (ANN, "manager", "nonsense", "INVALID_ATTRIBUTE_SYNTAX"),
        (ANN, "manager", f"CN=nobody , {USERS}", "COMPARE_TRUE"),
        (ANN, "manager", ANN, "COMPARE_FALSE"),
        (ANN, "audio", "a", "INAPPROPRIATE_MATCHING"),
        (ANN, "objectClass", "2.5.6.6", "COMPARE_TRUE"),
        (ANN, "objectClass", "device", "COMPARE_FALSE"),
        (ANN, "userPassword", "x", "COMPARE_FALSE"),
        (GROUP, "userPassword", "x", "COMPARE_FALSE"),
        (GROUP, "member", f"cn=ANN,{USERS}", "COMPARE_TRUE"),
        (GROUP, "member", GROUP, "COMPARE_FALSE"),
        (GROUP, "member", f"cn=Nobody,{USERS}", "COMPARE_FALSE"),
        (GROUP, "owner", ANN, "NO_SUCH_ATTRIBUTE"),
        (ANN, "memberOf", GROUP, "COMPARE_TRUE"),
        (GROUP, "memberOf", GROUP, "NO_SUCH_ATTRIBUTE"),
        (ANN, "entryDN", f"CN=ann,{USERS}", "COMPARE_TRUE"),
        (ANN, "hasSubordinates", "FALSE", "COMPARE_TRUE"),
        (USERS, "hasSubordinates", "TRUE", "COMPARE_TRUE"),
        (ANN, "subschemaSubentry", "cn=aggregate,cn=schemacontext", "COMPARE_TRUE"),
        (ANN, "structuralObjectClass", "inetOrgPerson", "COMPARE_TRUE"),
        (ANN, "entryTtl", "5", "NO_SUCH_ATTRIBUTE"),
        (f"cn=No,{USERS}", "cn", "x", "NO_SUCH_OBJECT"),
        ("nonsense", "cn", "x", "INVALID_DN_SYNTAX"),
        (REFERRAL, "ou", "Elsewhere", "REFERRAL"),
        (f"cn=below,{REFERRAL}", "cn", "x", "REFERRAL"),
        (ALIAS, "cn", "alias", "COMPARE_TRUE"),
    ],
)
def test_compare(directory: Directory, dn: str, attribute: str, value: str, code: str) -> None:
    assert directory.compare(dn, attribute, value).name == code


def test_computed_values(directory: Directory) -> None:
    (guid,) = directory.values(ANN, "objectGUID")
    assert directory.values(ANN, "entryUUID") == [str(uuid.UUID(bytes=guid)).encode()]
    (name,) = directory.values(ANN, "distinguishedName")  # with the types in capitals
    assert name != ANN.encode()
    assert directory.compare(ANN, "distinguishedName", ANN) is ResultCode.COMPARE_TRUE
    assert name.lower() == ANN.lower().encode()
    assert directory.values(ANN, "whenCreated") == directory.values(ANN, "createTimestamp")
    assert directory.values(GROUP, "numSubordinates") == [b"0"]
    assert directory.compare(ANN, "entryUUID", str(uuid.UUID(bytes=guid)).upper()) is ResultCode.COMPARE_TRUE


def test_referral_objects(directory: Directory) -> None:
    """RFC 3296: other operations are referred, unless the client manages the DSA's own information tree."""
    request = ModifyRequest(REFERRAL.encode(), (Modification(ModifyKind.REPLACE, "description", (b"x",)),))
    outcome = directory.write(request)
    assert outcome.code is ResultCode.REFERRAL
    assert outcome.referrals == (b"ldap://other/ou=x",)
    managing = directory.context(controls=(Control(MANAGE_DSA_IT, True, None),))
    assert directory.write(request, managing).code is ResultCode.SUCCESS
    assert directory.add(f"cn=a,{REFERRAL}", objectClass="person", sn="x").code is ResultCode.REFERRAL
    assert directory.delete(REFERRAL).code is ResultCode.REFERRAL
    assert directory.rename(ANN, "cn=Ann", REFERRAL).code is ResultCode.AFFECTS_MULTIPLE_DSAS


def test_aliases_have_no_subordinates(directory: Directory) -> None:
    """RFC 4512 §2.6."""
    outcome = directory.add(f"cn=a,{ALIAS}", objectClass="person", sn="x")
    assert (outcome.code, outcome.matched) == (ResultCode.ALIAS_PROBLEM, ALIAS.encode())
    assert directory.rename(ANN, "cn=Ann", ALIAS).code is ResultCode.ALIAS_PROBLEM


def test_anonymous_compares_nothing_but_the_schema(directory: Directory) -> None:
    anonymous = directory.context(anonymous=True)
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        for name in (ANN, f"cn=nobody,{ANN}", f"cn=nobody,{BASE}"):
            for attribute in ("sn", "undefined"):
                refused = compare(txn, schema, anonymous, CompareRequest(name.encode(), attribute, b"Lee"))
                assert (refused.code, refused.matched) == (ResultCode.NO_SUCH_OBJECT, b""), name
        allowed = compare(
            txn, schema, anonymous, CompareRequest(b"cn=aggregate,cn=schemacontext", "cn", b"aggregate")
        )
        assert allowed.code is ResultCode.COMPARE_TRUE
