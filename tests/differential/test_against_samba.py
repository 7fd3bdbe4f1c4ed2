"""Invariant: Samba's own libraries and ours say the same of security descriptors.

Where they differ on purpose the generators leave it out, a test of its own shows it, and
docs/protocols/access.md has a line on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lightwave.directory.access import security_descriptor as sd
from lightwave.directory.access.ace import (
    CONTAINER_INHERIT,
    INHERIT_ONLY,
    INHERITED,
    NO_PROPAGATE_INHERIT,
    OBJECT_INHERIT,
    SUCCESSFUL_ACCESS,
    AceType,
)
from lightwave.directory.access.evaluation import asker, evaluate
from lightwave.directory.access.guid import Guid
from lightwave.directory.access.inheritance import effective
from lightwave.directory.access.rights import FULL, Right
from lightwave.directory.access.sddl import format_sddl, parse_sddl
from lightwave.directory.access.sddl_names import SddlNames
from lightwave.directory.access.security_descriptor import (
    SecurityDescriptor,
    decode_security_descriptor,
    encode_security_descriptor,
)
from lightwave.directory.access.sid import (
    CREATOR_GROUP,
    CREATOR_OWNER,
    OWNER_RIGHTS,
    PRINCIPAL_SELF,
    Sid,
    format_sid,
    make_sid,
)
from reference.descriptors import (
    ACCESS_TYPES,
    ALICE,
    ATTRIBUTES,
    CLASSES,
    CONTROL_RIGHTS,
    DOMAIN,
    PEOPLE,
    TRUSTEES,
    TYPES,
    VALIDATED,
    aces,
    descriptors,
    generic_masks,
    masks,
    tokens,
)
from reference.samba_libraries import Refused, Samba

NAMES = SddlNames(DOMAIN)
OPEN_TYPES = replace(TYPES, confidential=0)
AUDIT_TYPES = [AceType.SYSTEM_AUDIT, AceType.SYSTEM_AUDIT_OBJECT]
LETTERED = 0x3F14  # control bits that SDDL writes: the two lists and their flags

# Samba's SDDL does not write an authority of 2^32 - 1 or more as it reads it.
small_sids: st.SearchStrategy[Sid] = st.lists(st.integers(0, (1 << 32) - 2), min_size=1, max_size=14).map(
    lambda numbers: make_sid(numbers[0], *numbers[1:])
)
kinds = st.sampled_from(ACCESS_TYPES + AUDIT_TYPES)
encodable = descriptors(
    aces(kinds, st.integers(0, 255), st.integers(0, (1 << 32) - 1), st.sampled_from(TRUSTEES) | small_sids),
    st.none() | small_sids,
)
written = descriptors(
    aces(
        kinds,
        st.integers(0, 255).map(lambda flags: flags & 0xDF),
        generic_masks | st.integers(1, (1 << 32) - 1),
        st.sampled_from(TRUSTEES) | small_sids,
    ),
    st.none() | small_sids,
    control=LETTERED,
)


@pytest.fixture(scope="module")
def samba() -> Iterator[Samba]:
    with Samba(format_sid(DOMAIN)) as libraries:
        yield libraries


def told_in_sddl(descriptor: SecurityDescriptor) -> SecurityDescriptor:
    """Without the flags of lists that are not there."""
    control = descriptor.control
    if descriptor.dacl is None:
        control &= ~(sd.DACL_PRESENT | sd.DACL_PROTECTED | 0x0500)
    if descriptor.sacl is None:
        control &= ~(sd.SACL_PRESENT | sd.SACL_PROTECTED | 0x0A00)
    return replace(descriptor, control=control)


@given(encodable)
def test_samba_reads_what_we_encode_and_we_read_what_it_encodes(
    samba: Samba, descriptor: SecurityDescriptor
) -> None:
    theirs = samba.repack(encode_security_descriptor(descriptor))
    assert decode_security_descriptor(theirs) == descriptor


@given(written)
def test_sddl_agrees_both_ways(samba: Samba, descriptor: SecurityDescriptor) -> None:
    descriptor = told_in_sddl(descriptor)
    theirs = samba.as_sddl(encode_security_descriptor(descriptor))
    assert parse_sddl(theirs, NAMES) == descriptor, theirs
    if descriptor.dacl == () and descriptor.sacl is not None:
        return  # see test_samba_does_not_read_a_part_after_an_empty_list_with_flags
    assert decode_security_descriptor(samba.from_sddl(format_sddl(descriptor, NAMES))) == descriptor


def test_every_alias_is_the_same_sid(samba: Samba) -> None:
    for alias, sid in NAMES.sid_of.items():
        assert decode_security_descriptor(samba.from_sddl(f"O:{alias}")).owner == sid, alias


@given(
    descriptors(
        aces(
            st.sampled_from([AceType.ACCESS_ALLOWED, AceType.ACCESS_DENIED]),
            st.sampled_from([0, INHERIT_ONLY | CONTAINER_INHERIT, INHERITED]),
            masks,
            st.sampled_from([*PEOPLE, OWNER_RIGHTS, OWNER_RIGHTS]),
        ),
        st.sampled_from(PEOPLE),
    ),
    tokens,
    st.integers(1, int(FULL)).map(lambda wanted: wanted & int(FULL) or int(Right.READ_CONTROL)),
)
def test_the_simple_access_check_agrees(
    samba: Samba, descriptor: SecurityDescriptor, token: frozenset[Sid], wanted: int
) -> None:
    descriptor = with_dacl(descriptor)
    granted = evaluate(descriptor, asker(token, descriptor.owner, None), TYPES, CLASSES[0])
    theirs = samba.simple_access(encode_security_descriptor(descriptor), [*map(format_sid, token)], wanted)
    assert (granted.rights & wanted == wanted) == theirs


def with_dacl(descriptor: SecurityDescriptor) -> SecurityDescriptor:
    """Absent and NULL lists differ on purpose."""
    if descriptor.dacl is not None:
        return descriptor
    return replace(descriptor, control=descriptor.control | sd.DACL_PRESENT, dacl=())


# One right on one part: the right, the path of GUIDs to the part, the mask of `Granted`, the part's number.
PARTS: list[tuple[Right, list[Guid], str, int]] = []
for _attribute in ATTRIBUTES:
    assert _attribute.guid is not None
    _set = [] if _attribute.property_set is None else [_attribute.property_set]
    PARTS += [
        (Right.READ_PROPERTY, [CLASSES[0], *_set, _attribute.guid], "readable", _attribute.number),
        (Right.WRITE_PROPERTY, [CLASSES[0], *_set, _attribute.guid], "writable", _attribute.number),
    ]
PARTS += [(Right.CREATE_CHILD, [guid], "creatable", number) for number, guid in enumerate(CLASSES)]
PARTS += [(Right.DELETE_CHILD, [guid], "deletable", number) for number, guid in enumerate(CLASSES)]
PARTS += [(Right.SELF_WRITE, [guid], "validated_writes", number) for number, guid in enumerate(VALIDATED)]
PLAIN = [
    Right.LIST_CONTENTS,
    Right.DELETE_TREE,
    Right.LIST_OBJECT,
    Right.DELETE,
    Right.READ_CONTROL,
    Right.WRITE_DAC,
    Right.WRITE_OWNER,
]


def asked_with(rights: st.SearchStrategy[int]) -> st.SearchStrategy[SecurityDescriptor]:
    return descriptors(
        aces(
            st.sampled_from(ACCESS_TYPES),
            st.sampled_from([0, 0, INHERIT_ONLY | CONTAINER_INHERIT, INHERITED]),
            rights,
            st.sampled_from([*PEOPLE, PRINCIPAL_SELF]),
        ),
        st.sampled_from(PEOPLE),
    ).map(with_dacl)


@settings(max_examples=150)
@given(asked_with(masks.map(lambda mask: mask & ~int(Right.CONTROL_ACCESS))), tokens, st.sampled_from(PEOPLE))
def test_the_access_check_with_object_types_agrees(
    samba: Samba, descriptor: SecurityDescriptor, token: frozenset[Sid], object_sid: Sid
) -> None:
    """For every right and every part at once: what our masks say is what Samba says to each question."""
    granted = evaluate(descriptor, asker(token, descriptor.owner, object_sid), OPEN_TYPES, CLASSES[0])
    octets, sids = encode_security_descriptor(descriptor), [*map(format_sid, token)]
    itself, text = format_sid(object_sid), format_sddl(descriptor, NAMES)
    for right, path, mask, number in PARTS:
        ours = getattr(granted, mask) >> number & 1
        assert ours == samba.object_access(octets, sids, int(right), path, itself), (right, path, text)
    for right in PLAIN:
        ours = granted.rights & right == right
        assert ours == samba.object_access(octets, sids, int(right), [CLASSES[0]], itself), (right, text)


@given(asked_with(masks.map(lambda mask: mask | int(Right.CONTROL_ACCESS))), tokens, st.sampled_from(PEOPLE))
def test_control_access_rights_agree(
    samba: Samba, descriptor: SecurityDescriptor, token: frozenset[Sid], object_sid: Sid
) -> None:
    granted = evaluate(descriptor, asker(token, descriptor.owner, object_sid), OPEN_TYPES, CLASSES[0])
    octets, sids = encode_security_descriptor(descriptor), [*map(format_sid, token)]
    for number, guid in enumerate(CONTROL_RIGHTS):
        ours = granted.control_rights >> number & 1
        theirs = samba.object_access(octets, sids, int(Right.CONTROL_ACCESS), [guid], format_sid(object_sid))
        assert ours == theirs, (number, format_sddl(descriptor, NAMES))


inheritable_flags = st.sampled_from(
    [
        0,
        CONTAINER_INHERIT,
        CONTAINER_INHERIT | INHERIT_ONLY,
        CONTAINER_INHERIT | NO_PROPAGATE_INHERIT,
        OBJECT_INHERIT | CONTAINER_INHERIT,
        OBJECT_INHERIT,
        INHERIT_ONLY,
        INHERITED | CONTAINER_INHERIT,
    ]
) | st.integers(0, 31)
heirlooms = descriptors(
    aces(kinds, inheritable_flags, generic_masks, st.sampled_from([*PEOPLE, CREATOR_OWNER, CREATOR_GROUP])),
    st.sampled_from(PEOPLE),
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(heirlooms, heirlooms, st.frozensets(st.sampled_from(CLASSES), min_size=1))
def test_inheritance_agrees(
    samba: Samba, parent: SecurityDescriptor, own: SecurityDescriptor, classes: frozenset[Guid]
) -> None:
    theirs = decode_security_descriptor(
        samba.inherit(encode_security_descriptor(parent), encode_security_descriptor(own), sorted(classes))
    )
    ours = effective(parent, own, classes)
    assert ours.owner == theirs.owner
    assert ours.group == theirs.group
    assert ours.dacl == (theirs.dacl or ())
    assert (ours.sacl or ()) == (theirs.sacl or ())
    automatic = sd.DACL_AUTO_INHERITED | sd.SACL_AUTO_INHERITED | sd.DACL_PROTECTED | sd.SACL_PROTECTED
    assert ours.control & automatic == theirs.control & automatic


# What differs on purpose: each is a line of docs/protocols/access.md.


def encoded(text: str) -> bytes:
    return encode_security_descriptor(parse_sddl(text, NAMES))


def ours_grant(text: str, token: frozenset[Sid], right: Right) -> bool:
    descriptor = parse_sddl(text, NAMES)
    return bool(
        evaluate(descriptor, asker(token, descriptor.owner, None), OPEN_TYPES, CLASSES[0]).rights & right
    )


def test_samba_takes_a_control_access_right_for_any_right(samba: Samba) -> None:
    text = f"O:BAD:(OA;;CR;;;{format_sid(ALICE)})"
    alice = [format_sid(ALICE)]
    assert samba.object_access(encoded(text), alice, int(Right.WRITE_PROPERTY), [CLASSES[0]])
    assert not ours_grant(text, frozenset({ALICE}), Right.WRITE_PROPERTY)


def test_samba_grants_all_where_there_is_no_list(samba: Samba) -> None:
    text = "O:BAD:NO_ACCESS_CONTROL"
    alice = [format_sid(ALICE)]
    assert samba.object_access(encoded(text), alice, int(Right.WRITE_PROPERTY), [CLASSES[0]])
    assert samba.simple_access(encoded(text), alice, int(Right.WRITE_PROPERTY))
    assert not ours_grant(text, frozenset({ALICE}), Right.WRITE_PROPERTY)


def test_samba_knows_no_owner_rights_in_the_directory(samba: Samba) -> None:
    owner = f"O:{format_sid(ALICE)}"
    alice = [format_sid(ALICE)]
    for text, ours in ((f"{owner}D:(A;;RC;;;OW)", False), (f"{owner}D:(A;;RC;;;BA)", True)):
        assert samba.object_access(encoded(text), alice, int(Right.WRITE_DAC), [CLASSES[0]])
        assert ours_grant(text, frozenset({ALICE}), Right.WRITE_DAC) == ours


def test_samba_forgets_what_an_expanded_entry_audits(samba: Samba) -> None:
    parent, own = encoded("O:BAG:BAS:(AU;CISA;GA;;;WD)"), encoded("O:BAG:BA")
    theirs = decode_security_descriptor(samba.inherit(parent, own, [CLASSES[0]]))
    ours = effective(decode_security_descriptor(parent), decode_security_descriptor(own), {CLASSES[0]})
    assert theirs.sacl is not None
    assert ours.sacl is not None
    assert theirs.sacl[0].flags == INHERITED
    assert ours.sacl[0].flags == INHERITED | SUCCESSFUL_ACCESS


def test_samba_does_not_read_a_part_after_an_empty_list_with_flags(samba: Samba) -> None:
    assert parse_sddl("D:ARS:").control & sd.SACL_PRESENT
    with pytest.raises(Refused):
        samba.from_sddl("D:ARS:")


def test_samba_reads_numbers_that_are_none(samba: Samba) -> None:
    """Rights in decimal are 0 to it, rights of files lose their standard rights; long authorities are none."""
    for text, mask in (("16", 16), ("FA", 0x1F01FF)):
        ours = parse_sddl(f"D:(A;;{text};;;WD)").dacl
        theirs = decode_security_descriptor(samba.from_sddl(f"D:(A;;{text};;;WD)")).dacl
        assert ours is not None
        assert ours[0].mask == mask
        assert ours != theirs
    text = "O:S-1-0x123456789abc-5"
    assert parse_sddl(text).owner == make_sid(0x123456789ABC, 5)
    with pytest.raises(Refused):
        samba.from_sddl(text)


def test_samba_knows_no_null_list_in_sddl(samba: Samba) -> None:
    with pytest.raises(Refused):
        samba.from_sddl("D:NO_ACCESS_CONTROL")
    assert parse_sddl("D:NO_ACCESS_CONTROL").dacl is None


def test_samba_takes_application_data_for_padding(samba: Samba) -> None:
    descriptor = parse_sddl("D:(XA;;RP;;;WD;(#61727478))")
    assert decode_security_descriptor(samba.repack(encode_security_descriptor(descriptor))) != descriptor
    assert decode_security_descriptor(encode_security_descriptor(descriptor)) == descriptor
