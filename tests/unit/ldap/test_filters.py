"""Filters: the examples of RFC 4515 section 4, and BER by hand."""

import pytest

from lightwave.directory.ldap.filters import (
    And,
    Approx,
    Equality,
    Extensible,
    Filter,
    FilterSyntaxError,
    GreaterOrEqual,
    LessOrEqual,
    Not,
    Or,
    Present,
    Substrings,
    decode_filter,
    encode_filter,
    format_filter,
    parse_filter,
)
from lightwave.directory.ldap.result import RequestError
from lightwave.wire.ber import BerError


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("(cn=Babs Jensen)", Equality("cn", b"Babs Jensen")),
        ("(!(cn=Tim Howes))", Not(Equality("cn", b"Tim Howes"))),
        (
            "(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))",
            And(
                (
                    Equality("objectClass", b"Person"),
                    Or((Equality("sn", b"Jensen"), Substrings("cn", b"Babs J", (), None))),
                )
            ),
        ),
        ("(o=univ*of*mich*)", Substrings("o", b"univ", (b"of", b"mich"), None)),
        ("(seeAlso=)", Equality("seeAlso", b"")),
        (
            "(cn:caseExactMatch:=Fred Flintstone)",
            Extensible("caseExactMatch", "cn", b"Fred Flintstone", False),
        ),
        ("(cn:=Betty Rubble)", Extensible(None, "cn", b"Betty Rubble", False)),
        ("(sn:dn:2.4.6.8.10:=Barney Rubble)", Extensible("2.4.6.8.10", "sn", b"Barney Rubble", True)),
        ("(o:dn:=Ace Industry)", Extensible(None, "o", b"Ace Industry", True)),
        ("(:1.2.3:=Wilma Flintstone)", Extensible("1.2.3", None, b"Wilma Flintstone", False)),
        ("(:DN:2.4.6.8.10:=Dino)", Extensible("2.4.6.8.10", None, b"Dino", True)),
        (r"(o=Parens R Us \28for all\29)", Equality("o", b"Parens R Us (for all)")),
        (r"(cn=*\2A*)", Substrings("cn", None, (b"*",), None)),
        (r"(filename=C:\5cMyFile)", Equality("filename", b"C:\\MyFile")),
        (r"(bin=\00\00\00\04)", Equality("bin", b"\0\0\0\4")),
        (r"(sn=Lu\c4\8di\c4\87)", Equality("sn", "Lučić".encode())),
        (r"(1.3.6.1.4.1.1466.0=\04\02\48\69)", Equality("1.3.6.1.4.1.1466.0", b"\x04\x02\x48\x69")),
        ("(cn=*)", Present("cn")),
        ("(n>=5)", GreaterOrEqual("n", b"5")),
        ("(n<=5)", LessOrEqual("n", b"5")),
        ("(n~=5)", Approx("n", b"5")),
        ("(&)", And(())),
        ("(|)", Or(())),
        ("(cn;lang-de=a=b:=c)", Equality("cn;lang-de", b"a=b:=c")),
        ("(cn=*end)", Substrings("cn", None, (), b"end")),
    ],
)
def test_rfc_4515(text: str, node: Filter) -> None:
    assert parse_filter(text) == node
    assert parse_filter(format_filter(node)) == node
    encoded = encode_filter(node)
    assert decode_filter(b"xx" + encoded + b"yy", 2, 2 + len(encoded)) == (node, 2 + len(encoded))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cn=a",
        "(cn=a",
        "(cn=a))",
        "()",
        "(=a)",
        "(cn)",
        "(!)",
        "(!(a=b)(c=d))",
        "(&(a=b)",
        "(cn=a(b)",
        r"(cn=\g0)",
        r"(cn=\4)",
        "(c n=a)",
        "(cn=a**b)",
        "(cn>=a*b)",
        "(:=a)",
        "(:dn:=a)",
        "(cn:a:b:=c)",
        "(cn::=a)",
        "(cn=a\0)",
        "(cn=\ud800)",
        "((cn=a))",
        "(^(a=b))",
    ],
)
def test_text_that_is_no_filter(text: str) -> None:
    with pytest.raises(FilterSyntaxError):
        parse_filter(text)


@pytest.mark.parametrize(
    "encoded",
    [
        b"\xaa\x00",  # no such choice
        b"\xa4\x06\x04\x02cn\x30\x00",  # no substrings
        b"\xa4\x0c\x04\x02cn\x30\x06\x82\x01a\x81\x01b",  # final before any
        b"\xa4\x0c\x04\x02cn\x30\x06\x81\x01a\x80\x01b",  # initial after any
        b"\xa4\x09\x04\x02cn\x30\x03\x83\x01a",  # no such substring
        b"\xa9\x03\x83\x01a",  # neither rule nor type
    ],
)
def test_refused_but_sound(encoded: bytes) -> None:
    with pytest.raises(RequestError):
        decode_filter(encoded, 0, len(encoded))


@pytest.mark.parametrize(
    "encoded",
    [
        b"\xa3\x00",
        b"\xa3\x04\x04\x02cn",
        b"\xa2\x00",
        b"\xa2\x04\x87\x00\x87\x00",
        b"\xa9\x03\x81\x01a",
        b"\xa0\x01a",
    ],
)
def test_broken(encoded: bytes) -> None:
    with pytest.raises(BerError) as caught:
        decode_filter(encoded, 0, len(encoded))
    assert not isinstance(caught.value, RequestError)


def test_unknown_components_at_the_end_are_ignored() -> None:
    encoded = b"\xa3\x0a\x04\x02cn\x04\x01a\x99\x01x"
    assert decode_filter(encoded, 0, len(encoded))[0] == Equality("cn", b"a")


def test_names_that_are_not_utf8_are_names_of_nothing() -> None:
    assert decode_filter(b"\x87\x01\xff", 0, 3)[0] == Present("\ufffd")
