"""What requests are drawn from: names, attributes with good and bad values, classes, matching rules."""

from __future__ import annotations

UNIT = "diff"
BASE = f"ou={UNIT},dc=example,dc=com"

PARENTS = (
    f"ou=people,{BASE}",
    f"ou=people,{BASE}",
    f"ou=groups,{BASE}",
    f"ou=empty,{BASE}",
    BASE,
    f"uid=ada,ou=people,{BASE}",
    f"ou=nowhere,{BASE}",
)

EXISTING = (
    *(f"uid={uid},ou=people,{BASE}" for uid in ("ada", "alan", "grace")),
    f"cn=pioneers,ou=groups,{BASE}",
    f"ou=empty,{BASE}",
    f"cn=alias,ou=groups,{BASE}",
)

SEARCH_BASES = (BASE, BASE, BASE, f"ou=people,{BASE}", f"ou=people,{BASE}", f"ou=groups,{BASE}", *PARENTS)

COMMON = (
    "cn",
    "sn",
    "uid",
    "description",
    "objectClass",
    "uidNumber",
    "telephoneNumber",
    "member",
    "cn;lang-de",
)
"""Attributes that the entries of the small tree have."""

RDNS = (
    "uid=ada",
    "uid=ada",
    "uid=alan",
    "uid=alan",
    "uid=grace",
    "uid=new",
    "uid=newer",
    "cn=pioneers",
    "cn=fresh",
    "cn=Fresh Air",
    "cn=a\\, b",
    "cn=two+sn=parts",
    "sn=parts+cn=two",
    "ou=unit",
    "ou=empty",
    "description=named so",
    "cn=\\C3\\BCber",
    "2.5.4.3=by number",
)

BROKEN_NAMES = (
    "no name at all",
    "uid=",
    "=x,dc=example,dc=com",
    "uid=ada,,dc=example,dc=com",
    "uid=ada,dc=example,dc=com,",
    "noSuchThing=1,dc=example,dc=com",
    "uid=ada,dc=elsewhere",
    "dc=elsewhere",
    "cn=a\\",
    "cn=\\zz,dc=example,dc=com",
    "1.2.3.4.5=x,dc=example,dc=com",
)

_TEXT = (
    b"A pioneer",
    b"a  PIONEER",
    b" a pioneer ",
    b"Number 1",
    b"x",
    "Übermut".encode(),
    "übermut".encode(),
)
_NUMBER = (b"1000", b"1007", b"0", b"-1", b"12", b"twelve", b"007", b"+5", b"99999999999999999999")
_NAME = (
    f"uid=ada,ou=people,{BASE}".encode(),
    f"UID=Ada, ou=People, {BASE}".encode(),
    f"uid=alan,ou=people,{BASE}".encode(),
    f"uid=nobody,{BASE}".encode(),
    b"not a name",
    b"",
)

VALUES: dict[str, tuple[bytes, ...]] = {
    "cn": (b"Ada Lovelace", b"ada lovelace", b"Alan Turing", b"fresh", b"two", *_TEXT),
    "sn": (b"Lovelace", b"turing", b"Hopper", b"parts", *_TEXT),
    "uid": (b"ada", b"ADA", b"alan", b"grace", b"new"),
    "description": (b"A pioneer", b"number 1", *_TEXT),
    "description;lang-en": _TEXT,
    "cn;lang-de": (b"Ada Lovelace", b"Alan Turing", *_TEXT),
    "ou": (b"people", b"PEOPLE", b"groups", b"unit", b"elsewhere"),
    "objectClass": (b"person", b"PERSON", b"inetOrgPerson", b"top", b"groupOfNames", b"noSuchClass"),
    "uidNumber": _NUMBER,
    "gidNumber": (b"100", b"0100", b"200", b"none"),
    "homeDirectory": (b"/home/ada", b"/home/ADA", b"/", "/ü".encode()),
    "telephoneNumber": (b"+1 555 0100", b"+15550100", b"+1-555-0100", b"555 0199", b"call me"),
    "mail": (b"ada@example.com", b"ADA@example.com", b"a@b", "ü@example.com".encode()),
    "member": _NAME,
    "seeAlso": _NAME,
    "manager": _NAME,
    "employeeNumber": (b"1", b"2", b"a1"),
    "displayName": (b"Ada", b"ada", b"Countess of Lovelace"),
    "title": (b"Countess", b"countess", b"Admiral"),
    "postalAddress": (b"1 Main St$Springfield", b"1 main st$SPRINGFIELD", b"a$$b", b"plain"),
    "labeledURI": (b"http://example.com/ home", b"http://example.com/ HOME", b"x"),
    "jpegPhoto": (b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\x00\x01"),
    "x121Address": (b"0123 456", b"0123456", b"x1"),
    "destinationIndicator": (b"ABC", b"abc", b"a_b"),
    "preferredLanguage": (b"en-gb, fr;q=0.8", b"EN-GB, FR;q=0.8", b"xx"),
    "facsimileTelephoneNumber": (b"+1 555 0101", b"+1 555 0101$fineResolution"),
    "x500UniqueIdentifier": (b"'0101'B", b"'0101'b", b"'012'B"),
    "carLicense": (b"AB 123", b"ab 123", b"ab  123"),
}

ODD_ATTRIBUTES = (
    "noSuchThing",
    "2.5.4.3",
    "CN",
    "commonName",
    "name",
    "2.5.4.13;lang-en",
    "cn;",
    "cn;;lang-de",
    "1.2.3.4",
    "9bad",
    "",
    "createTimestamp",
    "entryUUID",
    "structuralObjectClass",
)

ODD_VALUES = (b"", b" ", b"\xff\xfe", b"a\x00b", b"x" * 300, "ﬁne ﬂow".encode(), b"TRUE", b"2.5.4.3")

CLASSES = (
    b"person",
    b"organizationalPerson",
    b"inetOrgPerson",
    b"posixAccount",
    b"organizationalUnit",
    b"groupOfNames",
    b"extensibleObject",
    b"labeledURIObject",
    b"uidObject",
    b"top",
    b"2.5.6.6",
    b"noSuchClass",
    b"",
)

Content = tuple[tuple[str, bytes], ...]

TEMPLATES: tuple[tuple[tuple[bytes, ...], Content], ...] = (
    ((b"inetOrgPerson",), (("cn", b"Some One"), ("sn", b"One"))),
    ((b"inetOrgPerson",), (("cn", b"Some One"), ("sn", b"One"))),
    ((b"top", b"person", b"organizationalPerson", b"inetOrgPerson"), (("cn", b"Some One"), ("sn", b"One"))),
    ((b"person",), (("cn", b"Some One"), ("sn", b"One"))),
    ((b"inetOrgPerson", b"extensibleObject"), (("cn", b"Some One"), ("sn", b"One"), ("ou", b"unit"))),
    ((b"person", b"uidObject"), (("cn", b"Some One"), ("sn", b"One"), ("uid", b"one"))),
    ((b"organizationalUnit",), (("ou", b"unit"),)),
    ((b"organizationalRole",), (("cn", b"role"),)),
    ((b"device",), (("cn", b"device"),)),
    ((b"groupOfNames",), (("cn", b"group"), ("member", f"uid=ada,ou=people,{BASE}".encode()))),
    ((b"groupOfNames",), (("cn", b"group"),)),
    (
        (b"inetOrgPerson", b"posixAccount"),
        (
            ("cn", b"Some One"),
            ("sn", b"One"),
            ("uid", b"one"),
            ("uidNumber", b"1021"),
            ("gidNumber", b"100"),
            ("homeDirectory", b"/home/one"),
        ),
    ),
    ((b"person", b"organizationalUnit"), (("cn", b"Some One"), ("sn", b"One"), ("ou", b"unit"))),
    ((b"posixAccount",), (("cn", b"Some One"), ("uid", b"one"), ("uidNumber", b"1"), ("gidNumber", b"1"))),
    ((b"noSuchClass",), (("cn", b"x"),)),
    ((b"top",), (("cn", b"x"),)),
)

RULES = (
    "caseIgnoreMatch",
    "caseExactMatch",
    "2.5.13.2",
    "integerMatch",
    "caseIgnoreSubstringsMatch",
    "distinguishedNameMatch",
    "noSuchRule",
    "objectIdentifierMatch",
)

SELECTIONS: tuple[tuple[str, ...], ...] = (
    (),
    (),
    ("*",),
    ("1.1",),
    ("cn", "sn"),
    ("CN", "noSuchThing"),
    ("name",),
    ("cn;lang-de",),
    ("description;lang-en", "uid"),
    ("2.5.4.3",),
    ("@person",),
    ("1.1", "cn"),
    ("objectClass", "objectClass"),
    ("cn;x-nothing",),
    ("not an attribute!",),
    ("structuralObjectClass",),
    ("hasSubordinates",),
)
