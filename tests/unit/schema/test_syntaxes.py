"""Each syntax with values that it allows and values that it refuses (RFC 4517 §3.3 and the others' sources)."""

from __future__ import annotations

import pytest

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.syntaxes import SYNTAXES

BY_NAME = {syntax.description: syntax for syntax in SYNTAXES}

# description -> (valid, invalid)
CASES: dict[str, tuple[list[bytes], list[bytes]]] = {
    "Attribute Type Description": (
        [b"( 2.5.4.3 NAME 'cn' SUP name )", b"(1.2.3 SYNTAX 1.2.3)"],
        [b"", b"2.5.4.3", b"( 2.5.4.3 NAME 'cn' )", b"( 2.5.4.3 SUP name", b"( 1.2 SUP a SUP b )"],
    ),
    "Bit String": ([b"'0101111101'B", b"''B"], [b"", b"0101", b"'012'B", b"'01'b", b"'01'B "]),
    "Boolean": ([b"TRUE", b"FALSE"], [b"", b"true", b"1", b"TRUE "]),
    "Country String": ([b"DE", b"us"], [b"", b"D", b"DEU", b"D_", "ä".encode()]),
    "DN": (
        [b"", b"dc=example,dc=com", b"cn=a+sn=b,c=DE", b"CN=Steve\\2cKille", b"1.3.6.1=#04024869"],
        [b"x", b"cn", b"cn=a,", b"=a", b"cn=a\\", b"cn=\xff", b"cn=a\\z"],
    ),
    "Delivery Method": ([b"telephone", b"mhs $ any", b"g3fax$g4fax"], [b"", b"pigeon", b"mhs $", b"mhs any"]),
    "Directory String": (
        [b"This is a value", "Grüße 🦫".encode(), b" "],
        [b"", b"\xff", b"\xc0\x80", b"\xed\xa0\x80"],
    ),
    "DIT Content Rule Description": (
        [b"( 2.5.6.4 AUX ( a $ b ) NOT c )", b"( 2.5.6.4 )"],
        [b"( )", b"( 2.5.6.4 SUP x )"],
    ),
    "DIT Structure Rule Description": (
        [b"( 2 FORM f SUP ( 1 2 ) )", b"( 1 FORM f )"],
        [b"( x FORM f )", b"( 2 )"],
    ),
    "Enhanced Guide": (
        [b"person#(sn$EQ)#oneLevel", b" person # !(cn$SUBSTR)|?true&2.5.4.4$LE # baseobject "],
        [b"", b"person#(sn$EQ)", b"person#sn$EQ#all", b"person#(sn$EQ#oneLevel", b"#sn$EQ#oneLevel"],
    ),
    "Facsimile Telephone Number": (
        [b"+61 3 9896 7801", b"+61 3 9896 7801$fineResolution$twoDimensional"],
        [b"", b"+61$color", b"$fineResolution", "+61é".encode()],
    ),
    "Fax": ([b"\x00\x01", b""], []),
    "Generalized Time": (
        [
            b"199412161032Z",
            b"199412160532-0500",
            b"2004010112Z",
            b"20040229000000Z",
            b"20160101000060Z",
            b"20160101120000.5+01",
            b"20160101120000,123Z",
            b"16010101000000.0Z",
        ],
        [
            b"",
            b"20040101",
            b"20040101120000",
            b"20041301120000Z",
            b"20030229000000Z",
            b"20040101240000Z",
            b"20040101006000Z",
            b"20040101120061Z",
            b"20040101120000.Z",
            b"20040101120000Z ",
            b"20040101120000+2400",
            b"00000101000000Z",
        ],
    ),
    "Guide": (
        [b"person#sn$EQ", b"sn$APPROX|(cn$GE&!l$EQ)", b"?false"],
        [b"", b"sn", b"sn$NE", b"(sn$EQ", b"sn$EQ&", b"!" * 5, b"(" * 100 + b"sn$EQ" + b")" * 100],
    ),
    "IA5 String": ([b"", b"value", b"\x00\x7f"], [b"\x80", "é".encode()]),
    "INTEGER": (
        [b"0", b"1321", b"-1", b"-" + b"9" * 4096],
        [b"", b"-0", b"007", b"+1", b"1.0", b" 1", b"0x1", b"9" * 5000],
    ),
    "JPEG": ([b"\xff\xd8\xff\xe0\x00", b"GIF89a\x00\n"], [b""]),
    "Matching Rule Description": (
        [b"( 2.5.13.2 NAME 'caseIgnoreMatch' SYNTAX 1.3.6 )"],
        [b"( 2.5.13.2 SUP a )", b""],
    ),
    "Matching Rule Use Description": (
        [b"( 2.5.13.16 APPLIES ( givenName $ surname ) )"],
        [b"( 2.5.13.16 MAY a )"],
    ),
    "Name And Optional UID": (
        [b"1.3.6.1.4.1.1466.0=#04024869,O=Test,C=GB#'0101'B", b"o=a", b"cn=a\\#b"],
        [b"x#'01'B", b"o=a,#'01'B"],
    ),
    "Name Form Description": (
        [b"( 2.5.15.3 NAME 'orgNameForm' OC organization MUST o )"],
        [b"( 2.5.15.3 OC organization )", b"( 2.5.15.3 MUST o )"],
    ),
    "Numeric String": ([b"15 079 672 281", b"0"], [b"", b"12a", b"1-2"]),
    "Object Class Description": (
        [b"( 2.5.6.2 NAME 'country' SUP top STRUCTURAL MUST c MAY ( searchGuide $ description ) )"],
        [b"( 2.5.6.2 SYNTAX 1.2 )", b"( 2.5.6.2 ABSTRACT AUXILIARY )"],
    ),
    "OID": (
        [b"1.2.3.4", b"cn", b"0.9.2342", b"my-type1"],
        [b"", b"1", b"1.", b"1..2", b"01.2", b"1.02", b"-a", b"a_b", b"a b"],
    ),
    "Other Mailbox": ([b"internet$a@example.com", b"x$"], [b"", b"internet", b"$a", "x$ä".encode()]),
    "Octet String": ([b"", b"\x00\xff"], []),
    "Postal Address": (
        [b"1234 Main St.$Anytown, CA 12345$USA", b"\\241,000,000 Sweepstakes$PO Box 1000000"],
        [b"", b"\xff"],
    ),
    "Printable String": ([b"Abc '()+,-./:=?1"], [b"", b"a@b", b"a*b", "é".encode(), b"a_b"]),
    "Telephone Number": ([b"+1 512 315 0280"], [b"", b"#12", "+49é".encode()]),
    "Teletex Terminal Identifier": (
        [b"P", b"P$graphic:abc\\24d", b"P$misc:\xff$private:x"],
        [b"", b"$misc:x", b"P$colour:x", b"P$misc"],
    ),
    "Telex Number": ([b"12345$DE$ab"], [b"", b"12345", b"1$2", b"1$2$3$4", b"1$$3"]),
    "UTC Time": (
        [b"9412161032Z", b"941216103200Z", b"9412160532-0500"],
        [b"", b"941316103200Z", b"94121610Z"],
    ),
    "LDAP Syntax Description": ([b"( 1.2.3 DESC 'x' )", b"( 1.2.3 )"], [b"( 1.2.3 NAME 'x' )", b"1.2.3"]),
    "Substring Assertion": (
        [b"a*", b"*a", b"a*b*c", b"*a\\2a*", b"a\\5c*", "é*".encode()],
        [b"", b"a", b"*", b"a**b", b"a\\*", b"\xff*"],
    ),
    "ACI Item": ([b"x"], [b""]),
    "Access Point": ([b"x"], [b""]),
    "Audio": ([b"", b"\xff"], []),
    "Binary": ([b"", b"\xff"], []),
    "Data Quality": ([b"x"], [b""]),
    "DSA Quality": ([b"x"], [b""]),
    "DSE Type": ([b"x"], [b""]),
    "Protocol Information": ([b"x"], [b""]),
    "Presentation Address": ([b"x"], [b""]),
    "Subtree Specification": (
        [
            b"{}",
            b"{ }",
            b'{ base "ou=people" }',
            b'{ base "ou=a", specificExclusions { chopBefore: "ou=b", chopAfter: "ou=c" }, minimum 1 }',
            b"{ specificationFilter and:{ item:2.5.6.6, not:item:person } }",
        ],
        [b"", b"{", b"}", b"{}}", b"{} {}", b'{ base "x" }', b'"ou=a"', b"{ base \xff }"],
    ),
    "X.509 Certificate": (
        [b"0\x00", b"0\x02\x05\x00"],
        [b"", b"x", b"0\x02\x05", b"0\x00\x00", b"1\x00", b"0\x80\x00\x00"],
    ),
    "X.509 Certificate List": ([b"0\x00"], [b""]),
    "X.509 Certificate Pair": ([b"0\x00"], [b""]),
    "X.509 Supported Algorithm": ([b"0\x00"], [b""]),
    "X.509 Attribute Certificate": ([b"0\x00"], [b""]),
    "X.509 Certificate Exact Assertion": ([b"{ serialNumber 1 }"], [b""]),
    "X.509 Certificate Assertion": ([b"{ }"], [b""]),
    "X.509 Certificate Pair Exact Assertion": ([b"{ }"], [b""]),
    "X.509 Certificate Pair Assertion": ([b"{ }"], [b""]),
    "X.509 Certificate List Exact Assertion": ([b"{ }"], [b""]),
    "X.509 Certificate List Assertion": ([b"{ }"], [b""]),
    "X.509 Algorithm Identifier": ([b"{ }"], [b""]),
    "NIS Netgroup Triple": (
        [b"(host,user,domain)", b"(,user,)", b"(-,bob,-)", b"( a , b , c )"],
        [b"", b"host,user,domain", b"(host,user)", b"(a,b,c,d)", b"(a,b,c"],
    ),
    "Boot Parameter": ([b"root=fs:/nfsroot/peg"], [b"", b"root", b"root=fs", b"=fs:/x"]),
    "Authentication Password": (
        [b"MD5$MTIz$MTIz", b" SHA1 $ a $ b "],
        [b"", b"md5$a$b", b"MD5$a", b"MD5$a$b$c"],
    ),
    "UUID": (
        [b"597ae2f6-16a6-1027-98f4-d28b5365dc14", b"597AE2F6-16A6-1027-98F4-D28B5365DC14"],
        [b"", b"597ae2f616a6102798f4d28b5365dc14", b"597ae2f6-16a6-1027-98f4-d28b5365dc1g"],
    ),
    "CSN": (
        [b"20260101000000.000000Z#000000#000#000000", b"20260101000000Z#000001#00#000000"],
        [b"", b"20260101000000.000000Z#0#000#000000", b"20260101#000000#000#000000"],
    ),
    "CSN SID": ([b"001", b"fFf"], [b"", b"01", b"0001"]),
    "DN With Binary": (
        [b"B:4:0a0B:cn=a", b"B:0::dc=x", b"B:32:AA312825768811D1ADED00C04FD8D5CD:CN=Computers,DC=x"],
        [b"", b"B:3:abc:cn=a", b"B:4:0a0:cn=a", b"B:4:0a0z:cn=a", b"S:1:a:cn=a", b"B:4:0a0b", b"B:2:0a:x"],
    ),
    "DN With String": (
        [b"S:3:abc:cn=a", b"S:3:a:b:cn=a"],
        [b"", b"S:4:abc:cn=a", b"B:2:ab:cn=a", b"S:1:a:x"],
    ),
    "Case Ignore String": ([b"x"], [b""]),
    "Large Integer": (
        [b"9223372036854775807", b"-9223372036854775808", b"0"],
        [b"", b"9223372036854775808", b"-9223372036854775809", b"01"],
    ),
    "NT Security Descriptor": ([b"\x01\x00"], []),
    "OR Name": ([b"x"], [b""]),
    "Case Exact String": ([b"x"], [b""]),
}


def test_every_syntax_has_cases() -> None:
    assert {syntax.description for syntax in SYNTAXES} == set(CASES)
    assert len({syntax.oid for syntax in SYNTAXES}) == len(SYNTAXES)


@pytest.mark.parametrize(
    ("name", "value"), [(name, one) for name, cases in CASES.items() for one in cases[0]]
)
def test_allowed(name: str, value: bytes) -> None:
    BY_NAME[name].check(value)


@pytest.mark.parametrize(
    ("name", "value"), [(name, one) for name, cases in CASES.items() for one in cases[1]]
)
def test_refused(name: str, value: bytes) -> None:
    with pytest.raises(InvalidValue):
        BY_NAME[name].check(value)


@pytest.mark.parametrize("name", ["INTEGER", "Boolean", "DN", "Generalized Time", "UUID", "IA5 String"])
def test_a_refusal_never_repeats_the_value(name: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        BY_NAME[name].check(b"hunter2 \xff")
    assert "hunter2" not in str(caught.value)
