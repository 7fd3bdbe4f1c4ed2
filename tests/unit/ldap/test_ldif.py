"""LDIF: the examples of RFC 2849, what real files have besides, and lines of errors."""

import io
from collections.abc import Iterator
from typing import BinaryIO, cast

import pytest

from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.ldif import (
    ChangeAdd,
    ChangeDelete,
    ChangeModDN,
    ChangeModify,
    ContentRecord,
    LdifError,
    Record,
    format_record,
    read_ldif,
)
from lightwave.directory.ldap.requests import Modification, ModifyKind


def read(text: str | bytes, **bounds: int) -> list[Record]:
    octets = text.encode() if isinstance(text, str) else text
    return list(read_ldif(io.BytesIO(octets), **bounds))


EXAMPLE_1_AND_2 = """version: 1
dn: cn=Barbara Jensen, ou=Product Development, dc=airius, dc=com
objectclass: top
description:Babs is a big sailing fan, and travels extensively in sea
 rch of perfect sailing conditions.
title:Product Manager, Rod and Reel Division

# a comment that is
  folded: twice
dn: cn=Bjorn Jensen, ou=Accounting, dc=airius, dc=com
telephonenumber: +1 408 555 1212
"""


def test_content() -> None:
    first, second = read(EXAMPLE_1_AND_2)
    assert first == ContentRecord(
        b"cn=Barbara Jensen, ou=Product Development, dc=airius, dc=com",
        [
            ("objectclass", b"top"),
            (
                "description",
                b"Babs is a big sailing fan, and travels extensively in search of perfect sailing conditions.",
            ),
            ("title", b"Product Manager, Rod and Reel Division"),
        ],
        2,
    )
    assert isinstance(second, ContentRecord)
    assert second.attributes == [("telephonenumber", b"+1 408 555 1212")]
    assert second.line == 10


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.rstrip(b"\n"),
        lambda text: text.replace(b"\n\n", b"\n\n\n\n\n") + b"\n\n\n",
        lambda text: b"\n\n" + text,
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"version: 1\n", b"version: 1\n\n"),
        lambda text: text.replace(b"version: 1\n", b""),
        lambda text: b"# first\n\n" + text + b"\n# last",
    ],
)
def test_spellings_of_a_file(change: object) -> None:
    assert callable(change)
    records = read(change(EXAMPLE_1_AND_2.encode()))
    plain = read(EXAMPLE_1_AND_2)
    assert [(record.dn, getattr(record, "attributes", None)) for record in records] == [
        (record.dn, getattr(record, "attributes", None)) for record in plain
    ]


def test_values() -> None:
    (record,) = read(
        "dn:: b3U95Za25qWt6YOo\ncn;lang-ja:: 5bCP56yg5Y6f\ncn:  leading\ncn:\ncn::\n"
        "cn: trailing \ncn: Grüße\ncn: :x\ncn;binary:: AA=\n =\nmember;range=0-1: a\n1.2.3: b\n"
    )
    assert isinstance(record, ContentRecord)
    assert record.dn == "ou=営業部".encode()
    assert record.attributes == [
        ("cn;lang-ja", "小笠原".encode()),
        ("cn", b"leading"),
        ("cn", b""),
        ("cn", b""),
        ("cn", b"trailing "),
        ("cn", "Grüße".encode()),
        ("cn", b":x"),
        ("cn;binary", b"\0"),
        ("member;range=0-1", b"a"),
        ("1.2.3", b"b"),
    ]


EXAMPLE_6 = """version: 1
# Add a new entry
dn: cn=Fiona Jensen, ou=Marketing, dc=airius, dc=com
changetype: add
cn: Fiona Jensen

# Delete an existing entry
dn: cn=Robert Jensen, ou=Marketing, dc=airius, dc=com
changetype: delete

dn: cn=Paul Jensen, ou=Product Development, dc=airius, dc=com
changetype: modrdn
newrdn: cn=Paula Jensen
deleteoldrdn: 1

dn: ou=PD Accountants, ou=Product Development, dc=airius, dc=com
changetype: moddn
newrdn: ou=Product Development Accountants
deleteoldrdn: 0
newsuperior: ou=Accounting, dc=airius, dc=com

dn: cn=Paula Jensen, ou=Product Development, dc=airius, dc=com
control: 1.2.840.113556.1.4.805 true
control: 1.2.3 false: value
control: 1.2.4:: AA==
control: 1.2.5
changetype: modify
add: postaladdress
postaladdress: 123 Anystreet
-
delete: description
-
replace: telephonenumber
telephonenumber: +1 408 555 1234
Telephonenumber: +1 408 555 5678
-
increment: uidNumber
uidNumber: 5
"""


def test_changes() -> None:
    add, delete, modrdn, moddn, modify = read(EXAMPLE_6)
    assert isinstance(add, ChangeAdd)
    assert add.attributes == [("cn", b"Fiona Jensen")]
    assert delete == ChangeDelete(b"cn=Robert Jensen, ou=Marketing, dc=airius, dc=com", 8)
    assert isinstance(modrdn, ChangeModDN)
    assert (modrdn.new_rdn, modrdn.delete_old_rdn, modrdn.new_superior) == (b"cn=Paula Jensen", True, None)
    assert isinstance(moddn, ChangeModDN)
    assert (moddn.delete_old_rdn, moddn.new_superior) == (False, b"ou=Accounting, dc=airius, dc=com")
    assert isinstance(modify, ChangeModify)
    assert modify.controls == (
        Control("1.2.840.113556.1.4.805", True),
        Control("1.2.3", False, b"value"),
        Control("1.2.4", False, b"\0"),
        Control("1.2.5"),
    )
    assert modify.changes == (
        Modification(ModifyKind.ADD, "postaladdress", (b"123 Anystreet",)),
        Modification(ModifyKind.DELETE, "description", ()),
        Modification(ModifyKind.REPLACE, "telephonenumber", (b"+1 408 555 1234", b"+1 408 555 5678")),
        Modification(ModifyKind.INCREMENT, "uidNumber", (b"5",)),
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("version: 2\ndn: a=b\n", 1),
        ("cn: a\n", 1),
        ("dn: a=b\n\ncn: a\n", 3),
        ("dn: a=b\nnonsense\n", 2),
        ("# c\n c\ndn: a=b\ncn: folded\n value\n# c\nnonsense\n", 7),
        ("dn: a=b\r\n\r\n\r\ndn: a=c\r\ncn:: ?\r\n", 5),
        (" dn: a=b\n", 1),
        ("dn: a=b\ncn:: YQ\n", 2),
        ("dn: a=b\ncn:< file:///etc/passwd\n", 2),
        ("dn: a=b\ncn: a\ndn: c=d\n", 3),
        ("dn: a=b\ncn: a\n-\n", 3),
        ("dn: a=b\nchangetype: explode\n", 2),
        ("dn: a=b\nchangetype: delete\ncn: a\n", 3),
        ("dn: a=b\nchangetype: modify\ncn: a\n", 3),
        ("dn: a=b\nchangetype: modify\nadd: cn\nsn: a\n", 4),
        ("dn: a=b\nchangetype: modify\nadd: c n\n", 3),
        ("dn: a=b\nchangetype: moddn\nnewrdn: a=c\n", 3),
        ("dn: a=b\nchangetype: moddn\n", 2),
        ("dn: a=b\nchangetype: moddn\nnewrdn: a=c\ndeleteoldrdn: yes\n", 4),
        ("dn: a=b\nchangetype: moddn\nnewrdn: a=c\ndeleteoldrdn: 1\ncn: a\n", 5),
        ("dn: a=b\ncontrol: 1.2\ncn: a\n", 2),
        ("dn: a=b\ncontrol: one\nchangetype: delete\n", 2),
    ],
)
def test_errors_name_their_line(text: str, line: int) -> None:
    with pytest.raises(LdifError) as caught:
        read(text)
    assert caught.value.line == line


def test_records_before_an_error_come_out() -> None:
    records: Iterator[Record] = read_ldif(io.BytesIO(b"dn: a=b\n\nnonsense\n"))
    assert next(records).dn == b"a=b"
    with pytest.raises(LdifError):
        next(records)


class Dribble(io.RawIOBase):
    """Gives few octets at a time, as a pipe may."""

    def __init__(self, octets: bytes, step: int) -> None:
        self.octets = octets
        self.step = step

    def read(self, size: int = -1) -> bytes:
        count = min(self.step, size) if size >= 0 else self.step
        chunk, self.octets = self.octets[:count], self.octets[count:]
        return chunk


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
def test_blocks_may_end_anywhere(step: int) -> None:
    text = EXAMPLE_6.replace("\n", "\r\n").encode()
    assert list(read_ldif(cast(BinaryIO, Dribble(text, step)))) == read(text)


def test_bound_of_a_record() -> None:
    text = b"dn: a=b\ncn: " + b"x" * 1000 + b"\n\ndn: a=c\n"
    assert len(read(text, max_record=1100)) == 2
    with pytest.raises(LdifError):
        read(text, max_record=900)


def test_writing() -> None:
    record = format_record(
        b"cn=a",
        [
            ("cn", b"a"),
            ("cn", b" a"),
            ("cn", b"a "),
            ("cn", b":a"),
            ("cn", b"<a"),
            ("cn", b""),
            ("cn", b"a\nb"),
            ("description", b"y" * 150),
        ],
    )
    assert record == (
        b"dn: cn=a\ncn: a\ncn:: IGE=\ncn:: YSA=\ncn:: OmE=\ncn:: PGE=\ncn: \ncn:: YQpi\n"
        b"description: " + b"y" * 63 + b"\n " + b"y" * 75 + b"\n " + b"y" * 12 + b"\n\n"
    )
