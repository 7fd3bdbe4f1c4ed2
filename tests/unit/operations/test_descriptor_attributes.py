"""Security descriptors as attributes: who reads and writes which part, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from descriptors import ANN, BOB, STAFF, describe, own_sddl, sddl_in_force, token_of
from fresh_directory import BASE, BUILTIN, Directory
from lightwave.directory.access.ace import INHERITED
from lightwave.directory.access.sddl import parse_sddl
from lightwave.directory.access.security_descriptor import (
    ALL_PARTS,
    DACL_PART,
    GROUP_PART,
    MAX_SIZE,
    OWNER_PART,
    SACL_PART,
    decode_security_descriptor,
    encode_security_descriptor,
)
from lightwave.directory.access.sid import format_sid
from lightwave.directory.access.token import ANONYMOUS, Token
from lightwave.directory.ldap.access_controls import SD_FLAGS
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.messages import AddRequest, Modification, ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.computed import computed_values
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.request_controls import check_controls
from lightwave.directory.schema.normalisation import normalise_dn_text

UNIT = b"ou=people," + BASE
PERSON = b"cn=ann," + UNIT
WHO = format_sid(ANN)
DENIED = ResultCode.INSUFFICIENT_ACCESS_RIGHTS
SDDL = "vmwAclString"
BINARY = "nTSecurityDescriptor"
LIST = f"D:P(A;;RPWPLCLORC;;;{WHO})(A;CI;RPLC;;;BA)"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    made = Directory(tmp_path)
    made.add(UNIT, objectClass=["organizationalUnit"], ou="people")
    made.add(PERSON, objectClass=["user"], cn="ann", sn="a")
    yield made
    made.close()


def flags(parts: int) -> Control:
    return Control(SD_FLAGS, True, bytes((0x30, 3, 2, 1, parts)))


def read(
    directory: Directory,
    name: str,
    token: Token | None = None,
    *controls: Control,
    dn: bytes = PERSON,
) -> list[bytes]:
    context = replace(directory.context(controls=controls), token=token or directory.token)
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        tenant, entry_id = txn.find(normalise_dn_text(schema, dn))
        attribute = schema.attribute(name)
        assert attribute is not None
        return computed_values(
            txn, schema, tenant, entry_id, txn.record(tenant, entry_id), attribute, 0.0, context
        )


def write(
    directory: Directory,
    *changes: tuple[ModifyKind, str, bytes | str] | tuple[ModifyKind, str],
    token: Token | None = None,
    controls: tuple[Control, ...] = (),
    dn: bytes = PERSON,
) -> Outcome:
    made = tuple(
        Modification(
            one[0],
            one[1],
            tuple(value.encode() if isinstance(value, str) else value for value in one[2:]),
        )
        for one in changes
    )
    context = replace(directory.context(controls=controls), token=token or directory.token)
    return directory.write(ModifyRequest(dn, made), context)


def put(directory: Directory, sddl: str, token: Token | None = None, *controls: Control) -> Outcome:
    return write(directory, (ModifyKind.REPLACE, SDDL, sddl), token=token, controls=controls)


def test_what_is_inherited_is_shown_as_such_and_stripped_on_write(directory: Directory) -> None:
    describe(directory, UNIT, f"D:(A;CI;RPLC;;;{WHO})")
    (shown,) = read(directory, BINARY)
    descriptor = decode_security_descriptor(shown)
    assert descriptor.dacl is not None
    inherited = [ace for ace in descriptor.dacl if ace.flags & INHERITED]
    assert ANN in {ace.sid for ace in inherited}
    assert f"(A;CIID;LCRP;;;{WHO})" in read(directory, SDDL)[0].decode()
    before = own_sddl(directory, PERSON)
    assert write(directory, (ModifyKind.REPLACE, BINARY, shown)).code == 0
    assert own_sddl(directory, PERSON) == before
    describe(directory, UNIT, "D:")
    assert WHO not in read(directory, SDDL)[0].decode()


@pytest.mark.parametrize("name", [BINARY, SDDL])
def test_what_was_written_is_read(directory: Directory, name: str) -> None:
    text = "O:BAG:BA" + LIST + "S:AI(AU;SA;WP;;;WD)"
    value = text.encode() if name == SDDL else encode_security_descriptor(parse_sddl(text))
    assert write(directory, (ModifyKind.REPLACE, name, value)).code == 0
    assert parse_sddl(read(directory, SDDL)[0].decode()).dacl == parse_sddl(text).dacl
    if name == BINARY:
        assert decode_security_descriptor(read(directory, BINARY)[0]).dacl == parse_sddl(text).dacl
    assert "D:P" in read(directory, SDDL)[0].decode()
    assert "S:AI(AU;SA;WP;;;WD)" in read(directory, SDDL)[0].decode()


def test_parts_are_those_that_the_control_names(directory: Directory) -> None:
    assert read(directory, SDDL, None, flags(OWNER_PART)) == [b"O:BA"]
    assert read(directory, SDDL, None, flags(GROUP_PART)) == [b"G:BA"]
    assert read(directory, SDDL, None, flags(DACL_PART))[0].startswith(b"D:")
    only = decode_security_descriptor(read(directory, BINARY, None, flags(OWNER_PART))[0])
    assert only.owner is not None
    assert (only.group, only.dacl) == (None, None)
    assert read(directory, SDDL, None, flags(0)) == read(directory, SDDL)


def test_reading_takes_read_control_and_the_sacl_an_administrator(directory: Directory) -> None:
    reader = token_of(directory)
    assert put(directory, "D:P(A;;RPLC;;;AU)(A;;RPLCRCWD;;;BA)S:(AU;SA;WP;;;WD)").code == 0
    assert read(directory, BINARY, reader) == read(directory, SDDL, reader) == []
    assert put(directory, "D:P(A;;RC;;;AU)(A;;RPLCRCWD;;;BA)S:(AU;SA;WP;;;WD)").code == 0
    (shown,) = read(directory, SDDL, reader)
    assert b"D:P(A;;RC;;;AU)" in shown
    assert b"S:(" not in shown
    assert read(directory, SDDL, reader, flags(ALL_PARTS)) == []
    assert read(directory, SDDL, reader, flags(SACL_PART)) == []
    assert read(directory, SDDL, None, flags(SACL_PART)) == [b"S:(AU;SA;WP;;;WD)"]
    assert put(directory, "D:P(A;;RPRC;;;AN)(A;;RPRC;;;WD)").code == 0
    assert read(directory, SDDL, ANONYMOUS) == []


def test_writing_takes_the_right_of_each_part(directory: Directory) -> None:
    describe(directory, PERSON, f"D:P(A;;RPWPRC;;;{WHO})")
    ann = token_of(directory)
    assert put(directory, LIST, ann).code is DENIED
    describe(directory, PERSON, f"D:P(A;;RPRCWD;;;{WHO})")
    assert put(directory, f"O:{WHO}", ann).code is DENIED
    assert put(directory, "S:(AU;SA;WP;;;WD)", ann).code is DENIED
    assert put(directory, LIST, ann).code == 0
    describe(directory, PERSON, f"D:P(A;;RPRCWO;;;{WHO})")
    assert put(directory, LIST, ann).code is DENIED
    assert put(directory, f"O:{format_sid(BOB)}", ann).code is DENIED
    assert put(directory, f"O:{format_sid(STAFF)}", ann).code is DENIED
    assert put(directory, f"O:{format_sid(STAFF)}", token_of(directory, ANN, STAFF)).code == 0
    assert put(directory, f"O:{WHO}", ann).code == 0
    assert put(directory, "O:BA").code is ResultCode.NO_SUCH_OBJECT
    describe(directory, PERSON, f"O:{WHO}G:{WHO}D:P(A;;RP;;;BA)")
    assert put(directory, "O:BU").code is DENIED
    assert put(directory, "O:BA").code == 0
    describe(directory, PERSON, "D:P(A;;RPWO;;;BA)")
    assert put(directory, "O:S-1-5-21-9-9-9-9999").code is ResultCode.CONSTRAINT_VIOLATION


def test_a_part_that_stays_as_it_was_takes_no_right(directory: Directory) -> None:
    describe(directory, PERSON, f"D:P(A;;RPRCWD;;;{WHO})")
    ann = token_of(directory)
    (whole,) = read(directory, BINARY, ann)
    assert write(directory, (ModifyKind.REPLACE, BINARY, whole), token=ann).code == 0
    assert put(directory, "O:BAG:BA" + LIST, ann).code == 0
    assert sddl_in_force(directory, PERSON).startswith("O:BAG:BAD:P(A;;LCRPWPLORC")


def test_neg_107_who_may_write_none_of_it_writes_nothing_new_either(directory: Directory) -> None:
    describe(directory, PERSON, f"D:P(A;;RPWPRC;;;{WHO})")
    ann = token_of(directory)
    (whole,) = read(directory, BINARY, ann)
    changed = directory.values(PERSON, "modifyTimestamp")
    assert write(directory, (ModifyKind.REPLACE, BINARY, whole), token=ann).code is DENIED
    assert directory.values(PERSON, "modifyTimestamp") == changed


def test_only_the_parts_of_the_control_are_written(directory: Directory) -> None:
    text = "O:S-1-5-32-545" + LIST
    text += "(A;;WO;;;BA)"
    assert put(directory, text, None, flags(DACL_PART)).code == 0
    assert own_sddl(directory, PERSON).startswith("O:BAG:BAD:P(A;;LCRPWPLORC")
    assert put(directory, "O:S-1-5-32-545D:P", None, flags(OWNER_PART)).code == 0
    assert own_sddl(directory, PERSON).startswith("O:BUG:BAD:P(A;;LCRPWPLORC")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (BINARY, b"\x01", "cut off"),
        (BINARY, b"", "cut off"),
        (BINARY, bytes(20), "revision"),
        (SDDL, "D:(A;;XX;;;BA)", "'XX' is no right"),
        (SDDL, "D:(A;;RP;;;DA", "character"),
        (SDDL, "D:(A;;RP;;;QQ)", "QQ is no alias"),
        (SDDL, b"D:\xff", "UTF-8"),
    ],
)
def test_what_is_no_descriptor_is_refused(
    directory: Directory, name: str, value: bytes | str, words: str
) -> None:
    outcome = write(directory, (ModifyKind.REPLACE, name, value))
    assert outcome.code is ResultCode.INVALID_ATTRIBUTE_SYNTAX
    if words != "character" and words != "UTF-8":
        assert words in outcome.message


def test_too_much_is_refused(directory: Directory) -> None:
    many = "".join(f"(A;;RP;;;S-1-5-21-1-2-3-{number})" for number in range(2_000))
    assert put(directory, "D:" + many).code is ResultCode.CONSTRAINT_VIOLATION
    assert write(directory, (ModifyKind.REPLACE, BINARY, bytes(MAX_SIZE + 1))).code is (
        ResultCode.CONSTRAINT_VIOLATION
    )
    half = "".join(f"(A;CI;RP;;;S-1-5-21-1-2-3-{number})" for number in range(1_000))
    assert write(directory, (ModifyKind.REPLACE, SDDL, "D:" + half), dn=UNIT).code == 0
    other = half.replace("-1-2-3-", "-1-2-4-")
    assert put(directory, "D:" + other).code is ResultCode.CONSTRAINT_VIOLATION
    assert put(directory, "D:P" + other).code == 0


def test_it_is_written_once_and_never_removed(directory: Directory) -> None:
    kinds = ModifyKind
    both = write(directory, (kinds.REPLACE, SDDL, LIST), (kinds.REPLACE, BINARY, b"x"))
    assert both.code is ResultCode.CONSTRAINT_VIOLATION
    for change, code in (
        ((kinds.DELETE, SDDL), ResultCode.OBJECT_CLASS_VIOLATION),
        ((kinds.REPLACE, SDDL), ResultCode.OBJECT_CLASS_VIOLATION),
        ((kinds.ADD, SDDL, LIST), ResultCode.CONSTRAINT_VIOLATION),
    ):
        assert write(directory, change).code is code, change
    (shown,) = read(directory, BINARY)
    written = encode_security_descriptor(parse_sddl("O:BAG:BA" + LIST))
    wrong = write(directory, (kinds.DELETE, BINARY, written), (kinds.ADD, BINARY, written))
    assert wrong.code is ResultCode.NO_SUCH_ATTRIBUTE
    assert write(directory, (kinds.DELETE, BINARY, shown), (kinds.ADD, BINARY, written)).code == 0
    assert own_sddl(directory, PERSON) == "O:BAG:BAD:P" + (f"(A;;LCRPWPLORC;;;{WHO})(A;CI;LCRP;;;BA)")


def test_a_new_entry_may_bring_its_own(directory: Directory) -> None:
    describe(directory, UNIT, f"D:(A;CI;CCRPLC;;;{WHO})")
    ann = token_of(directory)

    def add(name: bytes, sddl: str, token: Token) -> Outcome:
        request = AddRequest(
            b"cn=" + name + b"," + UNIT,
            (
                ("objectClass", (b"user",)),
                ("cn", (name,)),
                ("sn", (b"n",)),
                ("vmwAclString", (sddl.encode(),)),
            ),
        )
        return directory.write(request, replace(directory.context(), token=token))

    assert add(b"a", "D:P(A;;RP;;;WD)", ann).code == 0
    assert own_sddl(directory, b"cn=a," + UNIT) == f"O:{WHO}G:{WHO}D:P(A;;RP;;;WD)"
    assert add(b"b", "O:BAD:", ann).code is DENIED
    assert add(b"b", "S:(AU;SA;WP;;;WD)", ann).code is DENIED
    assert add(b"b", "D:(A;;ZZ;;;WD)", ann).code is ResultCode.INVALID_ATTRIBUTE_SYNTAX
    assert add(b"b", "O:BUD:", directory.token).code == 0
    with directory.store.read() as txn:
        number = txn.attribute_number("2.25.162944272392735442620381082799361588636.3.725")
    assert number is None  # it is in no record


def test_what_the_requester_may_do_is_told(directory: Directory) -> None:
    user = "bf967aba-0de6-11d0-a285-00aa003049e2"
    mail = "bf967961-0de6-11d0-a285-00aa003049e2"
    describe(directory, PERSON, f"D:P(A;;RPLCWD;;;{WHO})(OA;;WP;{mail};;{WHO})(OA;;CC;{user};;{WHO})")
    ann = token_of(directory)
    assert read(directory, "sDRightsEffective", ann) == [b"4"]
    assert read(directory, "sDRightsEffective") == [b"12"]  # owners may write the DACL
    assert read(directory, "allowedAttributesEffective", ann) == [b"mail"]
    assert {b"mail", b"cn", b"userPassword"} <= set(read(directory, "allowedAttributes", ann))
    assert read(directory, "allowedChildClassesEffective", ann) == [b"user"]
    assert {b"user", b"group"} <= set(read(directory, "allowedChildClasses", ann))
    for name in ("sDRightsEffective", "allowedAttributes", "allowedChildClasses"):
        assert read(directory, name, ANONYMOUS) == []


@pytest.mark.parametrize(
    "value", [None, b"", b"0\x00", b"0\x03\x02\x01", b"\x02\x01\x07", b"0\x03\x02\x01\x07\x00"]
)
def test_a_malformed_control_is_a_protocol_error(value: bytes | None) -> None:
    with pytest.raises(DirectoryError) as refused:
        check_controls(ModifyRequest, (Control(SD_FLAGS, False, value),))
    assert refused.value.code is ResultCode.PROTOCOL_ERROR


def test_the_attributes_are_in_the_schema() -> None:
    for name in (BINARY, SDDL):
        attribute = BUILTIN.attribute(name)
        assert attribute is not None
        assert attribute.is_operational
