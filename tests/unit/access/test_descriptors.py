"""Descriptors by example: the vectors of Windows' documentation, what is refused, and who may do what."""

from __future__ import annotations

import pytest

from lightwave.directory.access import security_descriptor as sd
from lightwave.directory.access.descriptor_errors import DescriptorError, MalformedDescriptor, SddlError
from lightwave.directory.access.evaluation import Asker, Granted, attribute_set, evaluate
from lightwave.directory.access.explanation import Level, Reason, explain
from lightwave.directory.access.guid import Guid, format_guid
from lightwave.directory.access.inheritance import effective
from lightwave.directory.access.rights import Right
from lightwave.directory.access.sddl import format_sddl, parse_ace, parse_sddl
from lightwave.directory.access.sddl_names import SddlNames
from lightwave.directory.access.security_descriptor import (
    decode_security_descriptor,
    encode_security_descriptor,
)
from lightwave.directory.access.sid import (
    OWNER_RIGHTS,
    PRINCIPAL_SELF,
    Sid,
    decode_sid,
    format_sid,
    make_sid,
    parse_sid,
)
from reference.descriptors import ALICE, ATTRIBUTE_GUIDS, CLASSES, DOMAIN, SETS, TYPES

NAMES = SddlNames(DOMAIN)
WHO = format_sid(ALICE)
A = [format_guid(guid) for guid in ATTRIBUTE_GUIDS]
SET = format_guid(SETS[0])
PERSON, UNIT = CLASSES[:2]


def granted(dacl: str, *, sids: frozenset[Sid] = frozenset({ALICE}), **relation: bool) -> Granted:
    return evaluate(parse_sddl(f"O:BAG:BAD:{dacl}", NAMES), Asker(sids, **relation), TYPES, PERSON)


def test_the_example_of_windows_documentation() -> None:
    """ "Security Descriptor String Format": mask 0x100e003f, list of 0x1c octets, entry of 0x14."""
    descriptor = parse_sddl("O:AOG:DAD:(A;;RPWPCCDCLCSWRCWDWOGA;;;S-1-0-0)", NAMES)
    assert descriptor.owner == make_sid(5, 32, 548)
    assert descriptor.dacl is not None
    assert descriptor.dacl[0].mask == 0x100E003F
    octets = encode_security_descriptor(descriptor)
    acl = "02001c0001000000" + "00001400" + "3f000e10" + "010100000000000000000000"
    assert octets[20:48].hex() == acl
    assert decode_security_descriptor(octets) == descriptor


@pytest.mark.parametrize("text", ["S-1-5-32-544", "S-1-0x123456789abc-5", "S-1-0xabcdef012345", "S-1-5"])
def test_sids_are_written_as_they_are_read(text: str) -> None:
    assert format_sid(parse_sid(text)) == text
    assert parse_sddl(f"O:{text}D:").owner == parse_sid(text)


@pytest.mark.parametrize(
    "text",
    ["", "S-1", "S-2-5", "S-1-5-", "S-1-5-4294967296", "S-1-281474976710656", "S-1-5" + "-1" * 16, "s-1-5"],
)
def test_what_is_no_sid_is_refused(text: str) -> None:
    with pytest.raises(DescriptorError):
        parse_sid(text)


@pytest.mark.parametrize("octets", ["", "0100", "0200000000000005", "0110000000000005", "010000000000000500"])
def test_octets_that_are_no_sid_are_refused(octets: str) -> None:
    with pytest.raises(MalformedDescriptor):
        decode_sid(bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 2),
        (3, 0),
        (2, 0),
        (16, 200),
        (16, 4),
        (20, 9),
        (22, 255),
        (24, 255),
        (28, 4),
        (30, 3),
        (30, 255),
        (36, 7),
    ],
)
def test_damaged_descriptors_are_refused(place: int, value: int) -> None:
    octets = bytearray(encode_security_descriptor(parse_sddl("D:(A;;RP;;;WD)")))
    octets[place] = value
    with pytest.raises(MalformedDescriptor):
        decode_security_descriptor(bytes(octets))


def test_bounds_are_kept() -> None:
    with pytest.raises(MalformedDescriptor):
        decode_security_descriptor(bytes(sd.MAX_SIZE + 1))
    many = parse_sddl("D:(A;;RP;;;WD)").dacl
    assert many is not None
    with pytest.raises(DescriptorError):
        encode_security_descriptor(
            sd.SecurityDescriptor(sd.SELF_RELATIVE | sd.DACL_PRESENT, dacl=many * 2049)
        )


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("X:", 0), ("O:DA", 2), ("O:XX", 2), ("O:BAO:BA", 4), ("D:(B;;RP;;;WD)", 3), ("D:(A;XX;RP;;;WD)", 5),
        ("D:(A;;RPXX;;;WD)", 8), ("D:(A;;RP;1;;WD)", 9), (f"D:(A;;RP;{A[0]};;WD)", 9), ("D:(A;;RP;;;WD", 13),
        ("D:(A;;0x100000000;;;WD)", 16), ("D:(A;;RP;;;WD;(#00))", 13), ("D:(XA;;RP;;;WD;(#00))", 15),
    ],
)  # fmt: skip
def test_an_error_says_where(text: str, position: int) -> None:
    with pytest.raises(SddlError) as caught:
        parse_sddl(text)
    assert caught.value.position == position


def test_the_first_entry_decides() -> None:
    assert granted(f"(D;;RP;;;{WHO})(A;;RP;;;{WHO})").readable == 0
    assert granted(f"(A;;RP;;;{WHO})(D;;RP;;;{WHO})").readable & 1
    partly = granted(f"(OD;;WP;{A[5]};;{WHO})(A;;WP;;;{WHO})")
    assert not partly.writable >> 5 & 1
    assert partly.writable >> 4 & 1
    assert not partly.rights & Right.WRITE_PROPERTY


def test_property_sets_and_confidential_attributes() -> None:
    assert granted(f"(OA;;RP;{SET};;{WHO})").readable == 0b011
    assert granted(f"(OA;;RPCR;{SET};;{WHO})").readable == 0b111


def test_self_and_owner_are_relations_that_no_token_can_claim() -> None:
    assert granted("(A;;WP;;;PS)", is_self=True).writable == -1
    assert granted("(A;;WP;;;PS)", sids=frozenset({PRINCIPAL_SELF})).writable == 0
    both = Right.READ_CONTROL | Right.WRITE_DAC
    assert granted("(D;;WDRC;;;WD)", is_owner=True).rights == both
    assert granted("(A;;RC;;;OW)", is_owner=True).rights == Right.READ_CONTROL
    assert granted("(A;;RC;;;OW)", sids=frozenset({OWNER_RIGHTS})).rights == 0


@pytest.mark.parametrize("text", ["O:BA", "O:BAD:NO_ACCESS_CONTROL", "O:BAD:"])
def test_no_list_grants_nothing(text: str) -> None:
    assert evaluate(parse_sddl(text), Asker(frozenset({ALICE})), TYPES, PERSON) == Granted(
        0, 0, 0, 0, 0, 0, 0
    )


def test_conditions_allow_nothing_and_deny() -> None:
    assert granted(f"(XA;;RP;;;{WHO};(#61727478))").readable == 0
    assert granted(f"(XD;;RP;;;{WHO};(#61727478))(A;;RP;;;{WHO})").readable == 0


def test_masks_become_sets() -> None:
    assert attribute_set(0b101, 0xFF) == frozenset({0, 2})
    assert attribute_set(~0b11, 0xFF) == frozenset(range(2, 8))
    assert 9999 in attribute_set(-1, 0xFF)
    assert not attribute_set(0, 0xFF)


def test_inheritance_by_class_creator_and_protection() -> None:
    parent = parse_sddl(
        f"O:BAG:BAD:(OA;CIIO;WP;{A[3]};{format_guid(PERSON)};AU)(A;CI;GR;;;CO)(A;CINP;LC;;;AU)"
    )
    own = parse_sddl(f"O:{WHO}G:BAD:(A;ID;WD;;;WD)(D;;SD;;;AU)")
    person = format_sddl(effective(parent, own, {PERSON}), parts=sd.DACL_PART)
    assert person == (
        f"D:AI(D;;SD;;;AU)(OA;CIID;WP;{A[3]};{format_guid(PERSON)};AU)"
        f"(A;ID;LCRPLORC;;;{WHO})(A;CIIOID;GR;;;CO)(A;ID;LC;;;AU)"
    )
    unit = format_sddl(effective(parent, own, {UNIT}), parts=sd.DACL_PART)
    assert f"(OA;CIIOID;WP;{A[3]};{format_guid(PERSON)};AU)" in unit
    kept = effective(parent, parse_sddl(f"O:{WHO}D:P(A;ID;RP;;;AU)"), {PERSON})
    assert format_sddl(kept, parts=sd.DACL_PART) == "D:P(A;;RP;;;AU)"


def test_an_explanation_names_the_entry_and_where_it_was_written() -> None:
    path = [
        Level("top", parse_sddl(f"O:BAD:(A;CI;RP;;;{WHO})"), Guid(UNIT)),
        Level("unit", parse_sddl(f"O:BAD:(OD;CI;RP;{A[4]};;{WHO})"), Guid(UNIT)),
        Level("person", parse_sddl("O:BAD:"), Guid(PERSON)),
    ]
    asking = Asker(frozenset({ALICE}))
    (denied,) = explain(path, asking, TYPES, Right.READ_PROPERTY, ATTRIBUTE_GUIDS[4])
    assert (denied.is_granted, denied.written_at, denied.index) == (False, "unit", 0)
    assert denied.sddl() == f"(OD;CIID;RP;{A[4]};;{WHO})"
    (allowed,) = explain(path, asking, TYPES, Right.READ_PROPERTY, ATTRIBUTE_GUIDS[3])
    assert (allowed.is_granted, allowed.written_at) == (True, "top")
    (missing,) = explain(path, asking, TYPES, Right.DELETE)
    assert (missing.is_granted, missing.reason, missing.index) == (False, Reason.NOTHING, None)
    (owner,) = explain(path, Asker(frozenset(), is_owner=True), TYPES, Right.WRITE_DAC)
    assert owner.reason is Reason.OWNER
    with pytest.raises(DescriptorError):
        explain(path, asking, TYPES, Right.READ_PROPERTY, UNIT)


def test_a_resource_control_is_kept_and_an_entry_stands_alone() -> None:
    descriptor = sd.SecurityDescriptor(sd.SELF_RELATIVE | sd.RM_CONTROL_VALID, resource_control=7)
    assert decode_security_descriptor(encode_security_descriptor(descriptor)) == descriptor
    assert parse_ace("(A;;RP;;;WD)").mask == 0x10
    with pytest.raises(SddlError):
        parse_ace("(A;;RP;;;WD)x")
