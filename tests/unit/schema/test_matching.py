"""Each matching rule: pairs that match, pairs that do not, assertions that are Undefined (RFC 4517 §4.2)."""

from __future__ import annotations

import pytest

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.schema import Schema

U = "597ae2f6-16a6-1027-98f4-d28b5365dc14"

# rule, assertion, values that match, values that do not
CASES: list[tuple[str, str, list[str], list[str]]] = [
    ("objectIdentifierMatch", "person", ["2.5.6.6", "PERSON"], ["top", "2.5.6.7"]),
    ("objectIdentifierMatch", "2.5.4.3", ["cn", "commonName", "CN"], ["sn"]),
    ("distinguishedNameMatch", "CN=a B,dc=X", ["cn=A  b, DC=x", "2.5.4.3=a b,dc=x"], ["cn=ab,dc=x", "dc=x"]),
    ("caseIgnoreMatch", "Foo  Bar", ["foo bar", " FOO BAR "], ["foobar", "foo bars"]),
    ("caseExactMatch", "Foo  Bar", ["Foo Bar", " Foo Bar"], ["foo bar"]),
    ("numericStringMatch", "12 34", ["1234", "1 2 3 4"], ["12345"]),
    ("caseIgnoreListMatch", "1 Main St$Town", ["1 main  st$TOWN"], ["1 main st town", "1 main$st$town"]),
    ("caseIgnoreListMatch", "\\24 1$\\5c", ["\\24  1$\\5C"], ["$ 1$\\5c"]),
    ("telephoneNumberMatch", "+1 408-555", ["+1408555", "+ 1 40 85 55"], ["+14085550"]),
    ("booleanMatch", "TRUE", ["TRUE"], ["FALSE"]),
    ("integerMatch", "-12", ["-12"], ["12", "-120"]),
    ("bitStringMatch", "'01'B", ["'01'B"], ["'010'B", "'10'B"]),
    ("octetStringMatch", "aB", ["aB"], ["ab", "aB "]),
    (
        "generalizedTimeMatch",
        "20260101120000Z",
        ["202601011200Z", "20260101130000.0+01"],
        ["20260101120001Z"],
    ),
    ("uTCTimeMatch", "2601011200Z", ["260101120000Z", "2601011300+0100"], ["260101120001Z"]),
    ("uniqueMemberMatch", "cn=A#'01'B", ["CN=a#'01'B"], ["cn=a", "cn=a#'10'B"]),
    ("uniqueMemberMatch", "cn=A", ["CN=a"], ["cn=a#'10'B"]),
    ("integerFirstComponentMatch", "2", ["( 2 FORM f )", "2"], ["( 3 FORM 2 )"]),
    ("objectIdentifierFirstComponentMatch", "cn", ["( 2.5.4.3 NAME 'x' )"], ["( 2.5.4.4 NAME 'cn' )"]),
    ("directoryStringFirstComponentMatch", "Foo", ["( foo x )", "( 'FOO' )"], ["( bar foo )"]),
    ("wordMatch", "Jensen", ["Barbara JENSEN", "jensen, b."], ["Jensens"]),
    ("keywordMatch", "red", ["blue, Red", "red"], ["reddish, blue"]),
    ("caseIgnoreIA5Match", "A@B", ["a@b"], ["a@c"]),
    ("caseExactIA5Match", "A@B", ["A@B"], ["a@b"]),
    ("uuidMatch", U, [U.upper()], [U[:-1] + "5"]),
    (
        "CSNMatch",
        "20260101000000Z#000001#00#000000",
        ["20260101000000.000000Z#000001#000#000000"],
        ["20260101000000.000001Z#000001#000#000000"],
    ),
    ("CSNSIDMatch", "00A", ["00a"], ["00b"]),
    ("authPasswordExactMatch", "MD5$a$b", ["MD5$a$b"], ["MD5$a$c"]),
    ("presentationAddressMatch", "A", ["a"], ["b"]),
    ("protocolInformationMatch", "A", ["a"], ["b"]),
    ("lwSidMatch", "S-1-5-32", ["S-1-5-32", "s-1-0x000000000005-32"], ["S-1-5-33", "S"]),
    ("certificateExactMatch", "0", ["0"], ["1"]),
    ("certificatePairExactMatch", "0", ["0"], ["1"]),
    ("certificateListExactMatch", "0", ["0"], ["1"]),
    ("algorithmIdentifierMatch", "0", ["0"], ["1"]),
    # ordering rules hold for values before the assertion value
    ("caseIgnoreOrderingMatch", "b", ["A", "azz"], ["B", "c"]),
    ("caseExactOrderingMatch", "b", ["a", "C"], ["b", "c"]),
    ("numericStringOrderingMatch", "2 0", ["1 9", "2"], ["20", "3"]),
    ("integerOrderingMatch", "-5", ["-6", "-100000000000000000000"], ["-5", "0", "7"]),
    ("octetStringOrderingMatch", "b", ["a", "aaaa", ""], ["b", "ba"]),
    (
        "generalizedTimeOrderingMatch",
        "20260101000000Z",
        ["20251231235959.9Z"],
        ["20260101000000Z", "2026010100Z"],
    ),
    ("uTCTimeOrderingMatch", "500101000000Z", [], ["491231000000Z"]),
    ("uuidOrderingMatch", U, ["0" + U[1:]], [U, "f" + U[1:]]),
    ("CSNOrderingMatch", "20260101000000Z#000001#00#000000", ["20260101000000Z#000000#00#000000"], []),
    # substring rules in an extensible match
    ("caseIgnoreSubstringsMatch", "B*a*N", ["Barbara Jensen"], ["Babs Jensen Jr", "arbara"]),
    ("caseIgnoreSubstringsMatch", "*foo *", ["a foo b", "foo", "afoo"], ["foob"]),
    ("caseIgnoreSubstringsMatch", "ab*b", ["abb", "ab b"], ["ab"]),
    ("caseExactSubstringsMatch", "B*", ["Barbara"], ["barbara"]),
    ("numericStringSubstringsMatch", "1 2*", ["123", "1 23"], ["1 32"]),
    ("telephoneNumberSubstringsMatch", "*555-12*", ["+1 408 555 1234"], ["+1 408 555 2134"]),
    ("caseIgnoreListSubstringsMatch", "*main st*", ["1 Main St$Town"], ["1 Main$Town"]),
    ("octetStringSubstringsMatch", "*b*", ["abc"], ["aBc"]),
    ("caseIgnoreIA5SubstringsMatch", "A@*", ["a@b"], ["ba@b"]),
    ("caseExactIA5SubstringsMatch", "A@*", ["A@b"], ["a@b"]),
    # Active Directory's and OpenLDAP's
    ("1.2.840.113556.1.4.803", "6", ["6", "7", "-2"], ["4", "0"]),
    ("1.2.840.113556.1.4.804", "6", ["2", "4", "-1"], ["1", "0"]),
    ("dnSubtreeMatch", "dc=x", ["dc=x", "cn=a,DC=X"], ["dc=y", "cn=a\\,dc=x"]),
    ("dnSubordinateMatch", "dc=x", ["cn=a,DC=X", "cn=b,cn=a,dc=x"], ["dc=x"]),
    ("dnOneLevelMatch", "dc=x", ["cn=a,DC=X"], ["dc=x", "cn=b,cn=a,dc=x"]),
    ("dnSuperiorMatch", "cn=a,dc=x", ["dc=x", "cn=a,dc=x", ""], ["cn=b,dc=x"]),
    ("inChainMatch", "cn=a,dc=x", ["cn=a,dc=x", "CN=A,DC=X"], ["dc=x", "cn=b,cn=a,dc=x"]),  # by itself: equal
]

UNDEFINED = [
    ("objectIdentifierMatch", "noSuchName"),
    ("distinguishedNameMatch", "noequals"),
    ("distinguishedNameMatch", "noSuchType=x"),
    ("caseIgnoreMatch", "\ufffd"),
    ("numericStringMatch", "12a"),
    ("booleanMatch", "yes"),
    ("integerMatch", "1.5"),
    ("integerOrderingMatch", ""),
    ("bitStringMatch", "01"),
    ("generalizedTimeMatch", "now"),
    ("generalizedTimeOrderingMatch", "20261301000000Z"),
    ("uuidMatch", "x"),
    ("caseIgnoreIA5Match", "é"),
    ("CSNMatch", "x"),
    ("caseIgnoreSubstringsMatch", "noasterisk"),
    ("1.2.840.113556.1.4.803", "x"),
]


def test_every_rule_has_cases(schema: Schema) -> None:
    named = {rule.oid for name, *_ in CASES if (rule := schema.matching_rule(name)) is not None}
    assert named == {rule.oid for rule in schema.rules()}


def test_every_rule_of_rfc_4517_is_there(schema: Schema) -> None:
    """RFC 4517 §4.2.1 to §4.2.32 by object identifier."""
    for number in (*range(11), 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 23, 27, 28, 29, 30, 31, 32, 33):
        assert schema.matching_rule(f"2.5.13.{number}") is not None
    for number in (1, 2, 3):
        assert schema.matching_rule(f"1.3.6.1.4.1.1466.109.114.{number}") is not None


@pytest.mark.parametrize(("rule", "assertion", "matching", "others"), CASES)
def test_rule(schema: Schema, rule: str, assertion: str, matching: list[str], others: list[str]) -> None:
    found = schema.matching_rule(rule)
    assert found is not None
    is_match = found.matcher(assertion.encode())
    assert [value for value in matching if not is_match(value.encode())] == []
    assert [value for value in others if is_match(value.encode())] == []


@pytest.mark.parametrize(("rule", "assertion"), UNDEFINED)
def test_undefined(schema: Schema, rule: str, assertion: str) -> None:
    found = schema.matching_rule(rule)
    assert found is not None
    with pytest.raises(InvalidValue):
        found.matcher(assertion.encode())
