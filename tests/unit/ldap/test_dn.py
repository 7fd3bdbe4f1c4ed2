"""String forms of names.

The first two tables are the examples of RFC 4514 section 4 and RFC 2253 section 5.
"""

import pytest

from lightwave.directory.ldap.dn import AVA, DN, DNSyntaxError, format_dn, parse_dn, parse_rdn


def name(*rdns: tuple[str, bytes] | list[tuple[str, bytes]]) -> DN:
    return tuple(tuple(AVA(*ava) for ava in (rdn if isinstance(rdn, list) else [rdn])) for rdn in rdns)


@pytest.mark.parametrize(
    ("text", "dn"),
    [
        (
            b"UID=jsmith,DC=example,DC=net",
            name(("UID", b"jsmith"), ("DC", b"example"), ("DC", b"net")),
        ),
        (
            b"OU=Sales+CN=J.  Smith,DC=example",
            name([("OU", b"Sales"), ("CN", b"J.  Smith")], ("DC", b"example")),
        ),
        (
            rb"CN=James \"Jim\" Smith\, III,DC=net",
            name(("CN", b'James "Jim" Smith, III'), ("DC", b"net")),
        ),
        (rb"CN=Before\0dAfter,DC=net", name(("CN", b"Before\rAfter"), ("DC", b"net"))),
        (b"1.3.6.1.4.1.1466.0=#04024869", name(("1.3.6.1.4.1.1466.0", b"Hi"))),
        (rb"CN=Lu\C4\8Di\C4\87", name(("CN", "Lučić".encode()))),
        ("CN=Lučić".encode(), name(("CN", "Lučić".encode()))),
        (b"", ()),
        (b"cn=", name(("cn", b""))),
        (rb"cn=\ a\ ", name(("cn", b" a "))),
        (rb"cn=\#a\=b", name(("cn", b"#a=b"))),
        (rb"cn=a\\", name(("cn", b"a\\"))),
        (rb"cn=a\00b", name(("cn", b"a\0b"))),
        (b"cn=a=b", name(("cn", b"a=b"))),
        (b"cn=a#b", name(("cn", b"a#b"))),
    ],
)
def test_rfc_4514(text: bytes, dn: DN) -> None:
    assert parse_dn(text) == dn
    assert parse_dn(format_dn(dn)) == dn


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (b"CN=Steve Kille;O=Isode Limited;C=GB", b"CN=Steve Kille,O=Isode Limited,C=GB"),
        (b"CN=Steve Kille , O = Isode Limited,C=GB ", b"CN=Steve Kille,O=Isode Limited,C=GB"),
        (b'CN=L. Eagle,O="Sue, Grabbit and Runn",C=GB', b"CN=L. Eagle,O=Sue\\, Grabbit and Runn,C=GB"),
        (b"OID.2.5.4.3=a,oid.2.5.4.10=b", b"2.5.4.3=a,2.5.4.10=b"),
        (b'cn=" a "', b"cn=\\ a\\ "),
        (b'cn="a\\"b" + sn=c', b'cn=a\\"b+sn=c'),
        (b"cn=#1E0400480069", b"cn=Hi"),
        (b"cn=#0C024869 ,dc=a", b"cn=Hi,dc=a"),
        (b"cn=#04020A7F", b"cn=\\0A\\7F"),
        (b"cn=#0401FF", b"cn=#0401ff"),
        (b"cn=a\\,  ", b"cn=a\\,"),
        (b"cn=a\\   ", b"cn=a\\ "),
    ],
)
def test_lenient_reading_has_one_written_form(text: bytes, plain: bytes) -> None:
    assert format_dn(parse_dn(text)) == plain
    assert parse_dn(plain) == parse_dn(text)


def test_bounds() -> None:
    assert len(parse_dn(b",".join([b"dc=a"] * 128))) == 128
    assert len(parse_rdn(b"+".join([b"cn=a"] * 16))) == 16
    for text in (b",".join([b"dc=a"] * 129), b";".join([b"dc=a"] * 129), b"a" * 129 + b"=b"):
        with pytest.raises(DNSyntaxError):
            parse_dn(text)


def test_rdn_is_one() -> None:
    assert parse_rdn(b"cn=a+sn=b") == (AVA("cn", b"a"), AVA("sn", b"b"))
    for text in (b"cn=a,sn=b", b"", b"cn=a,"):
        with pytest.raises(DNSyntaxError):
            parse_rdn(text)


def test_escapes_that_hide_other_than_utf8_are_refused_in_hexadecimal_too() -> None:
    for text in (b"cn=#1E01FF", b"cn=#1C0400110000", b"cn=#1E02D800"):
        with pytest.raises(DNSyntaxError):
            parse_dn(text)
