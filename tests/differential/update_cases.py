"""Updates with controls, good and bad: assertion, reading around, permissive modify, relaxed rules, transactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from differential import pools
from differential.generator import Request
from reference import wire

ASSERTION, PRE_READ, POST_READ = "1.3.6.1.1.12", "1.3.6.1.1.13.1", "1.3.6.1.1.13.2"
PERMISSIVE, RELAX = "1.2.840.113556.1.4.1413", "1.3.6.1.4.1.4203.666.5.12"
TRANSACTION, END = "1.3.6.1.1.21.2", "1.3.6.1.1.21.3"
START = "1.3.6.1.1.21.1"
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"

ADA = f"uid=ada,ou=people,{pools.BASE}"
GROUP = f"cn=pioneers,ou=groups,{pools.BASE}"
NOBODY = f"uid=nobody,ou=people,{pools.BASE}"
TITLED = wire.modify(ADA, [(wire.REPLACE, "title", [b"Countess"])])
ADDED = wire.add(f"ou=new,{pools.BASE}", [("objectClass", [b"organizationalUnit"]), ("ou", [b"new"])])

Changes = Sequence[tuple[int, str, Sequence[bytes]]]


def asserted(*filter: Any) -> bytes:
    return wire.control(ASSERTION, True, wire.filter_bytes(filter))


def selected(*names: str) -> bytes:
    return wire.sequence(*(wire.text(name) for name in names))


def _case(kind: str, text: str, operation: bytes, *controls: bytes, name: str = ADA) -> Request:
    return Request(kind, text, operation, name, (), controls)


def _permissive(text: str, changes: Changes, name: str = ADA) -> Request:
    return _case(
        "modify", f"permissive: {text}", wire.modify(name, changes), wire.control(PERMISSIVE, True), name=name
    )


_TRUE, _FALSE = asserted("equal", "sn", b"lovelace"), asserted("equal", "sn", b"x")
_UNDEFINED = asserted("equal", "noSuchAttribute", b"x")
_NEW, _NOT_NEW = asserted("equal", "ou", b"new"), asserted("equal", "ou", b"old")
_MALFORMED = (None, b"", b"\x30\x03\x02\x01", b"\x30\x00\x00")

UPDATE_CASES: tuple[Request, ...] = (
    *(
        _case(kind, f"assertion {name} on {kind}", operation, control)
        for kind, operation in (
            ("modify", TITLED),
            ("compare", wire.compare(ADA, "sn", b"lovelace")),
            ("modifyDN", wire.modify_dn(ADA, "uid=ada", False)),
        )
        for name, control in (("true", _TRUE), ("false", _FALSE), ("undefined", _UNDEFINED))
    ),
    _case("modify", "assertion on nobody", wire.modify(NOBODY, []), _TRUE, name=NOBODY),
    _case("add", "assertion false on add", ADDED, _NOT_NEW),
    _case("add", "assertion true on add", ADDED, _NEW),
    _case("delete", "assertion false on delete", wire.delete(ADA), _FALSE),
    *(
        _case("modify", f"{oid} with value {value!r}", TITLED, wire.control(oid, True, value))
        for oid in (ASSERTION, PRE_READ, POST_READ)
        for value in _MALFORMED
        if not value
        or (oid != ASSERTION and value != b"\x30\x00\x00")  # slapd ends the connection, or passes it over
    ),
    *(
        _case("modify", f"{oid} that has no value with {value!r}", TITLED, wire.control(oid, True, value))
        for oid in (PERMISSIVE, RELAX)
        for value in (b"", b"\x30\x00")
    ),
    _case("delete", "post-read on delete", wire.delete(ADA), wire.control(POST_READ, True, selected())),
    _case("add", "pre-read on add", ADDED, wire.control(PRE_READ, True, selected())),
    _case("search", "permissive on search", wire.search(ADA, wire.BASE), wire.control(PERMISSIVE, True)),
    _permissive("add what is there", [(wire.ADD, "sn", [b"LOVELACE"])]),
    _permissive("add what is there and what is not", [(wire.ADD, "cn", [b"ada lovelace", b"Ada"])]),
    _permissive("add the same twice", [(wire.ADD, "cn", [b"x", b"X"])]),
    _permissive("delete what is not there", [(wire.DELETE, "cn", [b"nothing"])]),
    _permissive("delete an attribute that is not there", [(wire.DELETE, "carLicense", [])]),
    _permissive("delete a value of an attribute that is not there", [(wire.DELETE, "carLicense", [b"x"])]),
    _permissive("delete one that is there and one that is not", [(wire.DELETE, "cn", [b"ada", b"nothing"])]),
    _permissive("delete what the class needs", [(wire.DELETE, "sn", [])]),
    _permissive("replace", [(wire.REPLACE, "carLicense", [b"a"])]),
    _permissive("nobody", [(wire.ADD, "cn", [b"x"])], NOBODY),
    _permissive("unknown attribute", [(wire.ADD, "noSuchAttribute", [b"x"])]),
    _permissive("invalid value", [(wire.ADD, "uidNumber", [b"x"])]),
    _permissive("member that is there", [(wire.ADD, "member", [ADA.encode()])], GROUP),
    _permissive("member that is not", [(wire.DELETE, "member", [NOBODY.encode()])], GROUP),
    _case(
        "modify",
        "createTimestamp with rules as they are",
        wire.modify(ADA, [(wire.REPLACE, "createTimestamp", [b"20010203040506Z"])]),
    ),
    _case(
        "modify",
        "createTimestamp with relaxed rules",
        wire.modify(ADA, [(wire.REPLACE, "createTimestamp", [b"20010203040506Z"])]),
        wire.control(RELAX, True),
    ),
    _case("modify", "transaction that is not critical", TITLED, wire.control(TRANSACTION, False, b"")),
    _case("modify", "transaction without identifier", TITLED, wire.control(TRANSACTION, True)),
    _case("search", "start of a transaction with a value", wire.extended(START, b"x")),
    *(
        _case("search", f"end of a transaction with value {value!r}", wire.extended(END, value))
        for value in (None, b"", b"\x30\x00", b"\x30\x03\x02\x01", b"\x04\x00")
    ),
    *(
        _case("search", f"password modify with value {value!r}", wire.extended(PASSWORD_MODIFY, value))
        for value in (b"", b"\x04\x00", b"\x30\x02\x82\x00", b"\x30\x02\x81\x00", b"\x30\x02\x80\x05")
    ),
    _case(
        "search",
        "password modify of a name that is none",
        wire.extended(PASSWORD_MODIFY, wire.sequence(wire.text("no name", 0x80), wire.text("x", 0x82))),
    ),
    _case(
        "search",
        "password modify of nobody",
        wire.extended(PASSWORD_MODIFY, wire.sequence(wire.text(NOBODY, 0x80), wire.text("x", 0x82))),
    ),
    _case(
        "search",
        "password modify with a wrong old password",
        wire.extended(
            PASSWORD_MODIFY,
            wire.sequence(wire.text(ADA, 0x80), wire.text("wrong", 0x81), wire.text("x", 0x82)),
        ),
    ),
)
