"""Names and values in one comparable form."""

from __future__ import annotations

import unicodedata
from itertools import permutations

import pytest

from lightwave.directory.ldap.dn import parse_dn, parse_rdn
from lightwave.directory.ldap.filters import Substrings
from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import (
    join_dn,
    normalise_dn,
    normalise_dn_text,
    normalise_rdn,
    normalise_substrings,
    normalise_value,
    ordering_key,
    substring_form,
)
from lightwave.directory.schema.schema import Schema


def of(schema: Schema, name: str) -> AttributeType:
    found = schema.attribute(name)
    assert found is not None
    return found


SPELLINGS = [
    "cn=Zoë Doe,ou=People,dc=example,dc=com",
    "CN=zoë doe,OU=people,DC=Example,DC=COM",
    "cn=Zoë Doe, ou=People, dc=example, dc=com",
    "cn=Zoë Doe ,ou = People;dc=example , dc=com",
    "cn=Zoë  Doe,ou=\\20People\\20,dc=example,dc=com",
    "cn=Zoë\\20Doe,ou=People,dc=example,dc=com",
    'cn="Zoë Doe",ou=People,dc=example,dc=com',
    "cn=Zo\\C3\\AB Doe,ou=People,dc=example,dc=com",
    "2.5.4.3=Zoë Doe,2.5.4.11=People,dc=example,dc=com",
    "OID.2.5.4.3=Zoë Doe,ou=People,dc=example,dc=com",
    "commonName=Zoë Doe,organizationalUnitName=People,domainComponent=example,dc=com",
    "cn=#0C085A6FC3AB20446F65,ou=People,dc=example,dc=com",
    "cn=Zo\u00ad\u00eb\u3000Doe,ou=People,dc=example,dc=com",
]


@pytest.mark.parametrize("text", SPELLINGS)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_neg_010_every_spelling_of_a_name_is_one_name(schema: Schema, text: str, form: str) -> None:
    spelt = unicodedata.normalize(form, text).encode()  # type: ignore[arg-type]
    assert normalise_dn_text(schema, spelt) == normalise_dn_text(schema, SPELLINGS[0].encode())
    assert normalise_dn(schema, parse_dn(spelt)) == normalise_dn_text(schema, SPELLINGS[0].encode())


@pytest.mark.parametrize("parts", list(permutations(["cn=A b", "UID=x", "sn=\\+\\,"])))
def test_neg_009_every_order_of_a_multi_valued_rdn_is_one_rdn(schema: Schema, parts: tuple[str, ...]) -> None:
    text = "+".join(parts).encode() + b",dc=x"
    assert normalise_dn_text(schema, text) == normalise_dn_text(schema, b"cn=a  B + uid=X + sn=\\2b\\2C,DC=X")


@pytest.mark.parametrize(
    "text",
    [
        b"cn=a,",
        b"cn=a, ",
        b",cn=a",
        b"cn=a,,dc=x",
        b"cn=a\\",
        b"cn=a\\zz",
        b"cn=\xc0\x80",
        b"cn=a\x00",
        b"nope=a",
        b"cn=a,nope=b",
        b"1.2.3.4.5=a",
        b"cn=a+cn=b",
        b"cn=a+commonName=a",
        b"cn;lang-de=a",
        b"c=DEU",
        b"createTimestamp=now",
        b",".join([b"cn=a"] * 10_000),
        b"cn=" + b"a" * 70_000,
    ],
)
def test_neg_009_what_is_no_name(schema: Schema, text: bytes) -> None:
    with pytest.raises(InvalidValue):
        normalise_dn_text(schema, text)


@pytest.mark.parametrize(
    "different",
    [
        b"cn=a\\,dc=x",
        b"cn=a,dc=y",
        b"cn=a+sn=b,dc=x",
        b"cn=b,dc=x",
        b"cn=a,ou=b,dc=x",
        b"cn=a\\+sn=b,dc=x",
        b"",
    ],
)
def test_different_names_stay_different(schema: Schema, different: bytes) -> None:
    assert join_dn(normalise_dn_text(schema, different)) != join_dn(normalise_dn_text(schema, b"cn=a,dc=x"))


def test_the_root_is_the_empty_name(schema: Schema) -> None:
    assert normalise_dn_text(schema, b"") == ()


def test_nul_is_never_raw(schema: Schema) -> None:
    rdn = normalise_rdn(schema, parse_rdn(b"objectGUID=\\00\\01\\2c\\5c"))
    assert rdn == b"1.2.840.113556.1.4.2=\\00\x01\\2c\\5c"


def test_the_form_of_a_name(schema: Schema) -> None:
    assert normalise_dn_text(schema, b"CN=A+UID=b,DC=x") == (
        b"0.9.2342.19200300.100.1.1=b+2.5.4.3=a",
        b"0.9.2342.19200300.100.1.25=x",
    )


def test_the_cache_answers_what_the_parser_would(schema: Schema) -> None:
    text = b"cn=cached,dc=x"
    assert normalise_dn_text(schema, text) is normalise_dn_text(schema, text)


def test_values_without_an_equality_rule_are_octets(schema: Schema) -> None:
    assert normalise_value(of(schema, "jpegPhoto"), b"\xff\xd8 X") == b"\xff\xd8 X"


def test_object_classes_are_equal_by_identifier(schema: Schema) -> None:
    kind = of(schema, "objectClass")
    assert normalise_value(kind, b"PERSON") == normalise_value(kind, b"2.5.6.6") == b"2.5.6.6"
    with pytest.raises(InvalidValue):
        normalise_value(kind, b"noSuchClass")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (
            "uidNumber",
            ["-100000000000000000000", "-65536", "-256", "-255", "-1", "0", "1", "255", "256", "9" * 40],
        ),
        (
            "createTimestamp",
            [
                "20251231235959.9Z",
                "20260101000000Z",
                "20260101000000.01Z",
                "20260101000000.1Z",
                "2026010101Z",
                "20260101013030Z",
                "2026010101.51Z",
                "20260101000200-0200",
                "20260101235960Z",
                "20260102000000Z",
            ],
        ),
        ("dnQualifier", ["a", "A b", "a  c", "b"]),
        ("entryUUID", ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-00000000000A"]),
        ("entryCSN", ["20260101000000.000000Z#000000#00#000000", "20260101000000.000000Z#000000#001#000000"]),
    ],
)
def test_ordering_keys_sort_as_the_values_do(schema: Schema, name: str, values: list[str]) -> None:
    keys = [ordering_key(of(schema, name), value.encode()) for value in values]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", ["jpegPhoto", "cn", "member"])
def test_without_an_ordering_rule_there_is_no_key(schema: Schema, name: str) -> None:
    with pytest.raises(InvalidValue):
        ordering_key(of(schema, name), b"x")


@pytest.mark.parametrize(
    ("name", "assertion", "value", "expected"),
    [
        ("cn", Substrings("cn", b"bar", (), None), "Barbara Jensen", True),
        ("cn", Substrings("cn", None, (b"A J",), None), "Barbara  Jensen", True),
        ("cn", Substrings("cn", None, (b" j",), None), "Barbara Jensen", True),
        ("cn", Substrings("cn", None, (b" b",), None), "Barbara Jensen", True),
        ("cn", Substrings("cn", None, (b" a",), None), "Barbara Jensen", False),
        ("cn", Substrings("cn", None, (), b"SEN"), "Barbara Jensen", True),
        ("cn", Substrings("cn", b"ba", (b"ba",), b"en"), "Barbara Jensen", True),
        ("cn", Substrings("cn", b"ba", (b"ba", b"ba"), None), "Barbara Jensen", False),
        ("cn", Substrings("cn", b"abc", (), b"cde"), "abcde", False),
        ("cn", Substrings("cn", b"abc", (b"c",), None), "abcc", True),
        ("cn", Substrings("cn", b"", (), b""), "x", True),
        ("cn", Substrings("cn", "É".encode(), (), None), "é", True),
        ("cn", Substrings("cn", "e\u0301".encode(), (), None), "Éa", True),
        ("telephoneNumber", Substrings("telephoneNumber", b"+1-4", (b"0 8",), None), "+1 408 555", True),
        ("labeledURI", Substrings("labeledURI", b"x", (), None), "X", False),
    ],
)
def test_substrings(schema: Schema, name: str, assertion: Substrings, value: str, expected: bool) -> None:
    attribute = of(schema, name)
    if attribute.substring is None:
        with pytest.raises(InvalidValue):
            normalise_substrings(attribute, assertion)
        return
    pattern = normalise_substrings(attribute, assertion)
    assert pattern.matches(substring_form(attribute, value.encode())) is expected
